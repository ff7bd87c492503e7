"""Vector algebra, component first: (3, ...)."""

import jax.numpy as jnp
from jax import Array


def lift(x: Array) -> Array:
    """A number as it is, a field (nx, ny, nz) as (1, nx, ny, nz), to multiply a vector field."""
    return x[None] if x.ndim else x


def cross(a: Array, b: Array) -> Array:
    """a x b over the leading axis of length 3."""
    return jnp.stack(
        [
            a[1] * b[2] - a[2] * b[1],
            a[2] * b[0] - a[0] * b[2],
            a[0] * b[1] - a[1] * b[0],
        ]
    )


def dot(a: Array, b: Array) -> Array:
    """a.b over the leading axis of length 3."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def normalise(m: Array) -> Array:
    """m/|m| cell by cell; cells with m = 0 (vacuum) stay 0."""
    square = dot(m, m)
    empty = square == 0
    return m * lift(jnp.where(empty, 0.0, 1 / jnp.sqrt(jnp.where(empty, 1.0, square))))
