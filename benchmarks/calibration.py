"""Do the 95 % intervals of a fit hold the truth on strips that nobody tuned it to?

    python benchmarks/calibration.py [--strips 8] [--refine 1.2] [--seed 1]

Draws perpendicular strips: Ms, A, K_hard, wall width, cross-section, xi, P, alpha.  Their wall
motion is computed in 2-D with full magnetostatics on a finer mesh than a fit uses, noise is drawn,
and the file is fitted as a user would, by default, and with `model="llg2d"`.  Prints a table and
writes it to benchmarks/results/calibration_DEVICE.md.  An hour and a half on 2 quiet cores; strips
that are done are kept beside it, with their numbers to the last digit.
"""

import dataclasses
import itertools
import json
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from harness import Report, arguments

import fitting
import jaxstt
from jaxstt.constants import MU_0
from jaxstt.tools import write_whole

NAMES = ("xi", "P", "alpha")
BELOW_J, ABOVE_J = (0.25, 0.5, 0.75), (1.5, 2.0, 2.8, 3.5)
"""Currents in units of the breakdown current."""
BELOW_B, ABOVE_B = (0.3, 0.6), (3.0, 5.0)
RELATIVE, LEAST = 0.02, 0.1
"""Noise: of each value, and m/s."""


def draw(rng: np.random.Generator) -> tuple[fitting.Sample, dict[str, float]]:
    """A strip whose easy axis is stable, and its parameters."""
    between = lambda low, high: float(np.exp(rng.uniform(np.log(low), np.log(high))))  # noqa: E731
    Ms, A = between(3e5, 1.1e6), between(0.7e-11, 2e-11)
    width, thickness = between(32e-9, 128e-9), between(1e-9, 8e-9)
    wall = between(5e-9, 11e-9)
    kd = MU_0 * Ms**2 / 2
    bare = fitting.Sample(
        Ms=Ms,
        A=A,
        K=kd + A / wall**2,
        K_hard=between(1e4, 4e4),
        easy_axis="z",
        hard_axis="x",
        width=width,
        thickness=thickness,
    )
    # K such that the wall at rest has the width drawn: the factors of the section do the rest.
    K = kd + 2 * A / wall**2 - bare.cross_section().K_eff
    sample = dataclasses.replace(bare, K=K)
    alpha = between(0.05, 0.3)
    xi = alpha * between(1.4, 4.0) if rng.uniform() < 0.7 else alpha * between(0.15, 0.7)
    return sample, {"xi": xi, "P": float(rng.uniform(0.3, 0.8)), "alpha": alpha}


def table(sample: fitting.Sample, truth: dict[str, float], folder: Path) -> Path:
    """A file with the drives that a careful experiment would take, values still 1."""
    wall = sample.cross_section()
    bloch = wall.hard_axis == "x"
    model = jaxstt.CollectiveWall(
        A=sample.A or 0.0,
        K=wall.K_eff if bloch else wall.K_eff + wall.K_perp,
        Kp=wall.K_perp if bloch else -wall.K_perp,
        Ms=sample.Ms or 0.0,
        gamma=sample.gyromagnetic_ratio,
        xi=truth["xi"],
        P=truth["P"],
        alpha=truth["alpha"],
    )
    jc, Bc = abs(float(model.breakdown_current())), abs(float(model.breakdown_field()))
    rows = [(-x * jc, 0.0, x > 1) for x in (*BELOW_J, *ABOVE_J)]
    rows += [(0.0, x * Bc, x > 1) for x in (*BELOW_B, *ABOVE_B)]
    lines = [
        f"# {key} = {value!r}"
        for key, value in {
            "Ms_A_per_m": sample.Ms,
            "A_J_per_m": sample.A,
            "K_J_per_m3": sample.K,
            "K_hard_J_per_m3": sample.K_hard,
            "easy_axis": "z",
            "hard_axis": "x",
            "width_m": sample.width,
            "thickness_m": sample.thickness,
        }.items()
    ]
    lines.append("observable,current_density_A_per_m2,field_T,value,std,unit")
    for j, B, above in rows:
        lines.append(f"wall_velocity,{j!r},{B!r},1,1,m/s")
        if above:
            lines.append(f"precession_frequency,{j!r},{B!r},1,1,Hz")
    path = folder / "strip.csv"
    path.write_text("\n".join(lines).replace("'", "") + "\n")
    return path


