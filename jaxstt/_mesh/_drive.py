"""Currents and fields in time.  Values may be scalars, vectors (3,) or fields; all are leaves.

A drive tells the times at which it bends (`breakpoints`); the step controller stops there, or a
long step taken at rest would jump over a short pulse.  A bare function of t is accepted as well; it
is static (a new function means a new compilation) and has no breakpoints: steps are then at most a
64th of the time between two saves, and what it does must not be shorter.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import ArrayLike, is_concrete, leaf, number

_PARTS = 64
"""Steps between two saves, at least, for a drive of which nothing is known."""


class AbstractDrive(eqx.Module):
    """A value in time: `drive(t)` with t in s, and the `breakpoints` (k,) in s."""

    @abstractmethod
    def __call__(self, t: Array) -> Array:
        """The value at time t, s."""

    @property
    @abstractmethod
    def largest(self) -> Array:
        """The largest absolute value it takes."""

    @property
    @abstractmethod
    def breakpoints(self) -> Array:
        """Times, s, where the drive or its slope jumps."""

    @property
    def fastest(self) -> Array | float | None:
        """How fast it swings between breakpoints, rad/s, 0 if it is straight there.

        None: it does not tell, and is stepped through as a bare function is.
        """
        return None


class Pulse(AbstractDrive):
    """Trapezium: `value` from `start` + `rise` on, back to 0 at `start` + `duration`.

    value: A/m^2 or T, any shape.  start, duration, rise: s; the edges are linear, `rise` long, and
    lie inside the duration.  A gradient with respect to the edges' times needs rise > 0.

    Raises ValueError for duration <= 0, rise < 0 or 2 rise > duration.
    """

    value: Array
    start: Array
    duration: Array
    rise: Array

    def __init__(
        self, value: ArrayLike, start: ArrayLike, duration: ArrayLike, rise: ArrayLike = 0.0
    ):
        self.value, self.start = leaf("value", value), number("start", start)
        self.duration = number("duration", duration, above=0)
        self.rise = number("rise", rise, minimum=0)
        if is_concrete(self.rise) and is_concrete(self.duration):
            if 2 * float(self.rise) > float(self.duration):
                raise ValueError(
                    f"`rise` must be <= duration/2 = {float(self.duration) / 2:.6g} s, "
                    f"got {float(self.rise):.6g}"
                )

    def __call__(self, t: Array) -> Array:
        after, before = t - self.start, self.start + self.duration - t
        inside = jnp.minimum(after, before)
        sharp = self.rise == 0
        edge = jnp.clip(inside / jnp.where(sharp, 1.0, self.rise), 0.0, 1.0)
        return self.value * jnp.where(sharp, (inside >= 0).astype(edge.dtype), edge)

    @property
    def largest(self) -> Array:
        return jnp.max(jnp.abs(self.value))

    @property
    def breakpoints(self) -> Array:
        end = self.start + self.duration
        return jnp.stack([self.start, self.start + self.rise, end - self.rise, end])

    @property
    def fastest(self) -> float:
        return 0.0


class Piecewise(AbstractDrive):
    """Straight lines between (times[k], values[k]); constant before the first and after the last.

    times: (k,) s, increasing.  values: (k, ...) A/m^2 or T.
    Raises ValueError if the lengths differ or the times do not increase.
    """

    times: Array
    values: Array

    def __init__(self, times: ArrayLike, values: ArrayLike):
        self.times, self.values = leaf("times", times), leaf("values", values)
        if self.times.ndim != 1 or self.times.shape[0] < 2:
            raise ValueError(f"`times` must hold >= 2 times, got shape {self.times.shape}")
        if self.values.shape[:1] != self.times.shape:
            raise ValueError(
                f"`values` must have {self.times.shape[0]} entries, one for each of `times`, "
                f"got shape {self.values.shape}"
            )
        if is_concrete(self.times) and not np.all(np.diff(np.asarray(self.times)) > 0):
            raise ValueError(f"`times` must increase, got {self.times}")

    def __call__(self, t: Array) -> Array:
        last = self.times.shape[0] - 2
        k = jnp.clip(jnp.searchsorted(self.times, t, side="right") - 1, 0, last)
        s = jnp.clip((t - self.times[k]) / (self.times[k + 1] - self.times[k]), 0.0, 1.0)
        return self.values[k] * (1 - s) + self.values[k + 1] * s

    @property
    def largest(self) -> Array:
        return jnp.max(jnp.abs(self.values))

    @property
    def breakpoints(self) -> Array:
        return self.times

    @property
    def fastest(self) -> float:
        return 0.0


class Sinusoid(AbstractDrive):
    """offset + amplitude sin(2 pi frequency t + phase); frequency in Hz, phase in rad.

    amplitude, phase and offset broadcast: a phase for each component makes a field that rotates.
    Raises ValueError for a frequency < 0, and shapes that do not broadcast.
    """

    amplitude: Array
    frequency: Array
    phase: Array
    offset: Array

    def __init__(
        self,
        amplitude: ArrayLike,
        frequency: ArrayLike,
        phase: ArrayLike = 0.0,
        offset: ArrayLike = 0.0,
    ):
        self.amplitude = leaf("amplitude", amplitude)
        self.frequency = number("frequency", frequency, minimum=0)
        self.phase, self.offset = leaf("phase", phase), leaf("offset", offset)
        shapes = {n: getattr(self, n).shape for n in ("amplitude", "phase", "offset")}
        try:
            jnp.broadcast_shapes(*shapes.values())
        except ValueError:
            told = ", ".join(f"`{name}` {shape}" for name, shape in shapes.items())
            raise ValueError(f"shapes must broadcast, got {told}") from None

    def __call__(self, t: Array) -> Array:
        angle = 2 * jnp.pi * self.frequency * t + self.phase
        return self.offset + self.amplitude * jnp.sin(angle)

    @property
    def largest(self) -> Array:
        return jnp.max(jnp.abs(self.offset) + jnp.abs(self.amplitude))

    @property
    def breakpoints(self) -> Array:
        return jnp.zeros(0, self.amplitude.dtype)

    @property
    def fastest(self) -> Array:
        return 2 * jnp.pi * self.frequency


def breakpoints(drives: Iterable[Any], dtype: Any) -> Array:
    """Times, s, (k,), where one of the drives bends; they carry no derivative."""
    bends = [x.breakpoints.ravel() for x in drives if isinstance(x, AbstractDrive)]
    return lax.stop_gradient(jnp.concatenate([jnp.zeros(0), *bends]).astype(dtype))


def swings(drives: Iterable[Any]) -> list[Array]:
    """How fast the drives swing that tell it, rad/s."""
    rates = [x.fastest for x in drives if isinstance(x, AbstractDrive)]
    return [lax.stop_gradient(jnp.asarray(rate)) for rate in rates if rate is not None]


def longest_step(drives: Iterable[Any], interval: Array) -> Array | None:
    """The longest step, s, that misses nothing of the drives between two saves; None: any.

    interval: s, between these saves.  A quarter of the fastest period, and a part of the interval
    if there is a drive of which nothing is known.
    """
    drives = [x for x in drives if callable(x)]
    if not drives:
        return None
    rates = swings(drives)
    longest = interval if len(rates) == len(drives) else interval / _PARTS
    for rate in rates:
        period = (jnp.pi / 2) / jnp.where(rate == 0, 1.0, rate)
        longest = jnp.where(rate == 0, longest, jnp.minimum(period, longest))
    return lax.stop_gradient(longest)


def as_drive(name: str, value: Any) -> Any:
    """A drive or a function as it is, anything else as a constant array."""
    return value if callable(value) else leaf(name, value)


def value_at(value: Any, t: Array) -> Array:
    """The value at time t, in the dtype of t."""
    return jnp.asarray(value(t) if callable(value) else value, t.dtype)


def largest(value: Any) -> Array | float:
    """The largest absolute value of a constant or a drive; 0 for a bare function."""
    if isinstance(value, AbstractDrive):
        return value.largest
    return 0.0 if callable(value) else jnp.max(jnp.abs(value))


def vector_at(value: Any, t: Array) -> Array:
    """The value at time t as a vector field: (3, 1, 1, 1) or (3, nx, ny, nz)."""
    now = jnp.asarray(value(t), t.dtype) if callable(value) else jnp.asarray(value)
    if now.shape[:1] != (3,) or now.ndim not in (1, 4):
        raise ValueError(f"a drive must be (3,) or (3, nx, ny, nz), got shape {now.shape}")
    return now[:, None, None, None] if now.ndim == 1 else now


def check_vector(name: str, value: Any, grid_free: bool = True) -> None:
    """ValueError unless a constant `value` is a vector (3,) or a vector field."""
    if not callable(value) and not (value.shape[:1] == (3,) and value.ndim in (1, 4)):
        raise ValueError(f"`{name}` must be (3,) or (3, nx, ny, nz), got shape {value.shape}")


def check_number(name: str, value: Any) -> None:
    """ValueError unless a constant `value` is a number."""
    if not callable(value) and value.ndim:
        raise ValueError(f"`{name}` must be a number, got shape {value.shape}")
