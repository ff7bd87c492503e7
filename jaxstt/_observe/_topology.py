"""Topological charge of a film, where it sits, and the core of a vortex."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, cross, dot, is_concrete, leaf, lift, normalise
from .._mesh import Grid, check_grid

_CORE = 0.5
"""|mz| above which a cell belongs to a core."""
_NO_CHARGE = 0.1
"""|Q| below which a guiding centre would be a quotient of two small numbers."""


class VortexCore(NamedTuple):
    """A core at one time, or at many; every entry an array."""

    position: Array
    """(x, y), m, from the corner of the grid."""
    polarity: Array
    """+1. or -1., the sign of mz in it."""


def topological_charge(grid: Grid, m: ArrayLike) -> Array:
    """Q = (1/4pi) int m.(d_x m x d_y m) dx dy, the mean over the layers that hold a magnet.

    Sum over the solid angles of triangles of neighbouring cells (Berg & Luescher), exactly an
    integer where m is uniform along the edge and half of one where it lies in the plane there; for
    both a core of polarity p and vorticity v, +1 for a vortex of any circulation, has the sign p v.
    m: (3, nx, ny, nz) or (T, 3, ...), of any length; vacuum and the space beyond free edges do not
    count, periodic axes wrap.  Differentiable.
    Raises ValueError for a grid less than two cells wide along x or y.
    Source: Berg & Luescher, Nucl. Phys. B 190, 412 (1981).
    """
    return _each(_charge, grid, _check(grid, m))


def topological_density(grid: Grid, m: ArrayLike) -> Array:
    """q, 1/m^2, (nx, ny, nz): `topological_charge` per area, cell by cell.

    Q = mean over the layers of sum q dx dy.  The four cells (three next to vacuum) of a plaquette
    share its solid angle evenly.  Raises ValueError as `topological_charge`.
    """
    return _each(_density, grid, _check(grid, m))


def guiding_centre(grid: Grid, m: ArrayLike) -> Array:
    """R = int r q/int q, (x, y), m: the centre of the topological density, over all layers.

    Along a periodic axis of length L it is (L/2pi) arg int q exp(2 pi i x/L), in [0, L).
    Raises ValueError as `topological_charge`, and if |Q| < 0.1.
    Source: Papanicolaou & Tomaras, Nucl. Phys. B 360, 425 (1991).
    """
    centre, bad = _each(_guiding_centre, grid, _check(grid, m))
    message = f"guiding_centre: |Q| must be >= {_NO_CHARGE}, there is no topological charge in m"
    return _refuse(centre, bad, message)


def vortex_core(grid: Grid, m: ArrayLike) -> VortexCore:
    """Position (x, y) [m] and polarity of the core of a vortex, of the mean over the layers.

    The core is where the plane components vanish: a plane is laid through u = (mx, my)/(1 + |mz|),
    weighted with (|mz| - c)^2, over the cells with |mz| > c of the core's sign, and solved for
    u = 0; c is half-way from the mean of mz, which a field across the film shifts, to 1.
    For a round core of two cells or more good to 2e-3 of a cell; smooth, and so differentiable, in
    the position.  m: (3, nx, ny, nz) or (T, 3, ...).
    Raises ValueError if there is no core (|mz| < c everywhere, a domain along z, fewer than three
    cells in a core) and if there is more than one; and as `topological_charge`.
    """
    core, bad = _each(find_core, grid, _check(grid, m))
    message = "vortex_core: there must be one core in m, of three cells with |mz| > 1/2 or more"
    return _refuse(core, bad, message)


def _check(grid: Grid, m: ArrayLike) -> Array:
    check_grid(grid)
    m = leaf("m", m)
    if m.shape[-4:] != (3, *grid.shape) or m.ndim not in (4, 5):
        raise ValueError(f"`m` must have shape (T,) 3, {grid.shape}, got {m.shape}")
    if min(grid.shape[:2]) < 2:
        raise ValueError(f"`grid` must have two cells or more along x and y, got {grid.shape}")
    return m


@eqx.filter_jit
def _each(read: Callable[[Grid, Array], Any], grid: Grid, m: Array) -> Any:
    """read(grid, m), of every time in m."""
    return jax.vmap(lambda m: read(grid, m))(m) if m.ndim == 5 else read(grid, m)


def _refuse(value: Any, bad: Array, message: str) -> Any:
    """`value`; ValueError if `bad` at any time, in a compiled run when it gets there."""
    if not is_concrete(bad):
        return eqx.error_if(value, jnp.any(bad), message)
    if bool(jnp.any(bad)):
        raise ValueError(message)
    return value


def _charge(grid: Grid, m: Array) -> Array:
    return jnp.sum(_solid_angles(grid, m)[0]) / _layers(grid, m)


def _density(grid: Grid, m: Array) -> Array:
    return _shared(grid, m) / grid.spacing[0] / grid.spacing[1]


def _layers(grid: Grid, m: Array) -> Array:
    if grid.mask is None:
        return jnp.asarray(grid.shape[2], m.dtype)
    return jnp.maximum(jnp.sum(jnp.any(grid.mask, axis=(0, 1)), dtype=m.dtype), 1)


def _solid_angles(grid: Grid, m: Array) -> tuple[Array, list[Array]]:
    """Solid angle/4pi of the plaquette with the corner (i, j) below left, and who its corners are.

    The plaquette is cut into two triangles along one diagonal, or, where a corner is vacuum, is the
    triangle of the others.
    """
    solid = jnp.ones(grid.shape, bool) if grid.mask is None else grid.mask
    m = normalise(jnp.where(lift(solid), m, 0.0))
    a, b, c, d = _corners(grid, m)
    has = _corners(grid, solid)
    # A triangle with a corner in vacuum, m = 0, has no area.
    area = _triangle(a, b, c) + _triangle(a, c, d)
    if grid.mask is not None:
        area = area + jnp.where(has[0], 0.0, _triangle(b, c, d))
        area = area + jnp.where(has[2], 0.0, _triangle(a, b, d))
    return area, has


def _corners(grid: Grid, field: Array) -> list[Array]:
    """The field at (0, 0), (1, 0), (1, 1), (0, 1) from every corner of a plaquette."""
    for k, periodic in zip((-3, -2), grid.periodic[:2], strict=True):
        if periodic:
            first = jax.lax.slice_in_dim(field, 0, 1, axis=field.ndim + k)
            field = jnp.concatenate([field, first], axis=k)
    low, high = slice(None, -1), slice(1, None)
    return [field[..., i, j, :] for i, j in ((low, low), (high, low), (high, high), (low, high))]


def _triangle(a: Array, b: Array, c: Array) -> Array:
    """Signed solid angle of three unit vectors over 4 pi; 0 where it is undefined."""
    volume = dot(a, cross(b, c))
    base = 1 + dot(a, b) + dot(b, c) + dot(c, a)
    undefined = (volume == 0) & (base == 0)
    return jnp.arctan2(volume, jnp.where(undefined, 1.0, base)) / (2 * jnp.pi)


def _shared(grid: Grid, m: Array) -> Array:
    """The charge of every cell."""
    area, has = _solid_angles(grid, m)
    count = sum(h.astype(area.dtype) for h in has)
    share = area / jnp.where(count < 3, 1.0, count)
    total = jnp.zeros(grid.shape, area.dtype)
    for h, (i, j) in zip(has, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True):
        part = jnp.where(h, share, 0.0)
        for axis, step in ((0, i), (1, j)):
            if grid.periodic[axis]:
                part = jnp.roll(part, step, axis)
            else:
                pad = [(step, 1 - step) if k == axis else (0, 0) for k in range(3)]
                part = jnp.pad(part, pad)
        total = total + part
    return total


def _guiding_centre(grid: Grid, m: Array) -> tuple[Array, Array]:
    """The place, and whether there is none."""
    charge = jnp.sum(_shared(grid, m), axis=2)
    total = jnp.sum(charge)
    bad = jnp.abs(total) < _NO_CHARGE * _layers(grid, m)
    total = jnp.where(bad, 1.0, total)
    centre = []
    for i in range(2):
        line, n = jnp.sum(charge, axis=1 - i), grid.shape[i]
        x = jnp.arange(n, dtype=m.dtype) + 0.5
        if grid.periodic[i]:
            turn = 2 * jnp.pi * x / n
            # Over total: a negative charge has its centre where it is, not half a turn away.
            s, c = jnp.sum(line * jnp.sin(turn)) / total, jnp.sum(line * jnp.cos(turn)) / total
            at = jnp.mod(jnp.arctan2(s, c) / (2 * jnp.pi), 1.0) * n
        else:
            at = jnp.sum(line * x) / total
        centre.append(at * grid.spacing[i])
    return jnp.stack(centre), bad


def find_core(grid: Grid, m: Array) -> tuple[VortexCore, Array]:
    """The core, and whether there is none."""
    mean = normalise(_layer_mean(grid, m))
    peak = jnp.argmax(jnp.abs(mean[2]))
    start = (peak // grid.shape[1], peak % grid.shape[1])
    sign = jnp.where(mean[2].ravel()[peak] < 0, -1.0, 1.0).astype(m.dtype)
    up = sign * mean[2]
    # Counted from the peak the sums stay small, and a core may lie across a periodic edge.
    x, y = (_cells_from(grid, axis, start[axis]).astype(m.dtype) for axis in range(2))
    x, y = jnp.broadcast_arrays(x[:, None], y[None, :])
    # In a field the film around it leans out of the plane as well.
    solid = jnp.ones(up.shape, bool) if grid.mask is None else jnp.any(grid.mask, axis=2)
    around = jnp.sum(up) / jnp.maximum(jnp.sum(solid, dtype=up.dtype), 1)
    edge = _CORE + (1 - _CORE) * jnp.maximum(around, 0.0)
    weight = jnp.maximum(up - edge, 0.0) ** 2
    zero, found = _zero_of_plane(weight, x, y, mean[:2] / jnp.maximum(1 + up, 1.0)[None])
    place, nearest = [], []
    for axis in range(2):
        n, cell = grid.shape[axis], zero[axis] + start[axis].astype(m.dtype) + 0.5
        cell = jnp.mod(cell, n) if grid.periodic[axis] else cell
        place.append(cell * grid.spacing[axis])
        nearest.append(jnp.clip(jnp.floor(cell), 0, n - 1).astype(int))
    # Of two cores, or of a ring, the zero lies outside.
    found = found & (up[nearest[0], nearest[1]] > _CORE)
    return VortexCore(jnp.stack(place), sign), ~found


def _cells_from(grid: Grid, axis: int, start: Array) -> Array:
    """Distance of every cell from the cell `start`, in cells."""
    n = grid.shape[axis]
    away = jnp.arange(n) - start
    return jnp.mod(away + n // 2, n) - n // 2 if grid.periodic[axis] else away


def _zero_of_plane(weight: Array, x: Array, y: Array, u: Array) -> tuple[Array, Array]:
    """Where the plane u = J (r - r0), fitted to u (2, nx, ny), vanishes, and whether it does."""
    total = jnp.sum(weight)
    w = weight / jnp.where(total == 0, 1.0, total)
    x0, y0, mean = jnp.sum(w * x), jnp.sum(w * y), jnp.sum(w[None] * u, axis=(1, 2))
    x, y, u = x - x0, y - y0, u - mean[:, None, None]
    xx, xy, yy = jnp.sum(w * x * x), jnp.sum(w * x * y), jnp.sum(w * y * y)
    spread = xx * yy - xy**2
    solvable = spread > 1e-6
    spread = jnp.where(solvable, spread, 1.0)
    ux, uy = jnp.sum((w * x)[None] * u, axis=(1, 2)), jnp.sum((w * y)[None] * u, axis=(1, 2))
    slope_x, slope_y = (yy * ux - xy * uy) / spread, (xx * uy - xy * ux) / spread
    det = slope_x[0] * slope_y[1] - slope_y[0] * slope_x[1]
    solvable = solvable & (jnp.abs(det) > 1e-8)
    det = jnp.where(solvable, det, 1.0)
    dx = (slope_y[1] * mean[0] - slope_y[0] * mean[1]) / det
    dy = (slope_x[0] * mean[1] - slope_x[1] * mean[0]) / det
    return jnp.stack([x0 - dx, y0 - dy]), solvable


def _layer_mean(grid: Grid, m: Array) -> Array:
    """Mean over the layers, (3, nx, ny); 0 where there is no magnet."""
    return jnp.mean(m if grid.mask is None else jnp.where(lift(grid.mask), m, 0.0), axis=-1)
