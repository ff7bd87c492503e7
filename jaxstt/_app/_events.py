"""[events]: what may happen in a run, at one of its saved times, and whether it ends there."""

from collections.abc import Container
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import axis_index
from .._dynamics import LLG, Window, rhs
from .._mesh import Grid, breakpoints, swings
from .._observe import WallTracker, count_walls, find_core, vortex_core
from ._arguments import one_of

_DO = ("stop", "mark")
_REST = 1e-5
"""T; max |dm/dt|/gamma below which a magnet is at rest."""
_SAME = 1e-3
"""Part by which velocity and angle, rad, of a wall may change where it is steady."""
_FEWEST = 6
"""Saved times over which it must not."""
_HIDDEN = "_event_"


class EventKeys(NamedTuple):
    """The keys of [events]; each "stop" or "mark"."""

    wall_left: str | None = None
    """No wall is left in the wire; a window has come to its end."""
    steady: str | None = None
    """At rest, or a wall whose velocity and angle will change no more."""
    core_reversal: str | None = None
    """The polarity of the vortex core has changed."""


class Event(NamedTuple):
    """What happened."""

    row: int
    """Saved time, by number."""
    name: str
    stops: bool


def check_events(keys: EventKeys, grid: Grid, m0: Array, component: str) -> None:
    """ValueError for another word, and for what the start does not have."""
    for name, value in keys._asdict().items():
        if value is not None:
            one_of(name, value, _DO)
    if keys.wall_left is not None and not int(count_walls(grid, m0, axis_index("c", component))):
        raise ValueError(f"`wall_left` needs a wall in the start, where m_{component} changes sign")
    if keys.core_reversal is not None:
        vortex_core(grid, m0)  # says why there is none


def watched(
    keys: EventKeys, sample: LLG | Window, t: Array, m: Array, cells: Array, component: str
) -> dict[str, np.ndarray]:
    """Columns that `happened` reads, (T,) each, of these states."""
    if not any(keys):
        return {}
    names = tuple(name for name, value in keys._asdict().items() if value is not None)
    found = _watched(sample, t, m, cells, component, names)
    return {_HIDDEN + name: np.asarray(column) for name, column in found.items()}


@eqx.filter_jit
def _watched(
    sample: LLG | Window, t: Array, m: Array, cells: Array, component: str, names: tuple[str, ...]
) -> dict[str, Array]:
    axis = axis_index("component", component)

    def one(now: tuple[Array, Array, Array]) -> dict[str, Array]:
        time, state, gone = now
        llg = sample if isinstance(sample, LLG) else sample(gone)
        found = {"walls": count_walls(llg.grid, state, axis)}
        if "steady" in names:
            rate = jnp.sqrt(jnp.sum(rhs(llg, time, state) ** 2, axis=0))
            wall = WallTracker(llg.grid, component)(time, state)
            found["rate"] = jnp.max(rate) / llg.gamma
            bends = jnp.max(breakpoints(llg.drives(), time.dtype), initial=-jnp.inf)
            fastest = sum(map(jnp.max, swings(llg.drives())), jnp.zeros(()))
            found["settled"] = (time >= bends) & (fastest == 0)
            found["place"] = wall.position + gone.astype(m.dtype) * llg.grid.spacing[0]
            found["angle"] = wall.angle
            # v changes by this much until the angle is at rest, see `_is_steady`.
            found["lag"] = wall.width * _largest_in_the_magnet(llg)
        if "core_reversal" in names:
            core, missing = find_core(llg.grid, state)
            found["polarity"] = jnp.where(missing, 0.0, core.polarity)
        return found

    return lax.map(one, (t, m, cells))


def _largest_in_the_magnet(llg: LLG) -> Array:
    """Of 1/alpha~; fields may be anything in vacuum."""
    a, b = llg.response()
    slow, mask = a / jnp.maximum(b, 1e-12), llg.grid.mask
    if not slow.ndim:
        return slow
    slow = slow if mask is None else jnp.where(mask, slow, 0.0)
    return jnp.max(jnp.where(llg.Ms > 0, slow, 0.0))


def hidden(column: str) -> bool:
    """Whether it is no column of the table."""
    return column.startswith(_HIDDEN)


def happened(
    keys: EventKeys, record: dict[str, np.ndarray], first: int = 0, known: Container[str] = ()
) -> list[Event]:
    """Events from row `first` on, up to the one that stops.

    known: names of those before; wall_left and steady happen once.
    """
    if not any(keys):
        return []
    seen = {k.removeprefix(_HIDDEN): v for k, v in record.items() if hidden(k)}
    rows = np.arange(first, record["t"].size)
    found: list[tuple[int, str]] = []
    if keys.wall_left is not None and "wall_left" not in known:
        found += [(int(k), "wall_left") for k in rows[seen["walls"][first:] == 0][:1]]
    if keys.core_reversal is not None:
        found += [(k, "core_reversal") for k in _reversals(seen["polarity"]) if k >= first]
    if keys.steady is not None and "steady" not in known:
        steady = (k for k in rows if _is_steady(record["t"], seen, int(k)))
        found += [(int(k), "steady") for k in [next(steady, None)] if k is not None]
    events = [Event(k, name, getattr(keys, name) == "stop") for k, name in sorted(found)]
    ends = next((i for i, event in enumerate(events) if event.stops), len(events))
    return events[: ends + 1]


def _reversals(polarity: np.ndarray) -> list[int]:
    """Rows at which a core is there for the second time in a row, turned over; 0: no core.

    A vortex that is driven out throws up spikes that pass for a core at one time.
    """
    there = np.flatnonzero(polarity)
    twice = there[1:][(np.diff(there) == 1) & (np.diff(polarity[there]) == 0)]
    if not twice.size:
        return []
    before = np.append(polarity[there[0]], polarity[twice][:-1])
    return twice[polarity[twice] != before].tolist()


def _is_steady(t: np.ndarray, seen: dict[str, np.ndarray], row: int) -> bool:
    """By what is known at this row; while the drives will still change nothing is steady.

    That a velocity has not changed in the last quarter of a run says nothing if the run is shorter
    than the wall's own time.  But what it will change by is known: its angle is pushed by what the
    velocity lacks, alpha Q qdot/lambda + phidot = the force, so that

        |v at rest of the angle - v| = (lambda/alpha) |phidot|
    """
    if row and seen["settled"][row - 1] and seen["rate"][row] < _REST:
        return True
    begin = int(np.searchsorted(t, t[row] - (t[row] - t[0]) / 4))
    late = slice(min(begin, row - _FEWEST + 1), row + 1)
    if row + 1 < 2 * _FEWEST or not np.all((seen["walls"] == 1)[late] & seen["settled"][late]):
        return False
    now, angle = t[late], np.unwrap(seen["angle"][late])
    speed = np.diff(seen["place"][late]) / np.diff(now)
    fastest = np.abs(speed).max()
    if np.ptp(speed) > _SAME * fastest or np.ptp(angle) > _SAME:
        return False
    turning = np.polyfit((now - now[0]) / (now[-1] - now[0]), angle, 1)[0] / (now[-1] - now[0])
    return bool(abs(turning) * seen["lag"][row] < _SAME * fastest)
