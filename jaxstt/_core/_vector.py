"""Vector algebra, component first: (3, ...)."""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from ._bilinear import bilinear


def lift(x: Array) -> Array:
    """A number as it is, a field (nx, ny, nz) as (1, nx, ny, nz), to multiply a vector field."""
    return x[None] if x.ndim else x


def cross(a: Array, b: Array) -> Array:
    """a x b over the leading axis of length 3."""
    return _product(_cross, a, b)


def dot(a: Array, b: Array) -> Array:
    """a.b over the leading axis of length 3."""
    return _product(_dot, a, b)


def _product(product: Any, a: Array, b: Array) -> Array:
    a, b = jnp.broadcast_arrays(a, b)
    dtype = jnp.result_type(a, b)
    return product.bind(a.astype(dtype), b.astype(dtype), axis=-a.ndim)


def _components(a: Array, axis: int) -> list[Array]:
    return [lax.index_in_dim(a, i, axis % a.ndim, keepdims=False) for i in range(3)]


def _cross_value(a: Array, b: Array, axis: int) -> Array:
    (ax, ay, az), (bx, by, bz) = _components(a, axis), _components(b, axis)
    return jnp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis % a.ndim)


def _dot_value(a: Array, b: Array, axis: int) -> Array:
    (ax, ay, az), (bx, by, bz) = _components(a, axis), _components(b, axis)
    return ax * bx + ay * by + az * bz


def _scaled(ct: Array, a: Array, axis: int) -> Array:
    return jnp.expand_dims(ct, axis % a.ndim) * a


_cross = bilinear(
    "jaxstt_cross",
    _cross_value,
    lambda ct, b, axis: _cross.bind(b, ct, axis=axis),  # (a x b).c = a.(b x c)
    lambda ct, a, axis: _cross.bind(ct, a, axis=axis),  # = b.(c x a)
)
_dot = bilinear("jaxstt_dot", _dot_value, _scaled, _scaled)


def peak(x: Array) -> Array:
    """The largest |x|; nan if there is one.

    On CPU XLA hands the reduction of |x| to a library that takes ten times as long (12 288 numbers:
    52 instead of 6 us, jaxlib 0.10.2).
    """
    return jnp.maximum(jnp.max(x), -jnp.min(x))


def normalise(m: Array) -> Array:
    """m/|m| cell by cell; cells with m = 0 (vacuum) stay 0."""
    square = dot(m, m)
    empty = square == 0
    return m * lift(jnp.where(empty, 0.0, 1 / jnp.sqrt(jnp.where(empty, 1.0, square))))
