"""Models without a mesh: the collective wall, and from band parameters to its velocity."""

from ._collective_wall import CollectiveWall as CollectiveWall
from ._landscape import Landscape as Landscape
from ._predict import Prediction as Prediction
from ._predict import predict_wall as predict_wall
