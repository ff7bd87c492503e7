"""Finite differences on a component-first field, with one boundary rule for all of them.

A cell without a neighbour (free surface, edge of the mask) meets its own copy, so that d_i m = 0
normal to the surface and the exchange flux through it vanishes.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array, lax
from jax.extend.core import Primitive

from .._core import Split, Vectors, dot, lift, linear, once, split, stored
from ._grid import Grid


def _shifted(m: Array, axis: int, step: int, wraps: bool) -> Array:
    """The values one cell down (step -1) or up; at an open end the cell's own."""
    n, axis = m.shape[axis], axis % m.ndim
    return lax.slice_in_dim(_padded(m, axis, 1, wraps), 1 + step, n + 1 + step, axis=axis)


def _padded(m: Array, axis: int, own: int, wraps: bool) -> Array:
    """With a cell more at both ends: the one at the other end, or `own` times its own value."""
    first, last = (lax.slice_in_dim(m, i, i + 1, axis=axis) for i in (0, m.shape[axis] - 1))
    ends = (last, first) if wraps else (own * first, own * last)
    return once(jnp.concatenate([ends[0], m, ends[1]], axis))


def _shifted_back(ct: Array, axis: int, step: int, wraps: bool) -> Array:
    """The transpose: the shift the other way, but what comes in at the end is added to itself."""
    n, k = ct.shape[axis], axis % ct.ndim
    part = lambda i, j: lax.slice_in_dim(ct, i, j, axis=k)  # noqa: E731
    if wraps:
        return _shift.bind(ct, axis=axis, step=-step, wraps=True)
    if step < 0:
        own = [part(0, 1) + part(1, 2), part(2, n), jnp.zeros_like(part(0, 1))]
    else:
        own = [jnp.zeros_like(part(0, 1)), part(0, n - 2), part(n - 2, n - 1) + part(n - 1, n)]
    return once(jnp.concatenate(own, k))


_shift = linear("jaxstt_shift", _shifted, _shifted_back)


def neighbours(grid: Grid, m: Array, axis: int) -> tuple[Array, Array]:
    """The values one cell down and one cell up along `axis` (0, 1, 2), each shaped like m."""
    n = grid.shape[axis]
    if n == 1:
        return m, m
    lower, upper = (
        _shift.bind(m, axis=axis - 3, step=step, wraps=grid.periodic[axis]) for step in (-1, 1)
    )
    for below, above in _inside(grid, axis, m.ndim):
        lower, upper = jnp.where(below, lower, m), jnp.where(above, upper, m)
    return lower, upper


def _inside(grid: Grid, axis: int, ndim: int) -> list[tuple[Array, Array]]:
    """Of a grid with a mask: where the cells below and above are the magnet's, as the cell is.

    A cell of vacuum meets its own copy too, or the magnet beside it would set it in motion.
    """
    if grid.mask is None:
        return []
    n, wall = grid.shape[axis], [(0, 0)] * 3
    wall[axis] = (1, 1)
    solid = jnp.pad(grid.mask, wall, mode="wrap" if grid.periodic[axis] else "edge")
    below = grid.mask & lax.slice_in_dim(solid, 0, n, axis=axis)
    above = grid.mask & lax.slice_in_dim(solid, 2, n + 2, axis=axis)
    shape = (1,) * (ndim - 3) + grid.shape
    return [(below.reshape(shape), above.reshape(shape))]


def _pair(m: Array, inside: tuple, axis: int, own: int, wraps: bool) -> tuple[Array, Array]:
    """The values one cell down and up; where there is no such cell `own` times the cell's own."""
    n, axis = m.shape[axis], axis % m.ndim
    padded = _padded(m, axis, own, wraps)
    lower, upper = (lax.slice_in_dim(padded, i, i + n, axis=axis) for i in (0, 2))
    if inside:
        lower = jnp.where(inside[0], lower, own * m)
        upper = jnp.where(inside[1], upper, own * m)
    return lower, upper


def _second(m: Array, *inside: Array, axis: int, wraps: bool) -> Array:
    lower, upper = _pair(m, inside, axis, 1, wraps)
    return (lower - m) + (upper - m)


def _central(m: Array, *inside: Array, axis: int, own: int, wraps: bool) -> Array:
    """upper - lower; `own` as in `_pair`."""
    lower, upper = _pair(m, inside, axis, own, wraps)
    return upper - lower


