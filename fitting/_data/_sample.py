"""The sample: what the header of a measurement file says, and the wall that follows from it."""

import dataclasses
import math
from typing import NamedTuple

import numpy as np

from jaxstt import constants

from .._errors import InputError, Rule, checked

AXES = ("x", "y", "z")


class Key(NamedTuple):
    """A header key: the field of `Sample` it fills, what is allowed, its meaning and unit."""

    field: str
    rule: Rule
    meaning: str
    unit: str = ""
    size: tuple[float, float] | None = None
    """Sizes that real samples have, wide; what lies beyond is most likely a wrong unit."""


_LENGTH = (1e-11, 1e-2)

KEYS = {
    "Ms_A_per_m": Key("Ms", "> 0", "saturation magnetisation", "A/m", size=(1e2, 1e7)),
    "A_J_per_m": Key("A", "> 0", "exchange constant", "J/m", size=(1e-14, 1e-8)),
    "K_J_per_m3": Key(
        "K", "a finite number", "crystalline easy-axis anisotropy", "J/m^3", size=(1e-3, 1e9)
    ),
    "K_hard_J_per_m3": Key(
        "K_hard",
        "a finite number",
        "crystalline cost of the hard axis, beyond K",
        "J/m^3",
        size=(1e-3, 1e9),
    ),
    "easy_axis": Key("easy_axis", AXES, "axis of the domains, z (film normal) or x (wire)"),
    "hard_axis": Key("hard_axis", AXES, "axis that K_hard makes costly"),
    "length_m": Key("length", "> 0", "length of the wire, along x", "m", size=_LENGTH),
    "width_m": Key("width", "> 0", "width of the wire, along y", "m", size=_LENGTH),
    "thickness_m": Key(
        "thickness", "> 0", "thickness of the magnetic layer, along z", "m", size=_LENGTH
    ),
    "cell_x_m": Key("cell_x", "> 0", "cell of the simulation along x", "m", size=_LENGTH),
    "cell_y_m": Key("cell_y", "> 0", "cell of the simulation along y", "m", size=_LENGTH),
    "cell_z_m": Key("cell_z", "> 0", "cell of the simulation along z", "m", size=_LENGTH),
    "gamma_rad_per_sT": Key(
        "gamma", "> 0", "gyromagnetic ratio; g = 2 if absent", "rad/(s T)", size=(1e10, 1e12)
    ),
    "temperature_K": Key(
        "temperature", ">= 0", "temperature of rows that give none", "K", size=(1e-6, 1e4)
    ),
    "wall": Key("wall", ("bloch", "neel", "head_to_head"), "kind of wall to start from"),
    "charge": Key("charge", "+1 or -1", "+1: easy component goes from + to - along +x"),
    "position_m": Key(
        "position", "a finite number", "start position of the wall", "m", size=_LENGTH
    ),
    "n0_A_per_m": Key(
        "n0", ">= 0", "moment density of the conduction electrons", "A/m", size=(1e-3, 1e7)
    ),
    "D_J_per_m2": Key(
        "D",
        "a finite number",
        "interfacial Dzyaloshinskii-Moriya constant, w = D (m_z div m - m.grad m_z)",
        "J/m^2",
        size=(1e-8, 1.0),
    ),
    "theta_SH": Key(
        "theta_SH",
        "a finite number",
        "effective spin Hall angle of the damping-like torque, of the file's j, metal below",
    ),
    "theta_FL": Key("theta_FL", "a finite number", "the same of the field-like torque"),
    "pinning_field_T": Key(
        "B_pin", "> 0", "largest field of the defects that pin the wall", "T", size=(1e-9, 1e2)
    ),
    "core_frequency_Hz": Key(
        "f_core", "> 0", "frequency of a vortex core's free gyration", "Hz", size=(1e5, 1e12)
    ),
    "D_over_G": Key("D_G", "> 0", "damping of a vortex core over its gyrovector, without alpha"),
    "convention": Key(
        "convention",
        ("paper", "mumax3", "oommf"),
        "how P gives u: with the factor 1/(1+xi^2), in oommf without",
    ),
}
"""Every header key that describes the sample."""

_HEADER_KEY = {key.field: name for name, key in KEYS.items()}


