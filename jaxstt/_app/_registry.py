"""The words of a config: every energy, torque, drive, texture and observable that it may name.

A new one becomes a word by a line here; `tests/test_registry.py` asks for it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from .._energy import (
    BulkDMI,
    CubicAnisotropy,
    Demag,
    Exchange,
    InterfacialDMI,
    InterlayerExchange,
    Oersted,
    ShapeAnisotropy,
    UniaxialAnisotropy,
    Zeeman,
)
from .._mesh import (
    Grid,
    Piecewise,
    Pulse,
    Sinusoid,
    bloch_wall,
    head_to_head_wall,
    neel_wall,
    random_state,
    skyrmion,
    uniform,
    vortex,
)
from .._observe import (
    average,
    guiding_centre,
    topological_charge,
    vortex_core,
    wall_angle,
    wall_position,
    wall_state,
    wall_tilt,
    wall_width,
)
from .._torque import NonlocalSTT, Slonczewski, SpinMotiveDamping, SpinOrbit, ZhangLi

ENERGIES: dict[str, Callable] = {
    "Exchange": Exchange,
    "InterlayerExchange": InterlayerExchange,
    "UniaxialAnisotropy": UniaxialAnisotropy,
    "CubicAnisotropy": CubicAnisotropy,
    "ShapeAnisotropy": ShapeAnisotropy,
    "Demag": Demag,
    "InterfacialDMI": InterfacialDMI,
    "BulkDMI": BulkDMI,
    "Zeeman": Zeeman,
    "Oersted": Oersted,
}
TORQUES: dict[str, Callable] = {
    "ZhangLi": ZhangLi,
    "ZhangLi.from_velocity": ZhangLi.from_velocity,
    "NonlocalSTT": NonlocalSTT,
    "Slonczewski": Slonczewski,
    "SpinOrbit": SpinOrbit,
    "SpinMotiveDamping": SpinMotiveDamping,
}
DRIVES: dict[str, Callable] = {"Pulse": Pulse, "Piecewise": Piecewise, "Sinusoid": Sinusoid}


def seeded_random(grid: Grid, seed: int) -> Array:
    """`random_state` from a number."""
    if not isinstance(seed, int):  # swept, a float within the compiled program
        return random_state(grid, jax.random.key(jnp.asarray(seed).astype(jnp.uint32)))
    if not 0 <= seed < 2**32:
        raise ValueError(f"`seed` must be between 0 and 2^32 - 1, got {seed}")
    return random_state(grid, jax.random.key(seed))


seeded_random.__qualname__ = "random"

TEXTURES: dict[str, Callable] = {
    "uniform": uniform,
    "random": seeded_random,
    "bloch_wall": bloch_wall,
    "neel_wall": neel_wall,
    "head_to_head_wall": head_to_head_wall,
    "vortex": vortex,
    "skyrmion": skyrmion,
}


class Observable(NamedTuple):
    """Reads numbers off a state: function(grid=, m=), or with `component` as well.

    unit: SI, "" for a number; of each field where the function returns a named tuple.
    along: the column of it that is a place along x, if one is.
    """

    function: Callable
    unit: str | Mapping[str, str]
    along: str = ""


OBSERVABLES: dict[str, Observable] = {
    "average": Observable(average, ""),
    "wall_position": Observable(wall_position, "m", "wall_position"),
    "wall_width": Observable(wall_width, "m"),
    "wall_angle": Observable(wall_angle, "rad"),
    "wall_tilt": Observable(wall_tilt, "rad"),
    "wall_state": Observable(
        wall_state, {"position": "m", "width": "m", "angle": "rad"}, "wall_state_position"
    ),
    "topological_charge": Observable(topological_charge, ""),
    "vortex_core": Observable(
        vortex_core, {"position": "m", "polarity": ""}, "vortex_core_position_x"
    ),
    "guiding_centre": Observable(guiding_centre, "m", "guiding_centre_x"),
}
