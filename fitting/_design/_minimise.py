"""A minimum between bounds: L-BFGS-B (scipy), or Adam (optax) with a rate that falls."""

import contextlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.optimize import minimize

from ._lagrangian import At, projected

Evaluate = Callable[[np.ndarray], At]
_FLAT = 1e-12
"""Relative change of the function below which nothing more is won."""

_CAUTION = 0.1
"""Length of the first step that L-BFGS-B tries: a long one leads a wall into another valley."""


class Enough(Exception):
    """Raised by a function that must not be called any more."""


def lbfgs(function: Evaluate, start: At, tolerance: float, most: int) -> At:
    """The best point that L-BFGS-B finds in `most` iterations."""
    best = start

    def told(steps: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        z = steps * _CAUTION
        at = start if np.allclose(z, start.z, rtol=1e-15, atol=0) else function(z)
        if not at.finite:  # a wall off the wire: too long a step, to be cut
            return best.value + 1e3 * (1 + abs(best.value)), np.zeros_like(z)
        if at.value < best.value:
            best = at
        return at.value, at.gradient * _CAUTION

    options = {"maxiter": most, "gtol": tolerance * _CAUTION, "ftol": _FLAT, "maxcor": 20}
    bounds = [(-1 / _CAUTION, 1 / _CAUTION)] * start.z.size
    first, how = start.z / _CAUTION, {"method": "L-BFGS-B", "jac": True, "bounds": bounds}
    with contextlib.suppress(Enough):
        minimize(told, first, options=options, **how)
    return best


def adam(function: Evaluate, start: At, tolerance: float, most: int) -> At:
    """The best point in `most` steps of Adam; the rate falls along a cosine, from 0.1 to 0."""
    schedule = optax.cosine_decay_schedule(0.1, most)
    method = optax.scale_by_adam()
    state = method.init(jnp.asarray(start.z))
    best = at = start
    for i in range(most):
        if projected(best) < tolerance:
            break
        with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
            step, state = method.update(jnp.asarray(at.gradient), state)
            rate = np.asarray(schedule(i))
        z = np.clip(at.z - rate * np.asarray(step), -1, 1)
        try:
            at = function(z)
        except Enough:
            break
        if not at.finite:
            at = best
        elif at.value < best.value:
            best = at
    return best


METHODS: dict[str, Callable[[Evaluate, At, float, int], At]] = {"lbfgs": lbfgs, "adam": adam}
