"""Smooth coordinates without bounds: what optimisers and samplers move in."""

import math
from collections.abc import Iterable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from ._parameters import Parameter

_INSIDE = 1e-9
"""Part of the range by which a value at a bound is brought inside."""


class Space(eqx.Module):
    """The free parameters together, and their coordinates z without bounds.

        t = low + (high - low)/(1 + exp(-z)),     value = exp(t) or t

    (low and high on the scale t).  Every entry but the static ones is an array of length p.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    log: tuple[bool, ...] = eqx.field(static=True)
    low: Array
    high: Array
    start: Array
    """z of the first guess."""
    centre: Array
    """Centre of the priors on the scale t."""
    weight: Array
    """1/(standard deviation) of the priors; 0 where there is none."""

    def __init__(self, parameters: Iterable[Parameter]):
        ps = tuple(parameters)
        self.names = tuple(p.name for p in ps)
        self.log = tuple(p.log for p in ps)

        def scale(p: Parameter, x: float) -> float:
            return math.log(x) if p.log else x

        low = np.array([scale(p, p.low) for p in ps])
        high = np.array([scale(p, p.high) for p in ps])
        at = np.array([scale(p, p.start) for p in ps])
        self.low, self.high = jnp.asarray(low), jnp.asarray(high)
        self.start = jnp.asarray(self.unscaled(at))
        self.centre = jnp.asarray(
            np.array([p.prior[0] if p.prior else t for p, t in zip(ps, at, strict=True)])
        )
        self.weight = jnp.asarray(np.array([1 / p.prior[1] if p.prior else 0.0 for p in ps]))

    def scaled(self, z: ArrayLike) -> Array:
        """t, the natural scale, of z."""
        return self.low + (self.high - self.low) * jax.nn.sigmoid(jnp.asarray(z))

    def scaled_slope(self, z: ArrayLike) -> Array:
        """dt/dz."""
        part = jax.nn.sigmoid(jnp.asarray(z))
        return (self.high - self.low) * part * (1 - part)

    def unscaled(self, t: ArrayLike) -> np.ndarray:
        """z of known t; at or beyond a bound it is brought just inside."""
        low, high = np.asarray(self.low), np.asarray(self.high)
        part = np.clip((np.asarray(t) - low) / (high - low), _INSIDE, 1 - _INSIDE)
        return np.log(part / (1 - part))

    def value_of(self, t: ArrayLike) -> np.ndarray:
        """The values, known, that belong to t; the last axis counts parameters."""
        return np.where(self.log, np.exp(np.where(self.log, t, 0.0)), t)

    def values(self, z: Array) -> dict[str, Array]:
        """The parameters by name."""
        t = self.scaled(z)
        return {n: jnp.exp(t[i]) if self.log[i] else t[i] for i, n in enumerate(self.names)}

    def coordinates(self, values: Mapping[str, float]) -> np.ndarray:
        """z of `values`; a value at or beyond a bound is brought just inside."""
        pairs = zip(self.names, self.log, strict=True)
        t = [math.log(values[n]) if log else values[n] for n, log in pairs]
        return self.unscaled(np.array(t))

    def slope(self, z: ArrayLike) -> np.ndarray:
        """d(value)/dz of each parameter."""
        factor = np.where(self.log, self.value_of(np.asarray(self.scaled(z))), 1.0)
        return factor * np.asarray(self.scaled_slope(z))

    def at_bound(self, z: ArrayLike) -> np.ndarray:
        """Which parameters sit within 1e-4 of their range of a bound."""
        part = np.asarray(jax.nn.sigmoid(jnp.asarray(z)))
        return (part < 1e-4) | (part > 1 - 1e-4)

    def with_priors(self, centre: np.ndarray, weight: np.ndarray) -> "Space":
        """The same space with other Gaussian priors on the scale t."""
        where = lambda s: (s.centre, s.weight)  # noqa: E731
        return eqx.tree_at(where, self, (jnp.asarray(centre), jnp.asarray(weight)))