@dataclasses.dataclass(frozen=True)
class WallConstants:
    """Local estimate of a wall's constants; see `Sample.cross_section` for the formulas.

    Energy density of the wall: K_eff (m_soft^2 + m_hard^2) + K_perp m_hard^2.

    K_eff: cost of turning from the easy axis to the softer transverse axis, J/m^3, > 0.
    K_perp: extra cost of the harder transverse axis, J/m^3, >= 0.
    soft_axis, hard_axis: "x", "y" or "z"; at rest the wall turns through the soft axis.
    width: lam = sqrt(A/K_eff), m.
    N: demagnetising factors (Nx, Ny, Nz) used; Nx is that of the wall's own charges.
    rest_wall: "bloch", "neel" or "head_to_head".
    notes: what a reader should know, e.g. that `Sample.wall` names another wall.
    """

    K_eff: float
    K_perp: float
    soft_axis: str
    hard_axis: str
    width: float
    N: tuple[float, float, float]
    rest_wall: str
    notes: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Sample:
    """Material, shape and simulation cell of one wire along x, SI; None where not known.

    The fields are those of the header of a measurement file (`KEYS` gives units, meaning and what
    is allowed).  `origin` names the file in messages.

    Raises InputError for a value that is not allowed, or hard_axis equal to easy_axis.
    """

    Ms: float | None = None
    A: float | None = None
    K: float | None = None
    K_hard: float = 0.0
    easy_axis: str | None = None
    hard_axis: str | None = None
    length: float | None = None
    width: float | None = None
    thickness: float | None = None
    cell_x: float | None = None
    cell_y: float | None = None
    cell_z: float | None = None
    gamma: float | None = None
    temperature: float | None = None
    wall: str | None = None
    charge: int = 1
    position: float | None = None
    n0: float = 0.0
    D: float | None = None
    theta_SH: float | None = None
    theta_FL: float | None = None
    B_pin: float | None = None
    f_core: float | None = None
    D_G: float | None = None
    convention: str = "paper"
    origin: str = dataclasses.field(default="", compare=False)

    def __post_init__(self) -> None:
        required = ("K_hard", "charge", "n0", "convention")
        for key in KEYS.values():
            value = getattr(self, key.field)
            if value is not None or key.field in required:
                good = checked(f"`{key.field}`", value, key.rule)
                object.__setattr__(self, key.field, int(good) if key.field == "charge" else good)
        if self.easy_axis is not None and self.hard_axis == self.easy_axis:
            raise InputError(
                f"`hard_axis` must differ from `easy_axis`, got {self.hard_axis} twice"
            )

    @property
    def gyromagnetic_ratio(self) -> float:
        """`gamma`, or 2 mu_B/hbar where the sample gives none, rad/(s T)."""
        return constants.GAMMA if self.gamma is None else self.gamma

    def require(self, *fields: str, model: str) -> None:
        """InputError naming the header keys that `model` needs and this sample lacks."""
        missing = [_HEADER_KEY[field] for field in fields if getattr(self, field) is None]
        if missing:
            wanted = ", ".join(f"`{name}` ({described(KEYS[name])})" for name in missing)
            raise self._error(
                f"{model} needs the header key{'s' * (len(missing) > 1)} {wanted}; "
                f"write `# {missing[0]} = ...` above the columns or give Sample(...)"
            )

    def cross_section(self) -> WallConstants:
        """Wall constants from the demagnetising factors of the wire's cross-section.

        Wire along x, width w along y, thickness t along z, infinitely long; kd = mu0 Ms^2/2.
        The w x t rectangle has, with p = t/w (`rectangle_factors`),

            Nz = (1/pi) [ (1-p^2)/(2p) ln(1+p^2) + p ln p + 2 atan(1/p) ],   Ny = 1 - Nz .

        Easy axis z: the wall turns through y (Bloch) or x (Neel), and the smaller cost is at rest:

            K_bloch = K + [K_hard if hard_axis = y] - kd (Nz - Ny)
            K_neel  = K + [K_hard if hard_axis = x] - kd (Nz - Nx)
            K_eff = min, K_perp = |K_neel - K_bloch|, lam = sqrt(A/K_eff) ,

        Nx = `wall_factor(lam, t)`: the wall's own volume charges, about t ln2/(pi lam).
        lam is that of the wall at rest, self-consistently.

        Easy axis x (head-to-head; no charges are counted along x, Nx = 0):

            K_y = K + [K_hard if hard_axis = y] + kd Ny ,   K_z = K + [... z] + kd Nz ,
            K_eff = min, K_perp = |K_z - K_y| .

        Raises InputError if a needed key is missing, the easy axis is y, or K_eff <= 0 (then the
        easy axis is not stable).

        Local estimate: the factors of uniform magnetisation stand for those of the wall, so that
        both constants carry a model error of order 10 % in strips a few lam wide.
        Factors: Aharoni, J. Appl. Phys. 83, 3432 (1998); Kalinikos & Slavin, J. Phys. C 19, 7013
        (1986).
        """
        self.require("Ms", "A", "K", "easy_axis", "width", "thickness", model="the cross-section")
        if self.K_hard != 0:
            self.require("hard_axis", model="`K_hard_J_per_m3`")
        if self.easy_axis == "x":
            return self._head_to_head()
        if self.easy_axis == "z":
            return self._perpendicular()
        raise self._error(
            "`easy_axis` must be x or z for the cross-section's constants (wire along x, width "
            f"along y, thickness along z), got {self.easy_axis}"
        )

    def _head_to_head(self) -> WallConstants:
        Ms, A, K, width, thickness = self._shape()
        kd = constants.MU_0 * Ms**2 / 2
        Ny, Nz = rectangle_factors(width, thickness)
        cost = {"y": K + self._hard("y") + kd * Ny, "z": K + self._hard("z") + kd * Nz}
        return self._constants(A, cost, "head_to_head", (0.0, Ny, Nz))

    def _perpendicular(self) -> WallConstants:
        Ms, A, K, width, thickness = self._shape()
        kd = constants.MU_0 * Ms**2 / 2
        Ny, Nz = rectangle_factors(width, thickness)
        bloch = K + self._hard("y") - kd * (Nz - Ny)

        def neel(Nx: float) -> float:
            return K + self._hard("x") - kd * (Nz - Nx)

        if bloch <= 0:
            raise self._unstable(bloch, (0.0, Ny, Nz))
        lam = math.sqrt(A / bloch)
        Nx = wall_factor(lam, thickness)
        if neel(Nx) >= bloch:
            return self._constants(A, {"y": bloch, "x": neel(Nx)}, "bloch", (Nx, Ny, Nz))
        # A wider wall has a smaller Nx and is cheaper, hence wider still: lam grows to its limit.
        for _ in range(200):
            if neel(Nx) <= 0:
                raise self._unstable(neel(Nx), (Nx, Ny, Nz))
            lam, before = math.sqrt(A / neel(Nx)), lam
            Nx = wall_factor(lam, thickness)
            if abs(lam - before) <= 1e-13 * lam:
                break
        return self._constants(A, {"x": neel(Nx), "y": bloch}, "neel", (Nx, Ny, Nz))

    def _constants(
        self, A: float, cost: dict[str, float], rest: str, N: tuple[float, float, float]
    ) -> WallConstants:
        soft, hard = sorted(cost, key=lambda axis: cost[axis])
        if cost[soft] <= 0:
            raise self._unstable(cost[soft], N)
        notes = ()
        if self.wall not in (None, rest):
            notes = (f"the sample says `wall = {self.wall}`, but its wall at rest is {rest}",)
        lam = math.sqrt(A / cost[soft])
        return WallConstants(cost[soft], cost[hard] - cost[soft], soft, hard, lam, N, rest, notes)

    def _shape(self) -> tuple[float, ...]:
        values = (self.Ms, self.A, self.K, self.width, self.thickness)
        # None of them is None after `require`; the type checker cannot see it.
        return tuple(value for value in values if value is not None)

    def _hard(self, axis: str) -> float:
        return self.K_hard if axis == self.hard_axis else 0.0

    def _unstable(self, K_eff: float, N: tuple[float, float, float]) -> InputError:
        return self._error(
            f"the easy axis {self.easy_axis} is not stable: K_eff = {K_eff:.4g} J/m^3 must be > 0 "
            f"(Ms = {self.Ms:.4g} A/m, K = {self.K:.4g} J/m^3, K_hard = {self.K_hard:.4g} J/m^3, "
            f"N = ({N[0]:.4g}, {N[1]:.4g}, {N[2]:.4g}) of width {self.width:.4g} m and thickness "
            f"{self.thickness:.4g} m)"
        )

    def _error(self, message: str) -> InputError:
        return InputError(f"{self.origin}: {message}" if self.origin else message)


