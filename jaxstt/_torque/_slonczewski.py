"""Slonczewski torque of a current through a spin valve, and the torque of any film's interface."""

from typing import Annotated, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import (
    ArrayLike,
    Kind,
    Vectors,
    check_size,
    cross,
    dot,
    is_concrete,
    join,
    leaf,
    lift,
    split,
)
from .._electron import VELOCITY_PER_MOMENT
from .._energy import inverse
from .._mesh import AbstractDrive, Grid, as_drive, largest
from ._base import AbstractTorque

_SIDES = ("top", "bottom")


class Slonczewski(AbstractTorque):
    """Torque of a current along z that has passed a fixed layer magnetised along p.

        T/Ms = b [epsilon m x (p x m) + epsilon' p x m],     b = 2 mu_B j/(e Ms d)
        epsilon = P Lambda^2/((Lambda^2 + 1) + (Lambda^2 - 1) m.p)

    In words: electrons that flow from the fixed layer into this one turn m towards p (the parallel
    state), electrons that flow the other way turn it away.  With the fixed layer on top, electrons
    enter downwards for j > 0.  The first term is the field B_DL = (hbar j epsilon/(e Ms d)) m x p,
    the second one the field B_FL = (hbar j epsilon'/(e Ms d)) p, which for Lambda = 1 is epsilon' =
    P/2 when both are equally strong.

    j: conventional current density along +z, A/m^2: a number, a field (nx, ny, nz), or a drive in
    time that gives either.  p: (3,), made a unit vector.  P: polarisation, |P| <= 1.
    thickness: d of the free layer, m; by default the height of the grid.
    Lambda: > 0, asymmetry between parallel and antiparallel; 1: none.  epsilon_prime: strength of
    the field-like part.  P, thickness, Lambda and epsilon_prime are numbers or fields.
    fixed_layer: "top" (as mumax3's default) or "bottom", where the fixed layer lies.

    The moment per transferred spin is that of g = 2 (mu_B/e), whatever the gamma of `LLG`; codes
    that write gamma hbar/(2 e) there agree for gamma = `jaxstt.constants.GAMMA`.

    Raises ValueError for |P| > 1, thickness or Lambda <= 0, p = 0, another fixed_layer, a wrong
    shape, and without `thickness` on a grid that is periodic along z or has vacuum above or below.
    Source: Slonczewski, JMMM 159, L1 (1996); Xiao, Zangwill & Stiles, PRB 70, 172405 (2004).
    """

    j: Annotated[Any, Kind.FIELD]
    p: Annotated[Array, Kind.VECTOR]
    P: Annotated[Array, Kind.FIELD]
    thickness: Annotated[Array | None, Kind.FIELD]
    Lambda: Annotated[Array, Kind.FIELD]
    epsilon_prime: Annotated[Array, Kind.FIELD]
    fixed_layer: str = eqx.field(static=True)

    def __init__(
        self,
        j: ArrayLike | AbstractDrive | Any,
        p: ArrayLike,
        P: ArrayLike,
        thickness: ArrayLike | None = None,
        Lambda: ArrayLike = 1.0,
        epsilon_prime: ArrayLike = 0.0,
        fixed_layer: str = "top",
    ):
        self.j = as_drive("j", j)
        if not callable(self.j):
            check_scalar("j", self.j)
        self.p = _unit("p", p)
        self.P = check_scalar("P", leaf("P", P, minimum=-1, maximum=1))
        self.thickness = read_thickness(thickness)
        self.Lambda = check_scalar("Lambda", leaf("Lambda", Lambda, above=0))
        self.epsilon_prime = check_scalar("epsilon_prime", leaf("epsilon_prime", epsilon_prime))
        self.fixed_layer = check_side("fixed_layer", fixed_layer)

    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        p = self.p[:, None, None, None]
        b = self._side * transfer(grid, Ms, self.thickness) * self._current(grid, t)
        square = self.Lambda**2
        epsilon = self.P * square / ((square + 1) + (square - 1) * dot(m, p))
        return interface_torque(m, p, b * epsilon, b * self.epsilon_prime)

    def _current(self, grid: Grid, t: Array) -> Array:
        j = jnp.asarray(self.j(t) if callable(self.j) else self.j)
        if j.shape not in ((), grid.shape):
            raise ValueError(f"`j` must be a number or of shape {grid.shape}, got shape {j.shape}")
        return j

    @property
    def _side(self) -> float:
        return 2.0 if self.fixed_layer == "top" else -2.0

    def check(self, grid: Grid) -> None:
        check_thickness(grid, self.thickness)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        # |d(p - m m.p)| = |dm|; the largest |d epsilon/d(m.p)| sin^2 is P |Lambda^2 - 1|/4.
        square, P = self.Lambda**2, jnp.abs(self.P)
        bound = P * (jnp.maximum(square, 1.0) / 2 + jnp.abs(square - 1) / 4)
        bound = jnp.max(bound) + jnp.max(jnp.abs(self.epsilon_prime))
        return 2 * jnp.max(transfer(grid, Ms, self.thickness)) * largest(self.j) * bound


def interface_torque(m: Vectors, p: Array, damping_like: Array, field_like: Array) -> Vectors:
    """damping_like m x (p x m) + field_like p x m; p is (3, 1, 1, 1) or (3, nx, ny, nz)."""
    n = split(m)
    turn = cross(p, n)
    return join(lift(damping_like) * cross(n, turn) + lift(field_like) * turn)


def transfer(grid: Grid, Ms: Array, thickness: Array | None) -> Array:
    """mu_B/(e Ms d), m^2/(A s): a polarised current density through the film becomes a rate."""
    d = grid.lengths[2] if thickness is None else thickness
    return VELOCITY_PER_MOMENT * inverse(Ms) / d


def read_thickness(thickness: ArrayLike | None) -> Array | None:
    """The thickness as a leaf, or None; ValueError unless > 0 m and below 1 mm."""
    if thickness is None:
        return None
    d = check_scalar("thickness", leaf("thickness", thickness, above=0))
    check_size("thickness", d, 1e-3, "m")
    return d


def check_thickness(grid: Grid, thickness: Array | None) -> None:
    """ValueError if the height of the grid is not the thickness of the film."""
    if thickness is not None:
        return
    if grid.periodic[2]:
        raise ValueError("`thickness` must be given on a grid that is periodic along z, got None")
    if grid.mask is None or not is_concrete(grid.mask):
        return
    height = np.sum(np.asarray(grid.mask), axis=2)
    if np.any((height > 0) & (height < grid.shape[2])):
        raise ValueError(
            "`thickness` must be given where the mask leaves vacuum above or below the film, "
            "got None"
        )


def check_side(name: str, value: str) -> str:
    """ "top" or "bottom"; ValueError otherwise."""
    if value not in _SIDES:
        raise ValueError(f'`{name}` must be "top" or "bottom", got {value!r}')
    return value


def check_scalar(name: str, value: Array) -> Array:
    """`value`; ValueError unless it is a number or a field (nx, ny, nz)."""
    if value.ndim not in (0, 3):
        raise ValueError(f"`{name}` must be a number or (nx, ny, nz), got shape {value.shape}")
    return value


def _unit(name: str, value: ArrayLike) -> Array:
    v = leaf(name, value)
    if v.shape != (3,):
        raise ValueError(f"`{name}` must be a vector (3,), got shape {v.shape}")
    if is_concrete(v) and not np.any(np.asarray(v)):
        raise ValueError(f"`{name}` must not be zero, got (0, 0, 0)")
    return v / jnp.sqrt(jnp.sum(v**2))
