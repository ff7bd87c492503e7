"""Several data sets that share parameters: one minimum, one result for each."""

import dataclasses
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._data import Measurements, load_measurements
from ._errorbars import (
    ModelError,
    birge_ratio,
    constant_moved,
    followed,
    identify,
    stated_errors,
)
from ._errors import InputError
from ._fit import check_settings, minimum, pairs
from ._models import LLG2D, Together, get_model
from ._parameters import POLARISATION, Space, allowed, known
from ._problem import Counter, Evaluation, Objective, Problem, evaluate, set_up
from ._report import Fit, Minimum, summary
from ._solve import MAX_STEPS, Search, jumps, starting_points

_FROM_EACH = 3
"""Of the fits one by one, so many others are tried as starts."""


def fit_together(
    data: Sequence[Measurements | str | os.PathLike[str]],
    share: Iterable[str],
    free: Iterable[str] = POLARISATION,
    *,
    fixed: Mapping[str, float] | None = None,
    nuisance: Iterable[str] | None = None,
    optimizer: str = "lm",
    max_steps: int | None = None,
    model_errors: Mapping[str, float] | None = None,
    priors: Mapping[str, tuple[float, float]] | None = None,
    loss: str = "normal",
    ties: Mapping[str, str] | None = None,
) -> tuple[Fit, ...]:
    """Fit several sets at once; the parameters named by `share` are the same for all.

        chi2 = sum over sets chi2_i(shared, own_i)  ->  min

    data: measurements or files, two or more, such as one wire at two temperatures.
    share: parameters among the free ones and the nuisances; each set has its own of all others.
    Their bounds and their prior are those of the first set.
    The rest as in `fit`; the model is wall1d, and is not corrected by llg2d.

    Returns a `Fit` for each set, in order: shared parameters are equal in all, errors are those of
    the whole (each set is seen with what the others say of the shared parameters).  A constant of
    the wall that is moved for the model error moves in all sets alike.
    Raises InputError as `fit` does, and for fewer than two sets or a `share` that is not fitted.
    """
    began = time.monotonic()
    check_settings(optimizer, loss, max_steps)
    if isinstance(data, str | os.PathLike | Measurements):
        data = [data]
    sets = [d if isinstance(d, Measurements) else load_measurements(d) for d in data]
    if len(sets) < 2:
        raise InputError(f"`data` must be two sets or more to share parameters, got {len(sets)}")
    shared = known(share, "share")
    if not shared:
        raise InputError("`share` must name at least one parameter, got none")
    settings: dict[str, Any] = {
        "free": known(free, "free"),
        "fixed": allowed(fixed or {}, "fixed"),
        "nuisance": None if nuisance is None else known(nuisance, "nuisance"),
        "priors": pairs(priors or {}),
        "loss": loss,
        "ties": dict(ties or {}),
    }
    with jax.enable_x64(True):
        model = get_model("wall1d")
        whole = _Whole([set_up(one, model, start={}, **settings) for one in sets], shared)
        steps = MAX_STEPS[optimizer] if max_steps is None else max_steps
        search = Search(optimizer, steps, model.tolerance, Counter())
        jumping = any(jumps(p) for p in whole.problems)
        found = minimum(whole, search, whole.starts(search), jumping)
        for k, problem in enumerate(whole.problems):
            problem.check_links(whole.own(found.best.z, k))
        stated = [stated_errors(p, model_errors) for p in whole.problems]
        errors = whole.model_error(found, stated, search.counter)
        fits = whole.summaries(found, errors, search, began)
    note = f"fitted together with {len(sets) - 1} other set{'s' * (len(sets) > 2)}, sharing "
    note += f"{', '.join(shared)}; not checked against {LLG2D.name}"
    return tuple(dataclasses.replace(f, notes=(note, *f.notes)) for f in fits)


