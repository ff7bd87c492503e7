"""`steady_wall` against `evolve`, with and without derivatives, in one process.

    python benchmarks/steady.py [--cells 256] [--rounds 7]

The velocity of a wall under current and field as a function of (xi, P, alpha): by Newton's method,
and by a run from the same start until the slowest transient has fallen to 1e-4, read off over a
tenth of it (`wall_motion`).  Each round times every case once, one after the other, so that a ratio
is taken between neighbours in time.  Prints a markdown table and writes it to
benchmarks/results/steady_DEVICE.md.
"""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from harness import Report, arguments, interleaved, spread

import jaxstt

A, K, K_PERP, MS = 1.3e-11, 1.3e5, 2.0e4, 8e5
POINT = (0.12, 0.5, 0.08)  # xi, P, alpha
J, FIELD, CELL = -2.0e11, 2e-4, 2e-9
SETTLED, READ = 1e-4, 0.1


def wire(grid: jaxstt.Grid, p: jax.Array) -> jaxstt.LLG:
    """A perpendicular strip with a hard axis across the wire; p = (xi, P, alpha)."""
    return jaxstt.LLG(
        grid,
        Ms=MS,
        alpha=p[2],
        energies=(
            jaxstt.Exchange(A),
            jaxstt.UniaxialAnisotropy(K),
            jaxstt.UniaxialAnisotropy(-K_PERP, (0, 1, 0)),
            jaxstt.Zeeman((0.0, 0.0, FIELD)),
        ),
        torques=(jaxstt.ZhangLi((J, 0.0, 0.0), P=p[1], xi=p[0]),),
    )


class Case:
    """The wall's velocity as a function of p, either way."""

    def __init__(self, cells: int):
        self.grid = jaxstt.Grid((cells, 1, 1), (CELL, CELL, CELL))
        self.p = jnp.array(POINT)
        wall = jaxstt.CollectiveWall(
            A=A, K=K, Kp=K_PERP, Ms=MS, alpha=POINT[2], xi=POINT[0], P=POINT[1]
        )
        motion = wall.motion(J, FIELD)
        decay = -jax.grad(lambda phi: wall.rates(phi, J, FIELD)[1])(motion.angle)
        settle = float(-np.log(SETTLED) / decay)
        self.t = np.concatenate([[0.0], settle * np.linspace(1.0, 1.0 + READ, 8)])
        path = float(motion.velocity) * self.t[-1]
        middle = self.grid.lengths[0] / 2
        width = float(np.sqrt(A / K))
        self.m0 = jaxstt.bloch_wall(self.grid, width, position=middle - path / 2, angle=0.0)
        self.centred = jaxstt.bloch_wall(self.grid, width, position=middle, angle=0.0)
        llg, step = wire(self.grid, self.p), jaxstt.FixedStep()
        self.steps = int(jaxstt.evolve(llg, self.m0, self.t, solver=step).stats["num_steps"])
        # Inside jit the step cannot be chosen from the parameters.
        self.step = jaxstt.FixedStep(2.4 / float(llg.stiffness()))

    def steady(self, p: jax.Array) -> jax.Array:
        return jaxstt.steady_wall(wire(self.grid, p), self.centred).velocity

    def evolved(self, p: jax.Array, forward: bool = False) -> jax.Array:
        track = jaxstt.WallTracker(self.grid)
        sol = jaxstt.evolve(
            wire(self.grid, p),
            self.m0,
            self.t,
            save=track,
            solver=self.step,
            adjoint=diffrax.ForwardMode() if forward else None,
        )
        rest = jax.tree.map(lambda x: x[1:], sol.m)
        record = jaxstt.Solution(sol.t[1:], rest, sol.stats, sol.result)
        return jaxstt.wall_velocity(self.grid, record, window=None)

    def functions(self) -> dict:
        return {
            "steady_wall": jax.jit(self.steady),
            "steady_wall, forward, 3 parameters": jax.jit(jax.jacfwd(self.steady)),
            "steady_wall, reverse": jax.jit(jax.grad(self.steady)),
            "evolve": jax.jit(self.evolved),
            "evolve, forward, 3 parameters": jax.jit(jax.jacfwd(lambda p: self.evolved(p, True))),
        }


def fill(report: Report, case: Case, times: dict, values: dict) -> None:
    plain, forward = times["evolve"], times["evolve, forward, 3 parameters"]
    report.circumstances(len(plain))
    report.add(
        f"The run takes {case.t[-1] * 1e9:.3g} ns, {case.steps} fixed steps: until the slowest "
        f"transient has fallen to {SETTLED:g}."
    )
    report.table("case", "ms", "plain run, times this", "run with 3 forward tangents, times this")
    for name, x in times.items():
        report.row(name, spread(x, 1e3), spread(plain / x), spread(forward / x))
    fast, slow = (float(values[k]) for k in ("steady_wall", "evolve"))
    slopes = [values[f"{k}, forward, 3 parameters"] for k in ("steady_wall", "evolve")]
    reverse = values["steady_wall, reverse"]
    report.add(
        "",
        f"Velocities: {fast:.8g} and {slow:.8g} m/s, {abs(fast / slow - 1):.1e} apart; "
        f"derivatives {np.max(np.abs(slopes[0] / slopes[1] - 1)):.1e} apart, those of steady_wall "
        f"in the two modes {np.max(np.abs(reverse / slopes[0] - 1)):.1e}.",
    )


def main() -> None:
    chosen = arguments(
        __doc__, ("cells", 256, "cells of 2 nm"), ("rounds", 7, "times each case is run")
    )
    jax.config.update("jax_enable_x64", True)
    report = Report(__file__, f"Steady wall: Newton's method against a run, {chosen.cells} cells")
    case = Case(chosen.cells)
    cases = {name: lambda f=f: f(case.p) for name, f in case.functions().items()}
    fill(report, case, *interleaved(cases, chosen.rounds))
    report.write()


if __name__ == "__main__":
    main()
