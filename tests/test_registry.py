"""The words of a config: each public term, texture and observable is one, with its unit."""

import importlib.util
import inspect
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

import jaxstt
from jaxstt._app._registry import DRIVES, ENERGIES, OBSERVABLES, TEXTURES, TORQUES
from jaxstt._app._run_table import unit

GRID = jaxstt.Grid((4, 4, 1), (1e-9, 1e-9, 1e-9))
NOT_IN_A_TABLE = {"topological_density", "emf"}
"""Take a grid, but are no state and give no number of a single state."""


def public_on_grid() -> set[str]:
    found = set()
    for name, function in vars(jaxstt).items():
        if inspect.isfunction(function) and not name.startswith("_"):
            names = list(inspect.signature(function).parameters)
            if "grid" in names and not {"sol", "llg", "j", "t"} & set(names):
                found.add(name)
    return found


@pytest.mark.parametrize(
    "kind, words",
    [
        (jaxstt.AbstractEnergy, ENERGIES),
        (jaxstt.AbstractTorque, TORQUES),
        (jaxstt.AbstractDrive, DRIVES),
    ],
)
def test_each_public_term_is_a_word(kind: type, words: dict[str, Callable]) -> None:
    public = {
        name: cls
        for name, cls in vars(jaxstt).items()
        if inspect.isclass(cls) and issubclass(cls, kind) and not name.startswith("Abstract")
    }
    assert public.items() <= words.items()
    for other in words.keys() - public.keys():  # other constructors, "Class.method"
        name, _, method = other.partition(".")
        assert words[other] == getattr(public[name], method)


def test_each_public_function_of_a_grid_is_a_word_or_known_to_be_none() -> None:
    words = TEXTURES.keys() - {"random"} | OBSERVABLES.keys() | NOT_IN_A_TABLE
    # A config seeds `random_state` by a number, [disorder] makes grains and edges.
    others = {"random_state", "grains", "rough_edges", "end_domains"}
    assert public_on_grid() == words | others
    for name, texture in TEXTURES.items():
        assert name == "random" or texture is getattr(jaxstt, name)
    for name, observable in OBSERVABLES.items():
        assert observable.function is getattr(jaxstt, name)


@pytest.mark.parametrize("name", OBSERVABLES)
def test_an_observable_has_a_unit_for_each_number(name: str) -> None:
    function, units, along = OBSERVABLES[name]
    state = jax.ShapeDtypeStruct((3, *GRID.shape), float)
    shapes = jax.eval_shape(lambda m: function(grid=GRID, m=m), state)
    fields = shapes._asdict() if hasattr(shapes, "_fields") else {"": shapes}
    assert all(x.shape in ((), (2,), (3,)) for x in fields.values())
    if isinstance(units, str):
        assert fields.keys() == {""}
    else:
        assert fields.keys() == units.keys()
    for field, shape in fields.items():
        expected = units if isinstance(units, str) else units[field]
        for axis in ("_x", "_y", "_z")[: int(np.prod(shape.shape))] if shape.shape else ("",):
            column = f"{name}{field and '_' + field}{axis}"
            assert unit(column) == expected
            # A window that moves along x takes these with it.
            place = expected == "m" and field != "width" and name != "wall_width"
            assert (column == along) == (place and axis in ("", "_x"))


@pytest.mark.parametrize(
    "column, expected",
    [("t", "s"), ("m_x", ""), ("E_total", "J"), ("E_Zeeman_2", "J"), ("wall_velocity", "m/s")],
)
def test_the_unit_of_a_column(column: str, expected: str) -> None:
    assert unit(column) == expected


def test_the_page_of_keys_is_what_the_code_says() -> None:
    """`python docs/config.py` writes it."""
    path = Path(__file__).parents[1] / "docs" / "config.py"
    spec = importlib.util.spec_from_file_location("config_page", path)
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    assert made.PAGE.read_text(encoding="utf-8") == made.page()
    for words in (ENERGIES, TORQUES, DRIVES, TEXTURES, OBSERVABLES):
        assert all(f"`{word}`" in made.page() for word in words)
