"""One step of the default method: Runge-Kutta with the costly field computed once.

Magnetostatics takes nine tenths of a right-hand side and changes slowly from step to step, as the
step is limited by exchange.  Hence, with F the costly ("held") part of B and Q the rest:

    P(t) = the cubic through F at the states t_n, t_{n-1}, t_{n-2}, t_{n-3}
    m_{n+1} = classical Runge-Kutta of dm/dt = f(t, m, Q(t, m) + P(t)),  then |m| = 1
    F_{n+1} = F(m_{n+1})

P is off by O(dt^4), as is the method, so that the order stays 4.  In the rare step whose past is
not smooth (at the start, behind a bend of a drive, where the estimate below is too large) F is
computed at every stage: `full`.

The error is estimated by e = 2 dt max|k_4 - k_5|, k_4 the rate at the last stage and k_5 that at
the new state, with F_{n+1}.  For z = lambda dt it is z^4/6 where the step is off by z^5/120, on the
safe side by 20/z.  To it comes the defect 2 dt (F - P) at the end of the step, of which 0.35 is
what it does to the step (251/720, the error constant of Adams and Bashforth).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import normalise, where_any
from .._integrate import Piece
from ._llg import LLG

SLOTS = 5
"""Past fields in store: four in use, one to write the next into."""
NODES = SLOTS - 1
PARTS = np.array([0.0, 0.5, 0.5, 1.0])
AHEAD = np.array([0.5, 0.5, 1.0, 0.0])
WEIGHTS = np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6])
"""Of the four stages: where in the step each stands, how far from its start the rate there leads to
the next, and what it counts."""
_FIELD = np.array([0, 1, 1, 2])
"""Which held field a stage sees: that at the start, the middle or the end."""


class Step(NamedTuple):
    """Where a step stands in time."""

    piece: Piece
    start: Array
    """In reduced time of the piece."""
    length: Array
    """Likewise."""
    gaps: Array
    """(3,) s, the lengths of the last three steps, the latest first."""
    slot: Array
    """Where among the past fields the latest lies."""
    full: Array
    """Whether the held field is computed at every stage."""

    @property
    def dt(self) -> Array:
        """s."""
        return self.length * self.piece.length

    def time(self, part: Array) -> Array:
        """s, for a part of the step from 0 to 1."""
        s = self.start + part * self.length
        return self.piece.time(self.piece.start + s * self.piece.length)


def extrapolation(step: Step, parts: Array) -> Array:
    """(len(parts), SLOTS): the weights of the past fields in P at these parts of the step."""
    dt = step.dt
    # Where it is not used it must be finite, or so will not be the derivative.
    gaps = jnp.where(step.full, jnp.ones_like(step.gaps), step.gaps / jnp.where(step.full, 1.0, dt))
    nodes = -jnp.concatenate([jnp.zeros(1, gaps.dtype), jnp.cumsum(gaps)])
    apart = nodes[:, None] - nodes[None, :]
    same = np.eye(NODES, dtype=bool)
    # Lagrange: the product over the others of (x - x_k)/(x_j - x_k)
    ratios = (parts[:, None, None] - nodes[None, None, :]) / jnp.where(same, 1.0, apart)[None]
    lagrange = jnp.prod(jnp.where(same[None], 1.0, ratios), axis=2)
    places = (step.slot - jnp.arange(NODES, dtype=jnp.int32)) % SLOTS
    return jnp.zeros((parts.shape[0], SLOTS), gaps.dtype).at[:, places].set(lagrange)


def runge_kutta(llg: LLG, step: Step, m: Array, k1: Array, past: Any) -> tuple[Array, Array]:
    """(the new state, the rate at the last stage).  past: (SLOTS, 3, nx, ny, nz)."""
    dt = step.dt.astype(m.dtype)
    parts, ahead, weights = (jnp.asarray(x[1:], m.dtype) for x in (PARTS, AHEAD, WEIGHTS))
    if past is not None:
        mix = extrapolation(step, jnp.asarray([0.5, 1.0], m.dtype)).astype(m.dtype)
        extrapolated = [_mixed(w, past) for w in mix]

    # The stages are a loop, not a list: written out, XLA's CPU fusion follows the stencil
    # through all of them and computes every stage again for each neighbour (ten times slower).
    def stage(carry, coefficients):
        y, total, _ = carry
        part, step_ahead, weight = coefficients
        t = step.time(part)
        held = None
        if past is not None:
            near = lax.cond(part > 0.75, lambda: extrapolated[1], lambda: extrapolated[0])
            held = where_any(step.full, lambda: llg.held_field(t, y), near)
        k = llg.rate(t, y, held)
        return (m + (dt * step_ahead) * k, total + (dt * weight) * k, k), None

    begin = (m + (dt / 2) * k1, m + (dt / 6) * k1, k1)
    (_, total, k4), _ = lax.scan(stage, begin, (parts, ahead, weights))
    return normalise(total), k4


def _mixed(weights: Array, past: Array) -> Any:
    """P at one place, from what `extrapolation` gives for it."""
    return sum(weights[j] * past[j] for j in range(SLOTS))


class Numbers(NamedTuple):
    """What a step depends on besides states and parameters."""

    t: Array
    """(4,) s, of the stages."""
    end: Array
    """s"""
    dt: Array
    """s"""
    mix: Array | None
    """(3, SLOTS): the fields at the beginning, the middle and the end, of the past ones."""


class Stages(NamedTuple):
    """What a step computes on its way."""

    y: Array
    """(4, 3, nx, ny, nz)"""
    total: Array
    """The new state before |m| = 1."""
    fields: Array | None
    """(3, 3, nx, ny, nz) T"""


def numbers(step: Step, dtype: Any, holds: bool) -> Numbers:
    mix = None
    if holds:
        now = jax.nn.one_hot(step.slot, SLOTS, dtype=dtype)[None]
        ahead = extrapolation(step, jnp.asarray([0.5, 1.0], dtype)).astype(dtype)
        mix = jnp.concatenate([now, ahead])
    t = jax.vmap(step.time)(jnp.asarray(PARTS, dtype))
    return Numbers(t, t[-1], step.dt.astype(dtype), mix)


def forth(llg: LLG, full: Array, x: Numbers, m: Array, past: Array | None) -> Stages:
    """The stages of a step whose first rate is not known."""
    fields = None
    if past is not None:
        assert x.mix is not None
        fields = jnp.stack([_mixed(w, past) for w in x.mix])

    def stage(carry, i):
        y, total = carry
        held = None if fields is None else seen(llg, full, i, x.t[i], y, fields)
        k = llg.rate(x.t[i], y, held)
        step, weight = (x.dt * jnp.asarray(c, m.dtype)[i] for c in (AHEAD, WEIGHTS))
        return (m + step * k, total + weight * k), y

    (_, total), y = lax.scan(stage, (m, m), jnp.arange(4, dtype=jnp.int32))
    return Stages(y, total, fields)


def seen(llg: LLG, full: Array, i: Array, t: Array, y: Array, fields: Array) -> Array:
    """The held field at stage i."""
    near = fields[jnp.asarray(_FIELD, jnp.int32)[i]]
    return where_any(full & (i > 0), lambda: llg.held_field(t, y), near)


def advanced(llg: LLG, step: Step, m: Array, past: Any) -> tuple[Array, Any]:
    """(the new state, its held field)."""
    x = numbers(step, m.dtype, past is not None)
    new = normalise(forth(llg, step.full, x, m, past).total)
    return new, None if past is None else llg.held_field(x.end, new)


def store(past: Any, slot: Array, held: Array) -> Array:
    """The past fields with one of them replaced."""
    return lax.dynamic_update_index_in_dim(past, held, slot, 0)
