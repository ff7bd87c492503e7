"""One fit as a function: residuals and their Jacobian, compiled once for every later use."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._data import Measurements
from ._errors import InputError
from ._loss import least_squares
from ._parameters import FLOOR, MATERIAL, POLARISATION, Parameter, Space, parameter
from ._protocol import Model, Predictor, simulated

WIDTH_ERROR, K_PERP_ERROR = 0.10, 0.30
"""Stated relative uncertainty of the wall constants from the cross-section (wall width, K_perp)."""


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


class Objective(eqx.Module):
    """All that the compiled functions need; a pytree, so that a refit compiles nothing new."""

    predictor: Predictor
    space: Space
    fixed: dict[str, Array]
    value: Array
    std: Array

    def values(self, z: Array) -> dict[str, Array]:
        """Every parameter of the model, free and fixed."""
        return {**self.fixed, **self.space.values(z)}

    def moved(self, values: Mapping[str, float]) -> "Objective":
        """The same with other values of fixed parameters; compiles nothing new."""
        fixed = {**self.fixed, **{name: jnp.asarray(float(v)) for name, v in values.items()}}
        return eqx.tree_at(lambda o: o.fixed, self, fixed)

    def anchored(self, names: tuple[str, ...], relative: float) -> "Objective":
        """The same with a weak prior of this relative width on `names`, around their starts."""
        space = self.space
        centre, weight = np.array(space.centre), np.array(space.weight)
        start = space.scaled(space.start)
        for i, name in enumerate(space.names):
            if name in names:
                centre[i] = float(start[i])
                width = (
                    relative
                    if space.log[i]
                    else relative * max(abs(centre[i]), FLOOR.get(name, 0.0))
                )
                weight[i] = 1 / width
        return eqx.tree_at(lambda o: o.space, self, space.with_priors(centre, weight))

    def residuals(self, z: Array) -> tuple[Array, Array]:
        """(residuals, predictions) at the coordinates z."""
        prediction = self.predictor(self.values(z))
        return least_squares(self.space, z, prediction, self.value, self.std), prediction

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
    """|value| of each parameter, not below its `FLOOR`: what relative errors refer to."""
    return np.array([max(abs(float(values[n])), FLOOR.get(n, 0.0)) for n in names])


def relative_jacobian(objective: Objective, z: np.ndarray, at: Evaluation) -> np.ndarray:
    """d residuals/d(relative change of each parameter), (n + p, p); mostly d/d ln."""
    values = {n: float(v) for n, v in objective.space.values(jnp.asarray(z)).items()}
    slope = objective.space.slope(jnp.asarray(z))
    return at.jacobian * (relative_scale(objective.space.names, values) / slope)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A fit that is set up: the objective and the role of each parameter.

    free: fitted and reported.  nuisance: fitted with a prior, reported apart.
    estimates: values of all that is not free, from `fixed` or the sample; and for nuisances the
    sample's estimate.  given: names that the user fixed, which are taken as exact.
    """

    model: Model
    data: Measurements
    objective: Objective
    parameters: tuple[Parameter, ...]
    free: tuple[str, ...]
    nuisance: tuple[str, ...]
    estimates: dict[str, float]
    given: tuple[str, ...]

    def values(self, z: np.ndarray) -> dict[str, float]:
        """Every parameter at z, free and fixed, as floats."""
        return {n: float(v) for n, v in self.objective.values(jnp.asarray(z)).items()}


def set_up(
    data: Measurements,
    model: Model,
    free: tuple[str, ...],
    *,
    fixed: Mapping[str, float],
    nuisance: tuple[str, ...] | None,
    start: Mapping[str, float],
) -> Problem:
    """The problem of fitting `free` and `nuisance` to `data`; all else from `fixed` or the sample.

    Raises InputError for a parameter that is needed but neither free nor fixed, a missing header
    key, a row without std, or a row or sample that the model cannot describe.
    """
    _check_std(data)
    model.check_rows(data)
    needs = model.needs(data)
    if nuisance is None:
        nuisance = ("K_perp",) if "K_perp" in needs else ()
        nuisance = tuple(n for n in nuisance if n not in free and n not in fixed)
    _check_roles(free, nuisance, fixed)
    for name in POLARISATION:
        if name in needs and name not in free and name not in fixed:
            raise InputError(
                f"`{name}` must be free or fixed: {model.name} needs it for "
                f"{', '.join(sorted(set(data.observable)))}"
            )
    known = (*fixed, *(n for n in free if n in start))
    wanted = tuple(n for n in MATERIAL if (n in needs or n in free) and n not in known)
    estimates = {**_from_sample(data, wanted, model.name), **fixed}
    parameters = tuple(
        parameter(n, estimates.get(n, start.get(n)), K_PERP_ERROR if n in nuisance else None)
        for n in (*free, *nuisance)
    )
    parameters = tuple(p.with_start(start[p.name]) if p.name in start else p for p in parameters)
    guess = {**estimates, **{p.name: p.start for p in parameters}}
    fixed_values = {n: jnp.asarray(v) for n, v in estimates.items() if n not in (*free, *nuisance)}
    objective = Objective(
        predictor=model.prepare(data, guess),
        space=Space(parameters),
        fixed=fixed_values,
        value=jnp.asarray(data.value),
        std=jnp.asarray(data.std),
    )
    return Problem(
        model, data, objective, parameters, free, nuisance, estimates, tuple(sorted(fixed))
    )


def _check_std(data: Measurements) -> None:
    for i, std in enumerate(data.std):
        if not std > 0:
            raise InputError(
                f"{data.path}:{data.line[i]}: column `std` must be given for a fit; "
                "`--std 5%` (or data.with_std(0.05)) fills what is missing"
            )


def _check_roles(
    free: tuple[str, ...], nuisance: tuple[str, ...], fixed: Mapping[str, float]
) -> None:
    if not free:
        raise InputError("`free` must name at least one parameter, got none")
    for name in (*free, *nuisance):
        if name in fixed:
            raise InputError(f"`{name}` cannot be both fitted and fixed")
    for name in nuisance:
        if name in free or name in POLARISATION:
            raise InputError(
                f"`nuisance` must name parameters of the sample that are not free, got `{name}`"
            )


def _from_sample(data: Measurements, wanted: tuple[str, ...], model: str) -> dict[str, float]:
    """Values of the material parameters in `wanted`; InputError naming a missing header key."""
    sample, found = data.sample, {}
    sample.require(*(n for n in ("Ms", "A", "K") if n in wanted), model=model)
    if simulated(data):
        sample.require("easy_axis", model=model)
    for name in wanted:
        if name in ("K", "K_perp"):
            wall = sample.cross_section()
            found[name] = wall.K_eff if name == "K" else wall.K_perp
        elif name == "gamma":
            found[name] = sample.gyromagnetic_ratio
        else:
            found[name] = getattr(sample, name)
    return {name: float(value) for name, value in found.items()}
