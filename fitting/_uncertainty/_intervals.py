"""Standard deviations and 95 % intervals."""

import math

NORMAL_95 = 1.959963984540054
_LINEAR = {"xi": (0.0, math.inf), "P": (-1.0, 1.0), "n0": (0.0, math.inf)}


def birge_ratio(chi2: float, dof: int) -> float:
    """sqrt(chi2/dof) where that is above 1, else 1: the factor on statistical errors.

    The rows then scatter more than their own errors say; a smaller scatter shrinks nothing.
    """
    return math.sqrt(max(1.0, chi2 / dof)) if dof > 0 else 1.0


def interval(name: str, value: float, std: float) -> tuple[float, float]:
    """95 % interval of the parameter `name`.

    xi, P, n0:  value -+ 1.96 std, cut at what is possible
    others:     value exp(-+ 1.96 std/value), the logarithm being normal
    """
    if name in _LINEAR:
        low, high = _LINEAR[name]
        return max(value - NORMAL_95 * std, low), min(value + NORMAL_95 * std, high)
    factor = math.exp(min(NORMAL_95 * std / value, 690.0))  # e^710 overflows
    return value / factor, value * factor
