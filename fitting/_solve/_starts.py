"""Where a fit starts, and the search from there."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxstt import constants

from .._parameters import MICROSCOPIC, Space, linked
from .._problem import Counter, Evaluation, Objective, Problem, evaluate
from ._solve import STALLED_TOLERANCE, Callback, Solution, solve

GRID = {
    "xi": (0.02, 0.1, 0.4),
    "P": (0.3, 0.6, -0.5),
    "alpha": (0.01, 0.05, 0.2),
    "D": (3e-4, -3e-4),
    "theta_SH": (0.1, -0.1),
    "theta_FL": (0.05,),
}
GRID |= {"P_T": GRID["P"], "alpha~": GRID["alpha"]}
"""First guesses; every combination of the free ones is tried."""
NEAR, BOUND = 3.0, 12.0
"""Coordinates within 5 % of the range of a bound, and at it (6e-6)."""
ANCHOR = 2.0
"""Relative width of the weak prior that holds what the data do not fix."""
ANCHORED = 0.1
"""Distance at which it suffices to stop beside such a prior: where it ends means nothing, and a row
may have brought it to the edge of breakdown."""


class Searched(Protocol):
    """What is asked of a problem whose minimum is sought."""

    @property
    def objective(self) -> Objective: ...
    @property
    def free(self) -> tuple[str, ...]: ...
    def values(self, z: np.ndarray) -> dict[str, float]: ...


@dataclasses.dataclass(frozen=True)
class Search:
    """The optimiser's settings, and what it has cost so far."""

    optimizer: str
    max_steps: int
    tolerance: float
    counter: Counter
    callback: Callback | None = None
    stalled: float = STALLED_TOLERANCE
    """Distance to the minimum, in standard deviations, at which a stopped optimiser is there."""

    def from_starts(
        self, objective: Objective, starts: list[np.ndarray], known: Evaluation | None = None
    ) -> list[Solution]:
        """The minimum found from each start, best first; converged ones before all others.

        known: the evaluation at the first start, where there is one.
        """
        best, done, found = (np.inf, {}), 0, []
        for i, start in enumerate(starts):

            def report(step: int, chi2: float, values: dict[str, float], done=done) -> None:
                nonlocal best
                if chi2 < best[0]:
                    best = (chi2, values)
                if self.callback is not None:
                    self.callback(done + step, *best)

            solution = solve(
                objective,
                start,
                optimizer=self.optimizer,
                max_steps=self.max_steps,
                tolerance=self.tolerance,
                counter=self.counter,
                callback=report,
                known=known if i == 0 else None,
                stalled=self.stalled,
            )
            if not solution.converged:
                solution = self._at_its_bounds(objective, solution)
            found.append(solution)
            done += solution.steps
        # A minimum by a hair deeper, but not reached, does not beat one that is.
        return sorted(found, key=lambda s: s.chi2 - (1e-6 if s.converged else 0.0))

    def _at_its_bounds(self, objective: Objective, creeping: Solution) -> Solution:
        """The minimum with what creeps towards a bound put there, if that is no worse.

        The map onto the range is flat at its ends: a minimum beyond them is approached for ever.
        """
        z = creeping.z
        outwards = (creeping.evaluation.jacobian.T @ creeping.evaluation.residuals) * z < 0
        near = outwards & (np.abs(z) > NEAR)
        if not creeping.evaluation.finite or not near.any():
            return creeping
        z = np.where(near, np.sign(z) * BOUND, z)
        there = solve(
            objective,
            z,
            optimizer=self.optimizer,
            max_steps=self.max_steps,
            tolerance=self.tolerance,
            counter=self.counter,
        )
        better = there.converged and there.chi2 <= creeping.chi2 * (1 + 1e-6) + 1e-6
        return there if better else creeping


JUMPS = ("displacement",)
"""Observables that jump with the parameters: a wall that is left alone turns on to a whole number
of half turns.  Within one such number a search is local; there are many of them."""
FINE = {
    "xi": tuple(np.geomspace(0.01, 1.0, 13)),
    "P": (0.2, 0.4, 0.6, 0.8, -0.5),
    "alpha": tuple(np.geomspace(0.005, 0.5, 13)),
}
FINE |= {"P_T": FINE["P"], "alpha~": FINE["alpha"]}
"""As `GRID`, where rows jump."""
_HOPS, _HOP_POINTS, _HOP_STARTS, _WIDE = 4, 256, 3, 0.2
"""Rounds around the best minimum, points of each, searches from the best, spread of ln(value)."""


@eqx.filter_jit
def _all_chi2(objective: Objective, z: Array) -> Array:
    """(n,) of the coordinates (n, p), batched."""

    def chi2(z: Array) -> Array:
        total = jnp.sum(objective.residuals(z)[0] ** 2)
        return jnp.where(jnp.isfinite(total), total, jnp.inf)

    return jax.lax.map(chi2, z, batch_size=32)


