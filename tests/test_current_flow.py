"""`current_flow`: where the current goes in a wire that is not the same everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

GRID = jaxstt.Grid((24, 10, 2), (4e-9, 3e-9, 2e-9))
RANDOM = np.random.default_rng(3).uniform(0.1, 1.0, GRID.shape)


def test_uniform_and_in_series() -> None:
    flow = jaxstt.current_flow(GRID, np.full(GRID.shape, 7.0), 2e12)
    np.testing.assert_allclose(flow[0], 2e12, rtol=1e-9)
    assert float(jnp.abs(flow[1:]).max()) < 1e4
    steps = np.broadcast_to(np.linspace(1, 5, 24)[:, None, None], GRID.shape)
    np.testing.assert_allclose(jaxstt.current_flow(GRID, steps, -3e11)[0], -3e11, rtol=1e-8)


def test_in_parallel() -> None:
    lanes = np.broadcast_to(np.linspace(1, 5, 10)[None, :, None], GRID.shape)
    flow = jaxstt.current_flow(GRID, lanes, 1e12)
    np.testing.assert_allclose(flow[0], 1e12 * lanes / lanes.mean(), rtol=1e-8)


def test_against_a_dense_solution() -> None:
    """Kirchhoff's laws on the same network, written down edge by edge, with three cell sizes."""
    d, area = GRID.spacing, [6.0, 8.0, 12.0]  # nm^2 across x, y, z
    size = RANDOM.size
    index = np.arange(size).reshape(GRID.shape)
    G, b = np.zeros((size, size)), np.zeros(size)
    for axis in range(3):
        first = np.moveaxis(index, axis, 0)
        for p, q in zip(first[:-1].ravel(), first[1:].ravel(), strict=True):
            resistances = d[axis] / 2 / RANDOM.ravel()[[p, q]]
            g = area[axis] / resistances.sum()
            G[[p, q], [p, q]] += g
            G[[p, q], [q, p]] -= g
    for p in index[0].ravel():
        g = area[0] * RANDOM.ravel()[p] / (d[0] / 2)
        G[p, p] += g
        b[p] += g
    for p in index[-1].ravel():
        G[p, p] += area[0] * RANDOM.ravel()[p] / (d[0] / 2)
    V = np.linalg.solve(G, b).reshape(GRID.shape)
    into = RANDOM[0] * (1 - V[0]) / (d[0] / 2)
    middle = 5
    across = 2 / (1 / RANDOM[:-1] + 1 / RANDOM[1:]) * -np.diff(V, axis=0) / d[0]
    wanted = (across[middle - 1] + across[middle]) / 2 / into.mean() * 4e11
    flow = jaxstt.current_flow(GRID, RANDOM, 4e11)
    np.testing.assert_allclose(flow[0, middle], wanted, rtol=1e-7)
    np.testing.assert_allclose(jnp.mean(flow[0], axis=(1, 2))[1:-1], 4e11, rtol=1e-7)
    sideways = 2 / (1 / RANDOM[:, :-1] + 1 / RANDOM[:, 1:]) * -np.diff(V, axis=1) / d[1]
    wanted = (sideways[:, 3] + sideways[:, 4]) / 2 / into.mean() * 4e11
    np.testing.assert_allclose(flow[1, :, 4], wanted, rtol=1e-6, atol=1e3)


def test_float32() -> None:
    with jax.enable_x64(False):
        flow = jaxstt.current_flow(GRID, RANDOM.astype(np.float32), 4e11)
    assert flow.dtype == np.float32
    exact = jaxstt.current_flow(GRID, RANDOM, 4e11)
    np.testing.assert_allclose(flow[0], exact[0], rtol=2e-3, atol=1e8)


@pytest.mark.parametrize("mode", [jax.grad, pytest.param(jax.jacfwd, marks=pytest.mark.thorough)])
def test_derivatives(mode) -> None:
    weight = np.random.default_rng(4).normal(size=(3, *GRID.shape))
    along = np.random.default_rng(5).normal(size=GRID.shape)

    def measure(s):
        return jnp.sum(weight * jaxstt.current_flow(GRID, RANDOM * (1 + s * along / 9), 1.0))

    h = 1e-4
    central = float(measure(h) - measure(-h)) / (2 * h)
    assert float(mode(measure)(0.0)) == pytest.approx(central, rel=1e-6)


BAD = {
    "`conductivity` must have shape \\(24, 10, 2\\), got \\(\\)": lambda: jaxstt.current_flow(
        GRID, 1.0, 1e12
    ),
    "`conductivity` must be > 0, got 0": lambda: jaxstt.current_flow(
        GRID, np.zeros(GRID.shape), 1e12
    ),
    "`j` must be a number": lambda: jaxstt.current_flow(GRID, RANDOM, np.ones(3)),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told) -> None:
    with pytest.raises(ValueError, match=told):
        BAD[told]()
