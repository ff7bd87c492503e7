"""Exchange with a stiffness that varies in space."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import Exchange

A, MS = 1.3e-11, 8e5
T = jnp.asarray(0.0)
SHAPE, SPACING = (6, 4, 3), (2e-9, 3e-9, 4e-9)


def _random(low: float, high: float, seed: int, shape=SHAPE) -> jax.Array:
    return low + (high - low) * jax.random.uniform(jax.random.key(seed), shape)


def _mask() -> np.ndarray:
    mask = np.ones(SHAPE, bool)
    mask[2:4, 1:3, 0] = False
    mask[5, 3] = False
    return mask


@eqx.filter_jit
def _field(term, grid, Ms, m):
    return term.field(grid, Ms, T, m)


@pytest.mark.parametrize("periodic", [False, True])
def test_a_uniform_field_is_a_number(periodic: bool):
    grid = jaxstt.Grid(SHAPE, SPACING, (periodic,) * 3, _mask())
    Ms, m = jnp.where(grid.mask, MS, 0.0), jaxstt.random_state(grid, jax.random.key(0))
    number, field = (_field(Exchange(a), grid, Ms, m) for a in (A, jnp.full(SHAPE, A)))
    np.testing.assert_allclose(field, number, atol=1e-13 * float(jnp.max(jnp.abs(number))))


@pytest.mark.parametrize("periodic", [False, True])
def test_field_is_the_slope_of_the_energy(periodic: bool):
    grid = jaxstt.Grid(SHAPE, SPACING, (periodic,) * 3, _mask())
    Ms = jnp.where(grid.mask, _random(0.5 * MS, MS, 1), 0.0)
    term = Exchange(_random(0.1 * A, A, 2).at[0, 0].set(0))
    m = 1.3 * jaxstt.random_state(grid, jax.random.key(0))
    slope = jax.jit(jax.grad(lambda m: term.energy(grid, Ms, T, m)))(m)
    B = _field(term, grid, Ms, m)
    expected = -slope / (jnp.where(Ms > 0, Ms, 1.0)[None] * grid.cell_volume)
    np.testing.assert_allclose(B, expected, atol=1e-10 * float(jnp.max(jnp.abs(B))))


def test_pair_of_cells():
    """B = (2/(Ms d^2)) [2 A A'/(A + A')] (m' - m), with the Ms of the cell itself."""
    d = 2e-9
    grid = jaxstt.Grid((2, 1, 1), (d, d, d))
    stiffness, Ms = jnp.array([A, 3 * A])[:, None, None], jnp.array([MS, 2 * MS])[:, None, None]
    m = jnp.array([[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]])[:, :, None, None]
    B = Exchange(stiffness).field(grid, Ms, T, m)[:, :, 0, 0]
    scale = 2 / (MS * d**2) * 1.5 * A
    np.testing.assert_allclose(B[:, 0], np.array([-1, 0, 1]) * scale, rtol=1e-13)
    np.testing.assert_allclose(B[:, 1], np.array([1, 0, -1]) * scale / 2, rtol=1e-13)


def test_flux_is_continuous_where_two_materials_meet():
    """m with slopes p/A on both sides and its kink at the face feels no field."""
    n, d = 12, 2e-9
    grid = jaxstt.Grid((n, 1, 1), (d, d, d))
    x = grid.centres("x") - n * d / 2
    stiffness = np.where(x < 0, A, 4 * A)
    m = np.stack([np.ones(n), A / stiffness * x / 1e-7, 0 * x])[:, :, None, None]
    B = Exchange(stiffness[:, None, None]).field(grid, jnp.asarray(MS), T, jnp.asarray(m))
    single = 2 * A / (MS * d * 1e-7)  # what one face alone gives
    assert float(jnp.max(jnp.abs(B[:, 1:-1]))) < 1e-12 * single


def test_observed_order():
    """B = (2/Ms) div(A grad m) for smooth A."""

    def error(n):
        size = 1e-7
        grid = jaxstt.Grid((n, n, 1), (size / n,) * 3, periodic=(True, True, False))
        k = 2 * np.pi / size
        x, y = np.meshgrid(k * grid.centres("x"), k * grid.centres("y"), indexing="ij")
        f = np.sin(x + 2 * y)
        stiffness = A * (1 + 0.4 * np.sin(x) * np.cos(y))
        slope_x, slope_y = 0.4 * A * np.cos(x) * np.cos(y), -0.4 * A * np.sin(x) * np.sin(y)
        expected = -5 * stiffness * f + (slope_x + 2 * slope_y) * np.cos(x + 2 * y)
        expected = 2 / MS * k**2 * expected
        m = jnp.asarray(np.stack([f, 0 * f, 0 * f])[..., None])
        B = Exchange(stiffness[..., None]).field(grid, jnp.asarray(MS), T, m)[0, :, :, 0]
        return np.max(np.abs(B - expected)) / np.max(np.abs(expected))

    coarse, fine = error(32), error(64)
    assert fine < 0.02
    assert abs(np.log2(coarse / fine) - 2) < 0.1


def test_vacuum_and_uncoupled_cells_are_differentiable():
    grid = jaxstt.Grid(SHAPE, SPACING, mask=_mask())
    m = jaxstt.random_state(grid, jax.random.key(0))
    Ms, stiffness = jnp.where(grid.mask, MS, 0.0), jnp.full(SHAPE, A).at[:2].set(0)
    B = Exchange(stiffness).field(grid, jnp.asarray(MS), T, m)
    # No field in vacuum, none where A is 0, and some elsewhere.
    free = np.asarray(grid.mask) & (np.asarray(stiffness) > 0)
    assert float(jnp.max(jnp.abs(jnp.where(free[None], 0.0, B)))) == 0
    assert float(jnp.max(jnp.abs(B))) > 0

    def total(A, Ms, m):
        return jnp.sum(Exchange(A).field(grid, Ms, T, m) ** 2)

    for slope in jax.jit(jax.grad(total, (0, 1, 2)))(stiffness, Ms, m):
        assert bool(jnp.all(jnp.isfinite(slope))) and bool(jnp.any(slope != 0))
    single = Exchange(stiffness.astype(jnp.float32))
    low = single.field(grid, jnp.float32(MS), T, m.astype(jnp.float32))
    assert low.dtype == jnp.float32
    np.testing.assert_allclose(low, B, atol=1e-5 * float(jnp.max(jnp.abs(B))))


def test_stiffness_bounds_the_spectrum():
    shape = (24, 16, 1)
    grid, Ms = jaxstt.Grid(shape, (2e-9, 3e-9, 2e-9)), jnp.asarray(MS)
    term = Exchange(_random(0.5 * A, A, 3, shape))
    v = jax.random.normal(jax.random.key(4), (3, *shape))
    for _ in range(300):
        v = _field(term, grid, Ms, v / jnp.linalg.norm(v))
    radius = float(jnp.linalg.norm(v))
    assert radius < float(term.stiffness(grid, Ms)) < 2 * radius


@pytest.mark.parametrize(
    "arguments,message",
    [
        ((0.0,), "`A` must be > 0, got 0"),
        ((np.full(SHAPE, -A),), "`A` must be >= 0, got -1.3e-11"),
        ((np.ones(3),), "`A` must be a number or a field"),
        ((np.full(SHAPE, A), 4), "`order` must be 2 where `A` is a field, got 4"),
        ((A, 3), "`order` must be 2 or 4"),
    ],
)
def test_refusals(arguments, message: str):
    with pytest.raises(ValueError, match=message):
        Exchange(*arguments)


def test_a_field_must_fit_the_grid():
    grid = jaxstt.Grid((6, 4, 2), SPACING)
    with pytest.raises(ValueError, match="`A` of Exchange must be a number"):
        jaxstt.LLG(grid, Ms=MS, alpha=0.1, energies=(Exchange(jnp.full(SHAPE, A)),))


@pytest.mark.parametrize("case", ["smooth", "notch", "mask"])
def test_stiffness_bounds_the_spectrum_cell_by_cell(case):
    """Also where A and Ms fall together by 50: max(A)/min(Ms) would be 50 times too much."""
    shape = (12, 10, 3)
    mask = np.random.default_rng(1).uniform(size=shape) < 0.8 if case == "mask" else None
    grid = jaxstt.Grid(shape, (2e-9, 3e-9, 4e-9), mask=mask)
    rng = np.random.default_rng(2)
    part = rng.uniform(0.5, 1.0, shape)
    if case == "notch":
        part = np.ones(shape)
        part[4:8, :4] = 0.02
    term, Ms = Exchange(jnp.asarray(A * part)), jnp.asarray(MS * part)

    @jax.jit
    def once(v):
        return term.field(grid, Ms, T, v)

    v = jax.random.normal(jax.random.key(8), (3, *shape))
    for _ in range(400):
        v = once(v / jnp.linalg.norm(v))
    radius = float(jnp.linalg.norm(v))
    assert radius < float(term.stiffness(grid, Ms)) < 2.5 * radius
