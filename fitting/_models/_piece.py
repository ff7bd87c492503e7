"""A piece of a strip that follows its wall: a short grid stands for a long strip."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from diffrax import AbstractAdjoint
from jax import Array

import jaxstt


class Piece(eqx.Module):
    """The grid of the piece and what stands for the rest of the strip."""

    grid: jaxstt.Grid
    demag: jaxstt.Demag
    outside: Array
    """Field of the domains beyond the piece, per magnetisation: T m/A, (3, nx, ny, nz)."""
    easy: str = eqx.field(static=True)
    charge: int = eqx.field(static=True)

    def __init__(self, grid: jaxstt.Grid, length: float, easy: str, charge: int):
        """length: of the whole strip, m, the piece in its middle."""
        self.grid, self.demag = grid, jaxstt.Demag(grid)
        self.easy, self.charge = easy, charge
        length = max(length, grid.lengths[0])
        ends = jaxstt.end_domains(grid, 1.0, length=length, component=easy, charge=charge)
        self.outside = ends.B

    def wall(self, width: Array, angle: Array) -> Array:
        """A wall in the middle, (3, nx, ny, nz)."""
        make = jaxstt.head_to_head_wall if self.easy == "x" else jaxstt.bloch_wall
        return make(self.grid, width, charge=self.charge, angle=angle)


class Path(NamedTuple):
    """The state where a run ended, and how many cells the piece has moved."""

    m: Array
    cells: Array


def follow(
    piece: Piece,
    llg: jaxstt.LLG,
    start: Path,
    interval: Array,
    count: int,
    adjoint: AbstractAdjoint | None = None,
    moves: Array | None = None,
) -> tuple[Path, jaxstt.WallState, Array]:
    """Run for `count` intervals [s]; where it ended, the wall after each, (count,), and the moves.

    llg: on the grid of the piece, with `piece.demag` and the field Ms `piece.outside`.  Positions
    count from the left end of the piece where it was at the start of all.
    moves: (count,) cells that the piece moves before each interval; None: as the wall does.  Where
    the piece is makes a difference of some 1e-6, so that a run is smooth in its parameters, and its
    derivative the limit of differences, only for moves that are given.
    """
    t = interval * jnp.arange(count + 1, dtype=interval.dtype)
    run = jaxstt.follow(
        llg, start.m, t, component=piece.easy, moves=moves, adjoint=adjoint, throw=False
    )
    gone = start.cells.astype(run.m.dtype) * piece.grid.spacing[0]
    walls = jax.tree.map(lambda x: x[1:], run.wall)
    walls = walls._replace(position=walls.position + gone)
    return Path(run.m, start.cells + run.cells[-1]), walls, jnp.diff(run.cells)
