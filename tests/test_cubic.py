"""Cubic anisotropy: energies of known directions, gradient, axes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import CubicAnisotropy

GRID = jaxstt.Grid((6, 4, 2), (2e-9, 3e-9, 4e-9))
MS = jnp.asarray(8e5)
T = jnp.asarray(0.0)
AXES = {"axis1": (1.0, 1.0, 0.0), "axis2": (1.0, -1.0, 1.0)}  # the third: (1, -1, -2)/sqrt(6)


def _random(low: float, high: float, seed: int) -> jax.Array:
    return low + (high - low) * jax.random.uniform(jax.random.key(seed), GRID.shape)


@pytest.mark.parametrize("axes", [{}, AXES], ids=["along xyz", "turned"])
def test_density_of_known_directions(axes):
    K1, K2 = 3e4, -7e4
    term = CubicAnisotropy(K1, K2, **axes)
    a = np.array(list(axes.values()) or np.eye(3)[:2])
    a = a / np.linalg.norm(a, axis=1)[:, None]
    basis = np.vstack([a, np.cross(*a)])
    volume = np.prod(GRID.lengths)
    for direction, density in {
        (1, 0, 0): 0.0,
        (0, 0, 1): 0.0,
        (1, 1, 0): K1 / 4,
        (0, -1, 1): K1 / 4,
        (1, 1, 1): K1 / 3 + K2 / 27,
        (1, -1, 1): K1 / 3 + K2 / 27,
        (2, 1, 0): K1 * 4 / 25,
    }.items():
        m = jaxstt.uniform(GRID, np.array(direction) @ basis)
        energy = float(term.energy(GRID, MS, T, m))
        np.testing.assert_allclose(energy / volume, density, rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("K1,K2", [(3e4, 0.0), (0.0, 5e4), ("field", "field")])
def test_field_is_the_slope_of_the_energy(K1, K2):
    varying = K1 == "field"
    Ms = _random(6e5, 9e5, 1) if varying else MS
    term = CubicAnisotropy(
        _random(-3e4, 3e4, 2) if varying else K1, _random(-3e4, 9e4, 3) if varying else K2, **AXES
    )
    m = 1.3 * jaxstt.random_state(GRID, jax.random.key(0))
    slope = jax.jit(jax.grad(lambda m: term.energy(GRID, Ms, T, m)))(m)
    B = term.field(GRID, Ms, T, m)
    expected = -slope / (jnp.broadcast_to(Ms, GRID.shape)[None] * GRID.cell_volume)
    np.testing.assert_allclose(B, expected, atol=1e-10 * float(jnp.max(jnp.abs(B))))


@pytest.mark.parametrize("K1,K2", [(3e4, 0.0), (-3e4, 0.0), (0.0, 4e4)])
def test_stiffness_is_the_largest_slope(K1: float, K2: float):
    """Of the field over the sphere, met on the diagonals."""
    term = CubicAnisotropy(K1, K2)
    one = jaxstt.Grid((1, 1, 1), (2e-9,) * 3)

    def slope(v):
        field = jax.jacfwd(lambda v: term.field(one, MS, T, v[:, None, None, None])[:, 0, 0, 0])(v)
        return jnp.max(jnp.abs(jnp.linalg.eigvalsh(field)))

    v = np.random.default_rng(0).normal(size=(3000, 3))
    v = np.vstack([np.ones((1, 3)), v])
    slopes = jax.jit(jax.vmap(slope))(jnp.asarray(v / np.linalg.norm(v, axis=1)[:, None]))
    np.testing.assert_allclose(jnp.max(slopes), term.stiffness(one, MS), rtol=1e-10)


def test_vacuum_is_empty_and_differentiable():
    mask = np.ones(GRID.shape, bool)
    mask[2:4] = False
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=mask)
    m = jaxstt.random_state(grid, jax.random.key(0))
    Ms = jnp.where(grid.mask, MS, 0.0)

    def field(Ms, K1, K2):
        return CubicAnisotropy(K1, K2).field(grid, Ms, T, m)

    assert float(jnp.max(jnp.abs(jnp.where(grid.mask[None], 0.0, field(Ms, 3e4, 4e4))))) == 0
    slopes = jax.grad(lambda *p: jnp.sum(field(*p) ** 2), (0, 1, 2))(Ms, 3e4, 4e4)
    for slope in slopes:
        assert bool(jnp.all(jnp.isfinite(slope))) and bool(jnp.any(slope != 0))


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"axis2": (1, 1, 0)}, "`axis2` must be perpendicular to `axis1`, got 0.7071"),
        ({"axis1": (0, 1, 0)}, "`axis2` must be perpendicular to `axis1`, got 1"),
        ({"axis1": (0, 0, 0)}, "`axis1` must not be zero"),
        ({"axis2": (0, 0)}, r"`axis2` must be a vector \(3,\), got shape \(2,\)"),
        ({"K2": np.inf}, "`K2` must be finite"),
    ],
)
def test_refusals(arguments, message: str):
    with pytest.raises(ValueError, match=message):
        CubicAnisotropy(**{"K1": 1e4, **arguments})
