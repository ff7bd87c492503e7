"""The anomalous velocity: Hall currents of the two bands, and the torque current they change."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, cross, leaf
from ..constants import E_CHARGE, HBAR
from ._two_band import TwoBand

_SIGMA_H = E_CHARGE**2 / HBAR
"""e^2/hbar, S."""


class AnomalousHall(eqx.Module):
    """Two bands whose electrons also drift across the field, by their Berry curvature.

        dr_s/dt = v_s + (e/hbar) E x Omega_s n,
        j_s = sigma_s E + sigma_H,s n x E,          sigma_H,s = (e^2/hbar) n_s Omega_s
        theta_H = sigma_H/sigma,    P_H = (sigma_H,up - sigma_H,dn)/(sigma_H,up + sigma_H,dn)

    n_up, n_dn: densities, 1/m^3.  sigma_up, sigma_dn: conductivities, S/m.
    Omega_up, Omega_dn: mean Berry curvature of the occupied states along n, m^2, of any sign.
    `from_bands` takes densities and conductivities from a `TwoBand`.

    The intrinsic part only: side jump and skew scattering are not in it.
    Raises ValueError for a density or conductivity < 0, sigma_up = 0.
    Source: Cheng & Niu, remark on the anomalous velocity; signs of physics for charge -e.
    """

    sigma_up: Array
    sigma_dn: Array
    sigma_H_up: Array
    """S/m."""
    sigma_H_dn: Array
    """S/m."""

    def __init__(
        self,
        *,
        n_up: ArrayLike,
        n_dn: ArrayLike,
        sigma_up: ArrayLike,
        sigma_dn: ArrayLike,
        Omega_up: ArrayLike,
        Omega_dn: ArrayLike,
    ):
        n_up, n_dn = leaf("n_up", n_up, minimum=0), leaf("n_dn", n_dn, minimum=0)
        self.sigma_up = leaf("sigma_up", sigma_up, above=0)
        self.sigma_dn = leaf("sigma_dn", sigma_dn, minimum=0)
        self.sigma_H_up = _SIGMA_H * leaf("Omega_up", Omega_up) * n_up
        self.sigma_H_dn = _SIGMA_H * leaf("Omega_dn", Omega_dn) * n_dn

    @classmethod
    def from_bands(cls, gas: TwoBand, Omega_up: ArrayLike, Omega_dn: ArrayLike) -> "AnomalousHall":
        """The Hall currents of `gas` for the mean curvatures of its bands, m^2."""
        return cls(
            n_up=gas.n_up,
            n_dn=gas.n_dn,
            sigma_up=gas.sigma_up,
            sigma_dn=gas.sigma_dn,
            Omega_up=Omega_up,
            Omega_dn=Omega_dn,
        )

    @property
    def P(self) -> Array:
        """Polarisation of the conductivity."""
        return (self.sigma_up - self.sigma_dn) / (self.sigma_up + self.sigma_dn)

    @property
    def theta_H(self) -> Array:
        """Hall angle sigma_H/sigma."""
        return (self.sigma_H_up + self.sigma_H_dn) / (self.sigma_up + self.sigma_dn)

    @property
    def P_H(self) -> Array:
        """Polarisation of the Hall conductivity; |P_H| > 1 for curvatures of opposite sign.

        Infinite where the two cancel (then use the methods), 0 where both are 0.
        """
        total, split = self.sigma_H_up + self.sigma_H_dn, self.sigma_H_up - self.sigma_H_dn
        none = (total == 0) & (split == 0)
        return jnp.where(none, 0.0, split / jnp.where(none, 1.0, total))

    def hall_currents(self, n: ArrayLike, E: ArrayLike) -> tuple[Array, Array]:
        """Anomalous current densities sigma_H,s n x E of the two bands, A/m^2.

        n: unit vector along M, (3,) or (3, nx, ny, nz).  E: electric field, V/m, either shape.
        """
        n, E = _together("n", n, "E", E)
        across = cross(n, E)
        return self.sigma_H_up * across, self.sigma_H_dn * across

    def currents(self, n: ArrayLike, E: ArrayLike) -> tuple[Array, Array]:
        """(j_up, j_dn), A/m^2, with the Hall parts.  n, E: as for `hall_currents`."""
        up, dn = self.hall_currents(n, E)
        E = _together("n", n, "E", E)[1]
        return self.sigma_up * E + up, self.sigma_dn * E + dn

    def polarised_current(self, n: ArrayLike, E: ArrayLike) -> Array:
        """j_up - j_dn, A/m^2: what `spin_accumulation` takes as j, with P = 1.

        n, E: as for `hall_currents`.
        """
        up, dn = self.currents(n, E)
        return up - dn


def effective_polarised_current(
    j_e: ArrayLike,
    m: ArrayLike,
    *,
    P: ArrayLike,
    P_H: ArrayLike,
    theta_H: ArrayLike,
    exact: bool = False,
) -> Array:
    """j_up - j_dn with the anomalous velocity when the total current j_e is imposed, A/m^2.

        P j_e + (P_H - P) theta_H m x j_e + O(theta_H^2)
        exact:  P j_e + c [m x j_e - theta_H m x (m x j_e)],  c = (P_H - P) theta_H/(1+theta_H^2)

    The -P theta_H is there because the current is given, not E.  For j_e and E across m the exact
    form reads  [(P + P_H theta_H^2) j_e + (P_H - P) theta_H m x j_e]/(1 + theta_H^2).
    It goes in place of P j_e in Eqs (14) and (15); to `spin_accumulation` as j, with P = 1.

    j_e: conventional current density, A/m^2, (3,) or (3, nx, ny, nz).  m: unit vector, the same.
    P, P_H: polarisations of the conductivity, |P| <= 1, and of the Hall conductivity, any.
    theta_H: Hall angle sigma_H/sigma.  All three numbers, or fields (nx, ny, nz).
    Returns (3,), or the field if one of j_e and m is one.

    Raises ValueError for |P| > 1 and for j_e or m of another shape.
    Source: Cheng & Niu, remark on the anomalous velocity, and Eq (14).
    """
    j_e, m = _together("j_e", j_e, "m", m)
    P, P_H = leaf("P", P, minimum=-1, maximum=1), leaf("P_H", P_H)
    theta_H = leaf("theta_H", theta_H)
    field = jnp.broadcast_shapes(j_e.shape, m.shape)[1:]
    for name, x in (("P", P), ("P_H", P_H), ("theta_H", theta_H)):
        if x.shape not in ((), field):
            raise ValueError(f"`{name}` must be a number or of shape {field}, got {x.shape}")
    if not isinstance(exact, bool):
        raise ValueError(f"`exact` must be True or False, got {exact!r}")
    across = cross(m, j_e)
    excess = (P_H - P) * theta_H
    if exact:
        return P * j_e + excess / (1 + theta_H**2) * (across - theta_H * cross(m, across))
    return P * j_e + excess * across


def _together(name_a: str, a: ArrayLike, name_b: str, b: ArrayLike) -> tuple[Array, Array]:
    """Two vectors or vector fields, of equal rank."""
    a, b = leaf(name_a, a), leaf(name_b, b)
    for name, x in ((name_a, a), (name_b, b)):
        if x.ndim not in (1, 4) or x.shape[0] != 3:
            raise ValueError(f"`{name}` must have shape (3,) or (3, nx, ny, nz), got {x.shape}")
    if a.ndim < b.ndim:
        a = a[:, None, None, None]
    elif b.ndim < a.ndim:
        b = b[:, None, None, None]
    return a, b
