"""What a design's TOML file leaves open: numbers, pulses and profiles, each from free numbers.

    { design = 0.1, low = 0.05, high = 0.2 }                              a number
    { pulse = 2e12, low = -2e13, high = 2e13, duration = 2e-9, points = 64, along = [-1, 0, 0] }
    { profile = 1.2e5, low = 1e5, high = 1.5e5, radius = 10e-9 }          a value for each cell

The first number is where the search begins; `low` and `high` bound the free numbers.
"""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt
from jaxstt.tools import nearest

from .._errors import InputError
from ._shapes import fourier, projected, smoothed, spline
from ._wanted import Variable

KINDS = {
    "design": ("design", "low", "high"),
    "pulse": ("pulse", "low", "high", "duration", "points", "shape", "along"),
    "profile": ("profile", "low", "high", "axes", "radius", "sharpness"),
}
_FINER = 8
"""Straight lines for each coefficient of a smooth pulse."""


class _Place(Protocol):
    @property
    def where(self) -> str: ...

    @property
    def told(self) -> dict[str, Any]: ...

    @property
    def unit(self) -> str: ...


@dataclasses.dataclass(frozen=True, eq=False)
class OpenValue(ABC):
    """What is left open at one place of the file."""

    variable: Variable
    unit: str
    """SI; "" if it is not known."""

    @abstractmethod
    def value(self, free: Array, shape: tuple[int, ...]) -> Any:
        """What the file's value is for these free numbers, on a grid of this shape."""

    @abstractmethod
    def plain(self, free: Array) -> Any:
        """The same as a config may say it: numbers, lists and tables."""


class OpenNumber(OpenValue):
    def value(self, free: Array, shape: tuple[int, ...]) -> Array:
        return free

    def plain(self, free: Array) -> float:
        return float(free)


@dataclasses.dataclass(frozen=True, eq=False)
class OpenPulse(OpenValue):
    """A current or field in time, zero from its end on; `along` says which way, if anywhere."""

    times: np.ndarray
    shape: str
    along: np.ndarray | None

    def drawn(self, free: Array) -> Array:
        """Its values at `times`."""
        if self.shape == "sines":
            return fourier(free, self.times)
        ended = jnp.append(free, 0.0)
        return spline(ended, self.times) if self.shape == "spline" else ended

    def value(self, free: Array, shape: tuple[int, ...]) -> jaxstt.Piecewise:
        drawn = self.drawn(free)
        values = drawn if self.along is None else jnp.outer(drawn, jnp.asarray(self.along))
        return jaxstt.Piecewise(self.times, values)

    def plain(self, free: Array) -> dict[str, Any]:
        values = np.asarray(self.value(free, ()).values)
        return {"type": "Piecewise", "times": self.times.tolist(), "values": values.tolist()}


@dataclasses.dataclass(frozen=True, eq=False)
class OpenProfile(OpenValue):
    """A value for each cell along `axes`, the same along the others.

    radius: of the density filter.  sharpness: of the projection between low and high; 0: none.
    """

    grid: jaxstt.Grid
    axes: tuple[int, ...]
    radius: float
    sharpness: float

    def field(self, free: Array) -> Array:
        """On the file's own grid."""
        spacing = [self.grid.spacing[i] for i in self.axes]
        low, high = self.variable.low.min(), self.variable.high.max()
        v = (free - low) / (high - low)
        v = smoothed(v, spacing, self.radius) if self.radius else v
        v = low + (high - low) * (projected(v, self.sharpness) if self.sharpness else v)
        wide = [n if i in self.axes else 1 for i, n in enumerate(self.grid.shape)]
        return jnp.broadcast_to(v.reshape(wide), self.grid.shape)

    def value(self, free: Array, shape: tuple[int, ...]) -> Array:
        field = self.field(free)
        return field if shape == field.shape else jax.image.resize(field, shape, "linear")

    def plain(self, free: Array) -> list:
        return np.asarray(self.field(free)).tolist()


def read_open(place: _Place, grid: jaxstt.Grid) -> OpenValue:
    """What the file leaves open at this place; InputError if it is badly told."""
    kind = next(key for key in KINDS if key in place.told)
    try:
        reader = {"design": _number, "pulse": _pulse, "profile": _profile}[kind]
        return reader(place.told, place.unit, grid)
    except ValueError as error:
        raise InputError(f"{place.where}: {error}") from None


def _number(told: Mapping[str, Any], unit: str, grid: jaxstt.Grid) -> OpenNumber:
    return OpenNumber(_variable("design", told, ()), unit)


def _pulse(told: Mapping[str, Any], unit: str, grid: jaxstt.Grid) -> OpenPulse:
    points, shape = told.get("points", 64), told.get("shape", "lines")
    if type(points) is not int or not 4 <= points <= 10**5:
        raise ValueError(f"`points` must be a whole number from 4 to 100000, got {points!r}")
    known = ("lines", "spline", "sines")
    if shape not in known:
        near = nearest(str(shape), known)
        raise ValueError(
            f"unknown `shape` {shape!r}; did you mean `{near}`? (there are {', '.join(known)})"
        )
    duration = _finite("duration", told)
    if not duration > 0:
        raise ValueError(f"`duration` must be > 0, got {duration:g}")
    along = told.get("along")
    if along is not None:
        good = isinstance(along, list) and len(along) == 3 and all(_is_number(a) for a in along)
        if not good or not any(along):
            raise ValueError(f"`along` must be a vector of 3 numbers, not 0, got {along!r}")
        along = np.asarray(along, float) / np.linalg.norm(along)
    lines = points if shape == "lines" else _FINER * points
    variable = _variable("pulse", told, (points,))
    return OpenPulse(variable, unit, np.linspace(0.0, duration, lines + 1), shape, along)


def _profile(told: Mapping[str, Any], unit: str, grid: jaxstt.Grid) -> OpenProfile:
    axes = told.get("axes", "x")
    if not (isinstance(axes, str) and axes and set(axes) <= set("xyz")) or len(set(axes)) < len(
        axes
    ):
        raise ValueError(f'`axes` must be some of x, y and z, as "xy", got {axes!r}')
    along = tuple(sorted("xyz".index(a) for a in axes))
    radius, sharpness = _finite("radius", told, 0.0), _finite("sharpness", told, 0.0)
    for name, value in (("radius", radius), ("sharpness", sharpness)):
        if value < 0:
            raise ValueError(f"`{name}` must be >= 0, got {value:g}")
    shape = tuple(grid.shape[i] for i in along)
    return OpenProfile(_variable("profile", told, shape), unit, grid, along, radius, sharpness)


def _variable(key: str, told: Mapping[str, Any], shape: tuple[int, ...]) -> Variable:
    start, low, high = (_finite(name, told) for name in (key, "low", "high"))
    if not low < high:
        raise ValueError(f"`low` must be < `high`, got {low:g} and {high:g}")
    if not low <= start <= high:
        raise ValueError(f"`{key}` must be between {low:g} and {high:g}, got {start:g}")
    return Variable(np.full(shape, start), low, high)


def _finite(name: str, told: Mapping[str, Any], default: float | None = None) -> float:
    value = told.get(name, default)
    if value is None:
        raise ValueError(f"`{name}` is missing")
    if not _is_number(value):
        raise ValueError(f"`{name}` must be a finite number, got {value!r}")
    return float(value)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
