"""What a higher rung of the ladder says: wall1d, corrected by llg1d or by llg2d."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .._data import Measurements
from .._errors import InputError
from .._models import LLG2D, Dear, StripPredictor, simulated
from .._problem import Problem, relative_scale
from .._solve import WALL, KeptRuns, Rung, Search, Solution, later_steps, map_space
from ._model_error import ModelError

CLOSE = {"check": np.inf, "auto": 0.3, "llg1d": 0.03, "llg2d": 0.03}
"""A climb ends when further steps would move the minimum by less, in standard deviations."""
_MOST_STEPS = 8
PATIENCE = 300.0
"""Expected seconds beyond which a fit is not checked unasked."""


@dataclasses.dataclass(frozen=True)
class Climb:
    """Where the ladder led: the corrected problem, its minimum, the steps, what may remain.

    reached: whether the last step was small enough.
    """

    problem: Problem
    best: Solution
    rungs: tuple[Rung, ...]
    error: ModelError
    reached: bool


def strip_of(
    data: Measurements, problem: Problem, values: Mapping[str, float], patience: float
) -> StripPredictor | str:
    """llg2d for these data, or why it is not run; "" where no row shows a wall."""
    if not simulated(data):
        return ""
    tied = [link.name for link in problem.objective.links]
    by_hand = [n for n in WALL if n in (*problem.free, *problem.given, *tied)]
    if by_hand:
        return f"`{by_hand[0]}` is not the sample's"
    try:
        strip = LLG2D().prepare(data, values)
    except InputError as error:
        return str(error)
    seconds = strip.seconds(values)
    if seconds > patience:
        return f"it would take about {seconds / 60:.0f} minutes a step; ask for `llg2d`"
    return strip


def climb(
    problem: Problem,
    z: np.ndarray,
    above: Dear,
    way: str,
    search: Search,
    *,
    anchor: bool,
    runs: str | os.PathLike[str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Climb | None:
    """Correct `problem` by the model `above` until a step is small; None where it is silent at z.

    way: "check" (one step), "auto", "llg1d" or "llg2d".  anchor: hold what the data do not fix.
    runs: file that keeps the runs.  tell: hears what goes on.
    """
    steps = []
    adapt = WALL if above.own_constants else ()

    def measured(values: Mapping[str, float]) -> np.ndarray:
        if tell is not None:
            cost = f"{above.drives} drives, about {above.seconds(values):.0f} s"
            tell(f"{above.name}, run {len(steps) + 1}: {cost}")
        search.counter.values += 1
        return above.measure(values)

    dear = measured if runs is None else KeptRuns(runs, problem.data, measured)
    close = False
    for step in map_space(problem, z, dear, above.name, search, anchor, adapt):
        steps.append(step)
        close = later_steps([rung.shift for _, _, rung in steps]) * step[2].shift < CLOSE[way]
        if close or len(steps) == _MOST_STEPS:
            break
    if not steps:
        return None
    last, best, _ = steps[-1]
    rungs = tuple(rung for _, _, rung in steps)
    moved = last.values(best.z)
    return Climb(last, best, rungs, _what_remains(last, steps, moved, above.name), close)


def _what_remains(
    problem: Problem,
    steps: Sequence[tuple[Problem, Solution, Rung]],
    after: Mapping[str, float],
    name: str,
) -> ModelError:
    """What later steps would change, if they went on as the last one did."""
    names, before = problem.objective.space.names, steps[-1][2].values
    moved = np.array([after[n] - before[n] for n in names])
    left = moved / relative_scale(names, after) * later_steps([rung.shift for _, _, rung in steps])
    return ModelError({}, {name: left}, np.outer(left, left), True)
