"""[disorder]: grains and rough edges of a file, and the values that differ from grain to grain."""

import functools
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from .._mesh import Grid, by_grain, grains, rough_edges
from ._arguments import arguments, check_keys, read
from ._toml import within

_KEYS = ("mean", "spread")


class Disorder(NamedTuple):
    """The keys of [disorder]."""

    seed: int
    grains: float | None = None
    """m, of a grain."""
    edges: float | None = None
    """m, rms of each."""
    correlation: float | None = None
    """m, along an edge."""


def read_disorder(tables: dict[str, Any], folder: Path) -> Disorder | None:
    """What the file says, if it does."""
    if "disorder" not in tables:
        return None
    with within("[disorder]"):
        found = Disorder(**arguments(Disorder, tables["disorder"], folder))
        if (found.edges is None) != (found.correlation is None):
            raise ValueError("`edges` and `correlation` must be given together")
        if found.grains is None and found.edges is None:
            raise ValueError("`grains` or `edges` must be given")
        return found


def with_rough_edges(grid: Grid, disorder: Disorder | None) -> Grid:
    """The grid with the edges as its mask."""
    if disorder is None or disorder.edges is None or disorder.correlation is None:
        return grid
    with within("[disorder]"):
        if grid.mask is not None:
            raise ValueError("`edges` cannot be combined with a `mask` in [grid]")
        mask = rough_edges(grid, disorder.edges, disorder.correlation, disorder.seed)
        return Grid(grid.shape, grid.spacing, grid.periodic, mask)


def grown(tables: dict[str, Any], grid: Grid, folder: Path) -> dict[str, Any]:
    """The tables with an array for each `{ mean = 1e5, spread = 0.1 }`.

    Each has a draw of its own, named by where it stands.
    """
    disorder, found = read_disorder(tables, folder), list[str]()

    def grow(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict) and len(path) > 1 and set(value) & set(_KEYS):
            with within(f"[{path[0]}] `{path[-1]}`:"):
                check_keys(value, _KEYS, "a value that differs from grain to grain")
                found.append(path[-1])
                return _values(value, path, disorder, grid, folder)
        if isinstance(value, dict):
            return {k: grow(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [grow(v, (*path, str(i))) for i, v in enumerate(value)]
        return value

    sections = ("magnet", "energy", "torque")
    whole = {k: grow(v, (k,)) if k in sections else v for k, v in tables.items()}
    if disorder is not None and disorder.grains is not None and not found:
        raise ValueError(
            "[disorder] `grains` has no effect: no value is written as { mean = ..., spread = ... }"
        )
    return whole


def _values(
    value: dict[str, Any],
    path: tuple[str, ...],
    disorder: Disorder | None,
    grid: Grid,
    folder: Path,
) -> Any:
    if disorder is None or disorder.grains is None:
        raise ValueError("needs `grains` in [disorder]")
    for key in _KEYS:
        if key not in value:
            raise ValueError(f"`{key}` is missing")
    mean, spread = (read(key, value[key], float, folder) for key in _KEYS)
    draw = zlib.crc32(".".join(path).encode())
    where = _grains(grid.shape, grid.spacing, grid.periodic, disorder.grains, disorder.seed)
    return mean * jnp.asarray(by_grain(where, 1.0, spread, [disorder.seed, draw]), float)


@functools.lru_cache(maxsize=4)
def _grains(shape: Any, spacing: Any, periodic: Any, size: float, seed: int) -> np.ndarray:
    return grains(Grid(shape, spacing, periodic), size, seed)
