"""A piece of a strip that follows its wall: a short grid stands for a long strip.

Beyond the piece the strip goes on as two domains, which never change: their field in the piece is
computed once, from the whole strip less the piece,

    B_out = Ms (D_strip - D_piece) m,     m = +-easy, any wall well inside the piece.

When the wall has moved by a cell or more the magnetisation is shifted back by whole cells, and the
last cells of the domain are repeated at the end that is left open: in the wall's stray field they
are tilted by some 1e-4, and a wall must not feel when it is shifted.  Nothing is interpolated, and
B_out does not depend on where the wall is, as long as it stays away from the ends of the piece.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from diffrax import AbstractAdjoint
from jax import Array, lax

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
        nx, dx = grid.shape[0], grid.spacing[0]
        beyond = max(0, round((length / dx - nx) / 2))
        strip = jaxstt.Grid((nx + 2 * beyond, *grid.shape[1:]), grid.spacing)
        m = self._domains(strip, strip.shape[0] / 2)
        part = slice(beyond, beyond + nx)
        whole = _stray_field(strip, jaxstt.Demag(strip), m)[:, part]
        self.outside = whole - _stray_field(grid, self.demag, m[:, part])

    def _domains(self, grid: jaxstt.Grid, middle: float) -> Array:
        """m of the two domains that meet at cell `middle`, (3, nx, ny, nz)."""
        left = (np.arange(grid.shape[0]) + 0.5 < middle)[:, None, None]
        axis = np.eye(3)["xyz".index(self.easy)][:, None, None, None]
        m = np.where(left, self.charge, -self.charge) * axis
        return jnp.asarray(np.broadcast_to(m, (3, *grid.shape)), float)

    def wall(self, width: Array, angle: Array) -> Array:
        """A wall in the middle, (3, nx, ny, nz)."""
        make = jaxstt.head_to_head_wall if self.easy == "x" else jaxstt.bloch_wall
        return make(self.grid, width, charge=self.charge, angle=angle)

    def off_the_middle(self, position: Array) -> Array:
        """By how many whole cells a wall at `position`, m, is ahead of the middle."""
        nx, dx = self.grid.shape[0], self.grid.spacing[0]
        return jnp.round(lax.stop_gradient(position) / dx - nx / 2).astype(jnp.int32)

    def shifted(self, m: Array, cells: Array) -> Array:
        """m moved back by so many cells."""
        nx = self.grid.shape[0]
        return m[:, jnp.clip(jnp.arange(nx, dtype=jnp.int32) + cells, 0, nx - 1)]


def _stray_field(grid: jaxstt.Grid, demag: jaxstt.Demag, m: Array) -> Array:
    """Of unit magnetisation, T m/A."""
    Ms = 1e6  # any that is one
    llg = jaxstt.LLG(grid, Ms=Ms, alpha=0.0, energies=(demag,))
    return jaxstt.effective_field(llg, m) / Ms


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
    moves: (count,) cells that the piece moves after each interval; None: as the wall does.  Where
    the piece is makes a difference of some 1e-6, so that a run is smooth in its parameters, and its
    derivative the limit of differences, only for moves that are given.
    """
    read = jaxstt.WallTracker(piece.grid, piece.easy)

    def one(path: Path, given: Array | None) -> tuple[Path, tuple[jaxstt.WallState, Array]]:
        t = jnp.stack([jnp.zeros_like(interval), interval])
        m = jaxstt.evolve(llg, path.m, t, adjoint=adjoint, throw=False).m[-1]
        wall = read(interval, m)
        gone = path.cells.astype(m.dtype) * piece.grid.spacing[0]
        there = wall._replace(position=wall.position + gone)
        cells = piece.off_the_middle(wall.position) if given is None else given
        return Path(piece.shifted(m, cells), path.cells + cells), (there, cells)

    # Reverse mode would keep every step of every interval: one interval at a time is enough.
    body = one if adjoint is not None else jax.checkpoint(one)
    path, (walls, moved) = lax.scan(body, start, moves, length=count)
    return path, walls, moved
