"""`design`: the search, and what it returns."""

import dataclasses
import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxstt.tools import versions, write_whole

from .._check import whole
from .._errors import InputError
from .._report import plain
from .._solve import check_optimizer
from ._lagrangian import (
    GROW,
    MOST,
    SHRINK,
    At,
    Problem,
    complementarity,
    evaluate,
    first_penalty,
    projected,
    raised,
    violation,
)
from ._minimise import METHODS, Enough
from ._wanted import Reading, Variable, Wish, check_wanted

_MET = 0.1
"""Constraints are met to this part of how far off they may be."""
_LOOSE, _TIGHTER = 1e-1, 0.1
"""Gradient at which the first minimum is good enough, and how that falls from one to the next."""
_ITERATIONS = {"lbfgs": 40, "adam": 300}
"""Of the optimiser, between two changes of the multipliers."""
_HOPELESS = 5
"""Times that the penalty grows without the constraints getting better as they should."""


class Step(NamedTuple):
    """One change of the multipliers: what had been reached."""

    evaluations: int
    objective: float
    violation: float
    """Of the worst constraint, in units of how far off it may be."""
    penalty: float


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """What `design` returns.

    values: {name: array}, SI.  outcome: of the simulation there, as numpy arrays.
    objective: what was minimised.  readings: of each constraint.  met: whether all are.
    verified: the readings of the independent run, and `verified_objective`; None without one.
    survives: whether that run meets all constraints; None without one.
    history: a `Step` for each change of the multipliers.
    converged, message, evaluations (runs there and back), seconds, versions.
    """

    values: dict[str, np.ndarray]
    outcome: Any
    objective: float
    readings: tuple[Reading, ...]
    met: bool
    verified: tuple[Reading, ...] | None
    verified_objective: float | None
    survives: bool | None
    history: tuple[Step, ...]
    converged: bool
    message: str
    evaluations: int
    seconds: float
    versions: dict[str, str]

    def report(self) -> str:
        """What a person wants to read."""
        width = max([9, *(len(r.name) for r in self.readings)])
        checks = self.verified or (None,) * len(self.readings)
        lines = [f"{'objective'.ljust(width)}  {self.objective:.6g}"]
        if self.verified_objective is not None:
            lines[0] += f"   verified {self.verified_objective:.6g}"
        for reading, check in zip(self.readings, checks, strict=True):
            line = f"{reading.name.ljust(width)}  {reading.value:.6g}  wanted {reading.wanted}"
            line += "" if reading.met else "  NOT MET"
            if check is not None:
                line += f"   verified {check.value:.6g}{'' if check.met else '  NOT MET'}"
            lines.append(line)
        if self.survives is False:
            lines.append("the design does not survive the independent run")
        lines.append(f"{self.message}; {self.evaluations} runs; {self.seconds:.0f} s")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the outcome, as plain numbers, lists and text."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del fields["outcome"]
        for key in ("readings", "verified"):
            if fields[key] is not None:
                fields[key] = [dataclasses.asdict(r) for r in fields[key]]
        fields["history"] = [step._asdict() for step in self.history]
        return plain(fields)


