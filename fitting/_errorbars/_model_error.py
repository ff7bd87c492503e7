"""What the parameters owe to wall constants that are known only so well."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from .._errors import InputError
from .._problem import K_PERP_ERROR, WIDTH_ERROR, Counter, Objective, Problem, relative_scale
from .._solve import Solution, solve

_REFIT_STEPS = 30
_REFIT_TOLERANCE = 1e-2
"""In standard deviations of the data: the shifts are several of them."""


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
    known = {"width": ("K", WIDTH_ERROR), "K_perp": ("K_perp", K_PERP_ERROR)}
    stated = {name: error for name, (_, error) in known.items()}
    for name, error in (asked or {}).items():
        if name not in known:
            raise InputError(f"`model_errors` must name width or K_perp, got {name!r}")
        if not 0 <= error < 1:
            raise InputError(f"`model_errors`: `{name}` must be >= 0 and < 1, got {error:g}")
        stated[name] = float(error)
    fitted = (*problem.free, *problem.nuisance)
    return {
        name: error
        for name, error in stated.items()
        if error > 0
        and known[name][0] in problem.estimates
        and known[name][0] not in (*fitted, *problem.given)
    }


def model_error(
    problem: Problem,
    objective: Objective,
    at: Solution,
    stated: Mapping[str, float],
    counter: Counter,
) -> ModelError:
    """Refit with each constant moved down and up; covariance = sum outer(half the difference).

    The width lambda = sqrt(A/K) is moved through K, as K (1 -+ error)^-2.  The refits start at the
    optimum and use Levenberg-Marquardt; `objective` is that of the optimum (with its priors).
    """
    names = objective.space.names
    scale = relative_scale(names, _values(objective, at.z))
    shift, converged = {}, True
    for name, error in stated.items():
        ends = []
        for sign in (-1, 1):
            moved = objective.moved(_moved(problem, name, 1 + sign * error))
            end = solve(
                moved,
                at.z,
                optimizer="lm",
                max_steps=_REFIT_STEPS,
                tolerance=_REFIT_TOLERANCE,
                counter=counter,
            )
            values = _values(moved, end.z)
            ends.append(np.array([values[n] for n in names]))
            converged = converged and end.converged
        shift[name] = (ends[1] - ends[0]) / 2 / scale
    covariance = np.zeros((len(names), len(names)))
    for half in shift.values():
        covariance = covariance + np.outer(half, half)
    return ModelError(dict(stated), shift, covariance, converged)


def _moved(problem: Problem, name: str, factor: float) -> dict[str, float]:
    if name == "width":
        return {"K": problem.estimates["K"] / factor**2}
    return {"K_perp": problem.estimates["K_perp"] * factor}


def _values(objective: Objective, z: np.ndarray) -> dict[str, float]:
    return {n: float(v) for n, v in objective.space.values(jnp.asarray(z)).items()}
