"""Eq (8) with relaxation: the moment of one electron along an arbitrary path n(t).

Time runs in tau_ex within each interval between two saved times, so that save times are hit
exactly and float32 does not lose the step; paths and fields see the time in seconds.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, check_type, cross, is_concrete, leaf
from .._integrate import (
    RESULTS,
    UNKNOWN_STEPS,
    Adaptive,
    adaptive,
    allowed_steps,
    check_times,
    check_unused,
    integrate,
    longest_interval,
    naming_the_adjoint,
    whole_run,
)
from .._mesh import as_drive, value_at
from ..constants import GAMMA
from ._coefficients import exchange_time
from ._response import band_sign
from ._spin_steps import MagnusSteps, adaptive_interval, magnus_interval
from ._spinor import broadcast, check_unit, local_frame

Path = Callable[[Array], Array]
"""n(t): t in s to a unit vector (3,); an Equinox module with leaves, or a function (static)."""
_LONGEST = 1e8
"""tau_ex between two saved times: more was not meant in s, and would not end."""


class SpinSolution(NamedTuple):
    """What `evolve_spin` returns."""

    t: Array
    """Saved times, s, (T,)."""
    s: Array
    """The moment, (T, 3), in the axes of the ODE."""
    stats: dict[str, Array]
    """num_steps over the whole run."""
    result: RESULTS
    """RESULTS.successful, or why the run stopped."""


class AbstractSpinODE(eqx.Module):
    """A linear equation for s, (3,): s' = Omega x s - (s - s_eq)/tau_sf."""

    tau_ex: eqx.AbstractVar[Array]
    xi: eqx.AbstractVar[Array]

    @abstractmethod
    def axis(self, t: Array) -> tuple[Array, Array]:
        """(tau_ex Omega, s_eq) at t [s], both (3,)."""

    @abstractmethod
    def path(self, t: Array) -> Array:
        """n(t), (3,), in the lab."""

    @property
    @abstractmethod
    def aligned(self) -> bool:
        """Whether Omega and s_eq are parallel at all times."""

    @property
    @abstractmethod
    def drives(self) -> tuple[Any, ...]:
        """The functions of time."""

    def rate(self, t: Array, s: Array) -> Array:
        """tau_ex ds/dt, (3,), at t [s]."""
        turn, rest = self.axis(t)
        return cross(turn, s) - self.xi * (s - rest)


class SpinODE(AbstractSpinODE):
    """The moment of an electron that travels through the magnetisation n(t), in the lab frame.

        ds/dt = (1/tau_ex) n x s - (s - s_eq)/tau_sf - gamma s x B,
        s_eq = +-n,    xi = tau_ex/tau_sf

    n: path, t [s] -> (3,), unit length: an Equinox module (its arrays are parameters) or a function
    (static: a new function compiles anew).  An `AbstractDrive` also tells where it bends.
    tau_ex [s] or Delta = hbar/tau_ex [J]; xi or tau_sf [s] (xi = 0: no relaxation).
    band: "majority" (s_eq = +n) or "minority" (s_eq = -n).
    B: field on the conduction moment, T, (3,), a drive or a function of t; the paper has none.
    gamma: rad/(s T).

    This form has no gauge and no poles.  It is Eq (8), `LocalSpinODE`, turned into the lab.
    Raises ValueError for tau_ex, Delta, tau_sf or gamma <= 0, xi < 0, an unknown band, or if not
    exactly one of each pair is given.
    Source: Cheng & Niu Eq. (8), tau_ex = hbar/Delta, with the relaxation term below it.
    """

    n: Path
    tau_ex: Array
    xi: Array
    B: Any
    gamma: Array
    band: str = eqx.field(static=True)

    def __init__(
        self,
        n: Path,
        *,
        tau_ex: ArrayLike | None = None,
        Delta: ArrayLike | None = None,
        xi: ArrayLike | None = None,
        tau_sf: ArrayLike | None = None,
        band: str = "majority",
        B: Any = None,
        gamma: ArrayLike = GAMMA,
    ):
        if not callable(n):
            raise ValueError(f"`n` must be a function of t giving (3,), got {n!r}")
        self.n = n
        self.tau_ex, self.xi = _times(tau_ex, Delta, xi, tau_sf)
        self.B = None if B is None else as_drive("B", B)
        if self.B is not None and not callable(self.B) and self.B.shape != (3,):
            raise ValueError(f"`B` must be (3,) or a drive, got shape {self.B.shape}")
        self.gamma = leaf("gamma", gamma, above=0)
        band_sign(band)
        self.band = band

    def axis(self, t: Array) -> tuple[Array, Array]:
        n = turn = self.path(t)
        if self.B is not None:
            turn = n + (self.gamma * self.tau_ex) * value_at(self.B, t)
        return turn, band_sign(self.band) * n

    def path(self, t: Array) -> Array:
        return value_at(self.n, t)

    @property
    def aligned(self) -> bool:
        return self.B is None

    @property
    def drives(self) -> tuple[Any, ...]:
        return (self.n, self.B)


