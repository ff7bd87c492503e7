"""Where a fit starts, and the search from there."""

import dataclasses
import itertools
from collections.abc import Mapping

import numpy as np

from ._parameters import Space
from ._problem import Counter, Objective, Problem, evaluate
from ._solve import Callback, Solution, solve

GRID = {"xi": (0.02, 0.1, 0.4), "P": (0.3, 0.6, -0.5), "alpha": (0.01, 0.05, 0.2)}
"""First guesses; every combination of the free ones is tried."""
ANCHOR = 2.0
"""Relative width of the weak prior that holds what the data do not fix."""


@dataclasses.dataclass(frozen=True)
class Search:
    """The optimiser's settings, and what it has cost so far."""

    optimizer: str
    max_steps: int
    tolerance: float
    counter: Counter
    callback: Callback | None = None

    def from_starts(self, objective: Objective, starts: list[np.ndarray]) -> list[Solution]:
        """The minimum found from each start, best first; converged ones before all others."""
        best, done, found = (np.inf, {}), 0, []
        for start in starts:

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
            )
            found.append(solution)
            done += solution.steps
        # A minimum by a hair deeper, but not reached, does not beat one that is.
        return sorted(found, key=lambda s: s.chi2 - (1e-6 if s.converged else 0.0))


def starting_points(
    problem: Problem, given: Mapping[str, float], search: Search
) -> list[np.ndarray]:
    """Coordinates to start from: the given ones, or the best of `GRID`.

    |phidot| cannot tell the sign of xi - alpha, so the two best guesses of either sign are kept
    (one for Adam, which takes a thousand steps from each).
    """
    space: Space = problem.objective.space
    first = {p.name: p.start for p in problem.parameters}
    open_ = [n for n in GRID if n in problem.free and n not in given]
    if problem.model.cheaper is not None or not open_:
        return [np.asarray(space.start)]
    guesses = []
    for values in itertools.product(*(GRID[n] for n in open_)):
        guess = {**first, **dict(zip(open_, values, strict=True))}
        z = space.coordinates(guess)
        every = {**problem.estimates, **guess}
        above = every.get("xi", 0.0) > every.get("alpha", 0.0)
        guesses.append((above, evaluate(problem.objective, z, search.counter).chi2, z))
    kept, keep = [], 1 if search.optimizer == "adam" else 2
    for sign in (True, False):
        group = sorted((g for g in guesses if g[0] == sign), key=lambda g: g[1])
        kept += [(chi2, z) for _, chi2, z in group[:keep]]
    return [z for _, z in sorted(kept, key=lambda g: g[0])]
