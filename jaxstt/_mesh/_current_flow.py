"""How a current spreads in a wire whose conductivity, or shape, changes from cell to cell."""

import equinox as eqx
import jax.numpy as jnp
from jax import Array
from jax.scipy.sparse.linalg import cg

from .._core import ArrayLike, is_concrete, leaf, number
from ._grid import Grid, check_grid

_TOLERANCE = {"float64": 1e-10, "float32": 1e-6}
_ENOUGH = 10.0
"""Residual at which the solution is refused, in units of the tolerance."""


def current_flow(grid: Grid, conductivity: ArrayLike, j: ArrayLike) -> Array:
    """The current density (3, nx, ny, nz), A/m^2, that flows along x from end to end of the wire.

        div(sigma grad V) = 0,    J = -sigma grad V,    V = const at each end,    no current
        through the sides;    scaled such that int J_x dy dz = j ny nz dy dz

    conductivity: (nx, ny, nz), > 0, any unit: only ratios count; small where there is no metal.
    j: mean of J_x over the whole cross-section of the grid, A/m^2: a number.

    Finite volumes; what flows through a face is as through two resistors in series, so the current
    through each cross-section is the same to the tolerance of the solver (1e-10; in float32 1e-6),
    conjugate gradients.  A cell has the mean of its two faces.  Differentiable in both modes.
    Raises ValueError for a conductivity of another shape or not > 0, RuntimeError (equinox) if the
    solver does not converge.
    """
    check_grid(grid)
    sigma, j = leaf("conductivity", conductivity), number("j", j)
    if sigma.shape != grid.shape:
        raise ValueError(f"`conductivity` must have shape {grid.shape}, got {sigma.shape}")
    if is_concrete(sigma) and not bool(jnp.all((sigma > 0) & jnp.isfinite(sigma))):
        raise ValueError(f"`conductivity` must be > 0, got {float(jnp.min(sigma)):g}")
    sigma = sigma / jnp.mean(sigma)
    cells = [d / grid.spacing[0] for d in grid.spacing]
    inner = [_inner(sigma, axis) / cells[axis] for axis in range(3)]
    ends = 2 * sigma[:1], 2 * sigma[-1:]

    def flows(V: Array, left: float) -> list[Array]:
        """Through all faces across each axis, in units of sigma V/dx; V at the right end is 0."""
        found = []
        for axis in range(3):
            flow = -inner[axis] * jnp.diff(V, axis=axis)
            if axis == 0:
                sides = ends[0] * (left - V[:1]), ends[1] * V[-1:]
            else:
                sides = (jnp.zeros_like(jnp.take(V, jnp.array([0]), axis)),) * 2
            found.append(jnp.concatenate([sides[0], flow, sides[1]], axis))
        return found

    def outflow(V: Array, left: float = 0.0) -> Array:
        parts = [jnp.diff(f, axis=i) / cells[i] for i, f in enumerate(flows(V, left))]
        return parts[0] + parts[1] + parts[2]

    source = -outflow(jnp.zeros_like(sigma), 1.0)
    diagonal = _sum_of_faces(inner, ends, cells, sigma)
    tolerance = _TOLERANCE[str(sigma.dtype)]
    drop = 1 - (jnp.arange(grid.shape[0], dtype=sigma.dtype) + 0.5) / grid.shape[0]
    begin = jnp.broadcast_to(drop[:, None, None], grid.shape)
    settings = {"tol": tolerance, "maxiter": 20 * sigma.size}
    V, _ = cg(outflow, source, begin, M=lambda x: x / diagonal, **settings)
    off = jnp.linalg.norm(outflow(V) - source) > _ENOUGH * tolerance * jnp.linalg.norm(source)
    V = eqx.error_if(V, off, "current_flow: the conjugate gradients did not converge")
    faces = flows(V, 1.0)
    total = jnp.mean(jnp.sum(faces[0], axis=(1, 2))) / (sigma.shape[1] * sigma.shape[2])
    J = jnp.stack([_middle(f, axis) for axis, f in enumerate(faces)])
    return j * J / total


def _inner(sigma: Array, axis: int) -> Array:
    """Two half cells in series."""
    count = sigma.shape[axis]
    a = jnp.take(sigma, jnp.arange(count - 1), axis)
    b = jnp.take(sigma, jnp.arange(1, count), axis)
    return 2 * a * b / (a + b)


def _sum_of_faces(inner: list[Array], ends: tuple[Array, Array], cells: list, like: Array) -> Array:
    """The diagonal of the system, which preconditions it."""
    total = jnp.zeros_like(like).at[:1].add(ends[0]).at[-1:].add(ends[1])
    for axis, g in enumerate(inner):
        none = [(0, 0)] * 3
        before, after = list(none), list(none)
        before[axis], after[axis] = (1, 0), (0, 1)
        total = total + (jnp.pad(g, before) + jnp.pad(g, after)) / cells[axis]
    return total


def _middle(faces: Array, axis: int) -> Array:
    count = faces.shape[axis]
    first = jnp.take(faces, jnp.arange(count - 1), axis)
    return (first + jnp.take(faces, jnp.arange(1, count), axis)) / 2