def described(key: Key) -> str:
    """The key's meaning and unit, for messages and the template."""
    return f"{key.meaning}, {key.unit}" if key.unit else key.meaning


def rectangle_factors(width: float, thickness: float) -> tuple[float, float]:
    """(Ny, Nz) of an infinitely long bar with a width x thickness (y x z) section, magnetometric.

    Nz = (1/pi) [(1-p^2)/(2p) ln(1+p^2) + p ln p + 2 atan(1/p)], p = thickness/width; Ny = 1 - Nz.
    Source: Aharoni, J. Appl. Phys. 83, 3432 (1998), in the limit of infinite length.
    """
    p = thickness / width
    Nz = (1 - p**2) / (2 * p) * math.log1p(p**2) + p * math.log(p) + 2 * math.atan(1 / p)
    return 1 - Nz / math.pi, Nz / math.pi


def wall_factor(lam: float, thickness: float) -> float:
    """Demagnetising factor along x of a Neel wall m_x = sech(x/lam), from its own charges.

    In a film of thickness t, unbounded along y, a plane wave of magnetisation along its wave
    vector k and uniform over the thickness has the factor f(kt) = 1 - (1 - e^{-kt})/(kt)
    (Kalinikos & Slavin 1986).  The wall is a sum of such waves with weight sech^2(pi k lam/2):

        Nx = int_0^inf dk sech^2(pi k lam/2) f(kt) / int_0^inf dk sech^2(pi k lam/2)

    which tends to t ln2/(pi lam) for t << lam and to 1 for t >> lam.  lam, thickness in m.
    """
    # x = pi k lam/2: the denominator is then int sech^2 x dx = 1, and sech^2 20 is 2e-17.
    nodes, weights = np.polynomial.legendre.leggauss(160)
    x = 10 * (nodes + 1)
    s = 2 * x * thickness / (math.pi * lam)
    # The closed form loses digits for a small s = kt, where the series is exact.
    factor = np.where(s < 1e-3, s / 2 - s**2 / 6 + s**3 / 24, 1 + np.expm1(-s) / s)
    return float(10 * np.sum(weights * factor / np.cosh(x) ** 2))
