"""Model `llg1d`: the Landau-Lifshitz-Gilbert equation along the wire, simulated for each drive."""

import math
from collections.abc import Mapping
from typing import ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt

from .._data import Measurements
from .._errors import InputError
from .._parameters import MATERIAL, POLARISATION
from ._base import (
    PRECESSION,
    VELOCITY,
    Model,
    Predictor,
    Rows,
    check_cell,
    check_plane,
    check_wall_rows,
    collective_wall,
    effective,
    field_vector,
    hard_is_b,
    interface_terms,
    period,
    relaxation_times,
    steps_in,
)

_SAMPLES = 64
"""Saved times in the record of each run; at least 30 per half turn."""
_CELLS_PER_WIDTH = 3.5
"""With fourth-order stencils the velocity is then right to 0.1 %; the data's own mesh, made for
second order, would not be finer but wrong by (d/lambda)^2/6."""
_CELLS_PER_TURN = 2.5
"""Cells per width where a running wall is narrowest, which it passes quickly."""
_PER_CELL, _PER_STEP = 25e-9, 3e-6
"""Seconds that a cell and a step take."""
_PERIODS = 1.6
"""Length of a running wall's record; one whole period must remain when the fit moves."""


def _narrowest(wall: jaxstt.CollectiveWall, motion: jaxstt.WallMotion) -> float:
    """The smallest width, m, that any of the walls passes through: running ones see all angles."""
    running = ~np.asarray(motion.locked)
    ends = [float(wall.width(phi)) for phi in (0.0, np.pi / 2)] if running.any() else []
    return min([float(np.min(np.asarray(motion.width))), *ends])


class LLG1D(Model):
    """A wall in a 1-D wire under each drive, by `jaxstt.evolve` with the lean fixed step.

    energies: exchange A, anisotropy K along the easy axis, K_perp along the hard one, field, DMI;
    torques: Zhang-Li with n0, spin-orbit.  Each run starts from the collective wall's state at the
    current parameters, so that little transient is left; a running wall is averaged over periods.
    `fit` reaches it from wall1d by space mapping: a few runs without derivatives.
    Observables as `wall1d`, without drift velocities.
    """

    name = "llg1d"
    cheaper = "wall1d"
    observables = (VELOCITY, PRECESSION)
    tolerance = 1e-3

    def needs(self, data: Measurements) -> tuple[str, ...]:
        return (*POLARISATION, *MATERIAL)

    def prepare(self, data: Measurements, values: Mapping[str, float]) -> "WirePredictor":
        self.check_rows(data)
        data.sample.require("easy_axis", model=self.name)
        check_wall_rows(data, self.name)
        check_cell(data, values["A"], values["K"])
        check_plane(data, values)
        return WirePredictor(data, values)


