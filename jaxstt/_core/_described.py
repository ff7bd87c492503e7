"""What a function holds besides arrays, in words: two sweeps are the same only if it is."""

import dataclasses
import functools
import hashlib
import inspect
import json
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ._check import is_concrete
from ._packages import versions

_DEEPEST = 8


def described(function: Any, *, closures: bool) -> str:
    """Names of functions, and numbers and texts in modules and `partial`s.

    closures: also in closures and defaults, their arrays by value; JAX takes a function with the
    same code and others of these for the same, while it is the same object.
    Arrays of modules count with shape and dtype only: they are arguments, see `digest`.  What a
    function computes is not seen, nor globals.
    """
    return json.dumps(_told(function, closures, 0))


def marks(trees: Mapping[str, Any], plain: Mapping[str, Any]) -> dict[str, str]:
    """A short mark of each array in the trees by its name, and what else there is in words.

    Two runs with the same marks compute the same, but for what functions compute and their globals.
    """
    found: dict[str, str] = {}
    for name, tree in trees.items():
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
            if eqx.is_array(leaf):
                found[name + jax.tree_util.keystr(path)] = digest([leaf])
        found.setdefault(name, described(tree, closures=True))  # a tree that is one array has it
    found |= {name: described(value, closures=True) for name, value in plain.items()}
    software = {**versions(), "platform": jax.default_backend()}
    return {**found, "versions": ", ".join(f"{k} {v}" for k, v in software.items())}


def digest(arrays: list[Any]) -> str:
    """A short mark of arrays; "" for none."""
    mark = hashlib.sha256()
    for array in arrays:
        key = jax.numpy.issubdtype(array.dtype, jax.dtypes.prng_key)
        mark.update(f"{array.dtype}{array.shape}".encode())
        mark.update(np.asarray(jax.random.key_data(array) if key else array).tobytes())
    return mark.hexdigest()[:16] if arrays else ""


def _told(x: Any, closures: bool, deep: int) -> Any:
    if x is None or isinstance(x, bool | int | float | complex | str | bytes):
        return f"{type(x).__name__} {x!r}"
    if eqx.is_array(x) or isinstance(x, np.ndarray | np.generic):
        value = f" {x!r}" if isinstance(x, np.generic) else ""
        return f"{x.dtype}{list(x.shape)}{value}"
    if deep == _DEEPEST:
        return type(x).__qualname__
    below = functools.partial(_told, closures=closures, deep=deep + 1)
    if isinstance(x, functools.partial):
        return ["partial", below(x.func), below(x.args), below(x.keywords)]
    if isinstance(x, Mapping):
        return {str(k): below(v) for k, v in x.items()}
    if isinstance(x, list | tuple | set | frozenset):
        items = sorted(x, key=repr) if isinstance(x, set | frozenset) else x
        return [type(x).__name__, *map(below, items)]
    if inspect.ismethod(x):
        return [x.__qualname__, below(x.__self__)]
    if inspect.isfunction(x):
        return [x.__qualname__, *map(below, _held(x) if closures else ())]
    if isinstance(x, eqx.Module):
        fields = {f.name: below(getattr(x, f.name, None)) for f in dataclasses.fields(x)}
        return [type(x).__qualname__, fields]
    wrapped = getattr(x, "__wrapped__", None)
    return [type(x).__qualname__, getattr(x, "__qualname__", "")] + (
        [below(wrapped)] if callable(wrapped) else []
    )


def _held(function: Any) -> tuple[Any, Any, str]:
    """Values of the closure and of the defaults, and a mark of the arrays among them."""
    cells = []
    for cell in function.__closure__ or ():
        try:
            cells.append(cell.cell_contents)
        except ValueError:  # not bound yet
            cells.append(None)
    defaults = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).items()]
    arrays = [x for x in jax.tree.leaves((cells, defaults)) if eqx.is_array(x) or _is_numpy(x)]
    return cells, defaults, digest([x for x in arrays if is_concrete(x)])


def _is_numpy(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype != object