def measured(
    data: fitting.Measurements, truth: dict[str, float], refine: float, rng: np.random.Generator
) -> fitting.Measurements:
    """Values from the finer mesh, with noise."""
    exact = fitting.predict(data, truth, "llg2d", refine=refine)
    velocity = np.array([o == "wall_velocity" for o in data.observable])
    std = RELATIVE * np.abs(exact) + np.where(velocity, LEAST, 1e6)
    value = exact + std * rng.normal(size=exact.size)
    return dataclasses.replace(data, value=value, std=std)


def strip(rng: np.random.Generator, refine: float, folder: Path) -> dict[str, Any]:
    """One strip: its truth, and what both fits say."""
    sample, truth = draw(rng)
    began = time.monotonic()
    data = measured(fitting.load_measurements(table(sample, truth, folder)), truth, refine, rng)
    print(f"{sample}\n{truth}: {time.monotonic() - began:.0f} s", flush=True)
    good = np.isfinite(data.value)
    if not good.all():
        print(f"no steady motion in rows {np.flatnonzero(~good).tolist()}", flush=True)
        data = data.exclude(data.line[~good])
    found: dict[str, Any] = {"truth": truth}
    for label, model in {"default": "wall1d", "llg2d": "llg2d"}.items():
        fit = fitting.fit(data, model, runs=folder / "llg2d.json")
        found[label] = {"seconds": fit.seconds, "shifts": [r.shift for r in fit.rungs]}
        for name in NAMES:
            low, high = fit.intervals[name] or (math.nan, math.nan)
            std, of_model = fit.std[name] or math.nan, fit.std_model[name] or 0.0
            value = {"value": fit.values[name], "std": std, "model": of_model}
            found[label][name] = {**value, "low": low, "high": high}
            off = (fit.values[name] - truth[name]) / std
            print(label, name, value, f"{off:+.2f} std", flush=True)
        print(fit.notes, found[label]["shifts"], flush=True)
    return found


def main() -> None:
    chosen = arguments(
        __doc__,
        ("strips", 8, "how many"),
        ("refine", 1.2, "cells of the truth are smaller by this"),
        ("seed", 1, "of the draw"),
    )
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_num_cpu_devices", 2)
    report = Report(__file__, "Calibration: strips in 2-D, fitted by default and with llg2d")
    kept = Path(__file__).parent / f"results/calibration_{chosen.seed}_{chosen.refine:g}.json"
    found = json.loads(kept.read_text()) if kept.exists() else []
    for i in range(len(found), chosen.strips):
        with tempfile.TemporaryDirectory() as folder:
            rng = np.random.default_rng((chosen.seed, i))
            found.append(strip(rng, chosen.refine, Path(folder)))
        write_whole(kept, (json.dumps(found, indent=1) + "\n").encode())
    rows, ratios, hits = [], [], {"default": 0, "llg2d": 0}
    for i, one in enumerate(found[: chosen.strips]):
        for model, name in itertools.product(hits, NAMES):
            true, fit = one["truth"][name], one[model]
            value, std, model_std = fit[name]["value"], fit[name]["std"], fit[name]["model"]
            inside = fit[name]["low"] <= true <= fit[name]["high"]
            hits[model] += inside
            cells = (i, model, name, f"{true:.4g}", f"{value:.4g}", f"{value / true - 1:+.2%}")
            errors = (f"{std / true:.2%}", f"{model_std / true:.2%}")
            rows.append((*cells, *errors, "yes" if inside else "NO", f"{fit['seconds']:.0f}"))
        ratios += [one["default"][n]["std"] / one["llg2d"][n]["std"] for n in NAMES]
    report.circumstances(1)
    report.add(
        "",
        f"{chosen.strips} strips, seed {chosen.seed}, truth on cells {chosen.refine:g} times finer "
        f"than the fit's. Inside the 95 % interval: {hits['default']} (default) and "
        f"{hits['llg2d']} (llg2d) of {3 * chosen.strips}. Median width of the default's intervals "
        f"over llg2d's: {np.nanmedian(ratios):.2f}.",
    )
    report.table(
        "strip", "model", "parameter", "truth", "fit", "off", "std", "of the model", "inside", "s"
    )
    for row in rows:
        report.row(*row)
    report.write()


if __name__ == "__main__":
    main()
