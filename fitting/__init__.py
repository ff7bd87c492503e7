"""fitting: inverse problems of spin transfer torque, from wall motion to xi, P and alpha."""

from ._data import Measurements as Measurements
from ._data import load_measurements as load_measurements
from ._data import template as template
from ._errors import InputError as InputError
from ._fit import fit as fit
from ._identify import Combination as Combination
from ._identify import Identifiability as Identifiability
from ._models import MODELS as MODELS
from ._report import Fit as Fit
from ._sample import Sample as Sample
from ._sample import WallConstants as WallConstants
