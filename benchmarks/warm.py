"""Steps of a warm wire against steps of a cold one, in one process.

    python benchmarks/warm.py [--cells 512] [--duration 5] [--rounds 9] [--whole 0]

A perpendicular wall under current, `FixedStep` of the same length, with and without a temperature
of 300 K, at 0 K as well, in float64 and float32.  Each round times every case once.  --whole 1 runs
a microsecond once more, at 300 K, and tells how long it took.  Prints a markdown table and writes
it to benchmarks/results/warm_DEVICE.md.
"""

import time
from collections.abc import Callable

import jax
import numpy as np
from harness import Report, arguments, interleaved, spread

import jaxstt

A, K, K_HARD, MS, J, CELL = 1.3e-11, 3.0e5, 1.0e5, 8e5, -1e12, 4e-9
CASES = {"cold": None, "300 K": 300.0, "0 K": 0.0}


def run(cells: int, duration: float, T: float | None) -> Callable[[], jaxstt.Solution]:
    grid = jaxstt.Grid((cells, 1, 1), (CELL, 50e-9, 1e-9))
    llg = jaxstt.LLG(
        grid,
        Ms=MS,
        alpha=0.1,
        energies=(
            jaxstt.Exchange(A),
            jaxstt.UniaxialAnisotropy(K),
            jaxstt.UniaxialAnisotropy(-K_HARD, (1.0, 0.0, 0.0)),
        ),
        torques=(jaxstt.ZhangLi((J, 0.0, 0.0), P=0.5, xi=0.1),),
    )
    m0 = jaxstt.bloch_wall(grid, float(np.sqrt(A / K)), position=0.3 * grid.lengths[0])
    thermal = jaxstt.Thermal(300.0, seed=1)
    # The same steps for all: those that a warm run takes.
    step = jaxstt.evolve(llg, m0, [0.0, 1e-11], thermal=thermal).stats["num_steps"]
    solver = jaxstt.FixedStep(1e-11 / int(step))
    warm = None if T is None else jaxstt.Thermal(T, seed=1)
    track, t = jaxstt.WallTracker(grid), np.array([0.0, duration])
    return lambda: jaxstt.evolve(llg, m0, t, save=track, solver=solver, thermal=warm)


def measure(chosen, double: bool) -> tuple[dict, dict]:
    with jax.enable_x64(double):
        cases = {name: run(chosen.cells, chosen.duration * 1e-9, T) for name, T in CASES.items()}

        def timed(case: Callable) -> Callable:
            def call() -> tuple[jax.Array, jax.Array]:
                with jax.enable_x64(double):
                    solution = case()
                    return solution.stats["num_steps"], solution.m.position

            return call

        return interleaved({name: timed(case) for name, case in cases.items()}, chosen.rounds)


def main() -> None:
    chosen = arguments(
        __doc__,
        ("cells", 512, "cells of 4 nm"),
        ("duration", 5.0, "simulated time, ns"),
        ("rounds", 9, "times each case is run"),
        ("whole", 0, "1: a microsecond as well"),
    )
    report = Report(__file__, f"A warm wire: {chosen.cells} cells, {chosen.duration:g} ns")
    measured = {double: measure(chosen, double) for double in (True, False)}
    report.circumstances(chosen.rounds, "float64 and float32")
    report.table("precision", "run", "steps", "steps per s", "of the cold run's")
    for double, (times, values) in measured.items():
        for name in CASES:
            steps = int(values[name][0])
            rate = steps / times[name]
            report.row(
                "float64" if double else "float32", name, steps, spread(rate),
                spread(times["cold"] / times[name]),
            )  # fmt: skip
    if chosen.whole:
        with jax.enable_x64(True):
            whole = run(chosen.cells, 1e-6, 300.0)
            begun = time.perf_counter()
            steps = int(jax.block_until_ready(whole()).stats["num_steps"])
            took = time.perf_counter() - begun
        report.add("", f"A microsecond at 300 K, float64: {steps} steps in {took:.0f} s.")
    report.write()


if __name__ == "__main__":
    main()
