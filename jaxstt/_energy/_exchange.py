"""Exchange."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from .._check import leaf
from .._grid import Grid
from .._stencil import active_axes, check_order, laplacian, lift
from .._types import Vectors
from ._base import AbstractEnergy, inverse


class Exchange(AbstractEnergy):
    """Exchange stiffness, uniform:  w = A sum_i (d_i m)^2,   B = (2A/Ms) laplacian(m).

    A: J/m, > 0.  Free surfaces carry no exchange torque (d_n m = 0).
    order: of the stencil in the cell size, 2 (as OOMMF and mumax3) or 4, whose cells may be twice
    as large for the same error in a wall.
    Raises ValueError for A <= 0 or another order.
    """

    A: Array
    order: int = eqx.field(static=True)
    degree: ClassVar[int] = 2

    def __init__(self, A: ArrayLike, order: int = 2):
        self.A = leaf("A", A, above=0)
        self.order = check_order(order)
        if self.A.ndim:
            raise ValueError(f"`A` must be a number, got shape {self.A.shape}")

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        return lift(2 * self.A * inverse(Ms)) * laplacian(grid, m, self.order)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        largest = 4 if self.order == 2 else 16 / 3
        stiffest = sum(largest / grid.spacing[i] ** 2 for i in active_axes(grid))
        return 2 * self.A * stiffest * jnp.max(inverse(Ms))
