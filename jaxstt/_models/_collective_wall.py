"""A wall as two coordinates: its position q and its angle phi, with the width lambda(phi)."""

from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import (
    ArrayLike,
    check_Ms,
    check_sign,
    check_size,
    is_concrete,
    leaf,
    number,
)
from .._electron import VELOCITY_PER_MOMENT, TorqueCoefficients, torque_coefficients
from .._integrate import Adaptive, adaptive, advance, check_times, integrate, naming_the_adjoint
from .._mesh import as_drive, check_number, value_at
from .._observe import WallMotion, WallState
from ..constants import GAMMA
from ._landscape import Landscape

# Points per half turn.  The integrands are smooth and periodic once the slow passage is stretched
# out (see _running), so the trapezium rule converges exponentially; 64 already give 1e-12.
_SAMPLES = 128


class CollectiveWall(eqx.Module):
    """Domain wall as collective coordinates (q, phi) with a width that follows the angle.

        energy  w = A m'^2 + K (m_a^2 + m_b^2) + Kp m_b^2
        lambda(phi) = sqrt(A/(K + Kp sin^2 phi))
        phidot + alpha~ Q qdot/lambda = g~ B - xi Q U/lambda
        Q qdot/lambda - alpha~ phidot = (g~ Kp/Ms) sin 2phi - Q U/lambda

    (c, a, b) is a right-handed triad with c the easy axis: (z, x, y) for a perpendicular strip,
    (x, y, z) for a head-to-head wall.  phi is measured from +a towards +b.  Kp < 0 makes b the rest
    direction (Bloch wall of a thin perpendicular strip).  Tilde quantities: `torque_coefficients`.

    A: exchange, J/m.  K, Kp: J/m^3, K > 0 and K + Kp > 0.  Ms: A/m.  alpha, gamma: bare;
    gamma in rad/(s T).  xi, P, n0 [A/m]: as in `ZhangLi`.
    charge: +1 if m_c falls from + to - along x, -1 otherwise.
    All but `charge` are leaves; each may be differentiated or batched.

    Raises ValueError for A, Ms, gamma, K or K + Kp <= 0, alpha or n0 < 0, |P| > 1, charge not +-1.
    Source: Cheng & Niu Eq. (15) on a rigid-profile wall (Slonczewski-Walker-Thiaville coordinates).
    """

    A: Array
    K: Array
    Kp: Array
    Ms: Array
    alpha: Array
    xi: Array
    P: Array
    n0: Array
    gamma: Array
    charge: int = eqx.field(static=True)

    def __init__(
        self,
        *,
        A: ArrayLike,
        K: ArrayLike,
        Kp: ArrayLike,
        Ms: ArrayLike,
        alpha: ArrayLike,
        xi: ArrayLike,
        P: ArrayLike,
        n0: ArrayLike = 0.0,
        gamma: ArrayLike = GAMMA,
        charge: int = 1,
    ):
        self.A, self.Ms = leaf("A", A, above=0), leaf("Ms", Ms, above=0)
        self.K, self.Kp = leaf("K", K, above=0), leaf("Kp", Kp)
        self.alpha, self.n0 = leaf("alpha", alpha, minimum=0), leaf("n0", n0, minimum=0)
        self.xi, self.P = leaf("xi", xi), leaf("P", P, minimum=-1, maximum=1)
        self.gamma = leaf("gamma", gamma, above=0)
        self.charge = check_sign("charge", charge)
        check_Ms(self.Ms)
        check_size("A", self.A, 1e-3, "J/m")
        for name in ("A", "K", "Kp", "Ms", "alpha", "xi", "P", "n0", "gamma"):
            if getattr(self, name).ndim:
                raise ValueError(
                    f"`{name}` must be a number, got shape {getattr(self, name).shape}; "
                    "for many walls use jax.vmap"
                )
        damping = self.alpha + self.xi * self.n0 / self.Ms / (1 + self.xi**2)
        if is_concrete(damping) and bool(damping < 0):
            raise ValueError(
                "`alpha` + xi eta must be >= 0 (xi < 0 with n0 > 0 drives instead of damping), "
                f"got {float(damping):.6g}"
            )
        total = self.K + self.Kp
        if is_concrete(total) and bool(jnp.any(total <= 0)):
            raise ValueError(f"`K + Kp` must be > 0, got {float(jnp.min(total)):.6g}")

    def coefficients(self, j: ArrayLike = 0.0) -> TorqueCoefficients:
        """`torque_coefficients` of this wall at the current density j, A/m^2."""
        return torque_coefficients(
            Ms=self.Ms,
            alpha=self.alpha,
            xi=self.xi,
            P=self.P,
            n0=self.n0,
            j=j,
            gamma=self.gamma,
        )

    def width(self, phi: ArrayLike) -> Array:
        """lambda(phi) = sqrt(A/(K + Kp sin^2 phi)), m."""
        return jnp.sqrt(self.A / (self.K + self.Kp * jnp.sin(jnp.asarray(phi)) ** 2))

    def rates(self, phi: ArrayLike, j: ArrayLike = 0.0, B: ArrayLike = 0.0) -> tuple[Array, Array]:
        """(qdot [m/s], phidot [rad/s]) at phi [rad], j [A/m^2] and B [T] along the easy axis."""
        c = self.coefficients(j)
        drive = c.gamma * jnp.asarray(B) - (self.xi - c.alpha) * self.charge * c.U / self.width(phi)
        hard = c.gamma * self.Kp / self.Ms * jnp.sin(2 * jnp.asarray(phi))
        phidot = (drive - c.alpha * hard) / (1 + c.alpha**2)
        # This form of qdot has no 1/alpha~: it holds for an undamped wall as well.
        qdot = self.charge * self.width(phi) * (c.alpha * phidot + hard) - c.U
        return qdot, phidot

    def motion(self, j: ArrayLike = 0.0, B: ArrayLike = 0.0) -> WallMotion:
        """Long-time motion under a constant current density j [A/m^2] and field B [T] along +c.

            locked:   phidot(phi_s) = 0 on the stable branch,  v = qdot(phi_s)
            running:  <phidot> = pi/I,  v = (1/I) int_0^pi (qdot/phidot) dphi,
                      I = int_0^pi dphi/phidot

        j and B broadcast against each other; the result has their shape.  Differentiable in either
        mode and to second order, in j, B and every parameter, on both sides of the breakdown (at
        the breakdown itself the velocity has a square-root edge).
        Both cases are exact for the equations of the class.
        Raises ValueError for a j or B that is not finite or not a number.
        """
        return _long_time(self, leaf("j", j), leaf("B", B))

    def evolve(
        self,
        t: ArrayLike,
        j: Any = 0.0,
        B: Any = 0.0,
        *,
        landscape: Landscape | None = None,
        position: ArrayLike = 0.0,
        angle: ArrayLike | None = None,
        rtol: float | None = None,
        adjoint: dfx.AbstractAdjoint | None = None,
        max_steps: int = 2**18,
    ) -> WallState:
        """Position [m], width [m] and angle [rad] at the times t [s], (T,), from t[0] on.

        j [A/m^2], B [T]: numbers or drives in time, e.g. `Pulse`.  landscape: a field that depends
        on where the wall is, added to B.  position, angle: at t[0]; the angle is by default that of
        the rest state.  rtol: relative error of a step, on q/lambda and
        phi; by default 1e-8 (float64) or 1e-5 (float32).
        adjoint: as in `jaxstt.evolve`.  max_steps: between two saved times.
        Raises ValueError for times that do not increase, a tolerance <= 0 and what is no number,
        RuntimeError (equinox) if the steps run out.
        """
        dtype = self.A.dtype
        times = check_times(t, dtype)
        j, B = as_drive("j", j), as_drive("B", B)
        check_number("j", j)
        check_number("B", B)
        settings = adaptive(
            dfx.Tsit5(),
            dtype,
            rtol=rtol,
            atol=rtol,
            defaults=((1e-8, 1e-8), (1e-5, 1e-5)),
            adjoint=adjoint,
            max_steps=max_steps,
        )
        start = (
            number("position", position),
            self.rest_angle() if angle is None else number("angle", angle),
        )
        return naming_the_adjoint(
            "CollectiveWall.evolve",
            lambda: _trajectory(self, jnp.asarray(times), j, B, landscape, *start, settings),
        )

    def breakdown_current(self) -> Array:
        """|j|, A/m^2, above which a current alone makes the wall precess; inf if xi = alpha~.

        u_W = (1+eta) alpha~ g~ 2 |sqrt(A(K+Kp)) - sqrt(A K)| / (Ms |xi - alpha~|)
        """
        c = self.coefficients()
        U = self.intrinsic_threshold() * c.alpha / jnp.abs(self.xi - c.alpha)
        u = (1 + c.eta) * U
        return u * self.Ms * (1 + self.xi**2) / (VELOCITY_PER_MOMENT * jnp.abs(self.P))

    def intrinsic_threshold(self) -> Array:
        """|U|, m/s, above which a current turns a wall that cannot move, whatever xi.

            (g~/Ms) max |lambda Kp sin 2phi| = (g~/Ms) 2 |sqrt(A(K+Kp)) - sqrt(A K)|

        U = u/(1+eta).  Source: `rates` with qdot = 0.
        """
        wall = 2 * jnp.abs(jnp.sqrt(self.A * (self.K + self.Kp)) - jnp.sqrt(self.A * self.K))
        return self.coefficients().gamma * wall / self.Ms

    def breakdown_field(self) -> Array:
        """|B|, T, above which a field alone makes the wall precess: B_W = alpha~ |Kp|/Ms."""
        return self.coefficients().alpha * jnp.abs(self.Kp) / self.Ms

    def field_per_current(self) -> Array:
        """B/j, T/(A/m^2): the field that pushes a wall at rest as a current does; <= 0 for P > 0.

            B = -xi Q U/(g~ lambda),   U that of j;   lambda of the rest state

        A wall in a `Landscape` of pinning fields up to B_p is set free by |j| = B_p/|B/j|, if that
        is well below `breakdown_current`.  Source: `rates` with qdot = phidot = 0.
        """
        c = self.coefficients(1.0)
        return -self.xi * self.charge * c.U / (c.gamma * self.width(self.rest_angle()))

    def rest_angle(self) -> Array:
        """phi, rad, of the rest state: along a for Kp >= 0, along b for Kp < 0."""
        return jnp.where(self.Kp < 0, jnp.pi / 2, 0.0).astype(self.A.dtype)

    def _motion(self, j: Array, B: Array) -> WallMotion:
        def turn(phi: Array) -> Array:
            # In rad/ns: the slope with respect to an energy in J squares to an overflow in float32.
            return 1e-9 * self.rates(phi, j, B)[1]

        rest = self.rest_angle()
        low = lax.stop_gradient(_extremum(turn, rest, -1))
        high = lax.stop_gradient(_extremum(turn, rest, +1))
        locked = (turn(low) <= 0) & (turn(high) >= 0)
        angle = _stable_root(turn, low, high, locked)
        angle = angle - jnp.pi * lax.stop_gradient(jnp.round((angle - rest) / jnp.pi))
        v_run, phidot, slowest = self._running(turn, j, B, low, high, locked)
        angle = jnp.where(locked, angle, slowest)
        return WallMotion(
            velocity=jnp.where(locked, self.rates(angle, j, B)[0], v_run),
            precession=jnp.where(locked, 0.0, phidot),
            angle=angle,
            width=self.width(angle),
            locked=locked,
        )

    def _running(self, turn, j, B, low, high, locked):
        """Averages over a half turn by the trapezium rule.

        Near breakdown nearly all the time is spent where the wall turns slowest.  The substitution
        tan psi = r tan x, exact for phidot = a - b cos 2psi, spreads the points accordingly.
        """
        f_low, f_high = turn(low), turn(high)
        up = f_low > 0
        slowest = jnp.where(up, low, high)
        ratio = jnp.where(up, f_low / f_high, f_high / f_low)
        r = lax.stop_gradient(jnp.sqrt(jnp.where(locked, 1.0, ratio)))
        x = jnp.arange(_SAMPLES, dtype=r.dtype) * (jnp.pi / _SAMPLES)
        phi = slowest + jnp.arctan2(r * jnp.sin(x), jnp.cos(x))
        weight = r / (jnp.cos(x) ** 2 + (r * jnp.sin(x)) ** 2)
        qdot, phidot = jax.vmap(lambda p: self.rates(p, j, B))(phi)
        time = weight / jnp.where(locked, 1.0, phidot)  # dt per dx; signed like phidot
        mean = 1 / jnp.mean(time)
        return jnp.mean(qdot * time) * mean, mean, slowest


