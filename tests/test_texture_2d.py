"""Vortex and skyrmion: where they are, which way they turn, what they refuse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

D = 2e-9
GRID = jaxstt.Grid((40, 36, 2), (D, 1.5 * D, D))
X = GRID.centres("x")[:, None, None] * np.ones(GRID.shape)
Y = GRID.centres("y")[None, :, None] * np.ones(GRID.shape)
SIGNS = (1, -1)


@pytest.mark.parametrize("circulation", SIGNS)
@pytest.mark.parametrize("polarity", SIGNS)
def test_vortex_follows_its_formula(circulation: int, polarity: int):
    at, rc = (33.3e-9, 51.7e-9), 11e-9
    m = jaxstt.vortex(GRID, circulation, polarity, position=at, core_radius=rc)
    x, y = X - at[0], Y - at[1]
    phi = np.arctan2(y, x) + circulation * np.pi / 2
    mz = polarity * np.exp(-(x**2 + y**2) / rc**2)
    expected = [np.sqrt(1 - mz**2) * np.cos(phi), np.sqrt(1 - mz**2) * np.sin(phi), mz]
    np.testing.assert_allclose(m, expected, atol=1e-12)


def test_vortex_in_words():
    """Counter-clockwise: on the right of the middle m points up along y; core up."""
    m = jaxstt.vortex(GRID, 1, 1)
    assert float(m[1, -1, 18, 0]) > 0.99 and float(m[0, 20, -1, 0]) < -0.99
    assert float(m[2, 20, 18, 0]) > 0.9
    # By default in the middle: the four cells around it are alike.
    np.testing.assert_allclose(m[2, 19, 17], m[2, 20, 18], rtol=1e-12)


@pytest.mark.parametrize("polarity", SIGNS)
@pytest.mark.parametrize("vorticity", SIGNS)
@pytest.mark.parametrize("helicity", [0.0, 0.7])
def test_skyrmion_follows_its_formula(polarity: int, vorticity: int, helicity: float):
    at, R, w = (33.3e-9, 51.7e-9), 12e-9, 4e-9
    kwargs = {"polarity": polarity, "vorticity": vorticity, "helicity": helicity}
    m = jaxstt.skyrmion(GRID, R, w, position=at, **kwargs)
    x, y = X - at[0], Y - at[1]
    theta = 2 * np.arctan(np.sinh(R / w) / np.sinh(np.hypot(x, y) / w))
    phi = vorticity * np.arctan2(y, x) + helicity
    expected = [np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), -polarity * np.cos(theta)]
    np.testing.assert_allclose(m, expected, atol=1e-12)


def test_skyrmion_in_words():
    """By default a core down in a film up, with the wall pointing outwards (Neel)."""
    m = jaxstt.skyrmion(GRID, 12e-9, 4e-9)
    assert float(m[2, 20, 18, 0]) < -0.95 and float(m[2, 0, 0, 0]) > 0.99
    assert float(m[0, 26, 18, 0]) > 0.9
    bloch = jaxstt.skyrmion(GRID, 12e-9, 4e-9, helicity=np.pi / 2)
    assert float(bloch[1, 26, 18, 0]) > 0.9


MAKE = {
    "vortex": lambda grid, at: jaxstt.vortex(grid, -1, 1, position=at),
    "skyrmion": lambda grid, at: jaxstt.skyrmion(grid, 12e-9, 4e-9, position=at, helicity=0.4),
}


@pytest.mark.parametrize("kind", MAKE)
def test_unit_vectors_vacuum_and_slope_at_a_cell_centre(kind: str):
    mask = np.hypot(X - 40e-9, Y - 54e-9) < 35e-9
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=mask)
    at = jnp.asarray([X[20, 0, 0], Y[0, 18, 0]])
    make = jax.jit(lambda at: MAKE[kind](grid, at))
    m = np.asarray(make(at))
    np.testing.assert_allclose(np.sum(m**2, axis=0), mask, atol=1e-12)
    assert m[2, 20, 18, 0] == (1 if kind == "vortex" else -1)
    _, slope = jax.jit(lambda at: jax.jvp(make, (at,), (jnp.asarray([1.0, 0.0]),)))(at)
    h = jnp.asarray([1e-13, 0.0])
    np.testing.assert_allclose(slope, (make(at + h) - make(at - h)) / 2e-13, atol=1e-4 / D)


@pytest.mark.parametrize("kind", MAKE)
def test_periodic_axes_take_the_nearest_image(kind: str):
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, periodic=(True, False, False))
    middle, edge = (MAKE[kind](grid, (x, 50e-9)) for x in (40.5e-9, 0.5e-9))
    if kind == "vortex":  # jumps half a period away; not at the core
        middle, edge = middle[:, 10:31], jnp.roll(edge, 20, axis=1)[:, 10:31]
    else:
        edge = jnp.roll(edge, 20, axis=1)
    np.testing.assert_allclose(edge, middle, atol=1e-9)


@pytest.mark.parametrize("kind", MAKE)
def test_single_precision_of_a_large_film(kind: str):
    """No overflow 250 wall widths away from the core; slopes too."""
    big = jaxstt.Grid((250, 250, 1), (8e-9, 8e-9, 2e-9))
    at, width = jnp.asarray([21e-9, 30e-9], jnp.float32), jnp.asarray(8e-9, jnp.float32)

    def make(width):
        if kind == "vortex":
            return jaxstt.vortex(big, position=at, core_radius=width)
        return jaxstt.skyrmion(big, 10 * width, width, position=at)

    m, slope = jax.jit(lambda width: jax.jvp(make, (width,), (jnp.ones_like(width),)))(width)
    assert m.dtype == jnp.float32
    assert bool(jnp.all(jnp.isfinite(m))) and bool(jnp.all(jnp.isfinite(slope)))
    np.testing.assert_allclose(jnp.sum(m**2, axis=0), 1.0, atol=1e-5)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: jaxstt.vortex(GRID, 2), r"`circulation` must be \+1 or -1, got 2"),
        (lambda: jaxstt.vortex(GRID, 1, 0), r"`polarity` must be \+1 or -1, got 0"),
        (
            lambda: jaxstt.vortex(GRID, position=(1e-6, 0)),
            "`position` must lie in the film, 0 to 8e-08",
        ),
        (
            lambda: jaxstt.vortex(GRID, position=3e-8),
            r"`position` must be \(x, y\), got shape \(\)",
        ),
        (
            lambda: jaxstt.vortex(GRID, core_radius=1e-9),
            "`core_radius` must lie between the cell, 3e-09",
        ),
        (lambda: jaxstt.vortex(GRID, core_radius=10), "`core_radius` must lie between .* got 10"),
        (
            lambda: jaxstt.vortex(jaxstt.Grid((9, 1, 1), (D, D, D))),
            "two cells or more along x and y",
        ),
        (lambda: jaxstt.skyrmion(GRID, 12e-9, 1e-9), "`width` must lie between"),
        (lambda: jaxstt.skyrmion(GRID, 60e-9, 4e-9), "`radius` must lie between"),
        (lambda: jaxstt.skyrmion(GRID, -1, 4e-9), "`radius` must be > 0, got -1"),
        (lambda: jaxstt.skyrmion(GRID, 12e-9, 4e-9, polarity=0.5), r"`polarity` must be \+1 or -1"),
        (lambda: jaxstt.skyrmion(GRID, 12e-9, 4e-9, vorticity=2), r"`vorticity` must be \+1 or -1"),
        (lambda: jaxstt.skyrmion(GRID, 12e-9, 4e-9, helicity=np.nan), "`helicity` must be finite"),
    ],
)
def test_bad_arguments(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
