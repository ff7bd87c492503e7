"""fitting: inverse problems of spin transfer torque, from wall motion to xi, P and alpha."""

from ._data import Measurements as Measurements
from ._data import Sample as Sample
from ._data import Series as Series
from ._data import WallConstants as WallConstants
from ._data import load_measurements as load_measurements
from ._data import load_series as load_series
from ._data import template as template
from ._errorbars import Combination as Combination
from ._errorbars import Identifiability as Identifiability
from ._errors import InputError as InputError
from ._explore import Coverage as Coverage
from ._explore import Posterior as Posterior
from ._explore import Profile as Profile
from ._explore import coverage as coverage
from ._explore import profile as profile
from ._explore import sample_posterior as sample_posterior
from ._fit import fit as fit
from ._fit_series import SeriesFit as SeriesFit
from ._fit_series import fit_series as fit_series
from ._models import MODELS as MODELS
from ._predict import predict as predict
from ._report import Fit as Fit
from ._report import load_fit as load_fit