class LocalSpinODE(AbstractSpinODE):
    """The same in the axes (e_theta, e_phi, n) that turn with the path: Eq (8) as printed.

        ds/dt = local_matrix(...) s - (s - s_eq)/tau_sf,    s_eq = (0, 0, +-1)

    theta, phi: functions t [s] -> rad; their rates are taken by automatic differentiation.
    tau_ex or Delta, xi or tau_sf, band: as in `SpinODE`, which is the form to use; this one is its
    cross-check, and stiff near the poles.  Raises as `SpinODE`.
    Source: Cheng & Niu Eq. (8) with the relaxation term below it.
    """

    theta: Path
    phi: Path
    tau_ex: Array
    xi: Array
    band: str = eqx.field(static=True)

    def __init__(
        self,
        theta: Path,
        phi: Path,
        *,
        tau_ex: ArrayLike | None = None,
        Delta: ArrayLike | None = None,
        xi: ArrayLike | None = None,
        tau_sf: ArrayLike | None = None,
        band: str = "majority",
    ):
        self.theta, self.phi = theta, phi
        self.tau_ex, self.xi = _times(tau_ex, Delta, xi, tau_sf)
        band_sign(band)
        self.band = band

    def axis(self, t: Array) -> tuple[Array, Array]:
        angles = lambda t: (value_at(self.theta, t), value_at(self.phi, t))  # noqa: E731
        (theta, _), (theta_dot, phi_dot) = jax.jvp(angles, (t,), (jnp.ones_like(t),))
        e1, e2 = jnp.sin(theta) * phi_dot * self.tau_ex, theta_dot * self.tau_ex
        turn = jnp.stack([e1, -e2, 1 - jnp.cos(theta) * phi_dot * self.tau_ex])
        return turn, jnp.zeros_like(turn).at[2].set(float(band_sign(self.band)))

    def path(self, t: Array) -> Array:
        return self.frame(t)[2]

    def frame(self, t: Array) -> Array:
        """e_theta, e_phi, n as rows, (3, 3): takes a lab vector to the axes of this ODE."""
        return local_frame(value_at(self.theta, t), value_at(self.phi, t))

    @property
    def aligned(self) -> bool:
        return False

    @property
    def drives(self) -> tuple[Any, ...]:
        return (self.theta, self.phi)


def local_matrix(
    theta: ArrayLike, theta_dot: ArrayLike, phi_dot: ArrayLike, tau_ex: ArrayLike
) -> Array:
    """The matrix of the spin's motion in the axes (e_theta, e_phi, n), (3, 3, ...), 1/s.

        [[0,                        cos(theta) phi' - 1/tau_ex,  -theta'           ],
         [1/tau_ex - cos(theta) phi',   0,                       -sin(theta) phi'  ],
         [theta',                       sin(theta) phi',          0                ]]

    theta: rad.  theta_dot, phi_dot: total time derivatives seen by the electron, rad/s.
    tau_ex = hbar/Delta, s.
    Raises ValueError for tau_ex <= 0.
    Source: Cheng & Niu Eq. (8), tau_ex = hbar/Delta.
    """
    theta, theta_dot, phi_dot, tau_ex = broadcast(
        {"theta": theta, "theta_dot": theta_dot, "phi_dot": phi_dot, "tau_ex": tau_ex},
        tau_ex={"above": 0},
    )
    spin, across = 1 / tau_ex - jnp.cos(theta) * phi_dot, jnp.sin(theta) * phi_dot
    zero = jnp.zeros_like(spin)
    rows = [[zero, -spin, -theta_dot], [spin, zero, -across], [theta_dot, across, zero]]
    return jnp.stack([jnp.stack(row) for row in rows])


