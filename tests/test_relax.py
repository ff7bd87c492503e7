"""Where it rests: vacuum, and derivatives of the state of rest."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import RESULTS

MASK = np.ones((12, 6, 1), bool)
MASK[:2, :2] = MASK[9:, 4:] = False
GRID = jaxstt.Grid(MASK.shape, (4e-9,) * 3, mask=jnp.asarray(MASK))
DEMAG = jaxstt.Demag(GRID)
WEIGHT = jax.random.normal(jax.random.key(0), (3, *GRID.shape))


@jax.jit
def _rest(p):
    """A film with a piece cut out, in a field, as a function of four scaled parameters."""
    energies = (
        jaxstt.Exchange(1.3e-11 * p[1]),
        DEMAG,
        jaxstt.UniaxialAnisotropy(1e4 * p[2], (0, 1, 0)),
        jaxstt.Zeeman(jnp.array([0.02, 0.01, 0.005]) * p[3]),
    )
    llg = jaxstt.LLG(GRID, Ms=8e5 * p[0], alpha=0.1, energies=energies)
    return jaxstt.relax(llg, jaxstt.uniform(GRID, (1, 0.3, 0.1)), tol=1e-11)


def _number(p):
    return jnp.sum(WEIGHT * _rest(p).m)


def test_vacuum_stays_empty():
    rest = _rest(jnp.ones(4))
    assert float(rest.torque) <= 1e-11
    assert not rest.m[:, ~MASK].any()
    np.testing.assert_allclose(jnp.sum(rest.m**2, axis=0)[MASK], 1, atol=1e-14)


def test_derivatives_are_those_of_the_state_of_rest():
    p, h = jnp.ones(4), 5e-3
    reverse = jax.jit(jax.grad(_number))(p)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(_number))(p), reverse, atol=1e-8)
    # Five points: an error of the order of h^4, and of the tolerance of `relax` over h.
    step = lambda k: jnp.array([_number(p + k * h * e) for e in jnp.eye(4)])  # noqa: E731
    difference = (8 * (step(1) - step(-1)) - (step(2) - step(-2))) / (12 * h)
    np.testing.assert_allclose(reverse, difference, rtol=1e-6, atol=2e-7)


@pytest.mark.thorough
def test_second_derivatives():
    p, h = jnp.array([1.0, 1.1, 0.9, 1.05]), 1e-3
    slope = jax.jit(jax.jacfwd(_number))
    curvature = jax.jit(jax.jacfwd(jax.jacfwd(_number)))(p)
    difference = (slope(p.at[3].add(h)) - slope(p.at[3].add(-h))) / (2 * h)
    np.testing.assert_allclose(curvature[3], difference, rtol=1e-4, atol=1e-4)


def test_a_motion_that_costs_nothing_is_named():
    """An easy plane has no restoring force: a field in the plane turns m by a finite angle."""
    grid = jaxstt.Grid((1, 1, 1), (4e-9,) * 3)

    @jax.jit
    def rest(B):
        energies = (jaxstt.UniaxialAnisotropy(-1e5), jaxstt.Zeeman(B))
        llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies)
        return jaxstt.relax(llg, jaxstt.uniform(grid, (1, 0, 0))).m[1, 0, 0, 0]

    with pytest.raises(Exception, match="costs no energy"):
        jax.grad(rest)(jnp.zeros(3)).block_until_ready()


def test_a_field_of_Ms_is_no_obstacle():
    """The Hessian of B is 1/Ms times a symmetric one; taken for symmetric, it has no derivative."""
    grid = jaxstt.Grid((4, 1, 1), (2e-9,) * 3)
    weight = jax.random.normal(jax.random.key(1), (3, 4, 1, 1))

    @jax.jit
    def value(Ms):
        energies = (
            jaxstt.Exchange(1.3e-11),
            jaxstt.UniaxialAnisotropy(2e5),
            jaxstt.Zeeman((0.1, 0.05, 0.0)),
        )
        llg = jaxstt.LLG(grid, Ms=Ms, alpha=0.1, energies=energies)
        return jnp.sum(weight * jaxstt.relax(llg, jaxstt.uniform(grid, (0, 0, 1)), tol=1e-12).m)

    Ms = jnp.array([4e5, 8e5, 8e5, 8e5])[:, None, None]
    reverse, forward = jax.grad(value)(Ms), jax.jacfwd(value)(Ms)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9)
    step = jnp.zeros_like(Ms).at[0].set(100.0)
    np.testing.assert_allclose(
        reverse[0, 0, 0], (value(Ms + step) - value(Ms - step)) / 200, rtol=1e-6
    )


@pytest.mark.parametrize("start", [(0, 0, 1), (-1, 0, 0), (0, 1, 0)])
def test_a_maximum_and_a_saddle_are_left(start):
    """Hard axis z, field along x: only +x is a minimum, the torque vanishes at z and -x too."""
    grid = jaxstt.Grid((4, 3, 1), (4e-9,) * 3)
    energies = (
        jaxstt.Exchange(1.3e-11),
        jaxstt.UniaxialAnisotropy(-1e4),
        jaxstt.UniaxialAnisotropy(1e3, (1, 0, 0)),
        jaxstt.Zeeman((1e-3 if start[0] else 0.0, 0, 0)),
    )
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies)
    rest = jaxstt.relax(llg, jaxstt.uniform(grid, start))
    np.testing.assert_allclose(jnp.abs(rest.m[0]), 1, atol=1e-6)


def test_a_minimum_is_kept_to_the_last_bit():
    """The kick leaves no trace where it leads back."""
    grid = jaxstt.Grid((4, 3, 1), (4e-9,) * 3)
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.UniaxialAnisotropy(1e5),))
    up = jaxstt.uniform(grid, (0, 0, 1))
    np.testing.assert_array_equal(jaxstt.relax(llg, up).m, up)


def test_a_saddle_that_is_not_left_in_time_is_no_rest():
    grid = jaxstt.Grid((4, 3, 1), (4e-9,) * 3)
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(1e3, (1, 0, 0)))
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies)
    hard = jaxstt.uniform(grid, (0, 0, 1))
    rest = jaxstt.relax(llg, hard, max_steps=2, throw=False)
    assert bool(rest.result == RESULTS.max_steps_reached)
    np.testing.assert_allclose(jnp.abs(jaxstt.relax(llg, hard).m[0]), 1, atol=1e-6)
