"""What to measure next: the row that would narrow each parameter most."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from .._data import OBSERVABLES, Measurements
from .._errorbars import USEFUL, covariances
from .._errors import InputError
from .._format import number
from .._models import (
    GYRATION,
    OF_AN_INTERFACE,
    PINNED,
    collective_wall,
    get_model,
    hard_is_b,
    relaxation_times,
    simulated,
)
from .._parameters import INTERFACE, SPIN_ORBIT
from .._problem import Counter, Objective, Problem, evaluate, relative_jacobian
from .._report import Fit
from ._rebuild import check_converged, own_problem, refit

SMALLEST, USUAL = 0.005, 0.02
"""Relative error of a new row: the least assumed, and where the data's own tell nothing."""
_BELOW, _ABOVE = (0.3, 0.7), (1.5, 3.0)
"""Drives of the candidates, in units of breakdown."""
_J, _ACROSS = 1e12, 0.08
"""A/m^2 for a wall that no current breaks down; a field along the wire, in 2K/Ms."""
_PULSE = 5.0
"""Length of a pulse, in times that the wall's angle takes to relax."""
APART, HELD = 2.0, 0.05
"""Factor by which an open parameter is moved, and how firmly it is held there, relative."""


Range = tuple[float, float]


class Candidate(NamedTuple):
    """A row that might be measured: what, at which drives, what it is expected to show.

    j: A/m^2.  B: T.  B_x: T, of a field along the wire beside them.  duration: of a pulse, s, nan
    if there is none.  value, std: in `unit`.
    after: name -> relative standard deviation of each free parameter once it is measured, least
    and most over what the data leave open.
    """

    observable: str
    j: float
    B: float
    duration: float
    value: float
    std: float
    unit: str
    after: dict[str, Range]
    B_x: float = 0.0

    def __str__(self) -> str:
        parts = [f"j = {number(self.j, 3)} A/m^2"] if self.j else []
        parts += [f"B = {number(1e3 * self.B, 3)} mT"] if self.B else []
        parts += [f"B_x = {number(1e3 * self.B_x, 3)} mT"] if self.B_x else []
        if math.isfinite(self.duration):
            parts.append(f"for {number(1e9 * self.duration, 3)} ns")
        told = f" at {', '.join(parts)}" if parts else ""
        shown = f"{number(self.value, 3)} +- {number(self.std, 2)} {self.unit}"
        return f"{self.observable}{told} (about {shown})"


@dataclasses.dataclass(frozen=True)
class WhatNext:
    """What `what_next` returns.

    free: the free parameters.  before: their relative standard deviations now.
    candidates: all that were tried, the most useful one first: that after which the product of the
    relative errors is smallest, in the worst case of what the data leave open.
    useless: that which helps least even in the best case.
    """

    free: tuple[str, ...]
    before: dict[str, float]
    candidates: tuple[Candidate, ...]
    useless: Candidate

    def best(self, name: str | None = None) -> Candidate:
        """The row that helps most, or that which helps the parameter `name` most.

        Raises InputError for a name that is not free.
        """
        if name is None:
            return self.candidates[0]
        if name not in self.free:
            raise InputError(f"`{name}` is not free; free are {', '.join(self.free)}")
        return min(self.candidates, key=lambda c: c.after[name][1])

    @property
    def text(self) -> str:
        """What helps most, what helps each parameter most, and what does not help."""
        lines = ["what to measure next (one more row), and the relative errors then:"]
        chosen = [("all", self.best())] + [(name, self.best(name)) for name in self.free]
        for name, best in chosen:
            gains = [f"{n} {self._gain(n, best)}" for n in self.free]
            lines += [f"  for {name}: {best}", f"    {'; '.join(gains)}"]
        lines.append(f"  of no use: {self.useless}")
        return "\n".join(lines)

    def _gain(self, name: str, row: Candidate) -> str:
        before, (low, high) = self.before[name], row.after[name]
        now, least, most = (_percent(x) for x in (before, low, high))
        then = least if least == most else f"{least} to {most}"
        return now if now == then else f"{now} -> {then}"

    def __str__(self) -> str:
        return self.text


def _percent(relative: float) -> str:
    return "open" if relative > USEFUL else f"{number(100 * relative, 2)} %"


