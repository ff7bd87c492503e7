"""Tables of names and values become calls: what a table may hold is read off the signature.

There is no second list of parameters: a key that a constructor does not have is refused with the
nearest that it has.
"""

import inspect
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import nearest
from .._mesh import AbstractDrive
from ._registry import DRIVES
from ._toml import within

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_PLURALS = {bool: "true/false", int: "whole numbers", float: "numbers", str: "texts"}
_GRID = {
    "shape": tuple[int, ...],
    "spacing": tuple[float, ...],
    "periodic": tuple[bool, ...],
}
"""What `Grid` does not annotate."""


def one_of(what: str, name: Any, known: Iterable[str]) -> str:
    """`name` if it is known; ValueError naming the nearest otherwise."""
    known = tuple(known)
    if not isinstance(name, str):
        raise ValueError(f"`{what}` must be text, got {_shown(name)}")
    if name not in known:
        raise ValueError(
            f"unknown {what} {name!r}; did you mean `{nearest(name, known)}`? "
            f"(there are {', '.join(known)})"
        )
    return name


def parameters(function: Callable) -> dict[str, inspect.Parameter]:
    """The parameters of a function, or of a class's constructor."""
    if inspect.isclass(function) and "__init__" in vars(function):
        found = dict(inspect.signature(function.__init__).parameters)
        found.pop("self")
        return found
    return dict(inspect.signature(function).parameters)


def arguments(
    function: Callable,
    table: Any,
    folder: Path,
    *,
    given: Mapping[str, Any] | None = None,
    skip: Iterable[str] = (),
) -> dict[str, Any]:
    """The keyword arguments for `function` that `table` describes.

    folder: where relative file names begin.  given: arguments that come from elsewhere wherever the
    function has them and the table does not; `grid` always does.  skip: parameters that a table
    may not set.
    Raises ValueError for keys that are unknown or missing and values of the wrong type; what the
    values may be is for the function itself to check.
    """
    if not isinstance(table, dict):
        raise ValueError(f"must be a table, got {_shown(table)}")
    given = given or {}
    owner = getattr(function, "__qualname__", "").removesuffix(".__init__")
    own = parameters(function)
    settable = {k: p for k, p in own.items() if k not in skip and k != "grid"}
    check_keys(table, settable, owner)
    values = {k: v for k, v in given.items() if k in own and k not in table}
    for name, p in settable.items():
        if name in table:
            annotation = p.annotation if p.annotation is not p.empty else _GRID.get(name, Any)
            values[name] = read(name, table[name], annotation, folder)
        elif p.default is p.empty and name not in values:
            raise ValueError(f"`{name}` is missing ({owner} has {', '.join(settable)})")
    return values


def check_keys(table: Mapping[str, Any], known: Iterable[str], owner: str) -> None:
    """ValueError naming the nearest key for one that is not known."""
    known = tuple(known)
    for key in table:
        if not known:
            raise ValueError(f"unknown key `{key}` ({owner} has none)")
        if key not in known:
            raise ValueError(
                f"unknown key `{key}`; did you mean `{nearest(key, known)}`? "
                f"({owner} has {', '.join(known)})"
            )


def read(name: str, value: Any, annotation: Any, folder: Path) -> Any:
    """A value of the file as what the parameter wants; ValueError if it is something else."""
    kinds = [k for k in _options(annotation) if k is not types.NoneType]
    if len(kinds) == 1 and kinds[0] in _WORDS:
        return _plain(name, value, kinds[0])
    if len(kinds) == 1 and typing.get_origin(kinds[0]) is tuple:
        inner = typing.get_args(kinds[0])[0]
        if not isinstance(value, list):
            raise ValueError(f"`{name}` must be a list of {_PLURALS[inner]}, got {_shown(value)}")
        return tuple(_plain(f"{name}[{i}]", v, inner) for i, v in enumerate(value))
    if isinstance(value, AbstractDrive | jax.Array):  # left open, and filled in
        return _filled_in(name, value, AbstractDrive in kinds)
    if isinstance(value, dict):
        return _inline(name, value, AbstractDrive in kinds, folder)
    if isinstance(value, list):
        return _array(name, value)
    return _plain(name, value, float)


def _filled_in(name: str, value: Any, may_drive: bool) -> Any:
    if isinstance(value, AbstractDrive) and not may_drive:
        raise ValueError(f"`{name}` must be a number or an array: it cannot change in time")
    return value


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _plain(name: str, value: Any, kind: type) -> Any:
    if kind in (float, int) and isinstance(value, jax.Array):  # a number that is swept
        return value
    good = type(value) in ((float, int) if kind is float else (kind,))
    if not good:
        raise ValueError(f"`{name}` must be {_WORDS[kind]}, got {_shown(value)}")
    try:
        return kind(value)
    except OverflowError:
        raise ValueError(f"`{name}` must be finite, got {_shown(value)}") from None


def _array(name: str, value: list) -> np.ndarray | jax.Array:
    def check(part: Any) -> Any:
        return [check(p) for p in part] if isinstance(part, list) else _plain(name, part, float)

    if any(isinstance(part, jax.Array) for part in jax.tree.leaves(value)):
        return jnp.asarray(check(value), float)
    try:
        return np.asarray(check(value), float)
    except ValueError as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"`{name}` must be a list of numbers or of equal lists") from None
        raise


def _inline(name: str, value: dict, may_drive: bool, folder: Path) -> Any:
    """`{ file = "A.npy" }`, or a drive as `{ type = "Pulse", ... }`."""
    if "file" in value:
        check_keys(value, ("file",), f"`{name}`")
        with within(f"`{name}`:"):
            return load_array(value["file"], folder)
    if not may_drive:
        raise ValueError(
            f'`{name}` must be a number, a list or {{ file = "....npy" }}, got {_shown(value)}'
        )
    with within(f"`{name}`:"):
        return make(DRIVES, value, folder)


def make(registry: Mapping[str, Callable], table: Any, folder: Path, **given: Any) -> Any:
    """What the entry of `registry` named by the table's `type` makes of its other keys."""
    if not isinstance(table, dict):
        raise ValueError(f"must be a table, got {_shown(table)}")
    if "type" not in table:
        raise ValueError(f"`type` is missing (there are {', '.join(registry)})")
    constructor = registry[one_of("type", table["type"], registry)]
    rest = {k: v for k, v in table.items() if k != "type"}
    return constructor(**arguments(constructor, rest, folder, given=given))


def load_array(name: Any, folder: Path) -> np.ndarray:
    """The array in a .npy file; ValueError if it is none."""
    path = find(name, folder)
    try:
        with path.open("rb") as file, warnings.catch_warnings(action="ignore"):
            array = np.lib.format.read_array(file, allow_pickle=False)
            more = file.read(1)
    except Exception as error:  # of many kinds: its header is Python
        told = " ".join(str(error).split())
        raise ValueError(f"{str(name)!r} is no .npy file of numbers ({told})") from None
    if more:
        raise ValueError(f"{str(name)!r} is no .npy file of numbers (there is more after them)")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{str(name)!r} must hold an array of numbers")
    return array if array.dtype.kind == "b" else array.astype(float)


def find(name: Any, folder: Path) -> Path:
    """The file `name`, from `folder` on if relative; ValueError if there is none."""
    path = folder / Path(_plain("file", name, str)).expanduser()
    if not path.is_file():
        raise ValueError(f"`file` {str(name)!r} does not exist (looked for {str(path)!r})")
    return path


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
