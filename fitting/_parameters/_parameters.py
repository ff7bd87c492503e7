"""The parameters that can be fitted: names, units, bounds, priors, what is possible."""

import dataclasses
import math
from collections.abc import Iterable, Mapping

from jaxstt.tools import nearest

from .._errors import InputError

POLARISATION = ("xi", "P", "alpha")
"""What the package is for; free unless said otherwise, and never taken from the sample."""
MATERIAL = ("K_perp", "K", "A", "Ms", "n0", "gamma")
"""What the sample's header gives; K and K_perp are the wall's constants, see `cross_section`."""
INTERFACE = ("D", "theta_SH", "theta_FL")
"""What the metal beside the film adds: there only where the header gives it, or it is fitted."""
SPIN_ORBIT = INTERFACE[1:]
FILM = ("thickness",)
"""What spin-orbit torques are divided by."""
SETTING = ("B_pin", "f_core", "D_G", "j_scale")
"""What the experiment adds: the pinning field of a wall, the frequency of a vortex core and the
ratio D/G of its damping to its gyrovector, and the factor by which the current densities of the
file must be multiplied (1 unless asked for)."""
MICROSCOPIC = ("Delta", "tau_sf")
"""What xi may be made of, xi = hbar/(Delta tau_sf): the exchange splitting, the spin-flip time."""
EFFECTIVE = ("P_T", "alpha~")
"""What P and alpha may be made of: see `FromWhole`."""
ELECTRONS = (*POLARISATION, *EFFECTIVE, *MICROSCOPIC)
"""What no header gives."""
NAMES = (*POLARISATION, *EFFECTIVE, *MATERIAL, *INTERFACE, *FILM, *SETTING, *MICROSCOPIC)
UNITS = {
    "K_perp": "J/m^3",
    "K": "J/m^3",
    "A": "J/m",
    "Ms": "A/m",
    "n0": "A/m",
    "gamma": "rad/(s T)",
    "thickness": "m",
    "D": "J/m^2",
    "B_pin": "T",
    "f_core": "Hz",
    "Delta": "J",
    "tau_sf": "s",
}
FLOOR = {"xi": 0.02, "P": 0.02, "P_T": 0.02, "D": 2e-5, "theta_SH": 0.01, "theta_FL": 0.01}
"""Below this the error is compared with this value, not with the parameter: these may be 0."""


def plain_name(name: str) -> str:
    """`name` of `name[k]`, the parameter of one of several sets."""
    return name.partition("[")[0]


def floor(name: str) -> float:
    """That of `name`, also where it is one of several sets'."""
    return FLOOR.get(plain_name(name), 0.0)


