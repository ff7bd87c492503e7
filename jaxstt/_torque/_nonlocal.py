"""The torque of spins that do not follow: ballistic electrons obey Eq (8) along the wire."""

import warnings
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import ArrayLike, Kind, Vectors, axis_index, cross, dot, leaf, lift, stored
from .._electron import VELOCITY_PER_MOMENT, exchange_time
from .._energy import inverse
from .._mesh import (
    AbstractDrive,
    Grid,
    as_drive,
    check_number,
    check_order,
    largest,
    second_difference,
    sharpest,
    value_at,
)
from ._base import AbstractTorque, ValidityWarning

_FASTEST = 2.9
"""Precession between two cells, rad, at most.  The free precession of a spin is excited by what a
texture holds of its wave number; more than this per cell would alias to long waves, which every
wall holds.  The local response knows no such limit."""


_COARSE = 0.5
"""Turn of m between two cells, rad, in the middle of a wall whose width is two cells."""


class NonlocalSTT(AbstractTorque):
    """Spin-transfer torque of ballistic electrons whose spin is followed along the wire.

        v ds/dx = (1/tau_ex) m x s - (s - m)/tau_sf,      s = m where the electrons come in
        T/Ms = -(u0/(v tau_ex)) s x m - eta dm/dt + xi eta m x dm/dt
        u0 = mu_B P j/(e Ms),   tau_ex = hbar/Delta,   xi = tau_ex/tau_sf,   v along -j

    For textures wide against v tau_ex it becomes `ZhangLi`; in narrow ones the electrons lag, which
    weakens the adiabatic and strengthens the non-adiabatic torque (`wall_crossing`).

    j: conventional current density along `axis`, A/m^2, a number or a drive in time; uniform.
    P, xi, n0: as in `ZhangLi`.  Delta: exchange splitting, J.  v_F: Fermi velocity, m/s.
    axis: "x", "y" or "z", along which the electrons fly; the grid must not be periodic there.
    directions: 1, all electrons fly along `axis`; n > 1, average over the Fermi surface, weight
    3 mu^2 of the direction cosine mu at n Gauss points (8 are enough).
    order: 2 or 4, of the difference along `axis`, as in `ZhangLi`.

    Between two cells m turns along a great circle at a constant rate, for which the spin is known
    exactly (`spin_response`).  Spins do not cross vacuum; behind it they start anew along m.

    Raises ValueError for |P| > 1, xi < 0, Delta <= 0, v_F <= 0, n0 < 0, a j that is not a number.
    Source: Cheng & Niu, Eqs (8), (12)-(15) without the expansion in v tau_ex/l.
    """

    j: Annotated[Any, Kind.NUMBER]
    P: Annotated[Array, Kind.FIELD]
    xi: Annotated[Array, Kind.NUMBER]
    Delta: Annotated[Array, Kind.NUMBER]
    v_F: Annotated[Array, Kind.NUMBER]
    n0: Annotated[Array, Kind.FIELD]
    axis: str = eqx.field(static=True)
    directions: int = eqx.field(static=True)
    order: int = eqx.field(static=True)
    local: ClassVar[bool] = False

    def __init__(
        self,
        j: ArrayLike | AbstractDrive | Any,
        P: ArrayLike,
        xi: ArrayLike,
        Delta: ArrayLike,
        v_F: ArrayLike,
        n0: ArrayLike = 0.0,
        axis: str = "x",
        directions: int = 1,
        order: int = 2,
    ):
        self.j = as_drive("j", j)
        check_number("j", self.j)
        self.P, self.xi = leaf("P", P, minimum=-1, maximum=1), leaf("xi", xi, minimum=0)
        self.Delta, self.v_F = leaf("Delta", Delta, above=0), leaf("v_F", v_F, above=0)
        self.n0 = leaf("n0", n0, minimum=0)
        axis_index("axis", axis)
        if not isinstance(directions, int) or directions < 1:
            raise ValueError(f"`directions` must be an integer >= 1, got {directions!r}")
        self.axis, self.directions, self.order = axis, directions, check_order(order)

    def check(self, grid: Grid) -> None:
        if grid.periodic[axis_index("axis", self.axis)]:
            raise ValueError(
                f"`grid` must not be periodic along {self.axis}, where the electrons of NonlocalSTT"
                " come in"
            )

    def warn(self, grid: Grid, m: Array) -> None:
        k = axis_index("axis", self.axis)
        turn = float(sharpest(grid, m, (k,)) * grid.spacing[k])
        if turn > _COARSE:
            warnings.warn(
                f"m turns by {turn:.2g} rad from cell to cell along {self.axis}: the electrons of "
                "NonlocalSTT see a texture narrower than two cells (better four or more)",
                ValidityWarning,
                stacklevel=5,
            )

    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        axis = axis_index("axis", self.axis)
        if grid.shape[axis] == 1:
            return jnp.zeros_like(m)
        j = value_at(self.j, t)
        back = j > 0  # electrons fly along -j
        n = _turned_round(back, jnp.moveaxis(m, axis + 1, 1))
        flown = stored(self._transfer(n, grid.spacing[axis]))
        local, free = _turned_round(back, stored(tuple(map(_to_cells, flown))))
        local, free = (jnp.moveaxis(x, 1, axis + 1) for x in (local, free))
        if self.order == 4:
            local = local - second_difference(grid, local, axis) / 6
            free = free - second_difference(grid, free, axis) / 6
        # The non-adiabatic part by the same difference as in ZhangLi.
        J = stored(local - self.xi * cross(m, local) + free)
        strength = VELOCITY_PER_MOMENT * self.P / grid.spacing[axis] * inverse(Ms)
        torque = lift(strength * jnp.where(back, j, -j)) * J
        return torque - m * lift(dot(m, torque))

    def _transfer(self, n: Array, d: float) -> tuple[Array, Array]:
        """`ballistic_transfer` of n with cells of d [m], averaged over directions."""
        length = self.v_F * exchange_time(self.Delta)
        if self.directions == 1:
            return ballistic_transfer(n, self.xi, d / length)
        x, w = np.polynomial.legendre.leggauss(self.directions)
        mu = 0.5 * (x + 1)
        h = d / (length * jnp.asarray(mu, length.dtype))
        each = lax.map(lambda h: ballistic_transfer(n, self.xi, h), h)
        weight = jnp.asarray(1.5 * mu**2 * w, n.dtype)
        return jnp.tensordot(weight, each[0], 1), jnp.tensordot(weight, each[1], 1)

    def renormalisation(self, Ms: Array) -> tuple[Array, Array] | None:
        eta = self.n0 * inverse(Ms) / (1 + self.xi**2)
        return eta, self.xi * eta

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        u0 = VELOCITY_PER_MOMENT * jnp.max(jnp.abs(self.P)) * jnp.max(inverse(Ms)) * largest(self.j)
        return 1.4 * u0 / grid.spacing[axis_index("axis", self.axis)]


