"""A stretch of a long wire, and what the wire beyond it does to it."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import (
    ArrayLike,
    axis_index,
    check_count,
    check_sign,
    check_type,
    is_concrete,
    leaf,
    number,
)
from .._energy import AbstractEnergy, Demag, Zeeman
from .._mesh import Grid, check_grid
from ._llg import LLG


class Window(eqx.Module):
    """Some columns of a wire, which `follow` moves along it: `follow(Window(wire, 96, 40), m0, t)`.

    wire: the `LLG` of the whole wire, without magnetostatics; each of its fields is cut where the
    window is.
    count: columns in the window.  first: the one of the wire that it begins at.
    energies: what stays as it is when the window moves: `Demag(window.grid)`, `end_domains`.

    Called with the number of cells it has moved by, gives the LLG there.
    Raises ValueError for a window that does not fit into the wire, a wire that is periodic along
    x, and a `Demag` of the whole wire.
    """

    wire: LLG
    energies: tuple[AbstractEnergy, ...]
    first: Array
    count: int = eqx.field(static=True)

    def __init__(
        self,
        wire: LLG,
        count: int,
        first: ArrayLike = 0,
        *,
        energies: Iterable[AbstractEnergy] = (),
    ):
        check_type("wire", wire, LLG, "a jaxstt.LLG")
        nx = wire.grid.shape[0]
        if wire.grid.periodic[0]:
            raise ValueError("`wire` must not be periodic along x, in which the window moves")
        if any(isinstance(e, Demag) for e in wire.energies):
            raise ValueError(
                "`wire` must hold no Demag: that of the window belongs into `energies`, with "
                "`end_domains` for the wire beyond"
            )
        if check_count("count", count) > nx:
            raise ValueError(f"`count` must be at most the {nx} columns of the wire, got {count}")
        start = _whole("first", first)
        if is_concrete(start) and not 0 <= int(start) <= nx - count:
            raise ValueError(f"`first` must be from 0 to {nx - count}, got {int(start)}")
        self.wire, self.count, self.first = wire, int(count), start
        self.energies = tuple(energies)
        self(0)  # says what does not fit together

    @property
    def grid(self) -> Grid:
        """The box, without a mask."""
        wire = self.wire.grid
        return Grid((self.count, *wire.shape[1:]), wire.spacing, wire.periodic)

    def grid_at(self, cells: ArrayLike) -> Grid:
        """The box with the magnet that is in it once it has moved by so many cells."""
        box, mask = self.grid, self.wire.grid.mask
        if mask is None:
            return box
        there = _columns(mask, self.first + _whole("cells", cells), self.count)
        return Grid(box.shape, box.spacing, box.periodic, there)

    def __call__(self, cells: ArrayLike) -> LLG:
        wire, start = self.wire, self.first + _whole("cells", cells)

        def cut(x: Any) -> Any:
            field = eqx.is_array(x) and x.shape[-3:] == wire.grid.shape
            return _columns(x, start, self.count) if field else x

        parts = (wire.Ms, wire.alpha, wire.gamma, wire.energies, wire.torques)
        Ms, alpha, gamma, energies, torques = jax.tree.map(cut, parts)
        known = {"Ms": Ms, "alpha": alpha, "gamma": gamma}
        more = (*energies, *self.energies)
        return LLG(self.grid_at(cells), **known, energies=more, torques=torques)

    def moved(self, cells: ArrayLike) -> "Window":
        """The same window of the same wire, further by so many cells."""
        return eqx.tree_at(lambda w: w.first, self, self.first + _whole("cells", cells))

    def beyond(self, cells: Array) -> Array:
        """Whether any of it lies beyond the wire once it has moved."""
        start = self.first + cells
        return (start < 0) | (start > self.wire.grid.shape[0] - self.count)


def section(field: ArrayLike, cells: ArrayLike, count: int) -> Array:
    """`count` columns of a field (nx, ny, nz) or mask of the whole wire, from column `cells` on.

    For `sample` of `follow`.  Beyond the wire numbers are nan, so that a run stops there, and a
    mask is False.  Raises ValueError for a field of another shape.
    """
    mask = isinstance(field, np.ndarray | Array) and field.dtype == bool
    whole, count = jnp.asarray(field) if mask else leaf("field", field), check_count("count", count)
    start = _whole("cells", cells)
    if whole.ndim != 3 or not 1 <= count <= whole.shape[0]:
        raise ValueError(
            f"`field` must have the shape (nx, ny, nz) with nx >= `count` = {count}, "
            f"got {whole.shape}"
        )
    return _columns(whole, start, count)


def _whole(name: str, value: ArrayLike) -> Array:
    cells = number(name, value)
    if is_concrete(cells) and float(cells) != round(float(cells)):
        raise ValueError(f"`{name}` must be a whole number, got {float(cells):g}")
    return cells.astype(jnp.int32)


def _columns(whole: Array, start: Array, count: int) -> Array:
    """Of (..., nx, ny, nz); nan or False beyond."""
    nx = whole.shape[-3]
    places = start + jnp.arange(count, dtype=jnp.int32)
    inexact = jnp.issubdtype(whole.dtype, jnp.inexact)
    empty = jnp.asarray(jnp.nan if inexact else 0, whole.dtype)
    inside = ((places >= 0) & (places < nx))[:, None, None]
    inside = inside.reshape((1,) * (whole.ndim - 3) + inside.shape)
    return jnp.where(inside, jnp.take(whole, jnp.clip(places, 0, nx - 1), axis=-3), empty)


def end_domains(
    grid: Grid, Ms: ArrayLike, *, length: float, component: str = "z", charge: int = 1
) -> Zeeman:
    """The field of the domains beyond both ends of a window, as an energy for its LLG.

        B = Ms (D_wire - D_window) m,    m = +charge to the left of the wall, -charge to the right

    with D the magnetostatics of the whole wire and of the window, for any wall in the window: what
    the wall is does not change the rest of the wire.  The window's own `Demag` belongs beside it.

    grid: of the window.  Ms: A/m, of the wire beyond, a number or one for each cell of its
    cross-section (ny, nz), 0 where there is none.  length: m, of the whole wire, the window in
    its middle.  With a number the cross-section is that of the window's first and last columns.
    component: along which the domains are magnetised.  charge: +1 or -1, as of the wall's texture.
    Raises ValueError for a length below the window's, a grid that is periodic along x, and as
    `Demag`.
    """
    check_grid(grid)
    check_sign("charge", charge)
    Ms, length = leaf("Ms", Ms, minimum=0), float(number("length", length, above=0))
    if Ms.shape not in ((), grid.shape[1:]) or (is_concrete(Ms) and not np.any(np.asarray(Ms))):
        raise ValueError(
            f"`Ms` must be a number > 0 or of the shape {grid.shape[1:]} of the cross-section, got "
            f"{'0' if Ms.shape in ((), grid.shape[1:]) else f'shape {Ms.shape}'}"
        )
    axis = np.eye(3)[axis_index("component", component)][:, None, None, None]
    nx, dx = grid.shape[0], grid.spacing[0]
    if grid.periodic[0]:
        raise ValueError("`grid` must not be periodic along x, where the domains go on")
    beyond = round((length / dx - nx) / 2)
    if beyond < 0:
        raise ValueError(f"`length` must be >= that of the window, {nx * dx:.3g} m, got {length:g}")
    wire = Grid((nx + 2 * beyond, *grid.shape[1:]), grid.spacing, grid.periodic)
    left = (np.arange(wire.shape[0]) + 0.5 < wire.shape[0] / 2)[:, None, None]
    m = np.broadcast_to(np.where(left, charge, -charge) * axis, (3, *wire.shape)).copy()
    if grid.mask is not None and not Ms.ndim:
        columns = np.clip(np.arange(wire.shape[0]) - beyond, 0, nx - 1)
        m *= np.asarray(grid.mask)[columns]
    part = slice(beyond, beyond + nx)
    box = Grid(grid.shape, grid.spacing, grid.periodic)
    M = jnp.asarray(m, float) * (Ms[None, None] if Ms.ndim else Ms)
    return Zeeman(_stray_field(wire, M)[:, part] - _stray_field(box, M[:, part]))


def _stray_field(grid: Grid, M: Array) -> Array:
    """Of a magnetisation, A/m."""
    field = Demag(grid).field(grid, jnp.ones(()), jnp.zeros(()), M)
    return jnp.asarray(field)
