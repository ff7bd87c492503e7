"""One piece of work by one code, in a process of its own; `peers.py` starts it.

    python benchmarks/peer_work.py CODE WORK

Prints a line of JSON: {"seconds": [...], "first": s, ...}.  All codes get the same cells, material
and field, in float64.  NeuralMag has no torque and puts its degrees of freedom on the nodes, as its
guide says; magnum.np has Zhang-Li's torque.  Each is called the way its own manual does.
"""

# pyright: reportMissingImports=false
import json
import math
import os
import sys
from typing import Any

import numpy as np
from peer_cases import (
    ALPHA,
    CELL,
    FEW,
    FIELD,
    MS,
    MU_0,
    SHAPES,
    SHORT,
    SQUARE,
    TIMES,
    VORTEX,
    WALLS,
    XI,
    A,
    J,
    P,
    Result,
    per,
    repeats,
    timed,
    twisted,
)


def jaxstt_work(work: str, x64: bool = True) -> Result:
    import diffrax
    import jax
    import jax.numpy as jnp
    from jax import lax

    import jaxstt

    jax.config.update("jax_enable_x64", x64)
    shape = SHAPES[work]
    wire = shape[1] == 1
    if work == "walls":
        return _jaxstt_walls(shape)
    if work == "sp5":
        return _jaxstt_vortex(shape, x64)
    grid = jaxstt.Grid(shape, (2e-9,) * 3 if wire else CELL)
    exchange = jaxstt.Exchange(A)
    stray: Any = jaxstt.UniaxialAnisotropy(1e5, (0, 0, 1)) if wire else jaxstt.Demag(grid)
    torque = jaxstt.ZhangLi((J, 0.0, 0.0), P=P, xi=XI)
    m0 = jnp.asarray(twisted(shape))

    def llg(field=FIELD, torques: tuple = (torque,), alpha: Any = ALPHA):
        energies = (exchange, stray, jaxstt.Zeeman(field))
        gamma = jaxstt.constants.GAMMA
        return jaxstt.LLG(grid, Ms=MS, alpha=alpha, gamma=gamma, energies=energies, torques=torques)

    if work.startswith("rhs"):
        count = repeats(shape)

        @jax.jit
        def loop(llg, m):
            step = lambda _, m: m + 1e-30 * llg.rate(0.0, m)  # noqa: E731
            return lax.fori_loop(0, count, step, m)

        known = llg()
        found = per(timed(lambda: loop(known, m0).block_until_ready()), count)
        return found | {"evaluations": 1}
    if work == "sp4":
        start = jaxstt.relax(llg((0.0, 0.0, 0.0), (), 1.0), _sp4_start(shape)).m
        return _jaxstt_film(llg(torques=()), start, x64)
    gradient = work.startswith("gradient")

    def value(m, p):
        torque = jaxstt.ZhangLi((J, 0.0, 0.0), P=p[1], xi=p[0])
        system = llg(torques=() if gradient else (torque,), alpha=p[2])
        adjoint = None if gradient else diffrax.ForwardMode()
        run = jaxstt.evolve(system, m, [0, SHORT], adjoint=adjoint, max_steps=4096)
        return jnp.sum(run.m[-1][1])

    p = jnp.asarray([XI, P, ALPHA])
    steps = int(jaxstt.evolve(llg(), m0, [0, SHORT]).stats["num_steps"])
    derivative = jax.jit(jax.grad(value) if gradient else jax.jacfwd(value, 1))
    least = 3 if gradient else 4
    plain = jax.jit(value)
    run = timed(lambda: plain(m0, p).block_until_ready())
    back = timed(lambda: derivative(m0, p).block_until_ready())
    evaluations = least * steps * (4 if wire else 1)
    return back | {"run": float(np.median(run["seconds"])), "evaluations": evaluations}


