"""Model `llg2d`: the strip itself, with full magnetostatics, in a piece that follows the wall."""

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt
from jaxstt.tools import map_apart

from .._data import Measurements, Sample
from .._errors import InputError
from ._base import (
    DRIFT,
    PRECESSION,
    VELOCITY,
    Model,
    Predictor,
    Rows,
    check_plane,
    check_wall_rows,
    collective_wall,
    drift_velocity,
    effective,
    field_vector,
    hard_is_b,
    interface_terms,
    period,
    relaxation_times,
    steps_in,
)
from ._piece import Path, Piece, follow

_SETTLE, _RECORD = 96, 64
"""Looks at a wall while it settles, and while it is read."""
_TRANSIENT = 5.0
"""Relaxation times that a steady wall is given; it starts some per cent off."""
_CREEP = 0.3
"""Near breakdown a wall relaxes slower, at most by the inverse of this."""
_PERIODS = 2.2
"""Of a running wall's record, as the collective wall turns; one whole one must be in it."""
_LENGTH, _WIDTHS = 24.0, 2.0
"""Length of the piece in wall widths, and in widths of the strip, along which a wall may tilt."""
_CELLS_PER_WIDTH, _COARSEST = 3.0, 2.0
_THICKEST = 5e-9
"""Cell along the thickness, m, where the sample names none."""
_ROAD = 2**20
"""Cells of the imaginary wire on which the paths are read."""
_TRIES = 3
_PER_CELL, _PER_STEP = 120e-9, 30e-6
"""Seconds that a cell and a step take."""


class LLG2D(Model):
    """A wall in the strip under each drive: exchange, anisotropies, magnetostatics, Zhang-Li, and
    what the header has or a fit asks for of DMI and spin-orbit torques.

    K and K_hard are the sample's crystalline constants; there are no wall constants to estimate.
    Mesh: the sample's `cell_x, cell_y, cell_z`, with second-order stencils, as the simulation that
    it names; otherwise a third of the wall's width and fourth order, layers of at most 5 nm.
    Observables as `wall1d`.
    """

    name = "llg2d"
    cheaper = "wall1d"
    observables = (VELOCITY, PRECESSION, DRIFT)
    tolerance = 1e-2

    def needs(self, data: Measurements) -> tuple[str, ...]:
        return ("xi", "P", "alpha", "Ms", "A", "n0", "gamma")

    def prepare(
        self, data: Measurements, values: Mapping[str, float], refine: float = 1.0
    ) -> "StripPredictor":
        """refine: every cell is made smaller by this factor."""
        self.check_rows(data)
        data.sample.require("width", "thickness", "K", "easy_axis", model=self.name)
        check_wall_rows(data, self.name)
        check_plane(data, {**values, "K": data.sample.cross_section().K_eff})
        return StripPredictor(data, values, refine)


def mesh(
    sample: Sample, width: float, refine: float = 1.0
) -> tuple[tuple[int, int, int], tuple[float, float, float]]:
    """(cells, cell) of a piece of strip around a wall of this width, m."""
    assert sample.width is not None and sample.thickness is not None
    dx = sample.cell_x or width / _CELLS_PER_WIDTH
    if dx > width / _COARSEST:
        raise InputError(
            f"{sample.origin or 'the sample'}: `cell_x_m` must be at most half of the wall width "
            f"lambda = {width:.3g} m for llg2d, got {dx:g}: a coarser mesh pins the wall"
        )
    ny = max(1, round(refine * sample.width / (sample.cell_y or dx)))
    nz = max(1, math.ceil(refine * sample.thickness / (sample.cell_z or _THICKEST) - 0.01))
    dx = dx / refine
    nx = 16 * math.ceil((_LENGTH * width + _WIDTHS * sample.width) / dx / 16)
    return (nx, ny, nz), (dx, sample.width / ny, sample.thickness / nz)


class _Drive(NamedTuple):
    """One drive, or (drives,) of each: what `StripPredictor` has of it, and the wall's start."""

    j: Array
    B: Array
    plane: Array | None
    settle: Array
    record: Array
    angle: Array
    width: Array
    moves: Array | None


