"""The electron gas behind Eqs (13)-(14): two bands, split by Delta.

Works inside in eV, nm and fs: in SI hbar^2 and the like underflow in float32.
"""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, check_size, is_concrete, leaf, unfolded
from ..constants import E_CHARGE, EV, HBAR, K_B, M_E, MU_B
from ._coefficients import exchange_time

_K_OF_E = float(np.sqrt(2 * M_E * EV) / HBAR * 1e-9)
"""k in 1/nm of a free electron of 1 eV."""
_V_OF_K = HBAR / M_E * 1e9 * 1e-6
"""Velocity in nm/fs of a free electron with k = 1/nm."""
_SIGMA = E_CHARGE**2 / HBAR / 1e-9
"""e^2/hbar in S/m times nm."""
_REACH = 18.0
"""-df/dE = sech^2(y)/2 dy with E = E_F + 2 k_B T y; beyond this |y| there is less than 1e-15."""


class TwoBand(eqx.Module):
    """A ferromagnetic metal with a majority and a minority band.

        E_s(k) = hbar^2 k^2/(2 m) -/+ Delta/2,      n_s = int d^3k/(2 pi)^3 f_s
        sigma_s = e^2 tau_s int d^3k/(2 pi)^3 (-df/dE) v^2/3,       v = +(1/hbar) dE/dk
        P = (sigma_up - sigma_dn)/(sigma_up + sigma_dn),            n0 = mu_B (n_up - n_dn)

    E_F: Fermi level, J, from the midpoint of the two band bottoms.  Delta: splitting, J.
    tau_up, tau_dn: momentum relaxation times, s.  mass: effective mass, kg.  T: temperature, K, at
    fixed E_F.  If E_F lies below the minority bottom the metal is a half-metal: P = 1 at T = 0.
    In float32 differentiate by mass/M_E: a slope per kg is 1e30 times as large.
    energy: another isotropic dispersion: a function of k [1/m] that rises from 0 at k = 0, J, for
    k < k_max [1/m], e.g. the zone boundary; `mass` is then not used.  Both bands have its form.
    In float32 write it in reduced units, as (hbar k)^2 underflows.

    Raises ValueError for Delta <= 0, tau <= 0, mass <= 0, T < 0, E_F below the majority bottom,
    energies above 1e-16 J and times above 1e-6 s (another unit),
    `energy` without `k_max`, and one that does not rise from 0 to above the electrons' levels.
    Source: Cheng & Niu Eq. (13) and below (14); P is that of the conductivity.
    """

    E_F: Array
    Delta: Array
    tau_up: Array
    tau_dn: Array
    mass: Array
    T: Array
    energy: Callable[[Array], Array] | None
    k_max: Array | None

    def __init__(
        self,
        E_F: ArrayLike,
        Delta: ArrayLike,
        tau_up: ArrayLike,
        tau_dn: ArrayLike,
        mass: ArrayLike = M_E,
        T: ArrayLike = 0.0,
        energy: Callable[[Array], Array] | None = None,
        k_max: ArrayLike | None = None,
    ):
        self.E_F, self.Delta = leaf("E_F", E_F), leaf("Delta", Delta, above=0)
        self.tau_up, self.tau_dn = leaf("tau_up", tau_up, above=0), leaf("tau_dn", tau_dn, above=0)
        self.mass, self.T = leaf("mass", mass, above=0), leaf("T", T, minimum=0)
        if energy is not None and k_max is None:
            raise ValueError("`k_max` must be given with `energy`: where to look for k_F, 1/m")
        self.energy = energy
        self.k_max = None if k_max is None else leaf("k_max", k_max, above=0)
        for name in ("E_F", "Delta", "tau_up", "tau_dn", "mass", "T"):
            if getattr(self, name).ndim:
                raise ValueError(
                    f"`{name}` must be a number, got shape {getattr(self, name).shape}; "
                    "for many metals use jax.vmap"
                )
        for name in ("E_F", "Delta"):
            check_size(name, getattr(self, name), 1e-16, "J")
        for name in ("tau_up", "tau_dn"):
            check_size(name, getattr(self, name), 1e-6, "s")
        if is_concrete(self.E_F) and is_concrete(self.Delta):
            bottom = -0.5 * float(self.Delta)
            if float(self.E_F) <= bottom:
                raise ValueError(
                    "`E_F` must be above the bottom of the majority band, -Delta/2 = "
                    f"{bottom:.6g} J, got {float(self.E_F):.6g}"
                )
        if energy is not None:
            self._check_dispersion()

    def _above_bottom(self, sign: int) -> Array:
        """E_F from the bottom of a band, eV."""
        return self.E_F / EV + sign * 0.5 * self.Delta / EV

    def _sheet(self, x: Array) -> tuple[Array, Array]:
        """(k [1/nm], v [nm/fs]) on the surface of energy x [eV] above a bottom; 0 below it."""
        inside = x > 0
        x = jnp.where(inside, x, 1.0)
        if self.energy is None:
            # The barrier keeps 1/M_E = 1e30 from being multiplied into other constants (float32).
            ratio = unfolded(self.mass * (1 / M_E))
            k = _K_OF_E * jnp.sqrt(ratio * x)
            v = _V_OF_K * k / ratio
        else:
            k, v = self._root(x)
        return jnp.where(inside, k, 0.0), jnp.where(inside, v, 0.0)

    def _root(self, x: Array) -> tuple[Array, Array]:
        """k and v of a user's dispersion, by bisection."""
        eV, k_max = self._energy_in_eV, self.k_max
        assert k_max is not None

        def slope(k: Array) -> Array:
            return jax.jvp(eV, (k,), (jnp.ones_like(k),))[1]

        def halve(_, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = bounds
            middle = 0.5 * (low + high)
            below = eV(middle) < jax.lax.stop_gradient(x)
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        high = jnp.broadcast_to(k_max * 1e-9, x.shape)
        low, high = jax.lax.fori_loop(0, 60, halve, (jnp.zeros_like(high), high))
        k = jax.lax.stop_gradient(0.5 * (low + high))
        # Newton steps carry the derivatives: one step the first, two steps the first three.
        for _ in range(2):
            k = k - (eV(k) - x) / slope(k)
        # dE/dk in eV nm, over hbar in eV fs.
        return k, slope(k) * (EV * 1e-15 / HBAR)

    def _energy_in_eV(self, k: Array) -> Array:
        """The user's dispersion, k in 1/nm."""
        assert self.energy is not None
        return self.energy(k * 1e9) / EV

    def _check_dispersion(self) -> None:
        """Refuse a function that is no band up to the energies that are asked for."""
        if self.k_max is None or not is_concrete(self.k_max):
            return
        k = jnp.linspace(0.0, 1.0, 65, dtype=self.k_max.dtype) * (self.k_max * 1e-9)
        energies = self._energy_in_eV(k)
        highest = self._above_bottom(+1) + 2 * _REACH * K_B / EV * self.T
        if not (is_concrete(energies) and is_concrete(highest)):
            return
        values = np.asarray(energies)
        if not np.all(np.diff(values) > 0) or abs(values[0]) > 1e-4 * values[-1]:
            raise ValueError("`energy` must rise from 0 at k = 0 up to `k_max`, but does not")
        if values[-1] <= float(highest):
            raise ValueError(
                f"`k_max` must be where `energy` exceeds {float(highest) * EV:.6g} J, the highest "
                f"level with electrons, got {float(self.k_max):.6g} with {values[-1] * EV:.6g} J"
            )

    def average(self, sign: int, value: Callable[[Array, Array], Array]) -> Array:
        """value(k, v) averaged with -df/dE over the surfaces of one band."""
        x, spread = self._above_bottom(sign), 2 * K_B / EV * self.T
        u, du = (jnp.asarray(a, x.dtype) for a in _nodes())
        # y runs from `_REACH` below E_F or from the bottom, where u^2 makes powers of e smooth.
        deep = x > _REACH * spread
        warm = spread > 0
        bottom = jnp.where(warm, -x / jnp.where(warm, spread, 1.0), _REACH)
        start = jnp.where(deep, -_REACH, jnp.minimum(bottom, _REACH))
        length = _REACH - start
        y = start + length * u**2
        e = jnp.where(deep, x + spread * y, spread * length * u**2)
        weight = length * u * du / jnp.cosh(y) ** 2
        return value(*self._sheet(e)) @ weight

    # Numbers per nm^3, and conductivities in e^2/(hbar nm): in SI their slopes with respect to an
    # energy in J or a mass in kg overflow in float32.

    def _density(self, sign: int) -> Array:
        return self.average(sign, lambda k, v: k**3) / (6 * np.pi**2)

    def _conductivity(self, sign: int) -> Array:
        tau = self.tau_up if sign > 0 else self.tau_dn
        mean = self.average(sign, lambda k, v: v * k**2)
        return (tau * 1e15) * mean / (6 * np.pi**2)

    @property
    def n_up(self) -> Array:
        """Density of majority electrons, 1/m^3."""
        return 1e27 * self._density(+1)

    @property
    def n_dn(self) -> Array:
        """Density of minority electrons, 1/m^3."""
        return 1e27 * self._density(-1)

    @property
    def sigma_up(self) -> Array:
        """Conductivity of the majority band, S/m."""
        return _SIGMA * self._conductivity(+1)

    @property
    def sigma_dn(self) -> Array:
        """Conductivity of the minority band, S/m."""
        return _SIGMA * self._conductivity(-1)

    @property
    def sigma(self) -> Array:
        """Conductivity of both, S/m."""
        return self.sigma_up + self.sigma_dn

    @property
    def P(self) -> Array:
        """Polarisation of the conductivity: the one that Eq (14) needs."""
        # Small numbers: their product with a slope by kg, 1e30 times as large, has to fit float32.
        up, dn = 1e-6 * self._conductivity(+1), 1e-6 * self._conductivity(-1)
        return (up - dn) / (up + dn)

    @property
    def P_density(self) -> Array:
        """(n_up - n_dn)/(n_up + n_dn), equal to P only for equal relaxation times."""
        up, dn = self._density(+1), self._density(-1)
        return (up - dn) / (up + dn)

    @property
    def P_dos(self) -> Array:
        """Polarisation of the density of states at the Fermi level, which is not P either."""
        up, dn = (self.average(s, lambda k, v: _divided(k**2, v)) for s in (+1, -1))
        return (up - dn) / (up + dn)

    @property
    def n0(self) -> Array:
        """Equilibrium moment density of the electrons, mu_B (n_up - n_dn), A/m."""
        return MU_B * 1e27 * (self._density(+1) - self._density(-1))

    @property
    def v_F_up(self) -> Array:
        """Fermi velocity of the majority band, m/s."""
        return 1e6 * self._sheet(self._above_bottom(+1))[1]

    @property
    def v_F_dn(self) -> Array:
        """Fermi velocity of the minority band, m/s; 0 if it is empty."""
        return 1e6 * self._sheet(self._above_bottom(-1))[1]

    @property
    def tau_ex(self) -> Array:
        """Exchange time hbar/Delta, s."""
        return exchange_time(self.Delta)

    def current(self, E: ArrayLike) -> Array:
        """Conventional current density j_e = sigma E, A/m^2, of the shape of E [V/m]."""
        return self.sigma * leaf("E", E)


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Gauss points and weights on (0, 1), enough for sech^2 to 1e-13."""
    x, w = np.polynomial.legendre.leggauss(256)
    return 0.5 * (x + 1), 0.5 * w


def _divided(a: Array, b: Array) -> Array:
    """a/b, 0 where b = 0."""
    empty = b == 0
    return jnp.where(empty, 0.0, a / jnp.where(empty, 1.0, b))
