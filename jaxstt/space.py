"""Where `jaxstt.sweep` goes: grids, lists and designs of named parameters."""

from ._sweep import grid as grid
from ._sweep import points as points
from ._sweep import random_design as random_design

__all__ = [
    "grid",
    "points",
    "random_design",
]
