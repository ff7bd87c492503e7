"""The lean loop behind `evolve(solver=FixedStep())`: classical Runge-Kutta at a fixed step.

Explicit steps of the LLG are limited by exchange stability, not by accuracy, so an adaptive step
buys little on a quiet wall; without its machinery a step costs a half to a third (benchmarks/).
"""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import equinox.internal as eqxi
import jax.numpy as jnp
from jax import Array, lax

from .._core import normalise
from .._integrate import Piece, integrate
from .._mesh import AbstractDrive
from ._held_field_step import AHEAD, PARTS, WEIGHTS
from ._llg import LLG
from ._step_control import STABLE
from ._thermal import Thermal, kick

_RESOLVED = 0.3
"""rad; a turn by phi is then right to 7e-5 phi."""
UNSTABLE = 3.2
"""Steps longer than this over the estimated rate are refused."""


class FixedStep(eqx.Module):
    """Fourth-order Runge-Kutta with a fixed step, normalised after each.

    dt: s; each interval between saved times is cut into equal steps no longer than dt.  By default
    the longest step that is surely stable and in which a uniform state turns by 0.3 rad at most; at
    a temperature also one that cools the fastest mode by 3 % at most.
    checkpoints: states kept for a reverse-mode derivative, which recomputes the rest.

    Steps end where a drive bends, too.  Derivatives are exact for the discrete map; those by the
    times of a drive are of the equation, as good as the step.
    A drive that is a bare function needs dt: its size and pace are not known.
    Raises ValueError for dt <= 0 or checkpoints < 1.
    """

    dt: float | None = eqx.field(static=True, default=None)
    checkpoints: int = eqx.field(static=True, default=100)

    def __check_init__(self):
        if self.dt is not None and not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"`dt` must be > 0 s, got {self.dt}")
        if self.checkpoints < 1:
            raise ValueError(f"`checkpoints` must be >= 1, got {self.checkpoints}")

    def longest(self, llg: LLG, dtype: Any, thermal: Thermal | None = None) -> Array:
        """The longest step, s."""
        if self.dt is not None:
            return jnp.asarray(self.dt, dtype)
        turn = STABLE if thermal is None else jnp.minimum(STABLE, thermal.longest(llg))
        return 1 / jnp.maximum(llg.stiffness() / turn, llg.precession() / _RESOLVED).astype(dtype)

    def check(self, llg: LLG) -> None:
        """ValueError if there is a drive of which the step cannot be told."""
        if self.dt is None and any(not isinstance(x, AbstractDrive) for x in llg.drives()):
            raise ValueError(
                "`solver`: FixedStep() cannot tell the step for a drive that is a bare function; "
                "give FixedStep(dt), or a Pulse, Piecewise or Sinusoid"
            )


def run_fixed(
    llg: LLG,
    m0: Array,
    times: Array,
    save: Callable,
    method: FixedStep,
    forward: bool,
    thermal: Thermal | None,
) -> tuple[Any, Array, Array, Array]:
    """(saved after t[0], last state, longest step, number of steps).

    At a temperature every step is a half of a kick, the step, the other half (Strang's splitting,
    see `Thermal`); halves that follow one another are one kick.
    """
    longest, drives = method.longest(llg, m0.dtype, thermal), llg.drives()
    diffusion = None if thermal is None else thermal.diffusion(llg).astype(m0.dtype)

    def kicked(m: Array, time: Array, number: Array) -> Array:
        if thermal is None or diffusion is None:
            return m
        return kick(m, diffusion * time, thermal.draw(number, llg.grid, m0.dtype))

    nodes, ahead, weights = (jnp.asarray(x, m0.dtype) for x in (PARTS, AHEAD, WEIGHTS))

    def step(m: Array, t: Array, dt: Array, piece: Piece) -> Array:
        # The stages are a loop, not a list: written out, XLA's CPU fusion follows the stencil
        # through all four and computes every stage again for each neighbour (ten times slower).
        def stage(carry, coefficients):
            y, total = carry
            node, step_ahead, weight = coefficients
            k = llg.rate(piece.time(t + node * dt), y)
            return (m + (dt * step_ahead) * k, total + (dt * weight) * k), None

        (_, total), _ = lax.scan(stage, (m, m), (nodes, ahead, weights))
        return normalise(total)

    def advance(carry, piece):
        m, total, drawn, worst = carry
        # The tolerance keeps equal intervals equal in spite of rounding.
        count = jnp.ceil(piece.length / longest * (1 - 1e-5))
        limit = piece.longest_step(drives)
        if limit is not None:
            count = jnp.maximum(count, jnp.ceil((1 - 1e-5) / limit) * piece.end)
        count = jnp.maximum(count, piece.end).astype(jnp.int32)
        dt = piece.length / jnp.maximum(count, 1).astype(piece.length.dtype)

        def once(carry):
            i, m = carry
            m = step(m, piece.start + i.astype(dt.dtype) * dt, dt, piece)
            time = jnp.where(i + 1 < count, dt, dt / 2)
            return i + 1, kicked(m, time, drawn + i + 1)

        m = kicked(m, dt / 2, drawn)
        # The number of steps is traced, so that no parameter compiles anything anew; reverse mode
        # through such a loop needs checkpoints, forward mode the plain one.
        _, m = eqxi.while_loop(
            lambda carry: carry[0] < count,
            once,
            (jnp.zeros((), jnp.int32), m),
            kind="lax" if forward else "checkpointed",
            checkpoints=None if forward else method.checkpoints,
        )
        # One draw more than steps, as a piece begins and ends with half a kick.
        return m, total + count, drawn + count + 1, jnp.maximum(worst, lax.stop_gradient(dt))

    none = jnp.zeros((), jnp.int32)
    begin = (m0, none, none, jnp.zeros((), m0.dtype))
    (last, total, _, worst), saved = integrate(
        advance, lambda t, carry: save(t, carry[0]), begin, times, drives
    )
    return saved, last, worst, total
