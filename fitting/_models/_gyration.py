"""What the core of a vortex shows while it gyrates: Thiele's equation, which needs no wall."""

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jax import Array

import jaxstt

from ._base import effective
from ._readings import Shown


def gyration_frequency(values: Mapping[str, Array], at: Shown) -> Array:
    """Hz, of the free gyration."""
    return jnp.broadcast_to(values["f_core"], at.j.shape)


def gyration_radius(values: Mapping[str, Array], at: Shown) -> Array:
    """m, of the circle that a current of amplitude |j| at the core's own frequency leads to.

        G z x (V - w) + D (alpha~ V - xi w) + kappa X = 0,       w = -U cos(omega t)

    in the plane z = X + iY, with d = D/G and lambda = kappa/(D alpha~ + iG) = Gamma - i omega_0:

        z' = -lambda z + w (i + xi d)/(i + alpha~ d),    Gamma = alpha~ d omega_0
        R = |U|/(2 Gamma) sqrt((1 + (xi d)^2)/(1 + (alpha~ d)^2))        at omega = omega_0

    of the part of cos that turns with the core; the other one makes the circle an ellipse, by some
    alpha~ d/2.  omega_0 = 2 pi f_core.
    Source: Cheng & Niu, Eqs. (15)-(16), for a texture that moves as a whole; A. A. Thiele, Phys.
    Rev. Lett. 30, 230 (1973).
    """
    c = jaxstt.torque_coefficients(
        Ms=values["Ms"],
        alpha=values["alpha"],
        xi=values["xi"],
        P=effective(values, "P"),
        n0=values["n0"],
        j=at.j,
    )
    d = values["D_G"]
    force = jnp.sqrt((1 + (values["xi"] * d) ** 2) / (1 + (c.alpha * d) ** 2))
    return jnp.abs(c.U) * force / (4 * jnp.pi * c.alpha * d * values["f_core"])


GYRATIONS: dict[str, Callable[[Mapping[str, Array], Shown], Array]] = {
    "gyration_frequency": gyration_frequency,
    "gyration_radius": gyration_radius,
}
