"""The lean loop behind `evolve(solver=FixedStep())`: classical Runge-Kutta at a fixed step.

Explicit steps of the LLG are limited by exchange stability, not by accuracy, so an adaptive step
buys little on a quiet wall; without its machinery a step costs a half to a third (benchmarks/).
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ._check import is_concrete
from ._llg import LLG
from ._stencil import normalise

# Classical Runge-Kutta is stable up to |lambda| dt = 2.78; the estimated rate is an upper one.
_STABLE = 2.4
UNSTABLE = 3.2
"""Steps longer than this over the estimated rate are refused."""


class FixedStep(eqx.Module):
    """Fourth-order Runge-Kutta with a fixed step, normalised after each.

    dt: s; each interval between saved times is cut into equal steps no longer than dt.  By default
    the longest step that is surely stable.
    Derivatives are exact for the discrete map, in forward mode and, by nested checkpoints whose
    memory grows as the square root of the number of steps, in reverse mode.  With
    adjoint=diffrax.ForwardMode() the number of steps may differ from interval to interval and the
    times may be traced.

    Raises ValueError for dt <= 0.
    """

    dt: float | None = eqx.field(static=True, default=None)

    def __check_init__(self):
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"`dt` must be > 0 s, got {self.dt}")

    def steps(self, llg: LLG, times: Any, forward: bool) -> "Steps":
        """How many steps to take: one static number, or (forward) one traced number each."""
        dt = self.dt if self.dt is not None else _STABLE / llg.stiffness()
        if forward:
            spans = jnp.diff(jnp.asarray(times))
            return Steps(None, jnp.maximum(jnp.ceil(spans / dt * (1 - 1e-6)), 1).astype(jnp.int32))
        if not is_concrete(dt) or not is_concrete(times):
            raise ValueError(
                "FixedStep needs a known number of steps: inside jit or vmap give `dt` and times "
                "that are known, or use `adjoint=diffrax.ForwardMode()`"
            )
        longest = float(np.max(np.diff(times)))
        return Steps(max(1, math.ceil(longest / float(dt) * (1 - 1e-6))), None)


class Steps(NamedTuple):
    """Steps per interval: one static number for all, or an array with one each."""

    static: int | None
    traced: Array | None


def run_fixed(
    rate: Callable, m0: Array, times: Array, save: Callable, steps: Steps
) -> tuple[tuple[Any, Array], Array]:
    """((saved after t[0], last state), steps taken in each interval)."""

    nodes = jnp.asarray([0.0, 0.5, 0.5, 1.0], m0.dtype)
    ahead = jnp.asarray([0.5, 0.5, 1.0, 0.0], m0.dtype)
    weights = jnp.asarray([1 / 6, 1 / 3, 1 / 3, 1 / 6], m0.dtype)

    def step(m: Array, t: Array, dt: Array) -> Array:
        # The stages are a loop, not a list: written out, XLA's CPU fusion follows the stencil
        # through all four and computes every stage again for each neighbour (ten times slower).
        def stage(carry, coefficients):
            y, total = carry
            node, step_ahead, weight = coefficients
            k = rate(t + node * dt, y)
            return (m + (dt * step_ahead) * k, total + (dt * weight) * k), None

        (_, total), _ = lax.scan(stage, (m, m), (nodes, ahead, weights))
        return normalise(total)

    def interval(m, inputs):
        start, length, count = inputs
        if steps.static is None:
            dt = length / count.astype(length.dtype)
            m = lax.fori_loop(
                0, count, lambda i, m: step(m, start + i.astype(dt.dtype) * dt, dt), m
            )
        else:
            dt = length / steps.static
            m = _checkpointed(
                lambda m, i: step(m, start + i.astype(dt.dtype) * dt, dt), m, steps.static
            )
        return m, save(start + length, m)

    spans = jnp.diff(times)
    counts = steps.traced
    if counts is None:
        counts = jnp.full(spans.shape, steps.static or 1, jnp.int32)
    last, saved = lax.scan(interval, m0, (times[:-1], spans, counts))
    return (saved, last), counts


def _checkpointed(step: Callable, m: Array, count: int) -> Array:
    """`count` steps; reverse mode stores about 2 sqrt(count) states."""
    inner = max(1, math.isqrt(count))
    outer, rest = divmod(count, inner)

    def block(m, first, length):
        one = jax.checkpoint(lambda m, i: (step(m, first + i), None))
        return lax.scan(one, m, jnp.arange(length))[0]

    if outer:
        many = jax.checkpoint(lambda m, k: (block(m, k * inner, inner), None))
        m, _ = lax.scan(many, m, jnp.arange(outer))
    return block(m, outer * inner, rest) if rest else m
