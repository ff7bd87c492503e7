"""Exchange between the layers of a stack."""

from typing import Annotated, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array, lax

from .._core import ArrayLike, Kind, Scalar, Vectors, check_size, dot, join, leaf, lift, split
from .._mesh import Grid, within
from ._base import AbstractEnergy, inverse


class InterlayerExchange(AbstractEnergy):
    """Exchange between two layers of cells, through a spacer, per area:

        w = -J m.m' - J2 (m.m')^2,      B = (1/(Ms dz)) [J + 2 J2 (m.m')] m'

    J: J/m^2; > 0 holds the layers parallel, < 0 antiparallel (a synthetic antiferromagnet).
    J2: J/m^2, biquadratic; < 0 holds them at right angles.
    below, above: numbers of the two layers along z, from 0.  Between them may be layers of vacuum,
    which stand for the spacer; for a spacer too thin for a cell cut `Exchange` there: `Exchange(A,
    cut=(below,))`.  A layer thicker than a cell feels it in the cell that it is given for.
    A cell with vacuum opposite to it is left alone.
    Raises ValueError for layers that are not there, equal or in the wrong order, and a number that
    is not finite.
    Source: J as in OOMMF's Oxs_TwoSurfaceExchange (sigma, sigma2), Donahue and Porter (1999);
    Gruenberg et al., Phys. Rev. Lett. 57, 2442 (1986).
    """

    J: Annotated[Array, Kind.NUMBER]
    J2: Annotated[Array, Kind.NUMBER]
    below: int = eqx.field(static=True)
    above: int = eqx.field(static=True)
    degree: ClassVar[int] = 2
    """Of the term in J alone; `energy` does not use it."""

    def __init__(self, J: ArrayLike, J2: ArrayLike = 0.0, below: int = 0, above: int = 1):
        self.J, self.J2 = leaf("J", J), leaf("J2", J2)
        check_size("J", self.J, 1.0, "J/m^2")
        check_size("J2", self.J2, 1.0, "J/m^2")
        for name, value in (("below", below), ("above", above)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"`{name}` must be the number of a layer, from 0, got {value!r}")
        if not below < above:
            raise ValueError(f"`above` must be > `below` = {below}, got {above}")
        self.below, self.above = below, above

    def check(self, grid: Grid) -> None:
        if self.above >= grid.shape[2]:
            raise ValueError(
                f"`above` of InterlayerExchange must be one of the {grid.shape[2]} layers of the "
                f"grid, 0 to {grid.shape[2] - 1}, got {self.above}"
            )

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        other = self._opposite(grid, m)
        strength = (self.J + 2 * self.J2 * dot(m, other)) * inverse(Ms) / grid.spacing[2]
        return join(lift(strength) * split(other))

    def energy(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Scalar:
        c = dot(m, self._opposite(grid, m))  # twice: each pair is seen from both sides
        return -jnp.sum(self.J * c + self.J2 * c**2) * (grid.spacing[0] * grid.spacing[1] / 2)

    def _opposite(self, grid: Grid, m: Vectors) -> Vectors:
        """m of the cell that a cell is coupled to, 0 where there is none."""
        m = within(grid, m)
        if grid.mask is not None:
            pair = grid.mask[:, :, self.below] & grid.mask[:, :, self.above]
            m = jnp.where(pair[None, :, :, None], m, 0.0)
        layer = lax.broadcasted_iota(jnp.int32, (1, 1, 1, grid.shape[2]), 3)
        below, above = (m[..., k : k + 1] for k in (self.below, self.above))
        return jnp.where(layer == self.below, above, jnp.where(layer == self.above, below, 0.0))

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # |dB/dm| by the blocks of a pair: J + 2 J2 (m.m') + 2 J2 m' m and 2 J2 m' m'.
        most = jnp.abs(self.J) + 6 * jnp.abs(self.J2)
        return most * jnp.max(inverse(Ms)) / grid.spacing[2]
