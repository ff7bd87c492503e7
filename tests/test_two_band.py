"""The two-band gas, and Eq (14) against the k-space sum of Eq (13)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import constants as c
from jaxstt._electron import TwoBand, spin_accumulation, spin_accumulation_kspace

EV, MS, XI = c.EV, 8e5, 0.05
VALUES = {"E_F": 5 * EV, "Delta": EV, "tau_up": 1e-14, "tau_dn": 4e-15, "mass": c.M_E}
GAS = TwoBand(**VALUES)
N = (0.0, 0.0, 1.0)
SLOPE = np.array([[5e7, 0, 0], [0, 0, 0], [0, 0, 0]])
RATE = 2 * np.pi * 5e9 * np.array([np.cos(0.7), np.sin(0.7), 0])
E = np.array([1e4, 0.0, 0.0])


def closed(P, rate=RATE, slope=SLOPE):
    return spin_accumulation(
        N, rate, slope, tau_ex=GAS.tau_ex, xi=XI, n0=GAS.n0, j=GAS.current(E), P=P
    )


def test_reference_gas() -> None:
    np.testing.assert_allclose(GAS.n_up, 2.928928e28, rtol=2e-7)
    np.testing.assert_allclose(GAS.n_dn, 2.167621e28, rtol=3e-7)
    np.testing.assert_allclose(GAS.sigma_up, 8.253543e6, rtol=1e-7)
    np.testing.assert_allclose(GAS.sigma_dn, 2.443291e6, rtol=2e-7)
    np.testing.assert_allclose(GAS.current(E)[0], 1.069683e11, rtol=4e-7)
    np.testing.assert_allclose(GAS.P, 0.543175, atol=5e-7)
    np.testing.assert_allclose(GAS.P_density, 0.149377, atol=5e-7)
    np.testing.assert_allclose(GAS.P_dos, 0.050126, atol=5e-7)
    np.testing.assert_allclose(GAS.n0, 7.060364e4, rtol=1e-7)
    np.testing.assert_allclose(GAS.tau_ex, 6.582120e-16, rtol=1e-7)
    v = np.sqrt(2 * (VALUES["E_F"] + 0.5 * EV) / c.M_E)
    np.testing.assert_allclose(GAS.v_F_up, v, rtol=1e-9)


def test_reference_accumulation() -> None:
    zero = np.zeros((3, 3))
    current, time = closed(GAS.P, rate=np.zeros(3)), closed(GAS.P, slope=zero)
    np.testing.assert_allclose(current, [5.52044e-3, 1.1040877e-1, 0], rtol=1e-6)
    np.testing.assert_allclose(time, [0.88249747, -1.16076843, 0], rtol=1e-7)
    wrong = closed(GAS.P_density, rate=np.zeros(3))
    np.testing.assert_allclose(wrong, [1.51816e-3, 3.036317e-2, 0], rtol=3e-6)


@pytest.mark.parametrize("T", [0.0, 300.0])
def test_kspace_sum_is_the_closed_form(T: float) -> None:
    """Eq (13) at a general point, with E along no axis; P, j and n0 come out of the sum."""
    rng = np.random.default_rng(0)
    n, rate, slope = rng.normal(size=3), rng.normal(size=3) * 3e10, rng.normal(size=(3, 3)) * 5e7
    n = n / np.linalg.norm(n)
    E = np.array([1e4, -3e3, 2e4])
    gas = TwoBand(**VALUES, T=T)
    summed = eqx.filter_jit(spin_accumulation_kspace)(gas, n, rate, slope, xi=XI, E=E, nodes=6)
    expected = spin_accumulation(
        n, rate, slope, tau_ex=gas.tau_ex, xi=XI, n0=gas.n0, j=gas.current(E), P=gas.P
    )
    np.testing.assert_allclose(summed, expected, rtol=1e-12)
    split = gas.sigma_up - gas.sigma_dn
    alone = spin_accumulation(
        n, rate, slope, tau_ex=gas.tau_ex, xi=XI, n0=gas.n0, j=split * E, P=1.0
    )
    np.testing.assert_allclose(alone, expected, rtol=1e-12)


def test_torque_pushes_with_the_electrons() -> None:
    """dm x M/(tau_ex Ms) at dn/dt = 0 is +(u.grad)m - xi m x (u.grad)m, u along +j."""
    dm = closed(GAS.P, rate=np.zeros(3))
    torque = jnp.cross(dm, MS * jnp.array(N)) / (GAS.tau_ex * MS)
    u = c.MU_B * GAS.P * GAS.current(E)[0] / (c.E_CHARGE * MS * (1 + XI**2))
    along = u * SLOPE[0]
    expected = along - XI * np.cross(N, along)
    np.testing.assert_allclose(torque / MS, expected, rtol=1e-10, atol=1e-6)


def test_temperature_changes_little_and_sommerfeld_right() -> None:
    """n = n(0) [1 + (pi k_B T/x)^2/8 + ...] for N ~ x^(3/2) at fixed E_F."""
    warm = TwoBand(**VALUES, T=300.0)
    change = warm.sigma / GAS.sigma - 1
    assert 2e-5 < change < 4e-5
    expected = (np.pi * c.K_B * 300 / (5.5 * EV)) ** 2 / 8
    np.testing.assert_allclose(warm.n_up / GAS.n_up - 1, expected, rtol=1e-3)


def test_own_dispersion() -> None:
    """A parabola given as a function; and E ~ k^4, with n = k_F^3/6 pi^2 and its velocity."""
    band = lambda k: (c.HBAR * 1e9) ** 2 * (k * 1e-9) ** 2 / (2 * c.M_E)  # noqa: E731
    own = TwoBand(**VALUES, T=300.0, energy=band, k_max=5e10)
    parabolic = TwoBand(**VALUES, T=300.0)
    for name in ("n_up", "n_dn", "sigma_up", "sigma_dn", "P", "n0", "P_dos", "v_F_up"):
        np.testing.assert_allclose(getattr(own, name), getattr(parabolic, name), rtol=1e-8)
    steep = TwoBand(**VALUES, energy=lambda k: EV * (k / 1e10) ** 4, k_max=5e10)
    k = 1e10 * 5.5**0.25
    np.testing.assert_allclose(steep.n_up, k**3 / (6 * np.pi**2), rtol=1e-9)
    v = 4 * EV * 5.5**0.75 / 1e10 / c.HBAR
    np.testing.assert_allclose(steep.v_F_up, v, rtol=1e-9)
    sigma = c.E_CHARGE**2 * VALUES["tau_up"] * v * k**2 / (6 * np.pi**2 * c.HBAR)
    np.testing.assert_allclose(steep.sigma_up, sigma, rtol=1e-9)


def results(gas: TwoBand) -> jax.Array:
    return jnp.stack([gas.P, gas.n0 / 1e4, gas.sigma / 1e7, gas.v_F_up / 1e6, gas.P_dos])


@pytest.mark.parametrize("kind", ["parabolic", "own"])
def test_derivatives(kind: str) -> None:
    band = lambda k: (c.HBAR * 1e9) ** 2 * (k * 1e-9) ** 2 / (2 * c.M_E)  # noqa: E731
    own = {} if kind == "parabolic" else {"energy": band, "k_max": 5e10}
    f = jax.jit(lambda s: results(TwoBand(**{k: v * s[k] for k, v in VALUES.items()}, **own)))
    one = {name: jnp.ones(()) for name in VALUES}
    forward, reverse = jax.jit(lambda s: (jax.jacfwd(f)(s), jax.jacrev(f)(s)))(one)
    for name in VALUES:
        central = (f(one | {name: 1 + 1e-4}) - f(one | {name: 1 - 1e-4})) / 2e-4
        np.testing.assert_allclose(forward[name], central, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(forward[name], reverse[name], rtol=1e-9, atol=1e-12)


def test_half_metal() -> None:
    """E_F inside the gap of the minority band: P = 1, finite derivatives."""
    f = lambda E_F: results(TwoBand(**VALUES | {"E_F": E_F}))  # noqa: E731
    found = f(0.3 * EV)
    assert found[0] == 1 and found[4] == 1 and bool(jnp.all(jnp.isfinite(found)))
    assert TwoBand(**VALUES | {"E_F": 0.3 * EV}).n_dn == 0
    assert bool(jnp.all(jnp.isfinite(jax.jacfwd(f)(0.3 * EV))))
    assert bool(jnp.all(jnp.isfinite(jax.jacrev(f)(0.3 * EV))))


def test_single_precision_and_batches() -> None:
    exact = results(GAS)
    with jax.enable_x64(False):
        single = results(TwoBand(**VALUES))
        gas = TwoBand(**VALUES)
        common = {"tau_ex": gas.tau_ex, "xi": XI, "n0": gas.n0, "j": gas.current(E), "P": gas.P}
        dm = spin_accumulation(N, RATE, SLOPE, **common)
    assert single.dtype == jnp.float32 and dm.dtype == jnp.float32
    np.testing.assert_allclose(single, exact, rtol=1e-4)
    np.testing.assert_allclose(dm, closed(GAS.P), rtol=1e-4)
    levels = jnp.array([3.0, 5.0, 8.0]) * EV
    batch = jax.vmap(lambda E_F: results(TwoBand(**VALUES | {"E_F": E_F})))(levels)
    np.testing.assert_allclose(batch[1], exact, rtol=1e-12)


BAD = {
    "`Delta` must be > 0": {"Delta": 0.0},
    "`tau_up` must be > 0": {"tau_up": 0.0},
    "`tau_dn` must be > 0": {"tau_dn": -1e-15},
    "`mass` must be > 0": {"mass": 0.0},
    "`T` must be >= 0": {"T": -1.0},
    "`E_F` must be above the bottom of the majority band": {"E_F": -0.6 * EV},
    "`E_F` must be a number": {"E_F": jnp.ones(3)},
    "`k_max` must be given": {"energy": lambda k: k},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoBand(**VALUES | BAD[message])


def test_bad_accumulation() -> None:
    with pytest.raises(ValueError, match="`grad_n` must have shape"):
        closed(0.5, slope=np.zeros(3))
    with pytest.raises(ValueError, match="`P` must be <= 1"):
        closed(1.5)
    with pytest.raises(ValueError, match="`nodes` must be >= 3"):
        spin_accumulation_kspace(GAS, N, RATE, SLOPE, xi=XI, E=E, nodes=2)
