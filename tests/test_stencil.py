"""Finite differences: order, free surfaces, masks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._core import cross, spread
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


def _matrix(what, mask, axis, wraps):
    """By the definition, cell by cell."""
    if what.endswith("4"):
        second, one = _matrix("second", mask, axis, wraps), np.eye(mask.size)
        part = {"second4": one - second / 12, "central4": one - second / 6}[what]
        return _matrix(what[:-1], mask, axis, wraps) @ part
    shape, n = mask.shape, mask.size
    number = np.arange(n).reshape(shape)
    rows = np.zeros((n, n))
    for cell in np.ndindex(*shape):
        here = number[cell]
        for sign in (-1, 1):
            other = list(cell)
            other[axis] += sign
            inside = wraps or 0 <= other[axis] < shape[axis]
            other[axis] %= shape[axis]
            met = inside and mask[cell] and mask[tuple(other)]
            there = number[tuple(other)] if met else here
            if what == "second":
                rows[here, there] += 1
                rows[here, here] -= 1
            elif what == "central" or met:
                rows[here, there] += sign
    return rows


@pytest.mark.parametrize("what", ["second", "central", "pairs", "second4", "central4"])
@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("axis, length", [(0, 2), (1, 3), (2, 4), (0, 5)])
def test_stencils_and_their_transposes(what, wraps, holes, axis, length):
    shape = tuple(length if i == axis else 2 for i in range(3))
    mask = np.random.default_rng(axis).random(shape) < 0.7 if holes else np.ones(shape, bool)
    periodic = tuple(wraps and i == axis for i in range(3))
    grid = jaxstt.Grid(shape, (0.5e-9,) * 3, mask=mask if holes else None, periodic=periodic)
    apply = {
        "second": lambda m: _stencil.second_difference(grid, m, axis),
        "central": lambda m: 1e-9 * _stencil.gradient(grid, m, axis),
        "pairs": lambda m: _stencil.difference(grid, m, axis),
        "second4": lambda m: _stencil.second_difference(grid, m, axis, 4),
        "central4": lambda m: 1e-9 * _stencil.gradient(grid, m, axis, 4),
    }[what]
    matrix = _matrix(what, mask, axis, wraps)
    known = np.kron(np.eye(3), matrix)
    m = jnp.asarray(np.random.default_rng(1).normal(size=(3, *shape)))
    np.testing.assert_allclose(apply(m).ravel(), known @ m.ravel(), atol=1e-14)
    for derive in (jax.jacfwd, jax.jacrev):
        found = jax.jit(derive(apply))(m).reshape(known.shape)
        np.testing.assert_allclose(found, known, atol=1e-14)
    several = jnp.stack([m, 2 * m], axis=2)
    together = jax.vmap(jax.grad(lambda m: jnp.sum(jnp.sin(apply(m)))), 2, 2)(several)
    alone = matrix.T @ np.cos(2 * matrix @ np.asarray(m).reshape(3, -1).T)
    np.testing.assert_allclose(together[:, :, 1].reshape(3, -1).T, alone, atol=1e-13)


@pytest.mark.parametrize("shape", [(), (1, 1, 1, 1)])
def test_a_number_over_a_field(shape):
    field = jnp.asarray(np.random.default_rng(2).normal(size=(1, 4, 3, 2)))
    value = lambda x, f: jnp.sum(jnp.sin(spread(x, f.shape) * f))  # noqa: E731
    x = jnp.full(shape, 0.7)
    slope = float(jnp.sum(field * jnp.cos(0.7 * field)))
    for derive in (jax.grad, jax.jacfwd):
        assert derive(value)(x, field).shape == shape
        assert float(derive(value)(x, field).sum()) == pytest.approx(slope, rel=1e-13)
    several = jax.vmap(jax.grad(value), (0, None))(jnp.stack([x, 0.7 + 0 * x]), field)
    np.testing.assert_allclose(several.ravel(), slope, rtol=1e-13)
    second = jax.hessian(value)(x, field).ravel()[0]
    assert float(second) == pytest.approx(-float(jnp.sum(field**2 * jnp.sin(0.7 * field))))
