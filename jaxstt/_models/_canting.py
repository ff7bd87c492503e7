"""A wall in a field across its easy axis: what the field does to domains, width, energy, torques.

h = Ms B/(2 kappa), kappa = K + Kp sin^2 phi: of the field in the wall's own plane (`along`) and at
right angles to it (`across`).  s = x/sqrt(A/kappa), sin theta = sech s without the field.

In its plane the wall stays a plane rotation, and all is closed: theta' = (sin theta - h)/lambda_0,

    energy 4 sqrt(A kappa) e(h),   width sqrt(A/kappa)/e(h),   e = sqrt(1 - h^2) - h acos h,
    the moment turns by 2 acos h ,

as series that end with h^4/24 and h^3/6: off by 1e-5 and 2e-4 at h = 0.3, where the rest is off by
more.

At right angles to it the moment leaves the plane by h_perp n(s), to first order

    -n'' + (1 - 2 sech^2) n = 1 - (pi/2) sech,     int n sech ds = 0,     n(+-inf) = 1 :

without its part along sech, which is what phi is.  With n = 1 + F sech + c sech it is integrated
twice; S = int n sech^2 ds = (4 + pi^2 - 14 zeta(3))/8, and from the equation itself
int (1 - n) ds = pi^2/2 - 2 S.  That costs the energy h_perp^2 kappa lambda_0 (pi^2/2 - 2 S) beside
the domains', and `InterfacialDMI` and damping-like torques, which go with

    W(phi) = (1/pi Q) int (m_z d_x m_x - m_x d_x m_z) dx = (2/pi) [acos(h) cos phi
             + (1 - S) h_perp sin phi] ,

feel it to first order.  Left out is what is of third order, and of second where two of the field,
D and the torques meet.  Damping and gyration have no other terms of first order: each is odd in s,
or a total derivative in phi.  Source: derived here; against the LLG in tests/test_canting.py and
tests/validation/test_wall_terms_llg.py.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array

_ZETA3 = 1.2020569031595942
S = (4 + math.pi**2 - 14 * _ZETA3) / 8
_COST = math.pi**2 / 2 - 2 * S


class Canting(NamedTuple):
    """What a wall at the angle phi is like; `canting` makes it."""

    cost: Array
    """kappa, J/m^3."""
    narrowing: Array
    """e(h): width of the wall without the field over that with it."""
    rise: Array
    """m_c of the domains."""
    turning: Array
    """d(energy)/dphi/(2 lambda), J/m^3."""
    along_x: Array
    """W(phi)."""
    slope_along_x: Array
    """dW/dphi."""


def canting(Ms: Array, K: Array, Kp: Array, plane: Array | None, phi: Array) -> Canting:
    """plane: (B_a, B_b), T; None: there is no field."""
    sin, cos = jnp.sin(phi), jnp.cos(phi)
    cost, slope = K + Kp * sin**2, 2 * Kp * sin * cos
    if plane is None:
        one = jnp.ones_like(phi)
        return Canting(cost, one, one, slope, cos, -sin)
    a, b = plane
    along, across = (Ms / (2 * cost) * B for B in (a * cos + b * sin, b * cos - a * sin))
    rise = jnp.sqrt(1 - (Ms / 2) ** 2 * ((a / K) ** 2 + (b / (K + Kp)) ** 2))
    h2, half = along**2, jnp.pi / 2
    e, turn = 1 - half * along + h2 / 2 + h2**2 / 24, half - along - along * h2 / 6
    turning = e * (slope * (e + 2 * along * turn) - across * cost * (2 * turn + _COST * along))
    d_along, d_across = across - along * slope / cost, -along - across * slope / cost
    along_x = turn * cos + (1 - S) * across * sin
    own = -d_along * (1 + h2 / 2) * cos - turn * sin
    slope_along_x = own + (1 - S) * (d_across * sin + across * cos)
    return Canting(cost, e, rise, turning, along_x / half, slope_along_x / half)