def evolve_spin(
    ode: AbstractSpinODE,
    s0: ArrayLike | None,
    t: ArrayLike,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    solver: dfx.AbstractSolver | MagnusSteps | None = None,
    adjoint: dfx.AbstractAdjoint | None = None,
    max_steps: int | None = None,
    throw: bool = True,
) -> SpinSolution:
    """Integrate an electron's moment from s0 at t[0] and save at each of t.

    ode: `SpinODE`, or `LocalSpinODE`.  s0: (3,), or None for equilibrium, s_eq at t[0].  Its dtype
    (that of tau_ex for None) is that of the run.  t: s, increasing, two or more.
    solver: an adaptive diffrax solver (default Dopri8) or `MagnusSteps`.
    rtol, atol: of the adaptive step; by default both 1e-9 (float64) or 1e-6 (float32).  A step is
    at most tau_ex long, so that an electron at rest does not jump over a wall.  No meaning, as
    max_steps, with `MagnusSteps`.
    adjoint: how to differentiate an adaptive run.  None: reverse mode; diffrax.ForwardMode().
    max_steps: between two saved times; by default from the length of the run.
    throw: raise when the run fails; otherwise read `.result`.

    Many electrons: `jax.vmap` over whatever the `ode` is made from, with `MagnusSteps`: hundreds of
    times faster than a loop over calls (benchmarks/electrons.py).  A vmapped adaptive run gains
    nothing: all electrons wait for the slowest.
    Returns a `SpinSolution`.
    Raises ValueError for a wrong s0, t or tolerance and a path that is not unit length at t;
    RuntimeError (equinox) for such a path inside jit, or if the steps run out.
    """
    check_type("ode", ode, AbstractSpinODE, "a jaxstt.SpinODE or LocalSpinODE")
    s0 = None if s0 is None else _check_start(s0)
    dtype = ode.tau_ex.dtype if s0 is None else s0.dtype
    times = check_times(t, dtype)
    ode = jax.tree.map(lambda x: x.astype(dtype) if eqx.is_inexact_array(x) else x, ode)
    arrays = [times, *(x for x in jax.tree.leaves(ode) if eqx.is_array(x))]
    known = all(is_concrete(x) for x in arrays)
    if known:
        check_unit("n", _sample(ode, jnp.asarray(times)), " along the path")
    if isinstance(solver, MagnusSteps):
        check_unused("MagnusSteps", rtol=rtol, atol=atol, max_steps=max_steps)
    if max_steps is None:
        max_steps = _max_steps(ode, times) if known else UNKNOWN_STEPS
    if isinstance(solver, MagnusSteps):
        method = solver
    else:
        method = adaptive(
            _adaptive_solver(solver),
            dtype,
            rtol=rtol,
            atol=atol,
            defaults=((1e-9, 1e-9), (1e-6, 1e-6)),
            adjoint=adjoint,
            max_steps=max_steps,
        )
    return naming_the_adjoint(
        "evolve_spin", lambda: _evolve(ode, s0, jnp.asarray(times), method, throw)
    )


def _times(
    tau_ex: ArrayLike | None,
    Delta: ArrayLike | None,
    xi: ArrayLike | None,
    tau_sf: ArrayLike | None,
) -> tuple[Array, Array]:
    """(tau_ex, xi) from one of each pair."""
    if (tau_ex is None) == (Delta is None):
        raise ValueError("give either `tau_ex` or `Delta`")
    if (xi is None) == (tau_sf is None):
        raise ValueError("give either `xi` or `tau_sf`")
    if tau_ex is not None:
        tau = leaf("tau_ex", tau_ex, above=0)
    else:
        assert Delta is not None
        tau = exchange_time(Delta)
    if xi is not None:
        return tau, leaf("xi", xi, minimum=0)
    return tau, tau / leaf("tau_sf", tau_sf, above=0)


def _check_start(s0: ArrayLike) -> Array:
    s0 = leaf("s0", s0)
    if s0.shape != (3,):
        raise ValueError(f"`s0` must be (3,), got shape {s0.shape}")
    if is_concrete(s0):
        length = float(np.linalg.norm(np.asarray(s0, float)))
        if length > 1.001:
            raise ValueError(f"`s0` must not be longer than 1, got |s0| = {length:.6g}")
    return s0


def _adaptive_solver(solver: dfx.AbstractSolver | None) -> dfx.AbstractSolver:
    solver = dfx.Dopri8() if solver is None else solver
    if not isinstance(solver, dfx.AbstractAdaptiveSolver):
        raise ValueError(
            f"`solver` must be an adaptive diffrax solver or MagnusSteps, got {solver}"
        )
    return solver


def _max_steps(ode: AbstractSpinODE, times: np.ndarray) -> int:
    """From steps of one tau_ex; ValueError for intervals in another unit than s."""
    longest = longest_interval(times) / float(np.min(np.asarray(ode.tau_ex)))
    if longest > _LONGEST:
        raise ValueError(
            f"`t` is in s and must be < {_LONGEST:g} tau_ex from entry to entry, "
            f"got {longest:.3g} tau_ex"
        )
    return allowed_steps(longest)


@eqx.filter_jit
def _sample(ode: AbstractSpinODE, times: Array) -> Array:
    """n at the saved times, (3, T)."""
    return jax.vmap(ode.path, out_axes=1)(times)


@eqx.filter_jit
def _evolve(ode, s0, times, method: Adaptive | MagnusSteps, throw) -> SpinSolution:
    start = ode.axis(times[0])[1] if s0 is None else s0

    def advance(carry, piece):
        s, done, count = carry
        if isinstance(method, MagnusSteps):
            s, steps, reached = magnus_interval(ode, s, piece, method)
        else:
            s, steps, reached = adaptive_interval(ode, s, piece, method)
        return s, done & reached, count + steps

    begin = (start, jnp.asarray(True), jnp.zeros((), jnp.int32))
    (last, done, steps), later = integrate(
        advance, lambda t, carry: carry[0], begin, times, ode.drives
    )
    result = RESULTS.where(done, RESULTS.successful, RESULTS.max_steps_reached)
    result = RESULTS.where(jnp.all(jnp.isfinite(last)), result, RESULTS.not_finite)
    off = jnp.abs(jnp.sum(_sample(ode, times) ** 2, axis=0) - 1)
    result = RESULTS.where(jnp.all(off < 2e-3), result, RESULTS.not_unit)
    saved = whole_run(start, later, result, throw)
    return SpinSolution(times, saved, {"num_steps": steps}, result)
