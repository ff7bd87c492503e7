"""One evaluation of `NonlocalSTT` against `ZhangLi` and against a whole right-hand side.

    python benchmarks/nonlocal_stt.py [--cells 1024] [--rounds 15]

The cases are timed turn by turn in one process, after everything is compiled.  Prints a markdown
table and writes it to benchmarks/results/nonlocal_stt_DEVICE.md.
"""

import jax
import jax.numpy as jnp
import numpy as np
from harness import Report, arguments, interleaved, spread

import jaxstt

CELL, MS, REPEATS = 2.5e-9, 8e5, 20


def cases(shape: tuple[int, int, int]) -> dict:
    grid = jaxstt.Grid(shape, (CELL, CELL, CELL))
    m = jaxstt.neel_wall(grid, 10e-9)
    local = jaxstt.ZhangLi((-1e12, 0.0, 0.0), P=0.5, xi=0.05)
    nonlocal_stt = jaxstt.NonlocalSTT(-1e12, P=0.5, xi=0.05, Delta=1.6e-20, v_F=3e5)
    Ms, t = jnp.asarray(MS, m.dtype), jnp.zeros((), m.dtype)

    demag = jaxstt.Demag(grid)

    def torque(term):
        rate = jax.jit(lambda term, m: term.rate(grid, Ms, t, m))
        return lambda: rate(term, m)

    def whole(term):
        energies = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(1.3e5))
        if shape[1] > 1:  # a wire of the section of a cell has only shape anisotropy
            energies = (*energies, demag)
        llg = jaxstt.LLG(grid, Ms=MS, alpha=0.02, energies=energies, torques=(term,))
        rate = jax.jit(lambda llg, m: llg.rate(t, m))
        return lambda: rate(llg, m)

    return {
        "ZhangLi": torque(local),
        "NonlocalSTT": torque(nonlocal_stt),
        "right-hand side with ZhangLi": whole(local),
        "right-hand side with NonlocalSTT": whole(nonlocal_stt),
    }


def main() -> None:
    chosen = arguments(
        __doc__, ("cells", 1024, "of the wire"), ("rounds", 15, "times each case is run")
    )
    report = Report(__file__, "NonlocalSTT")
    rows = []
    whole = "right-hand side with ZhangLi"
    shapes = (chosen.cells, 1, 1), (256, 64, 1)
    for shape, x64 in [(shape, x64) for shape in shapes for x64 in (True, False)]:
        with jax.enable_x64(x64):
            found, _ = interleaved(cases(shape), chosen.rounds, REPEATS)
        for name, x in found.items():
            ratio = f"{np.median(x / found[whole]):.2f}"
            precision = "float64" if x64 else "float32"
            rows.append((f"{shape[0]} x {shape[1]}", precision, name, spread(x, 1e6), ratio))
    report.circumstances(chosen.rounds, "precision as told")
    report.add("Exchange, anisotropy and, in the film, magnetostatics make up the right-hand side.")
    report.table("cells", "precision", "call", "µs", "times that with ZhangLi")
    for row in rows:
        report.row(*row)
    report.write()


if __name__ == "__main__":
    main()
