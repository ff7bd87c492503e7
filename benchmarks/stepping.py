"""The default steps against `FixedStep`, plain and differentiated, in one process.

    python benchmarks/stepping.py [--cells 256] [--duration 1.0] [--rounds 9]

A wall under current is run for `duration`; the result is its position, the parameters are
(xi, P, alpha).  Each round times every case once, the two solvers of a case directly after each
other, so that a ratio is taken between neighbours in time.  Prints a markdown table and writes it
to benchmarks/results/stepping_DEVICE.md.
"""

from collections.abc import Callable

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from harness import Report, arguments, interleaved, spread

import jaxstt

A, K, K_PERP, MS = 1.3e-11, 1.0e5, 3.0e4, 6.8e5
POINT = (0.3, 0.5, 0.1)  # xi, P, alpha
J, CELL = -6e11, 2e-9
STABLE = 2.4  # |lambda| dt of FixedStep's own choice
SOLVERS = ("adaptive", "fixed")
RHS_PER_STEP = {"adaptive": 4, "fixed": 4}  # the default keeps the rate at the end of the step

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


def measure(case: Case, rounds: int) -> tuple[dict, dict]:
    """(times [s], (rounds,), and values) by (what, solver)."""
    functions = {solver: case.functions(solver) for solver in SOLVERS}
    cases = {
        (name, solver): lambda name=name, solver=solver: functions[solver][name](case.p)
        for name in functions["fixed"]
        for solver in SOLVERS
    }
    return interleaved(cases, rounds)


def fill(report: Report, case: Case, times: dict, values: dict) -> None:
    duration = float(case.t[-1])
    steps = {s: int(case.run(case.p, s, False).stats["num_steps"]) for s in SOLVERS}
    report.circumstances(len(times["plain run", "fixed"]))
    report.table(
        "plain run", "steps", "right-hand sides", "run, ms", "µs per right-hand side", "ms per ns"
    )
    for s in SOLVERS:
        x, rhs = times["plain run", s], steps[s] * RHS_PER_STEP[s]
        per = spread(x, 1e6 / rhs), spread(x, 1e-6 / duration)
        report.row(s, steps[s], rhs, spread(x, 1e3), *per)
    report.table(
        "cost", "adaptive, times its plain run", "fixed, times its plain run", "adaptive/fixed"
    )
    for name in dict.fromkeys(name for name, _ in times):
        own = [spread(times[name, s] / times["plain run", s]) for s in SOLVERS]
        report.row(name, *own, spread(times[name, "adaptive"] / times[name, "fixed"]))
    report.add("", *agreement(values))


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


def main() -> None:
    chosen = arguments(
        __doc__,
        ("cells", 256, "cells of 2 nm"),
        ("duration", 1.0, "simulated time, ns"),
        ("rounds", 9, "times each case is run"),
    )
    jax.config.update("jax_enable_x64", True)
    what = f"{chosen.cells} cells, {chosen.duration:g} ns"
    report = Report(__file__, f"Stepping: adaptive against fixed, {what}")
    case = Case(chosen.cells, chosen.duration * 1e-9)
    fill(report, case, *measure(case, chosen.rounds))
    report.write()


if __name__ == "__main__":
    main()
