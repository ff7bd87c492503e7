"""Energy terms: each gives its field B = -(1/(Ms V)) dE/dm in tesla and its energy in joule."""

from ._anisotropy import ShapeAnisotropy as ShapeAnisotropy
from ._anisotropy import UniaxialAnisotropy as UniaxialAnisotropy
from ._base import AbstractEnergy as AbstractEnergy
from ._base import inverse as inverse
from ._cubic import CubicAnisotropy as CubicAnisotropy
from ._demag import Demag as Demag
from ._demag import memory_of_demag as memory_of_demag
from ._demag import transform_lengths as transform_lengths
from ._dmi import BulkDMI as BulkDMI
from ._dmi import InterfacialDMI as InterfacialDMI
from ._exchange import Exchange as Exchange
from ._interlayer import InterlayerExchange as InterlayerExchange
from ._oersted import Oersted as Oersted
from ._term import AbstractTerm as AbstractTerm
from ._zeeman import Zeeman as Zeeman
