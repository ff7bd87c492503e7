"""Initial states."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from ._check import is_concrete, leaf
from ._grid import Grid
from ._stencil import lift, normalise


def _masked(grid: Grid, m: Array) -> Array:
    return m if grid.mask is None else jnp.where(lift(grid.mask), m, 0.0)


def uniform(grid: Grid, direction: ArrayLike) -> Array:
    """The same direction everywhere, (3, nx, ny, nz); ValueError if it is the zero vector."""
    v = leaf("direction", direction)
    if v.shape != (3,):
        raise ValueError(f"`direction` must be a vector (3,), got shape {v.shape}")
    if is_concrete(v) and not bool(jnp.any(v != 0)):
        raise ValueError("`direction` must not be zero, got (0, 0, 0)")
    m = jnp.broadcast_to(v[:, None, None, None], (3, *grid.shape))
    return _masked(grid, normalise(m))


def random(grid: Grid, key: Any) -> Array:
    """Independent random directions, uniform on the sphere, from a JAX random key.

    Raises ValueError if `key` is none: jax.random.key(seed) makes one.
    """
    if not (
        isinstance(key, Array) and (jnp.issubdtype(key.dtype, jax.dtypes.prng_key) or key.ndim)
    ):
        raise ValueError(f"`key` must be a JAX random key, e.g. jax.random.key(0), got {key!r}")
    return _masked(grid, normalise(jax.random.normal(key, (3, *grid.shape), float)))


def _wall(
    grid: Grid,
    width: ArrayLike,
    position: ArrayLike | None,
    charge: int,
    angle: ArrayLike,
    easy: int,
) -> Array:
    """The profile theta = 2 atan exp(charge (x - position)/width) in the triad of `easy`."""
    width = leaf("width", width, above=0)
    if charge not in (1, -1):
        raise ValueError(f"`charge` must be +1 or -1, got {charge!r}")
    if is_concrete(width) and bool(jnp.any(width < grid.spacing[0])):
        raise ValueError(
            f"`width` must be >= the cell dx = {grid.spacing[0]:.4g} m "
            f"(better 3 dx or more), got {float(jnp.min(width)):.4g}"
        )
    q = leaf("position", grid.lengths[0] / 2 if position is None else position)
    if is_concrete(q) and not bool(jnp.all((q > 0) & (q < grid.lengths[0]))):
        raise ValueError(
            f"`position` must lie in the wire, 0 to {grid.lengths[0]:.4g} m, got {float(q):.4g}"
        )
    phi = leaf("angle", angle)
    x = jnp.asarray(grid.centres("x"), width.dtype)[:, None, None]
    s = charge * (x - q) / width
    across = jnp.broadcast_to(1 / jnp.cosh(jnp.clip(s, -80.0, 80.0)), grid.shape)
    along = jnp.broadcast_to(-jnp.tanh(s), grid.shape)
    parts = {
        easy: along,
        (easy + 1) % 3: across * jnp.cos(phi),
        (easy + 2) % 3: across * jnp.sin(phi),
    }
    return _masked(grid, normalise(jnp.stack([parts[i] for i in range(3)])))


def bloch_wall(
    grid: Grid,
    width: ArrayLike,
    *,
    position: ArrayLike | None = None,
    charge: int = 1,
    angle: ArrayLike = jnp.pi / 2,
) -> Array:
    """A wall between +z and -z along x, turning through +y.

        mz = -charge tanh((x - position)/width),   m_perp = sech(...) (cos angle, sin angle)

    width: lambda, m.  position: m, by default the middle.  charge +1: mz goes from + to - along x.
    angle: rad, from +x towards +y; pi/2 and -pi/2 are the two Bloch walls.
    Raises ValueError for a width below the cell or a charge other than +-1.
    """
    return _wall(grid, width, position, charge, angle, easy=2)


def neel_wall(
    grid: Grid,
    width: ArrayLike,
    *,
    position: ArrayLike | None = None,
    charge: int = 1,
    angle: ArrayLike = 0.0,
) -> Array:
    """As `bloch_wall`, turning through +x (angle 0) or -x (angle pi)."""
    return _wall(grid, width, position, charge, angle, easy=2)


def head_to_head_wall(
    grid: Grid,
    width: ArrayLike,
    *,
    position: ArrayLike | None = None,
    charge: int = 1,
    angle: ArrayLike = 0.0,
) -> Array:
    """A wall between +x and -x along x: mx goes from + to - (charge +1), or tail to tail (-1).

        mx = -charge tanh((x - position)/width),   (my, mz) = sech(...) (cos angle, sin angle)

    angle: rad, from +y towards +z; 0 and pi are the transverse walls in the plane of the film.
    Raises ValueError as `bloch_wall`.
    """
    return _wall(grid, width, position, charge, angle, easy=0)