def _turned_round(back: Array, fields: Any) -> Any:
    """The fields with axis 1 the other way round if `back`."""
    other = lambda fields: jax.tree.map(lambda x: x[:, ::-1], fields)  # noqa: E731
    return lax.cond(back, other, lambda fields: fields, fields)


def _to_cells(x: Array) -> Array:
    """Half of what lies on either side of each cell along axis 1; nothing beyond the ends."""
    x = jnp.pad(x, [(0, 0), (1, 1), (0, 0), (0, 0)])
    return 0.5 * (x[:, :-1] + x[:, 1:])


def ballistic_transfer(n: Array, xi: Array, h: Array) -> tuple[Array, Array]:
    """int s x n dtau between neighbours of n (3, N, ...) for spins that fly along +axis 1.

    tau: time of flight in tau_ex, h of it from cell to cell.  Both of shape (3, N-1, ...): L, the
    adiabatic part of what s* gives, whose whole is L - xi n x L; and what r and y give.

    In the axes that turn with n, w = n x dn/dtau is the angular velocity of n, and with b = n - w
        ds/dtau = b x s - xi (s - n),     s = s* + r + y,
        s* = (q n - xi w x n - w)/(q + w^2)     the answer to w held constant,
        r                                       its lag behind a w that grows linearly in a cell,
        y                                       free: it turns about b and decays with xi.
    Only y is carried from cell to cell; it makes up for the kinks in w and is zero in the local
    theory.
    """
    here, there = n[:, :-1], n[:, 1:]
    full = (dot(here, here) > 0) & (dot(there, there) > 0)
    normal, chord = cross(here, there), there - here
    square = 0.25 * dot(chord, chord)  # sin^2(theta/2)
    arc = lift(stored(_angle_over_sine(square))) * normal  # theta along the axis of the turn
    arc, w = stored((arc, arc / h))
    D = 1 + xi**2 + dot(w, w)
    frame = (w, _slope(w, full), D, xi, h)
    shift_here, lag_here, shift_there, lag_there = stored(
        (*_lag(here, *frame), *_lag(there, *frame))
    )
    start = _answer(here, w, D, xi) - shift_here + lag_here
    end = _answer(there, w, D, xi) + shift_there + lag_there
    # What the answer to the next turn lacks of the spin that arrives; behind vacuum that is m.
    arrives = jnp.where(full[None, :-1], end[:, :-1], here[:, 1:])
    jump = jnp.concatenate([here[:, :1], arrives], axis=1) - start

    Omega = jnp.sqrt(1 + dot(w, w))
    b, angle = stored(((here - w) / lift(Omega), _limited(h * Omega)))
    c, s = stored((jnp.cos(0.5 * angle), jnp.sin(0.5 * angle)))
    decay = jnp.where(full, jnp.exp(-xi * h), 0.0)
    half = jnp.sqrt(jnp.maximum(1 - square, 1e-6))  # cos(theta/2)
    turn = jnp.concatenate([half[None], normal / lift(2 * half)])  # as a quaternion
    own = jnp.concatenate([c[None], lift(s) * b])
    y = stored(_carried(*stored((_product(turn, own), decay, jump))))

    along = b * lift(dot(b, y))
    across = y - along
    later = lift(decay) * (lift(c * c - s * s) * across + lift(2 * c * s) * cross(b, across))
    change, across = stored((later - across, across))
    # int y dtau, along b and across: there by what a whole turn leaves, which the limit on the
    # angle does not touch.
    integral = along * (h * _expm1_over(-xi * h))
    integral = integral - (xi * change + lift(Omega) * cross(b, change)) / lift(xi**2 + Omega**2)
    free = cross(integral + h * lag_here, here)
    free = free + 0.5 * h * cross(w, free)  # as seen half-way between the two cells
    return jnp.where(full[None], -chord / lift(D), 0.0), jnp.where(full[None], free, 0.0)


