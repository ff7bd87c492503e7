"""The coordinates of a wall in time."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .._integrate import Adaptive, advance, integrate
from .._mesh import value_at
from .._observe import WallState
from ._landscape import Landscape


@eqx.filter_jit
def trajectory(
    wall: Any,
    t: Array,
    j: Any,
    B: Any,
    plane: Any,
    landscape: Landscape | None,
    position: Array,
    angle: Array,
    settings: Adaptive,
) -> WallState:
    """Of a `CollectiveWall`; plane: B_plane."""
    drives = (j, B) if plane is None else (j, B, plane)
    length = jnp.sqrt(wall.A / wall.K)  # reduced units: q in lambda, t in the piece

    def rate(s, y, piece):
        now = piece.time(piece.start + s * piece.length)
        field = value_at(B, now)
        if landscape is not None:
            field = field + landscape(y[0] * length)
        across = None if plane is None else value_at(plane, now)
        qdot, phidot = wall.rates(y[1], value_at(j, now), field, across)
        return jnp.stack([qdot / length, phidot]) * piece.length

    def step(carry, piece):
        y, done = carry
        longest = piece.longest_step(drives)
        y, reached, _ = advance(settings, rate, y, piece.end, piece, dtmax=longest)
        return y, done & reached

    begin = jnp.stack([position.astype(t.dtype) / length, angle.astype(t.dtype)])
    (_, done), later = integrate(
        step, lambda t, carry: carry[0], (begin, jnp.asarray(True)), t, drives
    )
    y = jnp.concatenate([begin[None], later])
    message = "CollectiveWall.evolve: `max_steps` between two saved times were not enough"
    y = eqx.error_if(y, ~done, message)

    def width(now, phi):
        across = None if plane is None else value_at(plane, now)
        return wall.width(phi, wall.field_in_the_plane(value_at(j, now), across))

    return WallState(y[:, 0] * length, jax.vmap(width)(t, y[:, 1]), y[:, 1])
