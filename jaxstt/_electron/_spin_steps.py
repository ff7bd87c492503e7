"""How a moment is moved along its path: adaptive steps by diffrax, or turns about a mean axis.

An `ode` here is an `AbstractSpinODE` of `_spin_ode`.
"""

import math
from typing import Any, TypeAlias

import equinox as eqx
import jax.numpy as jnp
from jax import Array, lax

from .._integrate import Adaptive, Piece, advance


class MagnusSteps(eqx.Module):
    """`evolve_spin(solver=MagnusSteps(count))`: fixed steps, each two rotations about mean axes.

    Fourth order (commutator-free, two Gauss points); without relaxation |s| is kept to rounding,
    however long the step.  The step is limited by how fast n turns, hardly by the precession
    itself, and all electrons of a `vmap` take the same number: much faster than adaptive steps,
    without their control of the error.  In a wall with v tau_ex = l four steps for each tau_ex are
    within 4e-6 of exact, two within 6e-5; in a wall twenty times wider within 7e-8 and 1e-6.

    count: steps between two saved times, or bends of a drive (static).  Derivatives are exact for
    the discrete map.
    Raises ValueError for count < 1.
    """

    count: int = eqx.field(static=True)

    def __check_init__(self):
        if self.count < 1:
            raise ValueError(f"`count` must be >= 1, got {self.count}")


def adaptive_interval(
    ode: Any, s: Array, piece: Piece, settings: Adaptive
) -> tuple[Array, Array, Array]:
    """(s, steps taken, whether the end was reached) after one piece, by diffrax."""
    end = piece.length / ode.tau_ex
    s, reached, counts = advance(settings, _reduced_rate, s, end, (ode, piece), dtmax=1.0)
    return s, counts["num_steps"].astype(jnp.int32), reached


def _reduced_rate(tau: Any, s: Array, args: Any) -> Array:
    ode, piece = args
    return ode.rate(piece.time(piece.start + tau * ode.tau_ex), s)


# Gauss points and weights of the commutator-free integrator of order 4.
_NODE = math.sqrt(3) / 6
_NEAR, _FAR = 0.25 + _NODE, 0.25 - _NODE
# sin(x/2)/x and cos(x/2) in powers of x^2.
_SIN = [(-1) ** n / math.factorial(2 * n + 1) / 4**n / 2 for n in range(6)]
_COS = [(-1) ** n / math.factorial(2 * n) / 4**n for n in range(6)]

Triple: TypeAlias = tuple[Array, Array, Array]
"""A vector as three scalars: many of them at once are three long arrays, three times as fast."""


def magnus_interval(
    ode: Any, s: Array, piece: Piece, method: MagnusSteps
) -> tuple[Array, Array, Array]:
    """As `adaptive_interval`, in equal steps."""
    h = piece.length / method.count
    reduced = h / ode.tau_ex
    damp = ode.xi * reduced / 2
    decay = jnp.exp(-damp)

    def step(s, k):
        middle = piece.start + (k.astype(h.dtype) + 0.5) * h
        first, second = (ode.axis(middle + node * h) for node in (-_NODE, _NODE))
        for near, far in ((first, second), (second, first)):
            turn = _combine(reduced * _NEAR, near[0], reduced * _FAR, far[0])
            rest = _combine(2 * _NEAR, near[1], 2 * _FAR, far[1])
            if not ode.aligned:
                rest = _fixed_point(turn, damp, rest)
            s = _turn_about(turn, decay, rest, s)
        return s, None

    steps = jnp.arange(method.count, dtype=jnp.int32)
    last, _ = lax.scan(step, (s[0], s[1], s[2]), steps)
    return jnp.stack(last), jnp.asarray(method.count, jnp.int32), jnp.asarray(True)


def _turn_about(turn: Triple, decay: Array, end: Triple, s: Triple) -> Triple:
    """end + decay R(turn) (s - end), R the rotation about `turn` by its length."""
    size2 = turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2
    # The unit quaternion (c, a turn).  Its parts are short series, cheap where sin is not (10 ns
    # each in float64), and divided by its length: whatever they neglect, R is a rotation.
    a, c = _series(_SIN, size2), _series(_COS, size2)
    twice = 2 * a / (a * a * size2 + c * c)
    away = (s[0] - end[0], s[1] - end[1], s[2] - end[2])
    once = _cross(turn, away)
    again = _cross(turn, once)
    x, y, z = (
        e + decay * (v + (twice * c) * p + (twice * a) * q)
        for e, v, p, q in zip(end, away, once, again, strict=True)
    )
    return x, y, z


def _fixed_point(turn: Triple, damp: Array, rest: Triple) -> Triple:
    """Where turn x s = damp (s - rest), if turn and rest are not parallel."""
    lean = _cross(turn, rest)
    across = _cross(turn, lean)
    total = damp**2 + turn[0] ** 2 + turn[1] ** 2 + turn[2] ** 2
    total = jnp.where(total == 0, 1.0, total)  # nothing moves: 0/0
    x, y, z = (r + (damp * p + q) / total for r, p, q in zip(rest, lean, across, strict=True))
    return x, y, z


def _series(coefficients: list[float], x: Array) -> Array:
    total = jnp.full_like(x, coefficients[-1])
    for c in coefficients[-2::-1]:
        total = total * x + c
    return total


def _combine(p: Array | float, a: Array, q: Array | float, b: Array) -> Triple:
    return p * a[0] + q * b[0], p * a[1] + q * b[1], p * a[2] + q * b[2]


def _cross(a: Any, b: Any) -> Triple:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
