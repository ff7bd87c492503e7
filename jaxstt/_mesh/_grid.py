"""The mesh: a box of equal cells."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import axis_index, check_type, is_concrete

_NUMBER = int | float | np.integer | np.floating


def _is_count(n: Any) -> bool:
    return isinstance(n, _NUMBER) and math.isfinite(n) and bool(n == int(n) >= 1)


def _is_length(d: Any) -> bool:
    return isinstance(d, _NUMBER) and math.isfinite(d) and bool(d > 0)


class Grid(eqx.Module):
    """A box of nx x ny x nz equal cells; vector fields on it have the shape (3, nx, ny, nz).

    shape: (nx, ny, nz), positive integers; a wire is (nx, 1, 1).
    spacing: (dx, dy, dz), m.  periodic: per axis; a free surface (False) has d_i m = 0.
    mask: optional booleans (nx, ny, nz), False where there is no magnet.  Shape, spacing and
    periodicity are static, the mask is an array.

    Raises ValueError for a shape, spacing or mask that does not fit.
    """

    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing: tuple[float, float, float] = eqx.field(static=True)
    periodic: tuple[bool, bool, bool] = eqx.field(static=True)
    mask: Array | None

    def __init__(self, shape, spacing, periodic=(False, False, False), mask=None):
        for name, value in (("shape", shape), ("spacing", spacing), ("periodic", periodic)):
            if np.ndim(value) != 1:
                raise ValueError(f"`{name}` must have three entries, one per axis, got {value!r}")
        if len(shape) != 3 or not all(_is_count(n) for n in shape):
            raise ValueError(f"`shape` must be three positive integers (nx, ny, nz), got {shape}")
        if len(spacing) != 3 or not all(_is_length(d) for d in spacing):
            raise ValueError(f"`spacing` must be three lengths > 0 in m, got {spacing}")
        if max(spacing) > 1e-3:
            raise ValueError(f"`spacing` is in m and must be < 1e-3, got {spacing}")
        if len(periodic) != 3 or not all(p in (False, True) for p in periodic):
            raise ValueError(f"`periodic` must be three booleans, got {periodic}")
        nx, ny, nz = shape
        dx, dy, dz = spacing
        px, py, pz = periodic
        self.shape = (int(nx), int(ny), int(nz))
        self.spacing = (float(dx), float(dy), float(dz))
        self.periodic = (bool(px), bool(py), bool(pz))
        if mask is not None:
            mask = mask if isinstance(mask, jax.Array) else np.asarray(mask)
            if mask.shape != self.shape or mask.dtype != bool:
                raise ValueError(
                    f"`mask` must be booleans of shape {self.shape}, "
                    f"got {mask.dtype} of shape {mask.shape}"
                )
            mask = jnp.asarray(mask)
            if is_concrete(mask) and not np.asarray(mask).any():
                raise ValueError("`mask` must leave at least one magnetic cell, got none")
        self.mask = mask

    @property
    def cell_volume(self) -> float:
        """Volume of one cell, m^3."""
        return math.prod(self.spacing)

    @property
    def lengths(self) -> tuple[float, float, float]:
        """Edge lengths of the box, m."""
        (nx, ny, nz), (dx, dy, dz) = self.shape, self.spacing
        return nx * dx, ny * dy, nz * dz

    def centres(self, axis: str) -> np.ndarray:
        """Cell centres along "x", "y" or "z", m; the box begins at 0."""
        i = axis_index("axis", axis)
        return (np.arange(self.shape[i]) + 0.5) * self.spacing[i]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Grid):
            return NotImplemented
        same = (self.shape, self.spacing, self.periodic) == (
            other.shape,
            other.spacing,
            other.periodic,
        )
        if self.mask is None or other.mask is None:
            return same and self.mask is other.mask
        return same and bool(jnp.array_equal(self.mask, other.mask))

    __hash__ = None  # type: ignore[assignment]


def check_grid(grid: Any) -> None:
    """ValueError for what is no `Grid`."""
    check_type("grid", grid, Grid, "a jaxstt.Grid")
