"""External field."""

import math
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, Kind, Vectors
from .._mesh import AbstractDrive, Grid, as_drive, check_vector, largest, vector_at
from ._base import AbstractEnergy


class Zeeman(AbstractEnergy):
    """External field:  w = -Ms m.B.

    B: T; a vector (3,), a field (3, nx, ny, nz), or a drive in time that gives either.
    Raises ValueError for another shape.
    """

    B: Annotated[Any, Kind.VECTORS]
    degree: ClassVar[int] = 1
    applied: ClassVar[bool] = True

    def __init__(self, B: ArrayLike | AbstractDrive | Any):
        self.B = as_drive("B", B)
        check_vector("B", self.B)

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        return jnp.broadcast_to(vector_at(self.B, t), m.shape)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # `largest` is that of one component.
        return math.sqrt(3) * largest(self.B)
