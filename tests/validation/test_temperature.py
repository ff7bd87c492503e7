"""A magnet at a temperature against statistical mechanics: what a seed cannot make look right."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import jaxstt
from jaxstt.constants import GAMMA, K_B

MS, K, BARRIER = 8e5, 2e5, 2.0
T = K * 125e-27 / (K_B * BARRIER)
RATE = GAMMA * 2 * K / MS
MANY = jaxstt.Grid((64, 64, 1), (5e-9, 5e-9, 5e-9))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def weight(z):
    return np.exp(BARRIER * z * z)


NORM = quad(weight, -1, 1)[0]


def cells(grid, alpha: float) -> jaxstt.LLG:
    energies = (jaxstt.UniaxialAnisotropy(K),)
    return jaxstt.LLG(grid, Ms=MS, alpha=alpha, energies=energies)


def start(grid, seed: int = 0) -> np.ndarray:
    """Drawn from Boltzmann's distribution."""
    rng, count = np.random.default_rng(seed), int(np.prod(grid.shape))
    z = rng.uniform(-1, 1, 20 * count + 100)
    z = z[rng.uniform(size=z.size) < weight(z) / weight(1.0)][:count]
    phi, s = rng.uniform(0, 2 * np.pi, z.size), np.sqrt(1 - z * z)
    return np.stack([s * np.cos(phi), s * np.sin(phi), z]).reshape(3, *grid.shape)


def run(alpha: float, step: float, count: int, save, seed: int = 1) -> np.ndarray:
    """At times a relaxation apart; step: of a turn about the easy axis, rad."""
    t = np.arange(count + 1) * round(1.5 / alpha / step) * step / RATE
    found = jaxstt.evolve(
        cells(MANY, alpha), start(MANY), t, save=save, thermal=jaxstt.Thermal(T, seed),
        solver=jaxstt.FixedStep(step / RATE),
    )  # fmt: skip
    return np.asarray(found.m)[5:]


@pytest.mark.parametrize("step", [0.15, 0.1, 0.05])
def test_boltzmann_s_distribution_of_m_z(step) -> None:
    """In ten bins, each within 3 standard errors, and all of them by chi squared."""
    edges = np.linspace(-1, 1, 11)
    exact = np.array([quad(weight, a, b)[0] for a, b in itertools.pairwise(edges)])
    exact /= NORM

    def shares(t, m):
        place = jnp.clip(jnp.floor((m[2].ravel() + 1) * 5).astype(jnp.int32), 0, 9)
        return jnp.zeros(10).at[place].add(1.0) / place.size

    found = run(0.3, step, 120, shares)
    mean, error = found.mean(axis=0), found.std(axis=0) / len(found) ** 0.5
    off = (mean - exact) / error
    print(step, off.round(2))
    assert np.abs(off).max() < 3.0
    assert np.sum(off**2) < 25  # of nine free ones, 0.3 %
    assert np.all(error < 0.01 * exact)


def test_the_bias_falls_with_the_second_power_of_the_step() -> None:
    """With alpha = 1, where the noise is strongest; <m_z^2> against the exact one."""
    exact = quad(lambda z: z * z * weight(z), -1, 1)[0] / NORM
    bias, error = {}, {}
    for step in (0.25, 0.5):
        found = run(1.0, step, 4000, lambda t, m: jnp.mean(m[2] ** 2))
        bias[step] = found.mean() / exact - 1
        error[step] = found.std() / len(found) ** 0.5 / exact
    print(bias, error)
    assert abs(bias[0.25]) > 8 * error[0.25]
    assert np.log2(bias[0.5] / bias[0.25]) == pytest.approx(2.0, abs=0.3)


def test_an_ensemble_by_vmap_and_by_sweep() -> None:
    """256 magnets of one cell; the same numbers both ways, and Boltzmann's."""
    one = jaxstt.Grid((1, 1, 1), (5e-9, 5e-9, 5e-9))
    t = np.arange(41) * 5.0 / RATE

    def history(seed):
        found = jaxstt.evolve(
            cells(one, 0.3), start(one), t, thermal=jaxstt.Thermal(T, seed),
            solver=jaxstt.FixedStep(0.1 / RATE), save=lambda t, m: m[2, 0, 0, 0],
        )  # fmt: skip
        return found.m

    seeds = np.arange(256)
    mapped = np.asarray(jax.vmap(history)(jnp.asarray(seeds, jnp.uint32)))
    swept = jaxstt.sweep(lambda seed: {"z": history(seed)}, {"seed": seeds.astype(float)})
    np.testing.assert_allclose(np.asarray(swept["z"]), mapped, atol=1e-9)
    exact = quad(lambda z: z * z * weight(z), -1, 1)[0] / NORM
    each = np.mean(mapped[:, 10:] ** 2, axis=1)
    assert abs(each.mean() - exact) < 3 * each.std() / 16


