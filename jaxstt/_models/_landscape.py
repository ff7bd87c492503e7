"""What a wall feels of an anisotropy that changes along the wire: a field that depends on where."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, check_Ms, check_sign, is_concrete, leaf, number


class Landscape(eqx.Module):
    """The pinning field of a wall of fixed width in a wire whose anisotropy changes in steps.

        B(q) = -(charge/(2 Ms)) dE/dq,    E(q) = int K(x) sech^2((x - q)/width) dx
             = -(charge/(2 Ms)) sum_e (K_e+ - K_e-) sech^2((x_e - q)/width)

    over the edges e between cells: exact for m_c = -charge tanh((x - q)/width) in a K(x) that is
    constant in each cell; beyond the ends K goes on as it is there.  As B in `CollectiveWall`: > 0
    pushes a wall of charge +1 along +x.

    K: (n,), J/m^3, from cell to cell along x.  spacing: of the cells, m.  start: left end of the
    first cell, m.  width: the wall's, sqrt(A/K) of the wire, m.  Ms: A/m.  charge: as in
    `CollectiveWall`.  All but `charge` are leaves.

    The wall keeps its width and its shape: trust it where K changes by some 10 %.
    Raises ValueError for K that is not a line of two cells or more, spacing, width or Ms <= 0,
    charge not +-1.
    Source: the wall of Cheng & Niu Eq. (15), its anisotropy energy; see `CollectiveWall`.
    """

    K: Array
    spacing: Array
    width: Array
    Ms: Array
    start: Array
    charge: int = eqx.field(static=True)

    def __init__(
        self,
        K: ArrayLike,
        spacing: ArrayLike,
        *,
        width: ArrayLike,
        Ms: ArrayLike,
        start: ArrayLike = 0.0,
        charge: int = 1,
    ):
        self.K, self.spacing = leaf("K", K), number("spacing", spacing, above=0)
        if self.K.ndim != 1 or self.K.shape[0] < 2:
            raise ValueError(f"`K` must be a line of 2 cells or more, got shape {self.K.shape}")
        self.width, self.Ms = number("width", width, above=0), number("Ms", Ms, above=0)
        self.start, self.charge = number("start", start), check_sign("charge", charge)
        check_Ms(self.Ms)
        if is_concrete(self.width) and is_concrete(self.spacing):
            if float(self.spacing) > 2 * float(self.width):
                raise ValueError(
                    f"`spacing` must be <= 2 `width` = {2 * float(self.width):.3g} m, "
                    f"got {float(self.spacing):.3g}"
                )

    def __call__(self, position: ArrayLike) -> Array:
        """B, T, on a wall at `position`, m, of any shape."""
        q = jnp.asarray(position, self.K.dtype)
        edges = self.start + self.spacing * jnp.arange(1, self.K.shape[0], dtype=self.K.dtype)
        # sech^2 without overflow far away.
        away = jnp.abs(jnp.subtract.outer(q, edges)) / self.width
        fall = jnp.exp(-2 * away)
        weight = 4 * fall / (1 + fall) ** 2
        return -self.charge / (2 * self.Ms) * (weight @ jnp.diff(self.K))
