"""Cubic anisotropy."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import (
    ArrayLike,
    Kind,
    Scalar,
    Split,
    Vectors,
    cross,
    dot,
    is_concrete,
    join,
    leaf,
    lift,
    split,
)
from .._mesh import Grid
from ._base import AbstractEnergy, inverse


class CubicAnisotropy(AbstractEnergy):
    """Cubic anisotropy, with a_i = m.axis_i and axis3 = axis1 x axis2:

        w = K1 (a1^2 a2^2 + a2^2 a3^2 + a3^2 a1^2) + K2 a1^2 a2^2 a3^2
        B = -(2/Ms) sum_i a_i [K1 (a_j^2 + a_k^2) + K2 a_j^2 a_k^2] axis_i

    K1, K2: J/m^3, numbers or fields (nx, ny, nz); K1 > 0 makes the axes easy, K1 < 0 the diagonals.
    axis1, axis2: (3,), made unit vectors.
    Raises ValueError for axes that are zero, no vectors, or not perpendicular to 1e-4.
    Source: Vansteenkiste et al., AIP Adv. 4, 107133 (2014), without its term of eighth degree.
    """

    K1: Annotated[Array, Kind.FIELD]
    K2: Annotated[Array, Kind.FIELD]
    axis1: Annotated[Array, Kind.VECTOR]
    axis2: Annotated[Array, Kind.VECTOR]
    degree: ClassVar[int] = 4
    """Of the term in K1 alone; `energy` does not use it."""

    def __init__(
        self,
        K1: ArrayLike,
        K2: ArrayLike = 0.0,
        axis1: ArrayLike | Sequence[float] = (1.0, 0.0, 0.0),
        axis2: ArrayLike | Sequence[float] = (0.0, 1.0, 0.0),
    ):
        self.K1, self.K2 = leaf("K1", K1), leaf("K2", K2)
        self.axis1, self.axis2 = _unit("axis1", axis1), _unit("axis2", axis2)
        if is_concrete(self.axis1) and is_concrete(self.axis2):
            along = float(np.dot(np.asarray(self.axis1), np.asarray(self.axis2)))
            if abs(along) > 1e-4:
                raise ValueError(
                    "`axis2` must be perpendicular to `axis1`, "
                    f"got {along:.4g} for the cosine of their angle"
                )

    def _axes(self) -> tuple[Split, Split, Split]:
        a, b = (split(v[:, None, None, None]) for v in (self.axis1, self.axis2))
        return a, b, cross(a, b)

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        axes = self._axes()
        cosines = [dot(axis, m) for axis in axes]
        p, q, r = (c**2 for c in cosines)
        slopes = [
            c * (self.K1 * (j + k) + self.K2 * j * k)
            for c, j, k in zip(cosines, (q, r, p), (r, p, q), strict=True)
        ]
        p, q, r = (lift(s) * a for s, a in zip(slopes, axes, strict=True))
        return join(lift(-2 * inverse(Ms)) * (p + q + r))

    def energy(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Scalar:
        p, q, r = (dot(axis, m) ** 2 for axis in self._axes())
        density = self.K1 * (p * q + q * r + r * p) + self.K2 * p * q * r
        return jnp.sum(density * grid.cell_volume)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # The largest |d2w/dm2| on the sphere: 4 K1 and 10/9 K2, both on the diagonals (1, 1, 1).
        return jnp.max((4 * jnp.abs(self.K1) + 10 / 9 * jnp.abs(self.K2)) * inverse(Ms))


def _unit(name: str, value: ArrayLike | Sequence[float]) -> Array:
    axis = leaf(name, value)
    if axis.shape != (3,):
        raise ValueError(f"`{name}` must be a vector (3,), got shape {axis.shape}")
    length = jnp.sqrt(jnp.sum(axis**2))
    if is_concrete(length) and float(length) == 0:
        raise ValueError(f"`{name}` must not be zero, got (0, 0, 0)")
    return axis / length
