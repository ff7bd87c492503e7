"""Mean motion of a simulated wall: whole half turns above breakdown, a slope below."""

import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import check_type, is_concrete, leaf
from .._mesh import Grid, check_grid
from ._wall_state import WallState, wall_state

# A wall counts as locked if it turns by less than this within the window, rad, ...
_LOCKED = 0.3
# ... and either by next to nothing, or in the second half of it by less than half as much as in the
# first: just above breakdown a wall creeps for long before it turns over.
_STILL, _SETTLING = 0.02, 0.5


class WallMotion(NamedTuple):
    """Long-time motion of a wall; every entry an array of the shape of the drives."""

    velocity: Array
    """Mean velocity, m/s, along +x."""
    precession: Array
    """Mean d(phi)/dt, rad/s, signed; 0 while the wall is locked."""
    angle: Array
    """phi, rad, of the locked wall; of a running wall the angle where it turns slowest."""
    width: Array
    """lambda, m, at that angle."""
    locked: Array
    """True below breakdown."""


def wall_velocity(
    grid: Grid,
    sol: Any,
    component: str = "z",
    window: tuple[float, float] | None = None,
    *,
    period: float = math.pi,
) -> Array:
    """Mean velocity, m/s, of the wall in a solution of `evolve`: `wall_motion(...).velocity`."""
    return wall_motion(grid, sol, component, window, period=period).velocity


