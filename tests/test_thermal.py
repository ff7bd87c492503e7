"""`Thermal`: noise that brings a magnet to Boltzmann's distribution, the same in every run."""

import re

import diffrax as dfx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.random import threefry_2x32
from scipy.integrate import quad

import jaxstt
from jaxstt._dynamics._thermal import kick, normal, threefry
from jaxstt.constants import GAMMA, K_B

CELLS = jaxstt.Grid((32, 32, 1), (5e-9, 5e-9, 5e-9))
MS, K, ALPHA, BARRIER = 8e5, 2e5, 0.3, 2.0
T = K * 125e-27 / (K_B * BARRIER)
RATE = GAMMA * 2 * K / MS
"""rad/s, of a cell that turns about its easy axis."""
WIRE = jaxstt.Grid((24, 1, 1), (4e-9, 4e-9, 4e-9))


def cells(alpha=ALPHA, Ms=MS, **more) -> jaxstt.LLG:
    """A thousand magnets that know nothing of each other."""
    energies = (jaxstt.UniaxialAnisotropy(K),)
    return jaxstt.LLG(CELLS, Ms=Ms, alpha=alpha, energies=energies, **more)


def boltzmann(power: int) -> float:
    """<m_z^power> for even powers."""
    weight = lambda z: np.exp(BARRIER * z * z)  # noqa: E731
    return quad(lambda z: z**power * weight(z), 0, 1)[0] / quad(weight, 0, 1)[0]


def drawn() -> np.ndarray:
    """Cells that are in equilibrium already."""
    rng = np.random.default_rng(0)
    z = rng.uniform(-1, 1, 100_000)
    z = z[rng.uniform(size=z.size) < np.exp(BARRIER * (z * z - 1))][: 32 * 32]
    phi, s = rng.uniform(0, 2 * np.pi, z.size), np.sqrt(1 - z * z)
    return np.stack([s * np.cos(phi), s * np.sin(phi), z]).reshape(3, *CELLS.shape)


def squares(llg: jaxstt.LLG, dt: float, seed: int, count: int = 40) -> np.ndarray:
    """<m_z^2>, <m_z^4> over the cells at times that are independent of each other."""
    b = float(np.mean(np.asarray(llg.response()[1])))
    t = np.arange(count + 1) * 1.5 / (b * RATE)
    save = lambda t, m: jnp.stack([jnp.mean(m[2] ** 2), jnp.mean(m[2] ** 4)])  # noqa: E731
    run = jaxstt.evolve(
        llg, drawn(), t, thermal=jaxstt.Thermal(T, seed), solver=jaxstt.FixedStep(dt), save=save
    )
    return np.asarray(run.m)[10:]


def test_the_words_are_threefry_s() -> None:
    key, count = jax.random.key_data(jax.random.key(7, impl="threefry2x32")), jnp.arange(10)
    count = count.astype(jnp.uint32)
    mine = jnp.concatenate(threefry(key[0], key[1], count[:5], count[5:]))
    np.testing.assert_array_equal(mine, threefry_2x32(key, count))


