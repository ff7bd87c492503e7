"""Error bars: from the Jacobian, from the model's own error, and the intervals they make.

A further method (bootstrap, sampling, profiles) is a further file here.
"""

from ._intervals import birge_ratio as birge_ratio
from ._intervals import interval as interval
from ._model_error import ModelError as ModelError
from ._model_error import model_error as model_error
from ._model_error import stated_errors as stated_errors