class StripPredictor(Predictor):
    """`LLG2D` for one set of data; the mesh and the times are chosen once, at the start values."""

    name: ClassVar[str] = LLG2D.name
    own_constants: ClassVar[bool] = True
    rows: Rows
    drift: Rows
    piece: Piece
    K: Array
    """Crystalline anisotropy along the easy axis, J/m^3."""
    K_hard: Array
    wall: jaxstt.CollectiveWall
    settle: Array
    """(drives,), s, between two looks at a wall that settles."""
    record: Array
    moves: Array | None
    """(drives, looks) cells by which the piece moves; None: as its wall does."""
    observable: tuple[str, ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)
    hard: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    period: float = eqx.field(static=True)

    def __init__(self, data: Measurements, values: Mapping[str, float], refine: float = 1.0):
        sample = data.sample
        constants = sample.cross_section()
        known = {**values, "K": constants.K_eff, "K_perp": constants.K_perp}
        self.rows, self.drift = Rows(data, (VELOCITY, PRECESSION)), Rows(data, (DRIFT,))
        self.observable, self.drives = data.observable, self.rows.j.size
        width = math.sqrt(known["A"] / constants.K_eff)
        shape, cell = mesh(sample, width, refine)
        easy = str(sample.easy_axis)
        length = sample.length or 3 * shape[0] * cell[0]
        self.piece = Piece(jaxstt.Grid(shape, cell), length, easy, sample.charge)
        self.K, self.K_hard = jnp.asarray(sample.K, float), jnp.asarray(sample.K_hard, float)
        self.hard = sample.hard_axis or constants.hard_axis
        self.order = 2 if sample.cell_x else 4
        self.wall = collective_wall(known, sample.charge, hard_is_b(data))
        motion = self.wall.motion(self.rows.j, self.rows.B, self.rows.plane)
        self.period = period(values, self.rows.plane)
        settle, record = _durations(self.wall, self.rows.plane, motion, self.period)
        self.moves = None
        self.settle, self.record = jnp.asarray(settle / _SETTLE), jnp.asarray(record / _RECORD)

    def __call__(self, values: Mapping[str, Array]) -> Array:
        return self.predict(values, diffrax.ForwardMode())

    def predict(
        self, values: Mapping[str, Array], adjoint: diffrax.AbstractAdjoint | None
    ) -> Array:
        """The same, differentiable as `jaxstt.evolve` is with this adjoint."""
        velocity, precession, _ = self.motion(values, adjoint)
        return self._every_row(values, velocity, precession)

    def with_moves_at(self, values: Mapping[str, Array]) -> "StripPredictor":
        """The same, the piece moving as it does at these values: smooth in the parameters."""
        is_open = lambda x: x is None  # noqa: E731
        moves = jnp.asarray(_measure(self, dict(values))[2])
        return eqx.tree_at(lambda p: p.moves, self, moves, is_leaf=is_open)

    def measure(self, values: Mapping[str, float]) -> np.ndarray:
        """The same without derivatives; a wall that had not settled is followed for longer.

        NaN where it still has not.
        """
        known = {name: jnp.asarray(value, float) for name, value in values.items()}
        velocity, precession = (np.full(self.drives, np.nan) for _ in "vp")
        for k in range(_TRIES):
            late = np.flatnonzero(np.isnan(velocity))
            if late.size == 0:
                break
            found = _measure(self._only(late, 2.0**k), known)
            velocity[late], precession[late] = found[0], found[1]
        return np.asarray(self._every_row(known, jnp.asarray(velocity), jnp.asarray(precession)))

    def _only(self, drives: np.ndarray, longer: float) -> "StripPredictor":
        """The same with these drives only, each followed for so many times longer."""
        times = (longer * self.settle[drives], longer * self.record[drives])
        moves = None if self.moves is None else self.moves[drives]
        plane = None if self.rows.plane is None else self.rows.plane[:, drives]
        parts = (self.rows.j[drives], self.rows.B[drives], plane, *times, moves)

        def where(p):
            return (p.rows.j, p.rows.B, p.rows.plane, p.settle, p.record, p.moves)

        return eqx.tree_at(where, self, parts, is_leaf=lambda x: x is None)

    def seconds(self, values: Mapping[str, float]) -> float:
        """About how long `measure` takes, s, on the devices there are."""
        known = {name: jnp.asarray(value, float) for name, value in values.items()}
        plane = None if self.rows.plane is None else self.rows.plane[:, 0]
        llg = self._llg(known, self.rows.j[0], self.rows.B[0], plane)
        span = float(jnp.sum(self.settle) * _SETTLE + jnp.sum(self.record) * _RECORD)
        cells = math.prod(self.piece.grid.shape)
        at_once = min(self.drives, jax.local_device_count())
        return steps_in(llg, span) * (cells * _PER_CELL + _PER_STEP) / at_once

    def _every_row(self, values: Mapping[str, Array], velocity: Array, precession: Array) -> Array:
        is_drift = np.array([o == DRIFT for o in self.observable])
        out = jnp.zeros(is_drift.shape)
        if not is_drift.all():
            out = out.at[~is_drift].set(self.rows.select(velocity, precession))
        if is_drift.any():
            drift = drift_velocity(values, self.drift.j)[self.drift.drive]
            out = out.at[is_drift].set(drift)
        return out

    def motion(
        self, values: Mapping[str, Array], adjoint: diffrax.AbstractAdjoint | None
    ) -> tuple[Array, Array, Array]:
        """(velocity [m/s], <phidot> [rad/s], moves) of each drive.

        NaN where the record cannot be read.
        """
        one = lambda drive: self.run(values, adjoint, drive)  # noqa: E731
        return jaxstt.parallel_map(one, self.every_drive())

    def every_drive(self) -> "_Drive":
        rows, times = self.rows, (self.settle, self.record)
        start = self.wall.motion(rows.j, rows.B, rows.plane)
        plane = None if rows.plane is None else rows.plane.T
        return _Drive(rows.j, rows.B, plane, *times, start.angle, start.width, self.moves)

    def run(
        self,
        values: Mapping[str, Array],
        adjoint: diffrax.AbstractAdjoint | None,
        drive: "_Drive",
    ) -> tuple[Array, Array, Array]:
        """`motion` under one drive."""
        llg = self._llg(values, drive.j, drive.B, drive.plane)
        early, late = None, None
        if drive.moves is not None:
            early, late = drive.moves[:_SETTLE], drive.moves[_SETTLE:]
        path = Path(self.piece.wall(drive.width, drive.angle), jnp.zeros((), jnp.int32))
        path, _, early = follow(self.piece, llg, path, drive.settle, _SETTLE, adjoint, early)
        _, walls, late = follow(self.piece, llg, path, drive.record, _RECORD, adjoint, late)
        return *self._read(walls, drive.record), jnp.concatenate([early, late])

    def _read(self, walls: jaxstt.WallState, interval: Array) -> tuple[Array, Array]:
        spacing = self.piece.grid.spacing
        road = jaxstt.Grid((_ROAD, 1, 1), spacing)
        t = interval * jnp.arange(_RECORD, dtype=interval.dtype)
        there = walls._replace(position=walls.position + spacing[0] * _ROAD / 2)
        motion, sound = jaxstt.mean_motion(road, t, there, period=self.period)
        keep = lambda x: jnp.where(sound, x, jnp.nan)  # noqa: E731
        return keep(motion.velocity), keep(motion.precession)

    def _llg(
        self, values: Mapping[str, Array], j: Array, B: Array, plane: Array | None
    ) -> jaxstt.LLG:
        axes = dict(zip("xyz", np.eye(3), strict=True))
        easy = axes[self.piece.easy]
        field = (
            field_vector(self.piece.easy, B, plane)[:, None, None, None]
            + values["Ms"] * self.piece.outside
        )
        energies, torques = interface_terms(values, j)
        return jaxstt.LLG(
            self.piece.grid,
            Ms=values["Ms"],
            alpha=values["alpha"],
            gamma=values["gamma"],
            energies=(
                jaxstt.Exchange(values["A"], order=self.order),
                jaxstt.UniaxialAnisotropy(self.K, easy),
                jaxstt.UniaxialAnisotropy(-self.K_hard, axes[self.hard]),
                jaxstt.Zeeman(field),
                self.piece.demag,
                *energies,
            ),
            torques=(
                jaxstt.ZhangLi(
                    j * axes["x"],
                    P=effective(values, "P"),
                    xi=values["xi"],
                    n0=values["n0"],
                    order=self.order,
                ),
                *torques,
            ),
        )


def _measure(
    strip: StripPredictor, values: Mapping[str, Array]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`motion` without derivatives; outside of jit, as its runs are of very unlike length."""
    drives = strip.every_drive()
    cost = _SETTLE * drives.settle + _RECORD * drives.record
    bare = eqx.tree_at(lambda s: s.moves, strip, None, is_leaf=lambda x: x is None)
    return map_apart(_run, (bare, values), drives, cost)


def _run(shared: tuple[StripPredictor, Mapping[str, Array]], drive: _Drive):
    strip, values = shared
    return strip.run(values, None, drive)


def _durations(
    wall: jaxstt.CollectiveWall, plane: Array | None, motion: jaxstt.WallMotion, period: float
) -> tuple[np.ndarray, np.ndarray]:
    """(settling time, length of the record), s, for each drive."""
    locked = np.asarray(motion.locked)
    here, relax = relaxation_times(wall, plane, motion.angle)
    turn = period / np.where(locked, 1.0, np.abs(np.asarray(motion.precession)))
    settle = np.where(
        locked, _TRANSIENT * np.minimum(here, relax / _CREEP), np.minimum(2 * relax, 2 * turn)
    )
    return settle, np.where(locked, relax, _PERIODS * turn)
