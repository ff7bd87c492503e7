"""One evaluation of `NonlocalSTT` against `ZhangLi` and against a whole right-hand side.

    python benchmarks/nonlocal_stt.py [--cells 1024] [--rounds 15]

The cases are timed turn by turn in one process, after everything is compiled.  Prints a markdown
table and writes it to benchmarks/results/nonlocal_stt_DEVICE.md.
"""

import argparse
import os
import time
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

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


def measure(functions: dict, rounds: int) -> dict[str, np.ndarray]:
    """Microseconds per call, (rounds,), every case once in each round."""
    for function in functions.values():
        function().block_until_ready()
    found = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            for _ in range(REPEATS):
                function().block_until_ready()
            found[name].append((time.perf_counter() - start) / REPEATS * 1e6)
    return {name: np.array(x) for name, x in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    device = jax.devices()[0]
    before = os.getloadavg()[0]
    rows = []
    whole = "right-hand side with ZhangLi"
    shapes = (arguments.cells, 1, 1), (256, 64, 1)
    for shape, x64 in [(shape, x64) for shape in shapes for x64 in (True, False)]:
        with jax.enable_x64(x64):
            found = measure(cases(shape), arguments.rounds)
        base = found[whole]
        for name, values in found.items():
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
            ratio = np.median(values / base)
            rows.append(
                f"| {shape[0]} x {shape[1]} | {'float64' if x64 else 'float32'} | {name} "
                f"| {middle:.0f} ({low:.0f} ... {high:.0f}) | {ratio:.2f} |"
            )
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("jax", "jaxlib", "equinox"))
    text = "\n".join(
        [
            "# NonlocalSTT",
            "",
            "Exchange, anisotropy and, in the film, magnetostatics make up the right-hand side.",
            "",
            f"Written by `benchmarks/nonlocal_stt.py`. Device: {device.device_kind} "
            f"({os.cpu_count()} CPUs); {versions}. Load average {before:.1f} before and "
            f"{os.getloadavg()[0]:.1f} after.",
            "",
            "| cells | precision | call | µs, median (quartiles) | times that with ZhangLi |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
    print(text)
    name = f"nonlocal_stt_{device.platform}.md"
    (Path(__file__).parent / "results" / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
