"""May the local torque be used for this wall?  One number decides: kappa = v_F tau_ex/l."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, check_size, is_concrete, leaf
from .._mesh import Grid, check_grid, sharpest
from ._coefficients import exchange_time
from ._spinor import broadcast
from ._wall_crossing import WallCrossing, pointwise_error, wall_crossing

GOOD = 0.2
"""kappa up to which the local torque moves a wall rightly to a few per cent."""
REFUSE = 0.5
"""kappa above which it does not hold at all."""

_POSITIVE = {"above": 0.0}


class Validity(eqx.Module):
    """What `validity` returns; every number an array."""

    width: Array
    """l, m."""
    tau_ex: Array
    """hbar/Delta, s."""
    v_F: Array
    """m/s."""
    local_error: Array
    """max|s - s_local|/max|s_local| along the wall, `pointwise_error`."""
    single: WallCrossing
    """Electrons that all fly along x with v_F."""
    fermi: WallCrossing
    """Averaged over the Fermi surface."""
    scattered: WallCrossing | None
    """The same with momentum scattering, linear response; None without tau0."""

    @property
    def kappa(self) -> Array:
        """v_F tau_ex/l."""
        return self.single.kappa

    @property
    def xi(self) -> Array:
        """tau_ex/tau_sf, the local value."""
        return self.single.xi

    @property
    def change(self) -> Array:
        """xi_eff/xi - 1 of electrons along x; inf for xi = 0."""
        return _change(self.single)

    @property
    def change_fermi(self) -> Array:
        """xi_eff/xi - 1 averaged over the Fermi surface; inf for xi = 0."""
        return _change(self.fermi)

    @property
    def change_scattered(self) -> Array | None:
        """The same with momentum scattering; None without tau0."""
        return None if self.scattered is None else _change(self.scattered)

    @property
    def verdict(self) -> str:
        """ "good" (kappa <= 0.2), "warn" (up to 0.5) or "refuse"."""
        return judge(_number("verdict", self.kappa))

    @property
    def text(self) -> str:
        """The verdict in one paragraph."""
        return " ".join([self._scales(), _VERDICTS[self.verdict], self._numbers()])

    def _scales(self) -> str:
        tau, kappa = _number("text", self.tau_ex), _number("text", self.kappa)
        path = _number("text", self.tau_ex * self.v_F)
        return (
            f"tau_ex = {tau:.3g} s and v_F tau_ex = {path * 1e9:.3g} nm, so that this wall is "
            f"{1 / kappa:.3g} v_F tau_ex wide (kappa = {kappa:.3g}): {self.verdict}."
        )

    def _numbers(self) -> str:
        text = (
            f"xi_eff is {float(self.fermi.xi_eff):.4g} over the Fermi surface{_part(self.fermi)}, "
            f"{float(self.single.xi_eff):.4g} for electrons along x{_part(self.single)}, against "
            f"xi = {float(self.xi):.4g}; the adiabatic torque changes by "
            f"{_percent(self.fermi.adiabatic - 1)}; along the wall the spin is off by up to "
            f"{100 * float(self.local_error):.2g} % of its local tilt."
        )
        if self.scattered is None:
            return text + " Momentum scattering (tau0) would add to xi_eff."
        return (
            f"{text} With momentum scattering xi_eff is {float(self.scattered.xi_eff):.4g}"
            f"{_part(self.scattered)}, in linear response."
        )


_VERDICTS = {
    "good": "The local torque may be used; a measured deviation asks for another cause (a smaller "
    "Delta, a larger v_F, scattering).",
    "warn": "The local torque is off by more than a few per cent: use NonlocalSTT, or read a "
    "fitted xi as an effective one.",
    "refuse": "The local torque does not hold, the electrons do not follow the wall: use "
    "NonlocalSTT.",
}


def validity(
    width: ArrayLike,
    Delta: ArrayLike,
    v_F: ArrayLike,
    xi: ArrayLike,
    tau0: ArrayLike | None = None,
) -> Validity:
    """How well the local torque, Eqs (12)-(16), holds in a wall, with a verdict.

        kappa = v_F tau_ex/l,  tau_ex = hbar/Delta:   good <= 0.2 < warn <= 0.5 < refuse

    width: l of theta = 2 atan exp(x/l), m (the wall is pi l wide to the eye).  Delta: exchange
    splitting, J.  v_F: Fermi velocity, m/s.  xi = tau_ex/tau_sf.  tau0: momentum scattering time,
    s, or None for ballistic electrons.  Numbers or arrays that broadcast; `verdict` and `text` need
    numbers.

    With the paper's v_F = 3e5 m/s and Delta = 1 eV a wall of 1 nm is still good: 2 % on xi_eff.
    Its estimate does not explain large deviations in walls of 1 to 10 nm; a Delta near 0.1 eV, a
    v_F near 1e6 m/s with l < 2 nm, or scattering would.
    Raises ValueError for width, Delta, v_F or tau0 <= 0, xi < 0, and a size that tells of another
    unit.
    Source: Cheng & Niu Eq. (8) with relaxation, and the estimate before the conclusion.
    """
    values = {"width": width, "Delta": Delta, "v_F": v_F, "xi": xi}
    ranges = {"width": _POSITIVE, "Delta": _POSITIVE, "v_F": _POSITIVE, "xi": {"minimum": 0.0}}
    if tau0 is not None:
        values["tau0"], ranges["tau0"] = tau0, _POSITIVE
    width, Delta, v_F, xi, *time = broadcast(values, **ranges)
    check_size("width", width, 1e-3, "m")
    if time:
        check_size("tau0", time[0], 1e-6, "s")
    tau_ex = exchange_time(Delta)
    kappa = v_F * tau_ex / width
    return Validity(
        width=width,
        tau_ex=tau_ex,
        v_F=v_F,
        local_error=pointwise_error(kappa, xi),
        single=wall_crossing(kappa, xi),
        fermi=wall_crossing(kappa, xi, average="fermi_surface"),
        scattered=None
        if not time
        else wall_crossing(kappa, xi, average="fermi_surface", scattering=time[0] / tau_ex),
    )


def judge(kappa: float) -> str:
    """ "good", "warn" or "refuse" for a known kappa, see `validity`."""
    return "good" if kappa <= GOOD else "warn" if kappa <= REFUSE else "refuse"


def precession_length(Delta: ArrayLike, v_F: ArrayLike) -> Array:
    """v_F hbar/Delta, m: how far an electron flies while its spin turns by one radian.

    Delta: exchange splitting, J.  v_F: Fermi velocity, m/s.
    Raises ValueError for Delta or v_F <= 0.
    Source: Cheng & Niu, the estimate before the conclusion.
    """
    Delta, v_F = broadcast({"Delta": Delta, "v_F": v_F}, Delta=_POSITIVE, v_F=_POSITIVE)
    return v_F * exchange_time(Delta)


def texture_kappa(grid: Grid, m: ArrayLike, Delta: ArrayLike, v_F: ArrayLike) -> Array:
    """The largest kappa = v_F tau_ex |dm/dx_i| between two cells of a texture.

    A wall of width l has |dm/dx| = 1/l in its middle.  m: (3, nx, ny, nz), unit vectors.
    Delta: J.  v_F: m/s.  Up to 0.2 the local torque holds, see `validity`.
    Raises ValueError for Delta or v_F <= 0.
    Source: Cheng & Niu, the condition l >> v_F tau_ex before the conclusion.
    """
    check_grid(grid)
    m = leaf("m", m)
    if m.shape != (3, *grid.shape):
        raise ValueError(f"`m` must have shape {(3, *grid.shape)}, got {m.shape}")
    return precession_length(Delta, v_F) * sharpest(grid, m)


def _change(crossing: WallCrossing) -> Array:
    relaxes = crossing.xi > 0
    xi = jnp.where(relaxes, crossing.xi, 1.0)
    return jnp.where(relaxes, crossing.xi_eff / xi - 1, jnp.inf)


def _percent(x: Array) -> str:
    if abs(float(x)) < 1e-9:  # rounding
        return "0 %"
    return f"{100 * float(x):+.2g} %" if abs(float(x)) < 1 else f"{100 * float(x):+.0f} %"


def _part(crossing: WallCrossing) -> str:
    """The relative change in brackets; nothing to compare with for xi = 0."""
    return f" ({_percent(_change(crossing))})" if float(crossing.xi) > 0 else ""


def _number(name: str, x: Array) -> float:
    if x.ndim or not is_concrete(x):
        raise ValueError(f"`{name}` needs one wall with known numbers, got shape {x.shape}")
    return float(x)
