"""Eqs (15)-(16) in the languages of mumax3, of OOMMF and its kin, and of papers with (u, beta)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, is_concrete, leaf
from ..constants import GAMMA, GAMMA_MUMAX3, MU_0
from ._coefficients import VELOCITY_PER_MOMENT, torque_coefficients

_SIGNS = {"oommf": -1.0, "paper": 1.0}
"""u against +j: OOMMF's and Thiaville's u runs with the electrons, the paper's against them."""
_ROUNDING = 1e-5
"""Part by which a result may leave its range and still be taken for its end."""


class BareParameters(NamedTuple):
    """A sample in the terms of this package; `**_asdict()` is what `torque_coefficients` takes."""

    Ms: Array
    """Saturation magnetisation, A/m."""
    alpha: Array
    """Bare Gilbert damping."""
    xi: Array
    """tau_ex/tau_sf."""
    P: Array
    """Conductivity polarisation."""
    n0: Array
    """Equilibrium moment density of the conduction electrons, A/m."""
    j: Array
    """Conventional current density, A/m^2, scalar or (3,)."""
    gamma: Array
    """Bare gyromagnetic ratio, rad/(s T)."""


class Mumax3Parameters(NamedTuple):
    """Entries carry the names of mumax3's variables."""

    J: Array
    """A/m^2, along the conventional current."""
    Pol: Array
    Xi: Array
    alpha: Array
    Msat: Array
    """A/m."""
    GammaLL: Array
    """rad/(s T)."""


class OOMMFParameters(NamedTuple):
    """OOMMF's spin-transfer evolver; Ubermag `ZhangLi(u, beta)`, `Damping(alpha)`, `Precession`."""

    u: Array
    """m/s, along the electron flow, no 1/(1+beta^2) in it; scalar or (3,) as j."""
    beta: Array
    alpha: Array
    gamma_G: Array
    """Gilbert's gyromagnetic ratio, m/(A s)."""
    Ms: Array
    """A/m."""


class VelocityParameters(NamedTuple):
    """The spin-transfer torque as a velocity."""

    u: Array
    """m/s, scalar or (3,) as j."""
    beta: Array
    P_T: Array
    """P/((1+xi^2)(1+eta)): what papers that quote u = g mu_B P_T j/(2 e Ms) mean."""


class CurrentParameters(NamedTuple):
    """The spin-transfer torque as a polarised current."""

    j: Array
    """A/m^2, scalar or (3,), along the conventional current."""
    P: Array
    xi: Array


def to_mumax3(
    *,
    Ms: ArrayLike,
    alpha: ArrayLike,
    xi: ArrayLike,
    P: ArrayLike,
    n0: ArrayLike = 0.0,
    j: ArrayLike = 0.0,
    gamma: ArrayLike = GAMMA,
    default_gamma: bool = False,
) -> Mumax3Parameters:
    """What to set in mumax3 (Zhang-Li) for this sample.

        mumax3:  + (U.grad)m - Xi m x (U.grad)m,  U = mu_B Pol J GammaLL/(e gamma_0 Msat (1+Xi^2))
        J = j,  Pol = P gamma_0/gamma,  Xi = xi,  alpha = alpha~,  Msat = Ms,  GammaLL = gamma~

    gamma_0 = 1.7595e11 rad/(s T) is fixed in mumax3: GammaLL = gamma~ alone puts 1/(1+eta) into U,
    and for gamma = gamma_0 Pol is P.  Arguments: as `torque_coefficients`, alpha and gamma bare.

    default_gamma: leave GammaLL at gamma_0 and take Pol = P/(1+eta).  The torque of the current is
    the same; fields then turn m with gamma_0 in place of gamma~.

    Raises ValueError as `torque_coefficients` does.
    Source: Cheng & Niu, Eqs (15)-(16), against the equation that mumax3 solves.
    """
    c = torque_coefficients(Ms=Ms, alpha=alpha, xi=xi, P=P, n0=n0, j=j, gamma=gamma)
    Ms, xi, P, j = leaf("Ms", Ms), leaf("xi", xi), leaf("P", P), leaf("j", j)
    if default_gamma:
        gamma_0 = jnp.full_like(c.gamma, GAMMA_MUMAX3)
        return Mumax3Parameters(j, P / (1 + c.eta), xi, c.alpha, Ms, gamma_0)
    Pol = P * (GAMMA_MUMAX3 / leaf("gamma", gamma))
    return Mumax3Parameters(j, Pol, xi, c.alpha, Ms, c.gamma)