def _central_back(ct: Array, *inside: Array, own: int, **static: Any) -> Array:
    # Inside, up and down change places.  At an end +own on the diagonal stays, where the minus
    # before the whole would turn it.
    return -_central_p.bind(ct, *inside, own=-own, **static)


_second_p = linear(
    "jaxstt_second", _second, lambda ct, *x, **static: _second_p.bind(ct, *x, **static)
)
_central_p = linear("jaxstt_central", _central, _central_back)


def _wide(m: Array, axis: int, own: int, wraps: bool) -> list[Array]:
    """The values two and one cells down, and one and two up: a field goes on beyond an open end as
    its mirror image, times `own`.
    """
    n, k = m.shape[axis], axis % m.ndim
    part = lambda i, j: lax.slice_in_dim(m, i, j, axis=k)  # noqa: E731
    if wraps:
        ends = [part(n - 2, n)], [part(0, 2)]
    else:
        ends = [[own * part(i, i + 1) for i in pair] for pair in ((1, 0), (n - 1, n - 2))]
    padded = once(jnp.concatenate([*ends[0], m, *ends[1]], k))
    return [lax.slice_in_dim(padded, i, i + n, axis=k) for i in (0, 1, 3, 4)]


def _second4(m: Array, *, axis: int, wraps: bool) -> Array:
    """D (m - D m/12)."""
    below2, below, above, above2 = _wide(m, axis, 1, wraps)
    return (16 * ((below - m) + (above - m)) - ((below2 - m) + (above2 - m))) / 12


def _central4(m: Array, *, axis: int, own: int, wraps: bool) -> Array:
    """The central difference of m - D m/6."""
    below2, below, above, above2 = _wide(m, axis, own, wraps)
    return (8 * (above - below) - (above2 - below2)) / 6


# What one cell gets from the other the other gets from it, by the mirror too: D is symmetric.
_second4_p = linear("jaxstt_second4", _second4, lambda ct, **static: _second4_p.bind(ct, **static))
_central4_p = linear(
    "jaxstt_central4",
    _central4,
    lambda ct, *, own, **static: -_central4_p.bind(ct, own=-own, **static),
)


def _along(primitive: Primitive, grid: Grid, m: Array, axis: int, **static: Any) -> Array:
    inside = [x for both in _inside(grid, axis, m.ndim) for x in both]
    return primitive.bind(m, *inside, axis=axis - 3, wraps=grid.periodic[axis], **static)


def active_axes(grid: Grid) -> tuple[int, ...]:
    """Axes along which a field can vary."""
    return tuple(i for i in range(3) if grid.shape[i] > 1)


def second_difference(grid: Grid, m: Array, axis: int, order: int = 2) -> Array:
    """D m = m[i-1] - 2 m + m[i+1];  order 4:  D (m - D m/12)."""
    if grid.shape[axis] == 1:
        return jnp.zeros_like(m)
    if order == 4 and grid.mask is None:
        return _along(_second4_p, grid, m, axis)
    second = _along(_second_p, grid, m, axis)
    return second if order == 2 else second - _along(_second_p, grid, second, axis) / 12


def difference(grid: Grid, m: Vectors, axis: int) -> Vectors:
    """m[i+1] - m[i-1], a neighbour outside the magnet counting as 0; 0 outside the magnet.

    For energies of pairs of cells, where a pair with vacuum is missing; `neighbours` has copies.
    """
    return _along(_central_p, grid, m, axis, own=0)


def open_faces(grid: Grid, axis: int) -> Array:
    """How many faces (0, 1, 2) along `axis` each cell of the magnet has towards no other one.

    Shape (nx, ny, nz), or 1 along the other axes where there is no mask; 0 in vacuum.
    """
    n, mode = grid.shape[axis], "wrap" if grid.periodic[axis] else "constant"
    shape = tuple(n if i == axis else 1 for i in range(3))
    solid = jnp.ones(shape, bool) if grid.mask is None else grid.mask
    padded = jnp.pad(solid, [(1, 1) if i == axis else (0, 0) for i in range(3)], mode=mode)
    lower = lax.slice_in_dim(padded, 0, n, axis=axis)
    upper = lax.slice_in_dim(padded, 2, n + 2, axis=axis)
    return jnp.where(solid & ~lower, 1.0, 0.0) + jnp.where(solid & ~upper, 1.0, 0.0)


