"""A config with numbers left open, as a function of them: what each point of a sweep runs."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import axis_index, is_concrete
from .._dynamics import LLG, Thermal, evolve, relax
from .._mesh import Grid
from .._observe import WallState, WallTracker, count_walls, mean_motion
from ._arguments import arguments, check_keys, make, parameters
from ._config import Config
from ._disorder import grown, grown_sections, read_disorder, with_rough_edges
from ._registry import ENERGIES, TORQUES
from ._run_table import columns_of, unit
from ._start import Start
from ._toml import within

SECTIONS = ("magnet", "energy", "torque", "initial")
"""Where a number may be left open."""
_MOST = 2**24
"""Whole numbers are exact in float32 up to here."""
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
    "frequency": "Hz",
    "T": "K",
} | {
    **dict.fromkeys(("width", "position", "thickness", "radius", "core_radius"), "m"),
    **dict.fromkeys(("start", "duration"), "s"),
}
"""Of parameters that mean the same wherever they stand."""
_INNER = ("value", "amplitude", "offset", "values", "mean")
"""Names of what stands for the parameter that it is in."""
_PINNED = 0.05
"""Cells that a wall at rest moves in the window, at most."""


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
    def whole(self) -> bool:
        """Whether it is a whole number."""
        return self.path[-1] == "seed"

    def value(self, number: Any) -> Any:
        """As it stands in the tables; ValueError for a seed that is none."""
        if not self.whole or isinstance(number, jax.Array):
            return number
        with within(f"{self.where}:"):
            if not (number == round(number) and 0 <= number < _MOST):
                raise ValueError(f"must be whole numbers from 0 to 2^24 - 1, got {number:g}")
        return int(number)

    @property
    def short(self) -> str:
        """The last name on the path, with the component of a vector."""
        names = [str(p) for p in self.path if isinstance(p, str)]
        last = self.path[-1]
        # A drive's value is what it drives.
        name = names[-2] if names[-1] in _INNER else names[-1]
        return name + (f"_{'xyz'[last]}" if isinstance(last, int) and last < 3 else "")

    @property
    def unit(self) -> str:
        """SI, if it is known or told; ValueError if it is told another one."""
        known = _UNITS.get(re.sub("_[xyz]$", "", self.short), "")
        told = self.told.get("unit", known)
        if known and told != known:
            raise ValueError(f"{self.where}: `unit` must be {known}, got {told!r}: numbers are SI")
        return told

    @property
    def long(self) -> str:
        return "_".join(
            str(p + 1 if i == 1 and isinstance(p, int) else p) for i, p in enumerate(self.path)
        )


def _kind(value: Any, path: tuple, kinds: Mapping[str, tuple[str, ...]]) -> str:
    """The key that makes a table an open number; "" for what is none."""
    # A section or a term of a list is no number, whatever it is called inside.
    deep = len(path) > (2 if path[:1] in (("energy",), ("torque",)) else 1)
    if not (deep and isinstance(value, dict)) or "type" in value or "file" in value:
        return ""
    return next((key for key in kinds if key in value), "")


def _places(
    tables: Mapping[str, Any],
    kinds: Mapping[str, tuple[str, ...]],
    called: str,
    sections: tuple[str, ...],
) -> list[Place]:
    found: list[Place] = []

    def look(value: Any, path: tuple) -> None:
        if kind := _kind(value, path, kinds):
            place = Place(path, value)
            if path[0] not in sections or (path[0] == "disorder" and path[1] != "seed"):
                raise ValueError(
                    f"[{path[0]}] must not be {called} (only {', '.join(sections)}), got {value}"
                )
            with within(f"{place.where}:"):
                check_keys(value, (*kinds[kind], *_MORE), f"a {called} number")
            found.append(place)
        elif isinstance(value, dict | list):
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                look(inner, (*path, key))

    look(tables, ())
    return found


def named_places(
    tables: Mapping[str, Any],
    kinds: Mapping[str, tuple[str, ...]],
    called: str,
    sections: tuple[str, ...] = SECTIONS,
) -> dict[str, Place]:
    """The numbers that are left open, by name.

    kinds: {key that marks one: all keys it may have}.  called: what it is then, for messages.
    sections: where they may be; of "disorder" its seed.
    Raises ValueError for one where none may be, or with another key, and for two of one name.
    """
    places = _places(tables, kinds, called, sections)
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
                raise ValueError(f"`name` {name!r} is that of another {called} number")
        found[name] = place
    return found


def filled(tables: Any, places: Mapping[str, Place], values: Mapping[str, Any]) -> Any:
    """The tables with numbers at the places."""
    at = {place.path: place.value(values[name]) for name, place in places.items()}

    def fill(value: Any, path: tuple) -> Any:
        if path in at:
            return at[path]
        if isinstance(value, dict):
            return {k: fill(v, (*path, k)) for k, v in value.items()}
        if isinstance(value, list):
            return [fill(v, (*path, i)) for i, v in enumerate(value)]
        return value

    return fill(tables, ())


@dataclasses.dataclass(frozen=True, eq=False)
class Recipe:
    """How the numbers of a point become a simulation; what does not depend on them is kept."""

    config: Config
    tables: dict[str, Any]
    places: dict[str, Place]
    seeds: tuple[int, ...] = ()
    """Of [disorder], if it is swept."""

    def __post_init__(self) -> None:
        if self.config.window is not None:
            raise ValueError("[window] is for `jaxstt simulate`: here the whole wire is run")
        if any(self.config.events):
            raise ValueError("[events] is for `jaxstt simulate`: here every run goes to its end")

    def llg(self, base: LLG, tables: dict[str, Any]) -> LLG:
        folder = self.config.path.parent
        sections = {place.path[:2] for place in self.places.values()}
        if self._another_sample:
            sections |= grown_sections(tables)
            disorder, box = read_disorder(tables, folder), base.grid
            if disorder is not None and disorder.edges is not None:
                box = Grid(box.shape, box.spacing, box.periodic)
                grid = with_rough_edges(box, disorder, self.seeds)
                base = eqx.tree_at(lambda o: o.grid.mask, base, grid.mask)
        tables = grown(tables, base.grid, folder, self.seeds)
        magnet = any(section == "magnet" for section, _ in sections)
        bare = base
        if magnet:
            with within("[magnet]"):
                given = arguments(LLG, tables["magnet"], folder, skip=("energies", "torques"))
                bare = LLG(base.grid, **given)

        def terms(name: str, known: tuple, registry: Mapping[str, Callable]) -> tuple:
            found = []
            for i, term in enumerate(known):
                table = tables[name][i]
                needs_Ms = magnet and "Ms" in parameters(registry[table["type"]])
                if (name, i) in sections or needs_Ms:
                    with within(f"[{name} {i + 1}]"):
                        term = make(registry, table, folder, grid=base.grid, Ms=bare.Ms)
                found.append(term)
            return tuple(found)

        parts = (
            bare.Ms,
            bare.alpha,
            bare.gamma,
            terms("energy", base.energies, ENERGIES),
            terms("torque", base.torques, TORQUES),
        )
        if all(is_concrete(x) for x in jax.tree.leaves(parts)):
            Ms, alpha, gamma, energies, torques = parts
            known = {"Ms": Ms, "alpha": alpha, "gamma": gamma}
            return LLG(base.grid, **known, energies=energies, torques=torques)
        # Within the compiled program nothing is known that could be checked: the same points were.
        return eqx.tree_at(lambda o: (o.Ms, o.alpha, o.gamma, o.energies, o.torques), base, parts)

    @property
    def starts(self) -> bool:
        """Whether the points start from states of their own."""
        return self._another_sample or self._opens("initial")

    @property
    def _another_sample(self) -> bool:
        """Whether the grains and edges of the points are their own."""
        return self._opens("disorder")

    def _opens(self, section: str) -> bool:
        return any(place.path[0] == section for place in self.places.values())

    def settings(self, tables: dict[str, Any]) -> dict[str, Any]:
        """Of `evolve`."""
        settings = self.config.settings
        if not self._opens("thermal"):
            return settings
        with within("[thermal]"):
            known = arguments(Thermal, tables["thermal"], self.config.path.parent)
            return {**settings, "thermal": Thermal(**known)}

    def start(self, m0: Array, grid: Grid, tables: dict[str, Any]) -> Array:
        if not self.starts:
            return m0
        return Start.read(tables["initial"], grid, self.config.path.parent).state(grid)


class Simulation(eqx.Module):
    """The results of one point: `Simulation(...)(xi=0.1, ...)`."""

    llg: LLG
    m0: Array
    recipe: Recipe = eqx.field(static=True)

    def __call__(self, /, **values: Array) -> dict[str, Array]:
        recipe, config = self.recipe, self.recipe.config
        tables = filled(recipe.tables, recipe.places, values)
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
        columns, seen = evolve(llg, m, config.times, save=save, **recipe.settings(tables)).m
        found = {name: values[-1] for name, values in columns.items()}
        if seen is not None:
            found |= _motion(llg.grid, config.times, *seen)
        return found

    def _columns(self, llg: LLG, t: Array, m: Array) -> dict[str, Array]:
        output = self.recipe.config.output
        return columns_of(llg, t, m, output.observables, output.component)

    def units(self) -> dict[str, str]:
        shapes = jax.eval_shape(lambda f: f._columns(f.llg, jnp.zeros((), f.m0.dtype), f.m0), self)
        known = {name: unit(name) for name in shapes}
        if "wall_velocity" in self.recipe.config.output.observables:
            known |= {"wall_velocity": "m/s", "precession": "rad/s"}
        return {name: u for name, u in known.items() if u}


def _motion(grid: Grid, times: np.ndarray, track: WallState, one: Array) -> dict[str, Array]:
    """Velocity, precession and phase of the wall in the second half of the run.

    phase counts `plot.PHASES`: the wall is gone, rests, moves at a fixed angle, turns, or does none
    of these for long enough.  In the first and in the last case there is no mean motion: nan.
    """
    half = int(np.searchsorted(times, (times[0] + times[-1]) / 2))
    late = WallState(*(x[half:] for x in track))
    motion, sound = mean_motion(grid, jnp.asarray(times[half:], track.position.dtype), late)
    there = jnp.all(one[half:])
    still = jnp.max(late.position) - jnp.min(late.position) < _PINNED * grid.spacing[0]
    phase = jnp.where(motion.locked, jnp.where(still, 1, 2), 3)
    phase = jnp.where(there, jnp.where(sound, phase, 4), 0).astype(jnp.int32)
    known = there & sound
    return {
        "wall_velocity": jnp.where(known, motion.velocity, jnp.nan),
        "precession": jnp.where(known, motion.precession, jnp.nan),
        "phase": phase,
    }