class _Whole:
    """The problems as one; `name[k]` is the parameter `name` of set k alone, from 1.

    A shared parameter has the bounds and the prior that the first set gives it, in all: so the
    coordinates of a set are some of those of the whole.
    """

    def __init__(self, problems: list[Problem], shared: tuple[str, ...]):
        for name in shared:
            if any(name not in p.objective.space.names for p in problems):
                raise InputError(f"`share`: `{name}` must be free or a nuisance in every set")
        self.shared = shared
        first = {p.name: p for p in problems[0].parameters}
        self.problems = [
            p.with_parameters(tuple(first[x.name] if x.name in shared else x for x in p.parameters))
            for p in problems
        ]
        parts = [p.objective for p in self.problems]
        self.outer = [
            {n: n if n in shared else f"{n}[{k}]" for n in (*o.space.names, *o.fixed)}
            for k, o in enumerate(parts, start=1)
        ]
        each = list(zip(self.problems, self.outer, strict=True))
        parameters = {names[p.name]: p for problem, names in each for p in problem.parameters}
        self.free = tuple(dict.fromkeys(names[n] for p, names in each for n in p.free))
        sides = [jnp.zeros(o.value.size) if o.side is None else o.side for o in parts]
        self.objective = Objective(
            predictor=Together([o.predictor for o in parts], self.outer, [o.links for o in parts]),
            space=Space(dataclasses.replace(p, name=name) for name, p in parameters.items()),
            fixed={names[n]: v for p, names in each for n, v in p.objective.fixed.items()},
            value=jnp.concatenate([o.value for o in parts]),
            std=jnp.concatenate([o.std for o in parts]),
            side=jnp.concatenate(sides) if any(o.side is not None for o in parts) else None,
            loss=parts[0].loss,
        )

    def values(self, z: np.ndarray) -> dict[str, float]:
        """Every parameter at z, as floats."""
        return {n: float(v) for n, v in self.objective.values(jnp.asarray(z)).items()}

    def columns(self, k: int) -> list[int]:
        """Where the coordinates of set k stand among those of all."""
        names = self.objective.space.names
        return [names.index(self.outer[k][n]) for n in self.problems[k].objective.space.names]

    def own(self, z: np.ndarray, k: int) -> np.ndarray:
        """The coordinates of set k."""
        return z[self.columns(k)]

    def starts(self, search: Search) -> list[np.ndarray]:
        """Each set's own minimum; what they share as each has it, and as those that know it do."""
        alone = [
            minimum(p, search, starting_points(p, {}, search), jumps(p)) for p in self.problems
        ]
        base = np.zeros(len(self.objective.space.names))
        shared, tried = {}, []
        for k, (problem, found) in enumerate(zip(self.problems, alone, strict=True)):
            base[self.columns(k)] = found.best.z
            own = dict(zip(problem.objective.space.names, found.best.z, strict=True))
            told = () if found.seen is None else (*found.seen.fixed, *problem.nuisance)
            shared |= {n: own[n] for n in self.shared if n in told}
            tried.append({n: own[n] for n in self.shared})
        names = self.objective.space.names
        return [
            np.array([one.get(n, z) for n, z in zip(names, base, strict=True)])
            for one in (*tried[:_FROM_EACH], shared)
        ]

    def model_error(
        self, found: Minimum, stated: list[dict[str, float]], counter: Counter
    ) -> ModelError | None:
        """What each constant, moved in every set alike, changes; None if none is, or no minimum."""
        every = {n: e for one in stated for n, e in one.items()}
        if not every or not found.best.converged:
            return None

        def moved(name: str, factor: float) -> dict[str, float]:
            parts = zip(self.problems, self.outer, stated, strict=True)
            return {
                names[n]: value
                for problem, names, one in parts
                if name in one
                for n, value in constant_moved(problem.estimates, name, factor).items()
            }

        return followed(found.objective, found.best, every, moved, counter)

    def summaries(
        self, found: Minimum, errors: ModelError | None, search: Search, began: float
    ) -> list[Fit]:
        """A `Fit` for each set, seen with what the others say of the shared parameters."""
        fits = []
        for k, problem in enumerate(self.problems):
            z, columns = self.own(found.best.z, k), self.columns(k)
            own = evaluate(problem.objective, z, search.counter)
            rows = self._from_others(found.at, k)
            more = Evaluation(
                np.concatenate([own.residuals, np.zeros(len(rows))]),
                np.vstack([own.jacobian, rows]),
                own.prediction,
            )
            seen = identify(problem.objective, z, more, problem.free) if more.finite else None
            best = dataclasses.replace(found.best, z=z, evaluation=more)
            here = Minimum(best, [], problem.objective, seen, more, found.iterations)
            restricted = errors
            if errors is not None:
                restricted = dataclasses.replace(
                    errors,
                    shift={n: s[columns] for n, s in errors.shift.items()},
                    covariance=errors.covariance[np.ix_(columns, columns)],
                )
            done = summary(problem, search, here, {}, began, errors=restricted)
            stated = {} if errors is None else errors.stated
            fits.append(dataclasses.replace(done, model_error=dict(stated), solved=None))
        return fits

    def _from_others(self, at: Evaluation, k: int) -> np.ndarray:
        """Rows that say of the shared parameters what all other sets do, (r, p of set k).

        The rows of the others, with the columns of their own parameters projected out, weighted by
        their Birge ratio.
        """
        start = np.cumsum([0, *(len(p.data) for p in self.problems)])
        index = np.arange(len(at.residuals))
        mine, priors = (index >= start[k]) & (index < start[k + 1]), index >= start[-1]
        jacobian = at.jacobian
        if not self.objective.plain:
            informed = self.objective.informative(jnp.asarray(jacobian), jnp.asarray(at.prediction))
            jacobian = np.asarray(informed)
        columns = self.columns(k)
        others = [i for i in range(jacobian.shape[1]) if i not in columns]
        # Priors of this set's parameters are among its own residuals already.
        kept = ~mine & ~(priors & np.any(jacobian[:, columns] != 0, axis=1))
        rows = jacobian[kept].copy()
        if self.objective.loss == "normal":
            theirs = at.residuals[~mine & ~priors]
            ratio = birge_ratio(float(np.sum(theirs**2)), theirs.size - len(others))
            rows[~priors[kept]] /= ratio
        if others:
            rows = rows - rows[:, others] @ np.linalg.lstsq(rows[:, others], rows, rcond=None)[0]
        return np.asarray(np.linalg.qr(rows[:, columns], mode="r"))
