"""A config some of whose numbers are to be fitted: <m>(t) as their function.

A number in [magnet], [[energy]], [[torque]] or [initial] may be written as

    { fit = 0.1 }                            to be fitted, from this first guess
    { fit = 0.1, low = 0.0, high = 1.0 }     between bounds; by default ten times the guess and
                                             zero

[run] is not needed; of it only the settings of the steps count: the times are those of the data.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from diffrax import AbstractAdjoint
from jax import Array

from .._observe import average
from ._config import build_config
from ._open_config import Place, filled, named_places
from ._open_run import OpenRun, with_shape
from ._toml import read_toml, within

_KINDS = {"fit": ("fit", "low", "high")}
_TIMES = ("duration", "save_every", "times")


class Range(NamedTuple):
    """A number to be fitted: first guess and bounds."""

    start: float
    low: float
    high: float


class Averages(eqx.Module):
    """<m>(t) of a config with numbers left open: `Averages(...)({"xi": 0.1, ...})`, (T, 3)."""

    run: OpenRun
    times: Array
    """s, from 0."""
    skip: int = eqx.field(static=True)
    """1 if the data do not begin at 0."""

    def __call__(self, values: Mapping[str, Any], adjoint: AbstractAdjoint | None = None) -> Array:
        llg, m = self.run(values)

        def save(t: Array, m: Array) -> Array:
            return average(m, llg.grid)

        return self.run.saved(llg, m, self.times, save, adjoint=adjoint)[self.skip :]


class FittedConfig(NamedTuple):
    """What `open_config` returns."""

    ranges: dict[str, Range]
    averages: Averages
    shape: tuple[int, ...]


def open_config(
    path: Path, times: np.ndarray, *, shape: tuple[int, ...] | None = None
) -> FittedConfig:
    """The config with the numbers that are to be fitted left open.

    times: s, where <m> is wanted.  shape: other cells for the same magnet, as a cheap model.
    Raises ValueError "file: [section] what is wrong", OSError if the file cannot be read.
    """
    data = path.read_bytes()
    with within(f"{path}:"):
        text, tables = read_toml(data)
        run = tables.pop("run", {})
        places = named_places(tables, _KINDS, "fitted")
        if not places:
            raise ValueError("nothing is fitted: write a number as { fit = 0.1 }")
        ranges = {name: _range(place) for name, place in places.items()}
        if shape is not None:
            tables["grid"] = with_shape(tables, shape)
        begin = np.concatenate([[0.0], times]) if times[0] > 0 else times
        kept = {key: value for key, value in run.items() if key not in _TIMES}
        tables["run"] = {**kept, "times": [float(t) for t in begin]}
        tables["output"] = {"observables": ["average"]}
        start = {name: r.start for name, r in ranges.items()}
        config = build_config(path, text, filled(tables, places, start))
    for name, r in ranges.items():
        for end in (r.low, r.high):
            with within(f"{path}: {places[name].where} = {end:g}:"):
                near = r.start + (end - r.start) * (1 - 1e-6)
                build_config(path, "", filled(tables, places, {**start, name: near}))
    run = OpenRun.of(config, tables, places)
    averages = Averages(run, jnp.asarray(begin), int(times[0] > 0))
    return FittedConfig(ranges, averages, config.llg.grid.shape)


def _range(place: Place) -> Range:
    with within(f"{place.where}:"):
        for key, value in place.told.items():
            number = type(value) in (int, float) and math.isfinite(value)
            if key in _KINDS["fit"] and not number:
                raise ValueError(f"`{key}` must be a finite number, got {value!r}")
        told = {key: float(place.told[key]) for key in _KINDS["fit"] if key in place.told}
        start = told["fit"]
        ends = (min(0.0, 10 * start), max(0.0, 10 * start))
        low, high = told.get("low", ends[0]), told.get("high", ends[1])
        if not low < start < high:
            raise ValueError(
                f"`fit` must be between `low` and `high`, got {start:g}, {low:g} and {high:g}"
            )
        return Range(start, low, high)
