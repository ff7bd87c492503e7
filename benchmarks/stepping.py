"""Adaptive steps (diffrax Tsit5) against `FixedStep`, plain and differentiated, in one process.

    python benchmarks/stepping.py [--cells 256] [--duration 1.0] [--rounds 9]

A wall under current is run for `duration`; the result is its position, the parameters are
(xi, P, alpha).  Each round times every case once, the two solvers of a case directly after each
other, so that a ratio is taken between neighbours in time.  Prints a markdown table and writes it
to benchmarks/results/stepping_DEVICE.md.
"""

import argparse
import os
import platform
import re
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import jaxstt

A, K, K_PERP, MS = 1.3e-11, 1.0e5, 3.0e4, 6.8e5
POINT = (0.3, 0.5, 0.1)  # xi, P, alpha
J, CELL = -6e11, 2e-9
STABLE = 2.4  # |lambda| dt of FixedStep's own choice
SOLVERS = ("adaptive", "fixed")
RHS_PER_STEP = {"adaptive": 6, "fixed": 4}  # Tsit5 keeps the last stage of the step before
PACKAGES = ("jaxstt", "jax", "jaxlib", "diffrax", "equinox", "numpy")

Function = Callable[[jax.Array], jax.Array]


def strip(grid: jaxstt.Grid, p: jax.Array) -> jaxstt.LLG:
    """A perpendicular strip with a hard axis along the wire; p = (xi, P, alpha)."""
    energies = (
        jaxstt.Exchange(A),
        jaxstt.UniaxialAnisotropy(K, (0, 0, 1)),
        jaxstt.UniaxialAnisotropy(-K_PERP, (1, 0, 0)),
    )
    torque = jaxstt.ZhangLi((J, 0.0, 0.0), P=p[1], xi=p[0])
    return jaxstt.LLG(grid, Ms=MS, alpha=p[2], energies=energies, torques=(torque,))


class Case:
    """The wall's last position as a function of p, by either solver."""

    def __init__(self, cells: int, duration: float):
        self.grid = jaxstt.Grid((cells, 1, 1), (CELL, CELL, CELL))
        self.t = np.array([0.0, duration])
        self.p = jnp.array(POINT)
        llg = strip(self.grid, self.p)
        third = self.grid.lengths[0] / 3
        start = jaxstt.bloch_wall(self.grid, float(np.sqrt(A / K)), position=third)
        self.m0 = jaxstt.relax(llg, start).m
        self.fixed = jaxstt.FixedStep(STABLE / float(llg.stiffness()))
        # Inside jit neither the step nor the number of steps can be chosen from the parameters.
        self.max_steps = 2 * int(jaxstt.evolve(llg, self.m0, self.t).stats["num_steps"])

    def run(self, p: jax.Array, solver: str, forward: bool) -> jaxstt.Solution:
        return jaxstt.evolve(
            strip(self.grid, p),
            self.m0,
            self.t,
            save=jaxstt.WallTracker(self.grid),
            solver=self.fixed if solver == "fixed" else None,
            adjoint=diffrax.ForwardMode() if forward else None,
            max_steps=None if solver == "fixed" else self.max_steps,
        )

    def position(self, solver: str, forward: bool) -> Function:
        return lambda p: self.run(p, solver, forward).m.position[-1]

    def functions(self, solver: str) -> dict[str, Function]:
        plain, forward = self.position(solver, False), self.position(solver, True)
        along_xi = jnp.array([1.0, 0.0, 0.0])
        return {
            "plain run": jax.jit(plain),
            "1 forward tangent": jax.jit(lambda p: jax.jvp(forward, (p,), (along_xi,))[1]),
            "3 forward tangents": jax.jit(jax.jacfwd(forward)),
            "reverse mode, 3 parameters": jax.jit(jax.grad(plain)),
        }


def seconds(function: Function, p: jax.Array) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(p))
    return time.perf_counter() - start


