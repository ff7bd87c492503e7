"""The states of a run in a zarr store, one after the other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..io import ZARR_FORMAT, mesh_attributes
from ._config import Config
from ._run_table import WINDOW

if TYPE_CHECKING:
    import zarr


class ZarrStates:
    """The states in a zarr store that xarray opens: m (t, component, x, y, z), t in s, x in m.

    Of a window that moves along a wire, `window` (t), m, is where its x begins.
    """

    def __init__(self, path: Path, config: Config, saved: int = 0):
        """saved: times of a run that goes on; what was written after them is written again."""
        import zarr

        grid = config.llg.grid
        if saved:
            self.store = zarr.open_group(path, mode="r+")
            names = [name for name in ("t", "m", WINDOW) if name in self.store]
            self.arrays = {name: cast("zarr.Array", self.store[name]) for name in names}
            for array in self.arrays.values():
                array.resize((saved, *array.shape[1:]))
            return
        self.store = zarr.open_group(
            path, mode="w", zarr_format=ZARR_FORMAT, attributes=mesh_attributes(grid)
        )
        none = np.zeros((0, 3, *grid.shape), config.m0.dtype)
        self.arrays = {
            "t": self._create("t", np.zeros(0), ("t",), "s"),
            "m": self._create("m", none, ("t", "component", "x", "y", "z"), "1"),
        }
        if config.window is not None:
            self.arrays[WINDOW] = self._create(WINDOW, np.zeros(0), ("t",), "m")
        for axis in "xyz":
            self._create(axis, grid.centres(axis), (axis,), "m")
        if grid.mask is not None and config.window is None:
            self._create("magnet", np.asarray(grid.mask), ("x", "y", "z"), "1")

    def _create(self, name: str, data: np.ndarray, dims: tuple[str, ...], unit: str) -> Any:
        array = self.store.create_array(
            name,
            shape=data.shape,
            dtype=data.dtype,
            chunks=tuple(max(n, 1) for n in data.shape),
            dimension_names=dims,
            attributes={"units": unit},
        )
        if data.size:
            array[...] = data
        return array

    def append(self, t: np.ndarray, states: np.ndarray, left: np.ndarray) -> None:
        """left: where the window begins, m, (T,)."""
        new = {"m": states, WINDOW: left, "t": np.asarray(t, float)}
        for name, rows in new.items():
            if name in self.arrays:
                self.arrays[name].append(rows, axis=0)
