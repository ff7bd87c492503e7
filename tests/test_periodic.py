"""Magnetostatics of bodies that repeat themselves, at any aspect of cell, period and body.

Everything is compared with what is exact: nothing is left but rounding, to which the tolerances
(1e-13 of mu0 Ms, what `Demag` promises) leave two digits.
"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy.special import zeta

import jaxstt
from jaxstt._energy._newell import newell
from jaxstt._energy._periodic import cell, row
from jaxstt.constants import MU_0

nm = 1e-9
FILM, WIRE, OPEN = (True, True, False), (True, False, False), (False, False, False)


def _field(shape, spacing, periodic, m, Ms=1 / MU_0):
    """B/(mu0 Ms) of the state m, broadcast to the grid."""
    grid = jaxstt.Grid(shape, [nm * d for d in spacing], periodic=periodic)
    m = jnp.broadcast_to(jnp.asarray(m), (3, *shape))
    return np.asarray(_demag_field(jaxstt.Demag(grid), grid, jnp.asarray(Ms), m))


@eqx.filter_jit
def _demag_field(demag, grid, Ms, m):
    return demag.field(grid, Ms, jnp.zeros(()), m)


def _noise(shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (3, *shape))


def _turned(turn, *axes):
    """What belongs to the axes x, y, z, in the order `turn`."""
    return [tuple(a[i] for i in turn) for a in axes]


# Bodies of one direction of magnetisation -----------------------------------------------------


@pytest.mark.parametrize(
    "shape,spacing",
    [
        ((1, 1, 1), (1, 1, 1)),
        ((1, 1, 1), (2, 2, 200)),
        ((1, 1, 1), (200, 2, 2)),
        ((1, 1, 1), (50, 50, 0.5)),
        ((1, 1, 1), (1, 1000, 1000)),
        ((3, 1, 1), (1, 1, 10000)),
        ((16, 16, 40), (2, 2, 2)),
        ((512, 512, 1), (2, 2, 2)),
        ((256, 1, 8), (2, 200, 2)),
    ],
)
def test_film(shape, spacing):
    """N = 0 in the plane and 1 normal to it, in every cell."""
    for direction in np.eye(3):
        B = _field(shape, spacing, FILM, direction[:, None, None, None])
        expected = np.zeros_like(B)
        expected[2] = -direction[2]
        np.testing.assert_allclose(B, expected, atol=1e-13)


def _prism(w, t):
    """N_y and N_z of the endless prism w x t (Aharoni, J. Appl. Phys. 83, 3432 (1998)).

    Its terms cancel where t/w is far from 1; hence 30 digits.
    """
    with mp.workdps(30):
        p = mp.mpf(t) / mp.mpf(w)
        N = (1 - p**2) / (2 * p) * mp.log(1 + p**2) + p * mp.log(p) + 2 * mp.atan(1 / p)
        return float(1 - N / mp.pi), float(N / mp.pi)


@pytest.mark.parametrize(
    "shape,spacing",
    [
        ((1, 1, 1), (1, 1, 1)),
        ((1, 1, 1), (2, 500, 2)),
        ((1, 1, 1), (1, 500, 1)),
        ((1, 1, 1), (1, 1, 500)),
        ((1, 1, 1), (500, 1, 1)),
        ((1, 1, 1), (1, 2000, 3000)),
        ((5, 40, 3), (2, 3, 5)),
        ((512, 4, 2), (1, 1, 10)),
    ],
)
def test_wire(shape, spacing):
    """The mean field of an endless prism, of one cell or of many."""
    Ny, Nz = _prism(shape[1] * spacing[1], shape[2] * spacing[2])
    for direction, N in zip(np.eye(3), (0, Ny, Nz), strict=True):
        B = _field(shape, spacing, WIRE, direction[:, None, None, None])
        np.testing.assert_allclose(B.mean(axis=(1, 2, 3)), -N * direction, atol=1e-13)


# Stripes --------------------------------------------------------------------------------------


def _layers(k, dz, count):
    """Q = (k/2 dz) int int exp(-k |z - z'|) dz dz' over two layers, less the part in 1/(k dz).

    (Those in the same layer have Q = 1 - (1 - exp(-k dz))/(k dz), its neighbours the half of
    (1 - exp(-k dz))^2/(k dz).)
    """
    apart = np.arange(1, count)[:, None] * dz
    bare = np.exp(-k * dz) / (k * dz)
    e = [-2 * np.exp(-k * apart), np.exp(-k * (apart + dz))]
    e.append(np.where(apart > dz * 1.5, np.exp(-k * (apart - dz)), 0.0))
    return np.concatenate([bare, sum(e) / (2 * k * dz)])


def _striped(m, dx, dz):
    """B of m (3, n, layers), constant in each cell and along y, from its Fourier series.

    A wave exp(i k x), k = 2 pi (q + j)/dx for all whole j, q = p/n, has the weight
    sinc^2(k dx/2) = sin^2(pi q)/(pi (q + j))^2 in the mean over cells.  The sum over j of what
    falls like 1/k^3 is zeta(3, q) +- zeta(3, 1 - q), the rest falls exponentially.
    """
    _, n, count = m.shape
    q = np.arange(1, n)[:, None] / n
    j = np.arange(-int(8 * dx / dz) - 5, int(8 * dx / dz) + 5)
    k = 2 * np.pi * (q + j) / dx
    weight = (np.sin(np.pi * q) / (np.pi * (q + j))) ** 2
    rest = _layers(np.abs(k).reshape(1, -1), dz, count).reshape(count, *k.shape)
    even, odd = (rest * weight).sum(-1), (rest * weight * np.sign(k)).sum(-1)
    scale = (np.sin(np.pi * q) ** 2 / np.pi**2 * dx / (2 * np.pi * dz))[:, 0]
    up, down = zeta(3, q[:, 0]), zeta(3, 1 - q[:, 0])
    even[0] += 1 - scale * (up + down)  # the weights of all j have the sum 1
    if count > 1:
        even[1] += scale * (up + down) / 2
        odd[1] += scale * (up - down) / 2
    i = np.subtract.outer(np.arange(count), np.arange(count))
    Q = np.zeros((count, count, n))
    P = np.zeros((count, count, n), complex)
    Q[..., 1:] = even[np.abs(i)]
    P[..., 1:] = 1j * np.sign(i)[..., None] * odd[np.abs(i)]
    x, z = (np.fft.fft(m[a], axis=0) for a in (0, 2))
    Bx = -np.einsum("ijp,pj->pi", Q, x) - np.einsum("ijp,pj->pi", P, z)
    Bz = -z + np.einsum("ijp,pj->pi", Q, z) - np.einsum("ijp,pj->pi", P, x)
    Bx, Bz = (np.fft.ifft(B, axis=0).real for B in (Bx, Bz))
    return np.stack([Bx, 0 * Bx, Bz])


@pytest.mark.parametrize("turn", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize(
    "shape,spacing",
    [
        ((64, 1, 4), (2, 2, 2)),
        ((256, 1, 1), (2, 2, 2)),
        ((64, 1, 3), (1, 100, 1)),
        ((8, 3, 2), (100, 1, 1)),
        ((8, 1, 3), (1, 1, 100)),
        ((64, 2, 3), (50, 50, 0.5)),
    ],
)
def test_stripes(shape, spacing, turn):
    """A square wave of m_z, and random stripes (all waves, all components, each layer its own)."""
    square = np.zeros((3, *shape))
    square[2] = np.where(np.arange(shape[0]) < shape[0] / 2, 1.0, -1.0)[:, None, None]
    noise = np.repeat(_noise((shape[0], 1, shape[2])), shape[1], axis=2)
    box, d, periodic = _turned(turn, shape, spacing, FILM)
    axes = [0, *(1 + i for i in turn)]
    for m in (square, noise):
        B = _field(box, d, periodic, m[list(turn)].transpose(axes))
        back = B.transpose(np.argsort(axes))[np.argsort(turn)]
        expected = _striped(m[:, :, 0], spacing[0], spacing[2])[:, :, None]
        np.testing.assert_allclose(back, expected * np.ones(shape), atol=1e-13)


# The same body told otherwise -----------------------------------------------------------------

CELL = (2.0, 3.0, 70.0)


@pytest.mark.parametrize("periodic", [FILM, WIRE, (False, True, True), (False, False, True)])
def test_supercell(periodic):
    m = _noise((3, 4, 2))
    copies = [c if p else 1 for c, p in zip((2, 3, 4), periodic, strict=True)]
    shape = tuple(n * c for n, c in zip((3, 4, 2), copies, strict=True))
    small, large = _field((3, 4, 2), CELL, periodic, m), np.tile(m, (1, *copies))
    large = _field(shape, CELL, periodic, large)
    np.testing.assert_allclose(large, np.tile(small, (1, *copies)), atol=1e-13)


@pytest.mark.parametrize("periodic", [FILM, WIRE, (False, True, True), (False, False, True), OPEN])
def test_refined(periodic):
    """Each cell cut in 2 x 2 x 2: the mean field over it is the same."""
    m = _noise((3, 4, 2))
    fine = m.repeat(2, 1).repeat(2, 2).repeat(2, 3)
    B = _field((6, 8, 4), tuple(d / 2 for d in CELL), periodic, fine)
    mean = B.reshape(3, 3, 2, 4, 2, 2, 2).mean(axis=(2, 4, 6))
    np.testing.assert_allclose(mean, _field((3, 4, 2), CELL, periodic, m), atol=1e-13)


def test_refined_to_many_cells():
    """The mean field of a uniform plate of 400 000 cells is that of one."""
    shape = (800, 500, 1)
    N = newell([[0]] * 3, (800.0, 500.0, 1.0))[:3, 0, 0, 0]
    for direction in np.eye(3):
        B = _field(shape, (1, 1, 1), OPEN, direction[:, None, None, None])
        np.testing.assert_allclose(B.mean(axis=(1, 2, 3)), -N * direction, atol=1e-13)


@pytest.mark.parametrize("periodic", [FILM, WIRE, OPEN])
@pytest.mark.parametrize("turn", [(1, 0, 2), (1, 2, 0), (2, 1, 0)])
def test_turned(periodic, turn):
    shape = (3, 4, 2)
    m = _noise(shape)
    axes = [0, *(1 + i for i in turn)]
    box, d, wraps = _turned(turn, shape, CELL, periodic)
    B = _field(box, d, wraps, m[list(turn)].transpose(axes))
    expected = _field(shape, CELL, periodic, m)[list(turn)].transpose(axes)
    np.testing.assert_allclose(B, expected, atol=1e-14)


@pytest.mark.parametrize("periodic", [FILM, WIRE, (True, False, True), OPEN])
def test_trace(periodic):
    """N_xx + N_yy + N_zz is 1 within a cell and 0 elsewhere."""
    shape = (5, 4, 3)
    periods = [n if wraps else None for n, wraps in zip(shape, periodic, strict=True)]
    N = newell([np.arange(n) for n in shape], CELL, periods)
    expected = np.zeros(shape)
    expected[0, 0, 0] = 1
    np.testing.assert_allclose(N[:3].sum(axis=0), expected, atol=1e-14)


# Image by image -------------------------------------------------------------------------------


def _images(shape, spacing, periodic, count):
    """N summed over the images -count to count of each periodic axis."""
    places = [
        np.arange(-count * n, (count + 1) * n) if wraps else np.arange(n)
        for n, wraps in zip(shape, periodic, strict=True)
    ]
    N = newell(places, spacing)
    split = itertools.chain(*[(N.shape[1 + i] // shape[i], shape[i]) for i in range(3)])
    return N.reshape(6, *split).sum(axis=(1, 3, 5))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("periodic", [WIRE, (False, True, False), FILM, (False, True, True)])
def test_images_one_by_one(periodic, seed):
    """Extrapolated from 4, 13, 40 and 121 images on either side.

    The rest falls like E^-2, E^-4, ... (one axis) or E^-1, E^-3, ... (two), E = count + 1/2; the
    first term that is left over is what the tolerance allows for.
    """
    random = np.random.default_rng(seed)
    shape = tuple(int(n) for n in random.integers(1, 4, 3))
    spacing = tuple(random.uniform(1, 3, 3) * 5 / shape)
    sums = [_images(shape, spacing, periodic, count) for count in (4, 13, 40, 121)]
    power = 3 - sum(periodic)
    while len(sums) > 1:
        pairs = itertools.pairwise(sums)
        sums = [(3**power * late - early) / (3**power - 1) for early, late in pairs]
        power += 2
    periods = [n if wraps else None for n, wraps in zip(shape, periodic, strict=True)]
    N = newell([np.arange(n) for n in shape], spacing, periods)
    np.testing.assert_allclose(N, sums[0], atol=1e-10 if sum(periodic) == 1 else 1e-8)


@pytest.mark.parametrize("a", [1e-4, 0.0099, 0.0101, 0.099, 0.101, 0.999, 1.0, 1.001, 3.0, 40.0])
def test_profile(a):
    """g, g', g'' against the integral, on both sides of each change of method."""
    for k in (0, 1, 2, round(1 / a)):

        def g(x):
            return mp.quad(lambda t: (1 - abs(t)) * mp.exp(-((a * (x + t)) ** 2)), [-1, 0, 1])

        def slope(x):  # g' = -2 a^2 int (1 - |t|) (x + t) exp(-a^2 (x + t)^2)
            return mp.quad(
                lambda t: (1 - abs(t)) * -2 * a * a * (x + t) * mp.exp(-((a * (x + t)) ** 2)),
                [-1, 0, 1],
            )

        with mp.workdps(40):
            e = [mp.exp(-((mp.mpf(a) * (k + i)) ** 2)) for i in (-1, 0, 1)]
            expected = [float(v) for v in (g(k), slope(k), e[0] - 2 * e[1] + e[2])]
        found = cell(np.array([k, -k]), a)
        scale = min(1, 1 / a) * np.array([1, min(1, a), min(1, a * a)])
        np.testing.assert_allclose(found[:, 0] / scale, expected / scale, atol=1e-14)
        np.testing.assert_allclose(found[:, 1], found[:, 0] * [1, -1, 1], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("width", [0.3, 1.77, 1.78, 6.0])
def test_row(n, width):
    """Few images or few waves: on both sides of the change, against all images that count."""
    a, k = width / n, np.arange(n)
    images = k[:, None] + n * np.arange(-60, 61)
    expected = cell(images.reshape(-1), a).reshape(3, n, -1).sum(axis=-1)
    scale = np.array([1, a, a * a])[:, None] * np.sqrt(np.pi) / width
    np.testing.assert_allclose(row(k, n, a) / scale, expected / scale, atol=1e-13)


# What `Demag` promises ------------------------------------------------------------------------


@pytest.mark.parametrize("spacing", [(2, 2, 2), (1, 1, 1000), (1000, 1, 1)])
@pytest.mark.parametrize("periodic", [FILM, WIRE, OPEN])
def test_promise(periodic, spacing):
    """B of 200 000 random cells at some of them, against the sum over all, cell by cell."""
    shape = (200, 250, 4)
    m = _noise(shape)
    B = _field(shape, spacing, periodic, m)
    with jax.enable_x64(False):
        single = _field(shape, spacing, periodic, m.astype(np.float32), Ms=np.float32(1 / MU_0))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, B, atol=2e-6)
    periods = [n if wraps else None for n, wraps in zip(shape, periodic, strict=True)]
    for place in ((0, 0, 0), (100, 120, 2), (199, 249, 3), (0, 124, 3)):
        N = newell([p - np.arange(n) for p, n in zip(place, shape, strict=True)], spacing, periods)
        full = N[[[0, 3, 4], [3, 1, 5], [4, 5, 2]]]
        expected = -np.einsum("ij...,j...->i...", full, m).sum(axis=(1, 2, 3))
        np.testing.assert_allclose(B[:, *place], expected, atol=1e-13)
