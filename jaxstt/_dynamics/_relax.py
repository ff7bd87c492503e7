"""Where it rests: the nearest minimum of the energy."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from .._core import ArrayLike, check_count, check_tolerance, cross, dot, lift, normalise
from .._integrate import RESULTS
from ._evolve import cast, check_state
from ._llg import LLG

_KICK = 1e-2
"""rad."""


class Relaxed(NamedTuple):
    """What `relax` returns."""

    m: Array
    """The state at rest, (3, nx, ny, nz)."""
    torque: Array
    """max |m x B|, T."""
    stats: dict[str, Array]
    """num_steps."""
    result: RESULTS
    """RESULTS.successful where `torque` came below `tol`, or why not."""


def relax(
    llg: LLG,
    m0: ArrayLike,
    *,
    tol: float | None = None,
    max_steps: int = 100_000,
    throw: bool = True,
) -> Relaxed:
    """Descend in energy from m0 until max |m x B| <= tol in every cell.

        m <- normalise(m - tau m x (m x B)),    tau by Barzilai and Borwein, alternating

    llg: torques are left out; drives are read at t = 0.  m0: (3, nx, ny, nz), unit vectors.
    tol: T, on the largest torque, not on a mean; default 1e-7 (float64), 1e-3 (float32).
    A maximum or a saddle is left by a kick of 0.01 rad, if its curvature is beyond -tol/0.01.
    max_steps: of the descent, and of the one after the kick.  throw: raise if it stops early;
    otherwise read `.result`.

    Derivatives, forward and reverse, are those of the state of rest (implicit function theorem,
    solved by conjugate gradients); they do not exist along a motion that costs no energy.
    Raises ValueError for a wrong m0 or tol, RuntimeError (equinox) if the steps run out.
    """
    m0 = check_state(llg, m0)
    tol = (1e-3 if m0.dtype == jnp.float32 else 1e-7) if tol is None else tol
    tol, max_steps = check_tolerance("tol", tol, "T"), check_count("max_steps", max_steps)
    return _relax(llg, m0, tol, max_steps, throw)


@eqx.filter_jit
def _relax(llg: LLG, m0: Array, tol: float, max_steps: int, throw: bool) -> Relaxed:
    llg = cast(llg, m0.dtype)
    fixed = lax.stop_gradient(llg)
    m, left, steps = _to_minimum(fixed, lax.stop_gradient(m0), tol, max_steps)
    m = _at_rest(m, llg)
    result = RESULTS.where(left <= tol, RESULTS.successful, RESULTS.max_steps_reached)
    result = RESULTS.where(jnp.isfinite(left), result, RESULTS.not_finite)
    if throw:
        m = result.error_if(m, result != RESULTS.successful)
    return Relaxed(m, left, {"num_steps": steps}, result)


def _to_minimum(llg: LLG, m0: Array, tol: float, max_steps: int) -> tuple[Array, Array, Array]:
    """Descend, kick the state at rest, descend again: from a minimum this leads back to it.

    At a maximum or a saddle the torque vanishes too, but there the kick grows.  It holds every
    direction; a curvature of -tol/_KICK or more keeps the torque above `tol` until it has grown.
    """
    kick = jax.random.normal(jax.random.key(0), m0.shape, m0.dtype)
    kick = kick + jnp.asarray([1.0, -0.7, 0.4], m0.dtype)[:, None, None, None]  # all cells alike

    def down(found, size):
        m, left, steps = found
        tried = normalise(m + size * kick * lift(dot(m, m)))
        first, rests = size == 0, left <= tol
        budget = jnp.where(first | rests, max_steps, 0)
        new, new_left, more = _descend(llg, tried, tol, budget)
        moved = jnp.sqrt(jnp.max(dot(new - m, new - m)))
        # Where the second descent does not end, nobody knows whether it was a minimum.
        better = first | (rests & ((moved > 10 * size) | (new_left > tol)))
        m = jnp.where(better, new, m)
        return (m, jnp.where(better, new_left, left), steps + more), None

    start = (m0, jnp.full((), jnp.inf, m0.dtype), jnp.zeros((), jnp.int32))
    return lax.scan(down, start, jnp.asarray([0.0, _KICK], m0.dtype))[0]


def _descent(llg: LLG, m: Array) -> Array:
    """-m x (m x B): minus the slope of the energy on the sphere, T; nothing in vacuum."""
    B = llg.field(jnp.zeros((), m.dtype), m)
    return B * lift(dot(m, m)) - m * lift(dot(m, B))


def _descend(llg: LLG, m0: Array, tol: float, max_steps: Array) -> tuple[Array, Array, Array]:
    """(m, largest torque, steps)."""
    # The first step, and the one after a step along negative curvature, is a surely stable one.
    safe = (1 / jnp.maximum(llg.stiffness() / llg.gamma.max(), 1e-12)).astype(m0.dtype)

    def torque(m: Array, d: Array) -> Array:
        return jnp.sqrt(jnp.max(dot(cross(m, d), cross(m, d))))

    def going(state) -> Array:
        m, d, _, k = state
        return (torque(m, d) > tol) & (k < max_steps)

    def move(state):
        m, d, tau, k = state
        new = normalise(m + tau * d)
        d_new = _descent(llg, new)
        s, y = new - m, d - d_new
        ss, sy, yy = jnp.sum(s * s), jnp.sum(s * y), jnp.sum(y * y)
        short = jnp.where(
            k % 2 == 0, ss / jnp.where(sy == 0, 1.0, sy), sy / jnp.where(yy == 0, 1.0, yy)
        )
        usable = (sy > 0) & (yy > 0)
        return new, d_new, jnp.where(usable, short, safe), k + 1

    start = (m0, _descent(llg, m0), safe, jnp.zeros((), jnp.int32))
    m, d, _, steps = lax.while_loop(going, move, start)
    return m, torque(m, d), steps


@eqx.filter_custom_jvp
def _at_rest(m: Array, llg: LLG) -> Array:
    """m, known to be at rest, as the function of `llg` that it is."""
    return m


@_at_rest.def_jvp
def _at_rest_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    """Slope of the descent: with H that of m, tangential to the sphere, H dm = d descent/dp dp."""
    m, llg = primals
    m = _at_rest(m, llg)  # again, for second derivatives

    def tangential(v: Array) -> Array:
        return v * lift(dot(m, m)) - m * lift(dot(m, v))  # nothing in vacuum

    def hessian(v: Array) -> Array:
        return -tangential(jax.jvp(lambda m: _descent(llg, m), (m,), (tangential(v),))[1])

    if all(x is None for x in jax.tree.leaves(tangents[1], is_leaf=lambda x: x is None)):
        return m, jnp.zeros_like(m)
    change = eqx.filter_jvp(lambda llg: _descent(llg, m), (llg,), (tangents[1],))[1]
    # B is -1/(Ms V) times a slope of the energy: H is W^-1 times a symmetric operator, W = Ms, and
    # only W^(1/2) H W^(-1/2) may be solved, and transposed, as one.
    root = jnp.sqrt(jnp.where(llg.Ms > 0, llg.Ms, jnp.max(llg.Ms)) / jnp.max(llg.Ms))

    def symmetric(v: Array) -> Array:
        return lift(root) * hessian(v / lift(root))

    b = lift(root) * tangential(change)
    solved = lax.custom_linear_solve(symmetric, b, _conjugate, symmetric=True)
    return m, tangential(solved / lift(root))


def _conjugate(hessian: Callable[[Array], Array], b: Array) -> Array:
    """The solution x of hessian(x) = b."""
    accuracy = 1e-5 if b.dtype == jnp.float32 else 1e-11
    size = jnp.sqrt(jnp.sum(b * b))
    unit = b / jnp.where(size == 0, 1.0, size)
    x, _ = jax.scipy.sparse.linalg.cg(hessian, unit, tol=accuracy, maxiter=20 * b.size)
    left = jnp.sqrt(jnp.sum((hessian(x) - unit) ** 2))
    x = eqx.error_if(
        x,
        ~(left < 100 * accuracy),
        "relax: the state of rest has no derivative: a motion of it costs no energy",
    )
    return size * x
