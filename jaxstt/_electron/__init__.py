"""Eqs (1)-(16) on the electron's side: what the conduction electrons do to the coefficients."""

from ._accumulation import spin_accumulation as spin_accumulation
from ._accumulation import spin_accumulation_kspace as spin_accumulation_kspace
from ._coefficients import VELOCITY_PER_MOMENT as VELOCITY_PER_MOMENT
from ._coefficients import TorqueCoefficients as TorqueCoefficients
from ._coefficients import torque_coefficients as torque_coefficients
from ._two_band import TwoBand as TwoBand
