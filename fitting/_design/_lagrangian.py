"""Constraints by an augmented Lagrangian.

Of min f(x) under c_i(x) = 0 and g_i(x) <= 0 and low <= x <= high, with multipliers l and a penalty
p, the function

    L = f + sum_i (l_i c_i + p c_i^2/2) + sum_i (max(0, l_i + p g_i)^2 - l_i^2)/(2 p)

is minimised within the bounds; then l_i <- l_i + p c_i, or max(0, l_i + p g_i), and p grows where
the constraints did not get better by a factor of four.  Constraints are in units of how far off
they may be, so that one penalty fits all; p begins small enough not to drown f.
Source: Birgin and Martinez, Practical Augmented Lagrangian Methods for Constrained Optimization
(SIAM, 2014), Algorithm 4.1 and Section 12.4.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._wanted import Variable, Wish

SHRINK, GROW, MOST = 0.25, 10.0, 1e8
"""Constraints must get better by this, or the penalty grows by that, up to the last."""
_LARGEST_MULTIPLIER = 1e10


class Problem(eqx.Module):
    """All that the compiled function needs; what is callable may hold arrays."""

    outcome: Callable[[Mapping[str, Array]], Any]
    minimise: Callable[[Mapping[str, Array], Any], Array]
    wishes: tuple[Wish, ...] = eqx.field(static=True)
    shapes: tuple[tuple[str, tuple[int, ...]], ...] = eqx.field(static=True)
    low: Array
    high: Array
    unit: Array
    """Of f: f is divided by it."""
    sizes: tuple[int, ...] = eqx.field(static=True)
    """How many numbers each wish is about."""

    def __init__(self, outcome, minimise, wishes, variables: Mapping[str, Variable]):
        self.outcome, self.minimise, self.wishes = outcome, minimise, tuple(wishes)
        self.shapes = tuple((name, v.start.shape) for name, v in variables.items())
        join = lambda key: jnp.asarray(  # noqa: E731
            np.concatenate([getattr(v, key).ravel() for v in variables.values()])
        )
        self.low, self.high, self.unit = join("low"), join("high"), jnp.ones(())
        wished = jax.eval_shape(lambda z: self._wished(z)[2], self.low)
        self.sizes = tuple(c.size for c in wished)

    def variables(self, z: Array) -> dict[str, Array]:
        """{name: array} of the coordinates z, each -1 to 1 between the bounds."""
        x = self.low + (self.high - self.low) * (z + 1) / 2
        ends = np.cumsum([int(np.prod(shape)) for _, shape in self.shapes])[:-1].tolist()
        parts = jnp.split(x, ends)
        return {n: p.reshape(shape) for (n, shape), p in zip(self.shapes, parts, strict=True)}

    def coordinates(self, variables: Mapping[str, Variable]) -> np.ndarray:
        start = np.concatenate([v.start.ravel() for v in variables.values()])
        low, high = np.asarray(self.low), np.asarray(self.high)
        return np.clip(2 * (start - low) / (high - low) - 1, -1, 1)

    def read(self, z: Array) -> tuple[Array, Array]:
        """(f, all c and g, each in its unit)."""
        x, y, c = self._wished(z)
        f = jnp.asarray(self.minimise(x, y))
        if f.shape != ():
            raise ValueError(f"`minimise` must return a number, got shape {f.shape}")
        return f / self.unit, jnp.concatenate(c) if c else jnp.zeros(0)

    def _wished(self, z: Array) -> tuple[dict[str, Array], Any, list[Array]]:
        """The variables, the outcome, and each wish's excess."""
        x = self.variables(z)
        y = self.outcome(x)
        return x, y, [wish.excess(x, y) for wish in self.wishes]

    def is_bound(self) -> np.ndarray:
        return np.repeat(np.array([wish.sign != 0 for wish in self.wishes], bool), self.sizes)

    def lagrangian(self, z: Array, multipliers: Array, penalty: Array) -> tuple[Array, Any]:
        f, c = self.read(z)
        bound = self.is_bound()
        raised = multipliers + penalty * c
        equal = multipliers * c + penalty * c**2 / 2
        most = (jnp.maximum(raised, 0) ** 2 - multipliers**2) / (2 * penalty)
        return f + jnp.sum(jnp.where(bound, most, equal)), (f, c)


class At(NamedTuple):
    """The Lagrangian at one point."""

    z: np.ndarray
    value: float
    gradient: np.ndarray
    f: float
    c: np.ndarray

    @property
    def finite(self) -> bool:
        return bool(np.isfinite(self.value) and np.isfinite(self.gradient).all())


@eqx.filter_jit
def _value_and_gradient(problem: Problem, z: Array, multipliers: Array, penalty: Array):
    return jax.value_and_grad(problem.lagrangian, has_aux=True)(z, multipliers, penalty)


def evaluate(problem: Problem, z: np.ndarray, multipliers: np.ndarray, penalty: float) -> At:
    """One run there and back."""
    args = (jnp.asarray(z), jnp.asarray(multipliers), jnp.asarray(float(penalty)))
    (value, (f, c)), gradient = _value_and_gradient(problem, *args)
    return At(np.array(z), float(value), np.asarray(gradient, float), float(f), np.asarray(c))


def violation(problem: Problem, c: np.ndarray) -> np.ndarray:
    """How far each constraint is from being met, in its unit; 0 where it is."""
    return np.where(problem.is_bound(), np.maximum(c, 0.0), np.abs(c))


def complementarity(problem: Problem, c: np.ndarray, l: np.ndarray, p: float) -> np.ndarray:  # noqa: E741
    """As `violation`; a bound whose multiplier still presses counts by how far it is from it."""
    return np.where(problem.is_bound(), np.abs(np.maximum(c, -l / p)), np.abs(c))


def first_penalty(f: float, c: np.ndarray) -> float:
    """Such that neither f nor the constraints drown the other."""
    return float(np.clip(10 * max(1.0, abs(f)) / max(1.0, 0.5 * np.sum(c**2)), 1e-6, 10.0))


def raised(problem: Problem, l: np.ndarray, p: float, c: np.ndarray) -> np.ndarray:  # noqa: E741
    """The multipliers after a minimum."""
    new = l + p * c
    new = np.where(problem.is_bound(), np.maximum(new, 0.0), new)
    return np.clip(new, -_LARGEST_MULTIPLIER, _LARGEST_MULTIPLIER)


def projected(at: At) -> float:
    """Largest component of the gradient that does not lead out of the bounds."""
    return float(np.max(np.abs(np.clip(at.z - at.gradient, -1, 1) - at.z)))