def wall_motion(
    grid: Grid,
    sol: Any,
    component: str = "z",
    window: tuple[float, float] | None = None,
    *,
    period: float = math.pi,
) -> WallMotion:
    """Mean velocity, precession, final angle and width of the wall in a solution of `evolve`.

        locked:   slope of q(t) in the window
        running:  (q2 - q1)/(t2 - t1) between two times at which phi differs by whole periods,
                  since velocity and width repeat themselves with them: nothing is aliased

    grid: the grid of the run.  sol: a solution with all of m, or saved with a `WallTracker`.
    window: (from, to), s, where the transient is over; by default the second half of the record.
    period: of the angle, pi or 2 pi.  Half a turn takes a wall to its mirror image, which moves
    alike; with DMI, spin-orbit torques or a field across the easy axis only a whole turn does.
    Smooth and differentiable.  The angle is that of the last time, rad.

    Raises ValueError if there is no wall or more than one, the window holds fewer than 4 times, the
    wall turns by more than pi/2 between two saved times, or it neither rests (turns by < 0.3 rad,
    and less and less) nor completes a period within the window; or a period of another size.
    """
    check_grid(grid)
    _check_period(period)
    if not (hasattr(sol, "t") and hasattr(sol, "m")):
        raise ValueError(f"`sol` must be a solution of evolve, got {type(sol).__name__}")
    track = sol.m if isinstance(sol.m, WallState) else wall_state(grid, sol.m, component)
    if is_concrete(sol.t):
        keep = _in_window(np.asarray(sol.t), window)
    elif window is None:
        keep = slice(sol.t.shape[0] // 2, None)
    else:
        raise ValueError("`window` needs times that are known; leave it None inside jit")
    t, q, width, phi = (x[keep] for x in (sol.t, track.position, track.width, track.angle))
    phi = jnp.unwrap(phi)
    motion, turned, coarse = _mean_motion(t, q, phi, width, period)
    checks = _checks(grid, turned, coarse, q, width, phi, period)
    velocity = motion.velocity
    for i, (bad, message) in enumerate(checks):
        if not is_concrete(bad):
            velocity = eqx.error_if(velocity, bad, message)
        elif bool(bad):
            got = ("", f", got {float(coarse):.3g} rad", f" (turned by {float(turned):.3g} rad)")
            raise ValueError(message + got[i])
    return motion._replace(velocity=velocity)


def _in_window(t: np.ndarray, window: tuple[float, float] | None) -> np.ndarray:
    start, stop = window if window is not None else ((t[0] + t[-1]) / 2, t[-1])
    keep = np.flatnonzero((t >= start) & (t <= stop))
    if keep.size < 4:
        raise ValueError(
            f"`window` must hold at least 4 saved times, got {keep.size} "
            f"between {start:.4g} and {stop:.4g} s"
        )
    return keep


def _checks(
    grid: Grid, turned: Array, coarse: Array, q: Array, width: Array, phi: Array, period: float
) -> list[tuple[Array, str]]:
    """(what is wrong, message) of a record: no wall, too coarse, or too short."""
    length = grid.lengths[0]
    inside = jnp.all(jnp.isfinite(q) & (q > 0) & (q < length))
    # What a straight line through no wall, or through two, gives.
    wall = jnp.all((width > 0.2 * grid.spacing[0]) & (width < length))
    middle = phi[phi.shape[0] // 2]
    early, late = jnp.abs(middle - phi[0]), jnp.abs(phi[-1] - middle)
    resting = (turned < _LOCKED) & ((turned < _STILL) | (late < _SETTLING * early))
    return [
        (
            ~(inside & wall),
            f"wall_motion: one wall must stay inside the wire, 0 < q < {length:.4g} m",
        ),
        (coarse > jnp.pi / 2, "wall_motion: the wall turns by more than pi/2 between saved times"),
        (
            ~resting & (turned < period),
            f"wall_motion: the wall neither rests nor completes {_name(period)} within the window; "
            "simulate longer",
        ),
    ]


def _check_period(period: float) -> None:
    if period not in (math.pi, 2 * math.pi):
        raise ValueError(f"`period` must be pi or 2 pi, got {period}")


def _name(period: float) -> str:
    return "half a turn" if period == math.pi else "a whole turn"


def mean_motion(
    grid: Grid, t: Array, track: WallState, *, period: float = math.pi
) -> tuple[WallMotion, Array]:
    """(`wall_motion` of a whole record, whether it is sound), for use inside compiled functions.

    t: (T,) s.  track: (T,) arrays of a `WallTracker`.  period: as there.  Where the second entry is
    False, the record is one that `wall_motion` would refuse, and the first is meaningless.
    """
    check_grid(grid)
    _check_period(period)
    check_type("track", track, WallState, "a jaxstt.WallState")
    t = leaf("t", t)
    if t.ndim != 1 or t.shape[0] < 4 or track.angle.shape != t.shape:
        raise ValueError(
            f"`t` must be (T,), 4 times or more, as `track`; got {t.shape} and {track.angle.shape}"
        )
    phi = jnp.unwrap(track.angle)
    motion, turned, coarse = _mean_motion(t, track.position, phi, track.width, period)
    checks = _checks(grid, turned, coarse, track.position, track.width, phi, period)
    wrong = [bad for bad, _ in checks]
    return motion, ~jnp.any(jnp.stack(wrong))


def _mean_motion(t: Array, q: Array, phi: Array, width: Array, period: float):
    turned = jnp.abs(phi[-1] - phi[0])
    running = turned >= period
    span = t[-1] - t[0]
    s = (t - t[0]) / span  # reduced time: in float32 seconds squared would lose digits
    slope = _slope(s, q - q[0]) / span
    v_run, phidot = _periods(s, q - q[0], phi, running, period)
    motion = WallMotion(
        velocity=jnp.where(running, v_run / span, slope),
        precession=jnp.where(running, phidot / span, 0.0),
        angle=phi[-1],
        width=width[-1],
        locked=~running,
    )
    return motion, turned, jnp.max(jnp.abs(jnp.diff(phi)))


def _slope(s: Array, q: Array) -> Array:
    """Least-squares slope."""
    d = s - jnp.mean(s)
    return jnp.sum(d * q) / jnp.sum(d * d)


def _periods(s: Array, q: Array, phi: Array, running: Array, period: float) -> tuple[Array, Array]:
    """Slope and mean rate between s[0] and the last time a whole number of periods later."""
    ramp = jnp.arange(phi.size, dtype=phi.dtype)  # any increasing numbers, for a locked wall
    advance = jnp.where(running, (phi - phi[0]) * jnp.sign(phi[-1] - phi[0]), ramp)
    goal = period * jnp.maximum(jnp.floor(advance[-1] / period), 1.0)
    after = jnp.argmax(advance >= goal)  # the first sample at or past the goal
    first = jnp.clip(after - 2, 0, phi.size - 4)
    four = lambda x: jax.lax.dynamic_slice_in_dim(x, first, 4)  # noqa: E731
    weights = _lagrange(four(advance), goal)
    end = jnp.sum(weights * four(s))
    return jnp.sum(weights * four(q)) / end, jnp.sign(phi[-1] - phi[0]) * goal / end


def _lagrange(nodes: Array, x: Array) -> Array:
    """Weights of the cubic through four nodes, at x."""
    one = jnp.eye(4, dtype=bool)
    difference = jnp.where(one, 1.0, nodes[:, None] - nodes[None, :])
    ratio = jnp.where(one, 1.0, (x - nodes[None, :]) / jnp.where(difference == 0, 1.0, difference))
    return jnp.prod(ratio, axis=1)
