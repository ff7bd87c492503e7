"""Many runs at once: batched, over all devices, resumable."""

from ._batching import map_apart as map_apart
from ._batching import parallel_map as parallel_map
from ._batching import sweep_map as sweep_map
from ._run import sweep as sweep
from ._run import together as together
from ._space import Space as Space
from ._space import grid as grid
from ._space import latin_design as latin_design
from ._space import points as points
from ._space import random_design as random_design
from ._store import SweepWarning as SweepWarning
