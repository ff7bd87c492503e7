"""Eqs (15)-(16): the coefficients of the renormalised Landau-Lifshitz-Gilbert equation."""

import equinox as eqx
from jax import Array

from .._core import ArrayLike, check_size, leaf, unfolded
from ..constants import E_CHARGE, EV, GAMMA, HBAR, MU_B

# Python floats first: mu_B alone is fine in float32, but products such as mu_B hbar are not.
VELOCITY_PER_MOMENT = MU_B / E_CHARGE
"""mu_B/e in m^2 A/C = m^3/s per (A/m): u = (mu_B/e) P j/(Ms (1+xi^2))."""


class TorqueCoefficients(eqx.Module):
    """What `torque_coefficients` returns; every entry an array."""

    u: Array
    """Bare spin-current velocity, m/s, parallel to +j."""
    U: Array
    """u/(1+eta), m/s: the coefficient of (U.grad)m in the renormalised equation."""
    eta: Array
    """(n0/Ms)/(1+xi^2)."""
    gamma: Array
    """Renormalised gamma/(1+eta), rad/(s T)."""
    alpha: Array
    """Renormalised (alpha + xi eta)/(1+eta)."""


def torque_coefficients(
    *,
    Ms: ArrayLike,
    alpha: ArrayLike,
    xi: ArrayLike,
    P: ArrayLike,
    n0: ArrayLike = 0.0,
    j: ArrayLike = 0.0,
    gamma: ArrayLike = GAMMA,
) -> TorqueCoefficients:
    """Coefficients of the spin-transfer torque and of the LLG it renormalises.

        u   = mu_B P j/(e Ms (1+xi^2)),      eta    = (n0/Ms)/(1+xi^2),   U = u/(1+eta)
        g~  = gamma/(1+eta),                 alpha~ = (alpha + xi eta)/(1+eta)

    Ms: saturation magnetisation, A/m.  alpha: bare Gilbert damping.  xi = tau_ex/tau_sf.
    P: conductivity polarisation, |P| <= 1.  n0: equilibrium conduction moment density, A/m.
    j: conventional current density, A/m^2, scalar or vector; u has its shape and is parallel to it.
    gamma: bare gyromagnetic ratio, rad/(s T).

    Raises ValueError for Ms <= 0, alpha < 0, |P| > 1, n0 < 0, gamma <= 0.
    Source: Cheng & Niu, Eqs (15)-(16), units mended.
    """
    Ms, gamma = leaf("Ms", Ms, above=0), leaf("gamma", gamma, above=0)
    alpha, n0 = leaf("alpha", alpha, minimum=0), leaf("n0", n0, minimum=0)
    xi, P, j = leaf("xi", xi), leaf("P", P, minimum=-1, maximum=1), leaf("j", j)
    q = 1 + xi * xi
    eta = n0 / Ms / q
    u = VELOCITY_PER_MOMENT * P / (Ms * q) * j
    return TorqueCoefficients(
        u=u, U=u / (1 + eta), eta=eta, gamma=gamma / (1 + eta), alpha=(alpha + xi * eta) / (1 + eta)
    )


def exchange_time(Delta: ArrayLike) -> Array:
    """tau_ex = hbar/Delta, s.

    Delta: exchange splitting, J.  Raises ValueError for Delta <= 0 or
    > 1e-16 J (600 eV: another unit).
    Source: Cheng & Niu, below Eq. (8), where the fraction is printed upside down.
    """
    # In eV: the derivative has Delta^2 in it, which float32 cannot hold in joules.  The barrier
    # keeps the compiler from taking the square apart again.
    Delta = leaf("Delta", Delta, above=0)
    check_size("Delta", Delta, 1e-16, "J")
    return (HBAR / EV) / unfolded(Delta * (1 / EV))
