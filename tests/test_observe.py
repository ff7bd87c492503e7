"""Walls put at known places are found there, and mean motion is read without aliasing."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

D = 2e-9
GRID = jaxstt.Grid((96, 2, 1), (D, D, D))
MAKE = {
    "bloch": (jaxstt.bloch_wall, "z", np.pi / 2),
    "neel": (jaxstt.neel_wall, "z", np.pi - 0.1),
    "head to head": (jaxstt.head_to_head_wall, "x", -0.7),
}


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("kind", MAKE)
def test_sub_cell_position_width_angle(kind: str, charge: int):
    make, component, angle = MAKE[kind]
    width = 3 * D

    def read(q):
        m = make(GRID, width, position=q, charge=charge, angle=angle)
        return jaxstt.WallTracker(GRID, component)(0.0, m)

    places = jnp.asarray(np.random.default_rng(0).uniform(30, 60, 20) * D)
    state = jax.jit(jax.vmap(read))(places)
    np.testing.assert_allclose(state.position, places, atol=1e-3 * D)
    np.testing.assert_allclose(state.width, width, rtol=1e-3)
    np.testing.assert_allclose(state.angle, angle, atol=1e-3)
    # Nothing jumps where the wall passes from cell to cell.
    slope = jax.jit(jax.vmap(jax.grad(lambda q: read(q).position)))(places)
    np.testing.assert_allclose(slope, 1.0, atol=1e-3)


def test_single_precision():
    m = jaxstt.bloch_wall(GRID, 10e-9, position=83.3e-9).astype(jnp.float32)
    state = jaxstt.wall_state(GRID, m)
    np.testing.assert_allclose(state.position, 83.3e-9, atol=2e-3 * D)
    np.testing.assert_allclose(state.width, 10e-9, rtol=1e-3)


@pytest.mark.parametrize("walls", [0, 2])
def test_no_wall_is_an_error(walls: int):
    m = np.array(jaxstt.uniform(GRID, (0, 0, 1)))
    if walls:
        m[2, 30:50] = -1
    with pytest.raises(ValueError, match=f"got {walls} sign changes"):
        jaxstt.wall_position(GRID, m)


def test_average_counts_magnetic_cells_only():
    mask = np.zeros(GRID.shape, bool)
    mask[:10] = True
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=mask)
    np.testing.assert_allclose(
        jaxstt.average(jaxstt.uniform(grid, (0, 0, 1)), grid), [0, 0, 1], atol=1e-12
    )


@pytest.mark.parametrize("charge", [1, -1])
def test_the_edge_of_the_magnet_is_no_wall(charge: int):
    mask = np.zeros(GRID.shape, bool)
    mask[20:70] = True
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=mask)
    m = jaxstt.bloch_wall(grid, 4 * D, position=45.3 * D, charge=charge)
    np.testing.assert_allclose(jaxstt.wall_position(grid, m), 45.3 * D, rtol=1e-6)
    for direction in ((0, 0, 1), (0, 0, -1), (0, 1, 1e-3)):
        with pytest.raises(ValueError, match="got 0 sign changes"):
            jaxstt.wall_position(grid, jaxstt.uniform(grid, direction))


def test_a_track_of_two_walls_is_refused():
    place = jnp.arange(96.0)[:, None, None] * jnp.ones((96, 2, 1))
    theta = 2 * jnp.arctan(jnp.exp((place - 25) / 3)) + 2 * jnp.arctan(jnp.exp((place - 70) / 3))
    m = jnp.stack([jnp.sin(theta), 0 * theta, jnp.cos(theta)])
    one = jaxstt.WallTracker(GRID)(0.0, m)
    t = jnp.linspace(0, 1e-8, 21)
    track = jax.tree.map(lambda x: jnp.full(t.shape, x), one)
    with pytest.raises(ValueError, match="one wall must stay inside"):
        jaxstt.wall_motion(GRID, jaxstt.Solution(t, track, {}, jaxstt.RESULTS.successful))


def _solution(t, q, phi):
    track = jaxstt.WallState(jnp.asarray(q), jnp.full(t.shape, 1e-8), jnp.asarray(phi))
    return jaxstt.Solution(jnp.asarray(t), track, {}, jaxstt.RESULTS.successful)


@pytest.mark.parametrize("turns", [1.1, 2.3, 7.7])
@pytest.mark.parametrize("sense", [1, -1])
def test_running_wall_is_averaged_over_half_turns(turns: float, sense: int):
    """q and phi with harmonics of 2 phi large enough to spoil a plain slope."""
    t = np.linspace(0, 1e-8, 301)
    rate = np.pi * turns / 1e-8
    phase = rate * t + 0.4
    phi = sense * (phase + 0.3 * np.sin(2 * phase))
    q = 80e-9 + 4.0 * t + 5e-9 * np.cos(2 * phase)
    wrapped = np.angle(np.exp(1j * phi))
    motion = jaxstt.wall_motion(GRID, _solution(t, q, wrapped), window=(0, 1e-8))
    assert not bool(motion.locked)
    np.testing.assert_allclose(motion.velocity, 4.0, rtol=2e-4)
    np.testing.assert_allclose(motion.precession, sense * rate, rtol=2e-4)


def test_a_wall_of_period_two_pi_is_averaged_over_whole_turns():
    """Harmonics of phi itself, as DMI makes them; half turns would be off by far more."""
    t = np.linspace(0, 1e-8, 301)
    rate = np.pi * 7.7 / 1e-8
    phase = rate * t + 0.4
    q = 80e-9 + 4.0 * t + 5e-9 * np.cos(phase)
    sol = _solution(t, q, np.angle(np.exp(1j * (phase + 0.3 * np.sin(phase)))))
    motion = jaxstt.wall_motion(GRID, sol, window=(0, 1e-8), period=2 * np.pi)
    np.testing.assert_allclose(motion.velocity, 4.0, rtol=2e-4)
    np.testing.assert_allclose(motion.precession, rate, rtol=2e-4)
    np.testing.assert_allclose(
        jaxstt.wall_velocity(GRID, sol, window=(0, 1e-8), period=2 * np.pi), 4.0, rtol=2e-4
    )
    assert abs(float(jaxstt.wall_velocity(GRID, sol, window=(0, 1e-8))) - 4) > 0.2
    with pytest.raises(ValueError, match="nor completes a whole turn"):
        jaxstt.wall_motion(GRID, _solution(t, q, phase / 7.7), window=(0, 1e-8), period=2 * np.pi)
    with pytest.raises(ValueError, match=r"`period` must be pi or 2 pi, got 1\.0"):
        jaxstt.wall_motion(GRID, sol, period=1.0)


def test_locked_wall_and_default_window():
    t = np.linspace(0, 1e-8, 101)
    q = 20e-9 + 5.0 * t + 3e-9 * np.exp(-t / 3e-10)
    motion = jaxstt.wall_motion(GRID, _solution(t, q, 0.1 + 0 * t))
    assert bool(motion.locked) and float(motion.precession) == 0
    np.testing.assert_allclose(motion.velocity, 5.0, rtol=1e-5)


@pytest.mark.parametrize(
    "turned,samples,message",
    [
        (1.5, 101, "neither rests"),
        (0.2, 101, "neither rests"),
        (20.0, 9, "more than pi/2"),
        (0.0, 5, "at least 4 saved times"),
    ],
)
def test_records_that_cannot_be_read(turned: float, samples: int, message: str):
    t = np.linspace(0, 1e-8, samples)
    sol = _solution(t, 80e-9 + 0 * t, np.angle(np.exp(1j * turned * t / 1e-8)))
    window = (0, 1e-8) if samples > 5 else None
    with pytest.raises(ValueError, match=message):
        jaxstt.wall_motion(GRID, sol, window=window)


def test_a_wall_that_leaves_is_an_error():
    t = np.linspace(0, 1e-8, 21)
    with pytest.raises(ValueError, match="stay inside"):
        jaxstt.wall_motion(GRID, _solution(t, 1e-6 * t / 1e-8, 0 * t))


def test_what_is_in_vacuum_does_not_count():
    mask = np.ones((20, 4, 1), bool)
    mask[:, 2:] = False
    grid = jaxstt.Grid(mask.shape, (2e-9, 2e-9, 2e-9), mask=mask)
    m = jaxstt.bloch_wall(grid, 6e-9, position=20.5e-9)
    full = jnp.where(mask[None], m, 0.5)
    np.testing.assert_array_equal(jaxstt.average(full, grid), jaxstt.average(m, grid))
    for one, other in zip(jaxstt.wall_state(grid, full), jaxstt.wall_state(grid, m), strict=True):
        np.testing.assert_array_equal(one, other)