_ALLOWED = {
    "xi": (">= 0", lambda x: x >= 0),
    "P": ("between -1 and 1", lambda x: abs(x) <= 1),
    "P_T": ("between -1 and 1", lambda x: abs(x) <= 1),
    "alpha~": (">= 0", lambda x: x >= 0),
    "alpha": (">= 0", lambda x: x >= 0),
    "K_perp": (">= 0", lambda x: x >= 0),
    "n0": (">= 0", lambda x: x >= 0),
    **dict.fromkeys(INTERFACE, ("a finite number", math.isfinite)),
}


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter to fit.

    low, high: bounds, never reached.  log: whether its natural scale t is the logarithm (positive
    quantities over decades) or the value itself.  start: first guess, inside the bounds.
    prior: (centre, standard deviation) of a Gaussian on the scale t, or None.
    """

    name: str
    low: float
    high: float
    log: bool
    start: float
    prior: tuple[float, float] | None = None

    def with_start(self, value: float) -> "Parameter":
        """The same parameter started at `value`; InputError if that is outside the bounds."""
        if not self.low < value < self.high:
            raise InputError(
                f"the start of `{self.name}` must be between {self.low:g} and {self.high:g}, "
                f"got {value:g}"
            )
        return dataclasses.replace(self, start=value)

    def with_prior(self, value: float, std: float) -> "Parameter":
        """The same parameter known to be value +- std; on a log scale the logarithm is normal.

        InputError unless value is inside the bounds and
        std > 0.
        """
        if not self.low < value < self.high:
            raise InputError(
                f"`priors`: `{self.name}` must be between {self.low:g} and {self.high:g}, "
                f"got {value:g}"
            )
        if not (std > 0 and math.isfinite(std)):
            raise InputError(f"`priors`: the error of `{self.name}` must be > 0, got {std:g}")
        prior = (math.log(value), std / value) if self.log else (value, std)
        return dataclasses.replace(self, prior=prior)


def parameter(name: str, estimate: float | None = None, spread: float | None = None) -> Parameter:
    """The parameter `name` with its usual bounds; `estimate` is the sample's value.

    spread: relative standard deviation of a prior around `estimate`, log-normal but for D and the
    angles, which may be of either sign.
    xi in (0, 2), P, P_T in (-1, 1), alpha, alpha~ in (1e-5, 1), Delta in (1e-22, 1e-17) J, tau_sf
    in (1e-17, 1e-8) s, D in (-0.005, 0.005) J/m^2, theta_SH, theta_FL in (-3, 3); the others within
    a decade of the estimate (K_perp and B_pin within two, gamma and j_scale within a factor 2).
    """
    if name == "xi":
        return Parameter("xi", 0.0, 2.0, False, 0.1)
    if name in ("P", "P_T"):
        return Parameter(name, -1.0, 1.0, False, 0.5)
    if name in ("alpha", "alpha~"):
        return Parameter(name, 1e-5, 1.0, True, 0.05)
    if name in INTERFACE:
        widest, start = (5e-3, 3e-4) if name == "D" else (3.0, 0.1)
        centre = start if estimate is None else estimate
        prior = None if spread is None else (centre, spread * max(abs(centre), FLOOR[name]))
        return Parameter(name, -widest, widest, False, centre, prior)
    if name == "Delta":
        return Parameter("Delta", 1e-22, 1e-17, True, 1e-19)
    if name == "tau_sf":
        return Parameter("tau_sf", 1e-17, 1e-8, True, 1e-14)
    assert estimate is not None  # the caller has asked the sample for it
    if name == "n0":
        return Parameter("n0", 0.0, max(1e6, 10 * estimate), False, max(estimate, 1e4))
    if estimate <= 0:
        raise InputError(f"`{name}` can be fitted only from an estimate > 0, got {estimate:g}")
    factor = {"K_perp": 100.0, "B_pin": 100.0, "gamma": 2.0, "j_scale": 2.0}.get(name, 10.0)
    prior = None if spread is None else (math.log(estimate), spread)
    return Parameter(name, estimate / factor, estimate * factor, True, estimate, prior)


_ALSO = {"theta_DL": "theta_SH", "beta": "xi", "DMI": "D", "Aex": "A", "Msat": "Ms"}
"""What others call them."""


def known(names: Iterable[str], argument: str) -> tuple[str, ...]:
    """`names` as a tuple; InputError naming the nearest parameter for an unknown or double one."""
    listed = tuple(names)
    for name in listed:
        if name not in NAMES:
            raise InputError(
                f"`{argument}`: unknown parameter {name!r}; did you mean "
                f"`{_ALSO.get(name) or nearest(name, NAMES)}`? (there are {', '.join(NAMES)})"
            )
        if listed.count(name) > 1:
            raise InputError(f"`{argument}`: parameter `{name}` is given twice")
    return listed


def allowed(values: Mapping[str, float], argument: str) -> dict[str, float]:
    """`values` if each is a known parameter and physically possible; InputError otherwise."""
    known(values, argument)
    for name, value in values.items():
        rule, holds = _ALLOWED.get(name, ("> 0", lambda x: x > 0))
        if not (math.isfinite(value) and holds(value)):
            raise InputError(f"`{argument}`: `{name}` must be {rule}, got {value:g}")
    return {name: float(value) for name, value in values.items()}