def what_next(
    fit: Fit,
    *,
    observables: Iterable[str] | None = None,
    relative: float | None = None,
    j_max: float = math.inf,
    B_max: float = math.inf,
) -> WhatNext:
    """Which further row would narrow the free parameters most, by Fisher's information.

        covariance after = (F + g g^T/std^2)^-1,    F = J^T J of the fit, g = d(prediction)/d(ln p)

    Priors and nuisances are included.  Candidates: every observable that wall1d predicts, at rest,
    below and above breakdown, by current and by field.  Where the data leave something open the
    answer depends on what they do not tell: it is then found for other points that describe them as
    well, each open parameter moved by a factor of 2 either way, and given as a range.
    fit: a converged result of `fitting.fit`.  observables: those that can be measured; default:
    all.  Walls with DMI or spin-orbit torques are tried in fields along the wire too.  relative:
    relative error of the new row; by default the median of the fit's own rows, not
    below 0.5 %.  j_max [A/m^2], B_max [T]: what the apparatus can do.

    Raises InputError for a fit that has not converged, an unknown observable, limits that leave no
    candidate, or a relative error that is not > 0.
    """
    check_converged(fit, "`what_next`")
    model = get_model("wall1d")
    asked = tuple(model.observables if observables is None else observables)
    for name in asked:
        if name not in model.observables:
            raise InputError(
                f"`observables` must be among {', '.join(model.observables)}, got {name!r}"
            )
    for name, limit in {"j_max": j_max, "B_max": B_max}.items():
        if not limit > 0:
            raise InputError(f"`{name}` must be > 0, got {limit:g}")
    error = _usual(fit) if relative is None else relative
    if not (error > 0 and math.isfinite(error)):
        raise InputError(f"`relative` must be > 0, got {error:g}")
    with jax.enable_x64(True):
        problem, z = own_problem(fit)
        rows = _candidates(fit, problem.values(z), asked, (j_max, B_max))
        if len(rows) == 0:
            raise InputError("`what_next`: nothing can be measured within these limits")
        seen = [_errors(problem, z, rows, error, fit.free) for z in _as_good(fit, problem, z)]
    first = seen[0]
    after = np.stack([view.after for view in seen])  # (points, rows, free)
    low, high = after.min(axis=0), after.max(axis=0)
    found = [
        Candidate(
            observable=rows.observable[i],
            j=float(rows.j[i]),
            B=float(rows.B[i]),
            duration=float(rows.duration[i]),
            value=float(first.value[i]),
            std=error * abs(float(first.value[i])),
            unit=OBSERVABLES[rows.observable[i]].unit,
            after={n: (float(low[i, k]), float(high[i, k])) for k, n in enumerate(fit.free)},
            B_x=float(rows.B_xyz[i, 0]),
        )
        for i in range(len(rows))
    ]
    size = np.sum(np.log(after), axis=2)
    worst, best = np.asarray(np.max(size, axis=0)), np.asarray(np.min(size, axis=0))
    order = np.argsort(worst, kind="stable")
    before = dict(zip(fit.free, first.before.tolist(), strict=True))
    useless = found[int(np.argmax(best))]
    return WhatNext(fit.free, before, tuple(found[i] for i in order), useless)


class _View(NamedTuple):
    """From one point: relative errors now, (free,), and after each row, (rows, free)."""

    before: np.ndarray
    after: np.ndarray
    value: np.ndarray


def _errors(
    problem: Problem, z: np.ndarray, rows: Measurements, error: float, free: tuple[str, ...]
) -> _View:
    objective = problem.objective
    names = objective.space.names
    inner = [names.index(n) for n in free]
    known = relative_jacobian(objective, z, evaluate(objective, z, Counter()))
    predictor = get_model("wall1d").prepare(rows, problem.values(z))
    blank = jnp.zeros(len(rows))
    own = Objective(
        predictor, objective.space, objective.fixed, blank, blank + 1, links=objective.links
    )
    new = evaluate(own, z, Counter())
    std = error * np.abs(new.prediction)
    told = relative_jacobian(own, z, new)[: len(rows)] / np.where(std > 0, std, np.inf)[:, None]
    # A row that has no prediction, or no slope, there tells nothing there.
    told = np.where(np.all(np.isfinite(told), axis=1, keepdims=True), told, 0.0)

    def left(jacobian: np.ndarray) -> np.ndarray:
        _, seen, silent = covariances(jacobian, inner)
        return np.sqrt(np.diag(seen + silent)[inner])

    after = np.stack([left(np.vstack([known, row])) for row in told])
    return _View(left(known), after, new.prediction)


