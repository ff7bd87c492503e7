"""The problem that a fit solved, for what looks around its optimum."""

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from .._errorbars import MOVED
from .._errors import InputError
from .._problem import Counter, Objective, Problem
from .._report import Fit, Solved
from .._solve import Search, Solution

TOLERANCE = 1e-4
"""Distance to a minimum, in standard deviations, at which a refit may stop: chi2 to 1e-8."""
REFIT_STEPS = 60


class Again(NamedTuple):
    """The problem of the fit, and its minimum.

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


def again(fit: Fit, *, model_errors: bool = False, birge: bool = True) -> Again:
    """The problem that `fit` solved, in float64, and its minimum.

    model_errors: the wall constants that the fit moved for its model error become nuisances with
    log-normal priors of the stated width (ln K has twice that of the wall's width sqrt(A/K)).
    birge: multiply the rows' errors by `fit.scale`.
    """
    extra = _constants(fit) if model_errors else {}
    factor = fit.scale if birge else 1.0
    solved = _solved(fit)
    problem = _in_double(solved.problem.with_nuisances(extra).with_errors_times(factor))
    objective = problem.objective
    double = solved.problem.objective.std.dtype == np.float64
    counter = Counter()
    if double and solved.minimum and factor == 1.0 and not extra:
        return Again(problem, solved.best, counter)
    start = np.asarray(objective.space.start)
    z = np.concatenate([solved.best.z, start[len(solved.best.z) :]])
    return Again(problem, refit(problem, objective, z, counter), counter)


def own_problem(fit: Fit) -> tuple[Problem, np.ndarray]:
    """The problem that `fit` solved, in float64, rows with its Birge ratio, and where it ended."""
    solved = _solved(fit)
    return _in_double(solved.problem.with_errors_times(fit.scale)), solved.best.z


def _solved(fit: Fit) -> Solved:
    if fit.solved is None:
        raise InputError(
            "this fit was read from a file, or is of several sets together: call fitting.fit"
        )
    return fit.solved


def left_out(fit: Fit, names: Iterable[str]) -> list[str]:
    """What a corrected fit may still owe to llg2d, which no refit of its problem shows."""
    known = {n: s for n in names if fit.rungs and (s := fit.std_model.get(n))}
    if not known:
        return []
    shown = ", ".join(f"{s:.2g} of {n}" for n, s in known.items())
    return [f"what more steps by {fit.rungs[-1].model} would change is not in it: {shown}"]


def _in_double(problem: Problem) -> Problem:
    def double(x: Any) -> Any:
        return x.astype(np.float64) if eqx.is_inexact_array(x) else x

    return dataclasses.replace(problem, objective=jax.tree.map(double, problem.objective))


def refit(problem: Problem, objective: Objective, z: np.ndarray, counter: Counter) -> Solution:
    """The minimum of `objective` from z, by Levenberg-Marquardt."""
    tolerance = max(problem.model.tolerance, TOLERANCE)
    return Search("lm", REFIT_STEPS, tolerance, counter).from_starts(objective, [z])[0]


def _constants(fit: Fit) -> dict[str, float]:
    """Standard deviation of ln(constant) for each constant of the fit's model error."""
    return {MOVED[n][0]: abs(MOVED[n][1]) * error for n, error in fit.model_error.items()}


def covariance(again: Again) -> np.ndarray:
    """(J^T J)^-1 in the coordinates z; directions that nothing fixes have a variance of 100^2."""
    _, s, axes = np.linalg.svd(again.best.evaluation.jacobian, full_matrices=False)
    std = 1 / np.maximum(s, 1e-2)
    return (axes.T * std**2) @ axes
