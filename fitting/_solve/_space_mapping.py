"""Space mapping: the minimum of a dear model by way of a cheap one.

At the point p_k the dear model f is run once.  The cheap one g gets, at p_0, the wall constants c
with which it comes nearest to f there; what is left is added, and from p_1 on what its slope lacks:

    g_k(p) = g(p; c) + [f(p_k) - g(p_k; c)] + B_k (p - p_k),        p_k+1 = argmin chi2 of g_k ,
    B_k = B_k-1 + [f(p_k) - g_k-1(p_k)] (M s)^T/(s^T M s),    s = p_k - p_k-1,    B_0 = 0 .

Where the steps end, g_k(p) = f(p): the residuals are those of the dear model, and only the slope
is that of the cheap one, mended along the steps taken (Broyden's update).  Without B a step shrinks
the distance by about the relative error of the slope: near breakdown, in a wide strip, that is more
than 1, and the steps went to and fro for ever.

M says what the change of a slope is small against.  M = J^T J + 1 (relative), J of the data in
their errors: of all slopes that explain what was seen, the one that moves the predictions least for
any change of p that the data tell from none.  With M = 1 (Broyden's own), what a step of 1 % in all
parameters taught was put down to each in equal parts, though the data may see one of them only.
Sources: Bandler et al., IEEE Trans. Microw. Theory Techn. 52, 337 (2004), Sections III to V;
Broyden, Math. Comp. 19, 577 (1965).
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._models import Corrected
from .._parameters import Space, parameter
from .._problem import Evaluation, Objective, evaluate, relative_jacobian, relative_scale
from ._solve import Solution, solve
from ._starts import ANCHOR, Search, Searched

WALL = ("K", "K_perp")
"""The constants of a 1-D wall, which a dear model in 2-D has no use for."""
_SPREAD = {"K": 0.2, "K_perp": 0.5}
"""How far (in ln) they may be off."""
_ENOUGH = 0.7
"""Part of the rows of which the dear model must say something."""
_SLOWEST, _GUESSED, _FASTEST = 0.5, 0.1, 0.125
"""Part of the last step that the next one would take: bounds, and before two steps are known.

