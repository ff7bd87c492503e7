"""Exchange."""

from typing import ClassVar

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._check import leaf
from .._grid import Grid
from .._stencil import active_axes, laplacian
from ._base import AbstractEnergy, inverse


class Exchange(AbstractEnergy):
    """Exchange stiffness, uniform:  w = A sum_i (d_i m)^2,   B = (2A/Ms) laplacian(m).

    A: J/m, > 0.  Free surfaces carry no exchange torque (d_n m = 0).
    Raises ValueError for A <= 0.
    """

    A: Array
    degree: ClassVar[int] = 2

    def __init__(self, A: ArrayLike):
        self.A = leaf("A", A, above=0)
        if self.A.ndim:
            raise ValueError(f"`A` must be a number, got shape {self.A.shape}")

    def field(self, grid: Grid, Ms: Array, t: Array, m: Array) -> Array:
        return 2 * self.A * inverse(Ms) * laplacian(grid, m)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        stiffest = sum(4 / grid.spacing[i] ** 2 for i in active_axes(grid))
        return 2 * self.A * stiffest * jnp.max(inverse(Ms))
