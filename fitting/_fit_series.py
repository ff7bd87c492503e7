"""`fit_series`: from <m>(t) to the numbers that a simulation's TOML file leaves open."""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxstt.config import FittedConfig, Range, open_config
from jaxstt.tools import versions

from ._data import Series, load_series
from ._errors import InputError
from ._format import with_error
from ._models import Predictor
from ._parameters import Parameter, Space
from ._problem import Counter, Objective
from ._report import plain
from ._solve import MAX_STEPS, Callback, Search, later_steps, map_space

_LARGER = 1.5
"""Cells of the cheap model, a single layer, in units of those of the file."""
_STD = 1e-3
"""Unit of the residuals while the fit goes on: what two codes differ by."""
_PARTS, _ROUGH = (0.2, 0.5), 0.5
_TOLERANCE, _TOLERANCE_CHEAP = 1e-4, 0.05
"""In units of `_STD`.  A cheap model's minimum is moved by the own one anyway."""
_CLOSE = 0.5
"""All steps that would follow, in units of the standard deviation."""
_MOST_STEPS = 12
_LEAST_CELLS = 200
"""A smaller grid is fitted as it is."""


@dataclasses.dataclass(frozen=True, eq=False)
class SeriesFit:
    """What `fit_series` returns.

    values, std: the fitted numbers and their standard deviations, by name; SI.
    covariance: in the order of `values`.  rms: of the residuals of <m>.
    predictions: (T, 3), nan where the series has no column.  steps: runs of the file's own mesh,
    each with the values there and how far the minimum then moved, in standard deviations.
    converged, message, seconds, versions: as in `Fit`.
    """

    series: Series
    values: dict[str, float]
    std: dict[str, float]
    covariance: np.ndarray
    rms: float
    predictions: np.ndarray
    steps: tuple[tuple[dict[str, float], float], ...]
    converged: bool
    message: str
    seconds: float
    versions: dict[str, str]

    def report(self) -> str:
        """The table that the command line prints."""
        width = max(len(name) for name in self.values)
        lines = [f"Fit of {self.series.source} ({len(self.series.time)} times)", ""]
        for name, value in self.values.items():
            lines.append(f"{name.ljust(width)}  {with_error(value, self.std[name])}")
        lines += [
            "",
            f"rms of the residuals of <m>: {self.rms:.2e}. They are no noise: what a code, a mesh "
            "or a start does differently; the errors take them for independent of each other",
            f"{len(self.steps)} runs; {self.message}; {self.seconds:.0f} s",
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the series, as plain numbers, lists, text; None for what is not finite."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        fields["series"] = self.series.source
        fields["steps"] = [{"values": v, "shift": shift} for v, shift in self.steps]
        return plain(fields)


class _Averages(Predictor):
    """<m> of a config at the times of a series, row by row: those columns that it has."""

    config: Any
    columns: tuple[int, ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)

    def __init__(self, config: Any, columns: tuple[int, ...]):
        self.config, self.columns, self.drives = config, columns, 1

    def __call__(self, values: Mapping[str, Array]) -> Array:
        return self.rows(values, diffrax.ForwardMode())

    def rows(self, values: Mapping[str, Array], adjoint: diffrax.AbstractAdjoint | None) -> Array:
        return self.config(values, adjoint)[:, list(self.columns)].ravel()


@dataclasses.dataclass(frozen=True)
class _Problem:
    """What `map_space` needs to know."""

    objective: Objective
    free: tuple[str, ...]
    estimates: dict[str, float]

    def values(self, z: np.ndarray) -> dict[str, float]:
        return {n: float(v) for n, v in self.objective.values(jnp.asarray(z)).items()}


def fit_series(
    series: Series | str | os.PathLike[str],
    config: str | os.PathLike[str],
    *,
    start: Mapping[str, float] | None = None,
    coarse: tuple[int, int, int] | None = None,
    max_steps: int | None = None,
    callback: Callback | None = None,
    tell: Callable[[str], None] | None = None,
) -> SeriesFit:
    """Fit the numbers that a TOML file of `jaxstt simulate` leaves open to <m>(t).

        sum over times and columns of (<m> - data)^2  ->  min

    series: `load_series(...)`, or a file: time and <mx>, <my>, <mz> as far as there are.
    config: numbers written as { fit = GUESS } or { fit = GUESS, low = ..., high = ... } are fitted.
    start: other first guesses, by name.
    coarse: cells (nx, ny, nz) of a cheap model on which the fit is made, corrected by runs on the
    file's own mesh (space mapping); the file's own shape: no cheap model.  By default one layer of
    cells 1.5 times as large.  The closer it comes, the fewer runs.
    max_steps: of the optimiser.  callback: as in `fit`.  tell: hears of each run on the own mesh.

    The errors are those of independent residuals as large as the rms that is left.
    Raises InputError for input that cannot be used.
    """
    began = time.monotonic()
    series = series if isinstance(series, Series) else load_series(series)
    path = Path(config)
    with jax.enable_x64(True):
        own = _opened(path, series, None)
        cheap = _cheap(path, series, own, coarse)
        ranges = _started(own.ranges, start or {})
        columns = tuple(int(i) for i in np.flatnonzero(np.isfinite(series.m).all(axis=0)))
        exact = _Averages(own.averages, columns)
        problem = _problem(_Averages(cheap.averages, columns), ranges, series, columns)
        most = MAX_STEPS["lm"] if max_steps is None else max_steps
        tolerance = _TOLERANCE if cheap is own else _TOLERANCE_CHEAP
        search = Search("lm", most, tolerance, Counter(), callback)
        z = _from_early_to_late(problem.objective, cheap.averages, series, len(columns), search)
        done: list[tuple[dict[str, float], float]] = []
        best, converged = None, False
        if cheap is own:
            best = search.from_starts(problem.objective, [z])[0]
            converged = best.converged
        else:

            def dear(values: Mapping[str, float]) -> np.ndarray:
                if tell is not None:
                    shown = ", ".join(f"{n} {v:.4g}" for n, v in values.items())
                    tell(f"run {len(done) + 1} on the mesh {own.shape}: {shown}")
                known = {n: jnp.asarray(v, float) for n, v in values.items()}
                return np.asarray(_plain(exact, known))

            # The first run on the own mesh moves the cheap minimum by hundreds of standard
            # deviations: where half of the series puts it is near enough.
            steps = map_space(problem, z, dear, "own mesh", search)
            for problem, best, rung in steps:  # noqa: B007
                moved = rung.shift / max(_scale(best.evaluation, len(best.z)), 1e-12)
                done.append((rung.values, moved))
                if later_steps([shift for _, shift in done]) * moved < _CLOSE:
                    converged = best.converged
                    break
                if len(done) == _MOST_STEPS:
                    break
            if best is None:
                raise InputError(
                    f"{path}: the run on the mesh {own.shape} gives no finite <m> at "
                    + ", ".join(f"{n} {v:.4g}" for n, v in problem.values(z).items())
                )
        return _result(series, problem, best, columns, done, converged, began)


def _from_early_to_late(
    objective: Objective, averages: Any, series: Series, columns: int, search: Search
) -> np.ndarray:
    """Where the minimum of the first part of the series is, of a longer one from there.

    From a poor guess the late part has false minima: what swings is then a turn ahead or behind.
    """
    z = np.asarray(objective.space.start)
    span = series.time[-1] - series.time[0]
    for part in _PARTS:
        count = int(np.sum(series.time <= series.time[0] + part * span))
        short = eqx.tree_at(
            lambda o: (o.predictor.config.times, o.value, o.std),  # type: ignore  (an _Averages)
            objective,
            (
                averages.times[: count + averages.skip],
                objective.value[: count * columns],
                objective.std[: count * columns],
            ),
        )
        rough = dataclasses.replace(search, tolerance=_ROUGH)
        z = rough.from_starts(short, [z])[0].z
    return z


@eqx.filter_jit
def _plain(exact: _Averages, values: Mapping[str, Array]) -> Array:
    return exact.rows(values, None)


def _opened(path: Path, series: Series, shape: tuple[int, ...] | None) -> FittedConfig:
    try:
        return open_config(path, series.time, shape=shape)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(str(error)) from None


def _cheap(
    path: Path, series: Series, own: FittedConfig, coarse: tuple[int, ...] | None
) -> FittedConfig:
    """The config on other cells, or the own one where that is small or given cell by cell."""
    if coarse is not None:
        good = len(coarse) == 3 and all(isinstance(n, int) and n >= 1 for n in coarse)
        if not good:
            raise InputError(f"`coarse` must be three numbers of cells, got {coarse}")
        return own if tuple(coarse) == own.shape else _opened(path, series, coarse)
    if np.prod(own.shape) < _LEAST_CELLS:
        return own
    fewer = tuple(max(1, round(n / _LARGER)) for n in own.shape[:2])
    try:
        return _opened(path, series, (*fewer, 1))
    except InputError:  # what is given cell by cell has no other cells
        return own


def _started(ranges: Mapping[str, Range], start: Mapping[str, float]) -> dict[str, Range]:
    for name, value in start.items():
        if name not in ranges:
            raise InputError(
                f"`start`: {name!r} is not fitted; the file leaves open {', '.join(ranges)}"
            )
        if not ranges[name].low < value < ranges[name].high:
            raise InputError(
                f"`start`: `{name}` must be between {ranges[name].low:g} and "
                f"{ranges[name].high:g}, got {value:g}"
            )
    return {n: r._replace(start=float(start.get(n, r.start))) for n, r in ranges.items()}


def _problem(
    predictor: _Averages, ranges: Mapping[str, Range], series: Series, columns: tuple[int, ...]
) -> _Problem:
    parameters = [Parameter(n, r.low, r.high, False, r.start) for n, r in ranges.items()]
    value = jnp.asarray(series.m[:, list(columns)].ravel())
    objective = Objective(predictor, Space(parameters), {}, value, jnp.full_like(value, _STD))
    return _Problem(objective, tuple(ranges), {n: r.start for n, r in ranges.items()})


def _scale(evaluation: Any, p: int) -> float:
    """The residuals' standard deviation, in units of `_STD`."""
    rows = evaluation.prediction.size
    return float(np.sqrt(evaluation.chi2 / max(rows - p, 1)))


def _result(series, problem, best, columns, done, converged, began) -> SeriesFit:
    names = problem.objective.space.names
    values = problem.values(best.z)
    jacobian = best.evaluation.jacobian / problem.objective.space.slope(jnp.asarray(best.z))
    scale = _scale(best.evaluation, len(names))
    _, s, axes = np.linalg.svd(jacobian, full_matrices=False)
    root = (axes.T / np.maximum(s, 1e-12 * s[0])) * scale
    covariance = root @ root.T
    predictions = np.full(series.m.shape, np.nan)
    predictions[:, list(columns)] = best.evaluation.prediction.reshape(-1, len(columns))
    message = "converged"
    if not converged:
        message = f"not converged: {best.distance / scale:.2g} standard deviations from the minimum"
        if done:
            message = (
                f"not converged: the last run moved it by {done[-1][1]:.2g} standard deviations"
            )
    return SeriesFit(
        series=series,
        values={n: values[n] for n in names},
        std={n: float(np.sqrt(covariance[i, i])) for i, n in enumerate(names)},
        covariance=covariance,
        rms=_STD * float(np.sqrt(best.evaluation.chi2 / best.evaluation.prediction.size)),
        predictions=predictions,
        steps=tuple(done),
        converged=converged,
        message=message,
        seconds=time.monotonic() - began,
        versions=versions(),
    )
