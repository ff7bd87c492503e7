"""What a moving texture does to the electrons, and what they do back: spin-motive force."""

from typing import Annotated

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, Kind, Vectors, axis_index, check_kind, cross, dot, leaf, number
from .._energy import inverse
from .._mesh import Grid, active_axes, check_grid, check_order, gradient
from ..constants import E_CHARGE, HBAR, MU_B
from ._base import AbstractTorque

_FIELD = HBAR / (2 * E_CHARGE)
"""hbar/2e, V s."""
_DAMPING = MU_B * HBAR / (2 * E_CHARGE**2)
"""mu_B hbar/(2 e^2): times sigma/Ms it is eta_S, m^2."""
_CIRCUITS = ("current", "voltage")


@eqx.filter_jit
def spin_motive_field(
    grid: Grid, m: ArrayLike, rate: ArrayLike, xi: ArrayLike = 0.0, order: int = 2
) -> Array:
    """The electric field that a moving texture exerts on the majority electrons.

        E_i = (hbar/2e) [ m.(dm/dt x d_i m) + xi dm/dt.d_i m ]          minority: -E_i

    m, rate: the state and dm/dt, 1/s, (3, nx, ny, nz).  xi: 0 is the paper's; xi > 0 adds the
    Onsager partner of the non-adiabatic torque, without the factor 1/(1+xi^2) that strict
    reciprocity with Eq (15) would want (an inconsistency of the model at order xi^2).
    order: of the difference, 2 or 4.  Returns (3, nx, ny, nz), V/m.

    Raises ValueError if m or rate is not a vector field on the grid, or for another order.
    Source: Cheng & Niu, last equation; of opposite sign for the two bands.
    """
    check_order(order)
    check_grid(grid)
    m, rate, xi = _on_grid("m", grid, m), _on_grid("rate", grid, rate), leaf("xi", xi)
    check_kind("spin_motive_field", "xi", xi, Kind.FIELD, grid.shape)

    def along(axis: int) -> Array:
        slope = gradient(grid, m, axis, order)
        return _FIELD * (dot(m, cross(rate, slope)) + xi * dot(rate, slope))

    return jnp.stack([along(axis) for axis in range(3)])


def emf(
    grid: Grid,
    m: ArrayLike,
    rate: ArrayLike,
    P: ArrayLike,
    xi: ArrayLike = 0.0,
    axis: str = "x",
    order: int = 2,
) -> Array:
    """Voltage of an open wire, V: V(right) - V(left) = P int E_SMF dx, mean over the cross-section.

    For a wall it is -Q P (hbar/e) dphi/dt whatever its velocity.  P: polarisation; the rest as for
    `spin_motive_field`.  In films the return current makes the voltage non-local: this is the limit
    of a wire narrow against the texture.

    Raises ValueError as `spin_motive_field`, for |P| > 1 and another axis.
    Source: Cheng & Niu, last equation, for the circuit of the two bands in parallel.
    """
    k = axis_index("axis", axis)
    P = number("P", P, minimum=-1, maximum=1)
    E = spin_motive_field(grid, m, rate, xi, order)[k]
    wires = grid.shape[0] * grid.shape[1] * grid.shape[2] // grid.shape[k]
    if grid.mask is not None:
        wires = jnp.maximum(jnp.sum(jnp.any(grid.mask, axis=k), dtype=E.dtype), 1.0)
    return P * jnp.sum(E) * grid.spacing[k] / wires


class SpinMotiveDamping(AbstractTorque):
    """The torque of the current that the spin-motive force drives: a damping tensor.

        T/Ms = m x (D.dm/dt),     D = eta_S F/(1+xi^2) sum_i (m x d_i m)(m x d_i m)
        eta_S = mu_B hbar sigma/(2 e^2 Ms)

    sigma: conductivity of both bands together, S/m.  P, xi: as in `ZhangLi`.
    circuit: "current", the total current is imposed (also 0) and F = 1 - P^2, in a wire;
    "voltage", the electric field is, and F = 1.
    order: of the difference, 2 or 4.

    It is the adiabatic torque of the induced current; its part in xi is left out.
    It damps the turning of a wall, not its motion.  Films carry a non-local return current; there
    F is between the two.
    Raises ValueError for sigma < 0, |P| > 1, another circuit or order.
    Source: Cheng & Niu, last remark; Zhang & Zhang, PRL 102, 086601 (2009), same coefficient.
    """

    sigma: Annotated[Array, Kind.FIELD]
    P: Annotated[Array, Kind.FIELD]
    xi: Annotated[Array, Kind.FIELD]
    circuit: str = eqx.field(static=True)
    order: int = eqx.field(static=True)

    def __init__(
        self,
        sigma: ArrayLike,
        P: ArrayLike = 0.0,
        xi: ArrayLike = 0.0,
        circuit: str = "current",
        order: int = 2,
    ):
        self.sigma = leaf("sigma", sigma, minimum=0)
        self.P, self.xi = leaf("P", P, minimum=-1, maximum=1), leaf("xi", xi)
        if circuit not in _CIRCUITS:
            raise ValueError(f"`circuit` must be one of {_CIRCUITS}, got {circuit!r}")
        self.circuit, self.order = circuit, check_order(order)

    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        return jnp.zeros_like(m)

    def damping(self, grid: Grid, Ms: Array, m: Vectors) -> tuple[tuple[Array, Array], ...]:
        factor = 1.0 if self.circuit == "voltage" else 1 - self.P**2
        strength = _DAMPING * self.sigma * inverse(Ms) * factor / (1 + self.xi**2)
        return tuple(
            (strength, cross(m, gradient(grid, m, axis, self.order))) for axis in active_axes(grid)
        )


def _on_grid(name: str, grid: Grid, field: ArrayLike) -> Array:
    field = leaf(name, field)
    if field.shape != (3, *grid.shape):
        raise ValueError(f"`{name}` must have shape {(3, *grid.shape)}, got {field.shape}")
    return field
