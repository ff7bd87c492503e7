"""`steady_wall` against `evolve`, with and without derivatives, in one process.

    python benchmarks/steady.py [--cells 256] [--rounds 7]

The velocity of a wall under current and field as a function of (xi, P, alpha): by Newton's method,
and by a run from the same start until the slowest transient has fallen to 1e-4, read off over a
tenth of it (`wall_motion`).  Each round times every case once, one after the other, so that a ratio
is taken between neighbours in time.  Prints a markdown table and writes it to
benchmarks/results/steady_DEVICE.md.
"""

import argparse
import os
import platform
import re
import time
from importlib import metadata
from pathlib import Path

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

import jaxstt

A, K, K_PERP, MS = 1.3e-11, 1.3e5, 2.0e4, 8e5
POINT = (0.12, 0.5, 0.08)  # xi, P, alpha
J, FIELD, CELL = -2.0e11, 2e-4, 2e-9
SETTLED, READ = 1e-4, 0.1
PACKAGES = ("jaxstt", "jax", "jaxlib", "diffrax", "equinox", "optimistix", "lineax", "numpy")


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=256, help="cells of 2 nm (256)")
    parser.add_argument("--rounds", type=int, default=7, help="times each case is run (7)")
    chosen = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    load = [loads()]
    case = Case(chosen.cells)
    times, values = measure(case, chosen.rounds)
    load.append(loads())
    text = report(case, times, values, load)
    print(f"\n{text}")
    device = re.sub(r"[^a-z0-9]+", "-", jax.devices()[0].device_kind.lower()).strip("-")
    file = Path(__file__).parent / "results" / f"steady_{device}.md"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    print(f"wrote {file.relative_to(Path(__file__).parents[1])}")


def seconds(function, p: jax.Array) -> float:
    start = time.perf_counter()
    jax.block_until_ready(function(p))
    return time.perf_counter() - start


def measure(case: Case, rounds: int) -> tuple[dict, dict]:
    """(times [s], (rounds,), and values) by case."""
    functions, values = case.functions(), {}
    for name, function in functions.items():
        print(f"compiling: {name}", flush=True)
        values[name] = np.asarray(function(case.p))
    times: dict = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(seconds(function, case.p))
    return {name: np.array(x) for name, x in times.items()}, values


def spread(x: np.ndarray, factor: float = 1.0) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(x * factor, (0.25, 0.5, 0.75))
    return f"{middle:.3g} ({low:.3g} ... {high:.3g})"


def report(case: Case, times: dict, values: dict, load: list[str]) -> str:
    device = jax.devices()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    plain, forward = times["evolve"], times["evolve, forward, 3 parameters"]
    lines = [
        f"# Steady wall: Newton's method against a run, {case.grid.shape[0]} cells",
        "",
        f"Written by `benchmarks/steady.py`. Device: {device.device_kind} ({device.platform}), "
        f"{os.cpu_count()} CPUs ({platform.machine()}); Python {platform.python_version()}, "
        f"{versions}; float64.",
        "",
        f"Wall-clock times of one process, {len(plain)} interleaved rounds: median (quartiles). "
        f"Load average before and after: {' and '.join(load)}. Where it is not well below the "
        "number of CPUs the machine was busy, and only the ratios mean something. The run takes "
        f"{case.t[-1] * 1e9:.3g} ns, {case.steps} fixed steps: until the slowest transient has "
        f"fallen to {SETTLED:g}.",
        "",
        "| case | ms | plain run, times this | run with 3 forward tangents, times this |",
        "|---|---|---|---|",
    ]
    for name, x in times.items():
        lines.append(f"| {name} | {spread(x, 1e3)} | {spread(plain / x)} | {spread(forward / x)} |")
    fast, slow = (float(values[k]) for k in ("steady_wall", "evolve"))
    slopes = [values[f"{k}, forward, 3 parameters"] for k in ("steady_wall", "evolve")]
    reverse = values["steady_wall, reverse"]
    lines += [
        "",
        f"Velocities: {fast:.8g} and {slow:.8g} m/s, {abs(fast / slow - 1):.1e} apart; "
        f"derivatives {np.max(np.abs(slopes[0] / slopes[1] - 1)):.1e} apart, those of steady_wall "
        f"in the two modes {np.max(np.abs(reverse / slopes[0] - 1)):.1e}.",
        "",
    ]
    return "\n".join(lines)


def version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def loads() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


if __name__ == "__main__":
    main()
