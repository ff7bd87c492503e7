"""Torques beyond -gamma m x B; each gives a rate in 1/s and what it does to gamma and alpha."""

from ._base import AbstractTorque as AbstractTorque
from ._base import ValidityWarning as ValidityWarning
from ._nonlocal import NonlocalSTT as NonlocalSTT
from ._slonczewski import Slonczewski as Slonczewski
from ._spin_motive import SpinMotiveDamping as SpinMotiveDamping
from ._spin_motive import emf as emf
from ._spin_motive import spin_motive_field as spin_motive_field
from ._spin_orbit import SpinOrbit as SpinOrbit
from ._zhang_li import ZhangLi as ZhangLi
