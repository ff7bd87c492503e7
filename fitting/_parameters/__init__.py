"""The parameters of a fit: names, bounds, priors, coordinates without bounds."""

from ._links import CONVENTIONS as CONVENTIONS
from ._links import Link as Link
from ._links import Tie as Tie
from ._links import check_links as check_links
from ._links import linked as linked
from ._links import read_links as read_links
from ._parameters import EFFECTIVE as EFFECTIVE
from ._parameters import ELECTRONS as ELECTRONS
from ._parameters import FILM as FILM
from ._parameters import INTERFACE as INTERFACE
from ._parameters import MATERIAL as MATERIAL
from ._parameters import MICROSCOPIC as MICROSCOPIC
from ._parameters import NAMES as NAMES
from ._parameters import POLARISATION as POLARISATION
from ._parameters import SETTING as SETTING
from ._parameters import SPIN_ORBIT as SPIN_ORBIT
from ._parameters import UNITS as UNITS
from ._parameters import Parameter as Parameter
from ._parameters import allowed as allowed
from ._parameters import floor as floor
from ._parameters import known as known
from ._parameters import parameter as parameter
from ._parameters import plain_name as plain_name
from ._space import Space as Space