class WirePredictor(Predictor):
    """`LLG1D` for one set of data: the grid and the times are chosen once, at the start values."""

    name: ClassVar[str] = LLG1D.name
    own_constants: ClassVar[bool] = False
    rows: Rows
    times: Array
    """(drives, T), s: 0 and then the record, after the settling time."""
    begin: Array
    """Start position of each wall, m, so that its path is centred."""
    grid: jaxstt.Grid
    drives: int = eqx.field(static=True)
    charge: int = eqx.field(static=True)
    easy: str = eqx.field(static=True)
    hard_is_b: bool = eqx.field(static=True)
    period: float = eqx.field(static=True)

    def __init__(self, data: Measurements, values: Mapping[str, float]):
        self.rows = Rows(data, LLG1D.observables)
        self.drives = self.rows.j.size
        self.charge, self.easy = data.sample.charge, str(data.sample.easy_axis)
        self.hard_is_b = hard_is_b(data)
        wall = collective_wall(values, self.charge, self.hard_is_b)
        motion = wall.motion(self.rows.j, self.rows.B, self.rows.plane)
        self.period = period(values, self.rows.plane)
        settle, length = _durations(wall, self.rows.plane, motion, self.period)
        record = np.linspace(settle, settle + length, _SAMPLES).T
        self.times = jnp.asarray(np.hstack([np.zeros((self.drives, 1)), record]))
        path = np.asarray(motion.velocity) * (settle + length)
        width = math.sqrt(values["A"] / values["K"])
        cell = min(width / _CELLS_PER_WIDTH, _narrowest(wall, motion) / _CELLS_PER_TURN)
        cells = (1.3 * float(np.max(np.abs(path))) + 24 * width) / cell
        nx = 32 * math.ceil(cells / 32)
        if nx > 16384:
            raise InputError(
                f"{data.path}: model llg1d would need {nx} cells of {cell:.3g} m to follow the "
                "fastest wall; use wall1d, or exclude the row nearest breakdown"
            )
        self.grid = jaxstt.Grid((nx, 1, 1), (cell, cell, cell))
        self.begin = jnp.asarray(nx * cell / 2 - path / 2)

    def __call__(self, values: Mapping[str, Array]) -> Array:
        return self.predict(values, diffrax.ForwardMode())

    def predict(
        self, values: Mapping[str, Array], adjoint: diffrax.AbstractAdjoint | None
    ) -> Array:
        """The same, differentiable as `jaxstt.evolve` is with this adjoint."""
        start = collective_wall(values, self.charge, self.hard_is_b).motion(
            self.rows.j, self.rows.B, self.rows.plane
        )
        velocity, precession = jaxstt.parallel_map(
            lambda drive: self._run(values, adjoint, *drive),
            (self._forces(), self.times, self.begin, start.angle, start.width),
        )
        return self.rows.select(velocity, precession)

    def measure(self, values: Mapping[str, float]) -> np.ndarray:
        """The same without derivatives."""
        known = {name: jnp.asarray(value, float) for name, value in values.items()}
        return np.asarray(_measure(self, known))

    def seconds(self, values: Mapping[str, float]) -> float:
        """About how long `measure` takes, s, on the devices there are."""
        known = {name: jnp.asarray(value, float) for name, value in values.items()}
        llg = self._llg(known, *jax.tree.map(lambda x: x[0], self._forces()))
        span = float(jnp.sum(self.times[:, -1]))
        step = self.grid.shape[0] * _PER_CELL + _PER_STEP
        return steps_in(llg, span) * step / min(self.drives, jax.local_device_count())

    def _forces(self) -> tuple[Array, Array, Array | None]:
        """(j, B, (B_a, B_b)) of each drive, drives first."""
        plane = self.rows.plane
        return self.rows.j, self.rows.B, None if plane is None else plane.T

    def _run(self, values, adjoint, force, times, begin, angle, width) -> tuple[Array, Array]:
        make = jaxstt.head_to_head_wall if self.easy == "x" else jaxstt.bloch_wall
        m0 = make(self.grid, width, position=begin, charge=self.charge, angle=angle)
        sol = jaxstt.evolve(
            self._llg(values, *force),
            m0,
            times,
            save=jaxstt.WallTracker(self.grid, self.easy),
            solver=jaxstt.FixedStep(),
            adjoint=adjoint,
            throw=False,
        )
        record = jax.tree.map(lambda x: x[1:], sol.m)
        motion, sound = jaxstt.mean_motion(self.grid, times[1:], record, period=self.period)
        # A trial whose record cannot be read must be refused by the solver, never be trusted:
        # NaN residuals are infinite chi2 there.
        keep = lambda x: jnp.where(sound, x, jnp.nan)  # noqa: E731
        return keep(motion.velocity), keep(motion.precession)

    def _llg(self, values, j, B, plane) -> jaxstt.LLG:
        easy = "xyz".index(self.easy)
        axes = np.eye(3)
        energies, torques = interface_terms(values, j)
        hard = axes[(easy + (2 if self.hard_is_b else 1)) % 3]
        return jaxstt.LLG(
            self.grid,
            Ms=values["Ms"],
            alpha=values["alpha"],
            gamma=values["gamma"],
            energies=(
                jaxstt.Exchange(values["A"], order=4),
                jaxstt.UniaxialAnisotropy(values["K"], axes[easy]),
                jaxstt.UniaxialAnisotropy(-values["K_perp"], hard),
                jaxstt.Zeeman(field_vector(self.easy, B, plane)),
                *energies,
            ),
            torques=(
                jaxstt.ZhangLi(
                    j * axes[0], P=effective(values, "P"), xi=values["xi"], n0=values["n0"], order=4
                ),
                *torques,
            ),
        )


@eqx.filter_jit
def _measure(wire: WirePredictor, values: Mapping[str, Array]) -> Array:
    return wire.predict(values, None)


def _durations(
    wall: jaxstt.CollectiveWall, plane: Array | None, motion: jaxstt.WallMotion, period: float
) -> tuple[np.ndarray, np.ndarray]:
    """(settling time, length of the record), s, for each drive; the runs start at the answer."""
    relax = relaxation_times(wall, plane, motion.angle)[1]
    locked = np.asarray(motion.locked)
    turn = period / np.where(locked, 1.0, np.abs(np.asarray(motion.precession)))
    settle = np.where(locked, 2 * relax, np.minimum(relax, turn))
    return settle, np.where(locked, relax, _PERIODS * turn)
