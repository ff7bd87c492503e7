"""What predicts the data: one file a model."""

from ._base import GYRATION as GYRATION
from ._base import OF_AN_INTERFACE as OF_AN_INTERFACE
from ._base import PINNED as PINNED
from ._base import Dear as Dear
from ._base import Model as Model
from ._base import Predictor as Predictor
from ._base import beyond_rest as beyond_rest
from ._base import collective_wall as collective_wall
from ._base import hard_is_b as hard_is_b
from ._base import on_the_edge as on_the_edge
from ._base import relaxation_times as relaxation_times
from ._base import simulated as simulated
from ._base import with_interface as with_interface
from ._corrected import Corrected as Corrected
from ._llg1d import LLG1D as LLG1D
from ._llg2d import LLG2D as LLG2D
from ._llg2d import StripPredictor as StripPredictor
from ._registry import MODELS as MODELS
from ._registry import get_model as get_model
from ._together import Together as Together
