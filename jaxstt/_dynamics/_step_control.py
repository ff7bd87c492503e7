"""The default loop behind `evolve`: as long as stability allows, shorter where the error asks."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import peak, stored, where_any, while_any
from .._integrate import RESULTS, Piece, Pieces
from ._held_field_step import SLOTS, Step, runge_kutta, store
from ._llg import LLG

STABLE = 2.4
"""Classical Runge-Kutta is stable up to |lambda| dt = 2.78; the estimated rate is an upper one."""
_RESOLVED, _RESOLVED_HELD = 0.3, 0.12
"""rad that a uniform state turns in a step at most; a turn by phi, however small its cone, is then
right to 7e-5 phi, by Runge-Kutta (z^4/120) and by a field that is extrapolated (0.35 z^4).  What
damps or drives it falsely is as small, and extrapolating is stable (up to z = 0.43)."""
_EVENLY = 2.5
"""Times the shortest of the last steps, to what length the past is extrapolated."""
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 2.0
_ERROR = 2.0
"""Of dt |k4 - k5|; see _held_field_step.py."""
_LOST = 1e-9
"""Of the longest step: where a state is not finite, the step that ends the run."""


class Settings(NamedTuple):
    """How to step; static."""

    tolerance: float
    """Of the error of m in one step."""
    max_steps: int
    """Between two saved times."""
    memory: float | None = None
    """Bytes for a run and the way back through it."""


class Going(NamedTuple):
    """Where a run stands."""

    m: Array
    rate: Array
    """dm/dt at m, of this side of a bend."""
    past: Array | None
    """(SLOTS, 3, nx, ny, nz) T, the held field at the last states; the latest in slot `taken`."""
    gaps: Array
    """(3,) s, the lengths of the last steps, the latest first."""
    smooth: Array
    """How many steps there have been since the last bend or rejected step."""
    piece: Array
    s: Array
    """Reduced time in the piece."""
    wish: Array
    """s, how long a step the error allows."""
    tries: Array
    """Since the last saved time."""
    taken: Array
    rejected: Array
    result: RESULTS

    @property
    def slot(self) -> Array:
        return self.taken % SLOTS


class End(NamedTuple):
    """How a run ended."""

    m: Array
    taken: Array
    rejected: Array
    result: RESULTS


class Taken(NamedTuple):
    """What is to be known of a step to repeat it."""

    piece: Array
    start: Array
    length: Array
    full: Array


def longest_step(llg: LLG, dtype: Any) -> Array:
    """The longest step, s, that is stable and resolves how a uniform state turns."""
    resolved = _RESOLVED_HELD if llg.holds else _RESOLVED
    rate = jnp.maximum(llg.stiffness() / STABLE, llg.precession() / resolved)
    return (1 / rate).astype(dtype)


def begin(llg: LLG, m0: Array, pieces: Pieces, longest: Array) -> Going:
    first = pieces.following[0]
    t = pieces[first].time(pieces.start[first])
    held = llg.held_field(t, m0) if llg.holds else None
    rate = llg.rate(t, m0, held)
    zero = jnp.zeros((), jnp.int32)
    fine = jnp.all(jnp.isfinite(rate))
    return Going(
        m=m0,
        rate=rate,
        past=None if held is None else jnp.broadcast_to(held, (SLOTS, *held.shape)),
        gaps=jnp.zeros(3, m0.dtype),
        smooth=zero,
        piece=first,
        s=jnp.zeros((), m0.dtype),
        wish=longest,
        tries=zero,
        taken=zero,
        rejected=zero,
        result=RESULTS.where(fine, RESULTS.successful, RESULTS.not_finite),
    )


def attempt(
    llg: LLG, pieces: Pieces, longest: Array, settings: Settings, now: Going, active: Array
) -> tuple[Going, Taken]:
    """(after one more step, or a shorter one wished for; the step).  Unless active, as it was."""
    piece = pieces[now.piece]
    step = lax.stop_gradient(_planned(llg, piece, longest, now))
    # Its lengths in seconds depend on the times of the run, those in reduced time on nothing.
    step = step._replace(piece=piece, gaps=now.gaps)
    rate = now.rate
    if llg.drives():  # it may have changed since the last piece
        held = None if now.past is None else now.past[now.slot]
        zero = jnp.zeros((), now.m.dtype)
        fresh = lambda: llg.rate(step.time(zero), now.m, held)  # noqa: E731
        rate = where_any(now.s == 0, fresh, rate)
    m, k4 = runge_kutta(llg, step, now.m, rate, now.past)
    end = step.time(jnp.ones((), m.dtype))
    held = llg.held_field(end, m) if llg.holds else None
    k5 = stored(llg.rate(end, m, held))  # else the error below computes it a second time
    error = lax.stop_gradient(_ERROR * step.dt * peak(k4 - k5))
    good = (error <= settings.tolerance) & active
    after = _judged(pieces, longest, settings, now, step, error, good)
    after = jax.tree.map(lambda new, old: jnp.where(active, new, old), after, now)
    after = after._replace(
        m=jnp.where(good, m, now.m),
        rate=jnp.where(good, k5, rate),
        # A step that is not taken leaves it in the one slot that is not in use.
        past=None if held is None else store(now.past, (now.taken + 1) % SLOTS, held),
    )
    return after, Taken(now.piece, step.start, step.length, step.full)


def _planned(llg: LLG, piece: Piece, longest: Array, now: Going) -> Step:
    """The next step: equal ones up to the end of the piece, as long as is wished and allowed."""
    wish = jnp.minimum(now.wish, longest) / piece.length
    most = piece.longest_step(llg.drives())
    if most is not None:
        wish = jnp.minimum(wish, most)
    left = 1 - now.s
    # The tolerance keeps equal intervals equal in spite of rounding.
    count = jnp.ceil(left / wish * (1 - 1e-5))
    length = jnp.where(count > 1, left / jnp.maximum(count, 1), left).astype(now.m.dtype)
    evenly = length * piece.length <= _EVENLY * jnp.min(now.gaps)
    full = ~((now.smooth >= 3) & evenly)
    return Step(piece, now.s, length, now.gaps, now.slot, full)


def _judged(
    pieces: Pieces,
    longest: Array,
    settings: Settings,
    now: Going,
    step: Step,
    error: Array,
    good: Array,
) -> Going:
    """All but the state."""
    one, dt = jnp.ones((), jnp.int32), step.dt
    finite = jnp.isfinite(error)
    ratio = settings.tolerance / jnp.maximum(jnp.where(finite, error, jnp.inf), 1e-30)
    factor = jnp.where(finite, jnp.clip(_SAFETY * ratio**0.25, _SHRINK, _GROW), _SHRINK)
    # A step that failed with an extrapolated field is tried again with the field itself.
    retry = ~good & ~step.full & finite
    wish = lax.stop_gradient(jnp.where(retry, dt, dt * factor).astype(now.wish.dtype))
    last = step.start + step.length >= 1
    piece = jnp.where(good & last, pieces.following[now.piece + 1], now.piece)
    bend = last & pieces.bend[jnp.minimum(piece, jnp.int32(pieces.bend.shape[0] - 1))]
    tries = now.tries + 1
    result = now.result
    result = RESULTS.where(~finite & (wish < _LOST * longest), RESULTS.not_finite, result)
    unfinished = ~good | (piece == now.piece)
    result = RESULTS.where(
        unfinished & (tries >= settings.max_steps) & (result == RESULTS.successful),
        RESULTS.max_steps_reached,
        result,
    )
    zero = jnp.zeros((), jnp.int32)
    return now._replace(
        gaps=jnp.where(good, jnp.roll(now.gaps, 1).at[0].set(dt), now.gaps),
        smooth=jnp.where(good & ~bend, now.smooth + one, zero),
        piece=piece,
        s=jnp.where(good, jnp.where(last, 0.0, step.start + step.length), now.s).astype(
            now.s.dtype
        ),
        wish=wish,
        tries=tries,
        taken=now.taken + good.astype(jnp.int32),
        rejected=now.rejected + (~good).astype(jnp.int32),
        result=result,
    )


def run(
    llg: LLG, m0: Array, pieces: Pieces, save: Callable, settings: Settings, report: Callable
) -> tuple[Any, End]:
    """(saved at the ends of `pieces.ends`, the end).  report(t): called there."""
    longest = longest_step(llg, m0.dtype)

    def until(now: Going, target: Array) -> tuple[Going, Any]:
        now = while_any(
            lambda now: (now.piece <= target) & (now.result == RESULTS.successful),
            lambda now, active: attempt(llg, pieces, longest, settings, now, active)[0],
            now._replace(tries=jnp.zeros((), jnp.int32)),
        )
        t = pieces.start[target] + pieces.length[target]
        report(t)
        return now, save(t, now.m)

    now, saved = lax.scan(until, begin(llg, m0, pieces, longest), pieces.ends)
    return saved, End(now.m, now.taken, now.rejected, now.result)
