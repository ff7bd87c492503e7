"""One axis of the demagnetising tensor: the profile of a pair of cells, alone or in an endless row.

    g(k) = int_-1^1 (1 - |t|) exp(-a^2 (k + t)^2) dt

is a Gaussian averaged over two cells that are k cells apart, g' and g'' are its derivatives by k,
and a is the cell in widths of the Gaussian.  A row with a period of n cells has

    sum_m g(k + m n) = sum_j (sqrt(pi)/(a n)) exp(-(pi j/(a n))^2) sinc^2(j/n) exp(2 pi i j k/n)

whose left side needs a handful of images where the Gaussian is narrower than the period, and whose
right side a handful of waves where it is wider: no more than 1e-18 of it is ever left out.
Source: P. P. Ewald, Ann. Phys. 369, 253 (1921).
"""

import functools
import math
from typing import TypeAlias

import numpy as np

Floats: TypeAlias = np.ndarray

REACH = 6.5
"""Widths of a Gaussian beyond which nothing of it is left: exp(-6.5^2) = 4e-19."""
_WAVES = np.arange(1, 4)


def cell(k: Floats, a: float) -> Floats:
    """g, g' and g'' at the whole numbers k; (3, len(k))."""
    out = np.zeros((3, len(k)))
    near = a * (np.abs(k) - 1) < REACH
    out[:, near] = (_wide if a < 1 else _narrow)(k[near], a)
    return out


def row(k: Floats, n: int, a: float) -> Floats:
    """The same, summed over the images n cells apart."""
    if a * n > math.sqrt(math.pi):
        last = math.ceil(REACH / a) + 1
        places = np.arange(-last, last + 1)
        once = [np.bincount(places % n, g, minlength=n) for g in cell(places, a)]
        return np.stack(once)[:, k % n]
    wave = 2 * np.pi * _WAVES / n
    size = 2 * np.exp(-((wave / (2 * a)) ** 2)) * np.sinc(_WAVES / n) ** 2
    phase = 2 * np.pi / n * (k[:, None] * _WAVES % n)
    even, odd = np.cos(phase), np.sin(phase)
    return (
        math.sqrt(math.pi)
        / (a * n)
        * np.stack([1 + even @ size, -odd @ (wave * size), -even @ (wave**2 * size)])
    )


def _wide(k: Floats, a: float) -> Floats:
    """By the Gauss rule of the weight 1 - |t|: nothing cancels however small a is."""
    t, weight = _rule(16 if a > 0.1 else 6 if a > 0.01 else 3)
    x = k[:, None] + t
    e = np.exp(-((a * x) ** 2))
    b = 2 * a * a
    return np.stack([e @ weight, -b * (x * e) @ weight, b * ((b * x * x - 1) * e) @ weight])


def _narrow(k: Floats, a: float) -> Floats:
    """Second differences of the Gaussian (g'') and of its first and second antiderivative.

    Of these only what differs from a straight line is taken, so that the rest is 0 far away; the
    two lines, -x and x, meet in k = 0.
    """
    x = np.abs(np.abs(k)[:, None] + np.array([-1, 0, 1]))
    difference = np.array([1.0, -2.0, 1.0])
    e = np.exp(-((a * x) ** 2))
    half = math.sqrt(math.pi) / (2 * a)
    erfc = half * np.reshape([math.erfc(a * v) for v in x.flat], x.shape)
    g = (e / (2 * a * a) - x * erfc) @ difference + 2 * half * (k == 0)
    return np.stack([g, -np.sign(k) * (erfc @ difference), e @ difference])


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
