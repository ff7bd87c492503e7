"""An electron crosses a wall: the spin equation (8) without the local approximation.

The wall theta = 2 atan exp(x/l) is a great circle, so that no gauge term appears.  In the axes that
turn with it, with x in l, p = (i - xi)/kappa, z = s1 + i s2:

    dz/dx = p z - sech(x) s3,    ds3/dx = sech(x) s1 - (xi/kappa) (s3 - 1)

With z = sech(x) w, both w and s3 are analytic in 1 + tanh(x), whose series converges twice as fast
as needed up to the middle of the wall; the spin behind it is not needed, because the equation
adjoint to this one is its mirror image.  Nothing is stepped, cut off or averaged over precession:
machine precision at any kappa, in some sixty terms.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import ArrayLike
from ._scattering import as_complex, scattered_response
from ._spinor import broadcast

_TERMS = 64
"""Of the series; the n-th falls as 2^-n."""
_NODES = 16
"""Gauss points in the direction cosine."""
_KINDS = ("bloch", "neel", "kinked")
_AVERAGES = ("none", "fermi_surface")
_POSITIVE = {"kappa": {"above": 0.0}, "xi": {"minimum": 0.0}}
_PLACES = np.linspace(-12.0, 12.0, 481)
"""x/l of a profile."""


def _gauss(stages: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes, matrix and weights of Gauss collocation on (0, 1)."""
    x, w = np.polynomial.legendre.leggauss(stages)
    c = 0.5 * (x + 1)
    power = np.arange(1, stages + 1)
    matrix = (c[:, None] ** power / power) @ np.linalg.inv(np.vander(c, increasing=True).T).T
    return c, matrix, 0.5 * w


_GAUSS = _gauss(4)


class WallCrossing(eqx.Module):
    """The two projections of the spin that move a wall; every entry an array.

        a = -int s2 eps dt/int eps^2 dt,    b = -int s1 eps dt/int eps^2 dt

    Local theory: a = 1/(1+xi^2), b = xi a.  In the equations of a wall, u -> a u0 and
    xi u -> b u0 with u0 = mu_B P j/(e Ms).
    """

    kappa: Array
    """v tau_ex/l."""
    xi: Array
    """tau_ex/tau_sf."""
    a: Array
    """Adiabatic part."""
    b: Array
    """Non-adiabatic part."""

    @property
    def adiabatic(self) -> Array:
        """a (1 + xi^2): the adiabatic torque against its local value."""
        return self.a * (1 + self.xi**2)

    @property
    def xi_eff(self) -> Array:
        """b/a: the non-adiabaticity that the wall feels."""
        return self.b / self.a

    @property
    def flip(self) -> Array:
        """1 - adiabatic; without relaxation the probability that the spin stays behind."""
        return 1 - self.adiabatic


def wall_crossing(
    kappa: ArrayLike,
    xi: ArrayLike,
    *,
    kind: str = "bloch",
    average: str = "none",
    scattering: ArrayLike | None = None,
) -> WallCrossing:
    """What ballistic electrons do to a wall that they cross, to all orders in kappa.

        ds/dt = (1/tau_ex) n x s - (s - n)/tau_sf,   s = n far in front,   theta = 2 atan exp(x/l)

    kappa = v tau_ex/l, xi = tau_ex/tau_sf: numbers or arrays that broadcast against each other.
    kind: "bloch" or "neel", the same for a spin that sees no lattice; "kinked": theta grows
    linearly over a length l and n stands still outside (`kinked_wall`).
    average: "none", all electrons fly along x with v; "fermi_surface": kappa is v_F tau_ex/l,
    direction cosines mu have the weight 3 mu^2 of the current they carry and v = mu v_F.
    scattering: tau0/tau_ex of isotropic momentum scattering that keeps the spin, with
    average="fermi_surface"; in linear response (small-angle walls), see `scattered_response`.

    At xi = 0 the result is `rosen_zener` to all digits, however small.  Differentiable in either
    mode.
    Raises ValueError for kappa <= 0, xi < 0, scattering <= 0, an unknown kind or average,
    scattering without the average, and an average of the kinked wall (whose phases no quadrature
    resolves).
    Source: Cheng & Niu Eq. (8) with relaxation.
    """
    if kind not in _KINDS:
        raise ValueError(f"`kind` must be one of {_KINDS}, got {kind!r}")
    if average not in _AVERAGES:
        raise ValueError(f"`average` must be one of {_AVERAGES}, got {average!r}")
    if kind == "kinked" and (average != "none" or scattering is not None):
        raise ValueError('`average` must be "none" for a kinked wall')
    if scattering is not None:
        if average != "fermi_surface":
            raise ValueError('`average` must be "fermi_surface" with `scattering`')
        z = scattered_response(kappa, xi, scattering)
        kappa, xi, _ = broadcast({"kappa": kappa, "xi": xi, "scattering": scattering})
        return WallCrossing(kappa, xi, -z.imag, -z.real)
    kappa, xi = broadcast({"kappa": kappa, "xi": xi}, **_POSITIVE)
    solve = _kinked if kind == "kinked" else _fermi if average == "fermi_surface" else _smooth
    return WallCrossing(kappa, xi, *solve(kappa, xi))


