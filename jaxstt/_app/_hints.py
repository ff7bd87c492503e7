"""What the user should know of a simulation before it runs."""

import math

import jax.numpy as jnp
import numpy as np

from .._dynamics import LLG, expected_steps
from .._energy import Exchange, UniaxialAnisotropy
from .._mesh import active_axes
from ..constants import MU_0

_MANY_STEPS = 1e7
"""A small wire takes minutes."""


def long_run(llg: LLG, times: np.ndarray | None) -> tuple[str, ...]:
    """That the run will take its time."""
    if times is None or (steps := expected_steps(llg, float(times[-1] - times[0]))) < _MANY_STEPS:
        return ()
    return (f"{times[-1] - times[0]:.3g} s will take about {steps:.1g} steps",)


def coarse_cells(llg: LLG) -> tuple[str, ...]:
    """Lengths of the physics that the cells do not resolve."""
    stiff = [e.A for e in llg.energies if isinstance(e, Exchange)]
    hard = [e.K for e in llg.energies if isinstance(e, UniaxialAnisotropy)]
    axes = active_axes(llg.grid)
    if not (stiff and axes):
        return ()
    A = min(float(jnp.min(jnp.where(a > 0, a, jnp.inf))) for a in stiff)
    K = max((float(jnp.max(jnp.abs(k))) for k in hard), default=0.0)
    lengths = {
        "the exchange length sqrt(2A/(mu0 Ms^2))": math.sqrt(2 * A / MU_0) / float(llg.Ms.max()),
        "the wall width sqrt(A/K)": math.sqrt(A / K) if K > 0 else math.inf,
    }
    i = max(axes, key=lambda i: llg.grid.spacing[i])
    cell = llg.grid.spacing[i]
    return tuple(
        f"the cell d{'xyz'[i]} = {cell:.3g} m exceeds {name} = {length:.3g} m"
        for name, length in lengths.items()
        if cell > length
    )
