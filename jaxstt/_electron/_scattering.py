"""Momentum scattering on the way through a wall: a linear Boltzmann equation for the spin."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import ArrayLike
from ._spinor import broadcast

_WAVES = 1024
_REACH = 14.0
"""Wave numbers up to 14/l: the weight sech^2(pi w/(2 kappa)) has fallen to 1e-18."""
_SMALL = 0.25
"""|w/g|^2 below which the average over directions is expanded."""


def scattered_response(kappa: ArrayLike, xi: ArrayLike, scattering: ArrayLike) -> Array:
    """<s1 + i s2> = -b - i a with momentum scattering, averaged over the Fermi surface; complex.

        z_mu (i w mu + 1/t + xi - i) = -3 mu^2 eps(w) + <z>/t
        -b - i a = int <z> eps(w) dw / int eps(w)^2 dw,    eps(w) ~ sech(pi w/(2 kappa))

    kappa = v_F tau_ex/l, xi = tau_ex/tau_sf, scattering: t = tau0/tau_ex, isotropic and spin
    conserving; numbers or arrays that broadcast.  w: wave number along x in 1/(v_F tau_ex).
    <>: mean over the direction cosine mu in (-1, 1).  Linear response (small-angle walls).
    Raises ValueError for kappa <= 0, xi < 0, scattering <= 0.
    Source: Cheng & Niu Eq. (8) with relaxation and a collision integral; not in the paper.
    """
    positive = {"above": 0.0}
    values = {"kappa": kappa, "xi": xi, "scattering": scattering}
    return _response(*broadcast(values, kappa=positive, xi={"minimum": 0.0}, scattering=positive))


def scattering_coefficient(scattering: ArrayLike) -> Array:
    """C in xi_eff = xi + C kappa^2: even at xi = 0 a wide wall feels a non-adiabatic torque.

        C = t (5 + 13 t^2)/(45 (1 + t^2)^2),    t = scattering = tau0/tau_ex

    Raises ValueError for scattering <= 0.
    Source: `scattered_response` to second order in kappa.
    """
    (t,) = broadcast({"scattering": scattering}, scattering={"above": 0.0})
    return t * (5 + 13 * t**2) / (45 * (1 + t**2) ** 2)


def as_complex(x: Array) -> Array:
    """x + 0i; JAX under strict promotion does not mix real and complex arrays."""
    return lax.complex(x, jnp.zeros_like(x))


@jax.jit
def _response(kappa: Array, xi: Array, t: Array) -> Array:
    # <z> is even in w, so half the trapezium; w in kappa from here on.
    w = np.linspace(0.0, _REACH, _WAVES)
    weight = np.cosh(np.pi * w / 2) ** -2.0
    weight[0] *= 0.5
    weight /= np.sum(weight)
    shape = (-1, *[1] * kappa.ndim)
    w, weight = (jnp.asarray(x.reshape(shape), kappa.dtype) for x in (w, weight))
    g = lax.complex(1 / t + xi, -jnp.ones_like(xi))[None]
    q = (as_complex(kappa[None] * w) / g) ** 2
    # <z> = -<3 mu^2 R>/(1 - <R>/t) with R = 1/(g + i w mu): <3 mu^2 R> = 3 m/g, <R> = (1 - q m)/g.
    m = _moment(q)
    free, rate = lax.complex(xi, -jnp.ones_like(xi))[None], as_complex(1 / t[None])
    mean = -3 * m / (free + q * m * rate)
    return jnp.sum(as_complex(weight) * mean, axis=0)


def _moment(q: Array) -> Array:
    """<mu^2/(1 + q mu^2)> over mu in (0, 1) = (1 - atan(sqrt q)/sqrt q)/q for complex q."""
    near = (q.real**2 + q.imag**2) < _SMALL**2
    small, large = jnp.where(near, q, 0), jnp.where(near, 1, q)
    series = jnp.zeros_like(q)
    for n in range(28, -1, -1):
        series = 1 / (2 * n + 3) - small * series
    root = jnp.sqrt(large)
    i_root = 1j * root
    atan = (jnp.log(1 + i_root) - jnp.log(1 - i_root)) / (2j * root)
    return jnp.where(near, series, (1 - atan) / large)
