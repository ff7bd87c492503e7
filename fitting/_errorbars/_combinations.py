"""Quantities that follow from the parameters: what data may fix, what a reader wants to know."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
from jax import Array

import jaxstt

from .._models import collective_wall
from .._parameters import EFFECTIVE, NAMES, SPIN_ORBIT, Link, linked

Values = Mapping[str, Array]


def _coefficients(v: Values) -> jaxstt.electron.TorqueCoefficients:
    names = ("Ms", "xi", "P", "n0")
    gamma = v.get("gamma", jaxstt.constants.GAMMA)
    return jaxstt.torque_coefficients(
        alpha=v.get("alpha", 0.0), gamma=gamma, j=1e12, **{name: v[name] for name in names}
    )


def _wall(v: Values) -> jaxstt.CollectiveWall:
    # Kp counted from the angle at rest: neither breakdown depends on which axis that is.
    if any(name in v for name in SPIN_ORBIT):
        raise KeyError  # neither breakdown nor efficiency has a closed form then
    return collective_wall(v, charge=1, hard_is_b=True)


def _single(name: str) -> Callable[[Values], Array]:
    return lambda v: v[name]


def _whole_P(v: Values) -> Array:
    return v["P"] / (1 + v["xi"] ** 2) / (1 + _coefficients(v).eta)


COMBINATIONS: dict[str, Callable[[Values], Array]] = {
    **{name: _single(name) for name in NAMES if name not in EFFECTIVE},
    "alpha~": lambda v: _coefficients(v).alpha,
    "(alpha + xi eta)": lambda v: v["alpha"] + v["xi"] * _coefficients(v).eta,
    "xi/alpha~": lambda v: v["xi"] / _coefficients(v).alpha,
    "alpha~ K_perp": lambda v: _coefficients(v).alpha * v["K_perp"],
    "P/((1+xi^2)(1+eta))": _whole_P,
    "xi P/(1+xi^2)": lambda v: v["xi"] * v["P"] / (1 + v["xi"] ** 2),
    "xi P/(1+xi^2)/alpha~": lambda v: (
        v["xi"] * v["P"] / (1 + v["xi"] ** 2) / _coefficients(v).alpha
    ),
    "xi P/(1+xi^2)/(alpha + xi eta)": lambda v: (
        v["xi"] * v["P"] / (1 + v["xi"] ** 2) / (v["alpha"] + v["xi"] * _coefficients(v).eta)
    ),
    "P_T": _whole_P,
}
"""What a data set may fix without fixing its parts, simplest first.

alpha~ = (alpha + xi eta)/(1+eta), eta = (n0/Ms)/(1+xi^2).  Below breakdown a current moves the wall
with xi P/(1+xi^2)/(alpha + xi eta), a field with 1/(alpha + xi eta).
"""

DERIVED: dict[str, tuple[str, Callable[[Values], Array]]] = {
    "xi/alpha~": ("", COMBINATIONS["xi/alpha~"]),
    "u per 1e12 A/m^2": ("m/s", lambda v: _coefficients(v).u),
    "P_T = P/((1+xi^2)(1+eta))": ("", COMBINATIONS["P_T"]),
    "wall width": ("m", lambda v: jnp.sqrt(v["A"] / v["K"])),
    "drive efficiency": ("T m^2/A", lambda v: -_wall(v).field_per_current()),
    "breakdown current": ("A/m^2", lambda v: _wall(v).breakdown_current()),
    "breakdown field": ("T", lambda v: _wall(v).breakdown_field()),
}
"""Lines of the report: unit and function.  P_T and beta = xi are the parameters of the equation of
Thiaville et al. without the conduction electrons' renormalisation."""


def value_and_gradient(
    function: Callable[[Values], Array], values: Mapping[str, float], links: tuple[Link, ...] = ()
) -> tuple[float, dict[str, float]] | None:
    """(value, d value/d each entry of `values`); None if an entry that it needs is missing.

    What follows by `links` from other entries is counted with them.
    """
    arrays = {name: jnp.asarray(value, dtype=float) for name, value in values.items()}
    try:
        value, slope = jax.value_and_grad(lambda v: function(linked(links, v)))(arrays)
    except KeyError:
        return None
    return float(value), {name: float(g) for name, g in slope.items()}
