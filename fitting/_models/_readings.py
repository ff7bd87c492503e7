"""What a collective wall shows beside its long-time motion: one function an observable."""

from collections.abc import Callable, Mapping

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt

from .._data import Measurements

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_RTOL = 1e-7
"""Of the run through a pulse: its displacement is then right to some 1e-6."""


class Shown(eqx.Module):
    """The rows of one observable; arrays (n,), SI.

    rows: their places in the file's order.  duration, rise: of the pulse, nan where there is none.
    side: sign of the measured value.  plane: (2, n), across the easy axis, None without.
    """

    observable: str = eqx.field(static=True)
    rows: tuple[int, ...] = eqx.field(static=True)
    j: Array
    B: Array
    plane: Array | None
    duration: Array
    rise: Array
    side: Array

    def __init__(self, data: Measurements, observable: str):
        rows = [i for i, name in enumerate(data.observable) if name == observable]
        self.observable, self.rows = observable, tuple(rows)
        along, across = (field[rows] for field in data.fields())
        self.j, self.B = jnp.asarray(data.j[rows]), jnp.asarray(along)
        self.plane = jnp.asarray(across.T) if across.any() else None
        self.duration = jnp.asarray(data.duration[rows])
        # No edges are told: sharp ones.
        self.rise = jnp.asarray(np.nan_to_num(data.rise[rows]))
        self.side = jnp.asarray(np.sign(data.value[rows]))


def field_mobility(wall: jaxstt.CollectiveWall, _: Mapping[str, Array], at: Shown) -> Array:
    """|dv/dB|, m/(s T), at the row's drives; of a wall that rests without any: lambda g~/alpha~."""
    v = lambda B: wall.motion(at.j, B, at.plane).velocity  # noqa: E731
    return jnp.abs(jax.jvp(v, (at.B,), (jnp.ones_like(at.B),))[1])


def displacement(wall: jaxstt.CollectiveWall, _: Mapping[str, Array], at: Shown) -> Array:
    """q(infinity) - q(0), m, of a wall at rest that a pulse of both drives passes over."""
    return jax.vmap(lambda *pulse: _by_pulse(wall, *pulse))(at.j, at.B, at.duration, at.rise)


def _by_pulse(wall: jaxstt.CollectiveWall, j: Array, B: Array, duration: Array, rise: Array):
    path = wall.evolve(
        jnp.stack([jnp.zeros_like(duration), duration]),
        jaxstt.Pulse(j, 0.0, duration, rise),
        jaxstt.Pulse(B, 0.0, duration, rise),
        rtol=_RTOL,
        adjoint=diffrax.ForwardMode(),
    )
    return path.position[-1] + _run_out(wall, path.angle[-1])


def _run_out(wall: jaxstt.CollectiveWall, phi: Array) -> Array:
    """The way, m, that a wall left to itself goes while its angle returns to rest.

        phidot + alpha~ Q qdot/lambda(phi) = 0   =>   dq = -(Q/alpha~) int lambda dphi

    from phi to the rest state in whose half turn it lies: nothing need be simulated.
    """
    rest = wall.rest_angle()
    end = rest + jnp.pi * jax.lax.stop_gradient(jnp.round((phi - rest) / jnp.pi))
    half = (end - phi) / 2
    widths = wall.width((end + phi) / 2 + half * jnp.asarray(_NODES))
    turned = half * jnp.sum(jnp.asarray(_WEIGHTS) * widths)
    return -wall.charge * turned / wall.coefficients().alpha


def drive_efficiency(wall: jaxstt.CollectiveWall, _: Mapping[str, Array], at: Shown) -> Array:
    """|xi u/(gamma lambda)|/|j|, T m^2/A, > 0 along the electrons' flow."""
    return jnp.broadcast_to(-wall.charge * wall.field_per_current(), at.j.shape)


def depinning_field(wall: jaxstt.CollectiveWall, values: Mapping[str, Array], at: Shown) -> Array:
    """B, T, at which no state at rest is left beside the pinning field and the row's current.

        g~ (B - side B_pin) = xi Q U/lambda(phi),     (g~ Kp/Ms) sin 2phi = Q U/lambda(phi)

    The second equation, squared, is quadratic in sin^2 phi; the root is that next to the rest
    state.  Beyond the intrinsic threshold there is none and the wall turns: the last one stands.
    Source: `CollectiveWall.rates` with qdot = phidot = 0 and a pinning field up to B_pin.
    """
    c = wall.coefficients(at.j)
    cost = (wall.Ms * c.U / (c.gamma * wall.Kp)) ** 2
    middle = 4 * wall.A - cost * wall.Kp
    inside = middle**2 - 16 * wall.A * cost * wall.K
    root = jnp.where(inside > 0, jnp.sqrt(jnp.where(inside > 0, inside, 1.0)), 0.0)
    sin2 = (middle - jnp.sign(wall.Kp) * root) / (8 * wall.A)
    width = jnp.sqrt(wall.A / (wall.K + wall.Kp * sin2))
    push = wall.xi * wall.charge * c.U / (c.gamma * width)
    return at.side * values["B_pin"] + push


def depinning_current(wall: jaxstt.CollectiveWall, values: Mapping[str, Array], at: Shown) -> Array:
    """j, A/m^2, at which no state at rest is left beside the pinning field and the row's field.

    As `depinning_field`; at the latest the `intrinsic_threshold`, where the torque turns the wall.
    """
    c = wall.coefficients(1.0)
    along = -wall.charge * at.side * jnp.sign(c.U)
    """Sign of the field that pushes as this current does."""
    force = jnp.maximum(values["B_pin"] - along * at.B, 0.0)
    tilt = force * wall.Ms / jnp.abs(wall.Kp)
    # xi U/lambda = g~ force, and |sin 2phi| = tilt/xi.
    held = tilt < wall.xi
    sine = jnp.where(held, tilt / jnp.where(held, wall.xi, 1.0), 1.0)
    cosine = jnp.where(held, jnp.sqrt(jnp.where(held, 1 - sine**2, 1.0)), 0.0)
    sin2 = (1 - jnp.sign(wall.Kp) * cosine) / 2
    width = jnp.sqrt(wall.A / (wall.K + wall.Kp * sin2))
    by_force = jnp.where(held, c.gamma * force * width / jnp.where(held, wall.xi, 1.0), jnp.inf)
    return at.side * jnp.minimum(by_force, wall.intrinsic_threshold()) / jnp.abs(c.U)


def wall_tilt(wall: jaxstt.CollectiveWall, angle: Array) -> Array:
    """|phi - phi at rest|, rad."""
    return jnp.abs(angle - wall.rest_angle())


READINGS: dict[str, Callable[[jaxstt.CollectiveWall, Mapping[str, Array], Shown], Array]] = {
    "field_mobility": field_mobility,
    "displacement": displacement,
    "drive_efficiency": drive_efficiency,
    "depinning_field": depinning_field,
    "depinning_current": depinning_current,
}
"""What a wall shows under the drives of `Shown`, in the rows' units."""
