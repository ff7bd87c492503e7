"""Eqs (9)-(12): the moment of one electron in a slowly turning magnetisation.

Time is in units of tau_ex here, and
    e1 = tau_ex sin(theta) phi',   e2 = tau_ex theta',   c = tau_ex cos(theta) phi'.
Components are those of the frame (e_theta, e_phi, n), on the leading axis; the rest is a batch.
"""

from typing import Any

import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, lift
from ..constants import GAMMA
from ._spinor import broadcast, check_unit, same_dtype

_BANDS = {"majority": 1, "minority": -1}


def band_sign(band: str) -> int:
    """+1 for the majority band (s_eq = +n), -1 for the minority band; ValueError otherwise."""
    if band not in _BANDS:
        raise ValueError(f'`band` must be "majority" or "minority", got {band!r}')
    return _BANDS[band]


def spin_response(
    e1: ArrayLike,
    e2: ArrayLike,
    xi: ArrayLike,
    t: ArrayLike,
    c: ArrayLike = 0.0,
    *,
    band: str = "majority",
) -> Array:
    """Exact (s1, s2, s3) at constant e1, e2, c from s = s_eq at t = 0; (3, ...).

        s(t) = s* + e^{-xi t} Rot(axis Bv, angle |Bv| t) (e3 - s*),    Bv = (e1, -e2, 1 - c)
        s*   = (xi^2 e3 + xi Bv x e3 + Bv (Bv.e3)) / (xi^2 + |Bv|^2)

    e1, e2, c: turning of n in a time tau_ex, see the module; of any size.  xi = tau_ex/tau_sf >= 0.
    t: in units of tau_ex.  All broadcast against each other.
    band: "majority" (s_eq = +n) or "minority" (overall minus).

    Raises ValueError for xi < 0 or an unknown band.
    Source: Cheng & Niu Eq. (8) with relaxation; the exact form of Eq. (9).
    """
    e1, e2, xi, t, c = broadcast({"e1": e1, "e2": e2, "xi": xi, "t": t, "c": c}, xi={"minimum": 0})
    b3 = 1 - c
    eps2 = e1**2 + e2**2
    size2 = eps2 + b3**2
    # w = e3 - s*, written so that nothing cancels at small eps; it is perpendicular to Bv, and
    # only vanishes with Bv, where the denominator may be 0.
    total = xi**2 + size2
    total = jnp.where(total == 0, 1.0, total)
    w1 = (xi * e2 - e1 * b3) / total
    w2 = (xi * e1 + e2 * b3) / total
    w3 = eps2 / total
    still = size2 == 0
    size = jnp.sqrt(jnp.where(still, 1.0, size2))
    cos = jnp.where(still, 1.0, jnp.cos(size * t))
    sin = jnp.where(still, t, jnp.sin(size * t) / size)
    decay = jnp.exp(-xi * t)
    s1 = decay * (w1 * cos - (e2 * w3 + b3 * w2) * sin) - w1
    s2 = decay * (w2 * cos + (b3 * w1 - e1 * w3) * sin) - w2
    s3 = 1 + (decay * (w3 * cos + (e1 * w2 + e2 * w1) * sin) - w3)
    return band_sign(band) * jnp.stack([s1, s2, s3])


def spin_response_perturbative(
    e1: ArrayLike,
    e2: ArrayLike,
    xi: ArrayLike,
    t: ArrayLike,
    *,
    printed: bool = False,
    band: str = "majority",
) -> Array:
    """(s1, s2, s3) to leading order in e1, e2 from s = s_eq at t = 0; (3, ...).

        E = e^{-xi t}/q,  C = cos t,  S = sin t,  q = 1 + xi^2
        s1 = (e1 - xi e2)/q - E [e1 (C + xi S) + e2 (S - xi C)]
        s2 = -(xi e1 + e2)/q - E [e1 (S - xi C) - e2 (C + xi S)]
        s3 = 1 - (e1^2 + e2^2) [1/q - E (C + xi S)]

    Errors for constant e1, e2: s1, s2 third, s3 fourth order; one order less if
    c = tau_ex cos(theta) phi' is kept.  e1, e2, xi, t, band: as in `spin_response`.
    printed: s3 as the paper has it, without the 1/q; it starts at 1 + eps^2/q and can exceed 1.

    Raises ValueError for xi < 0 or an unknown band.
    Source: Cheng & Niu Eqs (9a), (9b), and (9c) with its missing constant.
    """
    e1, e2, xi, t = broadcast({"e1": e1, "e2": e2, "xi": xi, "t": t}, xi={"minimum": 0})
    s1, s2, s3 = _average(e1, e2, xi, second_order=not printed)
    decay = jnp.exp(-xi * t) / (1 + xi**2)
    cos, sin = jnp.cos(t), jnp.sin(t)
    near, ahead = cos + xi * sin, sin - xi * cos
    s1 = s1 - decay * (e1 * near + e2 * ahead)
    s2 = s2 - decay * (e1 * ahead - e2 * near)
    s3 = s3 + decay * (e1**2 + e2**2) * near
    return band_sign(band) * jnp.stack([s1, s2, s3])