def design(
    outcome: Callable[[Mapping[str, Any]], Any],
    variables: Mapping[str, Variable],
    minimise: Callable[[Mapping[str, Any], Any], Any],
    subject_to: Sequence[Wish] = (),
    *,
    verify: Callable[[Mapping[str, Any]], Any] | None = None,
    optimizer: str = "lbfgs",
    max_evaluations: int = 500,
    tolerance: float = 1e-4,
    keep: str | os.PathLike[str] | None = None,
    callback: Callable[[Step, dict[str, np.ndarray]], None] | None = None,
) -> Design:
    """Choose the variables such that the simulation does what is asked for, at least cost.

        min minimise(x, outcome(x))   with   `subject_to`,   low <= x <= high

    outcome: {name: array} -> what the simulation says of it, differentiable in reverse mode; a
    function or an Equinox module (whose arrays are then no constants of the compiled program).
    variables: {name: Variable(start, low, high)}.
    minimise: (variables, outcome) -> a number.
    subject_to: `Equal`, `AtMost`, `AtLeast`.
    verify: the same as `outcome` by other means (finer cells, tighter tolerance), run once at the
    end; a design that does not meet the constraints there is called so.
    optimizer: "lbfgs", or "adam" (optax, its rate falling along a cosine).
    max_evaluations: of runs there and back.  tolerance: largest slope that is left, of the
    objective in units of its first value, over half of a variable's range.
    keep: file from which the search goes on, if it is there, and which it writes.  It knows the
    variables and the constraints by name and number, but not the functions.
    callback(step, values): after each change of the multipliers.

    The minimum is a local one.  Raises InputError for input that cannot be used, and if something
    is not finite at the start.  Constraints that cannot be met are told in `message`.
    """
    began = time.monotonic()
    check_wanted(variables, subject_to)
    _check(optimizer, tolerance)
    most = whole("max_evaluations", max_evaluations, 1)
    with jax.enable_x64(True):
        problem = Problem(outcome, minimise, subject_to, variables)
        search = _Search(problem, variables, optimizer, tolerance, most, keep, callback)
        at, converged = search.run()
        x = problem.variables(jnp.asarray(at.z))
        y, f, readings = _read(problem, outcome, x)
        verified, verified_f = None, None
        if verify is not None:
            _, verified_f, verified = _read(problem, verify, x)
    met = all(r.met for r in readings)
    return Design(
        values={name: np.asarray(value) for name, value in x.items()},
        outcome=jax.tree.map(np.asarray, y),
        objective=f,
        readings=readings,
        met=met,
        verified=verified,
        verified_objective=verified_f,
        survives=None if verified is None else all(r.met for r in verified),
        history=tuple(search.history),
        converged=converged and met,
        message=_message(readings, converged, search.evaluations >= most),
        evaluations=search.evaluations,
        seconds=time.monotonic() - began,
        versions=versions(),
    )


def _check(optimizer: str, tolerance: float) -> None:
    check_optimizer(optimizer, METHODS)
    if not 0 < tolerance < 1:
        raise InputError(f"`tolerance` must be between 0 and 1, got {tolerance}")


@eqx.filter_jit
def _outcome(function: Callable, x: Mapping[str, Any]) -> Any:
    return function(x)


def _read(problem: Problem, function: Callable, x: Any) -> tuple[Any, float, tuple[Reading, ...]]:
    y = _outcome(function, x)
    readings = tuple(wish.reading(x, y) for wish in problem.wishes)
    return y, float(problem.minimise(x, y)), readings


def _message(readings: Sequence[Reading], converged: bool, spent: bool) -> str:
    missed = [f"{r.name} reached {r.value:.6g}, wanted {r.wanted}" for r in readings if not r.met]
    if missed and not spent:
        told = f"no design was found that meets every constraint: {'; '.join(missed)}"
        return f"{told} (the search is local: another start may lead to one)"
    if missed:
        return f"`max_evaluations` are spent: {'; '.join(missed)}"
    if not converged:
        return "not converged: `max_evaluations` are spent" if spent else "not converged: stalled"
    return "converged"


