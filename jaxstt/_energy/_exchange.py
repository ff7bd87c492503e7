"""Exchange."""

from itertools import pairwise
from typing import Annotated, Any, ClassVar

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


def _layers(cut: Any) -> tuple[int, ...]:
    try:
        layers = tuple(cut)
    except TypeError:
        layers = (cut,)
    if any(isinstance(k, bool) or not isinstance(k, int) or k < 0 for k in layers):
        raise ValueError(f"`cut` must be numbers of layers, from 0, got {cut!r}")
    return tuple(sorted(set(layers)))


class Exchange(AbstractEnergy):
    """Exchange stiffness:  w = A sum_i (d_i m)^2,   B = (2/Ms) div(A grad m).

    A: J/m; a number > 0, or a field (nx, ny, nz) >= 0.  Two cells of a field are coupled by the
    harmonic mean 2 A A'/(A + A'), which keeps the flux A d_n m continuous through their common
    face; 0 uncouples a cell.  Free surfaces carry no exchange torque (d_n m = 0).
    order: of the stencil in the cell size, 2 (as OOMMF and mumax3) or, for a number A, 4, whose
    cells may be twice as large for the same error in a wall.
    cut: layers k along z; none passes from layer k to k + 1, as through a spacer too thin for a
    cell (see `InterlayerExchange`).
    Raises ValueError for A <= 0 (a field: < 0) or of another shape, another order, a field or a cut
    with order 4, and a cut that is not between two layers.
    Source: Vansteenkiste et al., AIP Adv. 4, 107133 (2014), for the mean at the faces.
    """

    A: Annotated[Array, Kind.FIELD]
    order: int = eqx.field(static=True)
    cut: tuple[int, ...] = eqx.field(static=True)
    degree: ClassVar[int] = 2
    local: ClassVar[bool] = False

    def __init__(self, A: ArrayLike, order: int = 2, cut: tuple[int, ...] = ()):
        self.A, self.order = stiffness_leaf(A), check_order(order)
        check_size("A", self.A, 1e-8, "J/m")
        if self.order == 4 and self.A.ndim:
            raise ValueError("`order` must be 2 where `A` is a field, got 4")
        self.cut = _layers(cut)
        if self.order == 4 and self.cut:
            raise ValueError("`order` must be 2 with a `cut`, got 4")

    def check(self, grid: Grid) -> None:
        for k in self.cut:
            if k > grid.shape[2] - 2:
                raise ValueError(
                    f"`cut` of Exchange must be between two of the {grid.shape[2]} layers of the "
                    f"grid, got {k}"
                )
        if self.cut and grid.periodic[2]:
            raise ValueError("`cut` of Exchange needs a grid that is not periodic along z")

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        if self.cut:
            A = jnp.broadcast_to(self.A, grid.shape)
            return join(lift(2 * inverse(Ms)) * split(self._between_cuts(grid, A, m)))
        if self.A.ndim:
            return join(lift(2 * inverse(Ms)) * split(diffusion(grid, self.A, m)))
        return join(lift(2 * self.A * inverse(Ms)) * split(laplacian(grid, m, self.order)))

    def _between_cuts(self, grid: Grid, A: Array, m: Vectors) -> Vectors:
        """div(A grad m), stack by stack."""
        ends = [0, *(k + 1 for k in self.cut), grid.shape[2]]
        parts = []
        for low, high in pairwise(ends):
            stack = Grid((*grid.shape[:2], high - low), grid.spacing, grid.periodic)
            if grid.mask is not None:  # which may be empty here, as that of a `Grid` may not
                mask = grid.mask[:, :, low:high]
                stack = eqx.tree_at(lambda g: g.mask, stack, mask, is_leaf=lambda x: x is None)
            parts.append(diffusion(stack, A[:, :, low:high], m[..., low:high]))
        return jnp.concatenate(parts, axis=3)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        if self.A.ndim:  # Gershgorin, cell by cell: A and Ms may both be small in a notch
            return 4 * jnp.max(inverse(Ms) * coupling(grid, self.A))
        largest = 4 if self.order == 2 else 16 / 3
        stiffest = sum(largest / grid.spacing[i] ** 2 for i in active_axes(grid))
        return 2 * jnp.max(self.A) * stiffest * jnp.max(inverse(Ms))
