"""What the next rung of the ladder says: wall1d or llg1d, corrected by llg2d."""

import dataclasses
import os
from collections.abc import Callable, Mapping

import numpy as np

from .._data import Measurements
from .._errors import InputError
from .._models import LLG2D, StripPredictor, simulated
from .._problem import Problem, relative_scale
from .._solve import KeptRuns, Rung, Search, Solution, map_space
from ._model_error import ModelError

CLOSE = {"check": np.inf, "auto": 0.3, "llg2d": 0.03}
"""A climb ends when a step moves the minimum by less, in standard deviations."""
_MOST_STEPS = 8
_SLOWEST, _GUESSED, _FASTEST = 0.5, 0.1, 0.02
"""Part of the last step that the next one would take: bounds, and before two steps are known."""
PATIENCE = 300.0
"""Expected seconds beyond which a fit is not checked unasked."""
WALL = ("K", "K_perp")
"""The constants of a 1-D wall, which llg2d has no use for."""


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
    by_hand = [n for n in WALL if n in problem.free or n in problem.given]
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
    strip: StripPredictor,
    way: str,
    search: Search,
    *,
    anchor: bool,
    runs: str | os.PathLike[str] | None,
    tell: Callable[[str], None] | None,
) -> Climb | None:
    """Correct `problem` by llg2d until a step is small; None where llg2d cannot be read at z.

    way: "check" (one step), "auto" or "llg2d".  anchor: hold what the data do not fix.
    runs: file that keeps the runs.  tell: hears what goes on.
    """
    steps = []
    kept = strip.measure if runs is None else KeptRuns(runs, problem.data, strip.measure)

    def dear(values: Mapping[str, float]) -> np.ndarray:
        if tell is not None:
            seconds = strip.seconds(values)
            tell(f"llg2d, run {len(steps) + 1}: {strip.drives} drives, about {seconds:.0f} s")
        return kept(values)

    for step in map_space(problem, z, dear, LLG2D.name, search, anchor):
        steps.append(step)
        if step[2].shift < CLOSE[way] or len(steps) == _MOST_STEPS:
            break
    if not steps:
        return None
    last, best, top = steps[-1]
    rungs = tuple(rung for _, _, rung in steps)
    error = _what_remains(last, rungs, last.values(best.z))
    return Climb(last, best, rungs, error, top.shift < CLOSE[way])


def _what_remains(
    problem: Problem, rungs: tuple[Rung, ...], after: Mapping[str, float]
) -> ModelError:
    """s r/(1 - r): the steps after the last one, s, if each is r times the one before it."""
    names = problem.objective.space.names
    steps = [r.shift for r in rungs]
    ratio = _GUESSED
    if len(steps) > 1 and steps[-2] > 0:
        ratio = float(np.clip(steps[-1] / steps[-2], _FASTEST, _SLOWEST))
    moved = np.array([after[n] - rungs[-1].values[n] for n in names])
    left = moved / relative_scale(names, after) * ratio / (1 - ratio)
    return ModelError({}, {LLG2D.name: left}, np.outer(left, left), True)
