"""What every integration in time shares: pieces of time, adaptive steps, checks, results."""

from ._adaptive import Adaptive as Adaptive
from ._adaptive import adaptive as adaptive
from ._adaptive import advance as advance
from ._adaptive import check_unused as check_unused
from ._adaptive import naming_the_adjoint as naming_the_adjoint
from ._results import RESULTS as RESULTS
from ._results import whole_run as whole_run
from ._time_pieces import Piece as Piece
from ._time_pieces import Pieces as Pieces
from ._time_pieces import cut as cut
from ._time_pieces import integrate as integrate
from ._times_and_steps import UNKNOWN_STEPS as UNKNOWN_STEPS
from ._times_and_steps import allowed_steps as allowed_steps
from ._times_and_steps import check_times as check_times
from ._times_and_steps import longest_interval as longest_interval
