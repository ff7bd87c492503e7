"""What the scripts for mumax3 and for OOMMF have in common: which runs can be written at all."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike
from .._dynamics import LLG, check_state
from .._energy import Exchange, ShapeAnisotropy, UniaxialAnisotropy
from .._mesh import Piecewise, Pulse
from .._torque import ZhangLi
from ..constants import MU_0


def exported(llg: LLG, m0: ArrayLike, duration: float) -> tuple[Array, ZhangLi | None]:
    """The start and the torque of a run, checked."""
    if not (np.isfinite(duration) and duration > 0):
        raise ValueError(f"`duration` must be > 0, got {duration:g}")
    m0 = check_state(llg, m0)
    if any(isinstance(e, Exchange) and e.cut for e in llg.energies):
        raise ValueError("`llg`: an Exchange with a `cut` is not exported")
    if any(llg.grid.periodic):
        raise ValueError("`llg`: periodic axes are not exported: other codes count images instead")
    torques = [t for t in llg.torques if isinstance(t, ZhangLi)]
    if len(llg.torques) > 1 or len(torques) < len(llg.torques):
        raise ValueError("`llg`: of the torques one ZhangLi is exported, and no other")
    if not torques:
        return m0, None
    if torques[0].theta_H is not None or torques[0].field_on_electrons:
        raise ValueError("`llg`: theta_H and field_on_electrons of ZhangLi are not exported")
    return m0, torques[0]


def moments(llg: LLG) -> np.ndarray:
    """Ms of each cell, A/m, 0 outside the magnet."""
    Ms = np.broadcast_to(np.asarray(llg.Ms, float), llg.grid.shape)
    return Ms if llg.grid.mask is None else np.where(np.asarray(llg.grid.mask), Ms, 0.0)


def uniaxial(llg: LLG) -> list[tuple[np.ndarray, np.ndarray]]:
    """(K, axis) of all that pulls along an axis; a ShapeAnisotropy is K_i = -mu0 Ms^2 N_i/2."""
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for energy in llg.energies:
        if isinstance(energy, UniaxialAnisotropy):
            found.append((np.asarray(energy.K, float), np.asarray(energy.axis, float)))
        if isinstance(energy, ShapeAnisotropy):
            Ms, N = np.asarray(llg.Ms, float), np.asarray(energy.N, float)
            found += [(-MU_0 * Ms**2 * N[i] / 2, np.eye(3)[i]) for i in range(3) if N[i]]
    return found


def straight(drive: Any) -> Any:
    """A pulse with edges as straight lines; what is not a pulse stays."""
    if not isinstance(drive, Pulse) or float(drive.rise) == 0:
        return drive
    times, on = np.asarray(drive.breakpoints, float), np.asarray(drive.value, float)
    values = [0 * on, on, on, 0 * on]
    kept = [0, *(k for k in range(1, 4) if times[k] > times[k - 1])]  # a triangle has no top
    return Piecewise(jnp.asarray(times[kept]), jnp.asarray([values[k] for k in kept]))
