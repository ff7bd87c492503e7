"""A config with values left open that someone else fills in: numbers, drives or fields."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._dynamics import LLG, evolve, relax
from .._integrate import RESULTS
from .._mesh import Grid
from ._arguments import arguments
from ._config import Config, build_config
from ._open_config import Place, Recipe, filled, named_places
from ._toml import read_toml, within

_AT_REST = ("alpha", "gamma")
"""Of [magnet]: what a state at rest does not depend on."""


class OpenRun(eqx.Module):
    """`OpenRun(...)(values)`: the LLG and the state it starts from, once all is known."""

    llg: LLG
    m0: Array
    recipe: Recipe = eqx.field(static=True)
    rest: bool = eqx.field(static=True)
    """Whether the start is relaxed anew for every point."""

    @classmethod
    def of(cls, config: Config, tables: dict[str, Any], places: Mapping[str, Place]) -> "OpenRun":
        """config: at some values, relaxed now if its rest does not depend on them."""
        m0, rest = config.m0, config.relax is not None
        if rest and all(_leaves_rest_alone(place) for place in places.values()):
            m0, rest = relax(config.llg, m0, **(config.relax or {})).m, False
        return cls(config.llg, m0, Recipe(config, tables, dict(places)), rest)

    def __call__(self, values: Mapping[str, Any]) -> tuple[LLG, Array]:
        recipe = self.recipe
        tables = filled(recipe.tables, recipe.places, values)
        llg = recipe.llg(self.llg, tables)
        m = recipe.start(self.m0, llg.grid, tables)
        if self.rest:
            m = relax(llg, m, **(recipe.config.relax or {})).m
        return llg, m

    def saved(
        self, llg: LLG, m0: Array, times: Any, save: Callable[[Array, Array], Any], **more: Any
    ) -> Any:
        """What `evolve` keeps of the run, nan if it breaks down: a search steps back from that."""
        run = evolve(llg, m0, times, save=save, throw=False, **self.settings, **more)
        good = run.result == RESULTS.successful
        return jax.tree.map(lambda x: jnp.where(good, x, jnp.nan), run.m)

    @property
    def times(self) -> np.ndarray:
        """[run] of the config: s."""
        assert self.recipe.config.times is not None
        return self.recipe.config.times

    @property
    def settings(self) -> dict[str, Any]:
        """[run] of the config: for `evolve`."""
        return self.recipe.config.settings

    @property
    def component(self) -> str:
        """[output] of the config: the axis that a wall reverses."""
        return self.recipe.config.output.component


class OpenFile:
    """A TOML file of `jaxstt simulate` in which tables of a caller's own kinds stand for values.

    kinds: {key that marks one: all keys it may have}.  called: what it is then, for messages.
    sections: of the caller, which are taken out.
    Raises ValueError "file: [section] what is wrong", OSError if the file cannot be read.
    """

    def __init__(
        self,
        path: Path,
        kinds: Mapping[str, tuple[str, ...]],
        called: str,
        sections: tuple[str, ...] = (),
    ):
        self.path = path
        data = path.read_bytes()
        with within(f"{path}:"):
            self.text, self.tables = read_toml(data)
            self.sections = {name: self.tables.pop(name, None) for name in sections}
            self.places = named_places(self.tables, kinds, called)
            if "grid" not in self.tables:
                raise ValueError("[grid] is missing")
            with within("[grid]"):
                self.grid = Grid(**arguments(Grid, self.tables["grid"], path.parent))

    def check(self, values: Mapping[str, Any]) -> None:
        """ValueError if the file's run cannot be with these values."""
        self._config(values, None, {})

    def run(
        self,
        values: Mapping[str, Any],
        *,
        shape: tuple[int, ...] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> OpenRun:
        """The run with these values, which are checked.

        shape: of other cells for the same magnet.  settings: keys of [run] to replace.
        """
        config, tables = self._config(values, shape, settings or {})
        with within(f"{self.path}:"):
            return OpenRun.of(config, tables, self.places)

    def _config(
        self,
        values: Mapping[str, Any],
        shape: tuple[int, ...] | None,
        settings: Mapping[str, Any],
    ) -> tuple[Config, dict[str, Any]]:
        with within(f"{self.path}:"):
            tables = dict(self.tables)
            if shape is not None:
                tables["grid"] = with_shape(tables, shape)
            if "run" not in tables:
                raise ValueError("[run] is missing")
            tables["run"] = {**tables["run"], **settings}
            return build_config(self.path, self.text, filled(tables, self.places, values)), tables

    def filled(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The tables with something else, e.g. text, in place of the open values."""
        return filled(self.tables, self.places, values)


def _leaves_rest_alone(place: Place) -> bool:
    section, name = place.path[:2]
    return section == "torque" or (section == "magnet" and name in _AT_REST)


def with_shape(tables: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """[grid] with other cells; ValueError if something is given cell by cell."""
    if _has_files(tables) or "mask" in tables["grid"]:
        raise ValueError("[grid] cannot have another shape: something is given cell by cell")
    if not all(type(n) is int and n > 0 for n in shape) or len(shape) != 3:
        raise ValueError(f"`shape` must be three whole numbers > 0, got {list(shape)}")
    counts, spacing = tables["grid"]["shape"], tables["grid"]["spacing"]
    lengths = [n * d for n, d in zip(counts, spacing, strict=True)]
    cells = [length / n for length, n in zip(lengths, shape, strict=True)]
    return {**tables["grid"], "shape": list(shape), "spacing": cells}


def _has_files(value: Any) -> bool:
    if isinstance(value, dict):
        return "file" in value or any(_has_files(v) for v in value.values())
    return isinstance(value, list) and any(_has_files(v) for v in value)
