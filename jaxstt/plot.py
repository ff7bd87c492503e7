"""Figures; each function returns a matplotlib Figure.  `import jaxstt` does not load this."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from ._core import ArrayLike
from ._electron import GOOD, REFUSE, Validity, judge, wall_crossing
from ._mesh import Grid
from .constants import EV, HBAR

# Okabe and Ito's palette: told apart by every reader and in grey.
SINGLE, FERMI, POINT = "#0072B2", "#009E73", "#000000"
WARN, FAIL = "#F0E442", "#D55E00"
SAMPLES = {"CoNi, 10 nm": 10e-9, "FePt, 1 nm": 1e-9}
"""The two samples that the paper discusses: the width l of their walls, m."""
_POINTS = 120


def validity_figure(result: Validity) -> Any:
    """xi_eff/xi and the adiabatic torque against l/(v_F tau_ex), with this wall marked.

    result: of `validity`, for one wall.  xi_eff itself is drawn if xi = 0.
    Raises ValueError for more than one wall.
    """
    from matplotlib.figure import Figure

    here, xi = _scalar(1 / result.kappa), _scalar(result.xi)
    width = np.geomspace(min(0.3, 0.7 * here), max(30.0, 1.5 * here), _POINTS)
    canvas = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = canvas.subplots(1, 2)
    scale = xi if xi > 0 else 1.0
    curves = [
        ("none", result.single, SINGLE, "electrons along x"),
        ("fermi_surface", result.fermi, FERMI, "Fermi surface"),
    ]
    for average, wall, color, label in curves:
        crossing = wall_crossing(jnp.asarray(1 / width), xi, average=average)
        left.plot(width, np.asarray(crossing.xi_eff) / scale, color=color, label=label)
        left.plot(here, _scalar(wall.xi_eff) / scale, "o", color=POINT)
        right.plot(width, np.asarray(crossing.adiabatic), color=color, label=label)
        right.plot(here, _scalar(wall.adiabatic), "o", color=POINT)
    if result.scattered is not None:
        marked = _scalar(result.scattered.xi_eff) / scale
        left.plot(here, marked, "s", color=POINT, mfc="none", label="with scattering")
    left.axhline(1.0 if xi > 0 else 0.0, color=POINT, lw=0.7, ls=":", label="local theory")
    right.axhline(1.0, color=POINT, lw=0.7, ls=":", label="local theory")
    left.set(yscale="log", ylabel=f"xi_eff/xi   (xi = {xi:g})" if xi > 0 else "xi_eff   (xi = 0)")
    if not xi > 0:
        left.set_ylim(bottom=1e-8)
    right.set(ylabel="adiabatic torque / local value", ylim=(0, 1.05))
    for axes in (left, right):
        axes.axvspan(1 / REFUSE, 1 / GOOD, color=WARN, alpha=0.25, lw=0, label="warn")
        axes.axvspan(width[0], 1 / REFUSE, color=FAIL, alpha=0.2, lw=0, label="refuse")
        axes.set(xscale="log", xlabel="l / (v_F tau_ex)", xlim=(width[0], width[-1]))
    left.legend(fontsize="small")
    canvas.suptitle(
        f"wall of {_scalar(result.width) * 1e9:.3g} nm: kappa = {1 / here:.3g}, {result.verdict}"
    )
    return canvas


def validity_map(
    samples: Mapping[str, float] = SAMPLES,
    *,
    Delta: float = 1.0 * EV,
    v_F: float = 3e5,
    xi: float = 0.02,
) -> Any:
    """Where a local theory fails: the (Delta, v_F) plane for walls of given widths.

    samples: name to l in m; by default the paper's CoNi (10 nm) and FePt (1 nm).  Delta [J], v_F
    [m/s]: the point marked, by default the paper's.  The band edges are kappa = v_F hbar/(Delta l)
    = 0.2 and 0.5; lines show xi_eff/xi - 1 over the Fermi surface for this xi.
    Raises ValueError for no sample, a width, Delta or v_F <= 0, and xi <= 0.
    """
    from matplotlib.figure import Figure

    positive = {"Delta": Delta, "v_F": v_F, "xi": xi}
    positive |= {f"samples[{name!r}]": width for name, width in samples.items()}
    for name, value in positive.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be > 0, got {value:g}")
    if not samples:
        raise ValueError("`samples` must name at least one wall")
    splitting, velocity = np.geomspace(0.05, 2.0, 80), np.geomspace(1e5, 2e6, 80)
    length = velocity[:, None] * HBAR / (splitting * EV)
    canvas = Figure(figsize=(4.8 * len(samples), 4.6), layout="constrained")
    panels = canvas.subplots(1, len(samples), squeeze=False, sharey=True)[0]
    for axes, (name, width) in zip(panels, samples.items(), strict=True):
        kappa = length / width
        axes.contourf(
            splitting, velocity, kappa, [GOOD, REFUSE, np.inf], colors=[WARN, FAIL], alpha=0.35
        )
        edges = axes.contour(splitting, velocity, kappa, [GOOD, REFUSE], colors=POINT)
        axes.clabel(edges, fmt=lambda k: f"kappa = {k:g}", fontsize="small")
        change = _change(kappa, xi)
        lines = axes.contour(
            splitting, velocity, change, [0.01, 0.1, 1.0], colors=SINGLE, linestyles="--"
        )
        axes.clabel(lines, fmt=lambda x: f"{100 * x:+g} %", fontsize="small")
        here = v_F * HBAR / (Delta * width)
        axes.plot(Delta / EV, v_F, "o", color=POINT)
        axes.annotate(
            f"kappa = {here:.3g}: {judge(here)}\nxi_eff/xi - 1 = "
            f"{100 * float(_change(np.array(here), xi)):+.2g} %",
            (Delta / EV, v_F),
            xytext=(-6, -10),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize="small",
            zorder=10,
            bbox={"boxstyle": "round", "fc": "white", "ec": POINT, "lw": 0.5},
        )
        axes.set(xscale="log", yscale="log", title=name, xlabel="exchange splitting Delta (eV)")
    panels[0].set_ylabel("Fermi velocity (m/s)")
    canvas.suptitle(
        f"local torque: good (white), warn (yellow), refuse (red); dot: v_F = {v_F:.3g} m/s, "
        f"Delta = {Delta / EV:.3g} eV; dashed: xi_eff/xi - 1 for xi = {xi:g}",
        fontsize="medium",
    )
    return canvas


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


def _change(kappa: np.ndarray, xi: float) -> np.ndarray:
    """xi_eff/xi - 1 over the Fermi surface; kappa is read off a curve, which is smooth in it."""
    found, index = np.unique(kappa, return_inverse=True)
    nodes = np.geomspace(found[0], found[-1] * (1 + 1e-9), _POINTS)
    crossing = wall_crossing(jnp.asarray(nodes), xi, average="fermi_surface")
    change = np.interp(np.log(found), np.log(nodes), np.asarray(crossing.xi_eff) / xi - 1)
    return change[index].reshape(kappa.shape)


def _scalar(x: Any) -> float:
    if np.ndim(x):
        raise ValueError(f"`result` must be of one wall, got shape {np.shape(x)}")
    return float(x)


def film_figure(grid: Grid, m: ArrayLike, layer: int = 0) -> Any:
    """A film seen from above: colour for the direction in the plane, dark and light for m_z.

    The hue is the angle of (m_x, m_y), as on the wheel drawn beside it; m_z = +1 is white, -1
    black, vacuum grey.  Arrows say the same without colour.
    grid: `Grid`.  m: (3, nx, ny, nz).  layer: which one along z.
    Raises ValueError for another shape and a layer that is not there.
    """
    from matplotlib.figure import Figure

    values = np.asarray(m, float)
    if values.shape != (3, *grid.shape):
        raise ValueError(f"`m` must have shape {(3, *grid.shape)}, got {values.shape}")
    if not 0 <= layer < grid.shape[2]:
        raise ValueError(f"`layer` must be 0 to {grid.shape[2] - 1}, got {layer}")
    flat = values[:, :, :, layer]
    picture = _colours(flat)
    if grid.mask is not None:
        picture[~np.asarray(grid.mask)[:, :, layer]] = 0.75
    width, height = (1e9 * length for length in grid.lengths[:2])
    tall = float(np.clip(5.6 * height / width, 1.6, 7.0))
    canvas = Figure(figsize=(7.2, tall + 0.7), layout="constrained")
    axes, side = canvas.subplots(1, 2, width_ratios=(6, 1))
    axes.imshow(picture.swapaxes(0, 1), origin="lower", extent=(0, width, 0, height))
    every = max(1, max(flat.shape[1:]) // 24)
    part = slice(every // 2, None, every)
    x, y = (1e9 * grid.centres(axis)[part] for axis in "xy")
    axes.quiver(x, y, *flat[:2, part, part].swapaxes(1, 2), pivot="mid", color="#333333")
    axes.set(xlabel="x (nm)", ylabel="y (nm)")
    _wheel(side)
    return canvas


def _colours(flat: np.ndarray) -> np.ndarray:
    """RGB (nx, ny, 3) of (3, nx, ny): hue by angle, lightness by m_z."""
    from matplotlib.colors import hsv_to_rgb

    hue = np.arctan2(flat[1], flat[0]) / (2 * np.pi) % 1
    ones = np.ones_like(hue)
    colour = hsv_to_rgb(np.stack([hue, ones, ones], axis=-1))
    up, down = (np.clip(s * flat[2], 0, 1)[..., None] for s in (1, -1))
    return np.clip(colour * (1 - up) * (1 - down) + up, 0, 1)


def _wheel(axes: Any) -> None:
    """The legend: every direction in the plane, lightened and darkened towards the middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, 161), np.linspace(-1, 1, 161), indexing="ij")
    r = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - r**2, 0, 1))
    picture = np.ones((*x.shape, 4))
    picture[..., :3] = _colours(np.stack([x, y, z]))
    picture[..., 3] = r <= 1
    axes.imshow(picture.swapaxes(0, 1), origin="lower", extent=(-1, 1, -1, 1))
    axes.set(xlabel="mx", ylabel="my", xticks=(-1, 1), yticks=(-1, 1))
