"""What `jaxstt._core._xla` gains: the same functions with and without it, in one process.

    python benchmarks/xla.py [--rounds 15]

Compiled once as they are and once with `lax.optimization_barrier` and the branch of `stored` taken
out.  Prints a markdown table and writes it to benchmarks/results/xla_DEVICE.md.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from harness import Report, arguments, interleaved, spread

import jaxstt

CELL, MS = 2.5e-9, 8e5
STEP = 1e-14


@contextmanager
def left_alone() -> Iterator[None]:
    """XLA is told nothing by what is traced in this block."""
    barrier, dependent = jax.lax.optimization_barrier, jax.lax.platform_dependent
    jax.lax.optimization_barrier = lambda x: x
    jax.lax.platform_dependent = lambda *x, default, **kinds: default(*x)
    try:
        yield
    finally:
        jax.lax.optimization_barrier, jax.lax.platform_dependent = barrier, dependent


def problem(shape: tuple[int, int, int], nonlocal_stt: bool) -> tuple[Callable, Callable]:
    """(p -> rate, (p, adjoint) -> last state of a run of 50 steps); p multiplies A, K and j."""
    grid = jaxstt.Grid(shape, (CELL, CELL, CELL))
    m = jaxstt.neel_wall(grid, 10e-9)

    def llg(p: jax.Array) -> jaxstt.LLG:
        j = -1e12 * p[2]
        torque = jaxstt.ZhangLi(jnp.stack([j, 0 * j, 0 * j]), P=0.5, xi=0.05)
        if nonlocal_stt:
            torque = jaxstt.NonlocalSTT(j, P=0.5, xi=0.05, Delta=1.6e-20, v_F=3e5)
        energies = (jaxstt.Exchange(1.3e-11 * p[0]), jaxstt.UniaxialAnisotropy(1.3e5 * p[1]))
        return jaxstt.LLG(grid, Ms=MS, alpha=0.02, energies=energies, torques=(torque,))

    def rate(p: jax.Array) -> jax.Array:
        return llg(p).rate(jnp.zeros((), m.dtype), m)

    def run(p: jax.Array, adjoint: diffrax.AbstractAdjoint | None = None) -> jax.Array:
        t, step = np.array([0.0, 50 * STEP]), jaxstt.FixedStep(STEP)
        return jaxstt.evolve(llg(p), m, t, solver=step, adjoint=adjoint, throw=False).m[-1]

    return rate, run


def cases() -> dict[tuple[str, bool], Callable]:
    """(what, whether XLA is told) -> a compiled call."""
    found = {}
    for shape in ((1024, 1, 1), (256, 64, 1)):
        for nonlocal_stt in (False, True):
            rate, run = problem(shape, nonlocal_stt)
            ahead = lambda p, run=run: run(p, diffrax.ForwardMode())  # noqa: E731
            total = lambda p, run=run: jnp.sum(run(p) ** 3)  # noqa: E731
            name = f"{shape[0]} x {shape[1]}, {'NonlocalSTT' if nonlocal_stt else 'ZhangLi'}"
            for told in (True, False):
                found[f"{name}, rate", told] = compiled(rate, told)
                if nonlocal_stt:
                    continue  # a minute more to compile each
                found[f"{name}, 50 steps", told] = compiled(run, told)
                found[f"{name}, 50 steps, 3 forward tangents", told] = compiled(
                    jax.jacfwd(ahead), told
                )
                found[f"{name}, 50 steps, reverse", told] = compiled(jax.grad(total), told)
    return found


def compiled(function: Callable, told: bool) -> Callable:
    p = jnp.ones(3)
    jax.clear_caches()  # what is traced inside, too, belongs to this case alone
    own = jax.jit(lambda p: function(p))
    if told:
        run = own.lower(p).compile()
    else:
        with left_alone():
            run = own.lower(p).compile()
    return lambda: run(p)


def main() -> None:
    chosen = arguments(__doc__, ("rounds", 15, "times each case is run"))
    jax.config.update("jax_enable_x64", True)
    report = Report(__file__, "XLA told what to compute once, against XLA left alone")
    times, values = interleaved(cases(), chosen.rounds, repeats=3)
    report.circumstances(chosen.rounds)
    report.table("case", "told, µs", "left alone, µs", "left alone/told", "largest difference")
    for name in dict.fromkeys(name for name, _ in times):
        told, alone = times[name, True], times[name, False]
        a, b = values[name, True], values[name, False]
        apart = f"{np.max(np.abs(a - b)) / np.max(np.abs(a)):.0e}"
        report.row(name, spread(told, 1e6), spread(alone, 1e6), spread(alone / told), apart)
    report.write()


if __name__ == "__main__":
    main()