@eqx.filter_jit
def _long_time(wall: CollectiveWall, j: Array, B: Array) -> WallMotion:
    dtype = wall.A.dtype
    j, B = jnp.broadcast_arrays(j.astype(dtype), B.astype(dtype))
    flat = jax.vmap(wall._motion)(j.ravel(), B.ravel())
    return WallMotion(*(x.reshape(j.shape) for x in flat))


@eqx.filter_jit
def _trajectory(wall, t, j, B, landscape, position, angle, settings: Adaptive) -> WallState:
    length = jnp.sqrt(wall.A / wall.K)  # reduced units: q in lambda, t in the piece

    def rate(s, y, piece):
        now = piece.time(piece.start + s * piece.length)
        field = value_at(B, now)
        if landscape is not None:
            field = field + landscape(y[0] * length)
        qdot, phidot = wall.rates(y[1], value_at(j, now), field)
        return jnp.stack([qdot / length, phidot]) * piece.length

    def step(carry, piece):
        y, done = carry
        longest = piece.longest_step((j, B))
        y, reached, _ = advance(settings, rate, y, piece.end, piece, dtmax=longest)
        return y, done & reached

    begin = jnp.stack([position.astype(t.dtype) / length, angle.astype(t.dtype)])
    (_, done), later = integrate(
        step, lambda t, carry: carry[0], (begin, jnp.asarray(True)), t, (j, B)
    )
    y = jnp.concatenate([begin[None], later])
    message = "CollectiveWall.evolve: `max_steps` between two saved times were not enough"
    y = eqx.error_if(y, ~done, message)
    return WallState(y[:, 0] * length, wall.width(y[:, 1]), y[:, 1])


