"""From starts to a minimum."""

from ._kept_runs import KeptRuns as KeptRuns
from ._solve import MAX_STEPS as MAX_STEPS
from ._solve import OPTIMIZERS as OPTIMIZERS
from ._solve import Callback as Callback
from ._solve import Solution as Solution
from ._solve import check_optimizer as check_optimizer
from ._solve import solve as solve
from ._space_mapping import WALL as WALL
from ._space_mapping import Rung as Rung
from ._space_mapping import later_steps as later_steps
from ._space_mapping import map_space as map_space
from ._starts import ANCHOR as ANCHOR
from ._starts import ANCHORED as ANCHORED
from ._starts import Search as Search
from ._starts import Searched as Searched
from ._starts import hop as hop
from ._starts import jumps as jumps
from ._starts import starting_points as starting_points
from ._starts import without_anchor as without_anchor
