"""Magnetostatics: the convolution against the sum over cells, and bodies whose field is known."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._energy import _demag, memory_of_demag
from jaxstt._energy._newell import PAIRS, newell
from jaxstt.constants import MU_0

D = (2e-9, 3e-9, 5e-9)


def _field(grid, m, Ms=1 / MU_0):
    llg = jaxstt.LLG(grid, Ms=Ms, alpha=0.1, energies=(jaxstt.Demag(grid),))
    return np.asarray(jaxstt.effective_field(llg, m))


def _by_hand(grid, m, Ms):
    """-mu0 sum_r' N(r - r') Ms(r') m(r'), cell by cell."""
    cells = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), -1).reshape(-1, 3)
    apart = (cells[:, None] - cells + np.array(grid.shape) - 1).transpose(2, 0, 1)
    N = newell([np.arange(1 - n, n) for n in grid.shape], grid.spacing)[:, *apart]
    M = (np.broadcast_to(Ms, grid.shape) * np.asarray(m)).reshape(3, -1)
    B = np.zeros_like(M)
    for n, (i, j) in zip(N, PAIRS, strict=True):
        B[i] -= MU_0 * n @ M[j]
        if i != j:
            B[j] -= MU_0 * n @ M[i]
    return B.reshape(3, *grid.shape)


@pytest.mark.parametrize(
    "shape", [(4, 3, 2), (5, 4, 1), (7, 1, 1), (1, 5, 3), (2, 1, 9), (1, 1, 1)]
)
def test_convolution(shape):
    grid = jaxstt.Grid(shape, D)
    m = helpers.noise(grid)
    Ms = 8e5 * (1 + 0.5 * jax.random.uniform(jax.random.key(1), shape))
    for value in (8e5, Ms):
        expected = _by_hand(grid, m, value)
        np.testing.assert_allclose(_field(grid, m, value), expected, atol=1e-14)


def test_vacuum_has_no_part():
    whole = jaxstt.Grid((5, 4, 2), D)
    mask = jax.random.uniform(jax.random.key(2), whole.shape) > 0.4
    grid = jaxstt.Grid(whole.shape, D, mask=mask)
    m = helpers.noise(grid)
    np.testing.assert_allclose(_field(grid, m, 8e5), _by_hand(grid, m, 8e5), atol=1e-14)


@pytest.mark.parametrize("n", [1, 4])
def test_a_cube_has_a_third(n):
    grid = jaxstt.Grid((n, n, n), (2e-9,) * 3)
    for direction in np.eye(3):
        B = _field(grid, jaxstt.uniform(grid, direction)).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(B, -direction / 3, atol=1e-13)


@pytest.mark.parametrize(
    "shape,periodic,factors",
    [
        ((4, 1, 1), (True, False, False), (0, 0.5, 0.5)),
        ((1, 3, 1), (False, True, False), (0.5, 0, 0.5)),
        ((1, 1, 3), (False, False, True), (0.5, 0.5, 0)),
        ((5, 4, 1), (True, True, False), (0, 0, 1)),
        ((1, 5, 4), (False, True, True), (1, 0, 0)),
        ((5, 1, 4), (True, False, True), (0, 1, 0)),
    ],
)
def test_endless_wires_and_films(shape, periodic, factors):
    grid = jaxstt.Grid(shape, (2e-9,) * 3, periodic=periodic)
    for direction in np.eye(3):
        B = _field(grid, jaxstt.uniform(grid, direction))
        expected = -(direction * factors)[:, None, None, None] * np.ones(shape)
        np.testing.assert_allclose(B, expected, atol=1e-13)


def test_a_period_is_many_copies():
    periodic = jaxstt.Grid((8, 3, 1), D, periodic=(True, False, False))
    m = helpers.noise(periodic)
    copies = 41
    wire = jaxstt.Grid((8 * copies, 3, 1), D)
    middle = _field(wire, jnp.tile(m, (1, copies, 1, 1)))[:, 160:168]
    np.testing.assert_allclose(_field(periodic, m), middle, atol=1e-5)


def test_a_film_far_away_is_a_sheet():
    """A wall in an endless plate keeps the field of its charges only: div B = -mu0 div M there."""
    n, d = 64, 2e-9
    grid = jaxstt.Grid((n, 1, 1), (d, d, d), periodic=(False, True, True))
    x = (np.arange(n) - n / 2 + 0.5) / 6
    m = np.stack([1 / np.cosh(x), np.zeros(n), -np.tanh(x)])[:, :, None, None]
    B = _field(grid, jnp.asarray(m))
    np.testing.assert_allclose(B, -m * np.array([1.0, 0, 0])[:, None, None, None], atol=1e-7)


@pytest.mark.parametrize("shape", [(6, 5, 3), (1, 5, 2), (6, 1, 8), (4, 3, 2)])
@pytest.mark.parametrize("periodic", [(), (0,), (1,), (0, 1)])
def test_layers_are_summed_over_or_transformed(shape, periodic, monkeypatch):
    grid = jaxstt.Grid(shape, D, periodic=tuple(i in periodic for i in range(3)))
    m = helpers.noise(grid)
    summed = _field(grid, m)
    monkeypatch.setattr(_demag, "_FEW", 0)
    np.testing.assert_allclose(summed, _field(grid, m), atol=1e-13)


def test_symmetric():
    """u.N v = v.N u, which makes the field the slope of the energy."""
    grid = jaxstt.Grid((5, 4, 2), D, periodic=(True, False, False))
    u, v = helpers.noise(grid, 1), helpers.noise(grid, 2)
    np.testing.assert_allclose(np.sum(u * _field(grid, v)), np.sum(v * _field(grid, u)), rtol=1e-12)


@pytest.mark.parametrize("turn", ["mirror", "quarter"])
def test_symmetry(turn):
    grid = jaxstt.Grid((4, 4, 2), (2e-9, 2e-9, 3e-9))
    m = helpers.noise(grid)

    def mirror(v):  # at a plane of constant x an axial vector keeps x and flips y, z
        return v[:, ::-1] * jnp.array([1.0, -1.0, -1.0])[:, None, None, None]

    def quarter(v):
        r = jnp.rot90(v, axes=(1, 2))
        return jnp.stack([-r[1], r[0], r[2]])

    act = {"mirror": mirror, "quarter": quarter}[turn]
    np.testing.assert_allclose(_field(grid, act(m)), act(_field(grid, m)), atol=1e-14)


def test_kernels_are_no_parameters():
    grid = helpers.GRID
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Demag(grid), jaxstt.Exchange(1e-11)))
    parameters = eqx.filter(llg, jaxstt.is_parameter(llg))
    assert len(jax.tree.leaves(parameters)) == 4  # Ms, alpha, gamma, A
    m = helpers.noise(grid)
    slope = eqx.filter_grad(lambda llg: jaxstt.total_energy(llg, m))(llg)
    for kernel in jax.tree.leaves(slope.energies[0]):
        assert not kernel.any()
    assert float(slope.Ms) != 0


def test_single_precision():
    grid = jaxstt.Grid((40, 30, 2), D)
    m = helpers.noise(grid)
    exact = _field(grid, m)
    with jax.enable_x64(False):
        single = _field(grid, jnp.asarray(np.asarray(m), jnp.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=2e-6)


@pytest.mark.parametrize("shape", [(40, 30, 2), (60, 50, 1), (900, 1, 1), (16, 16, 16)])
@pytest.mark.parametrize("periodic", [(False, False, False), (True, True, False)])
def test_memory(shape, periodic):
    """What is announced is what XLA then holds, to the few bytes that do not grow with the grid."""
    grid = jaxstt.Grid(shape, D, periodic=periodic)
    arguments = jaxstt.Demag(grid), helpers.noise(grid)
    one = jax.jit(lambda demag, m: demag.field(grid, jnp.asarray(8e5), jnp.zeros(()), m))
    held = one.lower(*arguments).compile().memory_analysis()
    total = held.temp_size_in_bytes + held.argument_size_in_bytes + held.output_size_in_bytes
    np.testing.assert_allclose(total, memory_of_demag(grid), rtol=0.05)


def test_refused(monkeypatch):
    grid = helpers.GRID
    with pytest.raises(ValueError, match=r"`grid` must be a jaxstt.Grid, got tuple"):
        jaxstt.Demag((4, 4, 1))  # pyright: ignore
    with pytest.raises(ValueError, match="one open axis"):
        jaxstt.Demag(jaxstt.Grid((2, 2, 2), D, periodic=(True, True, True)))
    with pytest.raises(ValueError, match=r"`grid` of Demag must be that of the LLG.*6, 4, 2"):
        jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Demag(jaxstt.Grid((6, 4, 1), D)),))
    with pytest.raises(
        ValueError, match=r"`grid` \(20000, 20000, 4\): magnetostatics needs 538 GB, the device has"
    ):
        jaxstt.Demag(jaxstt.Grid((20000, 20000, 4), D))
    monkeypatch.setattr("jaxstt._core._memory.memory", lambda: None)
    jaxstt.Demag(grid)  # a machine that does not tell how much it has