def _answer(n: Array, w: Array, D: Array, xi: Array) -> Array:
    """s*."""
    return ((1 + xi**2) * n - xi * cross(w, n) - w) / lift(D)


def _lag(n: Array, w: Array, slope: Array, D: Array, xi: Array, h: Array) -> tuple[Array, Array]:
    """Half the change of s* across a cell distance, and r: (b x - xi) r = (change of s*)/h.

    Across b only: along b a spin answers in tau_sf, not at once.
    """
    b = n - w
    g = slope - n * lift(dot(n, slope))
    g = -(g + xi * cross(g, n)) / lift(D)
    g = g - b * lift(dot(b, g) / (1 + dot(w, w)))
    return 0.5 * g, -(xi * g + cross(b, g)) / lift(h * D)


def _slope(w: Array, full: Array) -> Array:
    """Change of w across a cell distance, from the intervals on both sides where there are such."""
    edges = [(1, 1), (0, 0), (0, 0)]
    padded = jnp.pad(w, [(0, 0), *edges], mode="edge")
    known = jnp.pad(full, edges, mode="edge")[None]
    below = jnp.where(known[:, :-2], padded[:, :-2], w)
    above = jnp.where(known[:, 2:], padded[:, 2:], w)
    return 0.5 * (above - below)


def _limited(angle: Array) -> Array:
    """`angle` smoothly kept below `_FASTEST`."""
    eighth = jnp.square(jnp.square(jnp.square(angle / _FASTEST)))
    return angle / jnp.sqrt(jnp.sqrt(jnp.sqrt(1 + eighth)))


