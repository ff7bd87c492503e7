"""What happens: integrate the LLG in time.

Time runs from 0 to 1 within each interval between two saved times, so that save times are hit
exactly and float32 does not lose the step at 100 ns; drives see the time in seconds.
"""

import os
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, is_concrete, normalise, peak, plain_rows, require_memory
from .._integrate import (
    RESULTS,
    UNKNOWN_STEPS,
    Adaptive,
    adaptive,
    advance,
    allowed_steps,
    check_times,
    check_unused,
    cut,
    integrate,
    longest_interval,
    naming_the_adjoint,
    whole_run,
)
from .._mesh import breakpoints, within
from ._fixed_step import UNSTABLE, FixedStep, run_fixed
from ._in_segments import in_segments
from ._llg import LLG, as_state, warn
from ._normalised import prepared
from ._reverse import Inputs, convertible, run_reverse
from ._step_control import STABLE, Settings, run
from ._thermal import Thermal, check_thermal

_MOST_STEPS = 1e10
"""At a microsecond each, as a macrospin takes, three hours; a small wire takes days."""
_FINEST = 1e-8
"""Tolerance below which a method of higher order takes less time."""
_LONGEST = 0.1
"""Span of a run, s, where the number of steps is not known."""


class Solution(NamedTuple):
    """What `evolve` returns."""

    t: Array
    """Saved times, s, (T,)."""
    m: Any
    """The states, (T, 3, nx, ny, nz), or whatever `save(t, m)` returned, stacked along T."""
    stats: dict[str, Array]
    """num_steps, num_accepted_steps, num_rejected_steps over the whole run."""
    result: RESULTS
    """RESULTS.successful, or why the run stopped."""


def evolve(
    llg: LLG,
    m0: ArrayLike,
    t: ArrayLike,
    *,
    save: Callable[[Array, Array], Any] | None = None,
    thermal: Thermal | None = None,
    solver: dfx.AbstractSolver | FixedStep | None = None,
    rtol: float | None = None,
    atol: float | None = None,
    adjoint: dfx.AbstractAdjoint | None = None,
    max_steps: int | None = None,
    memory: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: float | None = None,
    progress: bool = False,
    throw: bool = True,
) -> Solution:
    """Integrate dm/dt = f(t, m) from m0 at t[0] and save at each of t.

    llg: what to integrate; steps stop where its drives bend and resolve how they swing, but what a
    bare function does must take longer than a 64th of the time between two saves.
    m0: (3, nx, ny, nz), unit vectors (zero in vacuum); its dtype is that of the run.
    t: s, increasing, two or more; t[0] is saved as well.
    save: keep `save(t, m)` instead of m, e.g. a `WallTracker`.
    thermal: `Thermal`, a temperature; the solver is then `FixedStep`, by default FixedStep().
    solver: None, which is the fastest: classical Runge-Kutta as long as stability allows and the
    error asks for no less, magnetostatics computed once in a step and extrapolated in time between
    its stages.  Below rtol + atol = 1e-8, or with another adjoint than the two below, it is Tsit5.
    Or a diffrax solver (explicit, adaptive), or `FixedStep`.
    rtol, atol: of the adaptive step, on the largest component of the error of m; defaults 1e-5 and
    1e-6 (float64), 1e-4 and 1e-5 (float32).
    adjoint: how to differentiate.  None: reverse mode; up to 1024 states are kept, at most a
    quarter of the memory, and those of a longer run computed again.  diffrax.ForwardMode():
    forward mode (few parameters).
    max_steps: between two saved times; by default ten times what stability is expected to need.
    memory: bytes that the way back may take (parameters and what `save` keeps not counted), for
    reverse mode by the default; what does not fit is computed again.  By default a quarter of the
    device's, for the states alone.
    checkpoint, every: a file, and s.  The run is cut at t[0] + k `every`; there the state and what
    is saved so far are written to the file.  Where a file is, the run goes on from it, and ends bit
    for bit as if it had not stopped.  The one before is kept beside it, as FILE.previous, and used,
    with a `CheckpointWarning`, where the last is damaged.
    progress: write to stderr how many of the saved times are reached, and the time left.
    throw: raise when the run fails; otherwise read `.result`.

    Returns a `Solution`; |m| = 1 at each saved time to rounding.
    Raises ValueError for a wrong m0, t or tolerance, for a span that needs more than 1e10 steps (or
    0.1 s where `llg` is traced), for states that the memory of the device cannot hold, and for a
    checkpoint of another run (naming what differs) or `every` below a step; OSError where the file
    cannot be written (the one before it stays whole);
    RuntimeError (equinox) if the right-hand side is not finite or the steps run out.
    """
    more: dict[str, Any] = {
        "solver": solver, "rtol": rtol, "atol": atol,
        "adjoint": adjoint, "max_steps": max_steps, "memory": memory,
    }  # fmt: skip
    rest = {**more, "thermal": thermal, "progress": progress, "throw": throw}
    if checkpoint is None and every is None:
        return _solve(llg, m0, t, save=save, **rest)[0]
    keeping = {"checkpoint": checkpoint, "every": every}
    check_thermal(thermal, llg, check_state(llg, m0))
    m, kept_of = as_state(llg, "m0", m0), _save_all if save is None else save
    return Solution(*in_segments(_solve, llg, m, t, save=kept_of, **keeping, **rest))


