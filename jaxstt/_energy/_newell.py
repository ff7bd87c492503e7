"""The demagnetising tensor between the cells of a body, open or repeating itself without end.

    N_ij(R) = -(1/V) int int d_i d_j 1/(4 pi |R + r - r'|) d^3r d^3r'
            = -(V/(2 pi^(3/2))) int_0^oo d_i d_j [g_x g_y g_z] ds

by 1/r = (2/sqrt(pi)) int_0^oo exp(-s^2 r^2) ds: for each s the mean of a Gaussian over two boxes is
a product of three functions of one coordinate each, and so is its sum over the images of the
periodic axes (`_periodic`).  One quadrature of s serves all pairs: a panel from 0 to the widest
Gaussian, panels of log s, and one of 1/s beyond the narrowest.  The aspect of the cells, of the
body and of its period costs panels but no accuracy: each element is right to 1e-14, between cells
up to 1:1000 (open axes) also to 1e-13 of the largest element of the pair, however far.

All in numpy on the host, in float64, whatever JAX is set to.
Sources: A. J. Newell, W. Williams, D. J. Dunlop, J. Geophys. Res. 98, 9551 (1993) (the tensor);
L. Exl et al., Math. Models Methods Appl. Sci. 24, 1877 (2014), arXiv:1212.3509 (the product).
"""

import math
from collections.abc import Sequence

import numpy as np

from ._periodic import REACH, Floats, cell, row

PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

_NODES = 16
"""Per panel of log s, one e-fold wide: the error falls like 3.4^(-2 x 16) = 1e-17."""
_AT_ONCE = 4_000_000
"""Numbers held at a time: bounds the memory."""


def newell(
    places: Sequence[Floats],
    spacing: tuple[float, float, float],
    periods: Sequence[int | None] = (None, None, None),
) -> Floats:
    """N, (6, a, b, c) in the order of PAIRS, for boxes of edges `spacing`.

    They are places[i] whole cells apart along axis i, which has a, b or c of them; `periods` are in
    cells, None for an open axis.
    """
    places = [np.asarray(k, dtype=np.int64) for k in places]
    d = np.asarray(spacing, dtype=float) / max(spacing)
    s, weight = _scales(places, d, periods)
    weight = weight * (-d.prod() / (2 * math.pi**1.5))
    first, second, third = order = sorted(range(3), key=lambda i: -len(places[i]))
    total = np.zeros([6, *(len(places[i]) for i in order)])
    held = 3 * sum(map(len, places)) + len(places[second]) * len(places[third])
    chunks = math.ceil(len(s) / max(1, _AT_ONCE // held))
    for part in np.array_split(np.arange(len(s)), chunks):
        g = [_profiles(k, n, s[part] * h) for k, n, h in zip(places, periods, d, strict=True)]
        for out, (i, j) in zip(total, PAIRS, strict=True):
            x, y, z = (g[axis][:, (axis == i) + (axis == j)] for axis in (first, second, third))
            x = x * (weight[part] / (d[i] * d[j]))[:, None]
            yz = (y[:, :, None] * z[:, None, :]).reshape(len(part), -1)
            out += (x.T @ yz).reshape(out.shape)
    return np.moveaxis(total, (1, 2, 3), [1 + i for i in order])


def _profiles(k: Floats, n: int | None, a: Floats) -> Floats:
    """g, g', g'' of one axis for each Gaussian; (len(a), 3, len(k))."""
    return np.stack([cell(k, x) if n is None else row(k, n, x) for x in a.tolist()])


def _scales(
    places: Sequence[Floats], d: Floats, periods: Sequence[int | None]
) -> tuple[Floats, Floats]:
    """Nodes and weights of int_0^oo ds.

    Below `low` each factor is a Taylor series in s (open axis) or its mean (periodic); above `high`
    no cell sees more than its neighbours' faces, and all is a polynomial in 1/s.
    """
    extent = [
        h * (2 * n if n is not None else 1 + np.abs(k).max())
        for k, h, n in zip(places, d, periods, strict=True)
    ]
    low, high = 1 / max(extent), REACH / d.min()
    x, w = np.polynomial.legendre.leggauss(_NODES)
    x, w = (x + 1) / 2, w / 2
    edges = np.linspace(math.log(low), math.log(high), 1 + math.ceil(math.log(high / low)))
    width = edges[1] - edges[0]
    middle = np.exp(np.add.outer(edges[:-1], width * x))
    s = [low * x, middle.reshape(-1), high / x]
    return np.concatenate(s), np.concatenate(
        [low * w, (middle * width * w).reshape(-1), high * w / x**2]
    )
