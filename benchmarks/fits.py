"""A fit of three parameters to twenty velocities, through the LLG along a wire of 512 cells.

    python benchmarks/fits.py

Against `scipy.optimize.least_squares` with its finite differences, over the same compiled
simulator, the same rows and the same first guess.  Cold: a new process, imports and compilation
included.  A page in benchmarks/results.
"""

import dataclasses
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
from harness import Report, interleaved, spread
from scipy.optimize import least_squares

import fitting

TRUTH = {"xi": 0.25, "P": 0.5, "alpha": 0.1}
GUESS = {"xi": 0.2, "P": 0.45, "alpha": 0.085}
SAMPLE = fitting.load_measurements("strip_a").sample
J = [-1e11 * x for x in (1, 2, 3, 4, 5, 6, 16, 18, 20, 23, 26, 29)]
B = [1e-3 * x for x in (1, 2, 2.57, -1, -2, -2.57, 10, 12)]
ROUNDS = 2
RUNS: list[int] = []
"""Of all drives, by scipy, in each of its fits."""


def rows() -> fitting.Measurements:
    """Velocities as llg1d gives them, with 1 % and 0.1 m/s of noise."""
    lines = ["observable,current_density_A_per_m2,field_T,value,std,unit"]
    lines += [f"wall_velocity,{j!r},0,1,1,m/s" for j in J]
    lines += [f"wall_velocity,0,{b!r},1,1,m/s" for b in B]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.csv"
        path.write_text("\n".join(lines) + "\n")
        data = fitting.load_measurements(path).with_sample(SAMPLE)
    value = fitting.predict(data, TRUTH, "llg1d")
    std = 0.01 * np.abs(value) + 0.1
    noise = np.random.default_rng(0).standard_normal(value.size)
    return dataclasses.replace(data, value=value + std * noise, std=std)


def ours(data: fitting.Measurements, start: dict[str, float] | None) -> dict[str, float]:
    return fitting.fit(data, "llg1d", nuisance=(), start=start, check=False).values


def theirs(data: fitting.Measurements) -> dict[str, float]:
    # The mesh and the times that `fit` chooses at its end: from the guess they would be twice that.
    wire = fitting.MODELS["llg1d"].prepare(data, known(TRUTH))
    RUNS.append(0)

    def residuals(x: np.ndarray) -> np.ndarray:
        RUNS[-1] += 1
        print(f"scipy, run {RUNS[-1]}: {x}", flush=True)
        values = known(dict(zip(TRUTH, x, strict=True)))
        return (wire.measure(values) - data.value) / data.std  # type: ignore  (a WirePredictor)

    guess = list(GUESS.values())
    with jax.enable_x64(True):
        found = least_squares(residuals, guess, x_scale=guess, diff_step=1e-4)
    return dict(zip(TRUTH, found.x.tolist(), strict=True))


def known(values: dict[str, float]) -> dict[str, float]:
    wall = SAMPLE.cross_section()
    rest = {"Ms": SAMPLE.Ms, "A": SAMPLE.A, "gamma": SAMPLE.gyromagnetic_ratio, "n0": 0.0}
    return {**rest, "K": wall.K_eff, "K_perp": wall.K_perp, **values}  # type: ignore  (no None)


COLD = """
import time; began = time.perf_counter()
import jax; jax.config.update("jax_num_cpu_devices", 2)
import pickle, sys, fits
fits.ours(pickle.load(sys.stdin.buffer), None)
print(time.perf_counter() - began)
"""


def cold(data: fitting.Measurements) -> float:
    """Seconds of a new process from its first import to the fit's end."""
    done = subprocess.run(
        [sys.executable, "-c", COLD],
        cwd=Path(__file__).parent,
        input=pickle.dumps(data),
        capture_output=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def main() -> None:
    jax.config.update("jax_num_cpu_devices", 2)
    report = Report(__file__, "A fit through the 1-D LLG: three parameters, twenty velocities")
    data = rows()
    first = np.array([cold(data) for _ in range(3)])
    cases = {
        "`fit`": lambda: ours(data, None),
        "`fit`, from the same guess": lambda: ours(data, GUESS),
        "scipy, from the same guess": lambda: theirs(data),
    }
    times, values = interleaved(cases, ROUNDS)
    with jax.enable_x64(True):
        cells = fitting.MODELS["llg1d"].prepare(data, known(TRUTH)).grid.shape[0]  # type: ignore
    report.circumstances(ROUNDS)
    report.add(
        "",
        f"A wire of {cells} cells, both cores, float64.  A new process, from its first import to "
        f"the fit's end: {spread(first)} s.  Neither takes derivatives of the wire: scipy runs all "
        f"drives {RUNS[-1]} times, `fit` corrects `wall1d` by what one or two runs say.",
    )
    report.table("", "s, warm", "scipy's over it", *(f"{n} = {v:g}" for n, v in TRUTH.items()))
    for name, seconds in times.items():
        ratio = times["scipy, from the same guess"] / seconds
        report.row(name, spread(seconds), spread(ratio), *(f"{values[name][n]:.4f}" for n in TRUTH))
    report.write()


if __name__ == "__main__":
    main()
