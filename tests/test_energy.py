"""Every energy: its field is -(1/(Ms V)) dE/dm, and costs what it should."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import MU_0

T = jnp.asarray(2e-10)


@eqx.filter_jit
def _field_and_slope(term, Ms, m):
    grid = helpers.GRID
    slope = jax.grad(lambda m: term.energy(grid, Ms, T, m))(m)
    return term.field(grid, Ms, T, m), -slope / (Ms[None] * grid.cell_volume)


@pytest.mark.parametrize("uniform", [True, False])
@pytest.mark.parametrize("name", helpers.ENERGIES)
def test_field_is_the_slope_of_the_energy(name: str, uniform: bool):
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    Ms = jnp.full(grid.shape, 8e5)
    if not uniform:
        Ms = Ms * (1 + 0.3 * jax.random.uniform(jax.random.key(3), grid.shape))
    field, slope = _field_and_slope(helpers.ENERGIES[name], Ms, m)
    np.testing.assert_allclose(field, slope, atol=1e-10 * float(jnp.max(jnp.abs(field))))


def _energy(term, direction):
    grid = helpers.GRID
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(term,))
    volume = np.prod(grid.lengths)
    return float(jaxstt.total_energy(llg, jaxstt.uniform(grid, direction))) / volume


@pytest.mark.parametrize(
    "term,low,high,difference",
    [
        (jaxstt.UniaxialAnisotropy(1e5, (0, 0, 1)), (0, 0, 1), (1, 0, 0), 1e5),
        (jaxstt.UniaxialAnisotropy(-1e5, (0, 0, 1)), (1, 0, 0), (0, 0, 1), 1e5),
        (jaxstt.Zeeman((0, 0, 0.1)), (0, 0, 1), (0, 0, -1), 2 * 8e5 * 0.1),
        (jaxstt.ShapeAnisotropy((0, 0.2, 0.8)), (1, 0, 0), (0, 0, 1), 0.4 * MU_0 * 8e5**2),
    ],
)
def test_density(term, low, high, difference):
    np.testing.assert_allclose(_energy(term, high) - _energy(term, low), difference, rtol=1e-10)


def test_terms_by_name():
    grid = helpers.GRID
    energies = (jaxstt.Zeeman((0, 0, 0.1)), jaxstt.Exchange(1e-11), jaxstt.Zeeman((0, 0, -0.3)))
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies)
    terms = jaxstt.energy_terms(llg, jaxstt.uniform(grid, (0, 0, 1)))
    assert set(terms) == {"Zeeman", "Exchange", "Zeeman_2"}
    scale = 8e5 * np.prod(grid.lengths)
    np.testing.assert_allclose([terms["Zeeman"], terms["Zeeman_2"]], [-0.1 * scale, 0.3 * scale])
    assert float(terms["Exchange"]) == 0


def test_exchange_of_a_spiral():
    """w = A k^2 for m = (cos kx, sin kx, 0), to (k d)^2/12."""
    n, d = 64, 1e-9
    grid = jaxstt.Grid((n, 1, 1), (d, d, d), periodic=(True, False, False))
    k = 2 * np.pi / (n * d)
    x = grid.centres("x")[:, None, None]
    m = np.stack([np.cos(k * x), np.sin(k * x), 0 * x])
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Exchange(1e-11),))
    expected = 1e-11 * k**2 * n * d**3
    # The energy -(1/2) Ms m.B sums -A m.laplacian(m), which for unit vectors is A (d_x m)^2.
    np.testing.assert_allclose(jaxstt.total_energy(llg, m), expected, rtol=(k * d) ** 2 / 10)
