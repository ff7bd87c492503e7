"""Labelled data sets: xarray in memory, zarr on disk.  Both come with `pip install jaxstt[io]`."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, optional_package
from .._mesh import Grid

ZARR_FORMAT = 3
"""Of every store that is written; stores of 2 and 3 are read."""
_AXES = ("x", "y", "z")
_MESH = ("spacing_m", "periodic")
_WHOLE = "written"
"""The attribute of a store that lists what is in it: all chunks of these variables are there."""
_DIGESTS = "sha256"
"""The attribute of stores that are checked by those who wrote them (`sweep`)."""


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
    xarray = optional_package("xarray")
    times, values = np.asarray(t), np.asarray(m)
    if times.ndim != 1 or values.shape != (len(times), 3, *grid.shape):
        raise ValueError(
            f"`m` must have shape {(times.size, 3, *grid.shape)} for {times.size} times, "
            f"got {values.shape}"
        )
    data: dict[str, Any] = {"m": (("t", "component", *_AXES), values, {"units": "1"})}
    for name, (unit, series) in (variables or {}).items():
        values = np.asarray(series)
        if values.shape != times.shape or name in ("m", "magnet", "t", "component", *_AXES):
            raise ValueError(
                f"`variables` must be new names with {times.size} values each, "
                f"got {name} of shape {values.shape}"
            )
        data[name] = ("t", values, {"units": unit})
    if grid.mask is not None:
        data["magnet"] = (_AXES, np.asarray(grid.mask))
    coords = {axis: (axis, grid.centres(axis), {"units": "m"}) for axis in _AXES}
    coords |= {"t": ("t", times, {"units": "s"}), "component": ("component", list(_AXES))}
    for name in (attrs or {}).keys() & {*_MESH, "shape", _WHOLE}:
        raise ValueError(f"`attrs` must not hold {name!r}, which is the grid's or the store's")
    return xarray.Dataset(data, coords, mesh_attributes(grid) | dict(attrs or {}))


def mesh_attributes(grid: Grid) -> dict[str, Any]:
    """What the coordinates do not tell of the grid."""
    return {
        "spacing_m": list(grid.spacing),
        "periodic": [int(p) for p in grid.periodic],
        "shape": list(grid.shape),
    }


def from_dataset(dataset: Any) -> tuple[Grid, Array, Array]:
    """(grid, t, m) of a data set made by `to_dataset`.

    The box may have been cut out of a larger one: the `Grid` begins at 0, and is periodic along
    axes that are whole.
    Raises ValueError naming what is missing, and what the coordinates and the grid tell apart.
    """
    for name in ("m", "t", *_AXES):
        if name not in dataset.variables:
            raise ValueError(f"`dataset` must hold {name!r}, got {list(dataset.variables)}")
    for name in _MESH:
        if name not in dataset.attrs:
            raise ValueError(f"`dataset` must have the attribute {name!r}")
    try:
        return _from_dataset(dataset)
    except (RuntimeError, OSError, SystemError) as error:  # zarr's, for a damaged chunk
        raise ValueError(f"`dataset` cannot be read: {_line(error)}") from None


def _from_dataset(dataset: Any) -> tuple[Grid, Array, Array]:
    m = dataset["m"]
    if set(m.dims) != {"t", "component", *_AXES} or m.sizes["component"] != 3:
        raise ValueError(f"`m` must have 3 components and the axes t, x, y, z, got {dict(m.sizes)}")
    if "component" in m.coords:
        if sorted(m["component"].values.tolist()) != list(_AXES):
            raise ValueError(f"`component` must be x, y, z, got {m['component'].values.tolist()}")
        m = m.sel(component=list(_AXES))
    values = m.transpose("t", "component", *_AXES).values
    spacing, periodic = (_three(dataset.attrs[name], name) for name in _MESH)
    whole = _three(dataset.attrs.get("shape", values.shape[2:]), "shape")
    cut = [n != full for n, full in zip(values.shape[2:], whole, strict=True)]
    periodic = [bool(p) and not c for p, c in zip(periodic, cut, strict=True)]
    grid = Grid(values.shape[2:], spacing, periodic)
    for axis, step in zip(_AXES, grid.spacing, strict=True):
        steps = np.diff(np.asarray(dataset[axis].values, float))
        if not np.all(np.abs(steps - step) <= 1e-3 * step):
            raise ValueError(
                f"`{axis}` must grow by spacing_m = {step:g}, got steps of "
                f"{np.min(steps):g} to {np.max(steps):g}"
            )
    if "magnet" in dataset.variables:
        grid = Grid(grid.shape, grid.spacing, grid.periodic, _magnet(dataset["magnet"]))
    t = np.asarray(dataset["t"].values, float)
    if not np.all(np.isfinite(t)):
        raise ValueError("`t` must be finite")
    return grid, jnp.asarray(t), jnp.asarray(values)


def _three(value: Any, name: str) -> list[float]:
    try:
        three = np.asarray(value, float)
    except (TypeError, ValueError):
        three = np.zeros(0)
    if three.shape != (3,) or (name == "periodic" and not np.all((three == 0) | (three == 1))):
        wanted = {"periodic": "0 or 1", "shape": "numbers of cells"}.get(name, "lengths")
        raise ValueError(f"the attribute {name!r} must be three {wanted}, got {value!r}")
    return three.tolist()


def _magnet(variable: Any) -> Array:
    if set(variable.dims) != set(_AXES):
        raise ValueError(f"`magnet` must have the axes x, y, z, got {variable.dims}")
    values = variable.transpose(*_AXES).values
    if values.dtype.kind not in "biuf" or not np.all((values == 0) | (values == 1)):
        raise ValueError("`magnet` must be true or false (1 or 0)")
    return jnp.asarray(values == 1)


def save_zarr(path: str | os.PathLike, dataset: Any, *, overwrite: bool = False) -> None:
    """Write an `xarray.Dataset` as a zarr store, whole or not at all.

    The format is `ZARR_FORMAT`; every chunk has a checksum.
    Raises ValueError if something is at `path` already, unless overwrite, and for what zarr cannot
    hold; ImportError without zarr.
    """
    zarr = optional_package("zarr")
    path = Path(path)
    if path.exists() and not (overwrite and path.is_dir()):
        hint = "; pass overwrite=True to replace it" if path.is_dir() else " and is no store"
        raise ValueError(f"`path` {path} exists{hint}")
    beside, old = (path.with_name(f".{path.name}.{os.getpid()}{end}") for end in ("", ".old"))
    names = sorted(map(str, dataset.variables))
    stored = _texts(dataset.drop_encoding()).assign_attrs({_WHOLE: names})
    encoding = {name: {"compressors": [_compressor()]} for name in dataset.variables}
    try:
        with zarr.config.set({"array.write_empty_chunks": True}):
            stored.to_zarr(
                beside, mode="w", zarr_format=ZARR_FORMAT, consolidated=False, encoding=encoding
            )
        if path.is_dir():
            path.rename(old)
        beside.replace(path)
    except (TypeError, NotImplementedError) as error:
        raise ValueError(f"`dataset` holds what zarr cannot: {_line(error)}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _compressor() -> Any:
    if ZARR_FORMAT == 2:
        return optional_package("numcodecs").Zstd(level=3, checksum=True)
    return __import__("zarr.codecs").codecs.ZstdCodec(level=3, checksum=True)


def _texts(dataset: Any, kind: Any = None) -> Any:
    """The data set with its texts as that kind, which format 3 has none of fixed width for."""
    kind = kind or (str if ZARR_FORMAT == 2 else np.dtypes.StringDType())
    texts = {n: v for n, v in dataset.variables.items() if v.dtype.kind in "TU"}
    return dataset.assign(
        {
            n: (v.dims, np.array(v.values.tolist(), kind).reshape(v.shape), v.attrs)
            for n, v in texts.items()
        }
    )


def load_zarr(path: str | os.PathLike) -> Any:
    """The `xarray.Dataset` of a zarr store, read when it is needed.

    Raises ValueError if there is none or something of what `save_zarr` wrote is missing (zarr
    itself would read zeros); ImportError without xarray and zarr.
    """
    xarray = optional_package("xarray")
    zarr = optional_package("zarr")
    if not Path(path).is_dir():
        raise ValueError(f"`path` must be a zarr store, got {path}")
    try:
        dataset = xarray.open_zarr(path, consolidated=False)
        dataset = _texts(dataset, str)
        names = dataset.attrs.pop(_WHOLE, [])
        names = [] if _DIGESTS in dataset.attrs else names
        arrays = dict(zarr.open_group(path, mode="r").arrays()) if names else {}
    except Exception as error:  # of many kinds
        raise ValueError(f"`path` {path} is no whole zarr store: {_line(error)}") from None
    for name in names:
        if name not in dataset.variables or name not in arrays:
            raise ValueError(f"{name} is not what was written to {path}: it is missing")
        there, chunks = arrays[name].nchunks_initialized, arrays[name].nchunks
        if there != chunks:
            raise ValueError(
                f"{name} is not what was written to {path}: it has {there} of {chunks} chunks"
            )
    return dataset


def _line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__} {error}".split())[:200]