def _jaxstt_film(llg: Any, start: Any, x64: bool) -> Result:
    """A run over `TIMES` with default settings, and its error in every component of <m>."""
    import diffrax
    import jax

    import jaxstt

    save = lambda t, m: jaxstt.average(m)  # noqa: E731

    def run():
        return jax.block_until_ready(jaxstt.evolve(llg, start, TIMES, save=save))

    found = timed(run, most=5)
    sol = run()
    found |= {"evaluations": int(sol.stats["num_steps"])}
    if not x64:
        return found | {"mean": np.asarray(sol.m[-1]).tolist()}
    exact = jaxstt.evolve(
        llg, start, TIMES, save=save, solver=diffrax.Dopri8(), rtol=1e-9, atol=1e-9
    )
    return found | {"error": float(np.max(np.abs(sol.m - exact.m)))}


def _jaxstt_vortex(shape: tuple[int, ...], x64: bool) -> Result:
    import jaxstt

    grid = jaxstt.Grid(shape, tuple(x / n for x, n in zip(SQUARE, shape, strict=True)))
    energies = (jaxstt.Exchange(A), jaxstt.Demag(grid))
    rest = jaxstt.relax(
        jaxstt.LLG(grid, Ms=MS, alpha=0.1, energies=energies), jaxstt.vortex(grid)
    ).m
    torque = jaxstt.ZhangLi.from_velocity(*VORTEX, Ms=MS)
    llg = jaxstt.LLG(grid, Ms=MS, alpha=0.1, energies=energies, torques=(torque,))
    return _jaxstt_film(llg, rest, x64)


def _jaxstt_walls(shape: tuple[int, ...]) -> Result:
    import jax
    import jax.numpy as jnp

    import jaxstt

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    jax.config.update("jax_num_cpu_devices", cores)
    grid = jaxstt.Grid(shape, (2e-9,) * 3)
    m0 = jaxstt.bloch_wall(grid, 8e-9)
    energies = (jaxstt.Exchange(A), jaxstt.UniaxialAnisotropy(1e5))

    def one(j, xi):
        torque = jaxstt.ZhangLi(jnp.stack([j, 0 * j, 0 * j]), P=P, xi=xi)
        llg = jaxstt.LLG(grid, Ms=MS, alpha=ALPHA, energies=energies, torques=(torque,))
        sol = jaxstt.evolve(llg, m0, [0.0, 1e-9], throw=False, save=jaxstt.WallTracker(grid))
        return {"position": sol.m.position[-1], "steps": sol.stats["num_steps"]}

    side = int(math.sqrt(WALLS))
    space = {"j": np.linspace(-1e12, -1e11, side), "xi": np.linspace(0.0, 0.1, side)}
    found = timed(lambda: jaxstt.sweep(one, space), most=3)
    evaluations = 4 * int(np.sum(jaxstt.sweep(one, space).steps))
    rate = evaluations * math.prod(shape) / float(np.median(found["seconds"])) / cores / 1e6
    return found | {"rate": rate, "evaluations": evaluations / cores}


def _sp4_start(shape: tuple[int, ...]) -> np.ndarray:
    m = np.zeros((3, *shape))
    m[0], m[1] = 1.0, 0.1
    return m / np.linalg.norm(m, axis=0)


def _vortex_start(shape: tuple[int, ...]) -> np.ndarray:
    x, y, _ = np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in shape), indexing="ij")
    m = np.stack([-y, x, 5 * np.exp(-(x**2 + y**2) / 10)])
    return m / np.linalg.norm(m, axis=0)


def _wall_profile(n: int) -> np.ndarray:
    """(n, 3): a Bloch wall of 8 nm in the middle."""
    x = (np.arange(n) - (n - 1) / 2) * 2e-9 / 8e-9
    return np.stack([np.zeros(n), 1 / np.cosh(x), -np.tanh(x)], axis=1)


