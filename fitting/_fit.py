"""`fit`: from measurements to parameters with error bars."""

import dataclasses
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import equinox as eqx
import jax
import numpy as np

from ._data import Measurements, Sample, load_measurements
from ._errorbars import PATIENCE, Climb, climb, identify, stated_errors, strip_of
from ._errors import InputError
from ._models import LLG1D, LLG2D, get_model, simulated
from ._parameters import POLARISATION, allowed, known
from ._problem import LOSSES, Counter, Problem, evaluate, set_up
from ._report import Fit, Minimum, summary, unread
from ._solve import (
    ANCHOR,
    ANCHORED,
    MAX_STEPS,
    WALL,
    Callback,
    Search,
    Searched,
    check_optimizer,
    hop,
    jumps,
    starting_points,
    without_anchor,
)

AUTO = "auto"
_BOTTOM = "wall1d"
"""Of the ladder: the model that all others correct."""


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
    check: bool = True,
    runs: str | os.PathLike[str] | None = None,
    tell: Callable[[str], None] | None = None,
    precision: str = "float64",
    priors: Mapping[str, tuple[float, float]] | None = None,
    loss: str = "normal",
    ties: Mapping[str, str] | None = None,
) -> Fit:
    """Fit xi, P, alpha (or other parameters) to measured wall motion.

        chi2 = sum ((prediction - value)/std)^2 + priors  ->  min
        covariance = (J^T J)^-1 max(1, chi2/dof) + outer(error of the model)

    data: measurements, a file, or the name of an embedded data set.
    model: "wall1d" (collective coordinates, seconds), "llg1d" (a wire, seconds), "llg2d" (the strip
    with its magnetostatics, minutes), or "auto", which climbs from wall1d to llg2d only as far as
    that changes anything.  llg1d and llg2d correct wall1d, row by row, until nothing is left of it
    but the slope of its predictions.
    free: parameters to fit, among xi, P, alpha, n0, Ms, A, K, K_perp, gamma, B_pin, j_scale; and
    those of which xi, P or alpha are then made: Delta and tau_sf, xi = hbar/(Delta tau_sf);
    P_T = P/((1+xi^2)(1+eta)); alpha~ = (alpha + xi eta)/(1+eta).
    sample: replaces the header's.
    fixed: values, SI, of parameters that are known; they are taken as exact.
    nuisance: parameters fitted with a log-normal prior of 30 % around the sample's value; by
    default K_perp where the data show a wall and it is neither free nor fixed; () for none.
    optimizer: "lm" (optimistix), "lbfgs" or "adam" (optax).
    start: first guesses; without any, a grid of guesses is tried.
    max_steps: of the optimiser, from each start.
    model_errors: relative uncertainty of the wall constants that are not fitted; by default
    {"width": 0.10, "K_perp": 0.30}.  0 switches one off.  Where llg2d was run it takes their place.
    callback: called as callback(iteration, chi2, values).
    check: where the sample says enough, run llg2d once for every row at the optimum of a 1-D model
    and correct the fit by what it shows; `Fit.rungs` has the figures.
    runs: a file that keeps the runs of llg2d: the same fit, interrupted, goes on from them.
    tell: called with a line of text before each of these runs.
    precision: "float64", whatever the session's setting, or "float32".
    priors: (value, standard deviation) of fitted parameters that are known from elsewhere; normal
    for xi, P and n0, log-normal for the others.  They count as data.
    loss: "normal", or "student" or "huber" where some rows may be far off: what such a row pulls
    does not grow with its distance, and errors are not multiplied by sqrt(chi2/dof).
    ties: parameters that follow from others, {"xi": "2*alpha"}; their errors are in `Fit.derived`.

    Raises InputError for input that cannot be used.  A fit that does not converge is returned with
    converged = False and its best point.
    """
    began = time.monotonic()
    check_settings(optimizer, loss, max_steps)
    if precision not in ("float64", "float32"):
        raise InputError(f"`precision` must be float64 or float32, got {precision!r}")
    settings: dict[str, Any] = {
        "free": known(free, "free"),
        "fixed": allowed(fixed or {}, "fixed"),
        "nuisance": None if nuisance is None else known(nuisance, "nuisance"),
        "priors": pairs(priors or {}),
        "loss": loss,
        "ties": dict(ties or {}),
    }
    way = model if model in (AUTO, LLG2D.name) else "check"
    if way == model and precision != "float64":
        raise InputError(f"`precision` must be float64 for {model}, got {precision}")
    chosen = get_model(_BOTTOM if model == AUTO else model)
    given = allowed(start or {}, "start")
    data = data if isinstance(data, Measurements) else load_measurements(data)
    data = data if sample is None else data.with_sample(sample)
    with jax.enable_x64(precision == "float64"):
        chosen.check_rows(data)
        problem = set_up(data, get_model(_BOTTOM), start=given, **settings)
        stated = stated_errors(problem, model_errors)
        tolerance = problem.model.tolerance if precision == "float64" else 1e-2
        steps = MAX_STEPS[optimizer] if max_steps is None else max_steps
        search = Search(optimizer, steps, tolerance, Counter(), callback)
        starts = starting_points(problem, given, search)
        result = minimum(problem, search, starts, jumps(problem))
        problem.check_links(result.best.z)
        notes: tuple[str, ...] = ()
        if chosen.name == LLG1D.name:
            problem, result, notes = _by_the_wire(problem, result, search, tell)
        climbed: Climb | str = ""
        if way == model or (check and precision == "float64"):
            climbed = _climbed(problem, result, settings, way, search, runs=runs, tell=tell)
        elif check and simulated(data):
            climbed = "its walls need precision float64"
        if isinstance(climbed, Climb):
            named = get_model(LLG2D.name) if way == model else problem.model
            problem, result = climbed.problem, _at_the_top(climbed, result, search)
            problem = dataclasses.replace(problem, model=named)
        elif climbed:
            notes = (*notes, f"not checked against llg2d: {climbed}")
            if way == model:
                result = _unfinished(result)
        top = climbed if isinstance(climbed, Climb) else None
        done = summary(problem, search, result, stated, began, top)
        return dataclasses.replace(done, notes=(*notes, *done.notes))


