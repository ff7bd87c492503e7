"""Dzyaloshinskii-Moriya interaction (DMI), interfacial and bulk.

Both are one sum over pairs of neighbouring cells: along each axis i there is a direction v_i with

    w = D sum_i v_i.(m x d_i m),    E = sum_pairs (V/d_i) D v_i.(m x m')

v_i = z x e_i (interfacial) or -e_i (bulk), and B is the exact gradient of that sum.  At a free
surface with the outer normal n a pair is missing, and exchange + DMI obey their own condition

    d_n m = -(D/2A) v_n x m

without being told: the magnetisation cants.  What pairs leave out is the energy of the half cell
between the last cell's centre and the surface, -(D^2/4A)(m - v_n (v_n.m))^2 once that condition is
put in.  It is constant where m stays perpendicular to v_n and an error of first order in the cell
otherwise; a term that knows A adds it, as an energy of its own, and is of second order.  The ghost
cells of mumax3 amount to twice that energy (A halved here), an error as large with the other sign.
"""

import math
from typing import Annotated, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, Kind, Split, Vectors, join, leaf, lift, split
from .._mesh import Grid, active_axes, difference, open_faces
from ._base import AbstractEnergy, inverse
from ._exchange import stiffness_leaf


class AbstractDMI(AbstractEnergy):
    """What the two have in common: everything but v_i."""

    D: Annotated[Array, Kind.FIELD]
    A: Annotated[Array | None, Kind.FIELD]
    turns: eqx.AbstractClassVar[dict[int, tuple[int, int]]]
    """axis i: (k, s) with v_i = s e_k."""
    degree: ClassVar[int] = 2
    local: ClassVar[bool] = False

    def __init__(self, D: ArrayLike, A: ArrayLike | None = None):
        self.D = leaf("D", D)
        self.A = None if A is None else stiffness_leaf(A)
        if self.D.ndim not in (0, 3):
            raise ValueError(
                f"`D` must be a number or a field (nx, ny, nz), got shape {self.D.shape}"
            )

    def _axes(self, grid: Grid) -> list[int]:
        return [i for i in active_axes(grid) if i in self.turns]

    def _edge(self, A: Array) -> Array:
        """D^2/(4A), J/m^3, 0 where A is."""
        return self.D**2 * inverse(A) / 4

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        total = split(jnp.zeros_like(m))
        for i in self._axes(grid):
            k, s = self.turns[i]
            flux = lift(self.D) * difference(grid, m, i)
            if self.D.ndim:  # D of a pair is the mean of its cells
                flux = 0.5 * (flux + difference(grid, lift(self.D) * m, i))
            total = total + _turn(k, s / grid.spacing[i], flux)
            if self.A is not None:
                total = total + lift(open_faces(grid, i) * self._edge(self.A)) * _across(k, m)
        return join(lift(inverse(Ms)) * total)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # The v_i are perpendicular, so plane waves add their slopes as lengths.
        axes = self._axes(grid)
        largest = 2 * jnp.max(jnp.abs(self.D)) * math.hypot(*(1 / grid.spacing[i] for i in axes))
        if self.A is not None:
            largest = largest + len(axes) * jnp.max(self._edge(self.A))
        return largest * jnp.max(inverse(Ms))


class InterfacialDMI(AbstractDMI):
    """DMI of a film whose normal is z.

        w = D [m_z div m - (m.grad) m_z],   B = (2D/Ms) (d_x m_z, d_y m_z, -d_x m_x - d_y m_y)

    D: J/m^2, a number or a field (nx, ny, nz); two cells share the mean of theirs.  D > 0 favours
    up, -x, down along +x (counter-clockwise seen from -y, left-handed): that Neel wall costs
    4 sqrt(AK) - pi D, the one through +x costs 4 sqrt(AK) + pi D.  Free edges obey
    d_n m = -(D/2A) [n m_z - z (n.m)]: for D > 0 up-magnetisation leans inwards there, in a half
    space of easy axis z by sin(theta) = D/(2 sqrt(AK)).
    A: J/m, optional, a number or a field: the stiffness of the exchange beside this term, which
    makes free edges second order in the cell; without it they are first order, except where m
    stays in the plane of z and the normal.
    Derivatives are in the plane; an axis of one cell has none.
    Raises ValueError for D or A of another shape, and A <= 0 (a field: < 0).
    Source: Rohart & Thiaville, PRB 88, 184422 (2013); the half cell is our own.
    """

    turns: ClassVar[dict[int, tuple[int, int]]] = {0: (1, 1), 1: (0, -1)}


class BulkDMI(AbstractDMI):
    """DMI of a crystal without inversion symmetry.

        w = D m.curl m,   B = -(2D/Ms) curl m

    D: J/m^2, a number or a field (nx, ny, nz); two cells share the mean of theirs.  D > 0 favours
    the right-handed screw (0, cos kx, sin kx), k = D/(2A) > 0, of period 4 pi A/D: the Bloch wall
    from up to down along +x turns through -y and costs 4 sqrt(AK) - pi D, through +y + pi D.
    A: as in `InterfacialDMI`.
    Raises ValueError for D or A of another shape, and A <= 0 (a field: < 0).
    Source: Bak & Jensen, J. Phys. C 13, L881 (1980).
    """

    turns: ClassVar[dict[int, tuple[int, int]]] = {0: (0, -1), 1: (1, -1), 2: (2, -1)}


def _turn(k: int, s: float, a: Array) -> Split:
    """s e_k x a."""
    of_a = split(a).parts
    parts = [jnp.zeros_like(of_a[0])] * 3
    parts[(k + 1) % 3] = -s * of_a[(k + 2) % 3]
    parts[(k + 2) % 3] = s * of_a[(k + 1) % 3]
    return Split(*parts)


def _across(k: int, m: Array) -> Split:
    """m without its component k."""
    return Split(*(jnp.zeros_like(x) if i == k else x for i, x in enumerate(split(m).parts)))
