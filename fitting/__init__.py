"""fitting: inverse problems of spin transfer torque, from wall motion to xi, P and alpha."""

from ._coverage import Coverage as Coverage
from ._coverage import coverage as coverage
from ._data import Measurements as Measurements
from ._data import load_measurements as load_measurements
from ._data import template as template
from ._errors import InputError as InputError
from ._fit import fit as fit
from ._identify import Combination as Combination
from ._identify import Identifiability as Identifiability
from ._models import MODELS as MODELS
from ._posterior import Posterior as Posterior
from ._posterior import sample_posterior as sample_posterior
from ._profile import Profile as Profile
from ._profile import profile as profile
from ._report import Fit as Fit
from ._sample import Sample as Sample
from ._sample import WallConstants as WallConstants