def _extremum(f, start: Array, sign: int) -> Array:
    """Where f, of period pi with one maximum and one minimum, is largest (+1) or smallest (-1)."""
    grid = start + (jnp.arange(64) - 32).astype(start.dtype) * (jnp.pi / 64)
    phi = grid[jnp.argmax(sign * jax.vmap(f)(grid))]
    slope = jax.grad(f)
    curvature = jax.grad(slope)
    for _ in range(3):
        c = curvature(phi)
        step = jnp.where(sign * c < 0, slope(phi) / jnp.where(c == 0, 1.0, c), 0.0)
        phi = phi - jnp.clip(step, -0.05, 0.05)
    return phi


def _stable_root(f, low: Array, high: Array, exists: Array) -> Array:
    """Root of f where it falls, between its maximum `high` and its minimum `low` behind it."""
    left = high
    right = left + (low - left) % jnp.pi

    def halve(_, bracket):
        a, b = bracket
        c = (a + b) / 2
        return jnp.where(f(c) > 0, c, a), jnp.where(f(c) > 0, b, c)

    left, right = lax.fori_loop(0, 30, halve, (left, right))
    phi = lax.stop_gradient((left + right) / 2)
    # Newton steps polish the root and carry the implicit derivative: each doubles the order to
    # which derivatives are right, so two serve second derivatives.
    for _ in range(2):
        slope = jax.grad(f)(phi)
        phi = phi - jnp.where(exists, f(phi) / jnp.where(slope == 0, 1.0, slope), 0.0)
    return phi
