"""Parameters that follow from others.

Ties that a user asks for; xi from the electrons; P and alpha from what other codes call so.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jaxstt
from jaxstt.tools import nearest

from .._errors import InputError
from ._parameters import MICROSCOPIC, NAMES, allowed


@dataclasses.dataclass(frozen=True)
class Tie:
    """name = factor * source."""

    name: str
    factor: float
    source: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The parameters that it needs."""
        return (self.source,)

    @property
    def text(self) -> str:
        """The right side."""
        return self.source if self.factor == 1 else f"{self.factor:g}*{self.source}"

    def __call__(self, values: Mapping[str, Any]) -> Any:
        return self.factor * values[self.source]


@dataclasses.dataclass(frozen=True)
class FromElectrons:
    """xi = tau_ex/tau_sf, tau_ex = hbar/Delta.

    Delta: exchange splitting, J; tau_sf: spin-flip time, s.  Source: Cheng & Niu, below Eq. (8).
    """

    name: str = "xi"
    sources: tuple[str, ...] = MICROSCOPIC
    text: str = "hbar/(Delta tau_sf)"

    def __call__(self, values: Mapping[str, Any]) -> Any:
        return jaxstt.electron.exchange_time(values["Delta"]) / values["tau_sf"]


@dataclasses.dataclass(frozen=True)
class FromWhole:
    """P and alpha from the numbers of equations that know no conduction electrons.

        P_T = P/((1 + xi^2)(1 + eta)),   alpha~ = (alpha + xi eta)/(1 + eta),
        eta = (n0/Ms)/(1 + xi^2)

    Source: Cheng & Niu, Eqs. (15)-(16); Thiaville et al., Europhys. Lett. 69, 990 (2005).
    """

    name: str
    source: str
    text: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The parameters that it needs."""
        return (self.source, "xi", "n0", "Ms")

    def __call__(self, values: Mapping[str, Any]) -> Any:
        whole, xi = values[self.source], values["xi"]
        eta = values["n0"] / values["Ms"] / (1 + xi**2)
        if self.source == "P_T":
            return whole * (1 + xi**2) * (1 + eta)
        return whole * (1 + eta) - xi * eta


WHOLE = {
    "P_T": FromWhole("P", "P_T", "P_T (1+xi^2)(1+eta)"),
    "alpha~": FromWhole("alpha", "alpha~", "alpha~ (1+eta) - xi eta"),
}
"""By the parameter that stands for them."""
CONVENTIONS: dict[str, dict[str, str]] = {
    "paper": {},
    "mumax3": {"Xi": "xi", "Pol": "P", "alpha": "alpha~"},
    "oommf": {"beta": "xi", "P": "P_T", "alpha": "alpha~"},
}
"""What the parameters of other codes are called here.  mumax3's `Pol` is P where its `GammaLL` is
gamma~; OOMMF's velocity u has no factor 1/(1+beta^2)."""

Link = Tie | FromElectrons | FromWhole


def linked(links: Iterable[Link], values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with what the links make of them."""
    found = dict(values)
    for link in links:
        found[link.name] = link(found)
    return found


def read_links(ties: Mapping[str, str], given: Iterable[str]) -> tuple[Link, ...]:
    """The links of a fit, in the order in which they follow from each other.

    ties: "2*alpha" by name.  given: every parameter that is known or fitted.
    Raises InputError for a tie that says nothing or contradicts what is given.
    """
    given = tuple(given)
    links: list[Link] = [_tie(name, text) for name, text in ties.items()]
    if any(n in given or n in [link.name for link in links] for n in MICROSCOPIC):
        links.append(FromElectrons())
    tied = [link.name for link in links]
    links += [link for source, link in WHOLE.items() if source in (*given, *tied)]
    names = [link.name for link in links]
    for link in links:
        others = [other for other in links if other.name == link.name]
        if link.name in given or len(others) > 1:
            beside = "it cannot be fitted, fixed or tied beside that"
            raise InputError(f"`{link.name}` follows from {others[-1].text}: {beside}")
        chained = [s for s in link.sources if s in names and isinstance(link, Tie)]
        if chained:
            raise InputError(
                f"`ties`: `{link.name}` must follow from a parameter that does not follow from "
                f"others, got `{chained[0]}`"
            )
    return tuple(links)


def check_links(links: Iterable[Link], values: Mapping[str, Any], where: str) -> None:
    """InputError if what a link gives is impossible where the fit "starts" or "ends"."""
    for link in links:
        try:
            allowed({link.name: float(values[link.name])}, "ties")
        except InputError as error:
            raise InputError(
                f"{error}, of {link.name} = {link.text} where the fit {where}"
            ) from None


def _tie(name: str, text: str) -> Tie:
    for one in (name, text):
        if not isinstance(one, str):
            raise InputError(f"`ties` must hold text such as 2*alpha by name, got {one!r}")
    match = re.fullmatch(r"\s*(?:([^*\s]+)\s*\*)?\s*([A-Za-z_]\w*~?)\s*", text)
    try:
        factor = float(match[1] or 1) if match else math.nan
    except ValueError:
        factor = math.nan
    if match is None or not (math.isfinite(factor) and factor != 0):
        raise InputError(
            f"`ties`: `{name}` must be a parameter or a number times it, such as 2*alpha, "
            f"got {text!r}"
        )
    for one in (name, match[2]):
        if one not in NAMES:
            raise InputError(
                f"`ties`: unknown parameter {one!r}; did you mean `{nearest(one, NAMES)}`? "
                f"(there are {', '.join(NAMES)})"
            )
    if match[2] == name:
        raise InputError(f"`ties`: `{name}` must follow from another parameter, got {text!r}")
    return Tie(name, factor, match[2])
