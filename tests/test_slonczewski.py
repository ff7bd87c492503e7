"""Slonczewski: signs in words, the equivalent field, the critical current of a macrospin."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import GAMMA

MS, D, J = 8e5, 2e-9, 3e11
HBAR, E = 1.054571817e-34, 1.602176634e-19
FIELD = HBAR * J / (E * MS * D)
"""T, of epsilon = 1."""
SPIN = jaxstt.Grid((1, 1, 1), (5e-9, 5e-9, D))
T = jnp.asarray(0.0)
M = jnp.asarray([[0.48, 0.6, 0.64]])[:, :, None, None].reshape(3, 1, 1, 1)
"""A unit vector."""


@eqx.filter_jit
def _rate(torque, grid, m, t=T):
    return torque.rate(grid, jnp.asarray(MS), t, m)


def _single(torque, m=M):
    return np.asarray(_rate(torque, SPIN, m)[:, 0, 0, 0])


@pytest.mark.parametrize("side,sign", [("top", 1), ("bottom", -1)])
@pytest.mark.parametrize("current", [1, -1])
def test_electrons_from_the_fixed_layer_turn_m_towards_p(side: str, sign: int, current: int):
    """Conventional j up is electrons down, out of a fixed layer on top."""
    m = jnp.asarray([0.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    torque = jaxstt.Slonczewski(current * J, (1, 0, 0), 0.4, fixed_layer=side)
    rate = _single(torque, m)
    assert sign * current * rate[0] > 1e8
    np.testing.assert_allclose(rate[1:], 0.0, atol=1.0)


@pytest.mark.parametrize("Lambda", [1.0, 1.7])
def test_equivalent_field(Lambda: float):
    """T/Ms = -gamma m x B with B = (hbar j/(e Ms d)) (epsilon m x p + epsilon' p)."""
    P, prime, p = 0.4, 0.03, np.array([0.6, 0.0, -0.8])
    m = np.asarray(M).ravel()
    epsilon = P * Lambda**2 / ((Lambda**2 + 1) + (Lambda**2 - 1) * (m @ p))
    B = FIELD * (epsilon * np.cross(m, p) + prime * p)
    torque = jaxstt.Slonczewski(J, 5 * p, P, Lambda=Lambda, epsilon_prime=prime)
    np.testing.assert_allclose(_single(torque), -GAMMA * np.cross(m, B), rtol=1e-9)


def test_field_like_part_precesses_about_p():
    m = jnp.asarray([1.0, 0.0, 0.0]).reshape(3, 1, 1, 1)
    rate = _single(jaxstt.Slonczewski(J, (0, 0, 1), 0.0, epsilon_prime=0.1), m)
    np.testing.assert_allclose(rate, [0, GAMMA * FIELD * 0.1, 0], rtol=1e-9, atol=1e-3)


def test_thickness_and_its_default():
    """Half as thick, twice the rate; by default the height of the grid."""
    p = (0, 0, 1)
    tall = jaxstt.Grid((1, 1, 3), (5e-9, 5e-9, D))
    own = _rate(jaxstt.Slonczewski(J, p, 0.4), tall, jnp.tile(M, (1, 1, 1, 3)))
    given = _rate(jaxstt.Slonczewski(J, p, 0.4, thickness=3 * D), SPIN, M)
    np.testing.assert_allclose(own[..., :1], given, rtol=1e-12)
    np.testing.assert_allclose(3 * given, _rate(jaxstt.Slonczewski(J, p, 0.4), SPIN, M), rtol=1e-12)


B, ALPHA = 0.5, 0.3


@eqx.filter_jit
def _end(j, p, P, Lambda, time, tilt):
    llg = jaxstt.LLG(
        SPIN,
        Ms=MS,
        alpha=ALPHA,
        energies=(jaxstt.Zeeman((0.0, 0.0, B)),),
        torques=(jaxstt.Slonczewski(j, p, P, Lambda=Lambda),),
    )
    m0 = jaxstt.uniform(SPIN, jnp.stack([jnp.sin(tilt), 0 * tilt, jnp.cos(tilt)]))
    return jaxstt.evolve(llg, m0, jnp.stack([0 * time, time]), rtol=1e-9, atol=1e-12).m[-1].ravel()


def test_critical_current_of_a_macrospin():
    """It leaves the field B at j_c = alpha gamma B e Ms d/(mu_B P Lambda^2) for p = -B/|B|.

    Close to j_c the tilt grows with the rate (alpha gamma B/(1+alpha^2)) (j/j_c - 1); 1 % beside
    it on either side settles the sign.
    """
    P, Lambda = 0.4, 1.5
    mu_B = 9.2740100657e-24
    critical = ALPHA * GAMMA * B * E * MS * D / (mu_B * P * Lambda**2)
    tilt, time = 1e-3, 2e-9
    slope = ALPHA * GAMMA * B / (1 + ALPHA**2)
    for ratio in (0.99, 1.01):
        m = _end(*map(jnp.asarray, (ratio * critical, (0.0, 0.0, -1.0), P, Lambda, time, tilt)))
        growth = np.log(np.hypot(m[0], m[1]) / np.sin(tilt)) / time
        np.testing.assert_allclose(growth, slope * (ratio - 1), rtol=1e-2)
    m = _end(*map(jnp.asarray, (3 * critical, (0.0, 0.0, -1.0), P, Lambda, time, tilt)))
    np.testing.assert_allclose(m, [0, 0, -1], atol=1e-6)


def test_field_of_currents_and_vacuum():
    grid = helpers.GRID
    mask = np.ones(grid.shape, bool)
    mask[0] = False
    grid = jaxstt.Grid(grid.shape, grid.spacing, mask=mask)
    m = jaxstt.random_state(grid, jax.random.key(1))
    j = jnp.arange(48.0).reshape(grid.shape) * 1e10
    one = _rate(jaxstt.Slonczewski(1e10, (0, 0, 1), 0.4), grid, m)
    rate = _rate(jaxstt.Slonczewski(j, (0, 0, 1), 0.4), grid, m)
    np.testing.assert_allclose(rate, one * jnp.arange(48.0).reshape(1, *grid.shape), rtol=1e-12)
    assert not np.any(np.asarray(rate)[:, 0])
    np.testing.assert_allclose(np.sum(rate * m, axis=0), 0, atol=1e-9 * float(jnp.max(rate)))


def test_drive_in_time():
    pulse = jaxstt.Pulse(J, start=1e-12, duration=4e-12, rise=1e-12)
    torque = jaxstt.Slonczewski(pulse, (0, 0, 1), 0.4)
    full = _rate(jaxstt.Slonczewski(J, (0, 0, 1), 0.4), SPIN, M)
    half = _rate(torque, SPIN, M, jnp.asarray(1.5e-12))
    np.testing.assert_allclose(half, full / 2, rtol=1e-9)
    np.testing.assert_allclose(_rate(torque, SPIN, M), 0.0)
    assert torque.drives[0].breakpoints.shape == (4,)
    assert jaxstt.Slonczewski(J, (0, 0, 1), 0.4).drives == []
    wrong = jaxstt.Slonczewski(lambda t: jnp.ones(3), (0, 0, 1), 0.4)
    with pytest.raises(ValueError, match="`j` must be a number or of shape"):
        wrong.rate(SPIN, jnp.asarray(MS), T, M)


@pytest.mark.parametrize("Lambda", [1.0, 0.5, 2.5])
def test_stiffness_is_a_bound_and_a_close_one(Lambda: float):
    """Of |d rate/dm| for turns of m."""
    torque = jaxstt.Slonczewski(J, (0.6, 0, 0.8), -0.4, Lambda=Lambda, epsilon_prime=0.05)
    directions = jax.random.normal(jax.random.key(0), (200, 3))
    directions = directions / jnp.linalg.norm(directions, axis=1, keepdims=True)

    def norm(m):
        turn = jax.jacfwd(lambda m: _rate(torque, SPIN, m.reshape(3, 1, 1, 1)).ravel())(m)
        return jnp.linalg.norm(turn @ (jnp.eye(3) - jnp.outer(m, m)), 2)

    worst = jnp.max(jax.jit(jax.vmap(norm))(directions))
    bound = torque.stiffness(SPIN, jnp.asarray(MS))
    assert 1.0 <= float(bound / worst) < 2.5


def test_gradients_and_vmap_over_every_leaf():
    leaves = {"j": J, "P": 0.4, "thickness": D, "Lambda": 1.5, "epsilon_prime": 0.05}
    leaves = jax.tree.map(jnp.asarray, leaves)
    p = jnp.asarray([0.5, -0.2, 0.8])

    @jax.jit
    def value(leaves, p):
        return _rate(jaxstt.Slonczewski(p=p, **leaves), SPIN, M)[1, 0, 0, 0] / GAMMA

    grads, grad_p = jax.grad(value, argnums=(0, 1))(leaves, p)
    for name, x in leaves.items():
        h = 1e-5 * x
        up, down = (value({**leaves, name: x + s * h}, p) for s in (1, -1))
        np.testing.assert_allclose(grads[name], (up - down) / (2 * h), rtol=1e-7)
    for k in range(3):
        h = 1e-6 * jnp.eye(3)[k]
        slope = (value(leaves, p + h) - value(leaves, p - h)) / 2e-6
        np.testing.assert_allclose(grad_p[k], slope, rtol=1e-6, atol=1e-9)
    many = jax.vmap(lambda j: value({**leaves, "j": j}, p))(J * jnp.arange(3.0))
    np.testing.assert_allclose(many, value(leaves, p) * np.arange(3.0), rtol=1e-12, atol=1e-15)


GOOD = {"j": J, "p": (0, 0, 1), "P": 0.4}


@pytest.mark.parametrize(
    "change,message",
    [
        ({"P": 1.2}, "`P` must be <= 1, got 1.2"),
        ({"p": (0, 0, 0)}, r"`p` must not be zero, got \(0, 0, 0\)"),
        ({"p": 1.0}, r"`p` must be a vector \(3,\), got shape \(\)"),
        ({"j": (0, 0, J)}, r"`j` must be a number or \(nx, ny, nz\), got shape \(3,\)"),
        ({"j": np.nan}, "`j` must be finite"),
        ({"thickness": 0.0}, "`thickness` must be > 0, got 0"),
        ({"thickness": 2.0}, "`thickness` is in m and must be < 0.001, got 2"),
        ({"Lambda": 0}, "`Lambda` must be > 0, got 0"),
        ({"epsilon_prime": (0.1, 0.2, 0.3)}, "`epsilon_prime` must be a number or"),
        ({"fixed_layer": "left"}, '`fixed_layer` must be "top" or "bottom", got \'left\''),
    ],
)
def test_bad_arguments(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        jaxstt.Slonczewski(**{**GOOD, **change})


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"periodic": (False, False, True)}, "periodic along z"),
        ({"mask": np.arange(8).reshape(2, 2, 2) > 0}, "vacuum above or below"),
    ],
)
def test_the_height_of_the_grid_must_be_the_film(arguments: dict, message: str):
    grid = jaxstt.Grid((2, 2, 2), (D, D, D), **arguments)
    with pytest.raises(ValueError, match=f"`thickness` must be given .*{message}"):
        jaxstt.LLG(grid, Ms=MS, alpha=0.1, torques=(jaxstt.Slonczewski(**GOOD),))
    make = jax.jit(lambda alpha: _llg(grid, alpha).alpha)  # known arguments are read inside jit
    assert float(make(0.1)) == 0.1


def _llg(grid, alpha):
    flat = jaxstt.Grid(grid.shape, grid.spacing, mask=jnp.ones(grid.shape, bool))
    jaxstt.LLG(flat, Ms=MS, alpha=alpha, torques=(jaxstt.Slonczewski(**GOOD),))
    return jaxstt.LLG(grid, Ms=MS, alpha=alpha, torques=(jaxstt.Slonczewski(**GOOD, thickness=D),))