def test_numbers_are_normal_and_independent() -> None:
    def draw(seed=1, step=0, piece=None):
        thermal = jaxstt.Thermal(1.0, seed)
        key = (thermal if piece is None else thermal.piece(piece)).key
        return np.stack(
            [np.ravel(x) for x in normal(key, jnp.int32(step), (64, 32, 8), jnp.float64).parts]
        )

    z = draw()
    n = z.size
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert np.mean(z**power) == pytest.approx(moment, abs=4 * (spread / n) ** 0.5), power
    others = [z, draw(step=1), draw(seed=2), draw(piece=0), draw(piece=1)]
    table = np.corrcoef(np.concatenate(others))
    assert np.abs(table - np.eye(15)).max() < 4.5 / z.shape[1] ** 0.5
    neighbours = z.reshape(3, 64, 32, 8)
    for axis in (1, 2, 3):
        rolled = np.roll(neighbours, 1, axis)
        assert abs(np.mean(neighbours * rolled)) < 4.5 / n**0.5


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_a_kick_is_brownian_motion_to_second_order(degree) -> None:
    """<P_l> after one kick from the pole, against exp(-l(l+1) tau): off by tau^3."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    x, y = (a.ravel() for a in np.meshgrid(nodes, nodes))
    w = np.outer(weights, weights).ravel() / (2 * np.pi)
    pole = jnp.asarray(np.tile([[0.0], [0.0], [1.0]], x.size)).reshape(3, -1, 1, 1)
    noise = jaxstt._core.Split(*(jnp.asarray(a).reshape(1, -1, 1, 1) for a in (x, y, 0 * x)))
    off = []
    for tau in (0.02, 0.01):
        m = kick(pole, jnp.asarray(tau), noise)
        assert np.abs(np.sum(np.asarray(m) ** 2, axis=0) - 1).max() < 1e-14
        P = np.polynomial.legendre.Legendre.basis(degree)(np.asarray(m[2]).ravel())
        off.append(w @ P - np.exp(-degree * (degree + 1) * tau))
    assert np.log2(off[0] / off[1]) == pytest.approx(3, abs=0.25)


def test_cells_come_to_boltzmann_s_distribution() -> None:
    """Within 3 standard errors, for fields of Ms, alpha and T as well, and with n0."""
    exact = np.array([boltzmann(2), boltzmann(4)])
    part = np.linspace(0.6, 1.4, 32)[:, None, None] * np.ones(CELLS.shape)
    electrons = jaxstt.ZhangLi((0.0, 0.0, 0.0), P=0.5, xi=0.4, n0=0.3 * MS)
    for seed, llg in enumerate(
        (
            cells(),
            cells(alpha=jnp.asarray(ALPHA * part), Ms=jnp.asarray(MS * part)),
            cells(torques=(electrons,)),
        )
    ):
        found = squares(llg, 0.2 / RATE, seed)
        error = found.std(axis=0) / len(found) ** 0.5
        assert np.all(np.abs(found.mean(axis=0) - exact) < 3 * error), seed
        assert np.all(error < 0.005)


def test_a_cold_magnet_is_the_magnet_without_noise() -> None:
    llg, t = cells(), np.array([0.0, 5e-12, 1e-11])
    step = jaxstt.FixedStep(0.2 / RATE)
    plain = jaxstt.evolve(llg, drawn(), t, solver=step)
    cold = jaxstt.evolve(llg, drawn(), t, thermal=jaxstt.Thermal(0.0, 1), solver=step)
    np.testing.assert_allclose(cold.m, plain.m, atol=1e-12)
    assert int(cold.stats["num_steps"]) == int(plain.stats["num_steps"])
    half = jnp.where(jnp.arange(32)[:, None, None] < 16, 0.0, T) * jnp.ones(CELLS.shape)
    partly = jaxstt.evolve(llg, drawn(), t, thermal=jaxstt.Thermal(half, 1), solver=step).m
    np.testing.assert_allclose(partly[:, :, :16], plain.m[:, :, :16], atol=1e-12)
    assert np.abs(partly[1:, :, 16:] - plain.m[1:, :, 16:]).min(axis=1).max() > 0.01


def wire() -> jaxstt.LLG:
    return helpers.wall_llg(0.05, 0.5, 0.1, -1.5e12, 0.01, grid=WIRE)


def mean(llg, T, seed, t=(0.0, 4e-12), **more):
    run = jaxstt.evolve(
        llg,
        jaxstt.bloch_wall(WIRE, 8e-9),
        np.asarray(t),
        thermal=jaxstt.Thermal(T, seed),
        solver=jaxstt.FixedStep(4e-14),
        save=lambda t, m: jaxstt.average(m, WIRE),
        **more,
    )
    return run.m[-1]


def test_the_history_is_in_the_seed() -> None:
    one = mean(wire(), 300.0, 3)
    np.testing.assert_array_equal(one, mean(wire(), 300.0, 3))
    assert np.abs(np.asarray(mean(wire(), 300.0, 4) - one)).max() > 1e-4
    seeds = jnp.asarray([3, 4], jnp.uint32)
    both = jax.vmap(lambda s: mean(wire(), 300.0, s))(seeds)
    np.testing.assert_allclose(both[0], one, atol=1e-12)
    np.testing.assert_allclose(both[1], mean(wire(), 300.0, 4), atol=1e-12)


def test_derivatives_are_those_of_the_history() -> None:
    def outcome(x, **more):
        llg = helpers.wall_llg(0.05, 0.5, x[1], -1.5e12, 0.01, grid=WIRE)
        return mean(llg, x[0], 3, **more)[2]

    x = jnp.asarray([300.0, 0.1])
    reverse = jax.grad(outcome)(x)
    forward = jax.jacfwd(lambda x: outcome(x, adjoint=dfx.ForwardMode()))(x)
    step = jnp.asarray([0.1, 1e-5])
    central = [(outcome(x + d) - outcome(x - d)) / (2 * d[i]) for i, d in enumerate(jnp.diag(step))]
    np.testing.assert_allclose(forward, reverse, rtol=1e-9)
    np.testing.assert_allclose(forward, jnp.stack(central), rtol=1e-6)
    cold = jax.grad(lambda T: mean(wire(), T, 3)[2])(0.0)
    assert np.isfinite(cold)


def test_float32_follows_float64() -> None:
    m0 = jaxstt.bloch_wall(WIRE, 8e-9)
    t, thermal = np.array([0.0, 2e-12]), jaxstt.Thermal(300.0, 3)
    single, double = (
        jaxstt.evolve(wire(), m0.astype(d), t, thermal=thermal, solver=jaxstt.FixedStep(4e-14)).m
        for d in (jnp.float32, jnp.float64)
    )
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, double, atol=2e-5)


def test_the_step_is_shorter_where_little_brakes() -> None:
    """Runge-Kutta takes energy from the fastest modes; a cold step does not mind."""
    t, m0 = np.array([0.0, 2e-11]), jaxstt.bloch_wall(WIRE, 8e-9)
    steps = {
        alpha: int(
            jaxstt.evolve(
                helpers.wall_llg(0.0, 0.5, alpha, 0.0, 0.0, grid=WIRE),
                m0, t, thermal=jaxstt.Thermal(10.0, 1),
            ).stats["num_steps"]
        )
        for alpha in (0.32, 0.01)
    }  # fmt: skip
    assert steps[0.01] / steps[0.32] == pytest.approx(32**0.2, rel=0.1)


BAD = {
    "`T` must be >= 0, got -1": lambda: jaxstt.Thermal(-1.0, 1),
    "`T` must be a number or a field (nx, ny, nz), got (3,)": lambda: jaxstt.Thermal(
        jnp.ones(3), 1
    ),
    "`seed` must be a whole number from 0 to 2^32 - 1, got 1.5": lambda: jaxstt.Thermal(1.0, 1.5),
    "`seed` must be a whole number from 0 to 2^32 - 1, got -1": lambda: jaxstt.Thermal(1.0, -1),
    "2^32 - 1, got 4294967296": lambda: jaxstt.Thermal(1.0, 2**32),
    "`T` must have shape (24, 1, 1), got (23, 1, 1)": lambda: mean(wire(), jnp.ones((23, 1, 1)), 1),
    "`thermal` must be a jaxstt.Thermal": lambda: jaxstt.evolve(
        wire(), jaxstt.bloch_wall(WIRE, 8e-9), [0.0, 1e-12], thermal=300.0
    ),
    "`solver` must be FixedStep with `thermal`": lambda: jaxstt.evolve(
        wire(), jaxstt.bloch_wall(WIRE, 8e-9), [0.0, 1e-12],
        thermal=jaxstt.Thermal(1.0, 1), solver=dfx.Tsit5(),
    ),
    "`rtol`": lambda: jaxstt.evolve(
        wire(), jaxstt.bloch_wall(WIRE, 8e-9), [0.0, 1e-12],
        thermal=jaxstt.Thermal(1.0, 1), rtol=1e-3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        BAD[told]()


def test_a_seed_must_be_given() -> None:
    with pytest.raises(TypeError, match="seed"):
        jaxstt.Thermal(300.0)  # pyright: ignore[reportCallIssue]


def test_a_damping_tensor_has_no_noise() -> None:
    llg = jaxstt.LLG(WIRE, Ms=MS, alpha=0.1, torques=(jaxstt.SpinMotiveDamping(sigma=1e7),))
    with pytest.raises(ValueError, match="`thermal` cannot be used with SpinMotiveDamping"):
        mean(llg, 300.0, 1)