def rosen_zener(kappa: ArrayLike) -> WallCrossing:
    """The same without relaxation, in closed form.

        flip = sech^2(pi/(2 kappa)),  a = 1 - flip,  b = flip/kappa,
        xi_eff = (1/kappa)/sinh^2(pi/(2 kappa))  ->  (4/kappa) exp(-pi/kappa)

    Raises ValueError for kappa <= 0.
    Source: N. Rosen and C. Zener, Phys. Rev. 40, 502 (1932), a sech pulse of area pi.
    """
    (kappa,) = broadcast({"kappa": kappa}, kappa={"above": 0.0})
    return WallCrossing(kappa, jnp.zeros_like(kappa), *_rosen_zener(kappa))


def wide_wall(kappa: ArrayLike, xi: ArrayLike) -> WallCrossing:
    """a and b of a wall much wider than v tau_sf, to second order in kappa.

        a      = (1/q) {1 + kappa^2 [(1 - 3 xi^2)/(3 q^2) - 2/(3 q)]},   q = 1 + xi^2
        xi_eff = xi [1 + (2/3) kappa^2/q]

    kappa, xi: as in `wall_crossing`.  Raises ValueError for kappa <= 0, xi < 0.
    Source: expansion of Cheng & Niu Eq. (8) with relaxation.
    """
    kappa, xi = broadcast({"kappa": kappa, "xi": xi}, **_POSITIVE)
    q = 1 + xi**2
    a = (1 + kappa**2 * ((1 - 3 * xi**2) / (3 * q**2) - 2 / (3 * q))) / q
    return WallCrossing(kappa, xi, a, a * xi * (1 + 2 * kappa**2 / (3 * q)))


def linear_response(kappa: ArrayLike, xi: ArrayLike) -> Array:
    """<s1 + i s2> = -b - i a of a small-angle wall with the profile of a full one; complex.

        -(1/(2 kappa)) psi1((1 + (xi - i)/kappa)/2),    psi1: trigamma

    kappa, xi: as in `wall_crossing`.  In a full wall the dip of s3 changes the order kappa^2, so
    take `wall_crossing` for numbers.
    Raises ValueError for kappa <= 0, xi < 0.
    Source: Cheng & Niu Eq. (8) with relaxation, s3 = 1.
    """
    kappa, xi = broadcast({"kappa": kappa, "xi": xi}, **_POSITIVE)
    half = 0.5 / kappa
    return as_complex(-half) * _trigamma(lax.complex(0.5 + xi * half, -half))


def kinked_wall(T: ArrayLike, xi: ArrayLike, *, small_angle: bool = False) -> WallCrossing:
    """A wall with kinks: n turns by pi at a constant rate while the electron flies for T tau_ex.

        small angle:  -b - i a = z0 [1 - (e^{(i - xi) T} - 1)/((i - xi) T)],   z0 = 1/(i - xi)

    T = L/(v tau_ex) = 1/kappa.  The switching at the kinks leaves an oscillation that falls only as
    1/T; a smooth wall has none.  Both forms are exact: the full one from `spin_response`.
    Raises ValueError for T <= 0, xi < 0.
    Source: Cheng & Niu Eqs (8), (9), averaged over the wall.
    """
    T, xi = broadcast({"T": T, "xi": xi}, T={"above": 0.0}, xi={"minimum": 0.0})
    if not small_angle:
        return WallCrossing(1 / T, xi, *_kinked(1 / T, xi))
    rate = lax.complex(-xi, jnp.ones_like(xi))
    turned = rate * as_complex(T)
    z = (1 - (jnp.exp(turned) - 1) / turned) / rate
    return WallCrossing(1 / T, xi, -z.imag, -z.real)


def spin_profile(kappa: ArrayLike, xi: ArrayLike) -> tuple[Array, Array]:
    """The spin along a smooth wall: x/l, (X,), from -12 to 12, and s(x), (3, X).

    Axes (e_theta, e_phi, n) that turn with the wall; local theory: s1 + i s2 = eps/(i - xi), s3 = 1
    with eps = kappa sech(x/l).
    kappa, xi: numbers, as in `wall_crossing`.
    Raises ValueError for kappa <= 0, xi < 0.
    Source: Cheng & Niu Eq. (8) with relaxation.
    """
    kappa, xi = broadcast({"kappa": kappa, "xi": xi}, **_POSITIVE)
    if kappa.ndim:
        raise ValueError(f"`kappa` and `xi` must be numbers, got shape {kappa.shape}")
    return jnp.asarray(_PLACES, kappa.dtype), _profile(kappa, xi)


