"""Standard deviations and intervals."""

import math
from statistics import NormalDist

from .._parameters import INTERFACE, plain_name

_LINEAR = {
    "xi": (0.0, math.inf),
    "P": (-1.0, 1.0),
    "P_T": (-1.0, 1.0),
    "n0": (0.0, math.inf),
    **dict.fromkeys(INTERFACE, (-math.inf, math.inf)),
}
"""Limits of what may be 0."""


def birge_ratio(chi2: float, dof: int) -> float:
    """sqrt(chi2/dof) where that is above 1, else 1: the factor on statistical errors.

    The rows then scatter more than their own errors say; a smaller scatter shrinks nothing.
    """
    return math.sqrt(max(1.0, chi2 / dof)) if dof > 0 else 1.0


def normal_quantile(level: float) -> float:
    """q such that a normal variable lies within -+ q with this probability."""
    return NormalDist().inv_cdf((1 + level) / 2)


def interval(name: str, value: float, std: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of the parameter `name` at this level; q is the normal quantile, 1.96 for 95 %.

    xi, P, P_T, n0, D, theta_SH, theta_FL:  value -+ q std, cut at what is possible
    others:     value exp(-+ q std/value), the logarithm being normal
    """
    q = normal_quantile(level)
    name = plain_name(name)
    if name in _LINEAR:
        low, high = _LINEAR[name]
        return max(value - q * std, low), min(value + q * std, high)
    factor = math.exp(min(q * std / value, 690.0))  # e^710 overflows
    return value / factor, value * factor
