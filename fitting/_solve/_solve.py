"""From a start to a minimum: Levenberg-Marquardt (optimistix), L-BFGS and Adam (optax).

All three see the model only through residuals and their forward-mode Jacobian; the gradient of
chi2/2 is J^T r.  All three stop by the same measure, `distance`.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
from jax import Array

from jaxstt.tools import nearest

from .._errors import InputError
from .._problem import Counter, Evaluation, Objective, evaluate

Callback = Callable[[int, float, dict[str, float]], None]
"""Called as callback(iteration, chi2, values) after each step."""

OPTIMIZERS = {"lm": "Levenberg-Marquardt", "lbfgs": "L-BFGS", "adam": "Adam"}
MAX_STEPS = {"lm": 100, "lbfgs": 300, "adam": 10000}
PATIENCE = {"lm": 15, "lbfgs": 10, "adam": 8 * 200}
"""Steps without a smaller chi2 after which an optimiser is stopped."""
STALLED_TOLERANCE = 1e-3
"""A stopped optimiser has converged if it is this close, in standard deviations, by default."""
_ADAM_ROUND = 200
_LEVENBERG = optx.LevenbergMarquardt(rtol=0.0, atol=0.0)
_LBFGS = optax.lbfgs(
    linesearch=optax.scale_by_backtracking_linesearch(30, decrease_factor=0.5, increase_factor=4.0)
)


@dataclasses.dataclass(frozen=True)
class Solution:
    """The best point that an optimiser found.

    z: coordinates.  evaluation: residuals and Jacobian there.  distance: see `distance`.
    steps: optimiser steps taken.  at_bound: names of parameters that sit at a bound.
    """

    z: np.ndarray
    evaluation: Evaluation
    distance: float
    converged: bool
    steps: int
    at_bound: tuple[str, ...]

    @property
    def chi2(self) -> float:
        return self.evaluation.chi2


def check_optimizer(name: str, known: Collection[str] = OPTIMIZERS) -> str:
    """`name` if it is a known optimiser; InputError with the nearest name otherwise."""
    if name not in known:
        raise InputError(
            f"unknown optimizer {name!r}; did you mean `{nearest(name, known)}`? "
            f"(there are {', '.join(known)})"
        )
    return name


def distance(objective: Objective, z: np.ndarray, at: Evaluation) -> float:
    """Gauss-Newton estimate of the distance to the minimum, in standard deviations.

    |U^T r| with J = U S V^T.  Directions that the data do not see (s < 1e-7 s_max) do not count,
    nor does a parameter that sits at a bound and is pushed outwards.
    """
    if not at.finite:
        return np.inf
    inwards = (at.jacobian.T @ at.residuals) * np.sign(z) > 0
    jacobian = at.jacobian[:, inwards | ~objective.space.at_bound(jnp.asarray(z))]
    if jacobian.shape[1] == 0:
        return 0.0
    u, s, _ = np.linalg.svd(jacobian, full_matrices=False)
    return float(np.linalg.norm(u[:, s > 1e-7 * s[0]].T @ at.residuals))


def solve(
    objective: Objective,
    z: np.ndarray,
    *,
    optimizer: str,
    max_steps: int,
    tolerance: float,
    counter: Counter,
    callback: Callback | None = None,
    known: Evaluation | None = None,
    stalled: float = STALLED_TOLERANCE,
) -> Solution:
    """Minimise chi2 from z; the best point seen, converged or not.

    known: the evaluation at z, where there is one.  stalled: distance at which an optimiser that
    was stopped has converged.
    """
    method = {"lm": _levenberg_marquardt, "lbfgs": _lbfgs, "adam": _adam}[optimizer]
    start = evaluate(objective, z, counter) if known is None else known
    best_z, best, left, steps, progress = z, None, np.inf, 0, 0
    for steps, z_now, at in method(objective, z, start, counter):
        if best is None or at.chi2 < best.chi2:
            best_z, best, progress = z_now, at, steps
            left = distance(objective, z_now, at)
        if callback is not None:
            values = objective.space.values(jnp.asarray(best_z))
            callback(steps, best.chi2, {name: float(v) for name, v in values.items()})
        if left < tolerance or not np.isfinite(best.chi2):
            break
        if steps >= max_steps or steps - progress >= PATIENCE[optimizer]:
            tolerance = max(tolerance, stalled)
            break
    assert best is not None
    stuck = objective.space.at_bound(jnp.asarray(best_z))
    return Solution(
        best_z,
        best,
        left,
        left < tolerance,
        steps,
        tuple(n for n, yes in zip(objective.space.names, stuck, strict=True) if yes),
    )


Steps = Iterator[tuple[int, np.ndarray, Evaluation]]


def _levenberg_marquardt(
    objective: Objective, z: np.ndarray, at: Evaluation, counter: Counter
) -> Steps:
    """optimistix' Levenberg-Marquardt, one evaluation a step.

    A step evaluates its function only at `state.y_eval`.  The model is evaluated there first, by
    the one compiled function, and the step gets the plane through it: same value, same Jacobian.
    """
    yield 0, z, at
    y, plane = jnp.asarray(z), _plane(z, at)
    state = _lm_init(y, plane)
    step = 0
    while True:
        y, state = _lm_step(y, plane, state)
        z = np.asarray(state.y_eval)
        at = evaluate(objective, z, counter)
        step += 1
        yield step, z, at
        plane = _plane(z, at)


def _plane(z: np.ndarray, at: Evaluation) -> tuple[Array, Array, Array]:
    # A huge residual makes the trust region reject a point that could not be computed.
    good = at.finite
    r = at.residuals if good else np.full_like(at.residuals, 1e100)
    jacobian = at.jacobian if good else np.zeros_like(at.jacobian)
    return jnp.asarray(z), jnp.asarray(r), jnp.asarray(jacobian)


def _on_plane(z: Array, plane: tuple[Array, Array, Array]) -> tuple[Array, None]:
    z0, r, jacobian = plane
    return r + jacobian @ (z - z0), None


@eqx.filter_jit
def _lm_init(z: Array, plane: tuple[Array, Array, Array]):
    shape = jax.ShapeDtypeStruct(plane[1].shape, plane[1].dtype)
    return _LEVENBERG.init(_on_plane, z, plane, {}, shape, None, frozenset())


@eqx.filter_jit
def _lm_step(z: Array, plane: tuple[Array, Array, Array], state):
    z, state, _ = _LEVENBERG.step(_on_plane, z, plane, {}, state, frozenset())
    return z, state


def _whitening(at: Evaluation) -> np.ndarray:
    """T with T^T (J^T J + 1) T = 1: a step of 1 in w, z = z0 + T w, is one standard deviation."""
    curvature, axes = np.linalg.eigh(at.jacobian.T @ at.jacobian)
    return axes / np.sqrt(np.maximum(curvature, 0) + 1)


def _half_chi2(objective: Objective, z0: Array, T: Array) -> Callable[[Array], Array]:
    """w -> chi2/2 at z0 + T w, whose gradient T^T J^T r comes from forward mode."""

    @jax.custom_jvp
    def value(w: Array) -> Array:
        r, _ = objective.residuals(z0 + T @ w)
        return 0.5 * jnp.sum(r**2)

    @value.defjvp
    def _(primals, tangents):
        (w,), (dw,) = primals, tangents
        r, jacobian, _ = objective.derivatives(z0 + T @ w)
        return 0.5 * jnp.sum(r**2), (T.T @ (jacobian.T @ r)) @ dw

    return value


def _lbfgs(objective: Objective, z: np.ndarray, at: Evaluation, counter: Counter) -> Steps:
    """optax' L-BFGS with a backtracking line search, in coordinates whitened at the start.

    The zoom search, optax' default, would compile the model three times over.
    """
    yield 0, z, at
    z0, whitening = z, _whitening(at) if at.finite else np.eye(z.size)
    T, w = jnp.asarray(whitening), jnp.zeros_like(jnp.asarray(z))
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        state = _LBFGS.init(w)
    step = 0
    while at.finite:
        with jax.numpy_dtype_promotion("standard"):
            gradient = whitening.T @ (at.jacobian.T @ at.residuals)
            slope = (jnp.asarray(at.chi2 / 2), jnp.asarray(gradient))
            w, state, searches = _lbfgs_step(objective, jnp.asarray(z0), T, w, state, slope)  # type: ignore
        counter.values += int(searches)
        z = z0 + whitening @ np.asarray(w)
        at = evaluate(objective, z, counter)
        step += 1
        yield step, z, at


@eqx.filter_jit
def _lbfgs_step(
    objective: Objective, z0: Array, T: Array, w: Array, state, slope: tuple[Array, Array]
):
    value, gradient = slope

    def half_chi2(w) -> Array:
        return 0.5 * jnp.sum(objective.residuals(z0 + T @ w)[0] ** 2)

    updates, state = _LBFGS.update(
        gradient, state, w, value=value, grad=gradient, value_fn=half_chi2
    )
    searches = optax.tree_utils.tree_get(state, "info").num_linesearch_steps
    return optax.apply_updates(w, updates), state, searches


def _adam(objective: Objective, z: np.ndarray, at: Evaluation, counter: Counter) -> Steps:
    """optax' Adam in rounds; each starts at the best point, in coordinates whitened there.

    The step size falls a thousandfold within a round, from 1/20 of the remaining distance.
    """
    yield 0, z, at
    best, pace, step = at, 0.05, 0
    while best.finite:
        rate = pace * max(distance(objective, z, best), 1e-12)
        T = jnp.asarray(_whitening(best))
        with jax.numpy_dtype_promotion("standard"):
            new = np.asarray(_adam_round(objective, jnp.asarray(z), T, jnp.asarray(rate)))
        counter.derivatives += _ADAM_ROUND
        at = evaluate(objective, new, counter)
        step += _ADAM_ROUND
        yield step, new, at
        if at.chi2 < best.chi2:
            z, best = new, at
        else:
            pace /= 4


@eqx.filter_jit
def _adam_round(objective: Objective, z0: Array, T: Array, rate: Array) -> Array:
    adam = optax.scale_by_adam()
    gradient = jax.grad(_half_chi2(objective, z0, T))

    def one(carry, i):
        w, state = carry
        direction, state = adam.update(gradient(w), state)
        return (w - rate * 1e-3 ** (i / _ADAM_ROUND) * direction, state), None

    w = jnp.zeros_like(z0)
    (w, _), _ = jax.lax.scan(one, (w, adam.init(w)), jnp.arange(_ADAM_ROUND))
    return z0 + T @ w
