"""The figure of a fit: data, curve, residuals, breakdown.  Imports matplotlib when called."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._data import Measurements
from .._models import get_model
from .._report import Fit

# Okabe and Ito's palette: told apart by every reader and in grey.
DATA, CURVE, BREAKDOWN = "#000000", "#0072B2", "#D55E00"
CARETUPBASE, CARETDOWNBASE = 10, 11
"""matplotlib's markers: a triangle that points up, or down, from the value."""
_POINTS = 200
_CURVED = ("wall_velocity", "precession_frequency", "wall_tilt", "drift_velocity")
"""Observables that are a function of the two drives alone."""


class Axis(NamedTuple):
    """A quantity on an axis: its label and the factor from SI to the label's unit."""

    label: str
    factor: float


OBSERVED = {
    "wall_velocity": Axis("wall velocity (m/s)", 1.0),
    "precession_frequency": Axis("precession frequency (GHz)", 1e-9),
    "wall_tilt": Axis("tilt (rad)", 1.0),
    "field_mobility": Axis("mobility (m/(s mT))", 1e-3),
    "displacement": Axis("displacement (nm)", 1e9),
    "drive_efficiency": Axis("field per current (10$^{-14}$ T m$^2$/A)", 1e14),
    "depinning_field": Axis("depinning field (mT)", 1e3),
    "depinning_current": Axis("depinning current (10$^{12}$ A/m$^2$)", 1e-12),
    "gyration_frequency": Axis("gyration frequency (GHz)", 1e-9),
    "gyration_radius": Axis("gyration radius (nm)", 1e9),
    "drift_velocity": Axis("drift velocity (m/s)", 1.0),
}
DRIVEN = {
    "j": Axis("current density (10$^{12}$ A/m$^2$)", 1e-12),
    "B": Axis("field along the easy axis (mT)", 1e3),
    "x": Axis("field along x (mT)", 1e3),
    "y": Axis("field along y (mT)", 1e3),
    "z": Axis("field along z (mT)", 1e3),
    "line": Axis("line of the file (current and field)", 1.0),
}


class Panel(NamedTuple):
    """The rows of one observable against one drive ("line" where several act).

    "x", "y", "z": against a field across the easy axis, at one current and field along it.
    """

    observable: str
    drive: str
    rows: np.ndarray


def panels(data: Measurements) -> list[Panel]:
    """The rows sorted into panels; every row is in exactly one."""
    along, across = data.fields()
    current, field = np.asarray(data.j) != 0, along != 0
    kind = np.where(current & field, "line", np.where(field, "B", "j"))
    observed = np.asarray(data.observable)
    for rows, axis in _across(data, observed, along, across):
        kind[rows] = axis
    found = []
    for observable in OBSERVED:
        for drive in DRIVEN:
            rows = np.flatnonzero((observed == observable) & (kind == drive))
            if rows.size:
                found.append(Panel(observable, drive, rows))
    return found


def _across(
    data: Measurements, observed: np.ndarray, along: np.ndarray, across: np.ndarray
) -> list[tuple[np.ndarray, str]]:
    """The rows with a field across the easy axis, and by which axis each observable's are drawn.

    "line" where several fields, or several currents, act on them.
    """
    found, beside = [], across.any(axis=1)
    easy = "xyz".index(data.sample.easy_axis or "z")
    for observable in dict.fromkeys(observed[beside]):
        rows = np.flatnonzero((observed == observable) & beside)
        axes = np.flatnonzero(across[rows].any(axis=0))
        drives = {(data.j[i], along[i]) for i in rows}
        if len(axes) > 1 or len(drives) > 1:
            found.append((rows, "line"))
            continue
        at = [(data.j[i], along[i]) in drives for i in range(len(data))]
        rows = np.flatnonzero((observed == observable) & at)
        found.append((rows, "xyz"[(easy + 1 + axes[0]) % 3]))
    return found


