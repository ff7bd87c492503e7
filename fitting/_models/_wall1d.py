"""Model `wall1d`: the wall as collective coordinates (q, phi) with a width that follows phi."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._data import Measurements
from .._parameters import MATERIAL, POLARISATION
from ._base import (
    DRIFT,
    GYRATION,
    PINNED,
    PRECESSION,
    TILT,
    VELOCITY,
    Model,
    Predictor,
    Rows,
    check_cell,
    check_plane,
    check_wall_rows,
    collective_wall,
    drift_velocity,
    hard_is_b,
    simulated,
)
from ._gyration import GYRATIONS
from ._readings import READINGS, Shown, wall_tilt

_MOTION = (VELOCITY, PRECESSION, TILT)


class Wall1D(Model):
    """What `jaxstt.CollectiveWall` does under each drive.

    wall_velocity: mean velocity, m/s.  precession_frequency: |<phidot>|/2pi, Hz.
    wall_tilt: |phi - phi at rest|, rad, of a wall that does not turn.
    drift_velocity: U = mu_B P j/(e Ms (1+xi^2)(1+eta)), m/s, which needs no wall.
    The others: `_readings`, and of vortices `_gyration`.
    D, theta_SH and theta_FL, of the header or fitted, and fields across the easy axis: as there.
    """

    name = "wall1d"
    observables = (*_MOTION, DRIFT, *READINGS, *GYRATION)

    def needs(self, data: Measurements) -> tuple[str, ...]:
        kinds = set(data.observable)
        needs = ("xi", "P", "Ms", "n0")
        if simulated(data):
            needs = (*POLARISATION, *MATERIAL)
        if kinds & {*GYRATION}:
            needs = (*dict.fromkeys((*POLARISATION, *needs)), "f_core", "D_G")
        return (*needs, "B_pin") if kinds & {*PINNED} else needs

    def prepare(self, data: Measurements, values: Mapping[str, float]) -> "WallPredictor":
        self.check_rows(data)
        if simulated(data):
            data.sample.require("easy_axis", model=self.name)
            check_wall_rows(data, self.name)
            check_cell(data, values["A"], values["K"])
            check_plane(data, values)
        return WallPredictor(data)


class WallPredictor(Predictor):
    """`Wall1D` for one set of data."""

    motion: Rows
    drift: Rows
    others: tuple[Shown, ...]
    gyrations: tuple[Shown, ...]
    observable: tuple[str, ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)
    charge: int = eqx.field(static=True)
    hard_is_b: bool = eqx.field(static=True)

    def __init__(self, data: Measurements):
        self.motion = Rows(data, _MOTION)
        self.drift = Rows(data, (DRIFT,))
        self.others = tuple(Shown(data, o) for o in READINGS if o in data.observable)
        self.gyrations = tuple(Shown(data, o) for o in GYRATIONS if o in data.observable)
        self.observable = data.observable
        shown = sum(len(group.rows) for group in (*self.others, *self.gyrations))
        self.drives = self.motion.j.size + self.drift.j.size + shown
        self.charge = data.sample.charge
        self.hard_is_b = hard_is_b(data) if simulated(data) else True

    def __call__(self, values: Mapping[str, Array]) -> Array:
        out = jnp.zeros(len(self.observable))

        def fill(out: Array, observables: tuple[str, ...], found: Array) -> Array:
            return out.at[np.flatnonzero(np.isin(self.observable, observables))].set(found)

        if self.drift.j.size:
            U = drift_velocity(values, self.drift.j)[self.drift.drive]
            out = fill(out, (DRIFT,), U)
        for group in self.gyrations:
            out = fill(out, (group.observable,), GYRATIONS[group.observable](values, group))
        if not (self.motion.j.size or self.others):
            return out
        wall = collective_wall(values, self.charge, self.hard_is_b)
        if self.motion.j.size:
            motion = wall.motion(self.motion.j, self.motion.B, self.motion.plane)
            tilt = wall_tilt(wall, motion.angle)
            rows = self.motion.select(motion.velocity, motion.precession, tilt)
            out = fill(out, _MOTION, rows)
        for group in self.others:
            out = fill(out, (group.observable,), READINGS[group.observable](wall, values, group))
        return out
