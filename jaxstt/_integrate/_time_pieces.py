"""Time cut into pieces that end at the saved times and where a drive bends or jumps.

Between them the right-hand side is smooth, which is what the order of a method and the derivative
of a step rely on: a stage that falls on a bend and sees its other side is wrong by a whole step's
share, in the value where the drive jumps, in the derivative by the drive's times where it bends.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._mesh import breakpoints, longest_step


class Piece(NamedTuple):
    """From `start` on, `length` long, s."""

    start: Array
    length: Array
    margin: Array
    """s; drives are not looked at closer to the ends than that."""

    @property
    def end(self) -> Array:
        """1., in reduced time, or 0. if the piece is empty."""
        return (self.length > 0).astype(self.length.dtype)

    def longest_step(self, drives: Iterable[Any]) -> Array | None:
        """In reduced time, the longest step that misses nothing of the drives; None: any."""
        length = jnp.where(self.length > 0, self.length, 1.0)
        step = longest_step(drives, length)
        return None if step is None else (step / length).astype(self.length.dtype)

    def time(self, t: Array) -> Array:
        """t [s], but within the piece, on this side of bends."""
        margin = jnp.minimum(self.margin, self.length / 2)
        return jnp.clip(t, self.start + margin, self.start + self.length - margin)


class Pieces(NamedTuple):
    """All pieces of a run."""

    start: Array
    """(P,) s."""
    length: Array
    """(P,) s, 0 where a drive bends outside the run or at a saved time."""
    margin: Array
    ends: Array
    """(T - 1,), the piece that ends at each saved time after the first."""
    bend: Array
    """(P,), whether a drive may bend where the piece begins."""

    def __getitem__(self, k: Array) -> Piece:
        return Piece(self.start[k], self.length[k], self.margin)

    @property
    def following(self) -> Array:
        """(P + 1,), the first piece from k on that is not empty; P if there is none."""
        count = self.start.shape[0]
        k = jnp.where(self.length > 0, jnp.arange(count, dtype=jnp.int32), jnp.int32(count))
        return jnp.append(lax.cummin(k, reverse=True), jnp.int32(count))


def cut(times: Array, drives: Iterable[Any]) -> Pieces:
    """The pieces between `times` (T,) [s], increasing, and where the drives bend."""
    bends = breakpoints(drives, times.dtype)
    ends, margin = times, jnp.zeros((), times.dtype)
    if bends.size:
        # A bend that is a saved time, or outside, cuts nothing: an end of its own there would not
        # move with the time, and the derivative by the time would lose what follows.
        k = jnp.clip(jnp.searchsorted(times, bends), 0, times.size - 1)
        cuts = (bends > times[0]) & (bends < times[-1]) & (times[k] != bends)
        ends = jnp.sort(jnp.concatenate([times, jnp.where(cuts, bends, times[0])]))
        margin = 8 * jnp.finfo(times.dtype).eps * jnp.max(jnp.abs(times))
    wanted = (jnp.searchsorted(ends, times[1:]) - 1).astype(jnp.int32)
    bend = jnp.any(ends[:-1, None] == bends[None], axis=1)
    return Pieces(ends[:-1], jnp.diff(ends), margin, wanted, bend)


def integrate(
    advance: Callable[[Any, Piece], Any],
    save: Callable[[Array, Any], Any],
    begin: Any,
    times: Array,
    drives: Iterable[Any],
) -> tuple[Any, Any]:
    """(at the end, saved after times[0] and stacked).

    advance(carry, piece) -> carry at its end; save(t, carry) is kept at each of times[1:].
    Of a drive that bends elsewhere most pieces are empty, `advance` should take no step there
    (a lax.cond here would not batch under a reverse-mode derivative).
    times: (T,) s, increasing.
    """
    pieces = cut(times, drives)

    def one(carry, interval):
        piece = Piece(interval[0], interval[1], pieces.margin)
        carry = advance(carry, piece)
        return carry, save(piece.start + piece.length, carry)

    last, saved = lax.scan(one, begin, (pieces.start, pieces.length))
    if pieces.start.size > times.size - 1:
        saved = jax.tree.map(lambda x: x[pieces.ends], saved)
    return last, saved
