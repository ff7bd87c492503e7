"""Arguments become array leaves here, and wrong ones are refused by name.

A value that is known is checked on the spot; a traced one cannot be, and is checked by `evolve`.
"""

import math
from typing import Any

import jax
import jax.core
import jax.numpy as jnp
import numpy as np
from jax import Array


def is_concrete(x: Any) -> bool:
    """Whether the values of `x` can be read now."""
    return not _is_traced(x)


def leaf(
    name: str,
    value: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> Array:
    """`value` as a floating array; ValueError if a known value is not finite or out of range.

    Lists and tuples may hold traced scalars.  The dtype of an array is kept, anything else gets
    JAX's default float.
    """
    if isinstance(value, list | tuple) and any(_is_traced(v) for v in jax.tree.leaves(value)):
        array = jnp.stack([leaf(name, v) for v in value])
    else:
        # Read before JAX sees it: inside jit even a known number becomes traced.
        array = value if isinstance(value, jax.Array) else _read(name, value)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        if jnp.issubdtype(array.dtype, jnp.complexfloating):
            raise ValueError(f"`{name}` must be real, got dtype {array.dtype}")
        array = array.astype(float)
    if is_concrete(array):
        _check_values(name, np.asarray(array), minimum, maximum, above)
    # An explicit dtype drops the weak type, which would compile again.
    return jnp.asarray(array, jax.dtypes.canonicalize_dtype(array.dtype))


def number(name: str, value: Any, **limits: float | None) -> Array:
    """As `leaf`; ValueError for an array with axes."""
    array = leaf(name, value, **limits)
    if array.ndim:
        raise ValueError(f"`{name}` must be a number, got shape {array.shape}")
    return array


def check_type(name: str, value: Any, kind: type | tuple[type, ...], words: str) -> None:
    """ValueError unless `value` is of this class; words: what that is."""
    if not isinstance(value, kind):
        raise ValueError(f"`{name}` must be {words}, got {type(value).__name__}")


def check_sign(name: str, value: Any) -> int:
    """+1 or -1; ValueError otherwise."""
    if not (np.ndim(value) == 0 and value in (1, -1)):
        raise ValueError(f"`{name}` must be +1 or -1, got {value!r}")
    return int(value)


def _is_traced(x: Any) -> bool:
    return isinstance(x, jax.core.Tracer)


def _read(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "US":
            raise TypeError
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be a number or an array, got {value!r}") from None
    return array


def _check_values(
    name: str,
    values: np.ndarray,
    minimum: float | None,
    maximum: float | None,
    above: float | None,
) -> None:
    def refuse(bad: np.ndarray, allowed: str) -> None:
        if np.any(bad):
            raise ValueError(f"`{name}` must be {allowed}, got {values[bad].flat[0]:.6g}")

    refuse(~np.isfinite(values), "finite")
    if above is not None:
        refuse(values <= above, f"> {above:g}")
    if minimum is not None:
        refuse(values < minimum, f">= {minimum:g}")
    if maximum is not None:
        refuse(values > maximum, f"<= {maximum:g}")


def check_size(
    name: str, value: Array, below: float, unit: str, *, above: float | None = None
) -> None:
    """ValueError for a known value of a size that only another unit can explain; 0 has no size."""
    if not is_concrete(value):
        return
    size = np.abs(np.asarray(value))
    if np.any(size >= below):
        raise ValueError(f"`{name}` is in {unit} and must be < {below:g}, got {np.max(size):.6g}")
    if above is not None and np.any((size > 0) & (size <= above)):
        least = np.min(size[size > 0])
        raise ValueError(f"`{name}` is in {unit} and must be > {above:g}, got {least:.6g}")


def check_Ms(Ms: Array) -> None:
    """ValueError for an Ms in T or kA/m; of a field the largest counts, as it may fade out."""
    check_size("Ms", jnp.max(Ms), 1e8, "A/m", above=2e3)


def check_count(name: str, value: Any) -> int:
    """A known integer >= 1; ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"`{name}` must be an integer >= 1, got {value!r}")
    return int(value)


def check_tolerance(name: str, value: Any, unit: str = "") -> float:
    """A known number > 0; ValueError otherwise."""
    try:
        good = math.isfinite(value) and value > 0
    except TypeError:
        good = False
    if not good:
        raise ValueError(f"`{name}` must be a number > 0{unit and ' ' + unit}, got {value!r}")
    return float(value)


AXES = {"x": 0, "y": 1, "z": 2}


def axis_index(name: str, value: str) -> int:
    """0, 1, 2 for "x", "y", "z"; ValueError otherwise."""
    if not isinstance(value, str) or value not in AXES:
        raise ValueError(f'`{name}` must be "x", "y" or "z", got {value!r}')
    return AXES[value]