Two steps of unlike direction tell less than their ratio: hence no less than the second bound.
"""
_SHORTEST = 1e-5
"""Relative step from which a slope is learned: a dear model is smooth to some 1e-6."""
_TOLERANCE = 1e-3
_STEPS = 50


@dataclasses.dataclass(frozen=True)
class Rung:
    """One step: where the dear model was run, and what both say of the rows there.

    model: name of the dear model.  values: the fitted parameters.  prediction: (n,), the dear
    model's; NaN where it had none, and the cheap one's stands.
    before: (n,), the cheap one's before it was corrected here.
    shift: how far the minimum then moved, in its standard deviations.
    """

    model: str
    values: dict[str, float]
    prediction: np.ndarray
    before: np.ndarray
    shift: float

    def discrepancy(self, std: np.ndarray) -> np.ndarray:
        """(prediction - before)/std of each row; NaN where there is no prediction."""
        return (self.prediction - self.before) / np.asarray(std)


class Mapped(Searched, Protocol):
    """What is asked of a problem; a dataclass."""

    @property
    def estimates(self) -> dict[str, float]: ...


P = TypeVar("P", bound=Mapped)


def map_space(
    problem: P,
    z: np.ndarray,
    dear: Callable[[Mapping[str, float]], np.ndarray],
    model: str,
    search: Search,
    anchor: bool = False,
    adapt: Iterable[str] = WALL,
) -> Iterator[tuple[P, Solution, Rung]]:
    """Step by step: the corrected problem, its minimum, and what the step did.

    problem: of the cheap model.  z: where to start.  dear(values): predictions of the dear one.
    anchor: hold what the data do not fix by a weak prior around the problem's start.
    adapt: those constants of the cheap model that are its own; the dear one knows no such thing.
    Rows of which it says nothing (NaN) keep what the cheap one says; where that is most, it ends.
    """
    at = last = None
    while True:
        values = problem.values(z)
        prediction = np.asarray(dear(values), float)
        if np.isfinite(prediction).mean() < _ENOUGH:
            return
        if at is None:
            at = evaluate(problem.objective, z, search.counter)
        before = at.prediction
        if last is None:
            problem, at = corrected(problem, z, at, prediction, search, adapt)
        else:
            problem, at = updated(problem, z, at, prediction, last, search)
        last = prediction
        objective = problem.objective
        if anchor:  # which changes the priors, and with them the evaluation
            objective, at = objective.anchored(problem.free, ANCHOR), None
        best = search.from_starts(objective, [z], at)[0]
        at = None if anchor else best.evaluation
        moved = best.evaluation.jacobian @ (best.z - z)
        fitted = {n: values[n] for n in problem.objective.space.names}
        yield problem, best, Rung(model, fitted, prediction, before, float(np.linalg.norm(moved)))
        z = best.z


def later_steps(shifts: Sequence[float]) -> float:
    """All steps that would follow these, in units of the last: r/(1 - r), each r times its former.

    As if they shrank in equal parts; those along a slope that is mended shrink faster.
    """
    ratio = _GUESSED
    if len(shifts) > 1 and shifts[-2] > 0:
        ratio = float(np.clip(shifts[-1] / shifts[-2], _FASTEST, _SLOWEST))
    return ratio / (1 - ratio)


def corrected(
    problem: P,
    z: np.ndarray,
    at: Evaluation,
    prediction: np.ndarray,
    search: Search,
    adapt: Iterable[str],
) -> tuple[P, Evaluation]:
    """The problem with a model that gives `prediction` at z, where that is finite; its evaluation.

    at: the evaluation of `problem` at z.
    """
    objective = problem.objective
    constants = _nearest_constants(problem, objective, z, prediction, search, adapt)
    if constants:
        objective = objective.moved(constants)
        at = evaluate(objective, z, search.counter)
    n, names = prediction.size, objective.space.names
    offset, slope = _finite(prediction - at.prediction), np.zeros((n, len(names)))
    model = Corrected(
        objective.predictor, names, _vector(problem, z), *map(jnp.asarray, (offset, slope))
    )
    return _moved(_with(problem, objective, model), z, at, (offset, slope), search)


def updated(
    problem: P,
    z: np.ndarray,
    at: Evaluation,
    prediction: np.ndarray,
    last: np.ndarray,
    search: Search,
) -> tuple[P, Evaluation]:
    """The problem with a corrected model that gives `prediction` at z and `last` where it did.

    at: the evaluation of `problem` at z: an offset and a slope need no run of the cheap model.
    """
    objective = problem.objective
    old = objective.predictor
    assert isinstance(old, Corrected)
    here = _vector(problem, z)
    missed = _finite(prediction - at.prediction)
    scale = relative_scale(old.names, problem.values(z))
    step = np.asarray(here - old.at) / scale
    more = np.zeros(old.slope.shape)
    if np.linalg.norm(step) > _SHORTEST:
        known = np.where(np.isfinite(last), missed, 0.0)
        seen = relative_jacobian(objective, z, at)[: missed.size]
        along = step + seen.T @ (seen @ step)
        more = np.outer(known, along / (step @ along) / scale)
    offset = old.offset + old.slope @ (here - old.at) + jnp.asarray(missed)
    model = Corrected(old.cheap, old.names, here, offset, old.slope + jnp.asarray(more))
    slope = more * objective.space.slope(jnp.asarray(z))
    return _moved(_with(problem, objective, model), z, at, (missed, slope), search)


def _moved(
    problem: P,
    z: np.ndarray,
    at: Evaluation,
    more: tuple[np.ndarray, np.ndarray],
    search: Search,
) -> tuple[P, Evaluation]:
    """The problem and its evaluation at z: `at` and what its model says more, if that is linear."""
    objective = problem.objective
    if objective.plain:
        return problem, at.plus(*more, objective.std)
    return problem, evaluate(objective, z, search.counter)


def _vector(problem: Mapped, z: np.ndarray) -> Array:
    values = problem.values(z)
    return jnp.asarray([values[n] for n in problem.objective.space.names], float)


def _finite(x: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(x), x, 0.0)


def _with(problem: P, objective: Objective, model: Corrected) -> P:
    objective = eqx.tree_at(lambda o: o.predictor, objective, model)
    return dataclasses.replace(problem, objective=objective)  # type: ignore  (a dataclass)


def _nearest_constants(
    problem: Mapped,
    objective: Objective,
    z: np.ndarray,
    prediction: np.ndarray,
    search: Search,
    adapt: Iterable[str],
) -> dict[str, float]:
    """The wall constants that bring the cheap model nearest to `prediction` at z."""
    names = [n for n in adapt if n in objective.fixed]
    if not names:
        return {}
    known = problem.values(z)
    space = Space(parameter(n, problem.estimates[n], _SPREAD[n]) for n in names)
    others = {n: jnp.asarray(v) for n, v in known.items() if n not in names}
    seen = np.isfinite(prediction)
    value, std = np.where(seen, prediction, 0.0), np.where(seen, np.asarray(objective.std), 1e30)
    rows = (jnp.asarray(value), jnp.asarray(std))
    fit = Objective(objective.predictor, space, others, *rows, links=objective.links)
    found = solve(
        fit,
        space.coordinates(known),
        optimizer="lm",
        max_steps=_STEPS,
        tolerance=_TOLERANCE,
        counter=search.counter,
    )
    if not np.isfinite(found.chi2):
        return {}
    return {n: float(v) for n, v in space.values(jnp.asarray(found.z)).items()}
