"""The transpose of one step, by hand.

The step, with y_1 = m, y_{i+1} = m + dt a_i k_i, k_i = f(t_i, y_i, P_i), a = (1/2, 1/2, 1, 0):

    T = m + dt sum_i w_i k_i,   w = (1/6, 1/3, 1/3, 1/6);    new = T/|T|,  F = F(t_5, new)

Its derivatives, written [x] of x, follow from those of T:

    [k_i] = dt (w_i [T] + a_i [y_{i+1}]),   ([y_i], [P_i], [t_i], [parameters]) = [k_i] df_i
    [m] = [T] + sum_i [y_i],                [dt] = sum_i k_i.[k_i]/dt

Only the four y_i are kept between the ways forth and back.  What f computes on the way is computed
again where it is used, stage by stage: JAX would keep all of it, thirty fields a stage, and writing
and reading them takes longer.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import normalise, stored, where_any
from ._held_field_step import AHEAD, WEIGHTS, Numbers, Stages, seen
from ._llg import LLG


class Back(NamedTuple):
    """The derivatives by what went into a step."""

    parameters: Any
    numbers: Numbers | None
    m: Array
    past: Array | None


def transposed_step(
    llg_of: Callable[[Any], LLG],
    parameters: Any,
    full: Array,
    x: Numbers,
    past: Array | None,
    kept: Stages,
    of_new: Array,
    of_held: Array | None,
    timed: bool,
) -> Back:
    """From the derivatives by the new state and its field to those by what the step began with.

    timed: whether also by the `numbers`; what only they need is not computed otherwise.
    """

    def ending(parameters, t, total):
        new = normalise(total)
        return new, None if past is None else llg_of(parameters).held_field(t, new)

    _, pull = jax.vjp(ending, parameters, x.end, kept.total)
    of_parameters, of_end, of_total = pull((of_new, of_held))

    def rate(parameters, t, y, held):
        return llg_of(parameters).rate(t, y, held)

    def stage(carry, i):
        of_next, of_m, of_parameters, of_dt = carry
        ahead, weight = (jnp.asarray(c, of_m.dtype)[i] for c in (AHEAD, WEIGHTS))
        of_k = stored(x.dt * (weight * of_total + ahead * of_next))
        t, y = stored((x.t[i], kept.y[i]))
        held = None
        if kept.fields is not None:
            held = seen(llg_of(parameters), full, i, t, y, kept.fields)
        k, pull = jax.vjp(rate, parameters, t, y, held)
        by_parameters, of_t, of_y, of_field = pull(of_k)
        if kept.fields is not None:
            exact = full & (i > 0)

            def through() -> tuple:
                def field(parameters, t, y):
                    return llg_of(parameters).held_field(t, y)

                _, pull = jax.vjp(field, parameters, t, y)
                more = pull(of_field)
                sums = jax.tree.map(jnp.add, (by_parameters, of_t, of_y), more)
                return *sums, jnp.zeros_like(of_field)

            by_parameters, of_t, of_y, of_field = where_any(
                exact, through, (by_parameters, of_t, of_y, of_field)
            )
        of_parameters = jax.tree.map(jnp.add, of_parameters, by_parameters)
        if timed:
            of_dt = of_dt + jnp.vdot(k, of_k) / x.dt
        return (of_y, of_m + of_y, of_parameters, of_dt), (of_t if timed else None, of_field)

    zero = jnp.zeros_like(of_total)
    begin = (zero, of_total, of_parameters, jnp.zeros_like(x.dt) if timed else None)
    (_, of_m, of_parameters, of_dt), (of_t, of_fields) = lax.scan(
        stage, begin, jnp.arange(4, dtype=jnp.int32), reverse=True
    )
    of_mix, of_past = None, None
    if past is not None:
        assert x.mix is not None
        each = (of_fields[0], of_fields[1] + of_fields[2], of_fields[3])
        if timed:
            of_mix = jnp.stack([jnp.stack([jnp.vdot(f, old) for old in past]) for f in each])
        shares = zip(*x.mix, strict=True)
        of_past = jnp.stack([sum(w * f for w, f in zip(ws, each, strict=True)) for ws in shares])
    by_numbers = None
    if of_t is not None and of_dt is not None:
        by_numbers = Numbers(of_t, of_end, of_dt, of_mix)
    return Back(of_parameters, by_numbers, of_m, of_past)
