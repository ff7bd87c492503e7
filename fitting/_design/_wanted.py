"""What may vary, and what is asked for."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from .._errors import InputError

Value = Callable[[Mapping[str, Array], Any], Array]
"""(variables, outcome) -> a number, or an array, of which each number counts for itself."""


@dataclasses.dataclass(frozen=True, eq=False)
class Variable:
    """Numbers that a design may choose: an array of any shape, between bounds.

    start: first guess.  low, high: bounds, which may be reached: numbers or arrays of that shape.
    Raises InputError for a start that is not between its bounds.
    """

    start: Any
    low: Any
    high: Any

    def __post_init__(self) -> None:
        start = np.asarray(self.start, float)
        if start.size == 0:
            raise InputError(f"`start` must hold a number, got shape {start.shape}")
        try:
            ends = (self.low, self.high)
            low, high = (np.broadcast_to(b, start.shape).astype(float) for b in ends)
        except ValueError:
            shapes = " and ".join(str(np.shape(b)) for b in ends)
            raise InputError(
                f"`low` and `high` must be numbers or of the shape {start.shape} of `start`, "
                f"got {shapes}"
            ) from None
        bad = ~(np.isfinite(low) & np.isfinite(high) & (low < high))
        if bad.any():
            raise InputError(f"`low` must be < `high`, got {low[bad][0]:g} and {high[bad][0]:g}")
        bad = ~((low <= start) & (start <= high))
        if bad.any():
            raise InputError(
                f"`start` must be between {low[bad][0]:g} and {high[bad][0]:g}, "
                f"got {start[bad][0]:g}"
            )
        for name, value in (("start", start), ("low", low), ("high", high)):
            object.__setattr__(self, name, value)


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a design makes of one wish: the value, what was asked for, whether it is met.

    Of an array the number that is worst off.
    """

    name: str
    value: float
    wanted: str
    met: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Wish(ABC):
    """name: for the report.  value(variables, outcome): a number or an array.  unit: told."""

    name: str
    value: Value
    unit: str = dataclasses.field(default="", kw_only=True)
    sign: ClassVar[int]
    """0: equal; 1: at most; -1: at least."""

    @property
    @abstractmethod
    def aim(self) -> float:
        """Where the search sends it."""

    @property
    @abstractmethod
    def scale(self) -> float:
        """How far off it may be at the end of the search."""

    def excess(self, x: Mapping[str, Array], y: Any) -> Array:
        """(value - aim)/scale, flat; of a bound, > 0 where it is broken."""
        value = jnp.ravel(jnp.asarray(self.value(x, y)))
        if value.size == 0:
            raise InputError(f"{self.name}: `value` must give a number, got none")
        return (self.sign or 1) * (value - self.aim) / self.scale

    def reading(self, x: Mapping[str, Array], y: Any) -> Reading:
        values = np.ravel(np.asarray(self.value(x, y), float))
        off = np.asarray(self.excess(x, y))
        value = float(values[np.argmax(off if self.sign else np.abs(off))])
        return Reading(self.name, value, self.told(), self.met(value))

    @abstractmethod
    def told(self) -> str:
        """What is asked for, in words."""

    @abstractmethod
    def met(self, value: float) -> bool:
        """Whether this value is what is asked for; not if it is no number."""

    def _check(self, **numbers: float) -> None:
        for key, number in numbers.items():
            if not math.isfinite(number):
                raise InputError(f"{self.name}: `{key}` must be a finite number, got {number}")


@dataclasses.dataclass(frozen=True, eq=False)
class Equal(Wish):
    """value(variables, outcome) = target, within +-`within` (> 0, in the same unit)."""

    target: float
    within: float = dataclasses.field(kw_only=True)
    sign: ClassVar[int] = 0

    def __post_init__(self) -> None:
        self._check(target=self.target, within=self.within)
        if not self.within > 0:
            raise InputError(f"{self.name}: `within` must be > 0, got {self.within:g}")

    @property
    def aim(self) -> float:
        return self.target

    @property
    def scale(self) -> float:
        return self.within

    def told(self) -> str:
        return f"{self.target:.6g} +- {self.within:.3g} {self.unit}".rstrip()

    def met(self, value: float) -> bool:
        return abs(value - self.target) <= self.within


@dataclasses.dataclass(frozen=True, eq=False)
class AtMost(Wish):
    """value(variables, outcome) <= limit.

    A largest value is better asked for number by number, |j| of each time instead of max |j|: the
    search goes along smooth slopes.
    margin: > 0; the search aims this far inside the limit, and ends within that: by default 1 % of
    the limit.
    """

    limit: float
    margin: float | None = dataclasses.field(default=None, kw_only=True)
    sign: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self._check(limit=self.limit)
        margin = 0.01 * abs(self.limit) if self.margin is None else self.margin
        self._check(margin=margin)
        if not margin > 0:
            raise InputError(f"{self.name}: `margin` must be > 0, got {margin:g}")
        object.__setattr__(self, "margin", margin)

    @property
    def aim(self) -> float:
        return self.limit - self.sign * self.scale

    @property
    def scale(self) -> float:
        assert self.margin is not None
        return self.margin

    def told(self) -> str:
        sign = "<=" if self.sign > 0 else ">="
        return f"{sign} {self.limit:.6g} {self.unit}".rstrip()

    def met(self, value: float) -> bool:
        return self.sign * (value - self.limit) <= 0


@dataclasses.dataclass(frozen=True, eq=False)
class AtLeast(AtMost):
    """value(variables, outcome) >= limit.  margin: as in `AtMost`."""

    sign: ClassVar[int] = -1


def check_wanted(variables: Any, wishes: Any) -> None:
    """InputError unless there are Variables, and wishes of different names."""
    if not isinstance(variables, Mapping) or not variables:
        raise InputError(f"`variables` must hold a Variable, got {variables!r}")
    for name, variable in variables.items():
        if not isinstance(variable, Variable):
            raise InputError(f"`variables`: {name!r} must be a Variable, got {variable!r}")
    names = [getattr(wish, "name", None) for wish in wishes]
    for wish, name in zip(wishes, names, strict=True):
        if not isinstance(wish, Wish):
            raise InputError(f"`subject_to` must hold Equal, AtMost or AtLeast, got {wish!r}")
        if names.count(name) > 1:
            raise InputError(f"`subject_to`: the name {name!r} is there twice")
