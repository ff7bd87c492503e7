"""The demagnetising tensor of two equal boxes, to rounding at any distance.

    N_ij(R) = -(1/V) int int d_i d_j 1/(4 pi |R + r - r'|) d^3r d^3r'
            = -V int w(r) d_i d_j 1/(4 pi |R + r|) d^3r,    w = prod_i (1 - |r_i|/d_i)/d_i

Newell's closed form of the double integral is a second difference, in each direction, of functions
that grow like |R|^3, to a result that falls like |R|^-3: in double precision it loses six digits
for each decade of distance.  It is used where boxes touch.  Elsewhere the second line is integrated
by the Gauss rule of the weight w, which has nothing to cancel and converges geometrically.  Boxes
far from cubes are cut into nearly cubic ones, for which "does not touch" means "smooth enough".

All in numpy on the host, in float64, whatever JAX is set to.
Source: A. J. Newell, W. Williams, D. J. Dunlop, J. Geophys. Res. 98, 9551 (1993), Eqs (19)-(32).
"""

import functools
from typing import TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray

COMPONENTS = ("xx", "yy", "zz", "xy", "xz", "yz")
PAIRS = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))

_TOLERANCE = 1e-14
_ORDERS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 26)
_AT_ONCE = 2_000_000
"""Points of quadrature held at a time: bounds the memory."""


def newell(offsets: Floats, spacing: tuple[float, float, float]) -> Floats:
    """N for boxes of edges `spacing` that are `offsets` (k, 3) whole cells apart; (6, k).

    The order is that of COMPONENTS.
    """
    offsets = np.asarray(offsets, dtype=np.int64)
    d = np.asarray(spacing, dtype=float) / max(spacing)
    # N is even or odd in each coordinate: the octant of positive offsets holds all of it.
    span = 1 + np.abs(offsets).max(axis=0)
    keys = np.ravel_multi_index(tuple(np.abs(offsets).T), tuple(span))
    keys, back = np.unique(keys, return_inverse=True)
    octant = np.stack(np.unravel_index(keys, tuple(span)), axis=-1)
    signs = np.where(offsets < 0, -1.0, 1.0)
    parity = np.stack([signs[:, i] * signs[:, j] for i, j in PAIRS])
    return parity * _octant(octant, d)[:, back]


