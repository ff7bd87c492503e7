"""Adaptive steps by diffrax within one piece of time: settings, their checks, and the call."""

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax as dfx
import jax.numpy as jnp
from jax import Array

from .._core import check_count, check_tolerance


class Adaptive(NamedTuple):
    """How to step; static in compiled functions."""

    solver: dfx.AbstractSolver
    rtol: float
    atol: float
    adjoint: dfx.AbstractAdjoint
    max_steps: int
    """Within one piece."""


def adaptive(
    solver: dfx.AbstractSolver,
    dtype: Any,
    *,
    rtol: float | None,
    atol: float | None,
    defaults: tuple[tuple[float, float], tuple[float, float]],
    adjoint: dfx.AbstractAdjoint | None,
    max_steps: int,
) -> Adaptive:
    """The settings; ValueError naming a tolerance or `max_steps` that is none.

    defaults: (rtol, atol) in float64, and in float32.  adjoint: None for reverse mode.
    """
    double, single = defaults
    default = single if dtype == jnp.float32 else double
    rtol = check_tolerance("rtol", default[0] if rtol is None else rtol)
    atol = check_tolerance("atol", default[1] if atol is None else atol)
    adjoint = dfx.RecursiveCheckpointAdjoint() if adjoint is None else adjoint
    return Adaptive(solver, rtol, atol, adjoint, check_count("max_steps", max_steps))


def check_unused(solver: str, **settings: Any) -> None:
    """ValueError naming a setting that is given and would have no effect."""
    for name, value in settings.items():
        if value is not None:
            raise ValueError(f"`{name}` has no meaning with {solver}, got {value}")


def advance(
    settings: Adaptive,
    rate: Callable[[Any, Array, Any], Array],
    y: Array,
    end: Array,
    args: Any,
    **control: Any,
) -> tuple[Array, Array, dict[str, Array]]:
    """(y at the end, whether it was reached, diffrax' counts) of dy/ds = rate(s, y, args).

    s runs from 0 to `end`.  control: further arguments of `diffrax.PIDController`.
    """
    controller = dfx.PIDController(rtol=settings.rtol, atol=settings.atol, **control)
    solution = dfx.diffeqsolve(
        dfx.ODETerm(rate),
        settings.solver,
        jnp.zeros((), y.dtype),
        end,
        None,  # a given first step brings a host callback that other platforms cannot have
        y,
        args,
        saveat=dfx.SaveAt(t1=True),
        stepsize_controller=controller,
        adjoint=settings.adjoint,
        max_steps=settings.max_steps,
        throw=False,
    )
    assert solution.ys is not None
    return solution.ys[0], solution.result == dfx.RESULTS.successful, solution.stats


def naming_the_adjoint(function: str, run: Callable[[], Any]) -> Any:
    """run(), whose failure to be differentiated forwards tells the way out."""
    try:
        return run()
    except TypeError as error:
        if "custom_vjp" not in str(error):
            raise
        raise TypeError(
            "forward-mode derivative of a run made for reverse mode: "
            f"pass `adjoint=diffrax.ForwardMode()` to {function}"
        ) from error