def diffusion(grid: Grid, A: Array, m: Vectors) -> Vectors:
    """div(A grad m) for A (nx, ny, nz) by fluxes through the faces, order 2.

    A at a face is the harmonic mean of its two cells; no flux passes a face towards vacuum.
    """
    A = lift(A if grid.mask is None else jnp.where(grid.mask, A, 0.0))
    total = jnp.zeros_like(m)
    for axis in active_axes(grid):
        lower, upper = neighbours(grid, m, axis)
        below, above = neighbours(grid, A, axis)
        flux = _harmonic(A, above) * (upper - m) - _harmonic(A, below) * (m - lower)
        total = total + flux * (1 / grid.spacing[axis] ** 2)
    return total


def coupling(grid: Grid, A: Array) -> Array:
    """sum over the faces of a cell of (A at the face)/d^2, (nx, ny, nz), as in `diffusion`.

    A face at the edge counts as one within, which an upper estimate may do.
    """
    A = lift(A if grid.mask is None else jnp.where(grid.mask, A, 0.0))
    total = jnp.zeros_like(A)
    for axis in active_axes(grid):
        below, above = neighbours(grid, A, axis)
        both = _harmonic(A, above) + _harmonic(A, below)
        total = total + both * (1 / grid.spacing[axis] ** 2)
    return total[0]


def _harmonic(a: Array, b: Array) -> Array:
    """2 a b/(a + b), and 0 where both are 0."""
    total = a + b
    return 2 * a * (b / jnp.where(total == 0, 1.0, total))


def within(grid: Grid, m: Vectors) -> Vectors:
    """m in the magnet, 0 in vacuum, whatever m is there."""
    return m if grid.mask is None else jnp.where(lift(grid.mask), m, 0.0)


def check_order(order: int) -> int:
    """2 or 4; ValueError otherwise."""
    if isinstance(order, bool) or not isinstance(order, int) or order not in (2, 4):
        raise ValueError(f"`order` must be 2 or 4, got {order!r}")
    return order


def laplacian(grid: Grid, m: Vectors, order: int = 2) -> Vectors:
    """sum_i d_i^2 m, 1/m^2.

        order 2:  D m/d^2,    order 4:  D (m - D m/12)/d^2,    D m = m[i-1] - 2 m + m[i+1]

    Fourth order is built from D alone: it stays symmetric and keeps the rule at the edges.
    """
    total = jnp.zeros_like(m)
    for axis in active_axes(grid):
        second = second_difference(grid, m, axis, order)
        total = total + second * (1 / grid.spacing[axis] ** 2)
    return stored(total) if order == 4 and len(active_axes(grid)) == 3 else total


def gradient(grid: Grid, m: Vectors, axis: int, order: int = 2) -> Vectors:
    """d_i m by central differences, 1/m; half the one-sided slope in an edge cell (order 2).

    order 4:  the central difference of m - D m/6.
    """
    if grid.shape[axis] == 1:
        return jnp.zeros_like(m)
    if order == 4 and grid.mask is None:
        return _along(_central4_p, grid, m, axis, own=1) * (0.5 / grid.spacing[axis])
    if order == 4:
        m = m - second_difference(grid, m, axis) / 6
    return _along(_central_p, grid, m, axis, own=1) * (0.5 / grid.spacing[axis])


def directional(grid: Grid, u: Array, m: Vectors, order: int = 2) -> Split:
    """(u.grad)m = sum_i u_i d_i m; u is (3, 1, 1, 1) or (3, nx, ny, nz)."""
    total = split(jnp.zeros_like(m))
    for axis in active_axes(grid):
        total = total + lift(u[axis]) * split(gradient(grid, m, axis, order))
    return total


def sharpest(grid: Grid, m: Vectors, axes: tuple[int, ...] | None = None) -> Array:
    """The largest |m[i+1] - m[i]|/d between two cells of the magnet, 1/m; 1/lambda in a wall.

    axes: along which to look; None: all.
    """
    found = jnp.zeros((), m.dtype)
    for axis in active_axes(grid) if axes is None else axes:
        _, upper = neighbours(grid, m, axis)
        step = upper - m
        found = jnp.maximum(found, jnp.sqrt(jnp.max(dot(step, step))) / grid.spacing[axis])
    return found
