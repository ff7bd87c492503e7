"""Figures of what is around a fit's optimum: profiles, and the posterior's corner plot."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._errorbars import normal_quantile
from .._explore import Posterior, Profile
from .._parameters import UNITS
from .._report import Fit
from ._fit import BREAKDOWN, CURVE, DATA

_WIDEST = 3
"""Panels in a row."""


def profile_figure(profiles: Sequence[Profile]) -> Any:
    """A matplotlib Figure: the rise of chi2 along each parameter, and its intervals."""
    from matplotlib.figure import Figure

    columns = min(len(profiles), _WIDEST)
    rows = -(-len(profiles) // columns)
    canvas = Figure(figsize=(4.2 * columns, 3.4 * rows), layout="constrained")
    every = canvas.subplots(rows, columns, squeeze=False).ravel()
    for axes in every[len(profiles) :]:
        axes.set_visible(False)
    for axes, curve in zip(every, profiles, strict=False):
        found = curve.found
        axes.plot(curve.values[found], curve.rise[found], ".-", color=CURVE)
        axes.plot(curve.best, 0.0, "x", color=DATA)
        for level, ends in curve.intervals.items():
            height = normal_quantile(level) ** 2
            axes.axhline(height, color=BREAKDOWN, ls=":", lw=1)
            axes.annotate(f"{100 * level:g} %", (0.01, height), xycoords=("axes fraction", "data"))
            for end in ends:
                if end is not None:
                    axes.plot([end, end], [0, height], color=BREAKDOWN, lw=1)
        axes.set_xlabel(_label(curve.name))
        axes.set_ylabel("rise of chi2")
    return canvas


def corner_figure(posterior: Posterior, fit: Fit) -> Any:
    """A matplotlib Figure: the draws of every parameter, and of every two against each other."""
    from matplotlib.figure import Figure

    names = posterior.names
    n = len(names)
    canvas = Figure(figsize=(2.4 * n, 2.4 * n), layout="constrained")
    every = canvas.subplots(n, n, squeeze=False)
    draws = {name: posterior.samples[name].ravel() for name in names}
    for i, lower in enumerate(names):
        for k, across in enumerate(names):
            axes = every[i, k]
            if k > i:
                axes.set_visible(False)
                continue
            if k == i:
                axes.hist(draws[lower], bins=40, color=CURVE, density=True)
                axes.set_yticks([])
                for end in posterior.interval(lower):
                    axes.axvline(end, color=BREAKDOWN, ls=":", lw=1)
            else:
                cells = np.histogram2d(draws[across], draws[lower], bins=40)
                axes.pcolormesh(cells[1], cells[2], cells[0].T, cmap="Blues", rasterized=True)
                axes.plot(fit.values[across], fit.values[lower], "x", color=DATA)
            axes.ticklabel_format(useOffset=False)
            axes.locator_params(nbins=3)
            axes.tick_params(labelsize="x-small")
            if i == n - 1:
                axes.set_xlabel(_label(across))
            if k == 0 and i:
                axes.set_ylabel(_label(lower))
    return canvas


def _label(name: str) -> str:
    return f"{name} ({UNITS[name]})" if name in UNITS else name