def test_a_wall_diffuses_as_einstein_says() -> None:
    """D = k_B T gamma lambda/(2 alpha Ms S), the mobility of a wall times k_B T, in a window."""
    alpha, temperature, walls, looks = 0.3, 30.0, 48, 120
    grid = jaxstt.Grid((80, 1, 1), (2e-9, 20e-9, 2e-9))
    A, K_easy, K_hard = 1.3e-11, 4e5, 1.5e5
    llg = jaxstt.LLG(
        grid, Ms=MS, alpha=alpha,
        energies=(
            jaxstt.Exchange(A, order=4),
            jaxstt.UniaxialAnisotropy(K_easy),
            jaxstt.UniaxialAnisotropy(-K_hard, (1, 0, 0)),
        ),
    )  # fmt: skip
    width = (A / K_easy) ** 0.5
    m0 = jaxstt.bloch_wall(grid, width, angle=np.pi / 2)
    settles = (1 + alpha**2) * MS / (2 * alpha * GAMMA * K_hard)
    t = np.arange(looks + 1) * 2 * settles

    def positions(seed):
        return jaxstt.follow(llg, m0, t, thermal=jaxstt.Thermal(temperature, seed)).wall.position

    q = np.asarray(jaxstt.parallel_map(positions, jnp.arange(walls, dtype=jnp.uint32)))[:, 4:]
    square = {n: np.mean((q[:, n:] - q[:, :-n]) ** 2) for n in (1, 3)}
    found = (square[3] - square[1]) / (2 * (t[3] - t[1]))
    section = 20e-9 * 2e-9
    expected = K_B * temperature * GAMMA * width / (2 * alpha * MS * section)
    error = (2 * 3 / (walls * (looks - 4))) ** 0.5
    print(found / expected, "+-", error, "way", np.std(q[:, -1]) / grid.spacing[0], "cells")
    assert found == pytest.approx(expected, rel=0.05)


def test_each_spin_wave_has_its_share() -> None:
    """<|m_k|^2> = k_B T/(2 V (K + A kappa^2)) in a periodic wire, at the default step."""
    n, temperature, alpha = 64, 20.0, 0.1
    grid = jaxstt.Grid((n, 1, 1), (3e-9, 4e-9, 4e-9), (True, False, False))
    A, K_easy = 1.3e-11, 1e6
    llg = jaxstt.LLG(
        grid, Ms=MS, alpha=alpha,
        energies=(jaxstt.Exchange(A), jaxstt.UniaxialAnisotropy(K_easy)),
    )  # fmt: skip
    m0 = jnp.zeros((3, *grid.shape)).at[2].set(1.0)
    relaxes = MS / (2 * K_easy * GAMMA * alpha)
    t = np.arange(301) * 2 * relaxes

    def shares(seed):
        def waves(t, m):
            return jnp.mean(jnp.abs(jnp.fft.fft(m[:2, :, 0, 0], axis=1)) ** 2, axis=0) / n

        thermal = jaxstt.Thermal(temperature, seed)
        return jnp.mean(jaxstt.evolve(llg, m0, t, thermal=thermal, save=waves).m[10:], axis=0)

    found = np.asarray(jaxstt.parallel_map(shares, jnp.arange(32, dtype=jnp.uint32)))
    kappa2 = (2 - 2 * np.cos(2 * np.pi * np.arange(n) / n)) / 3e-9**2
    exact = K_B * temperature / (2 * grid.cell_volume * (K_easy + A * kappa2))
    assert exact.sum() / n < 0.01  # small enough for waves that do not see each other
    order = np.argsort(kappa2, kind="stable")
    for band in np.array_split(order, 4):
        ratio = (found[:, band] / exact[band]).mean(axis=1)
        error = ratio.std() / len(ratio) ** 0.5
        print(f"{ratio.mean():.4f} +- {error:.4f}")
        assert error < 0.01
        assert ratio.mean() == pytest.approx(1.0, abs=0.03)
