"""The magnetic field of the current itself."""

import math
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, Kind, Vectors
from .._mesh import AbstractDrive, Grid, as_drive, check_grid, check_number, largest, value_at
from ..constants import MU_0
from ._base import AbstractEnergy

Edges = tuple[float, float]


class Oersted(AbstractEnergy):
    """Field of a current in a straight conductor of rectangular cross-section:  w = -Ms m.B,

        B(y, z) = (mu_0 j/2 pi) int int [(y - y') e_z - (z - z') e_y]/[(y - y')^2 + (z - z')^2]

    over y', z' of the cross-section, infinitely long along x, in closed form at the cells' centres.
    j > 0 along +x makes B_y < 0 above the conductor and B_z > 0 on its side of large y.

    grid: of the LLG.  j: A/m^2, conventional, along +x: a number, or a drive that gives one.
    y, z: (low, high) edges of the conductor, m, counted as the grid's; it may lie outside the grid,
    e.g. a metal 5 nm thick below: z = (-5e-9, 0).  By default the grid's own cross-section.
    A stack is one term for each layer, with its own j.

    Raises ValueError for edges that do not increase, a j that is no number, a grid that repeats
    itself along y or z, and another grid than that of the LLG.
    Source: the law of Biot and Savart; the integrals are those of ln(a^2 + s^2)/2 over s.
    """

    j: Annotated[Any, Kind.NUMBER]
    kernel: Array
    """(3, 1, ny, nz), T m^2/A: B of a unit current density."""
    cells: tuple[tuple[int, ...], tuple[float, ...]] = eqx.field(static=True)
    degree: ClassVar[int] = 1
    applied: ClassVar[bool] = True

    def __init__(
        self,
        grid: Grid,
        j: ArrayLike | AbstractDrive | Any,
        y: Edges | None = None,
        z: Edges | None = None,
    ):
        check_grid(grid)
        if any(grid.periodic[1:]):
            raise ValueError(
                "`grid` of Oersted must not be periodic along y or z, got "
                f"periodic = {grid.periodic}"
            )
        self.j = as_drive("j", j)
        check_number("j", self.j)
        self.cells = grid.shape[1:], grid.spacing[1:]
        across = _edges("y", y, grid.lengths[1])
        up = _edges("z", z, grid.lengths[2])
        y_c, z_c = (
            (np.arange(n) + 0.5) * d for n, d in zip(grid.shape[1:], grid.spacing[1:], strict=True)
        )
        self.kernel = jnp.asarray(_unit(y_c, z_c, across, up)[:, None], float)

    def check(self, grid: Grid) -> None:
        if (grid.shape[1:], grid.spacing[1:]) != self.cells:
            raise ValueError(
                "`grid` of Oersted must be that of the LLG along y and z: "
                f"cells {grid.shape[1:]} of {grid.spacing[1:]} m, got {self.cells[0]} of "
                f"{self.cells[1]} m"
            )

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        return jnp.broadcast_to((value_at(self.j, t) * self.kernel).astype(m.dtype), m.shape)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        return math.sqrt(2) * largest(self.j) * jnp.max(jnp.abs(self.kernel))


def _edges(name: str, given: Edges | None, length: float) -> Edges:
    if given is None:
        return 0.0, length
    try:
        found = np.asarray(given, float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    if found.shape != (2,) or not np.isfinite(found).all() or not found[0] < found[1]:
        raise ValueError(f"`{name}` must be (low, high), m, low < high, got {given!r}")
    return float(found[0]), float(found[1])


def _unit(y: np.ndarray, z: np.ndarray, across: Edges, up: Edges) -> np.ndarray:
    """(3, ny, nz), T m^2/A.  In float64 whatever JAX is set to: differences of logarithms."""
    y_edge = [y[:, None] - edge for edge in across]
    z_edge = [z[None, :] - edge for edge in up]
    B_y = sum(s * t * _whole(a, b) for s, b in _sides(z_edge) for t, a in _sides(y_edge))
    B_z = sum(s * t * _whole(b, a) for s, a in _sides(y_edge) for t, b in _sides(z_edge))
    return MU_0 / (2 * math.pi) * np.stack(np.broadcast_arrays(0.0, -B_y, B_z))


def _sides(edges: list[np.ndarray]) -> list[tuple[int, np.ndarray]]:
    """Value at the low edge less that at the high one."""
    return [(1, edges[0]), (-1, edges[1])]


def _whole(s: np.ndarray, a: np.ndarray) -> np.ndarray:
    """int ln(a^2 + s^2)/2 ds = [s ln(a^2 + s^2) - 2 s + 2 a atan(s/a)]/2, 0 at s = a = 0."""
    r2 = a**2 + s**2
    log = np.log(np.where(r2 > 0, r2, 1.0))
    return s * log / 2 - s + np.abs(a) * np.arctan2(s, np.abs(a))
