"""`jaxstt doctor`: what there is, what could be better, and whether the physics is right."""

import importlib.metadata
import math
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from diffrax import ForwardMode

from .._core import memory, readable, versions
from .._dynamics import LLG, FixedStep, effective_field, evolve, total_energy
from .._electron import wall_crossing
from .._energy import Demag, Exchange, UniaxialAnisotropy, Zeeman, transform_lengths
from .._mesh import Grid, bloch_wall, uniform
from .._observe import wall_position
from .._torque import ZhangLi
from ..constants import GAMMA, MU_0
from ._sweep_config import first_config


class Check(NamedTuple):
    """One line of the self-test."""

    name: str
    error: Callable[[], float]
    most: float
    """The largest error of a sound installation."""


def cores() -> int:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def circumstances() -> Iterator[str]:
    """Versions and devices, a line each."""
    for name, version in versions().items():
        yield f"{name:<10} {version}"
    yield f"system     {platform.platform()}"
    devices = jax.local_devices()
    yield f"backend    {jax.default_backend()}: {', '.join(str(d) for d in devices)}"
    yield f"cores      {cores()}, of which JAX uses {_used()} for small simulations"
    have = memory()
    yield f"memory     {'unknown' if have is None else readable(have)}"
    double = jax.config.jax_enable_x64  # type: ignore[attr-defined]
    yield f"float64    {'on' if double else 'off (JAX default: float32; the commands use float64)'}"


def _used() -> int:
    return jax.local_device_count() if jax.default_backend() == "cpu" else 1


def advice() -> Iterator[str]:
    """What could be better: each line ends with the one command that mends it."""
    if jax.default_backend() == "cpu" and (kind := _idle_accelerator()):
        yield f"an accelerator is there that JAX does not use: pip install 'jaxstt[{kind}]'"
    if jax.default_backend() == "cpu" and _used() < cores():
        yield (
            f"sweeps in Python would use {_used()} of {cores()} cores (`jaxstt sweep` uses all): "
            f"export JAX_NUM_CPU_DEVICES={cores()}"
        )
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        yield "Python would use single precision: export JAX_ENABLE_X64=1"
    for name, why in (("xarray", "sweeps"), ("zarr", "sweeps and zarr output")):
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield f"{name} is missing, which {why} need: pip install 'jaxstt[io]'"
            break


def _idle_accelerator() -> str:
    """The extra of an accelerator that the machine has, "" for none."""
    if shutil.which("nvidia-smi") or Path("/proc/driver/nvidia/version").exists():
        return "cuda12"
    return "tpu" if sys.platform == "linux" and any(Path("/dev").glob("accel*")) else ""


def grid_advice(config: Path) -> Iterator[str]:
    """How well the cells of a config suit the transforms of magnetostatics."""
    grid = first_config(config).llg.grid
    lengths = transform_lengths(grid)
    for axis, n, wraps, length in zip("xyz", grid.shape, grid.periodic, lengths, strict=True):
        if n == 1:
            continue
        most = length if wraps else (length + 1) // 2
        note = "which suit it well" if n == most else f"up to {most} cells would cost the same"
        largest = max(p for p in range(2, length + 1) if length % p == 0 and _prime(p))
        if largest > 7:
            note = f"slow: its factor {largest} is large; take a number of 2, 3, 5 and 7"
        yield f"{axis}: {n} cells, transforms of {length}; {note}"


def _prime(n: int) -> bool:
    return all(n % k for k in range(2, math.isqrt(n) + 1))


def _spin() -> float:
    """Against an adaptive integration of the spin equation to 13 digits."""
    return abs(float(wall_crossing(1.0, 0.1).xi_eff) - 0.3078185182477)


def _precession() -> float:
    """One moment turns about a field by gamma B t, from +x to +y about +z."""
    grid = Grid((1, 1, 1), (1e-9, 1e-9, 1e-9))
    llg = LLG(grid, Ms=8e5, alpha=0.0, energies=(Zeeman((0.0, 0.0, 1.0)),))
    m0, t = uniform(grid, jnp.asarray([1.0, 0.0, 0.0])), 1e-13
    m = evolve(llg, m0, jnp.asarray([0.0, t]), solver=FixedStep(dt=t)).m
    turned = [np.cos(GAMMA * t), np.sin(GAMMA * t), 0.0]
    return float(np.max(np.abs(np.asarray(m)[-1].ravel() - turned)))


