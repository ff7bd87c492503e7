"""One fit as a function: residuals and their Jacobian, compiled once for every later use."""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._models import Predictor
from .._parameters import Link, Space, floor, linked
from ._loss import information, prior_residuals, row_residuals


class Evaluation(NamedTuple):
    """What one call of `evaluate` gives; n rows of data, p free parameters."""

    residuals: np.ndarray
    """(n + p,): data, then priors; chi2 is the sum of squares."""
    jacobian: np.ndarray
    """d residuals/dz, (n + p, p)."""
    prediction: np.ndarray
    """(n,), in the unit of each row."""

    @property
    def chi2(self) -> float:
        """Sum of squared residuals; inf if any is not finite."""
        total = float(np.sum(self.residuals**2))
        return total if np.isfinite(total) else np.inf

    @property
    def finite(self) -> bool:
        """Whether residuals and Jacobian are finite."""
        return bool(np.isfinite(self.residuals).all() and np.isfinite(self.jacobian).all())

    def plus(self, offset: np.ndarray, slope: np.ndarray, std: Array) -> "Evaluation":
        """The same point of a model that says more by `offset` (n,), with d offset/dz (n, p).

        std: of the rows.
        """
        n, residuals, jacobian = offset.size, self.residuals.copy(), self.jacobian.copy()
        residuals[:n] += offset / np.asarray(std)
        jacobian[:n] += slope / np.asarray(std)[:, None]
        return Evaluation(residuals, jacobian, self.prediction + offset)


class Objective(eqx.Module):
    """All that the compiled functions need; a pytree, so that a refit compiles nothing new."""

    predictor: Predictor
    space: Space
    fixed: dict[str, Array]
    value: Array
    std: Array
    side: Array | None = None
    """Which values are only bounds, see `row_residuals`."""
    loss: str = eqx.field(static=True, default="normal")
    links: tuple[Link, ...] = eqx.field(static=True, default=())

    def values(self, z: Array) -> dict[str, Array]:
        """Every parameter of the model: free, fixed, and what follows from them."""
        return linked(self.links, {**self.fixed, **self.space.values(z)})

    def moved(self, values: Mapping[str, float]) -> "Objective":
        """The same with other values of fixed parameters; compiles nothing new."""
        fixed = {**self.fixed, **{name: jnp.asarray(float(v)) for name, v in values.items()}}
        return eqx.tree_at(lambda o: o.fixed, self, fixed)

    def anchored(self, names: tuple[str, ...], relative: float) -> "Objective":
        """The same with a weak prior of this relative width on those of `names` that have none.

        It is centred at their starts.
        """
        space = self.space
        centre, weight = np.array(space.centre), np.array(space.weight)
        start = space.scaled(space.start)
        for i, name in enumerate(space.names):
            if name in names and weight[i] == 0:
                centre[i] = float(start[i])
                width = relative if space.log[i] else relative * max(abs(centre[i]), floor(name))
                weight[i] = 1 / width
        return eqx.tree_at(lambda o: o.space, self, space.with_priors(centre, weight))

    def residuals(self, z: Array) -> tuple[Array, Array]:
        """(residuals, predictions) at the coordinates z."""
        prediction = self.predictor(self.values(z))
        rows = row_residuals(self.loss, self.side, self.off(prediction))
        return jnp.concatenate([rows, prior_residuals(self.space, z)]), prediction

    def off(self, prediction: Array) -> Array:
        """(prediction - value)/std of each row."""
        return (prediction - self.value) / self.std

    @property
    def plain(self) -> bool:
        """Whether the residuals are those themselves."""
        return self.loss == "normal" and self.side is None

    def informative(self, jacobian: Array, prediction: Array) -> Array:
        """The Jacobian of the residuals, (n + p, p), with rows that count as the errors say."""
        if self.plain:
            return jacobian
        factor = information(self.loss, self.side, self.off(prediction))
        return jacobian.at[: factor.size].multiply(factor[:, None])

    def derivatives(self, z: Array) -> tuple[Array, Array, Array]:
        """(residuals, Jacobian in forward mode, predictions); to be compiled."""

        def rows(z: Array) -> tuple[Array, tuple[Array, Array]]:
            r, prediction = self.residuals(z)
            return r, (r, prediction)

        jacobian, (r, prediction) = jax.jacfwd(rows, has_aux=True)(z)
        return r, jacobian, prediction


@eqx.filter_jit
def _derivatives(objective: Objective, z: Array) -> tuple[Array, Array, Array]:
    return objective.derivatives(z)


class Counter:
    """Counts what a fit costs: evaluations with tangents, and evaluations without."""

    def __init__(self) -> None:
        self.derivatives = 0
        self.values = 0

    def simulations(self, drives: int, tangents: int) -> int:
        """Simulated drives, each tangent counted as one more."""
        return drives * (self.derivatives * (1 + tangents) + self.values)


def evaluate(objective: Objective, z: np.ndarray, counter: Counter) -> Evaluation:
    """Residuals, Jacobian and predictions at z: one run and p tangents of every drive."""
    counter.derivatives += 1
    return Evaluation(*(np.asarray(x) for x in _derivatives(objective, jnp.asarray(z))))


def relative_scale(names: tuple[str, ...], values: Mapping[str, float]) -> np.ndarray:
    """|value| of each parameter, not below its `floor`: what relative errors refer to."""
    return np.array([max(abs(float(values[n])), floor(n)) for n in names])


def relative_jacobian(objective: Objective, z: np.ndarray, at: Evaluation) -> np.ndarray:
    """d residuals/d(relative change of each parameter), (n + p, p); mostly d/d ln.

    Rows count as `Objective.informative` says.
    """
    jacobian = at.jacobian
    if not objective.plain:
        jacobian = objective.informative(jnp.asarray(jacobian), jnp.asarray(at.prediction))
    values = {n: float(v) for n, v in objective.space.values(jnp.asarray(z)).items()}
    slope = objective.space.slope(jnp.asarray(z))
    return np.asarray(jacobian) * (relative_scale(objective.space.names, values) / slope)
