"""Error bars: intervals, model error, what the data fix and what they do not."""

from ._combinations import COMBINATIONS as COMBINATIONS
from ._combinations import DERIVED as DERIVED
from ._combinations import value_and_gradient as value_and_gradient
from ._identify import USEFUL as USEFUL
from ._identify import Combination as Combination
from ._identify import Identifiability as Identifiability
from ._identify import covariances as covariances
from ._identify import identify as identify
from ._intervals import birge_ratio as birge_ratio
from ._intervals import interval as interval
from ._intervals import normal_quantile as normal_quantile
from ._ladder import PATIENCE as PATIENCE
from ._ladder import Climb as Climb
from ._ladder import climb as climb
from ._ladder import strip_of as strip_of
from ._model_error import MOVED as MOVED
from ._model_error import ModelError as ModelError
from ._model_error import constant_moved as constant_moved
from ._model_error import followed as followed
from ._model_error import model_error as model_error
from ._model_error import stated_errors as stated_errors
