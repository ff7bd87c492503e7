"""Tables of names and values become calls: what a table may hold is read off the signature.

There is no second list of parameters, so that a new term, texture or drive is known by being
public, and a key that a constructor does not have is refused with the nearest that it has.
"""

import codecs
import difflib
import functools
import inspect
import re
import tomllib
import types
import typing
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

import jaxstt

from ._drive import AbstractDrive
from ._grid import Grid

_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_PLURALS = {bool: "true/false", int: "whole numbers", float: "numbers", str: "texts"}
_GRID = {
    "shape": tuple[int, ...],
    "spacing": tuple[float, ...],
    "periodic": tuple[bool, ...],
}
"""What `Grid` does not annotate."""


@contextmanager
def within(where: str) -> Iterator[None]:
    """Errors of the block begin with the place they come from."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} {error}") from error


_LOOKS_LIKE = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "'": "\u2018\u2019",
    ",": "\uff0c\u201a",
    "=": "\uff1d",
    " ": "\u00a0\u2007\u202f\u3000\u200b\ufeff",
}
"""Signs that editors and word processors put for those of TOML."""


def read_toml(data: bytes) -> tuple[str, dict[str, Any]]:
    """(text, tables) of a TOML file, with a byte-order mark or not.

    Raises ValueError naming the line for what is no UTF-8 or no TOML.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("must be saved as utf-8 text, got UTF-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line}: must be saved as utf-8 text, got the byte {data[error.start]:#x}"
        ) from None
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return text, tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_explained(plain, str(error))) from None
    except RecursionError:
        raise ValueError("holds brackets in brackets in brackets, too many to read") from None


def _explained(text: str, told: str) -> str:
    """What is wrong with a TOML file, and which sign of the line is none of TOML's."""
    match = re.search(r"at line (\d+)", told)
    if match is None:
        return told
    line = text.split("\n")[int(match[1]) - 1]
    for sign in re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", line):
        for right, wrong in _LOOKS_LIKE.items():
            if sign in wrong:
                return f"line {match[1]}: write {right!r} for {sign!r} (U+{ord(sign):04X}): {told}"
    return told


def nearest(name: str, known: Iterable[str]) -> str:
    """The entry of `known` most like `name`, whatever the case of its letters."""
    names = {candidate.lower(): candidate for candidate in known}
    return names[difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.0)[0]]


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


def terms(kind: type) -> dict[str, Callable]:
    """The public subclasses of `kind` by name, and their other constructors as "Class.method"."""
    found: dict[str, Callable] = {}
    for name, cls in vars(jaxstt).items():
        if not (inspect.isclass(cls) and issubclass(cls, kind)) or name.startswith("Abstract"):
            continue
        found[name] = cls
        for other, method in vars(cls).items():
            made = isinstance(method, classmethod) and not other.startswith("_")
            if made and inspect.signature(method.__func__).return_annotation in (cls, name):
                found[f"{name}.{other}"] = getattr(cls, other)
    return found


def textures() -> dict[str, Callable]:
    """The public functions that make a state from a grid."""
    return {
        name: _seeded(function) if "key" in _names(function) else function
        for name, function in _on_grid()
        if _names(function)[0] == "grid"
        and not {"m", "sol", "t"} & set(_names(function))
        and inspect.signature(function).return_annotation is Array
    }


def _seeded(function: Callable) -> Callable:
    """A texture made from a random key, made from a number instead."""

    def seeded(grid: Grid, seed: int) -> Array:
        if not 0 <= seed < 2**32:
            raise ValueError(f"`seed` must be between 0 and 2^32 - 1, got {seed}")
        return function(grid, jax.random.key(seed))

    seeded.__qualname__ = function.__qualname__
    return seeded


@functools.cache
def observables() -> dict[str, Callable]:
    """The public functions that read numbers off a grid and a state and need nothing else."""
    return {name: function for name, function in _on_grid() if _reads_numbers(function)}


def _reads_numbers(function: Callable) -> bool:
    if not {"grid", "m"} <= set(_names(function)) or not _required(function) <= {"grid", "m"}:
        return False
    grid = Grid((4, 4, 1), (1e-9, 1e-9, 1e-9))
    state = jax.ShapeDtypeStruct((3, *grid.shape), float)
    shapes = jax.eval_shape(lambda m: function(grid=grid, m=m), state)
    return all(x.shape in ((), (2,), (3,)) for x in jax.tree.leaves(shapes))


def _on_grid() -> Iterator[tuple[str, Callable]]:
    for name, function in vars(jaxstt).items():
        if callable(function) and not inspect.isclass(function) and not name.startswith("_"):
            signature = inspect.signature(function)
            result = signature.return_annotation
            arrays = result is Array or (inspect.isclass(result) and hasattr(result, "_fields"))
            if arrays and "grid" in signature.parameters:
                yield name, function


def _names(function: Callable) -> list[str]:
    return list(inspect.signature(function).parameters)


def _required(function: Callable) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    return {p.name for p in parameters if p.default is p.empty}


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
    if isinstance(value, dict):
        return _inline(name, value, AbstractDrive in kinds, folder)
    if isinstance(value, list):
        return _array(name, value)
    return _plain(name, value, float)


def _options(annotation: Any) -> tuple[Any, ...]:
    union = typing.get_origin(annotation) in (typing.Union, types.UnionType)
    return typing.get_args(annotation) if union else (annotation,)


def _plain(name: str, value: Any, kind: type) -> Any:
    good = type(value) in ((float, int) if kind is float else (kind,))
    if not good:
        raise ValueError(f"`{name}` must be {_WORDS[kind]}, got {_shown(value)}")
    try:
        return kind(value)
    except OverflowError:
        raise ValueError(f"`{name}` must be finite, got {_shown(value)}") from None


def _array(name: str, value: list) -> np.ndarray:
    def check(part: Any) -> Any:
        return [check(p) for p in part] if isinstance(part, list) else _plain(name, part, float)

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
        return make(terms(AbstractDrive), value, folder)


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
