"""Where a local torque holds."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._electron import GOOD, REFUSE, Validity, judge, wall_crossing
from ..constants import EV, HBAR

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
