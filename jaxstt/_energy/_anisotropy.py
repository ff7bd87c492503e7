"""Uniaxial anisotropy, and the shape anisotropy of a body with known demagnetising factors."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, Kind, Vectors, dot, is_concrete, join, leaf, lift, split, spread
from .._mesh import Grid
from ..constants import MU_0
from ._base import AbstractEnergy, inverse


class UniaxialAnisotropy(AbstractEnergy):
    """Uniaxial anisotropy:  w = -K (m.a)^2,   B = (2K/Ms) (m.a) a.

    K: J/m^3, a number or a field (nx, ny, nz); K > 0 makes `axis` easy, K < 0 hard.
    axis: (3,), made a unit vector.
    Raises ValueError if the axis is zero or not a vector.
    """

    K: Annotated[Array, Kind.FIELD]
    axis: Annotated[Array, Kind.VECTOR]
    degree: ClassVar[int] = 2

    def __init__(self, K: ArrayLike, axis: ArrayLike | Sequence[float] = (0.0, 0.0, 1.0)):
        self.K = leaf("K", K)
        axis = leaf("axis", axis)
        if axis.shape != (3,):
            raise ValueError(f"`axis` must be a vector (3,), got shape {axis.shape}")
        length = jnp.sqrt(jnp.sum(axis**2))
        if is_concrete(length) and float(length) == 0:
            raise ValueError("`axis` must not be zero, got (0, 0, 0)")
        self.axis = axis / length

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        a = split(self.axis[:, None, None, None])
        along = lift(dot(a, m))
        strength = spread(lift(2 * self.K * inverse(Ms)), along.shape)
        return join(strength * along * a)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        return 2 * jnp.max(jnp.abs(self.K * inverse(Ms)))


class ShapeAnisotropy(AbstractEnergy):
    """Local magnetostatics of a body with demagnetising factors:  B_i = -mu0 Ms N_i m_i.

    N: (Nx, Ny, Nz), each >= 0, with the sum 1 (an infinite wire along x has Nx = 0).  This is the
    wall model's estimate; it knows nothing of the charges of a texture.
    Raises ValueError for a negative factor or a sum away from 1.
    """

    N: Annotated[Array, Kind.VECTOR]
    degree: ClassVar[int] = 2

    def __init__(self, N: ArrayLike | Sequence[float]):
        self.N = leaf("N", N, minimum=0)
        if self.N.shape != (3,):
            raise ValueError(f"`N` must be three factors (Nx, Ny, Nz), got shape {self.N.shape}")
        if is_concrete(self.N) and abs(float(np.sum(np.asarray(self.N))) - 1) > 1e-3:
            raise ValueError(f"`N` must sum to 1, got {float(np.sum(np.asarray(self.N))):.6g}")

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        return lift(-MU_0 * Ms) * self.N[:, None, None, None] * m

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        return MU_0 * jnp.max(Ms) * jnp.max(self.N)