def _cube() -> float:
    """The demagnetising factors of a cube are 1/3 on average."""
    grid = Grid((4, 4, 4), (2e-9,) * 3)
    llg = LLG(grid, Ms=1 / MU_0, alpha=0.1, energies=(Demag(grid),))
    B = effective_field(llg, uniform(grid, (0.0, 0.0, 1.0)))
    return float(np.max(np.abs(np.mean(np.asarray(B), axis=(1, 2, 3)) - [0, 0, -1 / 3])))


_GRID = Grid((48, 1, 1), (4e-9, 40e-9, 2e-9))
_TIMES = np.array([0.0, 20e-12])


def _wall(values: Any) -> LLG:
    """values: (alpha, xi, P)."""
    alpha, xi, P = values
    energies = (
        Exchange(1.3e-11),
        UniaxialAnisotropy(4e5),
        UniaxialAnisotropy(-4e4, axis=(1.0, 0.0, 0.0)),
        Demag(_GRID),
    )
    torque = ZhangLi((-4e12, 0.0, 0.0), P=P, xi=xi)
    return LLG(_GRID, Ms=8e5, alpha=alpha, energies=energies, torques=(torque,))


_VALUES = (0.1, 0.2, 0.5)


def _moved(values: Any, **how: Any) -> jax.Array:
    """How far, m, the current moves a wall in 20 ps."""
    m0 = bloch_wall(_GRID, 6e-9, angle=math.pi / 2)
    return wall_position(_GRID, evolve(_wall(values), m0, _TIMES, max_steps=2000, **how).m[-1])


def _against_the_current() -> float:
    """With j along -x, P > 0 and xi > 0 a wall moves along +x."""
    start = float(wall_position(_GRID, bloch_wall(_GRID, 6e-9)))
    return 0.0 if float(_moved(_VALUES)) - start > 1e-10 else 1.0


def _damping() -> float:
    """Without a current the energy falls."""
    llg = _wall((0.1, 0.2, 0.0))
    sol = evolve(llg, bloch_wall(_GRID, 9e-9, angle=0.5), np.linspace(0, 20e-12, 5))
    energies = np.asarray([float(total_energy(llg, m)) for m in sol.m])
    return 0.0 if np.all(np.diff(energies) < 0) else 1.0


def _gradients() -> float:
    """Reverse and forward mode against a central difference, relative."""
    fine = {"rtol": 1e-7, "atol": 1e-7}
    values = jnp.asarray(_VALUES)
    value = jax.jit(lambda x: _moved(x, **fine))
    forward = jax.jit(jax.jacfwd(lambda x: _moved(x, adjoint=ForwardMode(), **fine)))(values)
    reverse = jax.jit(jax.grad(lambda x: _moved(x, **fine)))(values)
    steps = 1e-3 * np.diag(_VALUES)
    central = [float(value(values + h) - value(values - h)) / (2 * h.sum()) for h in steps]
    both = np.abs(np.stack([forward, reverse]) / np.asarray(central) - 1)
    return float(np.max(both))


CHECKS = (
    Check("spin through a wall", _spin, 1e-8),
    Check("one moment in a field", _precession, 1e-8),
    Check("field of a cube", _cube, 1e-10),
    Check("wall against current", _against_the_current, 0.5),
    Check("energy falls", _damping, 0.5),
    Check("gradients", _gradients, 1e-5),  # the central difference is off by 6e-7
)


def self_test() -> Iterator[tuple[str, bool]]:
    """(a line, whether it is fine) of each check."""
    with jax.enable_x64(True):
        for check in CHECKS:
            error = check.error()
            fine = error < check.most
            yield f"{check.name:<22} {'ok' if fine else 'FAILED'} (error {error:.1e})", fine
