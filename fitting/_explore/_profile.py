"""Profile likelihood: how chi2 rises when one parameter is held away from its best value.

The walk.  zeta = sqrt(rise of chi2) is nearly a straight line in the parameter where the model is
nearly linear, so it is zeta that is stepped (equal steps, about `points` up to the last target),
extrapolated and interpolated: the secant rule finds a crossing of a straight line at once, of the
parabola chi2 it would not.  The other parameters of each refit start on the line through the last
two points.

Where the walk ends.  At the last target; at a bound of the parameter's range; where a refit does
not converge although steps shrink a thousandfold.  Above and below breakdown a row's prediction is
another branch: chi2 jumps there, zeta leaps over the target, and the jump is the interval's end.

A refit that falls below the fit's own chi2 has found a better minimum: the walk begins anew there.
"""

import dataclasses
import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._check import probabilities, whole
from .._errorbars import normal_quantile
from .._errors import InputError
from .._parameters import UNITS
from .._report import Fit, fitted
from ._rebuild import Again, again, check_converged, covariance, left_out, refit

LOWER = 1e-3
"""A profile that falls this far below the fit's chi2 has found a better minimum."""
RESTARTS = 3
HOLD = 1e4
"""Standard deviation of a parameter over that of the prior which holds it."""
PRECISION = 2e-3
"""Precision of a crossing: of sqrt(rise of chi2), relative."""

Ends = tuple[float | None, float | None]


@dataclasses.dataclass(frozen=True)
class Profile:
    """What `profile` returns; n points, ascending.

    name, unit: of the parameter.  best: its value at the minimum, where chi2 is `chi2`.
    values: (n,).  rise: (n,), chi2 - its minimum, rows' errors times the fit's Birge ratio.
    others: the other parameters at each point, (n,) each.  found: (n,), whether the refit there
    converged.
    intervals: level -> (low, high); None for an end that the data do not bound.
    ends: why the walk stopped below and above: "crossed", "jump" (chi2 leaps where a
    row crosses breakdown), "bound" or "stopped".
    reached: rise of chi2 where it stopped.  notes: what a reader must know.
    """

    name: str
    unit: str
    best: float
    chi2: float
    values: np.ndarray
    rise: np.ndarray
    others: dict[str, np.ndarray]
    found: np.ndarray
    intervals: dict[float, Ends]
    ends: tuple[str, str]
    reached: tuple[float, float]
    n_evaluations: int
    notes: tuple[str, ...]

    @property
    def bounded(self) -> bool:
        """Whether every interval has both ends."""
        return all(end is not None for ends in self.intervals.values() for end in ends)

    def interval(self, name: str, level: float = 0.95) -> Ends:
        """(low, high) at one of the levels of `intervals`; None for an end that is open.

        Raises InputError for another parameter or level.
        """
        if name != self.name:
            raise InputError(f"this is the profile of `{self.name}`, got {name!r}")
        if level not in self.intervals:
            known = ", ".join(f"{p:g}" for p in self.intervals)
            raise InputError(f"`level` must be one of the profile's ({known}), got {level!r}")
        return self.intervals[level]

    @property
    def text(self) -> str:
        """The intervals in words, one line."""
        parts = [f"{100 * level:g} %: {_words(ends)}" for level, ends in self.intervals.items()]
        return f"{self.name} = {self.best:.4g}{self.unit and ' ' + self.unit}; " + "; ".join(parts)

    def __str__(self) -> str:
        return "\n".join([self.text, *(f"note: {note}" for note in self.notes)])


def _words(ends: Ends) -> str:
    low, high = ends
    if low is None and high is None:
        return "not bounded"
    if low is None:
        return f"below {high:.4g}, not bounded below"
    if high is None:
        return f"above {low:.4g}, not bounded above"
    return f"{low:.4g} ... {high:.4g}"


def profile(
    fit: Fit,
    name: str,
    *,
    points: int = 8,
    level: float | tuple[float, ...] = (0.68, 0.95),
    model_errors: bool = False,
) -> Profile:
    """Profile likelihood of the fitted parameter `name`, and its confidence intervals.

        rise(x) = min over all others of chi2 at name = x,  minus the minimum of chi2
        interval at a level:  rise(x) < q,  q the quantile of chi2 with 1 degree of freedom

    fit: a converged result of `fitting.fit`.  name: a free parameter or a nuisance.
    points: about as many points on each side of the best value; steps follow the rise.
    level: probabilities of the intervals.
    model_errors: False keeps all wall constants that were not fitted as they are, so that the
    interval is the statistical one.  True fits those that the fit's model error moved as well, with
    log-normal priors of their stated width.

    Errors of the rows are multiplied by the fit's Birge ratio, as in its covariance; priors of
    nuisances count as they are.  The other parameters are refitted at each point by
    Levenberg-Marquardt from the neighbouring point.  Where a bound of the parameter's range comes
    before the crossing the interval is open there.  Only the region around the minimum is seen.

    Raises InputError for an unknown parameter, a fit that has not converged, points < 2, or a level
    outside (0, 1).

    Source: S. A. Murphy, A. W. van der Vaart, J. Am. Stat. Assoc. 95, 449 (2000).
    """
    check_converged(fit, "`profile`")
    fitted(fit, name)
    points = whole("points", points, 2)
    levels = probabilities("level", level)
    targets = {p: normal_quantile(p) for p in levels}
    with jax.enable_x64(True):
        problem = again(fit, model_errors=model_errors)
        for restart in range(RESTARTS + 1):
            walker = _Walker(problem, name, restarts=restart < RESTARTS)
            try:
                sides = [walker.side(sign, targets, points) for sign in (-1, 1)]
                break
            except _LowerError as lower:
                best = refit(problem.problem, problem.objective, lower.z, problem.counter)
                problem = problem._replace(best=best)
        return _result(fit, walker, sides, targets)  # type: ignore  (the last round breaks)


