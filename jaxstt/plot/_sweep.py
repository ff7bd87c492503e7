"""The results of a sweep."""

from typing import Any

import numpy as np

from ._validity import SINGLE


def sweep_figure(results: Any, name: str | None = None) -> Any:
    """A result of `sweep` over its parameters, and beside it the phases of the wall if it has them.

    results: the data set.  name: which result; by default wall_velocity, or the first that is a
    number.  Along one dimension it is a curve, along two a map; of more the rest is taken at its
    first value.  Points of a list or a random design are dots.
    Failed points are left out.  An axis that was swept evenly in the logarithm is drawn so.
    Raises ValueError for a result that is not there or is no real number at each point.
    """
    from matplotlib.figure import Figure

    dims = tuple(results["failed"].dims)
    numbers = [
        n
        for n in results.data_vars
        if results[n].dims == dims and n not in _NO_RESULTS and results[n].dtype.kind in "biuf"
    ]
    if not numbers:
        raise ValueError("`results` must hold a real number at each point, got none")
    if name is None:
        first = sorted(numbers, key=lambda n: (n != "wall_velocity", n == "phase"))
        name = first[0] if first else ""
    if name not in numbers:
        raise ValueError(f"`name` must be one of {', '.join(map(str, numbers))}, got {name!r}")
    shown: list[Any] = [name, "phase"] if "phase" in numbers and name != "phase" else [name]
    canvas = Figure(figsize=(1.0 + 5.0 * len(shown), 4.2), layout="constrained")
    for axes, each in zip(np.ravel(canvas.subplots(1, len(shown))), shown, strict=True):
        _draw_result(canvas, axes, results, each)
    return canvas


_NO_RESULTS = ("failed", "reason")
PHASES = ("no wall", "pinned", "steady", "precessing", "undecided")
"""What `phase`, of `jaxstt sweep`, counts."""
_PHASES = ("#BBBBBB", "#000000", "#0072B2", "#D55E00", "#F0E442")


def _draw_result(canvas: Any, axes: Any, results: Any, name: str) -> None:
    from matplotlib.colors import BoundaryNorm, ListedColormap

    data = results[name].where(~results["failed"])
    phases = name == "phase"
    how: dict[str, Any] = {}
    if phases:
        ends = np.arange(len(PHASES) + 1) - 0.5
        how = {"cmap": ListedColormap(_PHASES), "norm": BoundaryNorm(ends, len(PHASES))}
    rest = dict.fromkeys(data.dims[2:], 0)
    if data.dims == ("point",):
        names = [n for n in results.coords if n != "point"]
        x = results[names[0]]
        if len(names) > 1:
            y = results[names[1]]
            drawn = axes.scatter(x, y, c=data, **how)
        else:
            y, drawn = data, None
            axes.plot(x, data, "o", color=SINGLE)
    elif len(data.dims) == 1:
        data = data.sortby(data.dims[0])
        x, y, drawn = data[data.dims[0]], data, None
        axes.plot(x, y, "o-", color=SINGLE)
    else:
        data = data.isel(rest).sortby(list(data.dims[:2]))
        x, y = data[data.dims[0]], data[data.dims[1]]
        values = np.asarray(data, float).T
        drawn = axes.pcolormesh(x, y, values, shading="nearest", **how)
    for label, scale, values in (
        (axes.set_xlabel, axes.set_xscale, x),
        (axes.set_ylabel, axes.set_yscale, y),
    ):
        label(_axis_label(values), parse_math=False)
        if values.name in results.coords and _even_in_the_logarithm(np.asarray(values)):
            scale("log")
    if rest:
        axes.set_title(", ".join(f"{d} = {float(results[d][0]):.4g}" for d in rest))
    if drawn is None and phases:
        axes.set_yticks(range(len(PHASES)), PHASES)
    if drawn is not None:
        bar = canvas.colorbar(drawn, ax=axes)
        bar.set_label("" if phases else _axis_label(results[name]), parse_math=False)
        if phases:
            bar.set_ticks(range(len(PHASES)), labels=PHASES)


def _even_in_the_logarithm(values: np.ndarray) -> bool:
    """Whether these are four numbers or more, above 0, a constant factor apart."""
    if len(values) < 4 or not np.min(values) > 0:
        return False
    steps = np.diff(np.log(np.sort(values)))
    return bool(steps.min() > 0 and np.allclose(steps, steps[0], rtol=1e-3))


def _axis_label(data: Any) -> str:
    unit = data.attrs.get("units", "")
    return f"{data.name} ({unit})" if unit not in ("", "1") else str(data.name)
