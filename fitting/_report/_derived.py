"""Quantities that follow from a fit; their errors know what a moved wall constant makes up for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .._errorbars import COMBINATIONS, DERIVED, MOVED, USEFUL, Identifiability, ModelError
from .._errorbars import value_and_gradient as slopes
from .._parameters import UNITS, Link
from .._problem import relative_scale


def derived(
    values: Mapping[str, float],
    names: tuple[str, ...],
    links: tuple[Link, ...],
    seen: Identifiability | None,
    errors: ModelError | None,
) -> dict[str, tuple[float, float | None, str]]:
    """What follows by links, and the lines of `DERIVED` that these values allow: value, std, unit.

        variance = g^T C g + sum over constants c (g . shift_c + (df/d ln c) error_c)^2

    g = df/d(relative change of the parameters), C their statistical covariance (that of `seen`),
    shift_c what they follow when c grows by error_c.  The last term matters: what the data say of
    a product of a parameter and c does not change with c.
    """
    found: dict[str, tuple[float, float | None, str]] = {}
    scale = relative_scale(names, values)
    for name, (unit, function) in {**_own(links), **DERIVED}.items():
        result = slopes(function, values, links)
        if result is None or not np.isfinite(result[0]):
            continue
        value, slope = result
        std = None
        if seen is not None:
            row = np.array([slope[n] for n in names]) * scale
            variance = row @ seen.covariance @ row
            for constant, shift in {} if errors is None else errors.shift.items():
                variance += (row @ shift + _own_part(constant, errors, values, slope)) ** 2
            error = float(np.sqrt(variance))
            std = error if error < USEFUL * abs(value) else None
        found[name] = (value, std, unit)
    return found


def _own_part(
    constant: str,
    errors: ModelError | None,
    values: Mapping[str, float],
    slope: Mapping[str, float],
) -> float:
    """Change of the quantity by the constant itself; 0 for what is no constant of the wall."""
    if errors is None or constant not in errors.stated:
        return 0.0
    moved, power = MOVED[constant]
    if moved not in values:  # a set that shows no wall, fitted together with one that does
        return 0.0
    return slope[moved] * values[moved] * power * errors.stated[constant]


def _own(links: tuple[Link, ...]) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """The linked parameters themselves, as lines of `DERIVED`."""
    return {link.name: (UNITS.get(link.name, ""), COMBINATIONS[link.name]) for link in links}
