"""What a run gives back, and how it ended."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp


class RESULTS(eqx.Enumeration):
    """How `evolve`, `relax`, `steady_wall` or `evolve_spin` ended."""

    successful = ""
    max_steps_reached = (
        "`max_steps` were not enough: give more; save more often or loosen `rtol` (evolve, "
        "evolve_spin); or give a larger `tol` (relax, whose `.torque` throw=False shows)"
    )
    not_finite = "the state or its rate is not finite: a parameter or the start is NaN or infinite"
    unstable = "the step of FixedStep(dt) is beyond stability; use a shorter dt or FixedStep()"
    wall_left = (
        "the wall left the window between two of the times `t`: give more of them, or a longer "
        "window"
    )
    wire_ends = "the window came to the end of the wire"
    not_unit = "the path `n` must be unit length at the saved times"
    no_wave = (
        "no steady wall: the drive is above breakdown, or m0 is too far from the moving wall (give "
        "one that has been evolved for a while, or a smaller drive)"
    )
    unstable_wave = (
        "the steady wall found is unstable, not the one that is seen in time: the drive is close "
        "to breakdown, or m0 is too far (give one that has been evolved for a while)"
    )


def whole_run(first: Any, later: Any, result: RESULTS, throw: bool) -> Any:
    """The saved values from t[0] on; if `throw`, they raise when read after a run that failed.

    first: at t[0].  later: stacked.
    """
    saved = jax.tree.map(lambda a, b: jnp.concatenate([jnp.asarray(a)[None], b]), first, later)
    # The check calls back to the host, which cannot be compiled for another platform.
    return result.error_if(saved, result != RESULTS.successful) if throw else saved
