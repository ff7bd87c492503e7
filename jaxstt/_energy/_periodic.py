"""The demagnetising tensor between cells of a body that repeats itself without end.

Images nearby are summed one by one; the rest is far, and is summed as if its magnetic moment were
spread evenly along the line (one periodic axis) or over the plane (two): closed forms of
-d_i d_j 1/r integrated from half a period beyond the last image.  Both the size of the cells and
the difference between a sum and an integral are kept to the first order that does not vanish; the
result is right to 1e-8 (line) and 1e-6 (plane) of the largest N.
"""

import itertools
import math

import numpy as np

from ._newell import PAIRS, Floats, newell

_REACH = 40
"""Cells out to which images are summed, at least."""
_AT_ONCE = 1_000_000
"""Offsets looked at at a time: bounds the memory."""


def periodic_newell(
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    periodic: tuple[bool, bool, bool],
) -> Floats:
    """N, (6, nx, ny, nz), for the offsets 0 to n-1 of each axis, images of periodic axes summed.

    Raises ValueError for three periodic axes.
    """
    octant = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    octant = octant.reshape(-1, 3)
    axes = [i for i in range(3) if periodic[i]]
    if len(axes) == 3:
        raise ValueError(
            "`periodic` must leave Demag one open axis, got (True, True, True): "
            "the field of a body without a surface depends on the shape it is thought to have"
        )
    for i in axes:  # beyond half a period the image on the other side is nearer
        octant[:, i] = np.where(2 * octant[:, i] > shape[i], octant[:, i] - shape[i], octant[:, i])
    least = 0 if not axes else 10 if len(axes) == 1 else 3
    counts = [max(least, math.ceil(_REACH / shape[i])) if i in axes else 0 for i in range(3)]
    images = np.stack(np.meshgrid(*[np.arange(-c, c + 1) for c in counts], indexing="ij"), axis=-1)
    images = images.reshape(-1, 3) * np.array(shape)
    total = np.zeros((6, len(octant)))
    for part in np.array_split(images, 1 + images.size * len(octant) // _AT_ONCE):
        offsets = (part[:, None] + octant).reshape(-1, 3)
        total += newell(offsets, spacing).reshape(6, len(part), len(octant)).sum(axis=1)
    d = np.array(spacing) / max(spacing)
    if not axes:
        return total.reshape(6, *shape)
    R, L = octant * d, np.array(shape) * d
    ends = (np.array(counts) + 0.5) * L
    here = far = _rest(R, axes, ends)
    for i in range(3):
        # The second moments of a pair of cells (d^2/12), and the sum that is no integral (-L^2/24).
        h = L[i] if i in axes else d[i]
        curvature = d[i] ** 2 / 12 - (h**2 / 24 if i in axes else 0)
        step = h * (np.arange(3) == i)
        above, below = _rest(R + step, axes, ends), _rest(R - step, axes, ends)
        far = far + curvature / h**2 * (above - 2 * here + below)
    total += d.prod() / (4 * np.pi * L[axes].prod()) * far
    return total.reshape(6, *shape)


def _rest(R: Floats, axes: list[int], ends: Floats) -> Floats:
    """-d_i d_j 1/r integrated over all places beyond `ends`."""
    if len(axes) == 2:
        return _plane(R.T, axes, ends)
    (p,) = axes
    return _line(R.T, p, ends[p], 1) + _line(R.T, p, ends[p], -1)


def _line(R: Floats, p: int, end: float, side: int) -> Floats:
    """-d_i d_j 1/r integrated along axis p from `end` outwards, on one side."""
    a = end + side * R[p]
    r = np.sqrt(np.sum(R**2, axis=0) - R[p] ** 2 + a**2)
    rows = []
    for i, j in PAIRS:
        if i == p == j:
            rows.append(-a / r**3)
        elif p in (i, j):
            rows.append(-side * (R[i] if j == p else R[j]) / r**3)
        else:
            even = 1 / (r * (r + a)) if i == j else 0.0
            rows.append(even - R[i] * R[j] * (2 + a / r) / (r * (r + a)) ** 2)
    return np.stack(rows)


def _plane(R: Floats, axes: list[int], ends: Floats) -> Floats:
    """-d_i d_j 1/r integrated over the plane but for the rectangle of the images summed.

    The whole plane gives nothing; hence minus the rectangle, from its corners.
    """
    p, q = axes
    t = 3 - p - q
    z = R[t]
    total = np.zeros((6, R.shape[1]))
    for s, u in itertools.product((1, -1), repeat=2):
        x, y = R[p] + s * ends[p], R[q] + u * ends[q]
        r = np.sqrt(x * x + y * y + z * z)
        pp, qq = x * y / ((x * x + z * z) * r), x * y / ((y * y + z * z) * r)
        corner = {
            (p, p): pp,
            (q, q): qq,
            (t, t): -(pp + qq),
            (p, q): -1 / r,
            (p, t): y * z / ((x * x + z * z) * r),
            (q, t): x * z / ((y * y + z * z) * r),
        }
        rows = [corner[i, j] if (i, j) in corner else corner[j, i] for i, j in PAIRS]
        total -= s * u * np.stack(rows)
    return total
