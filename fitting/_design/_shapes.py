"""Shapes that few numbers describe, or that can be made: pulses and fields of material."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from scipy.interpolate import BSpline

_CUBIC = 3


def fourier(coefficients: ArrayLike, t: ArrayLike) -> Array:
    """A pulse of sines, zero at both ends of `t`.

        v(t) = sum_k a_k sin(k pi (t - t[0])/(t[-1] - t[0])),    k = 1, 2, ...

    coefficients: a_k, (n, ...).  t: (k,), s, increasing.  Returns (k, ...).
    """
    a, times = jnp.asarray(coefficients), _increasing(t)
    phase = np.pi * (times - times[0]) / (times[-1] - times[0])
    return jnp.tensordot(np.sin(np.outer(phase, np.arange(1, _count(a) + 1))), a, axes=1)


def spline(coefficients: ArrayLike, t: ArrayLike) -> Array:
    """A smooth pulse: a cubic B-spline, whose knots are even, from t[0] to t[-1].

    It begins at the first coefficient, ends at the last, and lies between the smallest and the
    largest: bounds of the coefficients are bounds of the pulse.  A generator that plays straight
    lines between the times `t` plays it to the spline's curvature.

    coefficients: (n, ...), n >= 4.  t: (k,), s, increasing.  Returns (k, ...).
    Raises ValueError for fewer than 4 coefficients, and times that do not increase.
    """
    a, times = jnp.asarray(coefficients), _increasing(t)
    if _count(a) <= _CUBIC:
        raise ValueError(f"`coefficients` must be at least 4, got {_count(a)}")
    inner = np.linspace(times[0], times[-1], a.shape[0] - _CUBIC + 1)
    knots = np.concatenate([[times[0]] * _CUBIC, inner, [times[-1]] * _CUBIC])
    return jnp.tensordot(BSpline.design_matrix(times, knots, _CUBIC).toarray(), a, axes=1)


def smoothed(values: ArrayLike, spacing: float | Sequence[float], radius: float) -> Array:
    """The mean over all within `radius`, with weights that fall linearly to its edge.

        s(x) = sum_y w(x - y) v(y) / sum_y w(x - y),    w(d) = max(0, radius - |d|)

    Over the cells that there are: a constant stays one up to the edges.  With `projected` it keeps
    what is designed from having features much smaller than `radius`.

    values: (nx,), (nx, ny) or (nx, ny, nz).  spacing: of the cells, m; one, or one for each axis.
    radius: m, > 0.  Of less than a cell it leaves the values alone.
    Source: the density filter, Bourdin, Int. J. Numer. Meth. Engng 50, 2143 (2001).
    """
    v = jnp.asarray(values)
    if not 1 <= v.ndim <= 3:
        raise ValueError(f"`values` must have 1 to 3 axes, got shape {v.shape}")
    cells = np.broadcast_to(np.asarray(spacing, float), (v.ndim,))
    if not (np.isfinite(cells).all() and (cells > 0).all()):
        raise ValueError(f"`spacing` must be > 0, got {spacing}")
    if not (np.isfinite(radius) and radius > 0):
        raise ValueError(f"`radius` must be > 0, got {radius:g}")
    reach = [min(int(radius / d), n - 1) for d, n in zip(cells, v.shape, strict=True)]
    offsets = [d * np.arange(-r, r + 1) for d, r in zip(cells, reach, strict=True)]
    away = np.sqrt(sum(x**2 for x in np.meshgrid(*offsets, indexing="ij")))
    weight = jnp.asarray(np.maximum(1 - away / radius, 0.0), v.dtype)

    def total(x: Array) -> Array:
        return jax.scipy.signal.convolve(x, weight, mode="same", method="direct")

    # `convolve` with mode "same" is centred on the first argument only if that is the larger one.
    wide = [(r, r) for r in reach]
    inside = tuple(slice(r, r + n) for r, n in zip(reach, v.shape, strict=True))
    spread = total(jnp.pad(v, wide))[inside]
    return spread / total(jnp.pad(jnp.ones_like(v), wide))[inside]


def projected(values: ArrayLike, sharpness: ArrayLike, level: float = 0.5) -> Array:
    """Pushes what lies between 0 and 1 towards 0 below `level`, and towards 1 above.

        p = (tanh(b l) + tanh(b (v - l))) / (tanh(b l) + tanh(b (1 - l)))

    sharpness: b > 0.  b -> 0 leaves the values as they are, b of 30 is nearly a step; raise it in a
    few searches, each from where the last one ended.  level: l, between 0 and 1.
    Source: Wang, Lazarov and Sigmund, Struct. Multidisc. Optim. 43, 767 (2011), Eq. (9).
    """
    if not 0 < level < 1:
        raise ValueError(f"`level` must be between 0 and 1, got {level:g}")
    v, b = jnp.asarray(values), jnp.asarray(sharpness)
    below = jnp.tanh(b * level)
    return (below + jnp.tanh(b * (v - level))) / (below + jnp.tanh(b * (1 - level)))


def smallest_feature(values: ArrayLike, spacing: float, level: float = 0.5) -> float:
    """The shortest stretch of a line above or below `level`, m, its two ends left out.

    Crossings lie where straight lines between the cells cross `level`.  inf if there are fewer
    than two crossings.  values: (n,).  spacing: m.
    """
    v = np.asarray(values, float)
    if v.ndim != 1 or not np.isfinite(v).all():
        raise ValueError(f"`values` must be a line of finite numbers, got shape {v.shape}")
    above = v > level
    k = np.flatnonzero(above[1:] != above[:-1])
    crossings = spacing * (k + (level - v[k]) / (v[k + 1] - v[k]))
    return float(np.min(np.diff(crossings), initial=np.inf))


def _increasing(t: ArrayLike) -> np.ndarray:
    times = np.asarray(t, float)
    if times.ndim != 1 or times.size < 2 or not (np.diff(times) > 0).all():
        raise ValueError(f"`t` must be 2 times or more that increase, got shape {times.shape}")
    return times


def _count(a: Array) -> int:
    if a.ndim == 0 or a.shape[0] == 0:
        raise ValueError(f"`coefficients` must be an array, got shape {a.shape}")
    return a.shape[0]
