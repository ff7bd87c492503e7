"""What is read off a magnetisation: averages, and a wall's position, width, angle and velocity."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .._core import ArrayLike, axis_index, is_concrete, leaf, lift
from .._mesh import Grid, check_grid, within
from ._wall_profile import read_profile, sign_changes


def average(m: ArrayLike, grid: Grid | None = None) -> Array:
    """<m>, (3,), over the magnetic cells of `grid`, or over all cells without one."""
    m = leaf("m", m)
    if grid is not None:
        check_grid(grid)
    if m.shape[-4:-3] != (3,) or (grid is not None and m.shape[-3:] != grid.shape):
        cells = "nx, ny, nz" if grid is None else grid.shape
        raise ValueError(f"`m` must have shape (..., 3, {cells}), got {m.shape}")
    if grid is None or grid.mask is None:
        return jnp.mean(m, axis=(-3, -2, -1))
    mean = jnp.mean(jnp.where(grid.mask, m, 0.0), axis=(-3, -2, -1))
    return mean * (grid.mask.size / jnp.sum(grid.mask, dtype=mean.dtype))


class WallState(NamedTuple):
    """A wall at one time, or at many; every entry an array."""

    position: Array
    """q, m, from the left end of the grid: where m_c = 0."""
    width: Array
    """lambda = M/|d m_c/dx| at q, m, M the |m_c| of the domains: m_c = -+M tanh((x - q)/lambda)."""
    angle: Array
    """phi, rad, of the transverse part at q, as in `CollectiveWall`."""


class WallTracker(eqx.Module):
    """`save=WallTracker(grid, "z")` keeps a wall's position, width and angle instead of m.

    component: the easy axis, "z" or "x" (any axis the wall reverses).
    Called as tracker(t, m) -> `WallState`; it does not check that there is a wall (that cannot be
    done inside a compiled run): `wall_motion` checks the result.
    """

    grid: Grid
    component: str = eqx.field(static=True, default="z")

    def __check_init__(self):
        check_grid(self.grid)
        axis_index("component", self.component)

    def __call__(self, t: Any, m: Array) -> WallState:
        return _wall_state(self.grid, m, axis_index("component", self.component))


def _profile(grid: Grid, m: Array) -> Array:
    """Mean over the cross-section, (3, nx)."""
    if grid.mask is None:
        return jnp.mean(m, axis=(2, 3))
    cells = jnp.sum(grid.mask, axis=(1, 2), dtype=m.dtype)
    return jnp.sum(within(grid, m), axis=(2, 3)) / lift(jnp.maximum(cells, 1))


def _magnet(grid: Grid) -> Array:
    """The columns along x that hold magnet, (nx,)."""
    solid = jnp.ones(grid.shape[0], bool)
    return solid if grid.mask is None else jnp.any(grid.mask, axis=(1, 2))


def _wall_state(grid: Grid, m: Array, c: int) -> WallState:
    p = _profile(grid, m)
    wall = read_profile(p[c], p[(c + 1) % 3], p[(c + 2) % 3], _magnet(grid))
    dx = grid.spacing[0]
    return WallState(wall.position * dx, wall.width * dx, wall.angle)


def count_walls(grid: Grid, m: Array, c: int) -> Array:
    """Sign changes of m_c along x between columns of the magnet, for each leading index."""
    own = m[..., c, :, :, :]
    mean = jnp.mean(own if grid.mask is None else jnp.where(grid.mask, own, 0.0), axis=(-2, -1))
    return jnp.sum(sign_changes(mean, _magnet(grid)), axis=-1)


def require_one_wall(grid: Grid, m: Array, component: str, where: str) -> Array:
    walls = count_walls(grid, m, axis_index("component", component))
    if not is_concrete(walls):
        return eqx.error_if(
            m, jnp.any(walls != 1), f"{where}: m_{component} must change sign exactly once along x"
        )
    bad = walls[walls != 1] if walls.ndim else (walls[None] if int(walls) != 1 else walls[None][:0])
    if bad.size:
        raise ValueError(
            f"{where}: m_{component} must change sign exactly once along x (one wall), "
            f"got {int(bad[0])} sign changes"
        )
    return m


def wall_state(grid: Grid, m: ArrayLike, component: str = "z") -> WallState:
    """Position [m], width [m] and angle [rad] of the wall in m, (3, nx, ny, nz) or (T, 3, ...).

    Sub-cell, smooth and differentiable.  Canting of the domains, by a field across or by DMI at the
    ends, moves none of them: in walls of 1.5 cells or more the position is right to 1e-3 of a cell,
    the width to 1 %, to 0.3 % where m_c = -+tanh((x - q)/lambda), and to 8 % in a wall of less than
    4 cells that turns against the canting.  The profile is averaged over the cross-section first.
    component: "z" for a perpendicular strip, "x" for a head-to-head wall.
    Raises ValueError unless m_component changes sign exactly once along x.
    """
    check_grid(grid)
    m = leaf("m", m)
    if m.shape[-4:] != (3, *grid.shape) or m.ndim not in (4, 5):
        raise ValueError(f"`m` must have shape (T,) 3, {grid.shape}, got {m.shape}")
    m = require_one_wall(grid, m, component, "wall_state")
    tracker = WallTracker(grid, component)
    one = lambda m: tracker(0.0, m)  # noqa: E731
    return jax.vmap(one)(m) if m.ndim == 5 else one(m)


def wall_position(grid: Grid, m: ArrayLike, component: str = "z") -> Array:
    """Where the wall is, m from the left end of the grid; see `wall_state`."""
    return wall_state(grid, m, component).position


def wall_width(grid: Grid, m: ArrayLike, component: str = "z") -> Array:
    """lambda, m, of m_component = -+tanh((x - q)/lambda); see `wall_state`."""
    return wall_state(grid, m, component).width


def wall_angle(grid: Grid, m: ArrayLike, component: str = "z") -> Array:
    """phi, rad, in (-pi, pi]: from +x to +y for "z", from +y to +z for "x"; see `wall_state`."""
    return wall_state(grid, m, component).angle
