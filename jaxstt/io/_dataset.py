"""Labelled data sets: xarray in memory, zarr on disk.  Both come with `pip install jaxstt[io]`."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from .._grid import Grid

_AXES = ("x", "y", "z")


def _package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise ImportError(f'{name} is missing: pip install "jaxstt[io]"') from None


def to_dataset(
    grid: Grid,
    t: ArrayLike,
    m: ArrayLike,
    *,
    variables: Mapping[str, tuple[str, ArrayLike]] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Any:
    """An `xarray.Dataset` of a run: m(t, component, x, y, z) with named, SI coordinates.

    grid: `Grid`.  t: (T,) s.  m: (T, 3, nx, ny, nz), as `evolve` saves it.
    variables: more series in time, name: (unit, (T,) values).  attrs: kept with the data set.
    A mask becomes the variable `magnet`.
    Raises ValueError for shapes that do not fit, ImportError without xarray.
    """
    xarray = _package("xarray")
    times, values = np.asarray(t), np.asarray(m)
    if times.ndim != 1 or values.shape != (len(times), 3, *grid.shape):
        raise ValueError(
            f"`m` must have shape {(times.size, 3, *grid.shape)} for {times.size} times, "
            f"got {values.shape}"
        )
    data: dict[str, Any] = {"m": (("t", "component", *_AXES), values, {"units": "1"})}
    for name, (unit, series) in (variables or {}).items():
        if np.shape(series) != times.shape or name in ("m", "magnet"):
            raise ValueError(
                f"`variables` must be new names with {times.size} values each, "
                f"got {name} of shape {np.shape(series)}"
            )
        data[name] = ("t", np.asarray(series), {"units": unit})
    if grid.mask is not None:
        data["magnet"] = (_AXES, np.asarray(grid.mask))
    coords = {axis: (axis, grid.centres(axis), {"units": "m"}) for axis in _AXES}
    coords |= {"t": ("t", times, {"units": "s"}), "component": ("component", list(_AXES))}
    return xarray.Dataset(data, coords, mesh_attributes(grid) | dict(attrs or {}))


def mesh_attributes(grid: Grid) -> dict[str, Any]:
    """What the coordinates do not tell of the grid."""
    return {"spacing_m": list(grid.spacing), "periodic": [int(p) for p in grid.periodic]}


def from_dataset(dataset: Any) -> tuple[Grid, Array, Array]:
    """(grid, t, m) of a data set made by `to_dataset`.

    Raises ValueError naming what is missing.
    """
    for name in ("m", "t", *_AXES):
        if name not in dataset.variables:
            raise ValueError(f"`dataset` must hold {name!r}, got {list(dataset.variables)}")
    for name in ("spacing_m", "periodic"):
        if name not in dataset.attrs:
            raise ValueError(f"`dataset` must have the attribute {name!r}")
    m = dataset["m"].transpose("t", "component", *_AXES).values
    mask = None
    if "magnet" in dataset.variables:
        mask = jnp.asarray(dataset["magnet"].transpose(*_AXES).values)
    periodic = [bool(p) for p in dataset.attrs["periodic"]]
    grid = Grid(m.shape[2:], tuple(dataset.attrs["spacing_m"]), periodic, mask)
    return grid, jnp.asarray(dataset["t"].values), jnp.asarray(m)


def save_zarr(path: str | os.PathLike, dataset: Any, *, overwrite: bool = False) -> None:
    """Write an `xarray.Dataset` as a zarr store, whole or not at all.

    Raises ValueError if something is at `path` already, unless overwrite; ImportError without zarr.
    """
    _package("zarr")
    path = Path(path)
    if path.exists() and not overwrite:
        raise ValueError(f"`path` {path} exists; pass overwrite=True to replace it")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        dataset.to_zarr(beside, mode="w", zarr_format=2, consolidated=False)
        if path.is_dir():
            shutil.rmtree(path)
        beside.replace(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def load_zarr(path: str | os.PathLike) -> Any:
    """The `xarray.Dataset` of a zarr store, read when it is needed.

    Raises ValueError if there is none, ImportError without xarray and zarr.
    """
    xarray = _package("xarray")
    _package("zarr")
    if not Path(path).is_dir():
        raise ValueError(f"`path` must be a zarr store, got {path}")
    return xarray.open_zarr(path, consolidated=False)