def _solve(
    llg: LLG,
    m0: ArrayLike,
    t: ArrayLike,
    *,
    save: Callable | None,
    thermal: Thermal | None,
    solver: Any,
    rtol: Any,
    atol: Any,
    adjoint: Any,
    max_steps: Any,
    memory: Any,
    progress: bool,
    throw: bool,
) -> tuple[Solution, Array]:
    """`evolve`, and the state at the end."""
    m0 = check_state(llg, m0)
    warn(llg, m0)
    times = check_times(t, m0.dtype)
    rate = check_span(llg, times)
    if save is None:
        count = len(times) + breakpoints(llg.drives(), times.dtype).size
        size = m0.size * m0.dtype.itemsize
        require_memory(2 * count * size, f"`t`: keeping {count} states (rather `save=`)")
    save = _save_all if save is None else save
    start = jnp.asarray(divmod(time.time_ns() // 1000, 10**6), jnp.int32) if progress else None
    check_thermal(thermal, llg, m0)
    if thermal is not None:
        solver = _fixed_for_thermal(solver)
    if isinstance(solver, FixedStep):
        _check_fixed(rtol, atol, max_steps, adjoint, memory)
        solver.check(llg)
        forward = isinstance(adjoint, dfx.ForwardMode)
        return naming_the_adjoint(
            "evolve",
            lambda: _evolve_fixed(
                llg, m0, jnp.asarray(times), save, solver, thermal, forward, start, throw
            ),
        )
    settings = adaptive(
        prepared(solver, adjoint),
        m0.dtype,
        rtol=rtol,
        atol=atol,
        defaults=((1e-5, 1e-6), (1e-4, 1e-5)),
        adjoint=adjoint,
        max_steps=_max_steps(rate, times) if max_steps is None else max_steps,
    )
    budget = None if memory is None else float(memory)  # static: no array
    own = Settings(settings.rtol + settings.atol, settings.max_steps, budget)  # |m| = 1
    ways = (dfx.ForwardMode, dfx.RecursiveCheckpointAdjoint)
    forward = isinstance(adjoint, dfx.ForwardMode)
    default = solver is None and own.tolerance >= _FINEST and isinstance(settings.adjoint, ways)
    if memory is not None and (forward or not default or not memory > 0):
        raise ValueError(
            f"`memory` must be > 0 B, and is for reverse mode by the default, got {memory:g}"
        )
    if default:
        return naming_the_adjoint(
            "evolve",
            lambda: _evolve_default(llg, m0, jnp.asarray(times), save, own, forward, start, throw),
        )
    return naming_the_adjoint(
        "evolve",
        lambda: _evolve_adaptive(llg, m0, jnp.asarray(times), save, settings, start, throw),
    )


def _save_all(t: Array, m: Array) -> Array:
    return m


def check_state(llg: LLG, m0: ArrayLike) -> Array:
    """m0 as unit vectors in its own dtype; ValueError if it is none."""
    m0 = as_state(llg, "m0", m0)
    if is_concrete(m0):
        length = np.sqrt(np.sum(np.asarray(m0, float) ** 2, axis=0))
        magnet = True if llg.grid.mask is None else np.asarray(llg.grid.mask)
        off = np.abs(length - magnet)
        if not off.max() <= 1e-3:
            raise ValueError(
                "`m0` must hold unit vectors (0 outside the mask), "
                f"got |m0| = {length.flat[off.argmax()]:.6g}"
            )
    return within(llg.grid, normalise(m0))


def check_span(llg: LLG, times: Any, name: str = "t") -> float | None:
    """The rate that limits the steps, 1/s, if it and the times are known.

    ValueError naming the argument for a run that would not end: times in another unit than s.
    """
    if not isinstance(times, np.ndarray):
        return None
    span = float(times[-1]) - float(times[0])
    known = all(is_concrete(x) for x in jax.tree.leaves(eqx.filter(llg, eqx.is_array)))
    steps = expected_steps(llg, span) if known else 0.0
    if steps > _MOST_STEPS:
        raise ValueError(
            f"`{name}` is in s: {span:g} s would take {steps:.2g} steps of {span / steps:.2g} s, "
            f"more than {_MOST_STEPS:g}"
        )
    if span > _LONGEST:
        raise ValueError(f"`{name}` is in s and must not span more than {_LONGEST:g}, got {span:g}")
    return steps * STABLE / span if known else None


def expected_steps(llg: LLG, span: float) -> float:
    """Steps of a run as long as `span`, s, that stability asks for."""
    with jax.ensure_compile_time_eval():  # what is known stays known inside jit
        return span * float(llg.stiffness() + llg.precession()) / STABLE


def _fixed_for_thermal(solver: Any) -> FixedStep:
    """The solver of a run at a temperature; ValueError for another."""
    if solver is not None and not isinstance(solver, FixedStep):
        raise ValueError(
            "`solver` must be FixedStep with `thermal`: noise has no error that a step could "
            f"adapt to, got {type(solver).__name__}"
        )
    return FixedStep() if solver is None else solver


def _check_fixed(rtol, atol, max_steps, adjoint, memory) -> None:
    """ValueError for what would have no effect on a fixed step."""
    check_unused("FixedStep", rtol=rtol, atol=atol, max_steps=max_steps, memory=memory)
    known = (dfx.ForwardMode, dfx.RecursiveCheckpointAdjoint)
    if adjoint is not None and not isinstance(adjoint, known):
        raise ValueError(
            "`adjoint` must be diffrax.ForwardMode() or RecursiveCheckpointAdjoint() with "
            f"FixedStep, got {adjoint}"
        )


def _max_steps(rate: float | None, times: Any) -> int:
    return UNKNOWN_STEPS if rate is None else allowed_steps(rate * longest_interval(times))


def cast(llg: Any, dtype: Any) -> Any:
    """The run's dtype is that of m0: parameters follow it."""
    change = lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x  # noqa: E731
    return jax.tree.map(change, llg)


def _report(times: Array, start: Array | None) -> Callable[[Array], None]:
    """A function that tells how far the run is; start: when it began, (s, us) since 1970."""
    if start is None:
        return lambda t: None
    return jax.tree_util.Partial(_tell, times, start)


def _tell(times: Array, start: Array, t: Array) -> None:
    def show(t: Any, times: Any, start: Any) -> None:
        total = len(times) - 1
        done = min(int(np.searchsorted(times, t * (1 - 1e-6))), total)
        spent = time.time() - (int(start[0]) + 1e-6 * int(start[1]))
        left = f", {spent / done * (total - done):.0f} s left" if done else ""
        end = "\n" if done == total else ""
        print(f"\revolve: {done}/{total}, {spent:.0f} s{left}   ", end=end, file=sys.stderr)

    jax.debug.callback(show, t, times, start)


class _Shown(eqx.Module):
    """`save`, which may be anybody's, sees m as JAX keeps all arrays; see `long_rows`."""

    save: Callable

    def __call__(self, t: Array, m: Array) -> Any:
        return self.save(t, plain_rows(m))


def _reporting(save: Callable, times: Array, start: Array | None) -> Callable:
    """`save` that also tells how far the run is."""
    report = _report(times, start)

    def saved(t: Array, m: Array) -> Any:
        report(t)
        return save(t, m)

    return saved


@eqx.filter_jit
def _evolve_adaptive(
    llg: LLG, m0: Array, times: Array, save: Callable, settings: Adaptive, start, throw: bool
) -> tuple[Solution, Array]:
    llg, save = cast(llg, m0.dtype), _reporting(_Shown(save), times, start)
    drives = llg.drives()

    def step(carry, piece):
        m, result, (accepted, rejected) = carry
        m, reached, counts = advance(
            settings,
            _reduced_rate,
            m,
            piece.end,
            (llg, piece),
            pcoeff=0.3,
            icoeff=0.4,
            norm=peak,
            dtmax=piece.longest_step(drives),
        )
        result = RESULTS.where(reached, result, RESULTS.max_steps_reached)
        accepted = accepted + counts["num_accepted_steps"]
        return m, result, (accepted, rejected + counts["num_rejected_steps"])

    count = jnp.zeros((), jnp.int32)
    begin = (m0, RESULTS.successful, (count, count))
    (last, result, (accepted, rejected)), later = integrate(
        step, lambda t, carry: save(t, carry[0]), begin, times, drives
    )
    fine = jnp.all(jnp.isfinite(llg.rate(times[0], m0))) & jnp.all(jnp.isfinite(last))
    result = RESULTS.where(fine, result, RESULTS.not_finite)
    saved = whole_run(save(times[0], m0), later, result, throw)
    return Solution(times, saved, _stats(accepted, rejected), result), last


def _stats(accepted: Array, rejected: Array) -> dict[str, Array]:
    return {
        "num_steps": accepted + rejected,
        "num_accepted_steps": accepted,
        "num_rejected_steps": rejected,
    }


def _reduced_rate(s, m, args):
    llg, piece = args
    return piece.length * llg.rate(piece.time(piece.start + s * piece.length), m)


@eqx.filter_jit
def _evolve_default(
    llg, m0, times, save, settings: Settings, forward: bool, start, throw: bool
) -> tuple[Solution, Array]:
    llg, save = cast(llg, m0.dtype), _Shown(save)
    report = _report(times, start)
    pieces = cut(times, llg.drives())
    if forward:
        later, end = run(llg, m0, pieces, save, settings, report)
    else:
        llg, save = convertible(llg, save, times[0], m0)
        later, end = run_reverse(Inputs(llg, m0, pieces, save), settings, report)
    report(times[0])
    end = jax.lax.stop_gradient(end)
    saved = whole_run(save(times[0], m0), later, end.result, throw)
    return Solution(times, saved, _stats(end.taken, end.rejected), end.result), end.m


@eqx.filter_jit
def _evolve_fixed(
    llg, m0, times, save, method, thermal, forward, start, throw
) -> tuple[Solution, Array]:
    llg, thermal = cast((llg, thermal), m0.dtype)
    save = _reporting(_Shown(save), times, start)
    later, last, dt, taken = run_fixed(llg, m0, times, save, method, forward, thermal)
    result = RESULTS.where(jnp.all(jnp.isfinite(last)), RESULTS.successful, RESULTS.not_finite)
    # A run beyond stability does not blow up, as m is normalised; it turns to noise.
    result = RESULTS.where(
        dt * llg.stiffness().astype(dt.dtype) < UNSTABLE, result, RESULTS.unstable
    )
    saved = whole_run(save(times[0], m0), later, result, throw)
    return Solution(times, saved, _stats(taken, jnp.zeros_like(taken)), result), last
