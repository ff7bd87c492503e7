"""`jaxstt movie`: the snapshots of a run, drawn one after the other."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from .._mesh import Grid
from ..io import from_dataset, load_zarr, read_magnetisation, read_ovf
from ..plot import movie
from ._run_table import WINDOW


class Snapshots(NamedTuple):
    """The states of a run."""

    grid: Grid
    t: np.ndarray
    left: np.ndarray
    """Where x begins, m, (T,)."""
    states: Iterable[Any]


def make_movie(run: Path, path: Path, every: int = 1, **how: Any) -> int:
    """The number of states drawn."""
    if every < 1:
        raise ValueError(f"`--every` must be >= 1, got {every}")
    found = _snapshots(run, every)
    if found.t.size < 2:
        raise ValueError(f"`--every` {every} leaves {found.t.size} snapshot of {str(run)!r}")
    movie(path, found.grid, found.t, found.states, left=found.left, **how)
    return found.t.size


def _snapshots(run: Path, every: int) -> Snapshots:
    if run.suffix == ".zarr" and run.is_dir():
        return _from_zarr(run, every)
    if not run.is_dir():
        raise ValueError(f"`RUN` must be the folder of a run, got {str(run)!r}")
    if (run / "m.zarr").is_dir():
        return _from_zarr(run / "m.zarr", every)
    for pattern in ("m[0-9]*.ovf", "*.omf", "*.ovf"):
        paths = sorted(path for path in run.glob(pattern) if path.name != "m_end.ovf")
        if len(paths) > 1:
            return _from_files(paths[::every])
    raise ValueError(
        f"`RUN`: {str(run)!r} holds no two snapshots; `ovf_every` or `zarr = true` in [output] "
        "makes them"
    )


def _from_zarr(path: Path, every: int) -> Snapshots:
    dataset = load_zarr(path)
    grid, t, m = from_dataset(dataset.isel(t=slice(None, None, every)))
    left = np.asarray(dataset[WINDOW])[::every] if WINDOW in dataset else np.zeros(t.size)
    return Snapshots(grid, np.asarray(t), left, m)


def _from_files(paths: list[Path]) -> Snapshots:
    """Read twice: the times first, then one state after the other, so that any number fits."""
    mesh = read_ovf(paths[0]).grid
    times, left = [], []
    for path in paths:
        found = read_ovf(path)
        if found.t is None:
            raise ValueError(f"`RUN`: {str(path)!r} does not tell its time")
        if (found.grid.shape, found.grid.spacing) != (mesh.shape, mesh.spacing):
            raise ValueError(f"`RUN`: {str(path)!r} is not on the mesh of {str(paths[0])!r}")
        times.append(found.t)
        left.append(found.origin[0])
    grid = Grid(mesh.shape, mesh.spacing)
    states = (read_magnetisation(path)[1] for path in paths)
    return Snapshots(grid, np.asarray(times), np.asarray(left), states)
