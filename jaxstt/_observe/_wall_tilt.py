"""How far a wall leans across the strip."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, axis_index, is_concrete, leaf
from .._mesh import Grid, check_grid
from ._wall_state import _wall_state, count_walls


def wall_tilt(grid: Grid, m: ArrayLike, component: str = "z") -> Array:
    """The angle at which the wall stands askew in the strip, rad:  tan(tilt) = dq/dy.

    q(y) is the wall's position along x in the row y, as `wall_position` reads it, and dq/dy the
    slope of the straight line through all rows, which count equally.  tilt > 0: the wall lies
    further along +x where y is larger, its normal is turned from x towards -y.  A bow that is
    symmetric about the middle of the strip does not count.
    m: (3, nx, ny, nz) or (T, 3, ...), with the layers averaged; rows that are all vacuum are left
    out.  component: the axis the wall reverses.  Sub-cell and differentiable.
    Raises ValueError for fewer than two rows with magnet, and unless m_component changes sign
    exactly once along x in each row.
    """
    check_grid(grid)
    c = axis_index("component", component)
    m = leaf("m", m)
    if m.shape[-4:] != (3, *grid.shape) or m.ndim not in (4, 5):
        raise ValueError(f"`m` must have shape (T,) 3, {grid.shape}, got {m.shape}")
    rows = jnp.sum(_magnet(grid))
    if is_concrete(rows) and int(rows) < 2:
        raise ValueError(f"`grid` must have two rows of magnet or more along y, got {int(rows)}")
    count, angle = _each(grid, m, c)
    return _require(grid, angle, count, component)


def _magnet(grid: Grid) -> Array:
    """The rows that hold magnet."""
    return jnp.ones(grid.shape[1], bool) if grid.mask is None else jnp.any(grid.mask, axis=(0, 2))


@eqx.filter_jit
def _each(grid: Grid, m: Array, c: int) -> tuple[Array, Array]:
    return jax.vmap(lambda m: _tilt(grid, m, c))(m) if m.ndim == 5 else _tilt(grid, m, c)


def _tilt(grid: Grid, m: Array, c: int) -> tuple[Array, Array]:
    """Walls in each row (1 in rows that do not count), and the tilt."""
    nx, _, nz = grid.shape

    def read(row: Array, mask: Array | None) -> tuple[Array, Array]:
        one = Grid((nx, 1, nz), grid.spacing, mask=None if mask is None else mask[:, None, :])
        row = row[:, :, None, :]
        return count_walls(one, row, c), _wall_state(one, row, c).position / grid.spacing[0]

    axes = (2, None if grid.mask is None else 1)
    count, q = jax.vmap(read, in_axes=axes)(m, grid.mask)
    y = jnp.arange(grid.shape[1], dtype=m.dtype)
    weight = _magnet(grid).astype(m.dtype)
    w = weight / jnp.sum(weight)
    y = y - jnp.sum(w * y)
    q = jnp.where(w > 0, q, 0.0)
    slope = jnp.sum(w * y * q) / jnp.sum(w * y**2) * (grid.spacing[0] / grid.spacing[1])
    return jnp.where(w > 0, count, 1), jnp.arctan(slope)


def _require(grid: Grid, angle: Array, count: Array, component: str) -> Array:
    bad = count != 1
    message = f"wall_tilt: m_{component} must change sign exactly once along x in each row"
    if not is_concrete(bad):
        return eqx.error_if(angle, jnp.any(bad), message)
    if bool(jnp.any(bad)):
        row = int(np.argwhere(np.asarray(bad))[0, -1])
        place = grid.centres("y")[row]
        raise ValueError(
            f"{message} (one wall), got {int(count[bad][0])} sign changes in row {row} "
            f"(y = {place:.4g} m)"
        )
    return angle