def neuralmag_work(work: str) -> Result:
    os.environ |= {"NM_BACKEND": "jax", "NM_DTYPE": "float64"}
    import jax

    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import neuralmag as nm
    from jax import lax

    nm.config.dtype = "float64"
    shape = SHAPES[work]
    wire = shape[1] == 1
    cells = [n for n in shape[:2] if n > 1]
    state = nm.State(nm.Mesh(cells, [2e-9] * 3 if wire else list(CELL)))
    state.material.Ms, state.material.A, state.material.alpha = MS, A, ALPHA
    state.m = nm.VectorFunction(state).fill((1.0, 0.1, 0.0))
    nodes = tuple(n + 1 for n in cells)
    full = nodes + (1,) * (2 - len(nodes))
    m0 = jnp.asarray(np.moveaxis(twisted((*full, 1)), 0, -1).reshape(*nodes, 3))
    nm.ExchangeField().register(state, "exchange")
    if wire:
        state.material.Ku, state.material.Ku_axis = 1e5, [0, 0, 1]
        nm.UniaxialAnisotropyField().register(state, "stray")
    else:
        nm.DemagField().register(state, "stray")
    nm.TotalField("exchange", "stray").register(state)
    if work == "walls":
        llg = nm.LLGSolver(state, max_steps=100_000)
        walls = jnp.asarray(np.stack([_wall_profile(nodes[0])] * FEW))

        @jax.jit
        def each(m):
            state.m.tensor = m
            return llg.solve(jnp.asarray([0.0, 1e-9])).ys[-1]

        found = timed(lambda: [each(m).block_until_ready() for m in walls], most=1)
        return per(found, FEW / WALLS)
    if work == "sp4":
        state.m.tensor = state.m.tensor / jnp.linalg.norm(state.m.tensor, axis=-1, keepdims=True)
        nm.LLGSolver(state).relax()
    outside = nm.VectorFunction(state).fill([b / MU_0 for b in FIELD])
    nm.ExternalField(outside).register(state, "external")
    nm.TotalField("exchange", "stray", "external").register(state)
    llg = nm.LLGSolver(state, max_steps=100_000)
    rate = llg._term.vector_field
    if work.startswith("rhs"):
        count = repeats(shape)

        @jax.jit
        def loop(m):
            return lax.fori_loop(0, count, lambda _, m: m + 1e-30 * rate(0.0, m, []), m)

        return per(timed(lambda: loop(m0).block_until_ready()), count)
    if work == "sp4":
        start = state.m.tensor

        @jax.jit
        def run(m):
            state.m.tensor = m
            return jnp.mean(llg.solve(jnp.asarray(TIMES)).ys, axis=(1, 2))

        found = timed(lambda: run(start).block_until_ready(), most=5)
        return found | {"mean": np.asarray(run(start)[-1]).tolist()}

    def value(m):
        state.m.tensor = m
        return jnp.sum(llg.solve(jnp.asarray([0.0, SHORT])).ys[-1][..., 1])

    plain, reverse = jax.jit(value), jax.jit(jax.grad(value))
    run_ = timed(lambda: plain(m0).block_until_ready())
    back = timed(lambda: reverse(m0).block_until_ready())
    return back | {"run": float(np.median(run_["seconds"]))}


