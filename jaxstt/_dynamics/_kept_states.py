"""What is kept of a run, to go back through it.

With n the number of steps taken:

- of every step its place in time is kept (`Taken`, a few numbers), so that it can be repeated
  without asking again how long it should be;
- state and held field of the last R steps, in a ring;
- every `stride` steps a checkpoint: the state and the past fields.  There is room for C of them;
  when they are full every other one is dropped and the stride doubled.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import memory, readable
from ._held_field_step import SLOTS
from ._step_control import Going, Taken

STEPS = 2**20
"""Whose place in time is kept; a longer run has no reverse-mode derivative."""
_RING, _CHECKPOINTS = 1024, 64
_LEAST_RING, _LEAST_CHECKPOINTS = 16, 4
_SHARE = 0.25
"""Of the memory, for states that are kept."""
_WORKING, _WORKING_HELD = 20, 40
"""States that a step back takes besides (11, with magnetostatics 29 to 33; jaxlib 0.10.2)."""
_THINNING = 1.5
"""Half of the checkpoints are copied when they are thinned."""


class Room(NamedTuple):
    """How many states are kept; static."""

    ring: int
    checkpoints: int
    steps: int


class Kept(NamedTuple):
    """What is kept of a run."""

    taken: Taken
    """As many as the run may try, at most STEPS."""
    ring: tuple[Array, Any]
    """State and held field before step n in place n % R; one place more, which is never read."""
    marks: tuple[Array, Any]
    """State and past fields before step i stride, in place i."""
    stride: Array
    count: Array
    """Steps taken."""


def room(m0: Array, holds: bool, tries: int, budget: float | None) -> Room:
    """What the budget (a quarter of the memory) has room for, and no more than pays or is filled.

    Raises ValueError for a budget, B, in which a run cannot go back at all.
    """
    each = m0.size * m0.dtype.itemsize
    steps = min(STEPS, tries)
    in_ring, in_mark = (2, 1 + SLOTS) if holds else (1, 1)
    if budget is None:
        have = memory()
        states = math.inf if have is None else _SHARE * have / each
    else:
        numbers = steps * (5 + 2 * m0.dtype.itemsize)  # of Taken
        in_mark *= _THINNING
        always = in_ring + in_mark + (_WORKING_HELD if holds else _WORKING)
        states = (budget - numbers) / each - always
        least = 2 * max(_LEAST_RING * in_ring, _LEAST_CHECKPOINTS * in_mark)
        if not states >= least:
            needed = readable((always + least) * each + numbers)
            raise ValueError(
                f"`memory` must be at least {needed} to go back through this run, "
                f"got {readable(budget)}"
            )
    count = int(min(_CHECKPOINTS, max(_LEAST_CHECKPOINTS, 0.5 * states / in_mark)))
    count -= count % 2
    left = states - count * in_mark
    ring = int(min(_RING, max(_LEAST_RING, min(steps, left / in_ring))))
    return Room(ring, count, steps)


def nothing(now: Going, size: Room) -> Kept:
    def many(x: Any, count: int) -> Any:
        return None if x is None else jnp.zeros((count, *x.shape), x.dtype)

    one = None if now.past is None else now.past[0]
    number = jnp.zeros(size.steps, now.m.dtype)
    whole = jnp.zeros(size.steps, jnp.int32)
    return Kept(
        taken=Taken(whole, number, number, jnp.zeros(size.steps, bool)),
        ring=(many(now.m, size.ring + 1), many(one, size.ring + 1)),
        marks=(many(now.m, size.checkpoints + 1), many(now.past, size.checkpoints + 1)),
        stride=jnp.asarray(size.ring, jnp.int32),
        count=jnp.zeros((), jnp.int32),
    )


def marked(kept: Kept, now: Going) -> Kept:
    """With a checkpoint, if it is time for one."""
    room_for = kept.marks[0].shape[0] - 1

    def thinned(kept: Kept) -> Kept:
        half = jnp.arange(room_for // 2, dtype=jnp.int32)

        def thin(x: Array | None) -> Array | None:
            return None if x is None else x.at[half].set(x[2 * half])

        return kept._replace(
            marks=(thin(kept.marks[0]), thin(kept.marks[1])), stride=2 * kept.stride
        )

    # A loop and no branch: XLA leaves what a loop does not touch in its place.
    kept = lax.while_loop(lambda kept: now.taken >= room_for * kept.stride, thinned, kept)
    due = now.taken % kept.stride == 0
    place = jnp.where(due, now.taken // kept.stride, room_for)  # the last one is never read

    def put(x: Array | None, value: Array | None) -> Array | None:
        return None if x is None else lax.dynamic_update_index_in_dim(x, value, place, 0)

    return kept._replace(marks=(put(kept.marks[0], now.m), put(kept.marks[1], now.past)))


def noted(kept: Kept, now: Going, step: Taken, active: Array) -> Kept:
    """With the state before a step, and its place in time.

    A step that is not taken is overwritten by the next, or stands behind the last.
    """
    n = now.taken
    taken = jax.tree.map(lambda x, y: x.at[n].set(y.astype(x.dtype)), kept.taken, step)
    held = None if now.past is None else now.past[now.slot]
    return kept._replace(taken=taken, ring=ringed(kept.ring, n, now.m, held, active))


def ringed(ring: tuple, n: Array, m: Array, held: Array | None, active: Any = True) -> tuple:
    length = ring[0].shape[0] - 1
    place = jnp.where(active, n % length, length)

    def put(x: Array | None, value: Array | None) -> Array | None:
        return None if x is None else lax.dynamic_update_index_in_dim(x, value, place, 0)

    return put(ring[0], m), put(ring[1], held)
