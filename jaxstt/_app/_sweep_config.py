"""A config some of whose numbers are ranges: the points, and the simulation as their function.

A number in [magnet], [[energy]], [[torque]], [initial] or [thermal], and the seed of [disorder],
may be written as

    { from = 0.0, to = 0.1, steps = 5 }    evenly, with `log = true` evenly in the logarithm
    { values = [0.0, 0.02, 0.1] }          a list
    { low = 0.0, high = 0.1 }              drawn evenly (`log = true`: in the logarithm), as a Latin
                                           hypercube or, [sweep] `design = "random"`, independently

also as a component of a vector or inside a drive.  Ranges and lists make a grid, a dimension each;
what is drawn makes [sweep] `points` points.  `name` and `unit` may be given besides.
"""

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._core import require_memory
from .._dynamics import check_state
from .._sweep import Space, latin_design, random_design
from .._sweep import grid as grid_of
from ._arguments import arguments, one_of
from ._config import Config, Output, build_config, load_config
from ._hints import coarse_cells
from ._open_config import SECTIONS, Place, Recipe, Simulation, filled, named_places
from ._toml import read_toml, within

_KINDS = {
    "from": ("from", "to", "steps", "log"),
    "values": ("values",),
    "low": ("low", "high", "log"),
}
_SECTIONS = (*SECTIONS, "thermal", "disorder")
_DESIGNS = {"latin": latin_design, "random": random_design}


class Sweep(NamedTuple):
    """A config that is swept, ready to run."""

    config: Config
    """At the first point."""
    space: Space
    function: Simulation
    units: dict[str, str]
    version: str
    """All that the config says besides the points."""
    chunk: int | None

    @property
    def may_be_nan(self) -> tuple[str, ...]:
        """What a wall that is gone, or was not followed for long enough, does not have."""
        wall = "wall_velocity" in self.config.output.observables
        return ("wall_velocity", "precession") if wall else ()


class Settings(NamedTuple):
    """The keys of [sweep]."""

    points: int | None = None
    seed: int = 0
    design: str = "latin"
    chunk: int | None = None


def load_sweep(path: Path) -> Sweep:
    """The sweep that the file describes.

    Raises ValueError "file: [section] what is wrong", OSError if the file cannot be read.
    """
    data = path.read_bytes()
    with within(f"{path}:"):
        text, tables = read_toml(data)
        own = tables.pop("sweep", {})
        with within("[sweep]"):
            settings = Settings(**arguments(Settings, own, path.parent))
        places = named_places(tables, _KINDS, "swept", _SECTIONS)
        if not places:
            build_config(path, text, tables)  # says what it makes of a misspelt range
            raise ValueError(
                "nothing is swept: write a number as { from = 0.0, to = 0.1, steps = 5 }, "
                "{ values = [...] } or { low = 0.0, high = 0.1 }"
            )
        space = _space(places, settings, own)
        units = {name: place.unit for name, place in places.items()}
        config = build_config(path, text, filled(tables, places, _point(space, 0)))
        if config.times is None:
            raise ValueError("[run] is missing: a sweep runs in time")
        _check_output(config)
        recipe = Recipe(config, tables, places, _seeds(places, space))
        told = _check_every_point(recipe, space)
        config = dataclasses.replace(config, warnings=(*config.warnings, *told))
    function = Simulation(config.llg, config.m0, recipe)
    units = {name: u for name, u in units.items() if u} | function.units()
    known = json.dumps(filled(tables, places, dict.fromkeys(places, 0.0)), sort_keys=True)
    return Sweep(config, space, function, units, known, settings.chunk)


def first_config(path: Path) -> Config:
    """The config of the file, at its first point if numbers of it are swept."""
    tables = read_toml(path.read_bytes())[1]
    swept = "sweep" in tables or named_places(tables, _KINDS, "swept", _SECTIONS)
    return load_sweep(path).config if swept else load_config(path)


def _space(places: dict[str, Place], settings: Settings, told: Iterable[str]) -> Space:
    """told: the keys of [sweep] that the file has."""
    drawn = [name for name, place in places.items() if "low" in place.told]
    if not drawn:
        idle = [key for key in ("points", "seed", "design") if key in told]
        if idle:
            raise ValueError(
                f"[sweep] `{idle[0]}` has a meaning only with {{ low = ..., high = ... }}"
            )
        return grid_of({name: _values(place) for name, place in places.items()})
    if len(drawn) < len(places):
        other = next(n for n in places if n not in drawn)
        raise ValueError(
            f"`{drawn[0]}` is drawn and `{other}` is not: write all as {{ low, high }} or none"
        )
    if settings.points is None:
        raise ValueError("[sweep] `points` is missing: how many are to be drawn?")
    with within("[sweep]"):
        ranges = {name: _range(place) for name, place in places.items()}
        if settings.points < 1:
            raise ValueError(f"`points` must be >= 1, got {settings.points}")
        one_of("design", settings.design, _DESIGNS)
        return _DESIGNS[settings.design](settings.points, settings.seed, ranges)


