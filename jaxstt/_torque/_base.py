"""What a torque is."""

from abc import abstractmethod

from jax import Array

from .._core import Vectors
from .._energy import AbstractTerm
from .._mesh import Grid


class ValidityWarning(UserWarning):
    """A texture is narrower than a torque, or the grid, can describe."""


class AbstractTorque(AbstractTerm):
    """A torque T/Ms on the magnetisation.

        T/Ms = rate - eta dm/dt + lag m x dm/dt + m x sum_g w g (g.dm/dt)

    `rate` (3, nx, ny, nz) in 1/s, perpendicular to m; (eta, lag), dimensionless, is the answer of
    the conduction electrons to the motion itself, which renormalises gamma and alpha; the vector
    fields g, perpendicular to m, with their weights w are a damping tensor.
    """

    @property
    def shares_field(self) -> bool:
        """Whether an applied field also turns the moments behind `renormalisation`."""
        return False

    @abstractmethod
    def rate(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        """The part that does not contain dm/dt, 1/s."""

    def renormalisation(self, Ms: Array) -> tuple[Array, Array] | None:
        """(eta, lag), or None if there is none by construction."""
        return None

    def damping(self, grid: Grid, Ms: Array, m: Vectors) -> tuple[tuple[Array, Array], ...]:
        """The pairs (w, g) of the damping tensor: numbers or fields, (3, nx, ny, nz)."""
        return ()

    def warn(self, grid: Grid, m: Array) -> None:
        """Warn if the state m is outside what the torque describes."""
        return

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        """An upper estimate of |d rate/dm|, 1/s."""
        return 0.0