def figure(fit: Fit, band: np.ndarray | None = None) -> Any:
    """A matplotlib Figure: one column a panel, data above and residuals below.

    band: (2, rows), where predictions lie with 95 % probability.
    """
    from matplotlib.figure import Figure

    shown = panels(fit.data)
    curves = _curves(fit, shown)
    columns = min(len(shown), 2)
    rows = -(-len(shown) // columns)
    canvas = Figure(figsize=(5.6 * columns, 4.4 * rows), layout="constrained")
    parts = canvas.subfigures(rows, columns, squeeze=False).ravel()
    for part, panel, curve in zip(parts, shown, curves, strict=False):
        upper, lower = part.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        _draw_data(upper, fit, panel, curve)
        if band is not None:
            _draw_band(upper, fit, panel, band)
        _draw_residuals(lower, fit, panel)
    state = "" if fit.converged else "  (NOT CONVERGED)"
    canvas.suptitle(f"{fit.data.path}: fit with model {fit.model}{state}")
    return canvas


def series_figure(fits: Any) -> Any:
    """A matplotlib Figure of `SeriesFit`s: a row each, a column for each component of <m>."""
    from matplotlib.figure import Figure

    columns = [np.flatnonzero(np.isfinite(f.series.m).all(axis=0)) for f in fits]
    widest = max(c.size for c in columns)
    size = (4.8 * widest, 3.0 * len(fits))
    canvas = Figure(figsize=size, layout="constrained")
    every = canvas.subplots(len(fits), widest, squeeze=False, sharex=True)
    for row, fit, known in zip(every, fits, columns, strict=True):
        for axes, i in zip(row, known, strict=False):
            axes.plot(
                fit.series.time * 1e9, fit.series.m[:, i], ".", ms=2, color=DATA, label="data"
            )
            axes.plot(fit.series.time * 1e9, fit.predictions[:, i], lw=1, color=CURVE, label="fit")
            axes.set_ylabel(f"<m$_{'xyz'[i]}$>")
            axes.set_xlabel("t (ns)")
        row[0].set_title(fit.series.source + ("" if fit.converged else "  (NOT CONVERGED)"))
        row[0].legend(fontsize="small")
    return canvas


def _drive(fit: Fit, panel: Panel) -> np.ndarray:
    return _driven(fit.data, panel.drive)[panel.rows] * DRIVEN[panel.drive].factor


def _driven(data: Measurements, drive: str) -> np.ndarray:
    """(n,), SI: that drive of every row."""
    if drive in ("j", "line"):
        return np.asarray(data.j if drive == "j" else data.line)
    along, across = data.fields()
    if drive == "B":
        return along
    easy = "xyz".index(data.sample.easy_axis or "z")
    return across[:, ("xyz".index(drive) - easy - 1) % 3]


def _draw_data(axes: Any, fit: Fit, panel: Panel, curve: tuple[np.ndarray, np.ndarray]) -> None:
    factor = OBSERVED[panel.observable].factor
    x = _drive(fit, panel)
    value, std = fit.data.value[panel.rows] * factor, fit.data.std[panel.rows] * factor
    axes.errorbar(x, value, std, fmt="o", color=DATA, ms=4, capsize=2, lw=1, label="data", zorder=3)
    for bound, marker in {"upper": CARETDOWNBASE, "lower": CARETUPBASE}.items():
        rows = np.array([fit.data.bound[i] == bound for i in panel.rows])
        if rows.any():
            axes.plot(
                x[rows],
                value[rows],
                ls="",
                marker=marker,
                ms=10,
                color=DATA,
                label=f"{bound} bound",
            )
    if curve[0].size:
        cheaper = get_model(fit.model).cheaper
        plain = cheaper is None and not fit.rungs
        label = fit.model if plain else f"{cheaper or fit.model}, same parameters"
        axes.plot(*curve, color=CURVE, lw=1.5, label=label)
    fitted = fit.predictions[panel.rows] * factor
    axes.plot(x, fitted, "x", color=CURVE, ms=7, label=f"{fit.model} at the data")
    _mark_breakdown(axes, fit, panel)
    axes.set_ylabel(OBSERVED[panel.observable].label)
    axes.legend(fontsize="small")


def _draw_band(axes: Any, fit: Fit, panel: Panel, band: np.ndarray) -> None:
    x = _drive(fit, panel)
    low, high = band[:, panel.rows] * OBSERVED[panel.observable].factor
    axes.vlines(x, low, high, color=CURVE, lw=7, alpha=0.3, label="95 % of the posterior")
    axes.legend(fontsize="small")


def _mark_breakdown(axes: Any, fit: Fit, panel: Panel) -> None:
    at = {"j": fit.breakdown_current, "B": fit.breakdown_field}.get(panel.drive)
    if at is None or panel.observable == "drift_velocity":
        return
    low, high = axes.get_xlim()
    label: str | None = "breakdown"
    for position in (at * DRIVEN[panel.drive].factor, -at * DRIVEN[panel.drive].factor):
        if low < position < high:
            axes.axvline(position, color=BREAKDOWN, ls="--", lw=1.2, label=label)
            label = None


def _draw_residuals(axes: Any, fit: Fit, panel: Panel) -> None:
    axes.axhline(0.0, color=CURVE, lw=1)
    axes.plot(_drive(fit, panel), -fit.residuals[panel.rows], "o", color=DATA, ms=4)
    limit = max(3.0, 1.1 * float(np.abs(fit.residuals[panel.rows]).max()))
    axes.set_ylim(-limit, limit)
    axes.set_ylabel("(data - fit)/std")
    axes.set_xlabel(DRIVEN[panel.drive].label)


def _curves(fit: Fit, shown: list[Panel]) -> list[tuple[np.ndarray, np.ndarray]]:
    """A smooth curve for each panel, in the axes' units, by one call of the cheap model."""
    grids = []
    for panel in shown:
        x = np.zeros(0)
        if panel.drive != "line" and panel.observable in _CURVED:
            x = _driven(fit.data, panel.drive)[panel.rows]
            x = np.linspace(min(x.min(), 0.0), max(x.max(), 0.0), _POINTS)
        grids.append(x)
    observable = tuple(p.observable for p, x in zip(shown, grids, strict=True) for _ in x)
    drives = [_along(fit.data, p, x) for p, x in zip(shown, grids, strict=True)]
    y = _predict(fit, observable, *map(np.concatenate, zip(*drives, strict=True)))
    ends = np.cumsum([x.size for x in grids])[:-1]
    return [
        (x * DRIVEN[p.drive].factor, part * OBSERVED[p.observable].factor)
        for p, x, part in zip(shown, grids, np.split(y, ends), strict=True)
    ]


def _along(
    data: Measurements, panel: Panel, x: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(j, B, B_xyz) along a panel's axis; at x the drives that its rows share."""
    j, B, B_xyz = 0 * x, 0 * x, np.zeros((x.size, 3))
    if panel.drive == "j":
        j = x
    elif panel.drive == "B":
        B = x
    elif x.size:
        first = panel.rows[0]
        j, B = j + data.j[first], B + data.fields()[0][first]
        B_xyz[:, "xyz".index(panel.drive)] = x
    return j, B, B_xyz


def _predict(
    fit: Fit, observable: tuple[str, ...], j: np.ndarray, B: np.ndarray, B_xyz: np.ndarray
) -> np.ndarray:
    if not observable:
        return j
    model = get_model(fit.model)
    model = model if model.cheaper is None else get_model(model.cheaper)
    data = fit.data.at_drives(observable, j, B, B_xyz=B_xyz)
    values = {**fit.fixed, **fit.values}
    with jax.enable_x64(True):
        predictor = model.prepare(data, values)
        arrays = {name: jnp.asarray(v) for name, v in values.items()}
        return np.asarray(eqx.filter_jit(predictor)(arrays))
