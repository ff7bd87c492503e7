"""Finite differences: order, free surfaces, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._core import cross
from jaxstt._mesh import _stencil


def _error(n: int, order: int, what: str, periodic: bool) -> float:
    """Largest error on sin (periodic) or cos (free surfaces: zero slope at both ends)."""
    d = 1.0e-7 / n
    grid = jaxstt.Grid((n, 1, 1), (d, d, d), periodic=(periodic, False, False))
    k = 2 * np.pi / 1e-7 if periodic else 3 * np.pi / 1e-7
    x = grid.centres("x")[None, :, None, None] * np.ones((3, 1, 1, 1))
    f, slope = (np.sin, np.cos) if periodic else (np.cos, lambda x: -np.sin(x))
    m = jnp.asarray(f(k * x))
    if what == "laplacian":
        got, exact = _stencil.laplacian(grid, m, order), -(k**2) * f(k * x)
    else:
        got, exact = _stencil.gradient(grid, m, 0, order), k * slope(k * x)
    return float(np.max(np.abs(got - exact))) / float(np.max(np.abs(exact)))


@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("what", ["laplacian", "gradient"])
@pytest.mark.parametrize("order", [2, 4])
def test_observed_order(order: int, what: str, periodic: bool):
    slope = np.log2(_error(32, order, what, periodic) / _error(64, order, what, periodic))
    assert abs(slope - order) < 0.1


@pytest.mark.parametrize("order", [2, 4])
def test_no_exchange_flux_leaves_the_magnet(order: int):
    mask = np.ones((6, 5, 2), bool)
    mask[2:4, 1:3, 0] = False
    grid = jaxstt.Grid(mask.shape, (1e-9, 2e-9, 3e-9), mask=mask)
    m = jaxstt.random_state(grid, jax.random.key(1))
    total = jnp.sum(jnp.where(mask[None], _stencil.laplacian(grid, m, order), 0.0), axis=(1, 2, 3))
    assert float(jnp.max(jnp.abs(total))) < 1e-12 * 1e18


def test_vacuum_stays_empty_and_differentiable():
    mask = np.ones((6, 1, 1), bool)
    mask[4:] = False
    grid = jaxstt.Grid(mask.shape, (2e-9, 2e-9, 2e-9), mask=mask)
    m0 = jaxstt.random_state(grid, jax.random.key(2))
    assert float(jnp.max(jnp.abs(m0[:, 4:]))) == 0

    def last(A):
        llg = jaxstt.LLG(
            grid, Ms=8e5 * jnp.asarray(mask, float), alpha=0.1, energies=(jaxstt.Exchange(A),)
        )
        return jaxstt.evolve(llg, m0, [0, 1e-12]).m[-1]

    m, gradient = last(1e-11), jax.grad(lambda A: jnp.sum(last(A)[0]))(1e-11)
    assert float(jnp.max(jnp.abs(m[:, 4:]))) == 0
    assert np.isfinite(gradient) and gradient != 0


def test_cross_is_right_handed():
    x, y = jnp.eye(3)[0][:, None, None, None], jnp.eye(3)[1][:, None, None, None]
    np.testing.assert_array_equal(cross(x, y)[:, 0, 0, 0], [0, 0, 1])