def from_mumax3(
    *,
    J: ArrayLike,
    Pol: ArrayLike,
    Xi: ArrayLike,
    alpha: ArrayLike,
    Msat: ArrayLike,
    GammaLL: ArrayLike = GAMMA_MUMAX3,
    n0: ArrayLike = 0.0,
) -> BareParameters:
    """The sample that a mumax3 script describes, bare.

        gamma = (1+eta) GammaLL,  alpha_bare = (1+eta) alpha - Xi eta,  P = Pol gamma/gamma_0

    n0 [A/m] is not in the script and cannot be read from it: at n0 = 0 bare and renormalised
    values are the same.  Undoes `to_mumax3` for the n0 given there, unless that was told
    `default_gamma`: gamma_0 would be read as gamma~.

    Raises ValueError for Msat <= 0, GammaLL <= 0, n0 < 0, a bare alpha < 0 and |P| > 1 (n0 too
    large for these values).
    Source: Cheng & Niu, Eqs (15)-(16), against the equation that mumax3 solves.
    """
    J, Pol, Xi = leaf("J", J), leaf("Pol", Pol), leaf("Xi", Xi)
    Ms, n0 = leaf("Msat", Msat, above=0), leaf("n0", n0, minimum=0)
    GammaLL = leaf("GammaLL", GammaLL, above=0)
    alpha, gamma = _bare(leaf("alpha", alpha, minimum=0), GammaLL, Xi, Ms, n0)
    P = _within_one(Pol * (gamma / GAMMA_MUMAX3))
    return BareParameters(Ms, alpha, Xi, P, n0, J, gamma)


def to_oommf(
    *,
    Ms: ArrayLike,
    alpha: ArrayLike,
    xi: ArrayLike,
    P: ArrayLike,
    n0: ArrayLike = 0.0,
    j: ArrayLike = 0.0,
    gamma: ArrayLike = GAMMA,
) -> OOMMFParameters:
    """What to set in OOMMF, Ubermag or a code after Thiaville et al. for this sample.

        OOMMF:  - (u.grad)m + beta m x (u.grad)m
        u = -U,  beta = xi,  alpha = alpha~,  gamma_G = mu0 gamma~

    u has no gamma in it.  Arguments: as `torque_coefficients`, alpha and gamma bare.

    Raises ValueError as `torque_coefficients` does.
    Source: Cheng & Niu, Eqs (15)-(16), against the equation that OOMMF's evolver solves.
    """
    c = torque_coefficients(Ms=Ms, alpha=alpha, xi=xi, P=P, n0=n0, j=j, gamma=gamma)
    return OOMMFParameters(-c.U, leaf("xi", xi), c.alpha, MU_0 * c.gamma, leaf("Ms", Ms))


def from_oommf(
    *,
    u: ArrayLike,
    beta: ArrayLike,
    alpha: ArrayLike,
    gamma_G: ArrayLike,
    Ms: ArrayLike,
    n0: ArrayLike = 0.0,
    j: ArrayLike | None = None,
    P: ArrayLike | None = None,
) -> BareParameters:
    """The sample that an OOMMF or Ubermag set describes, bare.

        gamma = (1+eta) gamma_G/mu0,  alpha_bare = (1+eta) alpha - beta eta,  xi = beta

    u: m/s along the electron flow.  gamma_G: m/(A s).  Of j and P, which u holds as a product, one
    must be given, as in `from_velocity`.  n0 [A/m] is not in the set: at n0 = 0 bare and
    renormalised values are the same.  Undoes `to_oommf` for the n0 given there.

    Raises ValueError for Ms <= 0, gamma_G <= 0, n0 < 0, a bare alpha < 0, and as `from_velocity`.
    Source: Cheng & Niu, Eqs (15)-(16), against the equation that OOMMF's evolver solves.
    """
    torque = from_velocity(u, beta, Ms=Ms, n0=n0, j=j, P=P, convention="oommf")
    Ms, n0 = leaf("Ms", Ms, above=0), leaf("n0", n0, minimum=0)
    gamma = leaf("gamma_G", gamma_G, above=0) / MU_0
    alpha, gamma = _bare(leaf("alpha", alpha, minimum=0), gamma, torque.xi, Ms, n0)
    return BareParameters(Ms, alpha, torque.xi, torque.P, n0, torque.j, gamma)