class _Point(NamedTuple):
    t: float
    zeta: float
    """sqrt(rise of chi2)."""
    z: np.ndarray
    found: bool


class _Side(NamedTuple):
    points: list[_Point]
    crossings: dict[float, float | None]
    end: str


class _LowerError(Exception):
    """A better minimum, at the coordinates z of all parameters."""

    def __init__(self, z: np.ndarray):
        self.z = z


class _Walker:
    """The fit with one parameter held at t (its natural scale: the logarithm or the value).

    It is held by a prior of 1e-4 of its own standard deviation, and not by leaving it out: the same
    compiled function then serves the fit and every profile.
    """

    def __init__(self, problem: Again, name: str, restarts: bool):
        self.problem, self.name = problem, name
        self.restarts, self.lowest = restarts, problem.best.chi2
        space = self.space = problem.objective.space
        self.i = space.names.index(name)
        self.log = space.log[self.i]
        self.low, self.high = float(space.low[self.i]), float(space.high[self.i])
        self.prior = float(space.centre[self.i]), float(space.weight[self.i])
        z = problem.best.z
        self.chi2 = problem.best.chi2
        self.start = _Point(float(space.scaled(z)[self.i]), 0.0, z, True)
        spread = math.sqrt(covariance(problem)[self.i, self.i])
        spread *= float(space.scaled_slope(z)[self.i])
        self.spread = min(max(spread, 1e-9 * (self.high - self.low)), (self.high - self.low) / 10)

    def value(self, t: float) -> float:
        return math.exp(t) if self.log else t

    def at(self, t: float, z: np.ndarray) -> _Point:
        """The minimum over the other parameters at t, from their coordinates in z."""
        every = np.asarray(self.space.scaled(z)).copy()
        every[self.i] = t
        z = z.copy()
        z[self.i] = self.space.unscaled(every)[self.i]
        t = float(self.space.scaled(z)[self.i])
        centre, weight = np.array(self.space.centre), np.array(self.space.weight)
        centre[self.i], weight[self.i] = t, HOLD / self.spread
        held = eqx.tree_at(
            lambda o: o.space, self.problem.objective, self.space.with_priors(centre, weight)
        )
        end = refit(self.problem.problem, held, z, self.problem.counter)
        hold = end.evaluation.residuals[len(end.evaluation.prediction) + self.i]
        own = (t - self.prior[0]) * self.prior[1]
        chi2 = end.chi2 - hold**2 + own**2
        self.lowest = min(self.lowest, chi2)
        if self.restarts and chi2 < self.chi2 - LOWER:
            raise _LowerError(end.z)
        finite = bool(np.isfinite(chi2))
        zeta = math.sqrt(max(chi2 - self.chi2, 0.0)) if finite else math.inf
        return _Point(t, zeta, end.z, end.converged and finite)

    def side(self, sign: int, targets: dict[float, float], points: int) -> _Side:
        """Walk from the minimum until the largest target is crossed, a bound, or no way on."""
        most = max(targets.values())
        pace = most / points
        bound = self.high if sign > 0 else self.low
        walked, step, end = [self.start], pace * self.spread, "stopped"
        for _ in range(20 * points):
            here = walked[-1]
            t = here.t + sign * step
            if (bound - t) * sign <= 1e-9 * (self.high - self.low):
                t = bound
            point = self.at(t, _extrapolated(walked, t))
            if not point.found and step > 1e-3 * self.spread and point.zeta > here.zeta + pace:
                step /= 3
                continue
            walked.append(point)
            if not point.found:
                # Where a row crosses breakdown chi2 jumps, and has no smooth minimum beyond.
                end = "jump" if most <= point.zeta < math.inf else "stopped"
                break
            if point.zeta >= most:
                end = "crossed"
                break
            if t == bound:
                end = "bound"
                break
            slope = (point.zeta - here.zeta) / abs(t - here.t)
            step = float(np.clip(pace / max(slope, 1e-300), step / 3, 2 * step))
        extra: list[_Point] = []
        crossings = {p: self.crossing(walked, target, extra) for p, target in targets.items()}
        return _Side(sorted([*walked, *extra], key=lambda p: p.t), crossings, end)

    def crossing(self, walked: list[_Point], target: float, extra: list[_Point]) -> float | None:
        """t where zeta passes `target`, by the secant rule between neighbours; None if nowhere."""
        beyond = next((i for i, p in enumerate(walked) if target <= p.zeta < math.inf), None)
        if beyond is None or beyond == 0:
            return None
        inner, outer = walked[beyond - 1], walked[beyond]
        for _ in range(12):
            part = (target - inner.zeta) / (outer.zeta - inner.zeta)
            part = min(max(part, 0.05), 0.95)
            t = inner.t + part * (outer.t - inner.t)
            point = self.at(t, _extrapolated([outer, inner], t))
            extra.append(point)
            if abs(point.zeta - target) < PRECISION * target:
                break
            inner, outer = (inner, point) if point.zeta >= target else (point, outer)
        part = (target - inner.zeta) / (outer.zeta - inner.zeta)
        near = extra[-1]
        if abs(near.zeta - target) < PRECISION * target:
            slope = (outer.zeta - inner.zeta) / (outer.t - inner.t)
            return near.t + (target - near.zeta) / slope
        return inner.t + part * (outer.t - inner.t)