class _Search:
    """The state of one search."""

    def __init__(self, problem, variables, optimizer, tolerance, most, keep, callback):
        self.problem, self.method = problem, METHODS[optimizer]
        self.iterations = _ITERATIONS[optimizer]
        self.tolerance, self.most, self.callback = tolerance, most, callback
        self.path = None if keep is None else Path(keep)
        self.evaluations, self.history = 0, []
        self.names, self.z = tuple(variables), problem.coordinates(variables)
        self.multipliers = np.zeros(sum(problem.sizes))
        self.penalty = 1.0
        self.question = _question(problem)

    def run(self) -> tuple[At, bool]:
        """The last minimum, and whether it is one."""
        if self.path is not None and self.path.exists():
            self._resume(self.path)
        else:
            self._begin()
        tolerance = max(self.tolerance, _LOOSE * _TIGHTER ** len(self.history))
        hopeless, at = 0, self._run(self.z)  # also where none is left: there is something to tell
        worst_before = np.inf if not self.history else self.history[-1].violation
        while True:
            at = self.method(self._at, at, tolerance, self.iterations)
            left = complementarity(self.problem, at.c, self.multipliers, self.penalty)
            off = float(np.max(left, initial=0.0))
            self.z = at.z
            self._told(at)
            if off < _MET and projected(at) < self.tolerance:
                self._save()
                return at, True
            stuck = off > max(_MET, SHRINK * worst_before)
            hopeless = hopeless + 1 if stuck else 0
            stalled = off < _MET and worst_before < _MET and self._no_better(at)
            self.multipliers = raised(self.problem, self.multipliers, self.penalty, at.c)
            self.penalty *= GROW if stuck else 1.0
            worst_before, tolerance = off, max(self.tolerance, tolerance * _TIGHTER)
            self._save()
            spent = self.evaluations >= self.most
            if spent or stalled or hopeless > _HOPELESS or self.penalty > MOST:
                return at, False
            at = self._run(at.z)

    def _no_better(self, at: At) -> bool:
        """Whether many more iterations have changed nothing that can be seen."""
        last = [step.objective for step in self.history[-4:]]
        return len(last) == 4 and np.ptp(last) <= 1e-9 * max(abs(at.f), 1e-300)

    def _at(self, z: np.ndarray) -> At:
        if self.evaluations >= self.most:
            raise Enough
        return self._run(z)

    def _run(self, z: np.ndarray) -> At:
        self.evaluations += 1
        return evaluate(self.problem, z, self.multipliers, self.penalty)

    def _begin(self) -> None:
        """Scale of the objective and the first penalty; InputError for what is not finite."""
        at = evaluate(self.problem, self.z, self.multipliers, 1e-30)
        self.evaluations += 1
        which = np.repeat(np.arange(len(self.problem.sizes)), self.problem.sizes)
        broken = [self.problem.wishes[i].name for i in which[~np.isfinite(at.c)]]
        if broken or not np.isfinite(at.f):
            what = f"{broken[0]!r} of `subject_to`" if broken else "`minimise`"
            raise InputError(f"{what} is not finite at the start")
        if not np.isfinite(at.gradient).all():
            raise InputError("the gradient is not finite at the start")
        unit = abs(at.f)
        if unit == 0:  # as the heat of no pulse: take what it is elsewhere
            step = np.where(self.z > 0, -0.5, 0.5)
            unit = abs(evaluate(self.problem, self.z + step, self.multipliers, 1e-30).f)
            self.evaluations += 1
        unit = unit if np.isfinite(unit) and unit > 0 else 1.0
        self.problem = eqx.tree_at(lambda p: p.unit, self.problem, jnp.asarray(unit))
        off = np.where(self.problem.is_bound(), np.maximum(at.c, 0), at.c)
        self.penalty = first_penalty(at.f / unit, off)

    def _told(self, at: At) -> None:
        worst = float(np.max(violation(self.problem, at.c), initial=0.0))
        objective = at.f * float(self.problem.unit)
        self.history.append(Step(self.evaluations, objective, worst, float(self.penalty)))
        if self.callback is not None:
            x = self.problem.variables(jnp.asarray(at.z))
            self.callback(self.history[-1], {n: np.asarray(v) for n, v in x.items()})

    def _save(self) -> None:
        if self.path is None:
            return
        state = {
            "question": self.question,
            "z": self.z.tolist(),
            "multipliers": self.multipliers.tolist(),
            "penalty": self.penalty,
            "unit": float(self.problem.unit),
            "history": [list(step) for step in self.history],
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, (json.dumps(state) + "\n").encode())

    def _resume(self, path: Path) -> None:
        try:
            state = json.loads(path.read_text(encoding="utf-8"))
            z, multipliers = np.array(state["z"], float), np.array(state["multipliers"], float)
            self.history = [Step(*step) for step in state["history"]]
            question, self.penalty = state["question"], float(state["penalty"])
            unit = float(state["unit"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}: holds no search of `design` ({error!r}); remove it"
            ) from None
        if question != self.question:
            raise InputError(f"{path}: is the search of another design (`keep`); remove it")
        self.z, self.multipliers = z, multipliers
        self.evaluations = self.history[-1].evaluations
        self.problem = eqx.tree_at(lambda p: p.unit, self.problem, jnp.asarray(unit))


def _question(problem: Problem) -> str:
    """A mark of what a kept state depends on, but for the functions."""
    wishes = [(type(w).__name__, w.name, w.told()) for w in problem.wishes]
    ends = [np.asarray(problem.low).tolist(), np.asarray(problem.high).tolist()]
    text = json.dumps([wishes, problem.shapes, ends, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
