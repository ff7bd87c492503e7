"""What the parameters owe to wall constants that are known only so well."""

import dataclasses
from collections.abc import Callable, Mapping

import jax.numpy as jnp
import numpy as np

from .._errors import InputError
from .._problem import K_PERP_ERROR, WIDTH_ERROR, Counter, Objective, Problem, relative_scale
from .._solve import Solution, solve

_REFIT_STEPS = 30
_REFIT_TOLERANCE = 1e-2
"""In standard deviations of the data: the shifts are several of them."""
MOVED = {"width": ("K", -2), "K_perp": ("K_perp", 1)}
"""What each constant is moved through, and with which power: lambda = sqrt(A/K)."""


@dataclasses.dataclass(frozen=True)
class ModelError:
    """Result of `model_error`.

    stated: relative uncertainty of each constant that was moved.
    shift: half the difference between its two refits, in relative changes of all fitted parameters.
    covariance: sum of outer(shift, shift).
    converged: whether every refit did.
    """

    stated: dict[str, float]
    shift: dict[str, np.ndarray]
    covariance: np.ndarray
    converged: bool


def stated_errors(problem: Problem, asked: Mapping[str, float] | None) -> dict[str, float]:
    """The constants to move and by how much: `asked`, or 10 % of the width and 30 % of K_perp.

    A constant that is fitted, or that the user fixed, is not moved; none is where no row shows a
    wall.  Raises InputError for an unknown constant or an error outside [0, 1).
    """
    stated = {"width": WIDTH_ERROR, "K_perp": K_PERP_ERROR}
    for name, error in (asked or {}).items():
        if name not in MOVED:
            raise InputError(f"`model_errors` must name width or K_perp, got {name!r}")
        if not 0 <= error < 1:
            raise InputError(f"`model_errors`: `{name}` must be >= 0 and < 1, got {error:g}")
        stated[name] = float(error)
    fitted = (*problem.free, *problem.nuisance)
    return {
        name: error
        for name, error in stated.items()
        if error > 0
        and MOVED[name][0] in problem.estimates
        and MOVED[name][0] not in (*fitted, *problem.given)
    }


def model_error(
    problem: Problem,
    objective: Objective,
    at: Solution,
    stated: Mapping[str, float],
    counter: Counter,
) -> ModelError:
    """What the parameters follow when each constant is moved; see `followed`.

    `objective` is that of the optimum (with its priors).
    """
    moved = lambda name, factor: constant_moved(problem.estimates, name, factor)  # noqa: E731
    return followed(objective, at, stated, moved, counter)


def constant_moved(estimates: Mapping[str, float], name: str, factor: float) -> dict[str, float]:
    """The fixed parameter, and its value, that stands for the constant times `factor`."""
    fixed, power = MOVED[name]
    return {fixed: estimates[fixed] * factor**power}


def followed(
    objective: Objective,
    at: Solution,
    stated: Mapping[str, float],
    moved: Callable[[str, float], dict[str, float]],
    counter: Counter,
) -> ModelError:
    """Refit with each constant moved down and up; covariance = sum outer(half the difference).

    moved(name, factor): the fixed parameters then.  The refits start at the optimum and use
    Levenberg-Marquardt.
    """
    names = objective.space.names
    scale = relative_scale(names, _values(objective, at.z))
    shift, converged = {}, True
    for name, error in stated.items():
        ends = []
        for sign in (-1, 1):
            there = objective.moved(moved(name, 1 + sign * error))
            end = solve(
                there,
                at.z,
                optimizer="lm",
                max_steps=_REFIT_STEPS,
                tolerance=_REFIT_TOLERANCE,
                counter=counter,
            )
            values = _values(there, end.z)
            ends.append(np.array([values[n] for n in names]))
            converged = converged and end.converged
        shift[name] = (ends[1] - ends[0]) / 2 / scale
    covariance = np.zeros((len(names), len(names)))
    for half in shift.values():
        covariance = covariance + np.outer(half, half)
    return ModelError(dict(stated), shift, covariance, converged)


def _values(objective: Objective, z: np.ndarray) -> dict[str, float]:
    return {n: float(v) for n, v in objective.space.values(jnp.asarray(z)).items()}
