"""A wall as two coordinates: its position q and its angle phi, with the width lambda(phi)."""

from collections.abc import Callable
from typing import Any

import diffrax as dfx
import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

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
from .._integrate import adaptive, check_times, naming_the_adjoint
from .._mesh import as_drive, check_number
from .._observe import WallMotion, WallState
from ..constants import GAMMA
from ._canting import Canting, canting
from ._landscape import Landscape
from ._long_time import half_turn, largest_of, lowest, whole_turn
from ._trajectory import trajectory


class CollectiveWall(eqx.Module):
    """Domain wall as collective coordinates (q, phi) with a width that follows the angle.

        energy  w = A m'^2 + K (m_a^2 + m_b^2) + Kp m_b^2 + w_D - Ms (B_a m_a + B_b m_b)
        lambda(phi) = sqrt(A/(K + Kp sin^2 phi))
        phidot + alpha~ Q qdot/lambda = g~ [B - (pi/2) B_DL cos phi] - xi Q U/lambda
        Q qdot/lambda - alpha~ phidot = (g~ Kp/Ms) sin 2phi - g~ pi D Q sin phi/(2 Ms lambda)
                                        + g~ (pi/2) (B_a sin phi - B_b cos phi) - Q U/lambda

    (c, a, b) is a right-handed triad with c the easy axis: (z, x, y) for a perpendicular strip,
    (x, y, z) for a head-to-head wall.  phi is measured from +a towards +b.  Kp < 0 makes b the rest
    direction (Bloch wall of a thin perpendicular strip).  Tilde quantities: `torque_coefficients`.
    In terms of D and of the spin-orbit torques (c, a, b) = (z, x, y), a perpendicular strip:

        w_D = D (m_z d_x m_x - m_x d_x m_z),     energy of the wall pi Q D cos phi
        B_DL = hbar theta_DL j/(2 e Ms d),       B_b = B_y - hbar theta_FL j/(2 e Ms d)

    `InterfacialDMI` and `SpinOrbit` with the metal below.  Fields in the plane also widen the wall
    and cant the domains; the terms of second order in h = Ms B/2K are in `_canting` (velocities
    are within 1 % of the LLG's at h = 0.1; those above alone are 10 % off).

    A: exchange, J/m.  K, Kp: J/m^3, K > 0 and K + Kp > 0.  Ms: A/m.  alpha, gamma: bare;
    gamma in rad/(s T).  xi, P, n0 [A/m]: as in `ZhangLi`.  D: J/m^2.  theta_DL, theta_FL: effective
    spin Hall angles, of the same j that drives the wall: times the ratio of the metal's current
    density to the film's.  thickness: d of the film, m.  Without D and both angles None is added.
    charge: +1 if m_c falls from + to - along x, -1 otherwise.
    All but `charge` are leaves; each may be differentiated or batched.

    Raises ValueError for A, Ms, gamma, K or K + Kp <= 0, alpha or n0 < 0, |P| > 1, charge not +-1,
    and spin-orbit torques without a thickness.
    Source: Cheng & Niu Eq. (15) on a rigid-profile wall (Slonczewski-Walker-Thiaville coordinates);
    Thiaville et al., EPL 100, 57002 (2012), and Emori et al., Nat. Mater. 12, 611 (2013), for D and
    the damping-like torque.
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
    D: Array | None
    theta_DL: Array | None
    theta_FL: Array | None
    thickness: Array | None
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
        D: ArrayLike | None = None,
        theta_DL: ArrayLike | None = None,
        theta_FL: ArrayLike | None = None,
        thickness: ArrayLike | None = None,
    ):
        self.A, self.Ms = leaf("A", A, above=0), leaf("Ms", Ms, above=0)
        self.K, self.Kp = leaf("K", K, above=0), leaf("Kp", Kp)
        self.alpha, self.n0 = leaf("alpha", alpha, minimum=0), leaf("n0", n0, minimum=0)
        self.xi, self.P = leaf("xi", xi), leaf("P", P, minimum=-1, maximum=1)
        self.gamma = leaf("gamma", gamma, above=0)
        self.charge = check_sign("charge", charge)
        check_Ms(self.Ms)
        check_size("A", self.A, 1e-3, "J/m")
        self.D = None if D is None else leaf("D", D)
        self.theta_DL = None if theta_DL is None else leaf("theta_DL", theta_DL)
        self.theta_FL = None if theta_FL is None else leaf("theta_FL", theta_FL)
        self.thickness = None if thickness is None else leaf("thickness", thickness, above=0)
        if self.D is not None:
            check_size("D", self.D, 1.0, "J/m^2")
        if self.thickness is None and (theta_DL is not None or theta_FL is not None):
            raise ValueError("`thickness` is needed for spin-orbit torques, got None")
        for name in self.__dataclass_fields__:
            if name != "charge" and getattr(self, name) is not None and getattr(self, name).ndim:
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
        names = ("Ms", "alpha", "xi", "P", "n0", "gamma")
        return torque_coefficients(**{name: getattr(self, name) for name in names}, j=j)

    def width(self, phi: ArrayLike, B_plane: ArrayLike | None = None) -> Array:
        """lambda(phi), m: 2/lambda = int (d_x m)^2 dx; B_plane: (B_a, B_b), T."""
        plane = None if B_plane is None else jnp.asarray(B_plane)
        return self._width(canting(self.Ms, self.K, self.Kp, plane, jnp.asarray(phi)))

    def _width(self, canted: Canting) -> Array:
        return jnp.sqrt(self.A / canted.cost) / canted.narrowing

    def rates(
        self,
        phi: ArrayLike,
        j: ArrayLike = 0.0,
        B: ArrayLike = 0.0,
        B_plane: ArrayLike | None = None,
    ) -> tuple[Array, Array]:
        """(qdot [m/s], phidot [rad/s]) at phi [rad] and j [A/m^2].

        B: T, along the easy axis.  B_plane: (B_a, B_b), T, in the plane across it.
        """
        c, phi = self.coefficients(j), jnp.asarray(phi)
        plane = self.field_in_the_plane(j, B_plane)
        canted = canting(self.Ms, self.K, self.Kp, plane, phi)
        width, rise = self._width(canted), canted.rise
        drive = c.gamma * rise * jnp.asarray(B) - (self.xi - c.alpha) * self.charge * c.U / width
        hard = self._hard(c.gamma, canted)
        if self.theta_DL is not None:
            push = jnp.pi / 2 * self._spin_orbit(self.theta_DL, j) * canted.along_x
            drive = drive - c.gamma * push
        phidot = (drive - c.alpha / rise * hard) / (rise + c.alpha**2 / rise)
        # This form of qdot has no 1/alpha~: it holds for an undamped wall as well.
        qdot = self.charge * width * (c.alpha * phidot + hard) / rise - c.U
        return qdot, phidot

    def _hard(self, gamma: Array, canted: Canting) -> Array:
        """rad/s: gamma/(2 Ms lambda) times what the energy rises by when the wall turns."""
        rise = canted.turning
        if self.D is not None:
            rise = (
                rise
                + jnp.pi / 2 * self.charge * self.D / self._width(canted) * canted.slope_along_x
            )
        return gamma / self.Ms * rise

    def _spin_orbit(self, theta: Array, j: ArrayLike) -> Array:
        """T; the moment per spin is that of g = 2, whatever gamma."""
        assert self.thickness is not None
        moment = VELOCITY_PER_MOMENT / self.gamma
        return theta * jnp.asarray(j) * moment / (self.Ms * self.thickness)

    def field_in_the_plane(self, j: ArrayLike, B_plane: ArrayLike | None) -> Array | None:
        """(B_a, B_b), T, with what the field-like torque of j acts as; None: there is none."""
        plane = None if B_plane is None else jnp.asarray(B_plane)
        if self.theta_FL is None:
            return plane
        like_field = self._spin_orbit(self.theta_FL, j)
        own = jnp.stack([jnp.zeros_like(like_field), -like_field])
        return own if plane is None else own + plane

    def _check_plane(self, j: Array, plane: Array | None) -> None:
        """ValueError for a field in the plane that is none of a wall that is little canted."""
        B = self.field_in_the_plane(j, plane)
        if B is None:
            return
        size = jnp.max(jnp.linalg.norm(B, axis=0), initial=0.0)
        free = self.K + jnp.minimum(self.Kp, 0.0) - jnp.pi / 2 * self.Ms * size
        if is_concrete(free) and float(free) <= 0:
            raise ValueError(
                "`B_plane`, with the field-like torque, must be well below 2K/Ms: it leaves no "
                f"wall, got {float(size):.3g} T"
            )

    @property
    def _plain(self) -> bool:
        """Whether the period is pi: a hard axis, and nothing else, tells the angles apart."""
        return self.D is None and self.theta_DL is None and self.theta_FL is None

    def motion(
        self, j: ArrayLike = 0.0, B: ArrayLike = 0.0, B_plane: ArrayLike | None = None
    ) -> WallMotion:
        """Long-time motion under a constant current density j [A/m^2] and field B [T] along +c.

            locked:   phidot(phi_s) = 0 on the stable branch,  v = qdot(phi_s)
            running:  <phidot> = pi/I,  v = (1/I) int_0^pi (qdot/phidot) dphi,
                      I = int_0^pi dphi/phidot

        With D, spin-orbit torques or B_plane = (B_a, B_b), T, a turn is 2 pi and the angle is the
        first at which a wall that begins at rest can stay.
        j, B and both components of B_plane, (2,) or (2, ...), broadcast against each other; the
        result has their shape.  Differentiable in either
        mode and to second order, in j, B and every parameter, on both sides of the breakdown (at
        the breakdown itself the velocity has a square-root edge).
        Both cases are exact for the equations of the class.
        Raises ValueError for a j or B that is not finite or not a number.
        """
        plane = None if B_plane is None else _in_plane(B_plane)
        j, B = leaf("j", j), leaf("B", B)
        drives = (j, B) if plane is None else (j, B, *plane)
        j, B, *plane = jnp.broadcast_arrays(*(x.astype(self.A.dtype) for x in drives))
        across = jnp.stack(plane) if plane else None
        self._check_plane(j, across)
        return _long_time(self, j, B, across)

    def evolve(
        self,
        t: ArrayLike,
        j: Any = 0.0,
        B: Any = 0.0,
        B_plane: Any = None,
        *,
        landscape: Landscape | None = None,
        position: ArrayLike = 0.0,
        angle: ArrayLike | None = None,
        rtol: float | None = None,
        adjoint: dfx.AbstractAdjoint | None = None,
        max_steps: int = 2**18,
    ) -> WallState:
        """Position [m], width [m] and angle [rad] at the times t [s], (T,), from t[0] on.

        j [A/m^2], B [T]: numbers or drives in time, e.g. `Pulse`.  B_plane: (B_a, B_b), T, or a
        drive that gives it.  landscape: a field that depends on where the wall is, added to B.
        position, angle: at t[0]; the angle is by default that of the rest state.  rtol: relative
        error of a step, on q/lambda and phi; by default 1e-8 (float64) or 1e-5 (float32).
        adjoint: as in `jaxstt.evolve`.  max_steps: between two saved times.
        Raises ValueError for times that do not increase, a tolerance <= 0 and what is no number,
        RuntimeError (equinox) if the steps run out.
        """
        dtype = self.A.dtype
        times = check_times(t, dtype)
        j, B = as_drive("j", j), as_drive("B", B)
        check_number("j", j)
        check_number("B", B)
        plane = None if B_plane is None else as_drive("B_plane", B_plane)
        if plane is not None and not callable(plane):
            plane = _in_plane(plane, one=True)
        if not (callable(j) or callable(plane)):
            self._check_plane(j, plane)
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
            lambda: trajectory(self, jnp.asarray(times), j, B, plane, landscape, *start, settings),
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
        self._check_no_spin_orbit("intrinsic_threshold")
        if self.D is not None:
            return self._largest(lambda phi, hard: hard * self.width(phi))
        wall = 2 * jnp.abs(jnp.sqrt(self.A * (self.K + self.Kp)) - jnp.sqrt(self.A * self.K))
        return self.coefficients().gamma * wall / self.Ms

    def breakdown_field(self) -> Array:
        """|B|, T, above which a field alone makes the wall precess: B_W = alpha~ |Kp|/Ms.

        With D: alpha~ max |(Kp/Ms) sin 2phi - pi D Q sin phi/(2 Ms lambda)|.
        """
        if self.D is not None:
            c = self.coefficients()
            return c.alpha / c.gamma * self._largest(lambda phi, hard: hard)
        return self.coefficients().alpha * jnp.abs(self.Kp) / self.Ms

    def field_per_current(self) -> Array:
        """B/j, T/(A/m^2): the field that pushes a wall at rest as a current does; <= 0 for P > 0.

            B = -xi Q U/(g~ lambda),   U that of j;   lambda of the rest state

        A wall in a `Landscape` of pinning fields up to B_p is set free by |j| = B_p/|B/j|, if that
        is well below `breakdown_current`.  Source: `rates` with qdot = phidot = 0.
        """
        c = self.coefficients(1.0)
        return -self.xi * self.charge * c.U / (c.gamma * self.width(self.rest_angle()))

    def _largest(self, of: Callable[[Array, Array], Array]) -> Array:
        """max over phi of |of(phi, what turns the wall at phi)|."""
        gamma = self.coefficients().gamma

        def size(phi: Array) -> Array:
            canted = canting(self.Ms, self.K, self.Kp, None, phi)
            return jnp.abs(of(phi, self._hard(gamma, canted)))

        return largest_of(size, self.A.dtype)

    def _check_no_spin_orbit(self, name: str) -> None:
        if self.theta_DL is not None or self.theta_FL is not None:
            raise ValueError(f"`{name}` has no closed form with spin-orbit torques: see `motion`")

    def rest_angle(self) -> Array:
        """phi, rad, of the rest state: along a for Kp >= 0, along b for Kp < 0.

        With D where 4 sqrt(A (K + Kp sin^2 phi)) + pi Q D cos phi is least, from 0 to pi.
        """
        if self.D is not None:
            D = self.D

            def energy(phi: Array) -> Array:
                wall = 4 * jnp.sqrt(self.A * (self.K + self.Kp * jnp.sin(phi) ** 2))
                return (wall + jnp.pi * self.charge * D * jnp.cos(phi)) / jnp.sqrt(self.A * self.K)

            return lowest(energy, self.A.dtype)
        return jnp.where(self.Kp < 0, jnp.pi / 2, 0.0).astype(self.A.dtype)

    def _motion(self, j: Array, B: Array, plane: Array | None) -> WallMotion:
        def turn(phi: Array) -> Array:
            # In rad/ns: the slope with respect to an energy in J squares to an overflow in float32.
            return 1e-9 * self.rates(phi, j, B, plane)[1]

        def speed(phi: Array) -> Array:
            return self.rates(phi, j, B, plane)[0]

        follow = half_turn if self._plain and plane is None else whole_turn
        end = follow(turn, speed, self.rest_angle())
        return WallMotion(
            velocity=jnp.where(end.locked, speed(end.angle), end.mean),
            precession=jnp.where(end.locked, 0.0, 1e9 * end.turning),
            angle=end.angle,
            width=self.width(end.angle, self.field_in_the_plane(j, plane)),
            locked=end.locked,
        )


@eqx.filter_jit
def _long_time(wall: CollectiveWall, j: Array, B: Array, plane: Array | None) -> WallMotion:
    drives = (j.ravel(), B.ravel(), None if plane is None else plane.reshape(2, -1))
    flat = jax.vmap(wall._motion, in_axes=(0, 0, None if plane is None else 1))(*drives)
    return WallMotion(*(x.reshape(j.shape) for x in flat))


def _in_plane(B_plane: ArrayLike, one: bool = False) -> Array:
    plane = leaf("B_plane", B_plane)
    if plane.shape[:1] != (2,) or (one and plane.ndim > 1):
        raise ValueError(f"`B_plane` must be (B_a, B_b), T, got shape {plane.shape}")
    return plane
