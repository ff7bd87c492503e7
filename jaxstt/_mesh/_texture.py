"""Initial states."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, check_sign, is_concrete, leaf, lift, normalise, number
from ._grid import Grid, check_grid


def _masked(grid: Grid, m: Array) -> Array:
    return m if grid.mask is None else jnp.where(lift(grid.mask), m, 0.0)


def uniform(grid: Grid, direction: ArrayLike) -> Array:
    """The same direction everywhere, (3, nx, ny, nz); ValueError if it is the zero vector."""
    check_grid(grid)
    v = leaf("direction", direction)
    if v.shape != (3,):
        raise ValueError(f"`direction` must be a vector (3,), got shape {v.shape}")
    if is_concrete(v) and not np.any(np.asarray(v) != 0):
        raise ValueError("`direction` must not be zero, got (0, 0, 0)")
    m = jnp.broadcast_to(v[:, None, None, None], (3, *grid.shape))
    return _masked(grid, normalise(m))


def random_state(grid: Grid, key: Any) -> Array:
    """Independent random directions, uniform on the sphere, from a JAX random key.

    Raises ValueError if `key` is none: jax.random.key(seed) makes one.
    """
    check_grid(grid)
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
    check_grid(grid)
    width = number("width", width, above=0)
    charge = check_sign("charge", charge)
    if is_concrete(width) and float(width) < grid.spacing[0]:
        raise ValueError(
            f"`width` must be >= the cell dx = {grid.spacing[0]:.4g} m "
            f"(better 3 dx or more), got {float(width):.4g}"
        )
    q = number("position", grid.lengths[0] / 2 if position is None else position)
    if is_concrete(q) and not 0 < float(q) < grid.lengths[0]:
        raise ValueError(
            f"`position` must lie in the wire, 0 to {grid.lengths[0]:.4g} m, got {float(q):.4g}"
        )
    phi = number("angle", angle)
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


def _polar(grid: Grid, position: ArrayLike | None, dtype: Any) -> tuple[Array, Array]:
    """x - x0 (nx, 1, 1) and y - y0 (1, ny, 1), m; to the nearest image along periodic axes."""
    lengths = grid.lengths[:2]
    at = leaf("position", [0.5 * side for side in lengths] if position is None else position)
    if at.shape != (2,):
        raise ValueError(f"`position` must be (x, y), got shape {at.shape}")
    if is_concrete(at):
        x, y = np.asarray(at)
        if not (0 < x < lengths[0] and 0 < y < lengths[1]):
            raise ValueError(
                f"`position` must lie in the film, 0 to {lengths[0]:.4g} m and 0 to "
                f"{lengths[1]:.4g} m, got ({x:.4g}, {y:.4g})"
            )
    offsets = []
    for i, axis in enumerate("xy"):
        offset = jnp.asarray(grid.centres(axis), dtype) - at[i].astype(dtype)
        if grid.periodic[i]:
            offset = offset - lengths[i] * jnp.round(offset / lengths[i])
        offsets.append(offset)
    return offsets[0][:, None, None], offsets[1][None, :, None]


def _check_size(grid: Grid, name: str, size: Array, largest: float) -> None:
    """ValueError unless a length is resolved by the cells of the film and fits into it."""
    if min(grid.shape[:2]) < 2:
        raise ValueError(f"`grid` must have two cells or more along x and y, got {grid.shape}")
    finest = max(grid.spacing[:2])
    if not is_concrete(size):
        return
    known = np.asarray(size)
    if not np.all((known >= finest) & (known <= largest)):
        raise ValueError(
            f"`{name}` must lie between the cell, {finest:.4g} m, and {largest:.4g} m (what fits), "
            f"got {np.min(known):.4g}"
        )


def vortex(
    grid: Grid,
    circulation: int = 1,
    polarity: int = 1,
    *,
    position: ArrayLike | None = None,
    core_radius: ArrayLike | None = None,
) -> Array:
    """A vortex in the plane, the same in every layer; (3, nx, ny, nz).

        mz = polarity exp(-(r/rc)^2),    (mx, my) = circulation sqrt(1 - mz^2) (-y, x)/r

    with x, y, r from `position`.  circulation +1: counter-clockwise seen from +z.  polarity: sign
    of mz in the core.  position: (x, y), m, by default the middle of the grid.  core_radius: rc, m,
    by default 10 nm or two cells, whichever is larger.  Topological charge polarity/2.
    Raises ValueError for a circulation or polarity other than +-1, a position outside the grid, a
    core_radius below the cell or above half the shorter side.
    """
    check_grid(grid)
    check_sign("circulation", circulation)
    check_sign("polarity", polarity)
    if core_radius is None:
        core_radius = max(10e-9, 2 * max(grid.spacing[:2]))
    rc = number("core_radius", core_radius, above=0)
    _check_size(grid, "core_radius", rc, min(grid.lengths[:2]) / 2)
    x, y = (offset / rc for offset in _polar(grid, position, rc.dtype))
    s = x**2 + y**2
    centre = s == 0
    # sqrt(1 - mz^2)/r is even and smooth: no direction is needed in the middle of the core.
    swirl = circulation * jnp.sqrt(
        jnp.where(centre, 2.0, -jnp.expm1(-2 * s) / jnp.where(centre, 1.0, s))
    )
    parts = [-swirl * y, swirl * x, polarity * jnp.exp(-s)]
    return _in_film(grid, parts)


def skyrmion(
    grid: Grid,
    radius: ArrayLike,
    width: ArrayLike,
    *,
    position: ArrayLike | None = None,
    polarity: int = -1,
    vorticity: int = 1,
    helicity: ArrayLike = 0.0,
) -> Array:
    """A skyrmion, the same in every layer; (3, nx, ny, nz).

        theta = 2 atan(sinh(R/w)/sinh(r/w)),    mz = -polarity cos(theta)
        (mx, my) = sin(theta) (cos, sin)(vorticity phi + helicity)

    with r, phi around `position`.  radius: R, m, where mz = 0.  width: w of the wall, m.
    polarity: sign of mz in the core, the film around it has the other one.  vorticity: +1, or -1
    for an antiskyrmion.  helicity: rad; 0 and pi are Neel (outwards, inwards), pi/2 and -pi/2 Bloch
    (counter-clockwise, clockwise).  position: (x, y), m, by default the middle of the grid.
    Topological charge polarity * vorticity.
    Raises ValueError for a polarity or vorticity other than +-1, a position outside the grid, a
    radius or width below the cell or above half the shorter side.
    Source: Wang, Yuan & Wang, Commun. Phys. 1, 31 (2018).
    """
    check_grid(grid)
    check_sign("polarity", polarity)
    check_sign("vorticity", vorticity)
    w = number("width", width, above=0)
    R = number("radius", radius, above=0).astype(w.dtype)
    half = min(grid.lengths[:2]) / 2
    _check_size(grid, "width", w, half)
    _check_size(grid, "radius", R, half)
    h = number("helicity", helicity).astype(w.dtype)
    x, y = (offset / w for offset in _polar(grid, position, w.dtype))
    square = x**2 + y**2
    centre = square == 0
    r = jnp.sqrt(jnp.where(centre, 1.0, square))
    # With k = cot(theta/2) = sinh(r/w)/sinh(R/w), k/r is even and smooth.  Its exponent is bounded:
    # far from the wall m is along z to 1e-13.
    per_r = jnp.where(centre, 2.0, -jnp.expm1(-2 * r) / r) / -jnp.expm1(-2 * R / w)
    per_r = per_r * jnp.exp(jnp.clip(jnp.where(centre, 0.0, r) - R / w, -30.0, 30.0))
    # sin = 2 k/(k^2 + 1) and cos = (k^2 - 1)/(k^2 + 1) without k^2, which overflows in slopes.
    inner, outer = 0.5 / per_r, 0.5 * per_r * square
    across = 1 / (inner + outer)
    parts = [
        across * (x * jnp.cos(h) - vorticity * y * jnp.sin(h)),
        across * (x * jnp.sin(h) + vorticity * y * jnp.cos(h)),
        polarity * (inner - outer) * across,
    ]
    return _in_film(grid, parts)


def _in_film(grid: Grid, parts: list[Array]) -> Array:
    m = jnp.stack([jnp.broadcast_to(part, grid.shape) for part in parts])
    return _masked(grid, normalise(m))
