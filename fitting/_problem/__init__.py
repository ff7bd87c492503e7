"""The fit as a function: residuals and their Jacobian."""

from ._loss import LOSSES as LOSSES
from ._objective import Counter as Counter
from ._objective import Evaluation as Evaluation
from ._objective import Objective as Objective
from ._objective import evaluate as evaluate
from ._objective import relative_jacobian as relative_jacobian
from ._objective import relative_scale as relative_scale
from ._problem import K_PERP_ERROR as K_PERP_ERROR
from ._problem import OF_SAMPLE as OF_SAMPLE
from ._problem import WIDTH_ERROR as WIDTH_ERROR
from ._problem import Problem as Problem
from ._problem import from_sample as from_sample
from ._problem import prior_width as prior_width
from ._problem import set_up as set_up
