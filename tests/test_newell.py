"""The demagnetising tensor against 150 digits, and what must hold of it exactly."""

import itertools

import mpmath as mp
import numpy as np
import pytest

from jaxstt._energy._newell import newell

# Cubes, the cells of films, needles and plates.
CELLS = [(1.0, 1.0, 1.0), (2.5e-9, 2.5e-9, 3e-9), (2e-9, 2e-9, 20e-9), (20e-9, 10e-9, 1e-9)]
CELLS += [(1.0, 1.0, 1e-3), (1e-3, 1.0, 1.0), (1.0, 1e-3, 1e-3), (1.0, 1e-3, 1e-6)]
NEAR = [(1, 0, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1), (0, 2, 1), (2, 1, 0), (-1, 2, -1), (3, 1, 2)]
FAR = [(4, 0, 0), (0, 5, 0), (5, -3, 1), (10, 4, 0), (31, 7, 2), (100, -100, 1), (900, 500, 0)]
FAR += [(0, 10**6, -(10**6)), (10**7, 10**6, 3)]


def _f(x, y, z):
    R = mp.sqrt(x * x + y * y + z * z)
    total = (2 * x * x - y * y - z * z) * R / 6
    if x or z:
        total += y * (z * z - x * x) / 2 * mp.asinh(y / mp.sqrt(x * x + z * z))
    if x or y:
        total += z * (y * y - x * x) / 2 * mp.asinh(z / mp.sqrt(x * x + y * y))
    if x:
        total -= x * y * z * mp.atan(y * z / (x * R))
    return total


def _g(x, y, z):
    R = mp.sqrt(x * x + y * y + z * z)
    total = -x * y * R / 3
    if x or y:
        total += x * y * z * mp.asinh(z / mp.sqrt(x * x + y * y))
    if y or z:
        total += y * (3 * z * z - y * y) / 6 * mp.asinh(x / mp.sqrt(y * y + z * z))
    if x or z:
        total += x * (3 * z * z - x * x) / 6 * mp.asinh(y / mp.sqrt(x * x + z * z))
    if z:
        total -= z**3 / 6 * mp.atan(x * y / (z * R))
    if y:
        total -= z * y * y / 2 * mp.atan(x * z / (y * R))
    if x:
        total -= z * x * x / 2 * mp.atan(y * z / (x * R))
    return total


def reference(offset, cell) -> np.ndarray:
    """Newell's closed form with 150 digits: six and more per decade of distance cancel."""
    with mp.workdps(150):
        d = [mp.mpf(float(c)) for c in cell]
        R = [n * c for n, c in zip(offset, d, strict=True)]
        total = [mp.mpf(0)] * 6
        for step in itertools.product((-1, 0, 1), repeat=3):
            weight = mp.mpf((-2) ** step.count(0))
            x, y, z = (r + s * c for r, s, c in zip(R, step, d, strict=True))
            terms = _f(x, y, z), _f(y, z, x), _f(z, x, y), _g(x, y, z), _g(z, x, y), _g(y, z, x)
            total = [t + weight * term for t, term in zip(total, terms, strict=True)]
        volume = d[0] * d[1] * d[2]
        return np.array([float(-t / (4 * mp.pi * volume)) for t in total])


def _newell(offset, cell) -> np.ndarray:
    return newell([[k] for k in offset], cell)[:, 0, 0, 0]


def _error(offset, cell) -> float:
    exact = reference(offset, cell)
    return np.abs(_newell(offset, cell) - exact).max() / np.abs(exact).max()


@pytest.mark.parametrize("cell", CELLS)
def test_near(cell):
    assert max(_error(offset, cell) for offset in NEAR) < 1e-13


@pytest.mark.parametrize("cell", CELLS)
def test_far(cell):
    assert max(_error(offset, cell) for offset in FAR) < 1e-13


@pytest.mark.parametrize("cell", CELLS)
def test_itself(cell):
    exact = reference((0, 0, 0), cell)
    found = _newell((0, 0, 0), cell)
    np.testing.assert_allclose(found, exact, atol=1e-14)
    np.testing.assert_allclose(found[:3].sum(), 1, atol=1e-14)


def test_cube():
    found = _newell((0, 0, 0), (3e-9, 3e-9, 3e-9))
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3, 0, 0, 0], atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_no_trace_elsewhere(cell):
    N = np.stack([_newell(offset, cell) for offset in NEAR + FAR], axis=1)
    assert np.max(np.abs(N[:3].sum(axis=0)) / np.abs(N).max(axis=0)) < 1e-12


def test_far_away_is_a_dipole():
    """N = (V/4 pi) (1/r^3 - 3 x x/r^5): sign and size, without Newell."""
    offset, cell = np.array([300.0, 400.0, 1200.0]), np.array([1.0, 2.0, 3.0])
    R = offset * cell
    r = np.sqrt(R @ R)
    T = (np.eye(3) / r**3 - 3 * np.outer(R, R) / r**5) * cell.prod() / (4 * np.pi)
    found = _newell(offset.astype(int), tuple(cell))
    expected = [T[0, 0], T[1, 1], T[2, 2], T[0, 1], T[0, 2], T[1, 2]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
