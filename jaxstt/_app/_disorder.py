"""[disorder]: grains and rough edges of a file, and the values that differ from grain to grain."""

import functools
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._mesh import Grid, by_grain, grains, rough_edges
from ._arguments import arguments, check_keys, read
from ._toml import within

_KEYS = ("mean", "spread")
_SECTIONS = ("magnet", "energy", "torque")


class Disorder(NamedTuple):
    """The keys of [disorder]."""

    seed: int
    """Within the compiled program of a sweep over it an array."""
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


def with_rough_edges(grid: Grid, disorder: Disorder | None, seeds: tuple[int, ...] = ()) -> Grid:
    """The grid with the edges as its mask.  seeds: those that a seed may be that is swept."""
    if disorder is None or disorder.edges is None or disorder.correlation is None:
        return grid
    with within("[disorder]"):
        if grid.mask is not None:
            raise ValueError("`edges` cannot be combined with a `mask` in [grid]")
        how = disorder.edges, disorder.correlation
        mask = _of(disorder.seed, seeds, lambda seed: rough_edges(grid, *how, seed))
        return Grid(grid.shape, grid.spacing, grid.periodic, mask)


def grown(
    tables: dict[str, Any], grid: Grid, folder: Path, seeds: tuple[int, ...] = ()
) -> dict[str, Any]:
    """The tables with an array for each `{ mean = 1e5, spread = 0.1 }`.

    Each has a draw of its own, named by where it stands.  seeds: those that a seed may be that is
    swept.
    """
    disorder, found = read_disorder(tables, folder), list[str]()

    def grow(value: Any, path: tuple[str, ...]) -> Any:
        if isinstance(value, dict) and len(path) > 1 and set(value) & set(_KEYS):
            number = f" {int(path[1]) + 1}" if path[0] in _SECTIONS[1:] else ""
            with within(f"[{path[0]}{number}] `{path[-1]}`:"):
                check_keys(value, _KEYS, "a value that differs from grain to grain")
                found.append(path[-1])
                return _values(value, path, disorder, grid, folder, seeds)
        if isinstance(value, dict):
            return {k: grow(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [grow(v, (*path, str(i))) for i, v in enumerate(value)]
        return value

    whole = {k: grow(v, (k,)) if k in _SECTIONS else v for k, v in tables.items()}
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
    seeds: tuple[int, ...],
) -> Any:
    if disorder is None or disorder.grains is None:
        raise ValueError("needs `grains` in [disorder]")
    for key in _KEYS:
        if key not in value:
            raise ValueError(f"`{key}` is missing")
    mean, spread = (read(key, value[key], float, folder) for key in _KEYS)
    draw, size = zlib.crc32(".".join(path).encode()), disorder.grains
    # What is swept is known within the compiled program only, and by_grain is NumPy.
    swept = isinstance(spread, jax.Array)
    most = 1 / 3 if swept else spread

    def one(seed: int) -> np.ndarray:
        where = _grains(grid.shape, grid.spacing, grid.periodic, size, seed)
        return by_grain(where, 1.0, most, [seed, draw])

    field = jnp.asarray(_of(disorder.seed, seeds, one), float)
    return mean * (1 + 3 * spread * (field - 1) if swept else field)


def grown_sections(tables: dict[str, Any]) -> set[tuple[str, int | str]]:
    """The sections, and the number of each term, that hold a value that differs by grain."""

    def holds(value: Any) -> bool:
        if isinstance(value, dict):
            return bool(set(value) & set(_KEYS)) or any(map(holds, value.values()))
        return isinstance(value, list) and any(map(holds, value))

    found = {(name, k) for k, v in tables["magnet"].items() for name in ["magnet"] if holds(v)}
    lists = ((name, i, v) for name in _SECTIONS[1:] for i, v in enumerate(tables.get(name, [])))
    return found | {(name, i) for name, i, v in lists if any(map(holds, v.values()))}


def _of(seed: Any, seeds: tuple[int, ...], make: Callable[[int], np.ndarray]) -> Any:
    """`make(seed)`; where the seed is an array, the one of `seeds` that it is."""
    if not isinstance(seed, jax.Array):
        return make(seed)
    which = jnp.argmin(jnp.abs(jnp.asarray(seeds, seed.dtype) - seed))
    return jnp.asarray(np.stack([make(s) for s in seeds]))[which]


@functools.lru_cache(maxsize=64)
def _grains(shape: Any, spacing: Any, periodic: Any, size: float, seed: int) -> np.ndarray:
    return grains(Grid(shape, spacing, periodic), size, seed)