def spin_average(
    e1: ArrayLike,
    e2: ArrayLike,
    xi: ArrayLike,
    *,
    second_order: bool = False,
    band: str = "majority",
) -> Array:
    """(<s1>, <s2>, <s3>) after the transient, to first order in e1, e2; (3, ...).

        <s1> = (e1 - xi e2)/q,   <s2> = -(xi e1 + e2)/q,   <s3> = 1,   q = 1 + xi^2

    second_order: <s3> = 1 - (e1^2 + e2^2)/q.  e1, e2, xi, band: as in `spin_response`.
    The transient dies on tau_sf = tau_ex/xi; averaging is dephasing over electrons where xi is
    small.
    Raises ValueError for xi < 0 or an unknown band.
    Source: Cheng & Niu Eq. (10).
    """
    e1, e2, xi = broadcast({"e1": e1, "e2": e2, "xi": xi}, xi={"minimum": 0})
    return band_sign(band) * jnp.stack(_average(e1, e2, xi, second_order))


def frame_rates(e1: ArrayLike, e2: ArrayLike) -> Array:
    """The matrix, (2, 2, ...), that takes (e_theta, e_phi) to tau_ex (ndot, n x ndot).

        tau_ex ndot = e2 e_theta + e1 e_phi,    tau_ex n x ndot = -e1 e_theta + e2 e_phi

    e1, e2: as in `spin_response`.
    Source: Cheng & Niu Eq. (11), prefactor 1/tau_ex (the printed Omega does not belong there).
    """
    e1, e2 = broadcast({"e1": e1, "e2": e2})
    return jnp.stack([jnp.stack([e2, e1]), jnp.stack([-e1, e2])])


def spin_deviation(
    n: ArrayLike,
    dn_dt: ArrayLike,
    xi: ArrayLike,
    tau_ex: ArrayLike,
    *,
    velocity: ArrayLike | None = None,
    grad_n: ArrayLike | None = None,
    band: str = "majority",
    B: ArrayLike | None = None,
    gamma: ArrayLike = GAMMA,
) -> Array:
    """Deviation of an electron's moment from s_eq = +-n, (3, ...), in the lab.

        ds = -+ (tau_ex/q) [n x ndot + xi ndot],    ndot = dn/dt + (v.grad)n,   q = 1 + xi^2

    upper sign for the majority band.  With a field on the conduction moments, too,
    ndot -> ndot + gamma n x B.

    n: (3, ...), unit vectors.  dn_dt: (3, ...), 1/s, at a fixed place.  xi = tau_ex/tau_sf.
    tau_ex = hbar/Delta, s.  velocity: v = +dE/(hbar dk), (3,) or (3, ...), m/s.
    grad_n: (3, 3, ...), 1/m, grad_n[i] = dn/dr_i; together with `velocity`.
    B: T, (3,) or (3, ...).  gamma: rad/(s T).  xi, tau_ex, gamma: numbers or of the shape of n[0].

    Raises ValueError for xi < 0, tau_ex <= 0, gamma <= 0, an n not of unit length, an unknown band,
    or a velocity without grad_n.
    Source: Cheng & Niu Eq. (12), sign of the velocity mended.
    """
    if (velocity is None) != (grad_n is None):
        raise ValueError("`velocity` and `grad_n` must be given together")
    sign = band_sign(band)
    values: dict[str, Any] = {"n": n, "dn_dt": dn_dt, "xi": xi, "tau_ex": tau_ex, "gamma": gamma}
    optional = {"velocity": velocity, "grad_n": grad_n, "B": B}
    given = values | {name: x for name, x in optional.items() if x is not None}
    ranges = {"xi": {"minimum": 0.0}, "tau_ex": {"above": 0.0}, "gamma": {"above": 0.0}}
    a = dict(zip(given, same_dtype(given, **ranges), strict=True))
    n, rate = a["n"], a["dn_dt"]
    check_unit("n", n)
    for name in ("xi", "tau_ex", "gamma"):
        if a[name].shape not in ((), n.shape[1:]):
            raise ValueError(
                f"`{name}` must be a number or of shape {n.shape[1:]}, got {a[name].shape}"
            )
    xi, tau_ex = lift(a["xi"]), lift(a["tau_ex"])
    if rate.shape != n.shape:
        raise ValueError(f"`dn_dt` must have the shape {n.shape} of `n`, got {rate.shape}")
    if grad_n is not None:
        rate = rate + jnp.sum(_like(a["velocity"], n)[:, None] * a["grad_n"], axis=0)
    if B is not None:
        rate = rate + lift(a["gamma"]) * jnp.cross(n, _like(a["B"], n), axis=0)
    turned = tau_ex / (1 + xi**2) * rate
    return -sign * (jnp.cross(n, turned, axis=0) + xi * turned)


def _like(vector: Array, n: Array) -> Array:
    """A vector (3,) as a field that broadcasts against n, (3, ...)."""
    return vector.reshape(3, *[1] * (n.ndim - 1)) if vector.ndim == 1 else vector


def _average(e1: Array, e2: Array, xi: Array, second_order: bool) -> list[Array]:
    q = 1 + xi**2
    s3 = 1 - (e1**2 + e2**2) / q if second_order else jnp.ones_like(q)
    return [(e1 - xi * e2) / q, -(xi * e1 + e2) / q, s3]
