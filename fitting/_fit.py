"""`fit`: from measurements to parameters with error bars."""

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from ._data import Measurements, Sample, load_measurements
from ._errorbars import identify, stated_errors
from ._errors import InputError
from ._models import get_model
from ._parameters import POLARISATION, allowed, known
from ._problem import Counter, Problem, evaluate, set_up
from ._report import Fit, Minimum, summary
from ._solve import ANCHOR, MAX_STEPS, Callback, Search, check_optimizer, starting_points


def fit(
    data: Measurements | str | os.PathLike[str],
    model: str = "wall1d",
    free: Iterable[str] = POLARISATION,
    sample: Sample | None = None,
    *,
    fixed: Mapping[str, float] | None = None,
    nuisance: Iterable[str] | None = None,
    optimizer: str = "lm",
    start: Mapping[str, float] | None = None,
    max_steps: int | None = None,
    model_errors: Mapping[str, float] | None = None,
    callback: Callback | None = None,
    precision: str = "float64",
) -> Fit:
    """Fit xi, P, alpha (or other parameters) to measured wall motion.

        chi2 = sum ((prediction - value)/std)^2 + priors  ->  min
        covariance = (J^T J)^-1 max(1, chi2/dof) + sum over constants of outer(half of the change)

    data: measurements, a file, or the name of an embedded data set.
    model: "wall1d" (collective coordinates) or another name of `fitting.MODELS`.
    free: parameters to fit, among xi, P, alpha, n0, Ms, A, K, K_perp, gamma.
    sample: replaces the header's.
    fixed: values, SI, of parameters that are known; they are taken as exact.
    nuisance: parameters fitted with a log-normal prior of 30 % around the sample's value; by
    default K_perp where the data show a wall and it is neither free nor fixed; () for none.
    optimizer: "lm" (optimistix), "lbfgs" or "adam" (optax).
    start: first guesses; without any, a grid of guesses is tried.
    max_steps: of the optimiser, from each start.
    model_errors: relative uncertainty of the wall constants that are not fitted; by default
    {"width": 0.10, "K_perp": 0.30}.  0 switches one off.
    callback: called as callback(iteration, chi2, values).
    precision: "float64", whatever the session's setting, or "float32".

    Raises InputError for input that cannot be used.  A fit that does not converge is returned with
    converged = False and its best point.
    """
    began = time.monotonic()
    check_optimizer(optimizer)
    if precision not in ("float64", "float32"):
        raise InputError(f"`precision` must be float64 or float32, got {precision!r}")
    if max_steps is not None and max_steps < 1:
        raise InputError(f"`max_steps` must be >= 1, got {max_steps}")
    settings: dict[str, Any] = {
        "model": get_model(model),
        "free": known(free, "free"),
        "fixed": allowed(fixed or {}, "fixed"),
        "nuisance": None if nuisance is None else known(nuisance, "nuisance"),
    }
    given = allowed(start or {}, "start")
    data = data if isinstance(data, Measurements) else load_measurements(data)
    data = data if sample is None else data.with_sample(sample)
    with jax.enable_x64(precision == "float64"):
        warm = None
        cheaper = settings["model"].cheaper
        if cheaper is not None and not given:
            warm = fit(
                data,
                cheaper,
                settings["free"],
                fixed=fixed,
                nuisance=settings["nuisance"],
                model_errors={"width": 0.0, "K_perp": 0.0},
                precision=precision,
            )
            given = dict(warm.values)
        problem = set_up(data, start=given, **settings)
        stated = stated_errors(problem, model_errors)
        counter = Counter()
        tolerance = problem.model.tolerance if precision == "float64" else 1e-2
        steps = MAX_STEPS[optimizer] if max_steps is None else max_steps
        search = Search(optimizer, steps, tolerance, counter, callback)
        silent = warm is not None and not (warm.identifiability and warm.identifiability.complete)
        result = _minimise(problem, search, given, anchor=silent)
        done = summary(problem, search, result, stated, began)
        if warm is None:
            return done
        note = f"started from the optimum of {warm.model} ({warm.n_simulations} simulations)"
        return dataclasses.replace(done, notes=(note, *done.notes))


def _minimise(
    problem: Problem, search: Search, given: Mapping[str, float], anchor: bool
) -> Minimum:
    """The minimum; where the data leave a direction open, once more with a weak prior on it."""
    starts = starting_points(problem, given, search)
    iterations = 0
    while True:
        objective = problem.objective
        if anchor:
            objective = objective.anchored(problem.free, ANCHOR)
        best, *others = search.from_starts(objective, starts)
        iterations += best.steps + sum(s.steps for s in others)
        at = evaluate(problem.objective, best.z, search.counter) if anchor else best.evaluation
        seen = identify(problem.objective, best.z, at, problem.free) if at.finite else None
        if anchor or seen is None or seen.complete:
            return Minimum(best, others, objective, seen, at, iterations)
        anchor = True