def _as_good(fit: Fit, problem: Problem, z: np.ndarray) -> list[np.ndarray]:
    """Where the fit ended, and other points that describe the data as well."""
    seen, points = fit.identifiability, [z]
    if seen is None or seen.complete:
        return points
    values, objective = problem.values(z), problem.objective
    best = evaluate(objective, z, Counter()).chi2
    for name in (n for n in fit.free if n not in seen.fixed):
        for factor in (1 / APART, APART):
            space = objective.space
            other = space.coordinates({**values, name: factor * values[name]})
            moved = eqx.tree_at(lambda o: o.space.start, objective, jnp.asarray(other))
            found = refit(problem, moved.anchored((name,), HELD), other, Counter())
            chi2 = evaluate(objective, found.z, Counter()).chi2
            if found.evaluation.finite and chi2 < best + 1:
                points.append(found.z)
    return points


def _usual(fit: Fit) -> float:
    """The median relative error of the fit's rows."""
    value, std = np.asarray(fit.data.value), np.asarray(fit.data.std)
    good = value != 0
    if not good.any():
        return USUAL
    return max(float(np.median(std[good] / np.abs(value[good]))), SMALLEST)


def _candidates(
    fit: Fit, values: Mapping[str, float], asked: tuple[str, ...], most: tuple[float, float]
) -> Measurements:
    """Blank rows of every kind, at rest and around breakdown."""
    data = fit.data
    if not simulated(data):
        asked = tuple(o for o in asked if o in ("drift_velocity", *GYRATION))
        jc = Bc = pulse = math.inf
    else:
        known = {name: jnp.asarray(value, float) for name, value in values.items()}
        wall = collective_wall(known, data.sample.charge, hard_is_b(data))
        jc = _J if {*SPIN_ORBIT} & {*values} else float(wall.breakdown_current())
        Bc = float(wall.breakdown_field())
        pulse = _PULSE * float(relaxation_times(wall)[0][0])
    largest = float(np.max(np.abs(data.j), initial=0.0))
    towards = -1.0 if largest == 0 else float(np.sign(data.j[np.argmax(np.abs(data.j))]))
    slow_j, fast_j = (towards * x for x in _reached(jc, most[0]))
    slow_B, fast_B = _reached(Bc, most[1])
    below = [(j, 0.0) for j in slow_j] + [(0.0, B) for B in slow_B]
    above = [(j, 0.0) for j in fast_j] + [(0.0, B) for B in fast_B]
    rest = [(0.0, 0.0)]
    drives = {
        "wall_velocity": below + above,
        "precession_frequency": above,
        "wall_tilt": below,
        "field_mobility": rest,
        "displacement": [*below[:1], *above[:1]],
        "drive_efficiency": rest,
        "depinning_field": [*rest, *((j, 0.0) for j in slow_j[:1])],
        "depinning_current": rest,
        "gyration_frequency": rest,
        "gyration_radius": [(towards * min(largest or 1e10, most[0]), 0.0)],
        "drift_velocity": [(towards * min(largest or 1e11, most[0]), 0.0)],
    }
    lacks = [*(PINNED if "B_pin" not in values else ()), *(GYRATION if "D_G" not in values else ())]
    rows = [(o, j, B, 0.0) for o in asked for j, B in drives[o] if o not in lacks]
    if {*INTERFACE} & {*values} and simulated(data):
        rows = [row for row in rows if row[0] in OF_AN_INTERFACE]
        across = min(_ACROSS * 2 * values["K"] / values["Ms"], most[1])
        fields = [(j, B, side * across) for j, B in below for side in (1, -1)]
        rows += [("wall_velocity", *row) for row in fields if "wall_velocity" in asked]
    observable = tuple(row[0] for row in rows)
    j, B, B_x = (np.array([row[k] for row in rows], float) for k in (1, 2, 3))
    B_xyz = np.stack([B_x, 0 * B_x, 0 * B_x], axis=1)
    duration = np.where(np.array(observable) == "displacement", pulse, math.nan)
    # A pinned wall is asked for the drive along +x, or along the electrons.
    side = np.where(np.array(observable) == "depinning_current", towards, 1.0)
    return data.at_drives(observable, j, B, duration=duration, value=side, B_xyz=B_xyz)


def _reached(breakdown: float, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Drives below and above breakdown; `most` in place of those beyond it."""
    parts = []
    for scales, least in ((_BELOW, 0.0), (_ABOVE, 1.2)):
        wanted = np.array(scales) * breakdown
        kept = wanted[wanted <= most]
        if kept.size < wanted.size and least * breakdown < most < math.inf:
            kept = np.append(kept, most)
        parts.append(kept)
    return parts[0], parts[1]
