"""The objective of a finished fit once more, for what looks around its optimum."""

import dataclasses
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from ._errors import InputError, nearest
from ._models import get_model
from ._parameters import NAMES, POLARISATION, Space, parameter
from ._problem import Counter, Objective, Problem, set_up
from ._report import Fit
from ._solve import Solution
from ._starts import Search

TOLERANCE = 1e-4
"""Distance to a minimum, in standard deviations, at which a refit may stop: chi2 to 1e-8."""
REFIT_STEPS = 60


class Again(NamedTuple):
    """A problem set up like that of the fit, and its minimum.

    The errors of the rows are multiplied by the fit's Birge ratio, so that a rise of chi2 by 1 is
    one standard deviation as the fit counts them; priors mean what they say.
    """

    problem: Problem
    best: Solution
    counter: Counter

    @property
    def objective(self) -> Objective:
        return self.problem.objective

    @property
    def names(self) -> tuple[str, ...]:
        """Fitted parameters: the free ones, then the nuisances."""
        return self.problem.objective.space.names


def check_converged(fit: Fit, purpose: str) -> None:
    """InputError unless `fit` is a converged result of `fitting.fit`."""
    if not isinstance(fit, Fit):
        raise InputError(
            f"`fit` must be the result of fitting.fit, got an object of type {type(fit).__name__}"
        )
    if not fit.converged:
        raise InputError(f"{purpose} needs a fit that converged; this one is {fit.message}")


def fitted(fit: Fit, name: str) -> str:
    """`name` if the fit varied it; InputError with the nearest name otherwise."""
    names = (*fit.free, *fit.nuisance)
    if name in names:
        return name
    if name in fit.fixed:
        raise InputError(f"`{name}` was not fitted but fixed; fitted were {', '.join(names)}")
    close = f"; did you mean `{nearest(name, NAMES)}`?" if isinstance(name, str) else ""
    raise InputError(f"unknown parameter {name!r}{close} (fitted were {', '.join(names)})")


def whole(name: str, value: int, least: int, why: str = "") -> int:
    """`value` if it is a whole number >= `least`; InputError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"`{name}` must be a whole number >= {least}{why}, got {value!r}")
    return int(value)


def probabilities(name: str, given: float | tuple[float, ...]) -> tuple[float, ...]:
    """`given` as a tuple of numbers between 0 and 1; InputError otherwise."""
    levels = (given,) if isinstance(given, float | int) else tuple(given)
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
            raise InputError(f"`{name}` must be between 0 and 1 (0.95 for 95 %), got {level!r}")
    if not levels:
        raise InputError(f"`{name}` must hold at least one number, got none")
    return tuple(float(level) for level in levels)


def again(fit: Fit, *, model_errors: bool = False, birge: bool = True) -> Again:
    """The problem of `fit` and its minimum, found anew from the fitted values.

    model_errors: the wall constants that the fit moved for its model error become nuisances with
    log-normal priors of the stated width (ln K has twice that of the wall's width sqrt(A/K)).
    birge: multiply the rows' errors by `fit.scale`.

    A free parameter of the sample keeps its range around the sample's value.
    """
    extra = _constants(fit) if model_errors else {}
    model = get_model(fit.model)
    settings = {
        "model": model,
        "free": fit.free,
        "fixed": {n: v for n, v in fit.fixed.items() if n not in extra},
        "nuisance": (*fit.nuisance, *extra),
    }
    start = {n: v for n, v in fit.values.items() if n in POLARISATION}
    problem = set_up(fit.data, start=start, **settings)
    outside = [
        p.name for p in problem.parameters if not p.low < fit.values.get(p.name, p.start) < p.high
    ]
    if outside:  # its range was set by the user's start, which is not recorded
        start |= {n: fit.values[n] for n in outside}
        problem = set_up(fit.data, start=start, **settings)
    parameters = tuple(
        parameter(p.name, problem.estimates[p.name], extra[p.name]) if p.name in extra else p
        for p in problem.parameters
    )
    objective = eqx.tree_at(
        lambda o: (o.space, o.std),
        problem.objective,
        (Space(parameters), problem.objective.std * (fit.scale if birge else 1.0)),
    )
    problem = dataclasses.replace(problem, objective=objective, parameters=parameters)
    guess = {**{p.name: p.start for p in parameters}, **fit.values}
    counter = Counter()
    best = refit(problem, objective, objective.space.coordinates(guess), counter)
    return Again(problem, best, counter)


def refit(problem: Problem, objective: Objective, z: np.ndarray, counter: Counter) -> Solution:
    """The minimum of `objective` from z, by Levenberg-Marquardt."""
    tolerance = max(problem.model.tolerance, TOLERANCE)
    return Search("lm", REFIT_STEPS, tolerance, counter).from_starts(objective, [z])[0]


def _constants(fit: Fit) -> dict[str, float]:
    """Standard deviation of ln(constant) for each constant of the fit's model error."""
    width = {"width": ("K", 2.0), "K_perp": ("K_perp", 1.0)}
    return {width[n][0]: width[n][1] * error for n, error in fit.model_error.items()}


def covariance(again: Again) -> np.ndarray:
    """(J^T J)^-1 in the coordinates z; directions that nothing fixes have a variance of 100^2."""
    _, s, axes = np.linalg.svd(again.best.evaluation.jacobian, full_matrices=False)
    std = 1 / np.maximum(s, 1e-2)
    return (axes.T * std**2) @ axes


def scaled_slope(space: Space, z: np.ndarray) -> np.ndarray:
    """dt/dz of each parameter's natural scale t."""
    part = 1 / (1 + np.exp(-z))
    return np.asarray(space.high - space.low) * part * (1 - part)


def scaled(space: Space, z: np.ndarray) -> np.ndarray:
    """t, the natural scale, as numbers."""
    return np.asarray(space.scaled(jnp.asarray(z)))
