"""The figure of a design: what was chosen, and how the search went."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._design import Step
from ._open_values import OpenProfile, OpenPulse, OpenValue

_DESIGN, _OTHER = "#0072B2", "#D55E00"


def design_figure(
    open_values: Mapping[str, OpenValue], x: Mapping[str, np.ndarray], history: Sequence[Step]
) -> Any:
    """A panel for each pulse and profile, and one for the objective and the worst constraint."""
    from matplotlib.figure import Figure

    shown = {n: o for n, o in open_values.items() if isinstance(o, OpenPulse | OpenProfile)}
    count = len(shown) + 1
    canvas = Figure(figsize=(7.0, 2.4 * count), layout="constrained")
    panels = canvas.subplots(count, 1, squeeze=False)[:, 0]
    for axes, (name, value) in zip(panels, shown.items(), strict=False):
        free = jnp.asarray(x[name])
        if isinstance(value, OpenPulse):
            axes.plot(value.times * 1e9, np.asarray(value.drawn(free)), color=_DESIGN)
            axes.set(xlabel="t (ns)", ylabel=name)
        else:
            _profile(axes, name, value, np.asarray(value.field(free)))
    last = panels[-1]
    runs = [step.evaluations for step in history]
    last.plot(runs, [step.objective for step in history], "o-", color=_DESIGN)
    last.set(xlabel="runs there and back", ylabel="objective")
    off = last.twinx()
    least = [max(step.violation, 1e-6) for step in history]
    off.semilogy(runs, least, "s--", color=_OTHER, mfc="none")
    off.axhline(1.0, color=_OTHER, lw=0.7, ls=":")
    off.set_ylabel("worst constraint (1: met)", color=_OTHER)
    return canvas


def _profile(axes: Any, name: str, value: OpenProfile, field: np.ndarray) -> None:
    first, *others = value.axes
    grid = value.grid
    label = f"{'xyz'[first]} (nm)"
    if not others:
        line = np.moveaxis(field, first, 0).reshape(field.shape[first], -1)[:, 0]
        axes.plot(grid.centres("xyz"[first]) * 1e9, line, color=_DESIGN)
        axes.set(xlabel=label, ylabel=name)
        return
    second, *rest = others
    middle = tuple(n // 2 if i in rest else slice(None) for i, n in enumerate(field.shape))
    plane = field[middle].reshape(field.shape[first], field.shape[second])
    size = [field.shape[i] * grid.spacing[i] * 1e9 for i in (first, second)]
    drawn = axes.imshow(plane.T, origin="lower", extent=(0, size[0], 0, size[1]), aspect="auto")
    axes.set(xlabel=label, ylabel=f"{'xyz'[second]} (nm)", title=name)
    axes.figure.colorbar(drawn, ax=axes)
