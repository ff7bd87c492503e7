"""What an energy term is."""

from abc import abstractmethod
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import Scalar, Vectors, dot
from .._mesh import Grid
from ._term import AbstractTerm


def inverse(Ms: Array) -> Array:
    """1/Ms, and 0 where there is no magnet."""
    empty = Ms == 0
    return jnp.where(empty, 0.0, 1 / jnp.where(empty, 1.0, Ms))


class AbstractEnergy(AbstractTerm):
    """A term of the energy that is linear or quadratic in m, given by its field.

        B = -(1/(Ms V)) dE/dm [T],      E = -(1/degree) sum_cells V Ms m.B [J]

    so the field is written once and the energy follows from it (`degree` 1: linear, 2: quadratic).
    """

    degree: eqx.AbstractClassVar[int]
    applied: ClassVar[bool] = False
    """Whether B comes from outside, and so acts on the moments of the electrons too."""

    held: ClassVar[bool] = False
    """Whether B takes so long that a step computes it once and extrapolates it in time."""

    @abstractmethod
    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        """B, T, shape (3, nx, ny, nz), of the field m at time t [s]."""

    def energy(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Scalar:
        """E, J, of the whole grid."""
        density = -dot(m, self.field(grid, Ms, t, m)) * Ms / self.degree
        return jnp.sum(density * grid.cell_volume)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        """An upper estimate of |dB/dm|, T: over gamma, the fastest precession it can drive."""
        return 0.0