def jumps(problem: Problem) -> bool:
    """Whether any row does."""
    return any(o in JUMPS for o in problem.data.observable)


def hop(problem: Searched, objective: Objective, best: Solution, search: Search) -> Solution:
    """The deepest minimum around `best`, where rows jump: points are tried beyond the jumps.

    The points are drawn, always the same ones.
    """
    random = np.random.default_rng(0)
    for _ in range(_HOPS):
        values = problem.values(best.z)
        names = objective.space.names
        draws = np.exp(_WIDE * random.standard_normal((_HOP_POINTS, len(names))))
        points = [
            objective.space.coordinates({n: values[n] * f for n, f in zip(names, row, strict=True)})
            for row in draws
        ]
        chi2 = np.asarray(_all_chi2(objective, jnp.asarray(np.stack(points))))
        search.counter.values += len(points)
        first = np.argsort(chi2, kind="stable")[:_HOP_STARTS]
        found = search.from_starts(objective, [points[i] for i in first])[0]
        if not found.chi2 < best.chi2 - 1e-6:
            break
        best = found
    return best


_SEEN, _STEPS = 1e-3, 6
"""Singular values below this part of the largest are not followed; most steps."""


def without_anchor(objective: Objective, best: Solution, search: Search) -> Solution:
    """`best`, found beside a weak prior, moved to where it would be without: Gauss-Newton steps
    along what the data see.  What they do not see stays where it is.
    """
    z, at = best.z, evaluate(objective, best.z, search.counter)
    for _ in range(_STEPS):
        if not at.finite:
            break
        u, s, axes = np.linalg.svd(at.jacobian, full_matrices=False)
        kept = s > _SEEN * s[0]
        step = axes[kept].T @ ((u[:, kept].T @ at.residuals) / s[kept])
        new = evaluate(objective, z - step, search.counter)
        if not new.chi2 < at.chi2 - 1e-12:
            break
        z, at = z - step, new
    return dataclasses.replace(best, z=z, evaluation=at)


def _guesses(
    table: Mapping[str, tuple[float, ...]], problem: Problem, given: Mapping[str, float]
) -> dict[str, tuple[float, ...]]:
    """First guesses of what is free and not given; for Delta or tau_sf those that give xi its."""
    wanted = [n for n in problem.free if n not in given]
    found = {n: table[n] for n in wanted if n in table}
    if made := [n for n in MICROSCOPIC if n in wanted]:
        name = made[-1]
        (other,) = (n for n in MICROSCOPIC if n != name)
        known = {p.name: p.start for p in problem.parameters} | problem.estimates | {**given}
        found[name] = tuple(constants.HBAR / (xi * known[other]) for xi in table["xi"])
    return found


def _fine_starts(
    problem: Problem, table: dict[str, tuple[float, ...]], first: dict[str, float], search: Search
) -> list[np.ndarray]:
    """The best of `table`."""
    space, open_ = problem.objective.space, list(table)
    combined = itertools.product(*table.values())
    points = [space.coordinates({**first, **dict(zip(open_, v, strict=True))}) for v in combined]
    chi2 = np.asarray(_all_chi2(problem.objective, jnp.asarray(np.stack(points))))
    search.counter.values += len(points)
    return [points[i] for i in np.argsort(chi2, kind="stable")[: 2 * _HOP_STARTS]]


def starting_points(
    problem: Problem, given: Mapping[str, float], search: Search
) -> list[np.ndarray]:
    """Coordinates to start from: the given ones, or the best of `GRID`.

    chi2 has several minima: |phidot| cannot tell the sign of xi - alpha, and rows above breakdown
    pull on alpha from both sides of it.  So the best guess of either sign is kept for each alpha
    (for Adam, which takes a thousand steps from each, only for the best alpha).
    """
    space: Space = problem.objective.space
    first = {p.name: p.start for p in problem.parameters}
    table = _guesses(GRID, problem, given)
    if not table:
        return [np.asarray(space.start)]
    if jumps(problem):
        return _fine_starts(problem, _guesses(FINE, problem, given), first, search)
    guesses = []
    for values in itertools.product(*table.values()):
        guess = {**first, **dict(zip(table, values, strict=True))}
        z = space.coordinates(guess)
        every = linked(problem.objective.links, {**problem.estimates, **guess})
        xi, alpha = (float(every.get(n, 0.0)) for n in ("xi", "alpha"))
        chi2 = evaluate(problem.objective, z, search.counter).chi2
        guesses.append(((xi > alpha, alpha), chi2, z))
    best: dict[object, tuple[float, np.ndarray]] = {}
    for (above, alpha), chi2, z in sorted(guesses, key=lambda g: g[1]):
        best.setdefault(above if search.optimizer == "adam" else (above, alpha), (chi2, z))
    return [z for _, z in sorted(best.values(), key=lambda g: g[0])]
