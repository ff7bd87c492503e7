"""What energies and torques have in common."""

from typing import Any, ClassVar

import equinox as eqx
from jax import Array

from .._core import Kinds
from .._mesh import Grid


class AbstractTerm(eqx.Module):
    """A term of the equation of motion: what is checked of it, and what limits a time step."""

    kinds: ClassVar[Kinds] = Kinds()
    """Which parameters are numbers, vectors or fields; `LLG` checks it."""
    local: ClassVar[bool] = True
    """Whether it acts on a uniform state as well, which steps must resolve and not only survive."""

    def check(self, grid: Grid) -> None:
        """ValueError if the term cannot act on this grid."""
        return

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        """An upper estimate of what is differentiated by m: dB/dm, T, or d rate/dm, 1/s."""
        return 0.0

    @property
    def drives(self) -> list[Any]:
        """The parameters that are functions of time."""
        return [value for value in (getattr(self, name) for name in self.kinds) if callable(value)]