def pairs(priors: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Priors by name; InputError for what is no pair of numbers."""
    known(priors, "priors")
    found = {}
    for name, prior in priors.items():
        try:
            value, std = (float(x) for x in prior)
        except (TypeError, ValueError):
            raise InputError(
                f"`priors`: `{name}` must be (value, standard deviation), got {prior!r}"
            ) from None
        found[name] = (value, std)
    return found


def _by_the_wire(
    problem: Problem, found: Minimum, search: Search, tell: Callable[[str], None] | None
) -> tuple[Problem, Minimum, tuple[str, ...]]:
    """The problem corrected by llg1d, its minimum, and notes."""
    values = problem.values(found.best.z)
    wire = LLG1D().prepare(problem.data, values)
    if not (found.best.converged and found.seen is not None):
        return problem, found, (f"{LLG1D.name} was not run: {_BOTTOM} has not converged",)
    anchor = not found.seen.complete
    way = LLG1D.name
    climbed = climb(problem, found.best.z, wire, way, search, anchor=anchor, tell=tell)
    if climbed is None:
        return problem, _unfinished(found), (f"{LLG1D.name} found no wall that moves steadily",)
    first, last = climbed.rungs[0], climbed.rungs[-1]
    off = np.nanmax(np.abs(first.discrepancy(problem.data.std)))
    notes = (
        f"{LLG1D.name} was run {len(climbed.rungs)} times, from the optimum of {_BOTTOM}, where it "
        f"differs by up to {off:.2g} standard deviations of a row; the last run moved the minimum "
        f"by {last.shift:.1g}",
        *unread(problem.data, climbed.rungs),
    )
    done = dataclasses.replace(climbed.problem, model=get_model(LLG1D.name))
    return done, _at_the_top(climbed, found, search), notes


def _unfinished(found: Minimum) -> Minimum:
    return dataclasses.replace(found, best=dataclasses.replace(found.best, converged=False))


def _climbed(
    problem: Problem,
    found: Minimum,
    settings: Mapping[str, Any],
    way: str,
    search: Search,
    **keep: Any,
) -> Climb | str:
    """What llg2d makes of the minimum, or why it was not asked; InputError if it must be."""
    must = way != "check"
    if not (found.best.converged and found.seen is not None):
        return "the fit has not converged"
    values = problem.values(found.best.z)
    patience = float("inf") if must else PATIENCE
    strip = strip_of(problem.data, problem, values, patience)
    if isinstance(strip, str):
        if must:
            why = strip or "no row shows a wall"
            raise InputError(f"{problem.data.path}: llg2d cannot be run: {why}")
        return strip
    inner = {**settings, "nuisance": tuple(n for n in problem.nuisance if n not in WALL)}
    inner["priors"] = {n: p for n, p in settings["priors"].items() if n not in WALL}
    start = {n: values[n] for n in (*inner["free"], *inner["nuisance"])}
    local = set_up(problem.data, get_model(_BOTTOM), start=start, **inner)
    moved = {n: values[n] for n in WALL if n in problem.nuisance}
    objective = eqx.tree_at(
        lambda o: o.predictor, local.objective.moved(moved), problem.objective.predictor
    )
    local = dataclasses.replace(local, objective=objective)
    z = np.asarray(local.objective.space.start)
    climbed = climb(local, z, strip, way, search, anchor=not found.seen.complete, **keep)
    return "no steady motion was found there" if climbed is None else climbed


def _at_the_top(climbed: Climb, found: Minimum, search: Search) -> Minimum:
    """The minimum of the corrected problem."""
    problem, best = climbed.problem, climbed.best
    problem.check_links(best.z)
    objective, at = problem.objective, best.evaluation
    if found.seen is not None and not found.seen.complete:
        objective = objective.anchored(problem.free, ANCHOR)
        at = evaluate(problem.objective, best.z, search.counter)
    seen = identify(problem.objective, best.z, at, problem.free) if at.finite else None
    best = dataclasses.replace(best, converged=best.converged and climbed.reached)
    return Minimum(best, [], objective, seen, at, found.iterations + best.steps)


def check_settings(optimizer: str, loss: str, max_steps: int | None) -> None:
    """InputError for what no search can be made with."""
    check_optimizer(optimizer)
    if loss not in LOSSES:
        raise InputError(f"`loss` must be one of {', '.join(LOSSES)}, got {loss!r}")
    if max_steps is not None and max_steps < 1:
        raise InputError(f"`max_steps` must be >= 1, got {max_steps}")


def minimum(problem: Searched, search: Search, starts: list[np.ndarray], jumping: bool) -> Minimum:
    """The minimum; where the data leave a direction open, once more with a weak prior on it.

    jumping: whether rows jump, see `JUMPS`.
    """
    iterations, anchor = 0, False
    while True:
        objective = problem.objective
        if anchor:
            objective = objective.anchored(problem.free, ANCHOR)
            search = dataclasses.replace(search, stalled=ANCHORED)
        best, *others = search.from_starts(objective, starts)
        if jumping:
            best = hop(problem, objective, best, search)
        iterations += best.steps + sum(s.steps for s in others)
        if anchor:
            best = without_anchor(problem.objective, best, search)
        at = best.evaluation
        seen = identify(problem.objective, best.z, at, problem.free) if at.finite else None
        if anchor or seen is None or seen.complete:
            return Minimum(best, others, objective, seen, at, iterations)
        anchor = True
