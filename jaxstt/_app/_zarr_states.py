"""The states of a run in a zarr store, one after the other."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ..io import ZARR_FORMAT, mesh_attributes
from ._config import Config

if TYPE_CHECKING:
    import zarr


class ZarrStates:
    """The states in a zarr store that xarray opens: m (t, component, x, y, z), t in s, x in m."""

    def __init__(self, path: Path, config: Config, saved: int = 0):
        """saved: times of a run that goes on; what was written after them is written again."""
        import zarr

        grid = config.llg.grid
        if saved:
            self.store = zarr.open_group(path, mode="r+")
            self.t, self.m = (cast("zarr.Array", self.store[name]) for name in ("t", "m"))
            for array in (self.t, self.m):
                array.resize((saved, *array.shape[1:]))
            return
        self.store = zarr.open_group(
            path, mode="w", zarr_format=ZARR_FORMAT, attributes=mesh_attributes(grid)
        )
        self.t = self._create("t", np.zeros(0), ("t",), "s")
        self.m = self._create(
            "m",
            np.zeros((0, 3, *grid.shape), config.m0.dtype),
            ("t", "component", "x", "y", "z"),
            "1",
        )
        for axis in "xyz":
            self._create(axis, grid.centres(axis), (axis,), "m")
        if grid.mask is not None:
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

    def append(self, t: np.ndarray, states: np.ndarray) -> None:
        self.m.append(states, axis=0)
        self.t.append(np.asarray(t, float), axis=0)