def pointwise_error(kappa: ArrayLike, xi: ArrayLike) -> Array:
    """How far the spin is from the local theory: max|z - z_loc|/max|z_loc|, z = s1 + i s2.

    It grows as kappa/2; that part is odd in x and does not push the wall, so that `wall_crossing`
    differs from the local values by kappa^2 only.  Rounding adds about 1e-7/kappa in float32.
    kappa, xi: as in `wall_crossing`.  Raises ValueError for kappa <= 0, xi < 0.
    Source: Cheng & Niu Eqs (8) and (10), (12).
    """
    kappa, xi = broadcast({"kappa": kappa, "xi": xi}, **_POSITIVE)
    return jax.vmap(_pointwise)(kappa.ravel(), xi.ravel()).reshape(kappa.shape)


def direction_cosines(dtype: np.dtype) -> tuple[Array, Array]:
    """Gauss points mu in (0, 1) and their weights 3 mu^2 dmu, which add up to 1."""
    x, w = np.polynomial.legendre.leggauss(_NODES)
    mu = 0.5 * (x + 1)
    return jnp.asarray(mu, dtype), jnp.asarray(1.5 * mu**2 * w, dtype)


@jax.jit
def _fermi(kappa: Array, xi: Array) -> tuple[Array, Array]:
    mu, weight = direction_cosines(kappa.dtype)
    mu = mu.reshape(-1, *[1] * kappa.ndim)
    a, b = _smooth(*jnp.broadcast_arrays(mu * kappa[None], xi[None]))
    return jnp.tensordot(weight, a, 1), jnp.tensordot(weight, b, 1)


@jax.jit
def _smooth(kappa: Array, xi: Array) -> tuple[Array, Array]:
    """(a, b): the exact values at xi = 0, plus the difference that the series makes with xi.

    b falls below the rounding of the series where the wall is wide and xi = 0; not so this sum.
    """
    a, b = _series(jnp.stack([kappa, kappa]), jnp.stack([xi, jnp.zeros_like(xi)]))
    exact_a, exact_b = _rosen_zener(kappa)
    return exact_a + (a[0] - a[1]), exact_b + (b[0] - b[1])


def _rosen_zener(kappa: Array) -> tuple[Array, Array]:
    # By exp(-pi/kappa), since cosh^2 of a wide wall overflows.
    small = jnp.exp(-jnp.pi / kappa)
    flip = 4 * small / (1 + small) ** 2
    return ((1 - small) / (1 + small)) ** 2, flip / kappa


def _series(kappa: Array, xi: Array) -> tuple[Array, Array]:
    """(a, b) from the middle of the wall.

    The integral over the far half is that of the solution of the adjoint equation, which obeys the
    equation of the spin with x -> -x: for s1 the spin itself, for s2 the spin driven by -i sech(x).
    """
    dtype = jax.dtypes.canonicalize_dtype(np.result_type(kappa.dtype, np.complex64))
    drive = jnp.asarray([1, -1j], dtype).reshape(2, *[1] * kappa.ndim)
    z, d, area = _near_half(kappa[None], xi[None], drive)
    (s1, t1), (s2, t2) = z.real, z.imag
    b = 2 * area[0].real - s1 * s1 + s2 * s2 + d[0] * d[0]
    a = area[0].imag + area[1].real - t1 * s1 + t2 * s2 + d[1] * d[0]
    return -a / (2 * kappa), -b / (2 * kappa)


def _near_half(kappa: Array, xi: Array, drive: Array) -> tuple[Array, Array, Array]:
    """z and s3 - 1 at x = 0, and the integral of z sech(x) up to there.

    w = sum c_n (2t)^n, s3 - 1 = sum d_n (2t)^n with t = (1 + tanh x)/2; `drive` stands for the 1 in
    s3 = 1 + (s3 - 1) where it turns the spin.
    """
    ratio = xi / kappa
    p = lax.complex(-ratio, 1 / kappa)

    def term(carry, n):
        c, before, d, *sums = carry
        d = ((n - 1) * d + 2 * c.real - before.real) / (2 * n + ratio)
        c, before = (as_complex(n) * c - as_complex(d)) / (as_complex(2 * n + 1) - p), c
        terms = (c, d, c / as_complex(n + 1))
        return (c, before, d, *(x + y for x, y in zip(sums, terms, strict=True))), None

    first = drive / (p - 1)
    none = jnp.zeros_like(first)
    start = (first, none, none.real, first, none.real, first)
    (_, _, _, z, dip, area), _ = lax.scan(term, start, jnp.arange(1, _TERMS, dtype=ratio.dtype))
    return z, dip, area


