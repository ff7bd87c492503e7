"""Spin-orbit torque of a current in a heavy metal next to the film."""

from typing import Annotated, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, Kind, Vectors, is_concrete, leaf
from .._mesh import AbstractDrive, Grid, as_drive, check_vector, largest, vector_at
from ._base import AbstractTorque
from ._slonczewski import (
    check_scalar,
    check_side,
    check_thickness,
    interface_torque,
    read_thickness,
    transfer,
)


class SpinOrbit(AbstractTorque):
    """Damping-like and field-like torque of a current in the plane of a heavy metal.

        T/Ms = a [theta_DL m x (s x m) + theta_FL s x m],    a = mu_B/(e Ms d),    s = j x n

    n is the normal from the heavy metal to the film, so s = (j_y, -j_x, 0) with the metal at the
    bottom.  The electrons that the spin Hall effect sends into the film have their moments along
    theta_DL s and their spins along theta_DL n x j, opposite to that.  In words: theta_DL > 0 is Pt
    (Ta and W have theta_DL < 0), and with Pt under the film a current along +x turns m towards -y.
    As fields,

        B_DL = (hbar theta_DL/(2 e Ms d)) m x s,      B_FL = (hbar theta_FL/(2 e Ms d)) s

    theta_FL > 0 acts along the Oersted field that the same current makes in the film.

    j: conventional current density in the heavy metal, A/m^2: a vector (3,) in the plane, a field
    (3, nx, ny, nz), or a drive in time that gives either (of which j_z has no effect).
    theta_DL, theta_FL: effective spin Hall angles, times the transparency of the interface; numbers
    or fields (nx, ny, nz).  thickness: d of the film, m, a number or a field; by default the height
    of the grid.  heavy_metal: "bottom" or "top", where the metal lies.

    It is `Slonczewski` with p along s, P = theta_DL, Lambda = 1 and epsilon' = theta_FL/2, which
    takes polarisations in other directions.  The moment per spin is that of g = 2, whatever the
    gamma of `LLG`.

    Raises ValueError for a j that is no vector or leaves the plane, thickness <= 0, another
    heavy_metal, and without `thickness` on a grid that is periodic along z or has vacuum above or
    below.
    Source: Manchon et al., Rev. Mod. Phys. 91, 035004 (2019), whose zeta is n x j, so -s.
    """

    j: Annotated[Any, Kind.VECTORS]
    theta_DL: Annotated[Array, Kind.FIELD]
    theta_FL: Annotated[Array, Kind.FIELD]
    thickness: Annotated[Array | None, Kind.FIELD]
    heavy_metal: str = eqx.field(static=True)

    def __init__(
        self,
        j: ArrayLike | AbstractDrive | Any,
        theta_DL: ArrayLike,
        theta_FL: ArrayLike = 0.0,
        thickness: ArrayLike | None = None,
        heavy_metal: str = "bottom",
    ):
        self.j = as_drive("j", j)
        check_vector("j", self.j)
        if not callable(self.j) and is_concrete(self.j) and np.any(np.asarray(self.j)[2]):
            worst = np.max(np.abs(np.asarray(self.j)[2]))
            raise ValueError(f"`j` must lie in the plane of the film, got |j_z| = {worst:.6g}")
        self.theta_DL = check_scalar("theta_DL", leaf("theta_DL", theta_DL))
        self.theta_FL = check_scalar("theta_FL", leaf("theta_FL", theta_FL))
        self.thickness = read_thickness(thickness)
        self.heavy_metal = check_side("heavy_metal", heavy_metal)

    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        j = vector_at(self.j, t)
        n = 1.0 if self.heavy_metal == "bottom" else -1.0
        s = jnp.stack([n * j[1], -n * j[0], jnp.zeros_like(j[2])])
        a = transfer(grid, Ms, self.thickness)
        return interface_torque(m, s, a * self.theta_DL, a * self.theta_FL)

    def check(self, grid: Grid) -> None:
        check_thickness(grid, self.thickness)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        bound = jnp.max(jnp.abs(self.theta_DL)) + jnp.max(jnp.abs(self.theta_FL))
        # `largest` is that of one component, |j| at most sqrt(2) times as long.
        return 1.5 * jnp.max(transfer(grid, Ms, self.thickness)) * largest(self.j) * bound
