"""[initial]: the state that a run starts from, a texture or a file of one of these programs."""

from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._dynamics import LLG
from .._mesh import Grid
from ..io import read_magnetisation
from ._arguments import check_keys, find, load_array, make, read
from ._registry import TEXTURES


class Start(NamedTuple):
    """What [initial] says; a file is read once."""

    table: dict[str, Any]
    folder: Path
    m: np.ndarray | None
    """Unit vectors, 0 in vacuum, (3, nx, ny, nz), of the file; None: a texture."""
    M: np.ndarray | None
    """|M|, A/m, (nx, ny, nz), if the file tells."""

    @classmethod
    def read(cls, table: dict[str, Any], grid: Grid, folder: Path) -> "Start":
        """ValueError for a file that is no state on this grid."""
        if "file" not in table:
            return cls(table, folder, None, None)
        vacuum = read("mask", table.get("mask", False), bool, folder)
        if vacuum and grid.mask is not None:
            raise ValueError("`mask` must not be true with a `mask` in [grid], which is taken")
        return cls(table, folder, *_from_file(table, grid, folder))

    def masked(self, grid: Grid) -> Grid:
        """The grid, with the vacuum of the file as its mask if [initial] asks for it."""
        if self.m is None or not self.table.get("mask", False):
            return grid
        magnet = np.any(self.m != 0, axis=0)
        return grid if magnet.all() else Grid(grid.shape, grid.spacing, grid.periodic, magnet)

    def state(self, grid: Grid) -> Array:
        if self.m is not None:
            return jnp.asarray(self.m, float)
        if "type" not in self.table:
            raise ValueError(f"`type` or `file` is missing (types: {', '.join(TEXTURES)})")
        return make(TEXTURES, self.table, self.folder, grid=grid)

    def other_Ms(self, llg: LLG) -> tuple[str, ...]:
        """That the file was made with another Ms."""
        if self.M is None:
            return ()
        Ms = np.broadcast_to(np.asarray(llg.Ms, float), self.M.shape)
        off = np.where(self.M > 0, np.abs(self.M - Ms), 0.0)
        if np.all(off <= 0.01 * Ms):
            return ()
        k = np.unravel_index(np.argmax(off), off.shape)
        cell = tuple(int(i) for i in k)
        return (
            f"[initial] {self.table['file']!r} holds |M| = {self.M[k]:.6g} A/m in cell {cell}, "
            f"where [magnet] has Ms = {Ms[k]:.6g}: only its direction is taken",
        )


def _from_file(
    table: dict[str, Any], grid: Grid, folder: Path
) -> tuple[np.ndarray, np.ndarray | None]:
    """Unit vectors from a file, 0 in vacuum, and |M|, A/m, if it tells."""
    check_keys(table, ("file", "mask"), "[initial] with `file`")
    path = find(table["file"], folder)
    found = M = None
    if path.suffix.lower() == ".npy":
        m = load_array(path.name, path.parent)
    else:
        found, m, M = read_magnetisation(path)
    if m.shape != (3, *grid.shape):
        raise ValueError(
            f"`file` {path.name!r} must hold a state of shape {(3, *grid.shape)}, got {m.shape}"
        )
    if not np.all(np.abs(m) < 2):  # also of nan; `check_state` squares them
        raise ValueError(f"`file` {path.name!r} must hold unit vectors, got {np.max(np.abs(m)):g}")
    if found is not None and not np.allclose(found.spacing, grid.spacing, rtol=1e-6, atol=0):
        raise ValueError(
            f"`file` {path.name!r} must be on cells of {grid.spacing} m, got {found.spacing}"
        )
    holes = ~np.any(m, axis=0) & (True if grid.mask is None else np.asarray(grid.mask))
    if holes.any() and not table.get("mask", False):
        raise ValueError(
            f"`file` {path.name!r} holds {holes.sum()} cells of zero length where the magnet is; "
            "`mask = true` takes them as vacuum"
        )
    return m, M
