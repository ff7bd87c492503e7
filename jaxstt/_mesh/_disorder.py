"""Samples as they are grown: grains, and edges that are not straight.  NumPy, once, on the host."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from ._grid import Grid, check_grid

_MOST = 10**7
_CUT = 3.0
"""Standard deviations at which a grain's value is cut off."""


def grains(grid: Grid, size: float, seed: int | Sequence[int]) -> np.ndarray:
    """The number of the grain that each cell is in: Voronoi cells of points thrown at random.

    Columns through the film: layers along z are alike; a wire of one cell across is cut as the
    plane strip that it is.  Along periodic axes the grains go on.
    size: m; grains have the area size^2 on average.  seed: whole numbers >= 0; the same give the
    same grains on any machine and at any precision.
    Returns whole numbers (nx, ny, nz), 0 to the number of grains - 1.

    Raises ValueError for a size <= 0, or so small that there are more than 1e7 grains, and another
    seed.
    """
    check_grid(grid)
    size = _positive("size", size)
    rng = _generator(seed)
    lengths = np.asarray(grid.lengths[:2])
    periodic = np.asarray(grid.periodic[:2])
    # Grains that begin outside reach in.
    margin = np.where(periodic, 0.0, 4 * size)
    mean = float(np.prod(lengths + 2 * margin)) / size**2
    if mean > _MOST:
        raise ValueError(f"`size` = {size:g} m gives {mean:.2g} grains, more than {_MOST:g}")
    count = max(1, int(rng.poisson(mean)))
    points = rng.uniform(0, 1, (count, 2)) * (lengths + 2 * margin) - margin
    tree = KDTree(_repeated(points, lengths, periodic))
    x, y = np.meshgrid(grid.centres("x"), grid.centres("y"), indexing="ij")
    nearest = np.asarray(tree.query(np.stack([x, y], axis=-1))[1]) % count
    _, index = np.unique(nearest, return_inverse=True)
    plane = index.reshape(grid.shape[:2])
    return np.repeat(plane[:, :, None], grid.shape[2], axis=2)


def _repeated(points: np.ndarray, lengths: np.ndarray, periodic: np.ndarray) -> np.ndarray:
    """With copies to the left and right of a periodic axis; point i is at i modulo their number."""
    turns = [(0, -1, 1) if p else (0,) for p in periodic]
    return np.concatenate([points + lengths * np.asarray(n) for n in itertools.product(*turns)])


def by_grain(
    grains: np.ndarray, mean: float, spread: float, seed: int | Sequence[int]
) -> np.ndarray:
    """A value for each cell that is the same within a grain: mean (1 + spread z), z normal.

    grains: as `grains` gives them.  spread: the relative standard deviation, 0 to 1/3; z is cut off
    at 3.  seed: whole numbers >= 0.  Returns (nx, ny, nz), in the unit of `mean`.
    Raises ValueError for grains that are no such numbers, a spread out of range, another seed.
    """
    grains = np.asarray(grains)
    if grains.dtype.kind not in "iu" or grains.ndim != 3 or grains.min() < 0:
        raise ValueError(
            "`grains` must be whole numbers >= 0 of shape (nx, ny, nz), "
            f"got {grains.dtype} of shape {grains.shape}"
        )
    spread = _number("spread", spread)
    if not 0 <= spread <= 1 / _CUT:
        raise ValueError(f"`spread` must be >= 0 and <= 1/3, a relative one, got {spread:g}")
    z = _generator(seed).standard_normal(int(grains.max()) + 1)
    return _number("mean", mean) * (1 + spread * np.clip(z, -_CUT, _CUT))[grains]


def rough_edges(
    grid: Grid, rms: float, correlation: float, seed: int | Sequence[int]
) -> np.ndarray:
    """A mask (nx, ny, nz) of a strip along x whose two edges are rough.

    Each edge is drawn back from the side of the grid by 2 rms + h(x), where h is normal with

        <h(x) h(x')> = rms^2 exp(-((x - x')/correlation)^2)

    cut off at 2 rms, so that no edge leaves the grid.  rms, correlation: m.
    Raises ValueError for values <= 0, an rms of more than an eighth of the width, another seed.
    """
    check_grid(grid)
    rms, correlation = _positive("rms", rms), _positive("correlation", correlation)
    width = grid.lengths[1]
    if rms > width / 8:
        raise ValueError(f"`rms` must be <= an eighth of the width, {width / 8:.3g} m, got {rms:g}")
    rng, x, y = _generator(seed), grid.centres("x"), grid.centres("y")
    # White noise through a Gaussian of length l has a correlation of length sqrt(2) l.
    spacing = correlation / 8
    reach = 4 * correlation
    nodes = np.arange(-reach, grid.lengths[0] + reach + spacing, spacing)
    if grid.periodic[0]:
        turns = max(8, round(grid.lengths[0] / spacing))
        nodes = np.arange(turns) * (grid.lengths[0] / turns)
    away = x[:, None] - nodes[None, :]
    if grid.periodic[0]:
        away = (away + grid.lengths[0] / 2) % grid.lengths[0] - grid.lengths[0] / 2
    weights = np.exp(-2 * (away / correlation) ** 2)
    weights /= np.sqrt(np.sum(weights**2, axis=1, keepdims=True))
    h = rms * np.clip(weights @ rng.standard_normal((nodes.size, 2)), -2, 2)
    low, high = (2 * rms + h).T
    inside = (y[None, :] > low[:, None]) & (y[None, :] < width - high[:, None])
    return np.repeat(inside[:, :, None], grid.shape[2], axis=2)


def _number(name: str, value: Any) -> float:
    """In double precision, whatever JAX's is: the last digit would make other grains."""
    if np.ndim(value) or not np.isfinite(value):
        raise ValueError(f"`{name}` must be a finite number, got {value!r}")
    return float(value)


def _positive(name: str, value: Any) -> float:
    if _number(name, value) <= 0:
        raise ValueError(f"`{name}` must be > 0, got {value:g}")
    return float(value)


def _generator(seed: int | Sequence[int]) -> np.random.Generator:
    words = np.atleast_1d(np.asarray(seed))
    whole = words.dtype.kind in "iuf" and np.all(words == np.floor(words)) and words.ndim == 1
    if not (whole and words.size and np.all(words >= 0)):
        raise ValueError(f"`seed` must be whole numbers >= 0, got {seed!r}")
    return np.random.default_rng([int(word) for word in words])
