"""Which points a sweep visits: a grid, a list, or a random design of named parameters."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from .._core import ArrayLike, check_count, is_concrete, leaf, require_memory


class Space(NamedTuple):
    """What `grid`, `points` and `random_design` return.

    dims, shape: of the results.  axes: name -> (dimension, values along it).
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    axes: dict[str, tuple[str, np.ndarray]]

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def columns(self, index: np.ndarray) -> dict[str, np.ndarray]:
        """The values of each parameter at the points of these numbers (last dimension fastest)."""
        places = dict(zip(self.dims, np.unravel_index(index, self.shape), strict=True))
        return {name: values[places[dim]] for name, (dim, values) in self.axes.items()}

    def finite(self) -> np.ndarray:
        """Which points have finite parameters, (size,)."""
        index = np.arange(self.size)
        good = np.ones(self.size, bool)
        for column in self.columns(index).values():
            good &= np.isfinite(column)
        return good


def grid(values: Mapping[str, ArrayLike]) -> Space:
    """All combinations for `sweep`: values {name: (N_name,)}, each along a dimension of its name.

    `sweep` takes a plain dict as this.
    Raises ValueError for values that are not finite numbers or not one-dimensional, and for a grid
    that the memory does not hold.
    """
    axes = {name: (name, _column(name, v, finite=True)) for name, v in _named(values).items()}
    shape = tuple(len(column) for _, column in axes.values())
    require_memory(8.0 * math.prod(shape), f"`space`: a grid of {math.prod(shape):.3g} points")
    return Space(tuple(axes), shape, axes)


def points(values: Mapping[str, ArrayLike]) -> Space:
    """A list of points for `sweep`: values {name: (N,)}, along one dimension "point".

    A point with a parameter that is NaN or infinite is not run, but recorded as failed.
    Raises ValueError for values that are no numbers, not one-dimensional or of different lengths.
    """
    columns = {name: _column(name, v, finite=False) for name, v in _named(values).items()}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`points` must have as many values of each parameter, got {lengths}")
    return Space(
        ("point",), (next(iter(lengths.values())),), {n: ("point", c) for n, c in columns.items()}
    )


def random_design(n: int, key: int | Array, ranges: Mapping[str, tuple]) -> Space:
    """n points for `sweep`, drawn independently and evenly between low and high.

    n: >= 1.  key: a JAX key or a number to make one from; the same key gives the same points (in
    the same precision).  ranges: {name: (low, high)}, or ("log", low, high) for an even draw of the
    logarithm.
    Raises ValueError for n < 1 and ranges that are not low < high (low > 0 for "log").
    """
    return _drawn(n, key, ranges, lambda key, n: jax.random.uniform(key, (n,)))


def latin_design(n: int, key: int | Array, ranges: Mapping[str, tuple]) -> Space:
    """As `random_design`, but each range cut into n equal parts holds one point in each (a Latin
    hypercube): means over the points are exacter for what depends on single parameters.

    Source: M. D. McKay, R. J. Beckman, W. J. Conover, Technometrics 21, 239 (1979).
    """

    def even(key: Array, n: int) -> Array:
        order, place = jax.random.split(key)
        parts = jax.random.permutation(order, n).astype(float)
        return (parts + jax.random.uniform(place, (n,))) / n

    return _drawn(n, key, ranges, even)


def _drawn(n: int, key: Any, ranges: Any, draw: Callable[[Array, int], Array]) -> Space:
    """draw(key, n): (n,) numbers between 0 and 1."""
    n = check_count("n", n)
    ranges = _named(ranges, "ranges")
    require_memory(32.0 * n * len(ranges), f"`n`: {n:.3g} points")
    dtype = jax.dtypes.canonicalize_dtype(float)
    draws = {}
    for each, (name, ends) in zip(_keys(key, len(ranges)), ranges.items(), strict=True):
        # In double precision here: 1e-30 to 1e30 is a range for float32 too.
        even = np.asarray(draw(each, n), np.float64)
        low, high, log = _ends(name, ends)
        if log:
            low, high = math.log(low), math.log(high)
        drawn = low + (high - low) * even
        draws[name] = (np.exp(drawn) if log else drawn).astype(dtype)
    return points(draws)


def _keys(key: Any, count: int) -> Array:
    try:
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            key = jax.random.key(int(key))
        return jax.random.split(key, count)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"`key` must be a JAX key or an integer, got {key!r}") from None


def as_space(space: Any) -> Space:
    """{name: values} as a grid; a `Space` as it is."""
    return space if isinstance(space, Space) else grid(space)


def _named(values: Any, what: str = "space") -> dict[str, Any]:
    if not isinstance(values, Mapping):
        raise ValueError(f"`{what}` must be a dict of names, got {type(values).__name__}")
    if not values:
        raise ValueError(f"`{what}` must name at least one parameter, got none")
    for name in values:
        if not (isinstance(name, str) and name.isidentifier()):
            raise ValueError(f"`{what}` must name parameters of the function, got {name!r}")
    return dict(values)


def _column(name: str, value: Any, *, finite: bool) -> np.ndarray:
    """(N,) floats of JAX's default precision, or of their own."""
    if not is_concrete(value):
        raise ValueError(f"`{name}` is traced: within jit, grad or vmap use `jaxstt.sweep_map`")
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(f"`{name}` must be a list of numbers, got {value!r}") from None
    if isinstance(value, np.ma.MaskedArray) or array.dtype.kind in "mM" or array.itemsize > 16:
        raise ValueError(f"`{name}` must be a list of numbers, got {value!r}")
    hidden = array
    if not finite and array.dtype.kind == "f":  # leaf() refuses what is not finite
        hidden = np.where(np.isfinite(array), array, np.zeros_like(array))
    with np.errstate(over="ignore"):
        dtype = leaf(name, hidden).dtype
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"`{name}` must be a list of one or more values, got shape {array.shape}")
    return _exactly(name, array, dtype)


def _exactly(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`array` in this dtype; ValueError if that makes two values one, or one 0 or infinite."""
    with np.errstate(over="ignore", under="ignore"):
        cast = array.astype(dtype)
    lost = (np.isinf(cast) & ~np.isinf(array)) | ((cast == 0) & (array != 0))
    same = np.zeros_like(lost)
    order = np.argsort(array, kind="stable")
    before, after = array[order], cast[order]
    same[order[1:]] = (after[1:] == after[:-1]) & (before[1:] != before[:-1])
    if (lost | same).any():
        i = (lost | same).argmax()
        raise ValueError(
            f"`{name}` = {array[i].item()!r} is {cast[i].item()!r} in {dtype}"
            f"{', as another value is' if not lost.any() else ''}; jax_enable_x64 has more digits"
        )
    return cast


def _float(x: Any) -> float:
    if isinstance(x, str | bytes):
        raise TypeError("a text is no number")
    return float(x)


def _ends(name: str, ends: Any) -> tuple[float, float, bool]:
    try:
        log = len(ends) == 3 and ends[0] == "log"
        low, high = (_float(x) for x in (ends[1:] if log else ends))
    except (TypeError, ValueError):
        raise ValueError(
            f'`{name}` must be (low, high) or ("log", low, high), got {ends!r}'
        ) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"`{name}` must have low < high, got {ends!r}")
    if log and low <= 0:
        raise ValueError(f"`{name}` must have low > 0 to be drawn by its logarithm, got {ends!r}")
    return low, high, log
