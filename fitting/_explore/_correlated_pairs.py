"""Pairs of parameters that samples show only together."""

import itertools
import math

import numpy as np

BENT = "xi/(1+xi^2)"
RIDGE = 0.95
"""Correlation of two parameters, on logarithmic axes, above which they count as one."""
LOOSE = 0.3
"""Relative standard deviation of a parameter that the data do not fix (as in `identify`)."""
SLOPE = 0.2
"""A slope this near to +-1 on logarithmic axes makes a ratio or a product."""


def rank_correlation(columns: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the columns of (draws, p)."""
    ranks = np.argsort(np.argsort(columns, axis=0), axis=0).astype(float)
    return np.atleast_2d(np.corrcoef(ranks, rowvar=False))


def ridges(free: tuple[str, ...], samples: dict[str, np.ndarray]) -> tuple[str, ...]:
    """Pairs of parameters that the data know only together, in words.

    On logarithmic axes a ridge of slope 1 is a ratio, of slope -1 a product; the parts are unknown
    if the relative standard deviation of each exceeds 0.3.  For xi, xi/(1+xi^2) is tried as well,
    which is what drives a wall below breakdown; the closer of the two is named.
    """
    found = []
    for first, second in itertools.combinations(free, 2):
        x, y = (samples[n].reshape(-1) for n in (first, second))
        if (x <= 0).any() or (y <= 0).any():
            continue
        plain = {first: np.log(x), second: np.log(y)}
        tries = [plain]
        if "xi" in plain:
            bent = plain["xi"] - np.log1p(np.exp(2 * plain["xi"]))
            tries.append({BENT if n == "xi" else n: v for n, v in plain.items()})
            tries[1][BENT] = bent
        columns = [np.stack(list(logs.values()), axis=1) for logs in tries]
        rhos = [_correlation(c) for c in columns]
        i = int(np.argmax(np.abs(rhos)))
        if abs(rhos[i]) > RIDGE:
            loose = min(v.std() for v in plain.values()) > LOOSE
            found.append(_ridge((first, second), tuple(tries[i]), columns[i], rhos[i], loose))
    return tuple(found)


def _correlation(logs: np.ndarray) -> float:
    """Of ranks or of logarithms, whichever is larger: where a ridge bends flat, ranks are noise."""
    both = rank_correlation(logs)[0, 1], np.corrcoef(logs, rowvar=False)[0, 1]
    return float(max(both, key=abs))


def _ridge(
    pair: tuple[str, str], shown_as: tuple[str, ...], logs: np.ndarray, rho: float, loose: bool
) -> str:
    (first, second), std = shown_as, logs.std(axis=0)
    slope = math.copysign(std[0] / std[1], rho)
    near = abs(abs(slope) - 1) < SLOPE
    power = math.copysign(1.0, rho) if near else slope
    together = logs[:, 0] - power * logs[:, 1]
    value, spread = float(np.exp(np.median(together))), float(together.std())
    if near:
        name = f"{first}/{second}" if rho > 0 else f"{first} {second}"
        what = "their ratio" if rho > 0 else "their product"
    else:
        name, what = f"{first}/{second}^{slope:.2f}", "a power product"
    shown = f"{name} = {value:.4g} within {100 * spread:.2g} %"
    both = f"{pair[0]} and {pair[1]}"
    if loose:
        return f"{both} are known only as {what}: {shown}; correlation {rho:.3f}"
    return (
        f"{both} go together (correlation {rho:.3f}): {shown}, "
        f"each alone within {100 * std[0]:.2g} % and {100 * std[1]:.2g} %"
    )
