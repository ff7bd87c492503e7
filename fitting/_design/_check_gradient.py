"""Are the slopes that a search goes down those of what it minimises?"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._check import whole
from .._errors import InputError
from ._lagrangian import Problem
from ._wanted import Variable, Wish, check_wanted

_STEP = 1e-3
"""Of half the range of each variable."""


@eqx.filter_jit
def _weighted(problem: Problem, z: Array, weights: Array) -> Array:
    f, c = problem.read(z)
    return f + jnp.sum(weights * c)


@eqx.filter_jit
def _slope(problem: Problem, z: Array, weights: Array) -> Array:
    return jax.grad(lambda z: _weighted(problem, z, weights))(z)


def check_gradient(
    outcome: Callable[[Mapping[str, Any]], Any],
    variables: Mapping[str, Variable],
    minimise: Callable[[Mapping[str, Any], Any], Any],
    subject_to: Sequence[Wish] = (),
    *,
    directions: int = 10,
    seed: int = 0,
) -> float:
    """How far reverse mode is from central differences, at the start of `design`'s search.

        largest over random unit directions d of |D - g.d|/max(|D|, |g|/sqrt(n))

    D: of fourth order from four runs.  g: gradient of the objective plus a random sum of the
    constraints, of n variables.  1e-6 and less is usual; runs whose steps adapt add what a
    tolerance of 1e-5 leaves.

    outcome, variables, minimise, subject_to: as in `design`.  directions: how many.
    Raises InputError for input that cannot be used, and for what is not finite.
    """
    check_wanted(variables, subject_to)
    count = whole("directions", directions, 1)
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        problem = Problem(outcome, minimise, subject_to, variables)
        z = np.clip(problem.coordinates(variables), -1 + 2 * _STEP, 1 - 2 * _STEP)
        weights = jnp.asarray(rng.normal(size=sum(problem.sizes)))
        gradient = np.asarray(_slope(problem, jnp.asarray(z), weights))
        if not np.isfinite(gradient).all():
            raise InputError("the gradient is not finite at the start")
        typical = np.linalg.norm(gradient) / np.sqrt(z.size)
        worst = 0.0
        for _ in range(count):
            along = rng.normal(size=z.size)
            along /= np.linalg.norm(along)

            def central(h: float, along: np.ndarray = along) -> float:
                ends = [_weighted(problem, jnp.asarray(z + s * along), weights) for s in (h, -h)]
                return float(ends[0] - ends[1]) / (2 * h)

            found = (4 * central(_STEP / 2) - central(_STEP)) / 3
            off = abs(found - gradient @ along) / max(abs(found), typical, 1e-300)
            worst = max(worst, off)
    return float(worst)
