"""Several data sets that share parameters: one minimum, one result for each."""

import dataclasses
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._data import Measurements, load_measurements
from ._errorbars import ModelError, birge_ratio, identify, stated_errors
from ._errors import InputError
from ._fit import fit, pairs
from ._models import LLG2D, Together, get_model
from ._parameters import POLARISATION, Space, allowed, known
from ._problem import (
    LOSSES,
    Counter,
    Evaluation,
    Objective,
    Problem,
    evaluate,
    relative_scale,
    set_up,
)
from ._report import Fit, Minimum, summary
from ._solve import ANCHOR, MAX_STEPS, Search, Solution, check_optimizer, without_anchor

_REFIT_STEPS, _REFIT_TOLERANCE = 30, 1e-2
_FROM_EACH = 3
"""Of the fits one by one, so many others are tried as starts."""


def fit_together(
    data: Sequence[Measurements | str],
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
    The rest as in `fit`; the model is wall1d, and is not corrected by llg2d.

    Returns a `Fit` for each set, in order: shared parameters are equal in all, errors are those of
    the whole (each set is seen with what the others say of the shared parameters).  A constant of
    the wall that is moved for the model error moves in all sets alike.
    Raises InputError as `fit` does, and for fewer than two sets or a `share` that is not fitted.
    """
    began = time.monotonic()
    check_optimizer(optimizer)
    if loss not in LOSSES:
        raise InputError(f"`loss` must be one of {', '.join(LOSSES)}, got {loss!r}")
    if max_steps is not None and max_steps < 1:
        raise InputError(f"`max_steps` must be >= 1, got {max_steps}")
    sets = [d if isinstance(d, Measurements) else load_measurements(d) for d in data]
    if len(sets) < 2:
        raise InputError(f"`data` must be two sets or more to share parameters, got {len(sets)}")
    shared = known(share, "share")
    free, fixed = known(free, "free"), allowed(fixed or {}, "fixed")
    settings: dict[str, Any] = {
        "fixed": fixed,
        "start": {},
        "priors": pairs(priors or {}),
        "loss": loss,
        "nuisance": None if nuisance is None else known(nuisance, "nuisance"),
    }
    with jax.enable_x64(True):
        model = get_model("wall1d")
        problems = []
        for one in sets:
            model.check_rows(one)
            problems.append(set_up(one, model, free, ties=ties, **settings))
        for name in shared:
            if any(name not in p.objective.space.names for p in problems):
                raise InputError(f"`share`: `{name}` must be free or a nuisance in every set")
        if not shared:
            raise InputError("`share` must name at least one parameter, got none")
        whole = _Whole(problems, shared)
        steps = MAX_STEPS[optimizer] if max_steps is None else max_steps
        search = Search(optimizer, steps, model.tolerance, Counter())
        alone = {**settings, "free": free, "ties": ties}
        del alone["start"]
        best, at = _minimum(whole, search, _starts(whole, sets, alone))
        for problem, z in zip(problems, whole.split(best.z), strict=True):
            problem.check_links(z)
        stated = [stated_errors(p, model_errors) for p in problems]
        errors = whole.model_error(best, stated, search.counter) if best.converged else None
        fits = whole.summaries(best, at, errors, search, began)
    note = f"fitted together with {len(sets) - 1} other set{'s' * (len(sets) > 2)}, sharing "
    note += f"{', '.join(shared)}; not checked against {LLG2D.name}"
    return tuple(dataclasses.replace(f, notes=(note, *f.notes)) for f in fits)


class _Whole:
    """The problems as one; `name[k]` is the parameter `name` of set k alone, from 1."""

    def __init__(self, problems: list[Problem], shared: tuple[str, ...]):
        self.problems, self.shared = problems, shared
        self.outer = [
            {
                n: n if n in shared else f"{n}[{k}]"
                for n in (*p.objective.space.names, *p.objective.fixed)
            }
            for k, p in enumerate(problems, start=1)
        ]
        parameters = {}
        for problem, names in zip(problems, self.outer, strict=True):
            for p in problem.parameters:
                parameters.setdefault(names[p.name], dataclasses.replace(p, name=names[p.name]))
        self.parameters = parameters
        parts = [p.objective for p in problems]
        fixed = {
            names[n]: v
            for o, names in zip(parts, self.outer, strict=True)
            for n, v in o.fixed.items()
        }
        sides = [o.side for o in parts]
        if any(s is not None for s in sides):
            sides = [
                jnp.zeros(o.value.size) if s is None else s
                for s, o in zip(sides, parts, strict=True)
            ]
        self.objective = Objective(
            predictor=Together([o.predictor for o in parts], self.outer, [o.links for o in parts]),
            space=Space(parameters.values()),
            fixed=fixed,
            value=jnp.concatenate([o.value for o in parts]),
            std=jnp.concatenate([o.std for o in parts]),
            side=None if sides[0] is None else jnp.concatenate(sides),  # type: ignore
            loss=parts[0].loss,
        )

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the free parameters of all."""
        each = zip(self.problems, self.outer, strict=True)
        return tuple(dict.fromkeys(names[n] for p, names in each for n in p.free))

    def columns(self, k: int) -> list[int]:
        """Where the coordinates of set k stand among those of all."""
        names = self.objective.space.names
        return [names.index(self.outer[k][n]) for n in self.problems[k].objective.space.names]

    def split(self, z: np.ndarray) -> list[np.ndarray]:
        """The coordinates of each set; bounds are the same in all only for what they share."""
        return [self._own(z, k) for k in range(len(self.problems))]

    def _own(self, z: np.ndarray, k: int) -> np.ndarray:
        values = self.objective.space.values(jnp.asarray(z))
        own = {n: float(values[o]) for n, o in self.outer[k].items() if o in values}
        return self.problems[k].objective.space.coordinates(own)

    def model_error(
        self, best: Solution, stated: list[dict[str, float]], counter: Counter
    ) -> ModelError | None:
        """As `_errorbars.model_error`, of all: what each constant, moved in every set, changes."""
        named = {n: e for one in stated for n, e in one.items()}
        if not named:
            return None
        names = self.objective.space.names
        scale = relative_scale(names, self._values(best.z))
        shift, converged = {}, True
        for constant, error in named.items():
            ends = []
            for factor in (1 - error, 1 + error):
                moved = {}
                for p, names_of, one in zip(self.problems, self.outer, stated, strict=True):
                    if constant in one:
                        change = {"K": p.estimates["K"] / factor**2}
                        if constant == "K_perp":
                            change = {"K_perp": p.estimates["K_perp"] * factor}
                        moved |= {names_of[n]: v for n, v in change.items()}
                search = Search("lm", _REFIT_STEPS, _REFIT_TOLERANCE, counter)
                end = search.from_starts(self.objective.moved(moved), [best.z])[0]
                values = self._values(end.z)
                ends.append(np.array([values[n] for n in names]))
                converged = converged and end.converged
            shift[constant] = (ends[1] - ends[0]) / 2 / scale
        covariance = sum(np.outer(s, s) for s in shift.values())
        return ModelError(named, shift, np.asarray(covariance), converged)

    def _values(self, z: np.ndarray) -> dict[str, float]:
        return {n: float(v) for n, v in self.objective.space.values(jnp.asarray(z)).items()}

    def summaries(
        self,
        best: Solution,
        at: Evaluation,
        errors: ModelError | None,
        search: Search,
        began: float,
    ) -> list[Fit]:
        """A `Fit` for each set, seen with what the others say of the shared parameters."""
        fits = []
        for k, (problem, z) in enumerate(zip(self.problems, self.split(best.z), strict=True)):
            own = evaluate(problem.objective, z, search.counter)
            rows = self._from_others(best.z, at, k, z)
            more = Evaluation(
                np.concatenate([own.residuals, np.zeros(len(rows))]),
                np.vstack([own.jacobian, rows]),
                own.prediction,
            )
            seen = identify(problem.objective, z, more, problem.free) if more.finite else None
            solution = dataclasses.replace(best, z=z, evaluation=more)
            found = Minimum(solution, [], problem.objective, seen, more, best.steps)
            restricted = None
            if errors is not None:
                columns = self.columns(k)
                shift = {n: s[columns] for n, s in errors.shift.items()}
                covariance = errors.covariance[np.ix_(columns, columns)]
                restricted = dataclasses.replace(errors, shift=shift, covariance=covariance)
            done = summary(problem, search, found, {}, began, errors=restricted)
            stated = {} if errors is None else errors.stated
            fits.append(dataclasses.replace(done, model_error=dict(stated), solved=None))
        return fits

    def _from_others(self, z: np.ndarray, at: Evaluation, k: int, own: np.ndarray) -> np.ndarray:
        """Rows that say of the shared parameters what all other sets do, (r, p of set k).

        The rows of the others, with the columns of their own parameters projected out, weighted by
        their Birge ratio; d/d(coordinates of set k).
        """
        names = self.objective.space.names
        start = np.cumsum([0, *(len(p.data) for p in self.problems)])
        mine = np.zeros(len(at.residuals), bool)
        mine[start[k] : start[k + 1]] = True
        jacobian = at.jacobian
        if not self.objective.plain:
            informed = self.objective.informative(jnp.asarray(jacobian), jnp.asarray(at.prediction))
            jacobian = np.asarray(informed)
        columns = self.columns(k)
        priors = np.arange(len(mine)) >= start[-1]
        # Priors of this set's own parameters are among its own residuals already.
        kept = ~mine & ~(priors & np.any(jacobian[:, columns] != 0, axis=1))
        rows = jacobian[kept].copy()
        residuals = at.residuals[: start[-1]][~mine[: start[-1]]]
        dof = residuals.size - (len(names) - len(columns))
        if self.objective.loss == "normal":
            rows[~priors[kept]] /= birge_ratio(float(np.sum(residuals**2)), dof)
        others = [i for i in range(len(names)) if i not in columns]
        if others:
            rows = rows - rows[:, others] @ np.linalg.lstsq(rows[:, others], rows, rcond=None)[0]
        # Coordinates of a shared parameter differ between sets where their bounds do.
        ratio = (
            np.asarray(self.problems[k].objective.space.slope(own))
            / np.asarray(self.objective.space.slope(z))[columns]
        )
        return np.asarray(np.linalg.qr(rows[:, columns] * ratio, mode="r"))


def _starts(
    whole: _Whole, sets: list[Measurements], settings: Mapping[str, Any]
) -> list[np.ndarray]:
    """Each set fitted alone; what they share as each has it, and as those that know it have it."""
    quiet = {"check": False, "model_errors": {"width": 0.0, "K_perp": 0.0}}
    alone = [fit(one, **settings, **quiet) for one in sets]
    base = {p.name: p.start for p in whole.parameters.values()}
    for found, names in zip(alone, whole.outer, strict=True):
        base |= {names[n]: v for n, v in found.values.items() if names[n] in base}
    tried = [{n: f.values[n] for n in whole.shared} for f in alone[:_FROM_EACH]]
    tried.append({n: f.values[n] for f in alone for n in whole.shared if f.std.get(n) is not None})
    return [whole.objective.space.coordinates({**base, **shared}) for shared in tried]


def _minimum(
    whole: _Whole, search: Search, starts: list[np.ndarray]
) -> tuple[Solution, Evaluation]:
    """The minimum; where all sets together leave a direction open, beside a weak prior."""
    objective = whole.objective
    best = search.from_starts(objective, starts)[0]
    at = best.evaluation
    if at.finite and not identify(objective, best.z, at, whole.free).complete:
        anchored = objective.anchored(whole.free, ANCHOR)
        best = search.from_starts(anchored, starts)[0]
        best = without_anchor(objective, best, search)
    return best, best.evaluation
