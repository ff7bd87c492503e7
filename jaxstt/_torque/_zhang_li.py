"""Spin-transfer torque of Eqs (14)-(16): Zhang-Li, with the renormalisation by n0."""

import warnings
from typing import Annotated, Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, Kind, Vectors, cross, dot, is_concrete, join, leaf, lift, split
from .._electron import GOOD, VELOCITY_PER_MOMENT, from_velocity
from .._energy import inverse
from .._mesh import (
    AbstractDrive,
    Grid,
    active_axes,
    as_drive,
    check_order,
    check_vector,
    directional,
    largest,
    sharpest,
    vector_at,
)
from ._base import AbstractTorque, ValidityWarning


class ZhangLi(AbstractTorque):
    """Adiabatic and non-adiabatic spin-transfer torque of a current in a magnetic metal.

        T/Ms = -eta dm/dt + xi eta m x dm/dt + (u.grad)m - xi m x (u.grad)m
        u = mu_B P j/(e Ms (1+xi^2)),    eta = (n0/Ms)/(1+xi^2)

    j: conventional current density, A/m^2: a vector (3,), a field (3, nx, ny, nz) free of
    divergence, or a drive in time that gives either.  Walls move against j for P > 0, xi > 0.
    P: conductivity polarisation, |P| <= 1.  xi = tau_ex/tau_sf: non-adiabaticity.
    n0: equilibrium moment density of the conduction electrons, A/m; n0 > 0 renormalises gamma and
    alpha, which `LLG` takes bare; keep the torque with j = 0 for a field-driven run of the sample.

    order: of the stencil for (u.grad)m, 2 (as OOMMF and mumax3) or 4.  At order 2 a wall of width
    lambda is driven too weakly by a part (d/lambda)^2/6.

    Options, off by default as in the paper:
    theta_H, P_H: Hall angle sigma_H/sigma and polarisation of the Hall conductivity; the anomalous
    velocity makes P j into P j + (P_H - P) theta_H m x j.  |P_H| may exceed 1.
    field_on_electrons: an applied field also turns the moments of n0, so that it acts with the bare
    gamma (else with gamma~, as the other fields do).
    precession_length: v_F hbar/Delta, m; `evolve` warns of a texture in m0 that is too narrow
    against it for this local torque (then see `NonlocalSTT`).

    Raises ValueError for |P| > 1, n0 < 0, a j that is not a vector, another order, one of theta_H
    and P_H without the other, precession_length <= 0.
    Source: Cheng & Niu, Eqs (14)-(16), with the bare LLG.
    """

    j: Annotated[Any, Kind.VECTORS]
    P: Annotated[Array, Kind.FIELD]
    xi: Annotated[Array, Kind.FIELD]
    n0: Annotated[Array, Kind.FIELD]
    order: int = eqx.field(static=True)
    theta_H: Annotated[Array | None, Kind.FIELD]
    P_H: Annotated[Array | None, Kind.FIELD]
    field_on_electrons: bool = eqx.field(static=True)
    precession_length: Annotated[Array | None, Kind.NUMBER]
    local: ClassVar[bool] = False

    def __init__(
        self,
        j: ArrayLike | AbstractDrive | Any,
        P: ArrayLike,
        xi: ArrayLike,
        n0: ArrayLike = 0.0,
        order: int = 2,
        *,
        theta_H: ArrayLike | None = None,
        P_H: ArrayLike | None = None,
        field_on_electrons: bool = False,
        precession_length: ArrayLike | None = None,
    ):
        self.j = as_drive("j", j)
        check_vector("j", self.j)
        self.P, self.xi = leaf("P", P, minimum=-1, maximum=1), leaf("xi", xi)
        self.n0 = leaf("n0", n0, minimum=0)
        self.order = check_order(order)
        if (theta_H is None) != (P_H is None):
            raise ValueError("`theta_H` and `P_H` must be given together")
        self.theta_H = None if theta_H is None else leaf("theta_H", theta_H)
        self.P_H = None if P_H is None else leaf("P_H", P_H)
        self.field_on_electrons = bool(field_on_electrons)
        self.precession_length = (
            None
            if precession_length is None
            else leaf("precession_length", precession_length, above=0)
        )

    @classmethod
    def from_velocity(
        cls,
        u: ArrayLike,
        beta: ArrayLike,
        Ms: ArrayLike,
        convention: str = "oommf",
        order: int = 2,
    ) -> "ZhangLi":
        """The torque from a velocity u [m/s] and beta, for a magnet of saturation Ms [A/m].

            "oommf":  T/Ms = -(u.grad)m + beta m x (u.grad)m, u along the electron flow
            "paper":  T/Ms = +(u.grad)m - beta m x (u.grad)m, u along +j

        u: scalar (along x) or (3,).  Neither contains 1/(1+beta^2).  The result has P = 1, n0 = 0
        and the j that gives this u.  Raises ValueError for another convention.
        """
        u = leaf("u", u)
        if u.ndim == 0:
            u = jnp.stack([u, jnp.zeros_like(u), jnp.zeros_like(u)])
        current = from_velocity(u, beta, Ms=Ms, P=1.0, convention=convention)
        return cls(*current, order=order)

    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        strength = VELOCITY_PER_MOMENT / (1 + self.xi**2) * inverse(Ms)
        w = directional(grid, lift(strength) * self._polarised(t, m), m, self.order)
        n = split(m)
        w = w - n * lift(dot(n, w))  # on a grid (u.grad)m is not exactly perpendicular to m
        return join(w - lift(self.xi) * cross(n, w))

    def _polarised(self, t: Array, m: Vectors) -> Array:
        """P j, or j_up - j_dn with the anomalous velocity."""
        j = vector_at(self.j, t)
        if self.theta_H is None or self.P_H is None:
            return lift(self.P) * j
        return lift(self.P) * j + lift((self.P_H - self.P) * self.theta_H) * cross(m, j)

    def renormalisation(self, Ms: Array) -> tuple[Array, Array] | None:
        eta = self.n0 * inverse(Ms) / (1 + self.xi**2)
        return eta, self.xi * eta

    @property
    def shares_field(self) -> bool:
        return self.field_on_electrons

    def warn(self, grid: Grid, m: Array) -> None:
        if self.precession_length is None or not is_concrete(self.precession_length):
            return
        kappa = float(self.precession_length * sharpest(grid, m))
        if kappa > GOOD:
            warnings.warn(
                f"the texture is too narrow for the local torque of ZhangLi: kappa = "
                f"precession_length |grad m| = {kappa:.2g}, should be below {GOOD:g}; "
                "NonlocalSTT follows the spins, `jaxstt validity` tells what it changes",
                ValidityWarning,
                stacklevel=5,
            )

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # (u.grad) has the eigenvalues u sin(k d)/d, at fourth order 1.4 times that at most.
        fastest = sum(1.4 / grid.spacing[i] for i in active_axes(grid))
        P = jnp.abs(self.P)
        if self.theta_H is not None and self.P_H is not None:
            P = P + jnp.abs((self.P_H - self.P) * self.theta_H)
        u = VELOCITY_PER_MOMENT * P / jnp.sqrt(1 + self.xi**2)
        return fastest * jnp.max(u) * jnp.max(inverse(Ms)) * largest(self.j)
