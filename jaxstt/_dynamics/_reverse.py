"""Reverse-mode derivative of the default loop: states kept where they fit, else computed again.

Forwards, states and places in time are kept (_kept_states.py, for R and C).  Backwards, steps are
transposed one by one (_transposed_step.py).  Where the ring does not reach, the run is repeated
from the checkpoint before, and the ring filled anew.  A run of N <= R steps is never repeated; one
of N <= R C is once, with memory for R + 3 C states: for a given memory that is N of the order of
its square.  Longer runs are repeated more than once, about N/(2 R C) times; they never fail.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import is_parameter, normalise, where_any, while_any
from .._integrate import RESULTS, Piece, Pieces
from ._held_field_step import NODES, SLOTS, Step, advanced, forth, numbers, store
from ._kept_states import STEPS, Kept, marked, noted, nothing, ringed, room
from ._llg import LLG
from ._step_control import End, Going, Settings, Taken, attempt, begin, longest_step, run
from ._transposed_step import transposed_step


class Inputs(NamedTuple):
    """What a run may be differentiated by."""

    llg: LLG
    m0: Array
    pieces: Pieces
    save: Callable


@eqx.filter_custom_vjp
def run_reverse(inputs: Inputs, settings: Settings, report: Callable) -> tuple[Any, End]:
    """`run`, which can be differentiated backwards."""
    return run(inputs.llg, inputs.m0, inputs.pieces, inputs.save, settings, report)


@run_reverse.def_fwd
def _forward(perturbed, inputs: Inputs, settings: Settings, report: Callable):
    del perturbed
    llg, m0, pieces, save = inputs
    size = room(m0, llg.holds, settings.max_steps * pieces.ends.size, settings.memory)
    longest = longest_step(llg, m0.dtype)
    going = lambda now: (now.result == RESULTS.successful) & (now.taken < STEPS)  # noqa: E731

    def block(both: tuple[Going, Kept], target: Array) -> tuple[Going, Kept]:
        """Up to the next checkpoint or the end of a piece."""
        now, kept = both
        kept = marked(kept, now)
        end = (now.taken // kept.stride + 1) * kept.stride

        def once(both, active):
            now, kept = both
            after, step = attempt(llg, pieces, longest, settings, now, active)
            return after, noted(kept, now, step, active)

        return while_any(
            lambda x: (x[0].piece <= target) & going(x[0]) & (x[0].taken < end), once, (now, kept)
        )

    def until(both, target):
        now, kept = both
        now = now._replace(tries=jnp.zeros((), jnp.int32))
        # A run at its end changes nothing in its block: its inner loop ends at once, for itself.
        now, kept = while_any(
            lambda x: (x[0].piece <= target) & going(x[0]),
            lambda x, _: block(x, target),
            (now, kept),
        )
        t = pieces.start[target] + pieces.length[target]
        report(t)
        return (now, kept), save(t, now.m)

    now = begin(llg, m0, pieces, longest)
    (now, kept), saved = lax.scan(until, (now, nothing(now, size)), pieces.ends)
    over = (
        (now.taken >= STEPS) & (now.result == RESULTS.successful) & (now.piece <= pieces.ends[-1])
    )
    result = RESULTS.where(over, RESULTS.max_steps_reached, now.result)
    return (saved, End(now.m, now.taken, now.rejected, result)), kept._replace(count=now.taken)


class Where(NamedTuple):
    """The numbers of a step that it may be differentiated by."""

    start: Array
    """Of the piece, s."""
    lengths: Array
    """(4,) s, of the pieces of this step and of the three before."""


def _where(pieces: Pieces, taken: Taken, n: Array) -> Where:
    k = taken.piece[jnp.maximum(n - jnp.arange(NODES, dtype=jnp.int32), 0)]
    return Where(pieces.start[k[0]], pieces.length[k])


def _step(where: Where, margin: Array, taken: Taken, n: Array) -> Step:
    """Step n as it was taken."""
    before = jnp.maximum(n - 1 - jnp.arange(NODES - 1, dtype=jnp.int32), 0)
    return Step(
        Piece(where.start, where.lengths[0], margin),
        taken.start[n],
        taken.length[n],
        taken.length[before] * where.lengths[1:],
        n % SLOTS,
        taken.full[n],
    )


class Back(NamedTuple):
    """Where the way back stands."""

    n: Array
    """The step to be transposed next."""
    low: Array
    """The first step that the ring has."""
    ring: tuple[Array, Any]
    past: Any
    m: Array
    """The derivatives by the state after step n, ..."""
    held: Any
    """(SLOTS, ...), ... by its held field and those before, in their slots, ..."""
    llg: Any
    start: Array
    length: Array
    save: Any
    """... and what is collected by the parameters, the times of the pieces and what `save` uses."""


@run_reverse.def_bwd
def _backward(kept, gradient, perturbed, inputs: Inputs, settings: Settings, report: Callable):
    del settings, report
    llg, m0, pieces, save = inputs
    of_saved, _ = gradient
    wanted = jax.tree.map(lambda a, b: a and b, perturbed.llg, is_parameter_leaves(llg))
    parameters, rest = eqx.partition(llg, wanted)
    used, others = eqx.partition(save, perturbed.save)
    timed = any(jax.tree.leaves(perturbed.pieces))
    zeros = lambda tree: jax.tree.map(jnp.zeros_like, tree)  # noqa: E731
    places = kept.ring[0].shape[0] - 1
    size = places - (NODES - 1)
    piece_of = kept.taken.piece
    saves = jnp.full(pieces.start.shape, -1, jnp.int32)
    saves = saves.at[pieces.ends].set(jnp.arange(pieces.ends.size, dtype=jnp.int32))

    def again(back: Back, active: Array) -> Back:
        """The ring filled up to the state before step n."""
        mark = jnp.maximum(back.n - size - NODES + 1, 0) // kept.stride
        first = mark * kept.stride
        m = kept.marks[0][mark]
        past = None if kept.marks[1] is None else kept.marks[1][mark]

        def once(carry, active):
            n, m, past, ring = carry
            ring = ringed(ring, n, m, None if past is None else past[n % SLOTS], active)
            step = _step(_where(pieces, kept.taken, n), pieces.margin, kept.taken, n)
            new, held = advanced(llg, step, m, past)
            # One that has arrived goes on in the same place; its next field's slot is not in use.
            past = None if past is None else store(past, (n + 1) % SLOTS, held)
            return n + active.astype(n.dtype), jnp.where(active, new, m), past, ring

        _, m, past, ring = while_any(
            lambda carry: active & (carry[0] < back.n), once, (first, m, past, back.ring)
        )
        held = None if past is None else past[back.n % SLOTS]
        ring = ringed(ring, back.n, m, held, active)
        low = jnp.where(active, jnp.maximum(back.n - size + 1, 0), back.low)
        return back._replace(ring=ring, low=low)

    def transposed(back: Back, active: Array) -> Back:
        n = back.n
        back = while_any(lambda back: active & (n < back.low), again, back)
        place = lambda k: jnp.maximum(k, 0) % places  # noqa: E731
        m = back.ring[0][place(n)]
        past = back.past
        if past is not None:
            oldest = n - (NODES - 1)
            past = store(past, oldest % SLOTS, back.ring[1][place(oldest)])

        llg_of = lambda parameters: eqx.combine(parameters, rest)  # noqa: E731
        where, full = _where(pieces, kept.taken, n), kept.taken.full[n]

        def of_step(where):
            step = _step(where, pieces.margin, kept.taken, n)
            return numbers(step, m.dtype, past is not None)

        x, back_to_where = jax.vjp(of_step, where)
        stages = forth(llg, full, x, m, past)
        of_m, of_save, of_end = _of_saved(back, normalise(stages.total))
        of_held, held = None, back.held
        if held is not None:
            of_held = held[(n + 1) % SLOTS]
        by = transposed_step(llg_of, parameters, full, x, past, stages, of_m, of_held, timed)
        if held is not None and by.past is not None:
            held = store(held, (n + 1) % SLOTS, jnp.zeros_like(m)) + by.past
        start, length = back.start, back.length
        if timed:
            (by_where,) = back_to_where(by.numbers)
            k = piece_of[jnp.maximum(n - jnp.arange(NODES, dtype=jnp.int32), 0)]
            start = start.at[k[0]].add(by_where.start + of_end)
            length = length.at[k].add(by_where.lengths).at[k[0]].add(of_end)
        after = back._replace(
            n=n - 1,
            m=by.m,
            held=held,
            llg=jax.tree.map(jnp.add, back.llg, by.parameters),
            start=start,
            length=length,
            save=of_save,
        )
        # One that is through keeps what it has; ring and fields it needs no more.
        small = [x._replace(ring=None, past=None) for x in (after, back)]
        chosen = jax.tree.map(lambda x, y: jnp.where(active, x, y), *small)
        return chosen._replace(ring=back.ring, past=past)

    def _of_saved(back: Back, m: Array) -> tuple[Array, Any, Array]:
        """The derivatives after step n with those of what was saved there."""
        k = piece_of[back.n]
        ends = (back.n + 1 == kept.count) | (piece_of[back.n + 1] != k)
        which = saves[k]
        t = pieces.start[k] + pieces.length[k]
        nothing = jnp.zeros((), t.dtype)

        def add() -> tuple[Array, Any, Array]:
            def saved(used, t, m):
                out = eqx.combine(used, others)(t, m)
                return eqx.filter(out, eqx.is_inexact_array)

            out, back_through = jax.vjp(saved, used, t, m)
            some = jax.tree.map(
                lambda x, y: jnp.zeros_like(x) if y is None else y[which],
                out,
                of_saved,
                is_leaf=lambda x: x is None,
            )
            by_used, by_t, by_m = back_through(some)
            return back.m + by_m, jax.tree.map(jnp.add, back.save, by_used), by_t

        return where_any(ends & (which >= 0), add, (back.m, back.save, nothing))

    count = kept.count
    held = None if kept.ring[1] is None else jnp.zeros((SLOTS, *m0.shape), m0.dtype)
    past = None
    if kept.ring[1] is not None:
        # Before the last step: its latest fields, by their slots.  The oldest comes in the loop.
        n = count - 1 - jnp.arange(NODES, dtype=jnp.int32)
        latest = kept.ring[1][jnp.maximum(n, 0) % places]
        past = jnp.zeros((SLOTS, *m0.shape), m0.dtype).at[n % SLOTS].set(latest)
    back = Back(
        n=count - 1,
        low=jnp.maximum(count - size, 0),
        ring=kept.ring,
        past=past,
        m=jnp.zeros_like(m0),
        held=held,
        llg=zeros(parameters),
        start=jnp.zeros_like(pieces.start),
        length=jnp.zeros_like(pieces.length),
        save=zeros(used),
    )
    back = while_any(lambda back: back.n >= 0, transposed, back)
    by_m0 = back.m
    if back.held is not None:  # all past fields were those of m0
        total = jnp.sum(back.held, axis=0)
        _, back_through = jax.vjp(
            lambda p, m: eqx.combine(p, rest).held_field(pieces.start[0], m), parameters, m0
        )
        by_parameters, more = back_through(total)
        back = back._replace(llg=jax.tree.map(jnp.add, back.llg, by_parameters))
        by_m0 = by_m0 + more
    by_pieces = jax.tree.map(lambda _: None, pieces)._replace(start=back.start, length=back.length)
    return Inputs(back.llg, by_m0, by_pieces, back.save)


def convertible(llg: LLG, save: Callable, t: Array, m: Array) -> tuple[LLG, Callable]:
    """Both with what bare functions in them close over as leaves, to be differentiated."""

    def convert(x: Any) -> Any:
        bare = callable(x) and not eqx.is_array(x)
        return eqx.filter_closure_convert(x, t) if bare else x

    return jax.tree.map(convert, llg), eqx.filter_closure_convert(save, t, m)


def is_parameter_leaves(llg: LLG) -> Any:
    """`is_parameter` with a leaf for each leaf of the tree."""
    return jax.tree.map(
        lambda keep, part: jax.tree.map(lambda _: keep, part), is_parameter(llg), llg
    )
