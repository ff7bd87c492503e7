"""Many electrons through a wall: one vmapped call against a Python loop over compiled solves.

    python benchmarks/electrons.py [--electrons 10000] [--looped 100] [--rounds 5]

Electrons of random direction cross a Bloch wall theta = 2 atan exp(x/l) from -10 l to 10 l; the
result is the moment behind it.  Two loops: over calls of `evolve_spin`, which compiles inside, and
over one jitted function of the velocity, which leaves out all Python but the dispatch.  Both are
timed on `looped` electrons and scaled to all.  Each round times every case once, the three ways of
a solver directly after each other, so that a ratio is taken between neighbours in time.  Prints a
markdown table and writes it to benchmarks/results/electrons_DEVICE.md.
"""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from harness import Report, arguments, seconds, spread

import jaxstt
from jaxstt import SpinODE, evolve_spin
from jaxstt.electron import MagnusSteps, SpinSolution

DELTA, XI, V_F, WIDTH = 1.0 * jaxstt.constants.EV, 0.02, 1e6, 2e-9
SLOWEST = 0.1  # |cos| of the angle to the wall's normal: slower electrons need not be solved
SOLVERS = {
    "Dopri8, adaptive, 1e-6 (default solver)": (diffrax.Dopri8(), 1e-6),
    "Tsit5, adaptive, 1e-6": (diffrax.Tsit5(), 1e-6),
    "MagnusSteps(256)": (MagnusSteps(256), None),
    "MagnusSteps(128)": (MagnusSteps(128), None),
}
WAYS = ("plain", "jitted", "vmapped")
FAST = "MagnusSteps(128)"


class Wall(eqx.Module):
    """n(t) seen by an electron of velocity v in a Bloch wall."""

    velocity: jax.Array

    def __call__(self, t: jax.Array) -> jax.Array:
        x = self.velocity * t / WIDTH
        return jnp.stack([jnp.zeros_like(x), 1 / jnp.cosh(x), -jnp.tanh(x)])


def cross_wall(v: jax.Array, solver: diffrax.AbstractSolver | MagnusSteps, tol: float | None):
    end = 10 * WIDTH / v
    ode = SpinODE(Wall(v), Delta=DELTA, xi=XI)
    t = jnp.stack([-end, end])
    return evolve_spin(ode, None, t, solver=solver, rtol=tol, atol=tol, throw=False)


def behind(solution: SpinSolution) -> tuple[jax.Array, jax.Array]:
    """The moment behind the wall, and the steps that it took."""
    return solution.s[-1], solution.stats["num_steps"]


def ways(name: str) -> dict[str, Callable]:
    """The same solve as a plain call, as a jitted function, and for all electrons at once."""
    solver, tol = SOLVERS[name]
    one = lambda v: behind(cross_wall(v, solver, tol))  # noqa: E731
    return {"plain": one, "jitted": jax.jit(one), "vmapped": jax.jit(jax.vmap(one))}


def per_electron(function: Callable, velocities: list[jax.Array]) -> float:
    """s per call; the velocities are on the device already."""
    return float(np.mean([seconds(function, v) for v in velocities]))


def measure(v: jax.Array, looped: int, rounds: int) -> tuple[dict, dict]:
    """(times for all electrons [s], (rounds, 3), in the order of `WAYS`; results of all)."""
    compiled, results = {}, {}
    singles = [jnp.asarray(x) for x in v[:looped]]
    inputs = {"plain": singles, "jitted": singles, "vmapped": [v]}
    scale = {"plain": v.size, "jitted": v.size, "vmapped": 1}
    for name in SOLVERS:
        print(f"compiling: {name}", flush=True)
        compiled[name] = ways(name)
        for way in WAYS:
            results[name] = jax.tree.map(np.asarray, compiled[name][way](inputs[way][0]))
    times: dict = {name: [] for name in SOLVERS}
    for i in range(rounds):
        print(f"round {i + 1} of {rounds}", flush=True)
        for name, functions in compiled.items():
            row = [scale[way] * per_electron(functions[way], inputs[way]) for way in WAYS]
            times[name].append(row)
    return {name: np.array(x) for name, x in times.items()}, results


def fill(report: Report, v: jax.Array, looped: int, times: dict, results: dict) -> None:
    tau = jaxstt.constants.HBAR / DELTA
    exact = jax.jit(jax.vmap(lambda v: cross_wall(v, diffrax.Dopri8(), 1e-11).s[-1]))(v[:looped])
    report.circumstances(len(next(iter(times.values()))))
    report.add(
        f"Bloch wall of l = {WIDTH * 1e9:g} nm, Delta = {DELTA / jaxstt.constants.EV:g} eV, "
        f"v_F = {V_F:g} m/s (v_F tau_ex/l = {V_F * tau / WIDTH:.2f}), xi = {XI:g}; directions "
        f"uniform on the sphere, |cos| > {SLOWEST:g}; each electron from -10 l to 10 l. "
        f"**The loops are timed on {looped} electrons and scaled to {v.size}**: everything "
        "compiled and velocities on the device beforehand, waiting for each result."
    )
    report.table(
        "solver",
        "steps, mean / largest",
        "error of s",
        "loop of `evolve_spin`, s",
        "loop of a jitted function, s",
        "vmapped, s",
        "plain loop/vmapped",
        "jitted loop/vmapped",
    )
    for name, x in times.items():
        s, steps = results[name]
        error = float(np.max(np.abs(s[:looped] - np.asarray(exact))))
        columns = [spread(x[:, k]) for k in range(3)]
        columns += [spread(x[:, k] / x[:, 2]) for k in range(2)]
        report.row(name, f"{np.mean(steps):.0f} / {np.max(steps)}", f"{error:.1e}", *columns)
    fast = times[FAST][:, 2]
    report.add(
        "",
        f"One vmapped call with {FAST} against the loops with the other solvers "
        "(median, quartiles of the ratio):",
    )
    report.table("loop", "of `evolve_spin`", "of a jitted function")
    for name, x in times.items():
        report.row(name, spread(x[:, 0] / fast), spread(x[:, 1] / fast))
    report.add(
        "",
        f"The error is the largest of the first {looped} electrons against Dopri8 at 1e-11. A "
        "vmapped adaptive run goes on until its slowest electron is through, and all of them pay "
        "for each step; `MagnusSteps` takes the same number of steps for each, and a step is short "
        "enough to be vectorised.",
    )


def main() -> None:
    chosen = arguments(
        __doc__,
        ("electrons", 10_000, "in the vmapped call"),
        ("looped", 100, "in the loop, scaled"),
        ("rounds", 5, "times each case is run"),
    )
    jax.config.update("jax_enable_x64", True)
    # Directions uniform on a sphere: the component along x is uniform, too.
    v = jnp.asarray(V_F * np.random.default_rng(0).uniform(SLOWEST, 1.0, chosen.electrons))
    title = f"{v.size} electrons through a wall: vmapped against a Python loop"
    report = Report(__file__, title)
    fill(report, v, chosen.looped, *measure(v, chosen.looped, chosen.rounds))
    report.write()


if __name__ == "__main__":
    main()