def magnumnp_work(work: str) -> Result:
    import torch

    torch.set_default_dtype(torch.float64)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    torch.set_num_threads(cores or 1)
    import magnumnp as mnp

    shape = SHAPES[work]
    wire = shape[1] == 1
    cell = tuple(x / n for x, n in zip(SQUARE, shape, strict=True)) if work == "sp5" else CELL
    state = mnp.State(mnp.Mesh(shape, (2e-9,) * 3 if wire else cell))
    b = 9.274e-24 * P / (1.602e-19 * MS * (1 + XI**2))
    material: dict[str, Any] = {"Ms": MS, "A": A, "alpha": ALPHA, "xi": XI, "b": b}
    state.m = torch.as_tensor(np.moveaxis(twisted(shape), 0, -1).copy())
    state.j = torch.tensor([-J, 0.0, 0.0]).expand(*shape, 3)
    terms = [mnp.ExchangeField()]
    if wire:
        material |= {"Ku": 1e5, "Ku_axis": [0, 0, 1]}
        terms.append(mnp.UniaxialAnisotropyField())
    else:
        terms.append(mnp.DemagField())
    state.material = material
    outside = mnp.ExternalField(torch.tensor([x / MU_0 for x in FIELD]))
    torque = mnp.SpinTorqueZhangLi()
    if work == "walls":
        wall = torch.as_tensor(_wall_profile(shape[0]).reshape(*shape, 3).copy())
        llg = mnp.LLGSolver([*terms, torque])

        def each():
            for _ in range(FEW):
                state.m, state.t = wall.clone(), 0.0
                llg.step(state, 1e-9)

        return per(timed(each, most=1), FEW / WALLS)
    if work.startswith("rhs"):
        llg, count = mnp.LLGSolver([*terms, outside, torque]), 20
        m = state.m

        def loop():
            for _ in range(count):
                llg.dm(state.t, m, state)

        return per(timed(loop), count)
    if work in ("sp4", "sp5"):
        start = _sp4_start(shape) if work == "sp4" else _vortex_start(shape)
        state.m = torch.as_tensor(np.moveaxis(start, 0, -1).copy())
        mnp.LLGSolver(terms).relax(state)
        start, llg = state.m.clone(), mnp.LLGSolver([*terms, outside])
        if work == "sp5":
            material |= {"alpha": 0.1}
            state.material = material
            state.j = torch.tensor([-VORTEX[0] / b, 0.0, 0.0]).expand(*shape, 3)
            llg = mnp.LLGSolver([*terms, torque])

        def run():
            state.m, state.t = start.clone(), 0.0
            for dt in np.diff(TIMES):
                llg.step(state, float(dt))

        found = timed(run, least=0.1, most=1)
        return found | {"mean": state.m.mean((0, 1, 2)).tolist()}
    raise ValueError(f"{work} is not done with magnum.np here")


def roof_work(work: str) -> Result:
    """What one evaluation cannot do without, and nothing else.

    With magnetostatics: FFTW's transforms of three components there and back (rows, columns,
    layers, zeros left out), each over contiguous memory.  Without: m read and dm/dt written, in
    memory as far from the core as it is in a run; every core has a wire of its own.
    """
    nx, ny, nz = SHAPES[work]
    if ny == 1:
        m, out = np.ones((3, nx)), np.empty((3, nx))
        return per(timed(lambda: [np.copyto(out, m) for _ in range(10000)]), 10000)
    import pyfftw

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    counts = {"rows": 3 * nx * nz, "columns": 3 * nz * (ny + 1), "layers": 6 * nx * (ny + 1)}
    real = pyfftw.zeros_aligned((counts["rows"], 2 * ny))
    pairs = [(real, pyfftw.zeros_aligned((counts["rows"], ny + 1), complex))]
    for lines, length in (("columns", nx), ("layers", nz)):
        if length > 1:
            pair = [pyfftw.zeros_aligned((counts[lines], 2 * length), complex) for _ in "ab"]
            pairs.append((pair[0], pair[1]))
    plan = {"axes": (1,), "threads": cores, "flags": ("FFTW_MEASURE",)}
    plans = [pyfftw.FFTW(a, b, **plan) for a, b in pairs]
    plans += [pyfftw.FFTW(b, a, direction="FFTW_BACKWARD", **plan) for a, b in pairs[::-1]]

    def transforms():
        for plan in plans:
            plan.execute()

    return timed(transforms)


def single_work(work: str) -> Result:
    return jaxstt_work(work, x64=False)


CODES = {
    "jaxstt": jaxstt_work,
    "jaxstt float32": single_work,
    "NeuralMag": neuralmag_work,
    "magnum.np": magnumnp_work,
    "roof": roof_work,
}

if __name__ == "__main__":
    print(json.dumps(CODES[sys.argv[1]](sys.argv[2])))
