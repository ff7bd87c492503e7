"""A config some of whose numbers are ranges: the points, and the simulation as their function.

A number in [magnet], [[energy]], [[torque]] or [initial] may be written as

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
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import axis_index
from .._dynamics import LLG, evolve, relax
from .._mesh import Grid
from .._observe import WallState, WallTracker, count_walls, mean_motion
from .._sweep import Space, latin_design, random_design
from .._sweep import grid as grid_of
from ._arguments import arguments, check_keys, make, one_of, parameters
from ._config import Config, build_config
from ._registry import ENERGIES, TORQUES
from ._run_table import columns_of, unit
from ._start import Start
from ._toml import read_toml, within

_PINNED = 0.05
"""Cells that a wall at rest moves in the window, at most."""
_SECTIONS = ("magnet", "energy", "torque", "initial")
_KINDS = {
    "from": ("from", "to", "steps", "log"),
    "values": ("values",),
    "low": ("low", "high", "log"),
}
_DESIGNS = {"latin": latin_design, "random": random_design}
_MORE = ("name", "unit")
_UNITS = {
    "A": "J/m",
    "K": "J/m^3",
    "K1": "J/m^3",
    "K2": "J/m^3",
    "D": "J/m^2",
    "Ms": "A/m",
    "gamma": "rad/(s T)",
    "j": "A/m^2",
    "B": "T",
    "u": "m/s",
    "n0": "A/m",
    "angle": "rad",
    "alpha": "1",
    "xi": "1",
    "beta": "1",
    "P": "1",
} | dict.fromkeys(("width", "position", "thickness"), "m")
"""Of parameters that mean the same wherever they stand."""


class Place(NamedTuple):
    """A swept number in the tables."""

    path: tuple[str | int, ...]
    told: dict[str, Any]

    @property
    def where(self) -> str:
        section = f"[{self.path[0]}]"
        rest = self.path[1:]
        if self.path[0] in ("energy", "torque"):
            section, rest = f"[{self.path[0]} {int(rest[0]) + 1}]", rest[1:]
        name, *inner = map(str, rest)
        return f"{section} `{name}{''.join(f'[{i}]' for i in inner)}`"

    @property
    def short(self) -> str:
        """The last name on the path, with the component of a vector."""
        names = [str(p) for p in self.path if isinstance(p, str)]
        last = self.path[-1]
        # A drive's value is what it drives.
        name = names[-2] if names[-1] in ("value", "amplitude", "offset", "values") else names[-1]
        return name + (f"_{'xyz'[last]}" if isinstance(last, int) and last < 3 else "")

    @property
    def long(self) -> str:
        return "_".join(
            str(p + 1 if i == 1 and isinstance(p, int) else p) for i, p in enumerate(self.path)
        )


class Sweep(NamedTuple):
    """A config that is swept, ready to run."""

    config: Config
    """At the first point."""
    space: Space
    function: "Simulation"
    units: dict[str, str]
    version: str
    """All that the config says besides the points."""
    chunk: int | None


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
        places = _named(_places(tables))
        if not places:
            raise ValueError(
                "nothing is swept: write a number as { from = 0.0, to = 0.1, steps = 5 }, "
                "{ values = [...] } or { low = 0.0, high = 0.1 }"
            )
        space = _space(places, settings)
        first = {n: float(v[0]) for n, v in space.columns(np.asarray([0])).items()}
        config = build_config(path, text, _filled(tables, places, first))
        _check_ends(path, tables, places, space)
        if config.times is None:
            raise ValueError("[run] is missing: a sweep runs in time")
        _check_observables(config)
    recipe = Recipe(config, tables, places)
    function = Simulation(config.llg, config.m0, recipe)
    units = {name: _unit(place) for name, place in places.items()}
    units = {name: u for name, u in units.items() if u} | function.units()
    known = json.dumps(_filled(tables, places, dict.fromkeys(places, 0.0)), sort_keys=True)
    return Sweep(config, space, function, units, known, settings.chunk)


def _places(tables: Mapping[str, Any]) -> list[Place]:
    found: list[Place] = []

    def look(value: Any, path: tuple) -> None:
        if isinstance(value, dict) and (kind := next((k for k in _KINDS if k in value), None)):
            if "type" not in value and "file" not in value:
                place = Place(path, value)
                if path[0] not in _SECTIONS:
                    raise ValueError(
                        f"[{path[0]}] must not be swept (only {', '.join(_SECTIONS)}), got {value}"
                    )
                with within(f"{place.where}:"):
                    check_keys(value, (*_KINDS[kind], *_MORE), "a swept number")
                found.append(place)
                return
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            if isinstance(inner, dict | list):
                look(inner, (*path, key))

    look(tables, ())
    return found


def _named(places: list[Place]) -> dict[str, Place]:
    shorts = [p.short for p in places]
    found: dict[str, Place] = {}
    for place in places:
        name = place.told.get("name", place.short if shorts.count(place.short) == 1 else place.long)
        with within(f"{place.where}:"):
            for key in _MORE:
                if not isinstance(place.told.get(key, ""), str):
                    raise ValueError(f"`{key}` must be text, got {place.told[key]!r}")
            if not name.isidentifier():
                raise ValueError(f"`name` must be letters, digits and _, got {name!r}")
            if name in found:
                raise ValueError(f"`name` {name!r} is that of another swept number")
        found[name] = place
    return found


def _unit(place: Place) -> str:
    return place.told.get("unit", _UNITS.get(re.sub("_[xyz]$", "", place.short), ""))


def _space(places: dict[str, Place], settings: Settings) -> Space:
    drawn = [name for name, place in places.items() if "low" in place.told]
    if not drawn:
        if settings.points is not None:
            raise ValueError("[sweep] `points` has a meaning only with { low = ..., high = ... }")
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
        if not _is_log(place):
            return np.linspace(start, stop, steps)
        if start * stop <= 0:
            raise ValueError(
                f"`from` and `to` must have one sign with `log`, got {start:g}, {stop:g}"
            )
        return np.geomspace(start, stop, steps)


def _range(place: Place) -> tuple:
    with within(f"{place.where}:"):
        ends = _number(place, "low"), _number(place, "high")
        if not ends[0] < ends[1]:
            raise ValueError(f"`low` must be below `high`, got {ends[0]:g}, {ends[1]:g}")
        return ("log", *ends) if _is_log(place) else ends


def _filled(tables: Any, places: Mapping[str, Place], values: Mapping[str, Any]) -> Any:
    """The tables with numbers at the places."""
    at = {place.path: values[name] for name, place in places.items()}

    def fill(value: Any, path: tuple) -> Any:
        if path in at:
            return at[path]
        if isinstance(value, dict):
            return {k: fill(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [fill(v, (*path, i)) for i, v in enumerate(value)]
        return value

    return fill(tables, ())


def _check_ends(path: Path, tables: Any, places: dict[str, Place], space: Space) -> None:
    """ValueError if the config is none with each parameter at its least and its largest value."""
    columns = {name: values for name, (_, values) in space.axes.items()}
    first = {name: float(values[0]) for name, values in columns.items()}
    for name, values in columns.items():
        for extreme in {float(np.min(values)), float(np.max(values))} - {first[name]}:
            with within(f"{places[name].where} = {extreme:g}:"):
                build_config(path, "", _filled(tables, places, {**first, name: extreme}))


def _check_observables(config: Config) -> None:
    """ValueError for results that there would not be."""
    if not config.output.observables:
        raise ValueError("[output] `observables` must name at least one, got none")
    few = config.times is not None and config.times.size < 8
    if few and "wall_velocity" in config.output.observables:
        raise ValueError("[run] must save at least 8 times for `wall_velocity` of a sweep")


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """How the numbers of a point become a simulation; what does not depend on them is kept."""

    config: Config
    tables: dict[str, Any]
    places: dict[str, Place]

    def llg(self, base: LLG, tables: dict[str, Any]) -> LLG:
        folder = self.config.path.parent
        sections = {place.path[:2] for place in self.places.values()}
        magnet = any(section == "magnet" for section, _ in sections)
        bare = base
        if magnet:
            given = arguments(LLG, tables["magnet"], folder, skip=("energies", "torques"))
            bare = LLG(base.grid, **given)

        def terms(name: str, known: tuple, registry: Mapping[str, Callable]) -> tuple:
            found = []
            for i, term in enumerate(known):
                table = tables[name][i]
                needs_Ms = magnet and "Ms" in parameters(registry[table["type"]])
                if (name, i) in sections or needs_Ms:
                    term = make(registry, table, folder, grid=base.grid, Ms=bare.Ms)
                found.append(term)
            return tuple(found)

        return LLG(
            base.grid,
            Ms=bare.Ms,
            alpha=bare.alpha,
            gamma=bare.gamma,
            energies=terms("energy", base.energies, ENERGIES),
            torques=terms("torque", base.torques, TORQUES),
        )

    def start(self, m0: Array, grid: Grid, tables: dict[str, Any]) -> Array:
        if all(place.path[0] != "initial" for place in self.places.values()):
            return m0
        return Start.read(tables["initial"], grid, self.config.path.parent).state(grid)


class Simulation(eqx.Module):
    """The results of one point: `Simulation(...)(xi=0.1, ...)`."""

    llg: LLG
    m0: Array
    recipe: Recipe = eqx.field(static=True)

    def __call__(self, **values: Array) -> dict[str, Array]:
        recipe, config = self.recipe, self.recipe.config
        tables = _filled(recipe.tables, recipe.places, values)
        llg = recipe.llg(self.llg, tables)
        m = recipe.start(self.m0, llg.grid, tables)
        if config.relax is not None:
            m = relax(llg, m, **config.relax).m
        track = WallTracker(llg.grid, config.output.component)
        axis = axis_index("component", config.output.component)
        wall = "wall_velocity" in config.output.observables

        def save(t: Array, m: Array) -> tuple[dict[str, Array], Any]:
            seen = (track(t, m), count_walls(llg.grid, m, axis) == 1) if wall else None
            return self._columns(llg, t, m), seen

        assert config.times is not None  # `load_sweep` has seen to that
        columns, seen = evolve(llg, m, config.times, save=save, **config.settings).m
        found = {name: values[-1] for name, values in columns.items()}
        if seen is not None:
            found |= _motion(llg.grid, jnp.asarray(config.times, m.dtype), *seen)
        return found

    def _columns(self, llg: LLG, t: Array, m: Array) -> dict[str, Array]:
        output = self.recipe.config.output
        found = columns_of(llg, t, m, output.observables, output.component)
        return {name: jnp.asarray(value) for name, value in found.items()}

    def units(self) -> dict[str, str]:
        shapes = jax.eval_shape(lambda f: f._columns(f.llg, jnp.zeros((), f.m0.dtype), f.m0), self)
        known = {name: unit(name) for name in shapes}
        if "wall_velocity" in self.recipe.config.output.observables:
            known |= {"wall_velocity": "m/s", "precession": "rad/s"}
        return {name: u for name, u in known.items() if u}


def _motion(grid: Grid, t: Array, track: WallState, one: Array) -> dict[str, Array]:
    """Velocity, precession and phase of the wall in the second half of the record.

    phase counts `plot.PHASES`: the wall is gone, rests, moves at a fixed angle, turns, or does none
    of these for long enough.
    """
    half = t.shape[0] // 2
    late = WallState(*(x[half:] for x in track))
    motion, sound = mean_motion(grid, t[half:], late)
    there = jnp.all(one[half:])
    still = jnp.max(late.position) - jnp.min(late.position) < _PINNED * grid.spacing[0]
    phase = jnp.where(motion.locked, jnp.where(still, 1, 2), 3)
    phase = jnp.where(there, jnp.where(sound, phase, 4), 0).astype(jnp.int32)
    return {
        "wall_velocity": jnp.where(there, motion.velocity, jnp.nan),
        "precession": jnp.where(there, motion.precession, jnp.nan),
        "phase": phase,
    }
