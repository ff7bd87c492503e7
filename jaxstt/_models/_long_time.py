"""Where an angle ends that turns as phidot = f(phi), and what it does on average if it never ends.

f has the period pi (`half_turn`: hard axis and steady drive alone) or 2 pi (`whole_turn`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

# Points per half turn.  The integrands are smooth and periodic once the slow passage is stretched
# out, so the trapezium rule converges exponentially; 64 already give 1e-12.
_SAMPLES = 128
_WHOLE = 1024
"""Points of a whole turn, which may have two slow passages of which one is stretched out."""

Function = Callable[[Array], Array]


class LongTime(NamedTuple):
    """Of the angle."""

    locked: Array
    angle: Array
    """Where it stays, or where it is slowest."""
    turning: Array
    """<f>, the mean rate over a turn; 0 where locked is not yet taken into account."""
    mean: Array
    """Of the other function over time."""


def half_turn(f: Function, other: Function, rest: Array) -> LongTime:
    """f of period pi with one maximum and one minimum; from the angle of rest."""
    low = lax.stop_gradient(_extremum(f, rest, -1))
    high = lax.stop_gradient(_extremum(f, rest, +1))
    locked = (f(low) <= 0) & (f(high) >= 0)
    angle = _stable_root(f, low, high, locked)
    angle = angle - jnp.pi * lax.stop_gradient(jnp.round((angle - rest) / jnp.pi))
    # Near breakdown nearly all the time is spent where the wall turns slowest.  The substitution
    # tan psi = r tan x, exact for f = a - b cos 2psi, spreads the points accordingly.
    f_low, f_high = f(low), f(high)
    up = f_low > 0
    slowest = jnp.where(up, low, high)
    ratio = jnp.where(up, f_low / f_high, f_high / f_low)
    r = lax.stop_gradient(jnp.sqrt(jnp.where(locked, 1.0, ratio)))
    x = jnp.arange(_SAMPLES, dtype=r.dtype) * (jnp.pi / _SAMPLES)
    phi = slowest + jnp.arctan2(r * jnp.sin(x), jnp.cos(x))
    weight = r / (jnp.cos(x) ** 2 + (r * jnp.sin(x)) ** 2)
    turning, mean = _means(f, other, phi, weight, locked)
    return LongTime(locked, jnp.where(locked, angle, slowest), turning, mean)


def whole_turn(f: Function, other: Function, rest: Array) -> LongTime:
    """f of period 2 pi, from the angle of rest on, the way it pushes there.

    The first angle at which f vanishes is where it stays.  A dip that touches 0 between two of the
    1024 points is found by the minimum of |f| along the way.
    """
    sign = lax.stop_gradient(jnp.where(f(rest) < 0, -1.0, 1.0)).astype(rest.dtype)

    def ahead(x: Array) -> Array:
        """f along the way, x from 0 to 2 pi, > 0 where the angle goes on."""
        return sign * f(rest + sign * x)

    step = 2 * jnp.pi / _WHOLE
    x = jnp.arange(_WHOLE + 1, dtype=rest.dtype) * step
    there = lax.stop_gradient(jax.vmap(ahead)(x))
    dip = _newton(lambda y: -ahead(y), lax.stop_gradient(x[jnp.argmin(there)]), step)
    stops = there <= 0
    first = jnp.where(jnp.any(stops), x[jnp.argmax(stops)], dip)
    locked = ahead(first) <= 0
    root = _bisected(ahead, jnp.maximum(first - step, 0.0), first)
    angle = _polished(f, rest + sign * root, locked)
    # tan(psi/2) = r tan(x/2) about the slowest place, exact for f = a - b cos psi.
    least, most = ahead(dip), jnp.max(there)
    r = lax.stop_gradient(jnp.sqrt(jnp.where(locked, 1.0, least / most)))
    y = x[:-1] / 2
    psi = 2 * jnp.arctan2(r * jnp.sin(y), jnp.cos(y))
    weight = r / (jnp.cos(y) ** 2 + (r * jnp.sin(y)) ** 2)
    slowest = rest + sign * dip
    turning, mean = _means(f, other, slowest + psi, weight, locked)
    return LongTime(locked, jnp.where(locked, angle, slowest), turning, mean)


def _means(
    f: Function, other: Function, phi: Array, weight: Array, locked: Array
) -> tuple[Array, Array]:
    """<f> and the mean of the other over time, by the trapezium rule; weight: dphi per dx."""
    rate = jax.vmap(f)(phi)
    time = weight / jnp.where(locked, 1.0, rate)  # dt per dx; signed like f
    mean = 1 / jnp.mean(time)
    return mean, jnp.mean(jax.vmap(other)(phi) * time) * mean


def _extremum(f: Function, start: Array, sign: int) -> Array:
    """Where f, of period pi with one maximum and one minimum, is largest (+1) or smallest (-1)."""
    grid = start + (jnp.arange(64) - 32).astype(start.dtype) * (jnp.pi / 64)
    phi = grid[jnp.argmax(sign * jax.vmap(f)(grid))]
    return _newton(lambda p: sign * f(p), phi, 0.05)


def _newton(f: Function, phi: Array, most: float) -> Array:
    """The maximum of f next to phi."""
    slope = jax.grad(f)
    curvature = jax.grad(slope)

    def step(phi: Array, _: None) -> tuple[Array, None]:
        c = curvature(phi)
        way = jnp.where(c < 0, slope(phi) / jnp.where(c == 0, 1.0, c), 0.0)
        return phi - jnp.clip(way, -most, most), None

    return lax.scan(step, phi, length=3)[0]


def _stable_root(f: Function, low: Array, high: Array, exists: Array) -> Array:
    """Root of f where it falls, between its maximum `high` and its minimum `low` behind it."""
    return _polished(f, _bisected(f, high, high + (low - high) % jnp.pi), exists)


def _bisected(f: Function, left: Array, right: Array) -> Array:
    """Between left, where f > 0, and right, where it is not."""

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = bracket
        c = (a + b) / 2
        return jnp.where(f(c) > 0, c, a), jnp.where(f(c) > 0, b, c)

    left, right = lax.fori_loop(0, 30, halve, (left, right))
    return lax.stop_gradient((left + right) / 2)


def _polished(f: Function, phi: Array, exists: Array) -> Array:
    """Newton steps polish the root and carry the implicit derivative.

    Each doubles the order to which derivatives are right, so two serve second derivatives.
    A loop: XLA fuses what is written out, and computes it again wherever it is used.
    """

    def step(phi: Array, _: None) -> tuple[Array, None]:
        value, slope = jax.value_and_grad(f)(phi)
        way = jnp.where(exists, value / jnp.where(slope == 0, 1.0, slope), 0.0)
        return phi - way, None

    return lax.scan(step, phi, length=2)[0]


def lowest(energy: Function, dtype: jnp.dtype) -> Array:
    """The angle from 0 to pi at which an energy, even in the angle, is least; differentiable."""
    grid = jnp.arange(129, dtype=dtype) * (jnp.pi / 128)
    start = lax.stop_gradient(grid[jnp.argmin(jax.vmap(energy)(grid))])
    found = lax.stop_gradient(jnp.clip(_newton(lambda p: -energy(p), start, 0.02), 0.0, jnp.pi))
    return _polished(jax.grad(energy), found, jnp.asarray(True))


def largest_of(size: Function, dtype: jnp.dtype) -> Array:
    """The largest value of a function of the angle; differentiable."""
    grid = jnp.arange(256, dtype=dtype) * (jnp.pi / 128)
    start = lax.stop_gradient(grid[jnp.argmax(jax.vmap(size)(grid))])
    return size(lax.stop_gradient(_newton(size, start, 0.02)))