def to_velocity(
    *,
    Ms: ArrayLike,
    xi: ArrayLike,
    P: ArrayLike,
    j: ArrayLike,
    n0: ArrayLike = 0.0,
    convention: str = "oommf",
) -> VelocityParameters:
    """(u, beta) of a polarised current.

        "oommf":  u = -U, along the electron flow        "paper":  u = +U, along +j
        U = mu_B P j/(e (Ms (1+xi^2) + n0)),   beta = xi

    Arguments: as `torque_coefficients`.  The u of "paper" is the coefficient U of the renormalised
    equation, not the bare u of `torque_coefficients`; they are equal for n0 = 0.

    Raises ValueError for Ms <= 0, |P| > 1, n0 < 0 and another convention.
    Source: Cheng & Niu, Eqs (15)-(16).
    """
    sign = _sign(convention)
    c = torque_coefficients(Ms=Ms, alpha=0.0, xi=xi, P=P, n0=n0, j=j)
    xi = leaf("xi", xi)
    return VelocityParameters(sign * c.U, xi, leaf("P", P) / ((1 + xi**2) * (1 + c.eta)))


def from_velocity(
    u: ArrayLike,
    beta: ArrayLike,
    *,
    Ms: ArrayLike,
    n0: ArrayLike = 0.0,
    j: ArrayLike | None = None,
    P: ArrayLike | None = None,
    convention: str = "oommf",
) -> CurrentParameters:
    """The polarised current behind (u, beta).

        xi = beta,   P j = +/- u e (Ms (1+beta^2) + n0)/mu_B,   - for "oommf", + for "paper"

    u: m/s, scalar or (3,), along the electron flow for "oommf", along +j for "paper".
    u holds only the product P j: give j [A/m^2], of the shape of u, to learn P, or P to learn j.

    Raises ValueError for Ms <= 0, n0 < 0, another convention, both or none of j and P, j = 0 or
    not along u, P = 0, a given or resulting |P| > 1.
    Source: Cheng & Niu, Eqs (15)-(16).
    """
    sign = _sign(convention)
    u, xi = leaf("u", u), leaf("beta", beta)
    Ms, n0 = leaf("Ms", Ms, above=0), leaf("n0", n0, minimum=0)
    polarised = (sign / VELOCITY_PER_MOMENT) * (Ms * (1 + xi**2) + n0) * u
    if (j is None) == (P is None):
        raise ValueError("`j` or `P` must be given, one of them: u holds only their product")
    if P is not None:
        P = leaf("P", P, minimum=-1, maximum=1)
        if is_concrete(P) and np.any(np.asarray(P) == 0):
            raise ValueError("`P` must not be 0: no current makes u then")
        return CurrentParameters(polarised / P, P, xi)
    j = leaf("j", j)
    return CurrentParameters(j, _within_one(_ratio(polarised, j)), xi)


def _sign(convention: str) -> float:
    if convention not in _SIGNS:
        raise ValueError(f"`convention` must be one of {tuple(_SIGNS)}, got {convention!r}")
    return _SIGNS[convention]


def _bare(alpha: Array, gamma: Array, xi: Array, Ms: Array, n0: Array) -> tuple[Array, Array]:
    """Damping and gyromagnetic ratio without the conduction electrons."""
    eta = n0 / Ms / (1 + xi**2)
    bare = (1 + eta) * alpha - xi * eta
    # A sample with alpha = 0 must come back as one.
    tiny = (bare < 0) & (bare > -_ROUNDING * alpha)
    bare = jnp.where(tiny, bare - jax.lax.stop_gradient(bare), bare)
    if is_concrete(bare) and np.any(np.asarray(bare) < 0):
        raise ValueError(
            "`alpha` must be >= xi eta/(1+eta), the part that n0 gives: got a bare damping of "
            f"{float(np.min(np.asarray(bare))):.6g}; is `n0` too large?"
        )
    return bare, (1 + eta) * gamma


def _within_one(P: Array) -> Array:
    """P, with a rounding beyond +-1 taken away and more refused."""
    over = jnp.abs(P) - 1
    end = P + jax.lax.stop_gradient(jnp.sign(P) - P)
    P = jnp.where((over > 0) & (over < _ROUNDING), end, P)
    return leaf("P", P, minimum=-1, maximum=1)


def _ratio(a: Array, b: Array) -> Array:
    """a/b of two numbers, or of two parallel vectors."""
    if a.shape != b.shape or a.shape not in ((), (3,)):
        raise ValueError(f"`u` and `j` must both be numbers or (3,), got {a.shape} and {b.shape}")
    known = is_concrete(a) and is_concrete(b)
    if known and not np.any(np.asarray(b)):
        raise ValueError("`j` must not be 0: it has no polarisation")
    if not b.ndim:
        return a / b
    ratio = jnp.dot(a, b) / jnp.dot(b, b)
    size = np.max(np.abs(np.asarray(a))) if known else 0.0
    if known and np.any(np.abs(np.asarray(a - ratio * b)) > _ROUNDING * size):
        raise ValueError("`j` must be along `u`, got another direction")
    return ratio