def _extrapolated(walked: list[_Point], t: float) -> np.ndarray:
    """The others at t on the line through the last two points, not further than one step."""
    here = walked[-1]
    if len(walked) < 2:
        return here.z
    before = walked[-2]
    part = (t - here.t) / (here.t - before.t)
    return here.z + float(np.clip(part, -1, 2)) * (here.z - before.z)


def _result(fit: Fit, walker: _Walker, sides: list[_Side], targets: dict[float, float]) -> Profile:
    below, above = sides
    points = sorted([*below.points, *above.points[1:]], key=lambda p: p.t)
    names = [n for n in walker.space.names if n != walker.name]
    every = [walker.space.values(jnp.asarray(p.z)) for p in points]

    def end(side: _Side, level: float) -> float | None:
        t = side.crossings[level]
        return None if t is None else walker.value(t)

    furthest = (below.points[0], above.points[-1])
    return Profile(
        name=walker.name,
        unit=UNITS.get(walker.name, ""),
        best=walker.value(walker.start.t),
        chi2=walker.chi2,
        values=np.array([walker.value(p.t) for p in points]),
        rise=np.array([p.zeta**2 for p in points]),
        others={n: np.array([float(v[n]) for v in every]) for n in names},
        found=np.array([p.found for p in points]),
        intervals={level: (end(below, level), end(above, level)) for level in targets},
        ends=(below.end, above.end),
        reached=(furthest[0].zeta ** 2, furthest[1].zeta ** 2),
        n_evaluations=walker.problem.counter.derivatives + walker.problem.counter.values,
        notes=_notes(fit, walker, (below, above), furthest),
    )


def _notes(
    fit: Fit, walker: _Walker, sides: tuple[_Side, _Side], furthest: tuple[_Point, _Point]
) -> tuple[str, ...]:
    notes = []
    for side, last, word in zip(sides, furthest, ("below", "above"), strict=True):
        t, rise = walker.value(last.t), last.zeta**2
        if side.end == "bound":
            notes.append(
                f"`{walker.name}` is not bounded {word}: chi2 rises by {rise:.3g} only up to "
                f"{t:.4g}, the end of its range"
            )
        elif side.end == "jump":
            notes.append(
                f"chi2 jumps near {walker.name} = {t:.4g}, where a row crosses breakdown: that end "
                "of the intervals is the jump"
            )
        elif side.end == "stopped":
            notes.append(f"`{walker.name}`: no further fit was found {word} {t:.4g}")
    before = fit.values[walker.name]
    best = walker.value(walker.start.t)
    std = fit.std_stat.get(walker.name)
    if std is not None and abs(best - before) > 0.1 * std:
        notes.append(f"the minimum lies at {best:.4g}; the fit has {before:.4g}")
    if walker.lowest < walker.chi2 - LOWER:
        notes.append(
            f"the refits find ever lower minima, last by {walker.chi2 - walker.lowest:.3g}: the "
            "intervals are not to be trusted"
        )
    if fit.identifiability is not None and not fit.identifiability.complete:
        notes.append(
            "the data leave directions open, where refits may miss lower minima: the ends say what "
            f"is excluded near this one. {fit.identifiability.text}"
        )
    if fit.alternatives:
        notes.append("the data have a second minimum, which this profile may not see")
    if fit.model_error and not set(walker.space.names) & {"K"}:
        notes.append("statistical: the fit's model error is not in it (model_errors=True adds it)")
    return (*notes, *left_out(fit, (walker.name,)))
