"""[window]: the run is of some columns around the wall, which go with it along [grid]."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import axis_index
from .._dynamics import LLG, Window, end_domains
from .._energy import AbstractEnergy, Demag
from .._mesh import Grid
from .._observe import count_walls, wall_position


class WindowKeys(NamedTuple):
    """The keys of [window]."""

    cells: int
    """Columns in the window."""
    ends: bool = True
    """Whether the domains beyond it act on it, where there is Demag."""


def check_window(keys: WindowKeys, grid: Grid) -> Grid:
    """The box of the window; ValueError for one that does not fit into the wire."""
    nx = grid.shape[0]
    if not 8 <= keys.cells <= nx:
        raise ValueError(f"`cells` must be from 8 to the {nx} of the wire, got {keys.cells}")
    if grid.periodic[0]:
        raise ValueError("cannot move along a wire that is periodic along x; [grid] must not be")
    return Grid((keys.cells, *grid.shape[1:]), grid.spacing, grid.periodic)


def open_window(
    keys: WindowKeys, wire: LLG, demag: tuple[Demag, ...], m0: Array, component: str
) -> tuple[Window, Array]:
    """The window with the wall of m0 in its middle, and m0 in it."""
    grid, axis = wire.grid, axis_index("component", component)
    if int(count_walls(grid, m0, axis)) != 1:
        raise ValueError(f"needs a start with one wall, where m_{component} changes its sign")
    nx, dx = grid.shape[0], grid.spacing[0]
    place = float(wall_position(grid, m0, component)) / dx
    first = round(place - keys.cells / 2)
    if not 0 <= first <= nx - keys.cells:
        raise ValueError(
            f"the wall must begin half a window, {keys.cells / 2 * dx:.3g} m, from the ends of the "
            f"wire, got {place * dx:.3g} m of {nx * dx:.3g}"
        )
    part = m0[:, first : first + keys.cells]
    box = Window(wire, keys.cells, first).grid
    more: list[AbstractEnergy] = [*demag]
    if demag and keys.ends:
        charge = 1 if float(jnp.sum(part[axis, 0])) > 0 else -1
        how = {"length": nx * dx, "component": component, "charge": charge}
        more.append(end_domains(box, _section_of(wire), **how))
    return Window(wire, keys.cells, first, energies=more), part


def _section_of(wire: LLG) -> np.ndarray:
    """Ms, A/m, of each cell (ny, nz) of the cross-section, the mean along the wire."""
    Ms = np.broadcast_to(np.asarray(wire.Ms, float), wire.grid.shape)
    return np.mean(Ms if wire.grid.mask is None else np.where(wire.grid.mask, Ms, 0.0), axis=0)