def _number(place: Place, key: str) -> float:
    if key not in place.told:
        raise ValueError(f"`{key}` is missing")
    value = place.told[key]
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"`{key}` must be a finite number, got {value!r}")
    return float(value)


def _is_log(place: Place) -> bool:
    log = place.told.get("log", False)
    if not isinstance(log, bool):
        raise ValueError(f"`log` must be true or false, got {log!r}")
    return log


def _values(place: Place) -> np.ndarray:
    with within(f"{place.where}:"):
        if "values" in place.told:
            values = place.told["values"]
            good = isinstance(values, list) and values
            if not good or any(type(v) not in (int, float) or not math.isfinite(v) for v in values):
                raise ValueError(f"`values` must be a list of finite numbers, got {values!r}")
            return np.asarray(values, float)
        start, stop, steps = _number(place, "from"), _number(place, "to"), place.told.get("steps")
        if type(steps) is not int or steps < 2:
            raise ValueError(f"`steps` must be a whole number >= 2, got {steps!r}")
        require_memory(8.0 * steps, f"`steps` = {steps}")
        if start == stop:
            raise ValueError(f"`from` and `to` must differ, got {start:g} for both")
        if not _is_log(place):
            return np.linspace(start, stop, steps)
        if start * stop <= 0:
            raise ValueError(
                f"`from` and `to` must have one sign with `log`, got {start:g}, {stop:g}"
            )
        return np.geomspace(start, stop, steps)


def _range(place: Place) -> tuple:
    with within(f"{place.where}:"):
        if place.whole:
            raise ValueError("must not be drawn: whole numbers are { values = [...] }")
        ends = _number(place, "low"), _number(place, "high")
        if not ends[0] < ends[1]:
            raise ValueError(f"`low` must be below `high`, got {ends[0]:g}, {ends[1]:g}")
        return ("log", *ends) if _is_log(place) else ends


def _seeds(places: dict[str, Place], space: Space) -> tuple[int, ...]:
    """Of [disorder], each once."""
    name = next((name for name, p in places.items() if p.path[0] == "disorder"), None)
    if name is None:
        return ()
    column = space.columns(np.arange(space.size))[name]
    return tuple(int(places[name].value(float(x))) for x in np.unique(column))


def _point(space: Space, i: int) -> dict[str, float]:
    return {name: float(v[0]) for name, v in space.columns(np.asarray([i])).items()}


@contextmanager
def _at(space: Space, i: int) -> Iterator[None]:
    """Name the point in what is wrong there."""
    where = ", ".join(f"{name} = {value:.6g}" for name, value in _point(space, i).items())
    with within(f"at {where}:"):
        yield


def _check_every_point(recipe: Recipe, space: Space) -> list[str]:
    """Warnings; ValueError for a point that is no simulation.

    What is built within the compiled program is not checked there: values are not known to it.
    """
    seen: dict[str, tuple[int, str]] = {}
    for i in range(space.size):
        with _at(space, i):
            tables = filled(recipe.tables, recipe.places, _point(space, i))
            llg = recipe.llg(recipe.config.llg, tables)
            recipe.settings(tables)
            if recipe.starts:
                with within("[initial]"):
                    check_state(llg, recipe.start(recipe.config.m0, llg.grid, tables))
        for warning in coarse_cells(llg):
            seen.setdefault(warning.partition(" exceeds ")[2].partition(" = ")[0], (i, warning))
    return [f"point {i + 1}: {warning}" for i, warning in seen.values() if i > 0]


def _check_output(config: Config) -> None:
    """ValueError for results that there would not be."""
    for key, default in Output._field_defaults.items():
        if key not in ("observables", "component") and getattr(config.output, key) != default:
            raise ValueError(f"[output] `{key}` has no meaning in a sweep, which keeps numbers")
    if not config.output.observables:
        raise ValueError("[output] `observables` must name at least one, got none")
    times = config.times
    if times is None or "wall_velocity" not in config.output.observables:
        return
    if np.sum(times >= (times[0] + times[-1]) / 2) < 4:
        raise ValueError(
            "[run] must save at least 8 times, 4 of them in its second half, for `wall_velocity`"
        )
