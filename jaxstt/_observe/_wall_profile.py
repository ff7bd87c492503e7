"""A wall's position, width and angle from its profile along x, to a small part of a cell.

Only what is near the crossing m_c = 0 counts: a field or DMI cants the magnetisation everywhere
else.  Around the crossing, with n the transverse direction there, the angle of the turn

    theta = atan2(m_c, m.n),       y = theta + theta^3/6 + theta^5/24 + ...  (inverse Gudermannian)

is smooth for any wall, also for one that turns against the canting and past the poles, and y is
(x - q)/lambda for m_c = tanh((x - q)/lambda).  A polynomial through y, by least squares with a
Gaussian weight as wide as the wall, gives q (its root) and the slope.  The weight moves with the
wall, so nothing jumps where it passes from one cell to the next.  The series is cut short: y would
diverge at the poles, where a few terms do not.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

_SERIES = (1.0, 1 / 6, 1 / 24, 61 / 5040, 277 / 72576, 50521 / 39916800)
"""|E_2k|/(2k+1)!, E the Euler numbers."""
_DEGREE = 5
_WINDOW, _CELLS = 0.4, 0.8
"""Standard deviation of the weight: of the slope's width, and cells, added as squares.  Narrower,
the fit has too few cells; wider, the canted domains enter."""
_FAR, _SPREAD = 7.0, 1.0
"""Where the domains are read, and over how much, in widths from the wall."""
_ROUNDS = 2
"""The window is placed by the sign change, then by the first fit."""


class Profile(NamedTuple):
    """Everything in cells."""

    position: Array
    """q: cell i is centred at i + 1/2."""
    width: Array
    """M/|d m_c/dx| at q, M the mean |m_c| of the domains beside the wall; inf without one wall."""
    angle: Array
    """Of the transverse part at q, rad."""


def read_profile(m_c: Array, a: Array, b: Array, magnet: Array) -> Profile:
    """m_c, a, b: (nx,), the reversing component and the two that follow it; magnet: booleans.

    The m need not be unit vectors (means over a cross-section are not).
    """
    x = jnp.arange(m_c.shape[0], dtype=m_c.dtype) + 0.5
    q, slope, angle, walls = _crossing(x, m_c, a, b, magnet)

    def refine(found, _):
        q, slope, angle = found
        n_a, n_b = jnp.cos(angle), jnp.sin(angle)
        y = _turn(m_c, a * n_a + b * n_b)
        s = jnp.sqrt((_WINDOW / slope) ** 2 + _CELLS**2)
        t = (x - q) / s
        weight = jnp.where(magnet, jnp.exp(-(t**2) / 2), 0.0)
        fit = _fit(t, weight, jnp.stack([y, a, b]))

        def newton(z, _):
            value, rise = _at(fit[0], z)
            return jnp.clip(z - value / jnp.where(rise == 0, 1.0, rise), -2.0, 2.0), None

        z, _ = lax.scan(newton, jnp.zeros_like(q), None, length=4)  # from next to the root
        value, rise = _at(fit, z)
        flat = rise[0] == 0
        slope = jnp.where(flat, 0.0, jnp.abs(jnp.where(flat, 1.0, rise[0]))) / s
        return (
            q + s * z,
            jnp.maximum(slope, 1e-3 / m_c.shape[0]),
            _angle(value[1], value[2]),
        ), None

    (q, slope, angle), _ = lax.scan(refine, (q, slope, angle), None, length=_ROUNDS)
    distance = jnp.abs(x - q) * jnp.minimum(slope, 2.0)
    beside = jnp.where(magnet, jnp.exp(-(((distance - _FAR) / _SPREAD) ** 2) / 2), 0.0)
    # In a wire shorter than that its ends are the best there is; float32 would underflow there.
    beside = beside + 1e-12 * jnp.where(magnet, distance**2, 0.0)
    M = jnp.sum(beside * jnp.abs(m_c)) / jnp.sum(beside)
    return Profile(q, jnp.where(walls == 1, M / slope, jnp.inf), angle)


def sign_changes(m_c: Array, magnet: Array) -> Array:
    """Where m_c changes sign between neighbours of the magnet, (..., nx - 1)."""
    up = m_c > 0
    both = (magnet[1:] & magnet[:-1]).reshape(*[1] * (up.ndim - 1), -1)
    return (up[..., 1:] != up[..., :-1]) & both


def _crossing(x: Array, m_c: Array, a: Array, b: Array, magnet: Array):
    """(place, slope, angle, number) of sign changes, by straight lines between two cells."""
    change = sign_changes(m_c, magnet)
    step = jnp.where(change, m_c[1:] - m_c[:-1], 1.0)
    part = -m_c[:-1] / step
    count = jnp.sum(change, dtype=m_c.dtype)
    share = change.astype(m_c.dtype) / jnp.maximum(count, 1.0)
    between = lambda f: jnp.sum(share * (f[:-1] + part * (f[1:] - f[:-1])))  # noqa: E731
    slope = jnp.sum(share * jnp.abs(step))
    slope = jnp.where(count > 0, slope, 1.0)
    return between(x), slope, _angle(between(a), between(b)), count


def _angle(a: Array, b: Array) -> Array:
    """atan2(b, a), 0 with no slope where both vanish."""
    nothing = a**2 + b**2 < 1e-30
    return jnp.arctan2(jnp.where(nothing, 0.0, b), jnp.where(nothing, 1.0, a))


def _turn(m_c: Array, along: Array) -> Array:
    """y of the module's docstring."""
    theta = _angle(along, m_c)
    square, y = theta**2, jnp.zeros_like(theta)
    for c in reversed(_SERIES):
        y = c + square * y
    return theta * y


def _fit(t: Array, weight: Array, values: Array) -> Array:
    """Polynomials through values (k, nx) by weighted least squares: their coefficients, (k, 6).

    In Hermite polynomials, nearly orthogonal under the weight, so that float32 is enough; the ridge
    leaves out those that too few cells cannot tell apart.
    """
    basis = _hermite(t)
    weighted = basis * weight[None]
    gram, right = weighted @ basis.T, weighted @ values.T
    ridge = 1e-7 * jnp.eye(_DEGREE + 1, dtype=t.dtype)
    return jnp.linalg.solve(gram + ridge, right).T


def _hermite(z: Array) -> Array:
    """He_k(z)/sqrt(k!), stacked in front."""
    rows = [jnp.ones_like(z), z]
    for k in range(1, _DEGREE):
        rows.append((z * rows[k] - math.sqrt(k) * rows[k - 1]) / math.sqrt(k + 1))
    return jnp.stack(rows)


def _at(coefficients: Array, z: Array) -> tuple[Array, Array]:
    """Values and slopes of the polynomials at z."""
    h = _hermite(z)
    roots = jnp.sqrt(jnp.arange(1, _DEGREE + 1, dtype=z.dtype))
    return coefficients @ h, coefficients[..., 1:] @ (roots * h[:-1])
