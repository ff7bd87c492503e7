"""Where `jaxstt.sweep` goes: grids, lists and designs of named parameters."""

from ._sweep import grid as grid
from ._sweep import latin_design as latin_design
from ._sweep import points as points
from ._sweep import random_design as random_design

__all__ = [
    "grid",
    "latin_design",
    "points",
    "random_design",
]