def _rotated(quaternion: Array, v: Array) -> Array:
    """v turned by a unit quaternion (4, ...), scalar part first."""
    scalar, vector = quaternion[:1], quaternion[1:]
    once = cross(vector, v)
    return v + 2 * (scalar * once + cross(vector, once))


def _product(a: Array, b: Array) -> Array:
    """The turn b followed by the turn a."""
    vector = a[:1] * b[1:] + b[:1] * a[1:] + cross(a[1:], b[1:])
    return jnp.concatenate([a[:1] * b[:1] - dot(a[1:], b[1:])[None], vector])


def _carried(quaternion: Array, decay: Array, jump: Array) -> Array:
    """y[k+1] = decay[k] (y[k] turned by quaternion[k]) + jump[k+1],  y[0] = jump[0], on axis 1."""
    shifted = jnp.roll(quaternion, 1, axis=1)
    damping = jnp.roll(decay, 1, axis=0)[None]

    def after(first, second):
        q1, e1, y1 = first
        q2, e2, y2 = second
        return _product(q2, q1), e2 * e1, y2 + e2 * _rotated(q2, y1)

    def one_by_one(elements):
        def step(y, element):
            q, e, more = element
            y = more + e * _rotated(q, y)
            return y, y

        by_cell = jax.tree.map(lambda x: jnp.moveaxis(x, 1, 0), elements)
        return jnp.moveaxis(lax.scan(step, jnp.zeros_like(jump[:, 0]), by_cell)[1], 0, 1)

    return lax.platform_dependent(
        (shifted, damping, jump),
        cpu=one_by_one,
        default=lambda elements: lax.associative_scan(after, elements, axis=1)[2],
    )


def _angle_over_sine(square: Array) -> Array:
    """theta/sin(theta) as a smooth function of sin^2(theta/2)."""
    # theta/sin(theta) = f(theta/4)/(cos(theta/2) cos(theta/4)), where f(theta/4) needs few terms:
    # of an arc sine XLA's CPU code takes twice as long.
    half = jnp.sqrt(1 - jnp.minimum(square, 1 - 1e-6))
    square = jnp.minimum(square, 1 - 1e-6) / (2 * (1 + half))  # sin^2(theta/4)
    quarter = jnp.sqrt(1 - square)
    square = square / (2 * (1 + quarter))  # sin^2(theta/8)
    terms = [1.0]
    for k in range(1, 17):  # of (2 asin s)/sin(2 asin s) = sum_k (2k)!!/(2k+1)!! s^2k
        terms.append(terms[-1] * 2 * k / (2 * k + 1))
    series = jnp.full_like(square, terms[-1])
    for term in terms[-2::-1]:
        series = term + square * series
    return series / (half * quarter)


def _expm1_over(x: Array) -> Array:
    """(e^x - 1)/x, 1 at x = 0."""
    small = jnp.abs(x) < 1e-3
    safe = jnp.where(small, 1.0, x)
    return jnp.where(small, 1 + x / 2 + x * x / 6, jnp.expm1(safe) / safe)
