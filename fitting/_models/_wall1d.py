"""Model `wall1d`: the wall as collective coordinates (q, phi) with a width that follows phi."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._data import Measurements
from .._parameters import NAMES
from ._base import (
    DRIFT,
    PRECESSION,
    VELOCITY,
    Model,
    Predictor,
    Rows,
    check_cell,
    check_wall_rows,
    collective_wall,
    drift_velocity,
    hard_is_b,
    simulated,
)


class Wall1D(Model):
    """Long-time motion of `jaxstt.CollectiveWall` under each drive.

    wall_velocity: mean velocity, m/s.  precession_frequency: |<phidot>|/2pi, Hz.
    drift_velocity: U = mu_B P j/(e Ms (1+xi^2)(1+eta)), m/s, which needs no wall.
    """

    name = "wall1d"
    observables = (VELOCITY, PRECESSION, DRIFT)

    def needs(self, data: Measurements) -> tuple[str, ...]:
        return NAMES if simulated(data) else ("xi", "P", "Ms", "n0")

    def prepare(self, data: Measurements, values: Mapping[str, float]) -> "WallPredictor":
        self.check_rows(data)
        if simulated(data):
            data.sample.require("easy_axis", model=self.name)
            check_wall_rows(data, self.name)
            check_cell(data, values["A"], values["K"])
        return WallPredictor(data)


class WallPredictor(Predictor):
    """`Wall1D` for one set of data."""

    walls: Rows
    drift: Rows
    observable: tuple[str, ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)
    charge: int = eqx.field(static=True)
    hard_is_b: bool = eqx.field(static=True)

    def __init__(self, data: Measurements):
        self.walls = Rows(data, (VELOCITY, PRECESSION))
        self.drift = Rows(data, (DRIFT,))
        self.observable = data.observable
        self.drives = self.walls.j.size + self.drift.j.size
        self.charge = data.sample.charge
        self.hard_is_b = hard_is_b(data) if self.walls.j.size else True

    def __call__(self, values: Mapping[str, Array]) -> Array:
        is_drift = np.array([o == DRIFT for o in self.observable])
        out = jnp.zeros(is_drift.shape)
        if self.drift.j.size:
            U = drift_velocity(values, self.drift.j)[self.drift.drive]
            out = out.at[np.flatnonzero(is_drift)].set(U)
        if self.walls.j.size:
            wall = collective_wall(values, self.charge, self.hard_is_b)
            motion = wall.motion(self.walls.j, self.walls.B)
            rows = self.walls.select(motion.velocity, motion.precession)
            out = out.at[np.flatnonzero(~is_drift)].set(rows)
        return out