@jax.jit
def _kinked(kappa: Array, xi: Array) -> tuple[Array, Array]:
    """(a, b) from the exact solution at constant eps = pi kappa, integrated term by term."""
    T, eps = 1 / kappa, jnp.pi * kappa
    # The spin turns about B = (0, -eps, 1) around its rest point s*, at the distance y, y.B = 0.
    total = xi**2 + eps**2 + 1
    y1, y2 = xi * eps / total, eps / total
    turn = jnp.sqrt(1 + eps**2)
    turned = lax.complex(-xi * T, turn * T)
    mean = (jnp.exp(turned) - 1) / turned
    # B x y = (-eps y3 - y2, y1, eps y1), y3 = eps^2/total
    across1, across2 = -eps * eps**2 / total - y2, y1
    s1 = -y1 + y1 * mean.real + across1 / turn * mean.imag
    s2 = -y2 + y2 * mean.real + across2 / turn * mean.imag
    return -s2 / eps, -s1 / eps


@jax.jit
def _pointwise(kappa: Array, xi: Array) -> Array:
    s = _profile(kappa, xi)
    eps = kappa * jnp.asarray(1 / np.cosh(_PLACES), kappa.dtype)
    local = as_complex(eps) / lax.complex(-xi, jnp.ones_like(xi))
    off = lax.complex(s[0], s[1]) - local
    return jnp.sqrt(jnp.max(off.real**2 + off.imag**2) * (1 + xi**2)) / kappa


@jax.jit
def _profile(kappa: Array, xi: Array) -> Array:
    """s at _PLACES, (3, X), by Gauss collocation: implicit, so wide walls need no smaller steps."""
    dtype, stages = kappa.dtype, len(_GAUSS[0])
    h = float(_PLACES[1] - _PLACES[0])
    nodes, matrix, weights = (jnp.asarray(x, dtype) for x in _GAUSS)
    free = jnp.stack([jnp.stack([-xi, -jnp.ones_like(xi)]), jnp.stack([jnp.ones_like(xi), -xi])])
    unit = jnp.eye(3, dtype=dtype)

    def step(x):
        """s(x + h) = A s(x) + f."""
        sech = 1 / jnp.cosh(x + h * nodes)
        turn = jnp.zeros((stages, 3, 3), dtype).at[:, :2, :2].set(free / kappa)
        turn = turn.at[:, 2, 2].set(-xi / kappa).at[:, 0, 2].set(-sech).at[:, 2, 0].set(sech)
        source = jnp.zeros((stages, 3), dtype).at[:, 2].set(xi / kappa)
        inside = jnp.eye(3 * stages, dtype=dtype) - h * jnp.einsum(
            "ij,jab->iajb", matrix, turn
        ).reshape(3 * stages, -1)
        right = jnp.concatenate(
            [jnp.tile(unit, (stages, 1)), (h * matrix @ source).reshape(-1, 1)], axis=1
        )
        values = jnp.linalg.solve(inside, right).reshape(stages, 3, 4)
        values = jnp.einsum("j,jab,jbc->ac", weights, turn, values)
        return unit + h * values[:, :3], h * (values[:, 3] + weights @ source)

    def advance(s, map_):
        s = map_[0] @ s + map_[1]
        return s, s

    # Far in front the series of the module has one term.
    far = as_complex(1 / jnp.cosh(jnp.asarray(_PLACES[0], dtype)))
    z = far / (lax.complex(-xi / kappa, 1 / kappa) - 1)
    start = jnp.stack([z.real, z.imag, jnp.ones_like(xi)])
    _, later = lax.scan(advance, start, jax.vmap(step)(jnp.asarray(_PLACES[:-1], dtype)))
    return jnp.concatenate([start[None], later]).T


def _trigamma(z: Array) -> Array:
    """psi1 of a complex z with Re z > 0: recurrence up to where the asymptotic series holds."""
    up = 14
    near = sum((1 / (z + k) ** 2 for k in range(up)), jnp.zeros_like(z))
    far = 1 / (z + up)
    square, tail = far * far, jnp.zeros_like(z)
    for bernoulli in (7 / 6, -691 / 2730, 5 / 66, -1 / 30, 1 / 42, -1 / 30, 1 / 6):
        tail = (tail + bernoulli) * square
    return near + far + 0.5 * square + far * tail
