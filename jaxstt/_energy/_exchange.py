"""Exchange."""

from typing import Annotated, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, Kind, Vectors, check_size, join, leaf, lift, split
from .._mesh import Grid, active_axes, check_order, coupling, diffusion, laplacian
from ._base import AbstractEnergy, inverse


def stiffness_leaf(A: ArrayLike) -> Array:
    """A as a leaf: a number > 0 or a field (nx, ny, nz) >= 0."""
    value = leaf("A", A)
    if value.ndim not in (0, 3):
        raise ValueError(f"`A` must be a number or a field (nx, ny, nz), got shape {value.shape}")
    return leaf("A", value, minimum=0) if value.ndim else leaf("A", value, above=0)


class Exchange(AbstractEnergy):
    """Exchange stiffness:  w = A sum_i (d_i m)^2,   B = (2/Ms) div(A grad m).

    A: J/m; a number > 0, or a field (nx, ny, nz) >= 0.  Two cells of a field are coupled by the
    harmonic mean 2 A A'/(A + A'), which keeps the flux A d_n m continuous through their common
    face; 0 uncouples a cell.  Free surfaces carry no exchange torque (d_n m = 0).
    order: of the stencil in the cell size, 2 (as OOMMF and mumax3) or, for a number A, 4, whose
    cells may be twice as large for the same error in a wall.
    Raises ValueError for A <= 0 (a field: < 0) or of another shape, another order, and a field with
    order 4.
    Source: Vansteenkiste et al., AIP Adv. 4, 107133 (2014), for the mean at the faces.
    """

    A: Annotated[Array, Kind.FIELD]
    order: int = eqx.field(static=True)
    degree: ClassVar[int] = 2
    local: ClassVar[bool] = False

    def __init__(self, A: ArrayLike, order: int = 2):
        self.A, self.order = stiffness_leaf(A), check_order(order)
        check_size("A", self.A, 1e-8, "J/m")
        if self.order == 4 and self.A.ndim:
            raise ValueError("`order` must be 2 where `A` is a field, got 4")

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        if self.A.ndim:
            return join(lift(2 * inverse(Ms)) * split(diffusion(grid, self.A, m)))
        return join(lift(2 * self.A * inverse(Ms)) * split(laplacian(grid, m, self.order)))

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        if self.A.ndim:  # Gershgorin, cell by cell: A and Ms may both be small in a notch
            return 4 * jnp.max(inverse(Ms) * coupling(grid, self.A))
        largest = 4 if self.order == 2 else 16 / 3
        stiffest = sum(largest / grid.spacing[i] ** 2 for i in active_axes(grid))
        return 2 * jnp.max(self.A) * stiffest * jnp.max(inverse(Ms))
