"""The result of a fit, put together from its minimum."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstt.tools import versions

from .._data import OBSERVABLES, Measurements
from .._errorbars import (
    COMBINATIONS,
    Climb,
    Identifiability,
    ModelError,
    birge_ratio,
    identify,
    interval,
    model_error,
    value_and_gradient,
)
from .._format import listed
from .._models import beyond_rest, on_the_edge
from .._parameters import EFFECTIVE
from .._problem import Evaluation, Objective, Problem, relative_scale
from .._solve import Rung, Search, Solution
from ._derived import derived
from ._result import Fit, Solved

Errors = dict[str, float | None]

MISFIT = 10.0
"""chi2/dof above which the model does not describe the data, whatever its parameters."""
SMALL_CURRENT = 1e9
"""A/m^2; walls move at hundreds of times this."""
EDGE = 0.005
"""A row whose drive is nearer to breakdown than this part of it is named in the notes."""


@dataclasses.dataclass(frozen=True)
class Minimum:
    """Where the search ended.

    best, others: minima found, best first.  objective: what was minimised, with a weak prior where
    the data are silent.  at: the evaluation at the best point without that prior; seen: what the
    data fix there, None if it is not finite.
    """

    best: Solution
    others: list[Solution]
    objective: Objective
    seen: Identifiability | None
    at: Evaluation
    iterations: int


def summary(
    problem: Problem,
    search: Search,
    found: Minimum,
    stated: Mapping[str, float],
    began: float,
    climbed: Climb | None = None,
    errors: ModelError | None = None,
) -> Fit:
    """The result, with error bars if the search converged (which may cost refits).

    climbed: the ladder that led to `problem`, whose model error then counts.  errors: those of the
    model, if they are known already.
    """
    stated = {} if climbed is not None else stated
    rungs = () if climbed is None else climbed.rungs
    best, seen, data = found.best, found.seen, problem.data
    names = problem.objective.space.names
    values = problem.values(best.z)
    loss, priors = problem.objective.loss, problem.priors
    dof = data.bound.count("") + sum(n in priors for n in problem.free)
    dof -= len(problem.free) if seen is None or seen.complete else seen.useful_rank
    scale = birge_ratio(found.at.chi2, dof) if loss == "normal" else 1.0
    statistical = None
    if best.converged and seen is not None:
        if climbed is not None:
            errors = climbed.error
        elif stated:
            errors = model_error(problem, found.objective, best, stated, search.counter)
        extra = None if errors is None else errors.covariance
        arguments = (problem.objective, best.z, found.at, problem.free)
        # What the data can fix is a matter of their errors, not of a model that misses them.
        scale = min(scale, MISFIT**0.5)
        statistical = identify(*arguments, scale=scale)
        seen = identify(*arguments, scale=scale, model_covariance=extra)
        std, stat, model = _errors(problem, values, statistical, seen, errors)
    else:
        std, stat, model = _unknown(names), _unknown(names), _unknown(names)
    fitted = {n: values[n] for n in names}
    links = problem.objective.links
    quantities = derived(values, names, links, statistical, errors)
    wall = {
        n: quantities[n][0] if n in quantities else None
        for n in ("breakdown current", "breakdown field")
    }
    predictor = problem.objective.predictor
    counter, p = search.counter, len(names)
    return Fit(
        data=data,
        model=problem.model.name,
        optimizer=search.optimizer,
        loss=loss,
        priors=dict(priors),
        ties={link.name: link.text for link in links},
        free=problem.free,
        nuisance=problem.nuisance,
        values=fitted,
        fixed={n: v for n, v in values.items() if n not in names},
        estimates={n: problem.estimates[n] for n in problem.nuisance},
        std=std,
        std_stat=stat,
        std_model=model,
        intervals={n: None if (s := std[n]) is None else interval(n, fitted[n], s) for n in names},
        covariance=_covariance(names, values, seen if best.converged else None),
        identifiability=seen if best.converged else None,
        converged=best.converged,
        message=_message(best, search),
        chi2=found.at.chi2,
        dof=dof,
        scale=scale,
        predictions=found.at.prediction,
        residuals=np.asarray(problem.objective.off(jnp.asarray(found.at.prediction))),
        derived=quantities,
        breakdown_current=wall["breakdown current"],
        breakdown_field=wall["breakdown field"],
        model_error=dict(stated),
        rungs=rungs,
        alternatives=_alternatives(problem, found),
        truth=_truth(data, names),
        n_evaluations=counter.derivatives + counter.values,
        n_simulations=counter.simulations(predictor.drives, p),
        iterations=found.iterations,
        seconds=time.monotonic() - began,
        versions=versions(),
        notes=(
            *unread(data, rungs),
            *_notes(problem, found, errors),
        ),
        solved=Solved(problem, best, found.objective is problem.objective),
    )


def _unknown(names: tuple[str, ...]) -> Errors:
    return dict.fromkeys(names)


def _errors(
    problem: Problem,
    values: Mapping[str, float],
    statistical: Identifiability,
    total: Identifiability,
    errors: ModelError | None,
) -> tuple[Errors, Errors, Errors]:
    """Total, statistical and model standard deviations; None for what the data do not fix."""
    names = problem.objective.space.names
    scale = relative_scale(names, values)
    model = np.zeros(len(names)) if errors is None else np.diag(errors.covariance)
    columns = (np.diag(total.covariance), np.diag(statistical.covariance), model)
    shown = (*statistical.fixed, *problem.nuisance)
    return tuple(  # type: ignore  (three of them)
        {
            n: float(np.sqrt(v) * s) if n in shown else None
            for n, v, s in zip(names, column, scale, strict=True)
        }
        for column in columns
    )


def _covariance(
    names: tuple[str, ...], values: Mapping[str, float], seen: Identifiability | None
) -> dict[str, Any]:
    if seen is None:
        return {"names": names, "matrix": None}
    scale = relative_scale(names, values)
    return {"names": names, "matrix": seen.covariance * np.outer(scale, scale)}


def _message(best: Solution, search: Search) -> str:
    if best.converged:
        return "converged"
    if not np.isfinite(best.chi2):
        return "not converged: the predictions are not finite"
    return (
        f"not converged: {best.distance:.2g} standard deviations from the minimum after "
        f"{best.steps} steps (max_steps {search.max_steps}); the best point is given"
    )


def _alternatives(problem: Problem, found: Minimum) -> tuple[tuple[dict[str, float], float], ...]:
    """Other minima within chi2 + 4 of the best."""
    if found.seen is None or not found.seen.complete or not found.best.converged:
        return ()
    names = problem.free
    kept = [problem.values(found.best.z)]
    result = []
    for other in found.others:
        values = problem.values(other.z)
        apart = all(
            np.abs([values[n] / k[n] - 1 for n in names if k[n]]).max() > 0.01 for k in kept
        )
        if other.converged and other.chi2 < found.best.chi2 + 4 and apart:
            kept.append(values)
            result.append(({n: values[n] for n in problem.objective.space.names}, other.chi2))
    return tuple(result)


def _truth(data: Measurements, names: tuple[str, ...]) -> dict[str, float]:
    """The file's true values, P in the convention of the fit: u has the factor 1/(1+xi^2)."""
    truth = dict(data.truth)
    if data.sample.convention == "oommf" and "P" in truth and "xi" in truth:
        truth["P"] *= 1 + truth["xi"] ** 2
    for name in (n for n in EFFECTIVE if n in names):
        known = {"Ms": data.sample.Ms or 0.0, "n0": data.sample.n0, **truth}
        found = value_and_gradient(COMBINATIONS[name], known) if known["Ms"] else None
        truth |= {} if found is None else {name: found[0]}
    return truth


