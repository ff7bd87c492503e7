"""Pieces of which objectives and constraints are made: numbers from a pulse or a wall in time."""

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def squared(t: ArrayLike, values: ArrayLike) -> Array:
    """int |v|^2 dt of what is straight between (t[k], v[k]): Joule heat is this times resistivity.

        sum_k (t[k+1] - t[k]) (a^2 + a b + b^2)/3,    a = v[k], b = v[k+1]

    t: (k,), s.  values: (k, ...), of which all components count.
    """
    t, v = jnp.asarray(t), jnp.asarray(values)
    if t.ndim != 1 or v.shape[:1] != t.shape or t.size < 2:
        raise ValueError(f"`t` and `values` must be of one length >= 2, got {t.shape}, {v.shape}")
    a, b = v[:-1], v[1:]
    mean = (a * a + a * b + b * b) / 3
    return jnp.sum(jnp.diff(t) * jnp.sum(mean.reshape(t.size - 1, -1), axis=1))


def roughness(values: ArrayLike) -> Array:
    """sum (v[k-1] - 2 v[k] + v[k+1])^2 along the first axis: 0 for what is straight."""
    return jnp.sum(jnp.diff(jnp.asarray(values), 2, axis=0) ** 2)


def overshoot(position: ArrayLike, target: ArrayLike) -> Array:
    """How far a wall that starts at position[0] has gone past `target` at most, >= 0, m."""
    position, target = jnp.asarray(position), jnp.asarray(target)
    ahead = (position - target) * jnp.sign(target - position[0])
    return jnp.maximum(jnp.max(ahead), 0.0)


def arrival_time(t: ArrayLike, position: ArrayLike, target: ArrayLike) -> Array:
    """When a wall that starts at position[0] first reaches `target`, s, straight between times.

    Of a wall that does not: the end, longer by the part of the way that is left, so that a search
    has a slope to go down.
    """
    t, position, target = jnp.asarray(t), jnp.asarray(position), jnp.asarray(target)
    way = target - position[0]
    left = (target - position) * jnp.sign(way)
    there = left <= 0
    k = jnp.clip(jnp.argmax(there), 1, t.size - 1)
    before, after = left[k - 1], left[k]
    part = before / jnp.where(before == after, 1.0, before - after)
    late = t[-1] + (t[-1] - t[0]) * left[-1] / jnp.where(way == 0, 1.0, jnp.abs(way))
    first = jnp.where(there[0], t[0], t[k - 1] + part * (t[k] - t[k - 1]))
    return jnp.where(jnp.any(there), first, late)


def worst(values: ArrayLike) -> Array:
    """The largest over a batch of draws."""
    return jnp.max(jnp.asarray(values))


def cvar(values: ArrayLike, part: float) -> Array:
    """Mean of the largest `part` (0 to 1) of a batch of draws, at least of one (CVaR).

    Smoother than `worst` in what is designed, as it does not hang on one draw.
    """
    v = jnp.asarray(values).ravel()
    if not 0 < part <= 1:
        raise ValueError(f"`part` must be > 0 and <= 1, got {part:g}")
    count = max(1, round(part * v.size))
    return jnp.mean(jnp.sort(v)[v.size - count :])
