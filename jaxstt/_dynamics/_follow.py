"""A window that goes with a wall: a short grid stands for a wire of any length.

When the wall has moved by a cell or more, the magnetisation is shifted back by whole cells, and the
last column of the domain is repeated at the end that is left open: near a wall it is tilted by some
1e-4, and a wall must not feel when it is shifted.  Nothing is interpolated.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from diffrax import AbstractAdjoint, ForwardMode
from jax import Array, lax

from .._core import ArrayLike, axis_index, is_concrete, normalise
from .._integrate import RESULTS, check_times, naming_the_adjoint
from .._mesh import Grid, within
from .._observe import WallState, WallTracker
from ._evolve import check_state, evolve
from ._llg import LLG, check_llg, warn
from ._thermal import Thermal, check_thermal
from ._window import Window


class Followed(NamedTuple):
    """What `follow` returns."""

    t: Array
    """Times, s, (T,)."""
    wall: WallState
    """Of the wall, (T,); its position, m, counts from the left end of the first window."""
    cells: Array
    """How many cells the window has moved along +x, (T,)."""
    kept: Any
    """What `save(t, m)` returned of m in the window, stacked along T; None without."""
    m: Array
    """The last state in the window, (3, nx, ny, nz)."""
    result: RESULTS
    """RESULTS.successful, or why the run stopped."""
    steps: Array
    """How many steps were taken."""


def follow(
    sample: LLG | Callable[[Array], LLG],
    m0: ArrayLike,
    t: ArrayLike,
    *,
    component: str = "z",
    save: Callable[[Array, Array], Any] | None = None,
    thermal: Thermal | None = None,
    moves: ArrayLike | None = None,
    solver: Any = None,
    rtol: float | None = None,
    atol: float | None = None,
    adjoint: AbstractAdjoint | None = None,
    max_steps: int | None = None,
    throw: bool = True,
) -> Followed:
    """Integrate the LLG in a window along x that keeps the wall in its middle.

    sample: the `LLG` in the window, of a wire that is the same all along and has no end; a
    `Window` of a wire that is not; or `sample(cells)`, the LLG once the window has moved by so many
    cells (a traced whole number, negative to the left), whose shape must not depend on them.
    m0: (3, nx, ny, nz), with one wall.  t: s, increasing, two or more.  At each of these times but
    the last the window moves by whole cells; in between the wall must not come near an end.
    component: that the wall reverses.  save: as in `evolve`.
    thermal, solver, rtol, atol, adjoint, max_steps, throw: as in `evolve`; each interval has its
    own noise.
    moves: (T - 1,) cells that the window moves before each interval, in place of those that follow
    the wall.  Where the window is makes a difference of some 1e-6; a derivative is that of a run
    whose moves are given.

    In-plane walls, and perpendicular ones with magnetostatics, feel the ends of the window:
    `end_domains` takes that away.
    Returns a `Followed`.
    Raises ValueError as `evolve`, RuntimeError where the wall leaves the window, or the window a
    `Window`'s wire.
    """
    axis_index("component", component)
    first = sample if isinstance(sample, LLG) else _called(sample)
    check_llg(first)
    m0 = check_state(first, m0)
    warn(first, m0)
    check_thermal(thermal, first, m0)
    if first.grid.periodic[0]:
        raise ValueError("`sample` must not be periodic along x, in which the window moves")
    times = jnp.asarray(check_times(t, m0.dtype))
    if is_concrete(m0) and not bool(_has_wall(first.grid, m0, component)):
        raise ValueError(
            f"`m0` must hold one wall: m_{component} has the same sign at both ends of the window"
        )
    if moves is not None:
        moves = jnp.asarray(moves)
        if moves.shape != (times.size - 1,) or not jnp.issubdtype(moves.dtype, jnp.integer):
            raise ValueError(
                f"`moves` must be {times.size - 1} whole numbers, one for each interval, "
                f"got {moves.dtype} of shape {moves.shape}"
            )
        moves = moves.astype(jnp.int32)
    settings = {"solver": solver, "rtol": rtol, "atol": atol, "adjoint": adjoint}
    settings["max_steps"] = max_steps
    return naming_the_adjoint(
        "follow",
        lambda: _follow(sample, m0, times, component, save, thermal, moves, settings, throw),
    )


def _called(sample: Any) -> LLG:
    if not callable(sample):
        raise ValueError(f"`sample` must be an LLG or a function, got {type(sample).__name__}")
    llg = sample(jnp.zeros((), jnp.int32))
    if not isinstance(llg, LLG):
        raise ValueError(f"`sample` must return an LLG, got {type(llg).__name__}")
    return llg


@eqx.filter_jit
def _follow(sample, m0, times, component, save, thermal, moves, settings, throw) -> Followed:
    def at(cells: Array) -> LLG:
        return sample if isinstance(sample, LLG) else sample(cells)

    def wall_of(t: Array, m: Array, grid: Grid) -> WallState:
        return WallTracker(grid, component)(t, m)

    def seen(t: Array, m: Array, cells: Array, grid: Grid) -> tuple[WallState, Array, Any]:
        wall = wall_of(t, m, grid)
        gone = cells.astype(m.dtype) * grid.spacing[0]
        there = wall._replace(position=wall.position + gone)
        return there, cells, None if save is None else save(t, m)

    def one(carry: tuple, now: tuple) -> tuple[tuple, tuple]:
        m, cells, result, steps = carry
        k, begin, end, given = now
        grid = at(cells).grid
        by = _off_the_middle(grid, wall_of(begin, m, grid)) if given is None else given
        cells = cells + by
        llg = at(cells)
        m = _shifted(llg.grid, m, by)
        noise = None if thermal is None else thermal.piece(k)
        run = evolve(
            llg, m, jnp.stack([begin, end]), thermal=noise, save=None, throw=False, **settings
        )
        m = run.m[-1]
        ended = run.result
        if isinstance(sample, Window):
            ended = RESULTS.where(sample.beyond(cells), RESULTS.wire_ends, ended)
        result = RESULTS.where(result == RESULTS.successful, ended, result)
        lost = (result == RESULTS.successful) & ~_has_wall(llg.grid, m, component)
        result = RESULTS.where(lost, RESULTS.wall_left, result)
        steps = steps + run.stats["num_steps"]
        return (m, cells, result, steps), seen(end, m, cells, llg.grid)

    # Reverse mode would keep every step of every interval: one interval at a time is enough.
    forward = isinstance(settings["adjoint"], ForwardMode)
    body = one if forward else jax.checkpoint(one)
    none = jnp.zeros((), jnp.int32)
    numbers = jnp.arange(times.size - 1, dtype=jnp.int32)
    (m, _, result, steps), later = lax.scan(
        body, (m0, none, RESULTS.successful, none), (numbers, times[:-1], times[1:], moves)
    )
    begin = seen(times[0], m0, none, at(none).grid)
    rows = jax.tree.map(lambda a, b: jnp.concatenate([jnp.asarray(a)[None], b]), begin, later)
    if throw:
        rows = result.error_if(rows, result != RESULTS.successful)
    wall, cells, kept = rows
    return Followed(times, wall, cells, kept, m, result, steps)


def _off_the_middle(grid: Grid, wall: WallState) -> Array:
    """By how many cells a wall is ahead of the middle of the window."""
    nx, dx = grid.shape[0], grid.spacing[0]
    ahead = jnp.round(lax.stop_gradient(wall.position) / dx - nx / 2).astype(jnp.int32)
    return jnp.clip(ahead, -nx, nx)


def _shifted(grid: Grid, m: Array, by: Array) -> Array:
    """m moved back by so many cells, in the magnet that is there then."""
    nx = grid.shape[0]
    m = m[:, jnp.clip(jnp.arange(nx, dtype=jnp.int32) + by, 0, nx - 1)]
    if grid.mask is None:
        return m
    # A column that comes in may be wider than the one it repeats.
    mean = normalise(jnp.sum(m, axis=(2, 3), keepdims=True))
    empty = jnp.all(m == 0, axis=0, keepdims=True)
    return within(grid, jnp.where(empty, mean, m))


def _has_wall(grid: Grid, m: Array, component: str) -> Array:
    """Whether the domains at the two ends are opposite."""
    c = axis_index("component", component)
    ends = jnp.sum(m[c], axis=(1, 2))
    return ends[0] * ends[-1] < 0