def unread(data: Measurements, rungs: tuple[Rung, ...]) -> list[str]:
    """A note on rows of which the dear model had nothing to say."""
    silent = np.any([np.isnan(rung.prediction) for rung in rungs], axis=0)
    if not np.any(silent):
        return []
    lines = [str(line) for line in data.line[silent]]
    return [
        f"{rungs[-1].model} found no steady motion, nor whole half turns, for line"
        f"{'s' * (len(lines) > 1)} {listed(lines)}: there the 1-D model stands"
    ]


def _notes(problem: Problem, found: Minimum, errors: ModelError | None) -> tuple[str, ...]:
    data, notes = problem.data, []
    chi2, dof = found.at.chi2, len(data) - len(problem.free)
    if dof > 0 and not chi2 / dof < MISFIT:
        notes.append(
            f"the model does not describe these data: chi2/dof = {chi2 / dof:.3g}; the values and "
            "errors mean little. Look for a wrong unit or sign, rows outside the model, errors "
            "that are too small, or give `start` values"
        )
    largest = float(np.max(np.abs(data.j), initial=0.0))
    if 0 < largest < SMALL_CURRENT:
        notes.append(
            f"the largest current density is {largest:.3g} A/m^2, little for a moving wall: is it "
            "in A/m^2 (1 A/cm^2 = 1e4 A/m^2)?"
        )
    for i in np.flatnonzero((np.asarray(data.j) == 0) & (np.asarray(data.B) == 0)):
        if OBSERVABLES[data.observable[i]].driven:
            notes.append(f"line {data.line[i]} has neither current nor field: no wall moves there")
    if turning := beyond_rest(data, problem.values(found.best.z)):
        notes.append(
            f"the wall turns under the drive{'s' * (len(turning) > 1)} of line"
            f"{'s' * (len(turning) > 1)} {listed([str(i) for i in turning])}: a tilt or a pinning "
            "there is that of the last wall that does not, and says little"
        )
    open_ = () if found.seen is None else set(problem.free) - set(found.seen.fixed)
    for name in (n for n in found.best.at_bound if n not in open_):
        notes.append(f"`{name}` sits at a bound of its range; its error bar means little")
    edge = on_the_edge(data, problem.values(found.best.z), EDGE)
    if edge:
        notes.append(
            f"breakdown lies within {100 * EDGE:g} % of the drive in line{'s' * (len(edge) > 1)} "
            f"{listed([str(i) for i in edge])}: the velocity has a square-root edge there, the fit "
            "may rest on it and the errors are one-sided; compare with --exclude "
            + ",".join(str(i) for i in edge)
        )
    for values, chi2 in _alternatives(problem, found):
        shown = ", ".join(f"{n} = {v:.4g}" for n, v in values.items())
        notes.append(
            f"a second minimum describes the data almost as well: {shown}, chi2 = {chi2:.2f}. "
            "|phidot| cannot tell the sign of xi - alpha~; velocities above breakdown can"
        )
    if errors is not None and not errors.converged:
        notes.append("a refit for the model error did not converge: that error is a rough guess")
    if data.sample.convention == "oommf":
        notes.append("the file counts u without 1/(1+xi^2); P here is that of u with this factor")
    if len(set(data.temperature[~np.isnan(data.temperature)])) > 1:
        notes.append("the rows are of several temperatures; one set of parameters is fitted to all")
    if "K" in problem.estimates and "K" not in problem.given:
        notes += problem.data.sample.cross_section().notes
    return tuple(notes)