def _octant(offsets: Floats, d: Floats) -> Floats:
    order = _gauss_orders(offsets, d)
    out = np.empty((6, len(offsets)))
    near = order.max(axis=1) > _ORDERS[-1]
    for orders in np.unique(order[~near], axis=0):
        chosen = np.flatnonzero((order == orders).all(axis=1))
        for part in np.array_split(chosen, 1 + len(chosen) * orders.prod() // _AT_ONCE):
            out[:, part] = _gauss(offsets[part] * d, d, orders)
    if near.any():
        out[:, near] = _near(offsets[near], d)
    return out


def _near(offsets: Floats, d: Floats) -> Floats:
    """Through nearly cubic parts: the mean over pairs of parts is a sum with triangle weights."""
    parts = np.maximum(np.rint(d / d.min()).astype(np.int64), 1)
    if parts.max() == 1:
        return _closed_form(offsets * d, d)
    steps = [np.arange(1 - k, k) for k in parts]
    shift = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = np.prod(1 - np.abs(shift) / parts, axis=1)
    fine = (offsets[:, None] * parts + shift).reshape(-1, 3)
    tensor = newell(fine, tuple(d / parts)).reshape(6, len(offsets), len(shift))
    return tensor @ weight


# Gauss quadrature -----------------------------------------------------------------------------


def _gauss_orders(offsets: Floats, d: Floats) -> Floats:
    """How many nodes each axis needs; 10^6 where no number suffices.

    Seen from axis i the integrand is singular at -R_i +- i h, h the distance to the box in the
    other two coordinates; n nodes leave an error of rho^(-2n), rho that of the Bernstein ellipse
    through it.
    """
    R = offsets * d
    gap = np.maximum(R - d, 0.0)
    needed = np.empty(R.shape)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        z = (R[:, i] + 1j * np.hypot(gap[:, j], gap[:, k])) / d[i]
        rho = np.abs(z + np.sqrt(z - 1) * np.sqrt(z + 1))
        with np.errstate(divide="ignore"):
            needed[:, i] = np.log(_TOLERANCE) / (-2 * np.log(np.maximum(rho, 1.0)))
    needed = np.minimum(needed, 1e5)
    table = np.array([*_ORDERS, 10**6])
    return table[np.searchsorted(table, needed)]


@functools.cache
def _rule(n: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the n-point Gauss rule for the weight 1 - |t| on (-1, 1).

    From its three-term recurrence (Stieltjes' procedure; the even weight leaves one coefficient).
    """
    t, w = np.polynomial.legendre.leggauss(64)
    t, w = (t + 1) / 2, w / 2 * (1 - (t + 1) / 2)
    t, w = np.concatenate([-t, t]), np.concatenate([w, w])
    before, now = np.zeros_like(t), np.full_like(t, 1 / np.sqrt(w.sum()))
    side: list[float] = []
    for _ in range(n - 1):
        after = t * now - (side[-1] if side else 0.0) * before
        side.append(float(np.sqrt(np.sum(w * after**2))))
        before, now = now, after / side[-1]
    nodes, vectors = np.linalg.eigh(np.diag(side, 1) + np.diag(side, -1))
    return nodes, w.sum() * vectors[0] ** 2


def _gauss(R: Floats, d: Floats, orders: Floats) -> Floats:
    rules = [_rule(int(n)) for n in orders]
    nodes = np.stack(
        np.meshgrid(*[d[i] * rules[i][0] for i in range(3)], indexing="ij"), axis=-1
    ).reshape(-1, 3)
    weights = functools.reduce(np.multiply.outer, [w for _, w in rules]).reshape(-1)
    x = R.T[:, :, None] + nodes.T[:, None, :]
    square = np.sum(x * x, axis=0)
    inner = weights * square**-1.5
    outer = 3 * inner / square
    V = d.prod() / (4 * np.pi)
    rows = []
    for i, j in PAIRS[3:]:
        rows.append(-np.einsum("kq,kq,kq->k", x[i], x[j], outer))
    diagonal = [(inner - x[i] * x[i] * outer).sum(axis=1) for i in range(3)]
    return V * np.stack([*diagonal, *rows])


# Newell's closed form -------------------------------------------------------------------------


def _f(x: Floats, y: Floats, z: Floats) -> Floats:
    """Newell's f (his Eq. 27); limits at 0 taken."""
    x2, y2, z2 = x * x, y * y, z * z
    R = np.sqrt(x2 + y2 + z2)
    return (
        0.5 * y * (z2 - x2) * _asinh(y, x2 + z2)
        + 0.5 * z * (y2 - x2) * _asinh(z, x2 + y2)
        - x * y * z * _atan(y * z, x * R)
        + (2 * x2 - y2 - z2) * R / 6
    )


def _g(x: Floats, y: Floats, z: Floats) -> Floats:
    """Newell's g (his Eq. 32)."""
    x2, y2, z2 = x * x, y * y, z * z
    R = np.sqrt(x2 + y2 + z2)
    return (
        x * y * z * _asinh(z, x2 + y2)
        + y * (3 * z2 - y2) * _asinh(x, y2 + z2) / 6
        + x * (3 * z2 - x2) * _asinh(y, x2 + z2) / 6
        - z * z2 * _atan(x * y, z * R) / 6
        - 0.5 * z * y2 * _atan(x * z, y * R)
        - 0.5 * z * x2 * _atan(y * z, x * R)
        - x * y * R / 3
    )


def _asinh(a: Floats, square: Floats) -> Floats:
    """asinh(a/sqrt(square)); 0 at square = 0, where its factor vanishes."""
    return np.where(square > 0, np.arcsinh(a / np.sqrt(np.where(square > 0, square, 1.0))), 0.0)


def _atan(a: Floats, b: Floats) -> Floats:
    """atan(a/b); 0 at b = 0, where its factor vanishes."""
    return np.where(b != 0, np.arctan(a / np.where(b != 0, b, 1.0)), 0.0)


def _closed_form(R: Floats, d: Floats) -> Floats:
    step = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    weight = np.prod(np.where(step == 0, -2.0, 1.0), axis=1)
    x, y, z = (R[:, None] + step * d).transpose(2, 0, 1)
    terms = [
        _f(x, y, z),
        _f(y, z, x),
        _f(z, x, y),
        _g(x, y, z),
        _g(z, x, y),
        _g(y, z, x),
    ]
    return np.stack([t @ weight for t in terms]) / (-4 * np.pi * d.prod())
