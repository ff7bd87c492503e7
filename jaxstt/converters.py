"""Parameters in the languages of mumax3, of OOMMF and its kin, and of papers with (u, beta)."""

from ._electron import BareParameters as BareParameters
from ._electron import CurrentParameters as CurrentParameters
from ._electron import Mumax3Parameters as Mumax3Parameters
from ._electron import OOMMFParameters as OOMMFParameters
from ._electron import VelocityParameters as VelocityParameters
from ._electron import from_mumax3 as from_mumax3
from ._electron import from_oommf as from_oommf
from ._electron import from_velocity as from_velocity
from ._electron import to_mumax3 as to_mumax3
from ._electron import to_oommf as to_oommf
from ._electron import to_velocity as to_velocity

__all__ = [
    "BareParameters",
    "CurrentParameters",
    "Mumax3Parameters",
    "OOMMFParameters",
    "VelocityParameters",
    "from_mumax3",
    "from_oommf",
    "from_velocity",
    "to_mumax3",
    "to_oommf",
    "to_velocity",
]