def measure(case: Case, rounds: int) -> tuple[dict, dict]:
    """(times [s], (rounds,), and values) by (what, solver)."""
    functions = {solver: case.functions(solver) for solver in SOLVERS}
    names = list(functions["fixed"])
    cases = [(name, solver) for name in names for solver in SOLVERS]
    values = {}
    for name, solver in cases:
        print(f"compiling: {name}, {solver}", flush=True)
        values[name, solver] = np.asarray(functions[solver][name](case.p))
    times: dict = {key: [] for key in cases}
    for i in range(rounds):
        for name in names:
            for solver in SOLVERS if i % 2 else SOLVERS[::-1]:
                times[name, solver].append(seconds(functions[solver][name], case.p))
    return {key: np.array(x) for key, x in times.items()}, values


def spread(x: np.ndarray, factor: float = 1.0) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(x * factor, (0.25, 0.5, 0.75))
    return f"{middle:.3g} ({low:.3g} ... {high:.3g})"


def report(case: Case, times: dict, values: dict, load: list[str]) -> str:
    cells, duration = case.grid.shape[0], float(case.t[-1])
    steps = {s: int(case.run(case.p, s, False).stats["num_steps"]) for s in SOLVERS}
    device = jax.devices()[0]
    versions = ", ".join(f"{name} {metadata_version(name)}" for name in PACKAGES)
    lines = [
        f"# Stepping: adaptive against fixed, {cells} cells, {duration * 1e9:g} ns",
        "",
        f"Written by `benchmarks/stepping.py`. Device: {device.device_kind} ({device.platform}), "
        f"{os.cpu_count()} CPUs ({platform.machine()}); Python {platform.python_version()}, "
        f"{versions}; float64.",
        "",
        f"Wall-clock times of one process, {len(times['plain run', 'fixed'])} interleaved rounds: "
        "median (quartiles). Load average before and after: "
        f"{' and '.join(load)}. Where it is not well below the number of CPUs the machine was busy "
        "with other work, and only the ratios mean something.",
        "",
        "| plain run | steps | right-hand sides | run, ms | µs per right-hand side | ms per ns |",
        "|---|---|---|---|---|---|",
    ]
    for s in SOLVERS:
        x, rhs = times["plain run", s], steps[s] * RHS_PER_STEP[s]
        lines.append(
            f"| {s} | {steps[s]} | {rhs} | {spread(x, 1e3)} | {spread(x, 1e6 / rhs)} "
            f"| {spread(x, 1e-6 / duration)} |"
        )
    lines += [
        "",
        "| cost | adaptive, times its plain run | fixed, times its plain run | adaptive/fixed |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(name for name, _ in times):
        own = [spread(times[name, s] / times["plain run", s]) for s in SOLVERS]
        pair = spread(times[name, "adaptive"] / times[name, "fixed"])
        lines.append(f"| {name} | {own[0]} | {own[1]} | {pair} |")
    lines += ["", *agreement(values), ""]
    return "\n".join(lines)


def agreement(values: dict) -> list[str]:
    """How far the two solvers and the two modes are apart."""
    q = [float(values["plain run", s]) for s in SOLVERS]
    names = ("3 forward tangents", "reverse mode, 3 parameters")
    slopes = {(n, s): values[n, s] for n in names for s in SOLVERS}

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.max(np.abs(a / b - 1)))

    modes = max(apart(slopes[names[0], s], slopes[names[1], s]) for s in SOLVERS)
    solvers = apart(slopes[names[0], "adaptive"], slopes[names[0], "fixed"])
    return [
        f"The two solvers end {abs(q[0] - q[1]):.1e} m apart (adaptive: default tolerance); "
        f"their derivatives differ by {solvers:.1e}, forward and reverse mode by {modes:.1e}.",
    ]


def metadata_version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return getattr(__import__(name), "__version__", "not installed")


def loads() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=256, help="cells of 2 nm (256)")
    parser.add_argument("--duration", type=float, default=1.0, help="simulated time, ns (1.0)")
    parser.add_argument("--rounds", type=int, default=9, help="times each case is run (9)")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    load = [loads()]
    case = Case(chosen.cells, chosen.duration * 1e-9)
    times, values = measure(case, chosen.rounds)
    load.append(loads())
    text = report(case, times, values, load)
    print(f"\n{text}")
    device = re.sub(r"[^a-z0-9]+", "-", jax.devices()[0].device_kind.lower()).strip("-")
    file = Path(__file__).parent / "results" / f"stepping_{device}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"wrote {file.relative_to(Path(__file__).parents[1])}")


if __name__ == "__main__":
    main()
