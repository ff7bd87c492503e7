"""The two-band gas behind Eqs (13)-(14)."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from jaxstt import TwoBand
from jaxstt import constants as c

EV = c.EV
VALUES = {"E_F": 5 * EV, "Delta": EV, "tau_up": 1e-14, "tau_dn": 4e-15, "mass": c.M_E}
GAS = TwoBand(**VALUES)
E = np.array([1e4, 0.0, 0.0])


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


def test_temperature_changes_little_and_sommerfeld_right() -> None:
    """n = n(0) [1 + (pi k_B T/x)^2/8 + ...] for N ~ x^(3/2) at fixed E_F."""
    warm = TwoBand(**VALUES, T=300.0)
    change = warm.sigma / GAS.sigma - 1
    assert 2e-5 < change < 4e-5
    expected = (np.pi * c.K_B * 300 / (5.5 * EV)) ** 2 / 8
    np.testing.assert_allclose(warm.n_up / GAS.n_up - 1, expected, rtol=1e-3)


def fermi_integral(x: float, kT: float) -> float:
    """int_0^inf sqrt(e)/(exp((e - x)/kT) + 1) de, written with e = y^2."""
    f = lambda y: 2 * y**2 / (np.exp((y**2 - x) / kT) + 1)  # noqa: E731
    end = np.sqrt(max(x, 0.0) + 45 * kT)
    points = (np.sqrt(x),) if x > 0 else None
    return quad(f, 0.0, end, epsabs=0, epsrel=1e-13, limit=500, points=points)[0]


@pytest.mark.parametrize("E_F", [5.0, 0.55, 0.5, 0.45])
def test_density_is_the_fermi_integral(E_F: float) -> None:
    """Also with E_F at the minority bottom and below it, where -df/dE meets the edge of the band.

    sigma_s = e^2 n_s tau_s/m of a parabolic band holds at any temperature.
    """
    T = 600.0
    gas = TwoBand(**VALUES | {"E_F": E_F * EV}, T=T)
    unit = (2 * c.M_E * EV) ** 1.5 / c.HBAR**3 / (4 * np.pi**2)
    for sign, n, sigma, tau in (
        (+1, gas.n_up, gas.sigma_up, 1e-14),
        (-1, gas.n_dn, gas.sigma_dn, 4e-15),
    ):
        expected = unit * fermi_integral(E_F + sign * 0.5, c.K_B * T / EV)
        np.testing.assert_allclose(n, expected, rtol=1e-11)
        np.testing.assert_allclose(sigma, c.E_CHARGE**2 * n * tau / c.M_E, rtol=1e-11)


def test_derivative_with_temperature() -> None:
    f = jax.jit(lambda T: results(TwoBand(**VALUES | {"E_F": 0.55 * EV}, T=T)))
    slope = jax.jit(jax.jacfwd(f))
    central = (f(300.1) - f(299.9)) / 0.2
    np.testing.assert_allclose(slope(300.0), central, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(slope(0.0), 0, atol=1e-9)


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


@eqx.filter_jit
def results(gas: TwoBand) -> jax.Array:
    return jnp.stack([gas.P, gas.n0 / 1e4, gas.sigma / 1e7, gas.v_F_up / 1e6, gas.P_dos])


@pytest.mark.thorough
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


def test_second_derivative_of_an_own_dispersion() -> None:
    """The root k_F(E_F) is followed beyond the first order."""
    one = jnp.ones(())

    def curvature(**own) -> jax.Array:
        f = lambda s: results(TwoBand(**VALUES | {"E_F": 5 * EV * s}, **own))  # noqa: E731
        return jax.jit(jax.jacfwd(jax.jacfwd(f)))(one)

    band = lambda k: (c.HBAR * 1e9) ** 2 * (k * 1e-9) ** 2 / (2 * c.M_E)  # noqa: E731
    np.testing.assert_allclose(curvature(energy=band, k_max=5e10), curvature(), rtol=1e-8)


def test_half_metal() -> None:
    """E_F inside the gap of the minority band: P = 1, finite derivatives."""
    f = lambda E_F: results(TwoBand(**VALUES | {"E_F": E_F}))  # noqa: E731
    found = f(0.3 * EV)
    assert found[0] == 1 and found[4] == 1 and bool(jnp.all(jnp.isfinite(found)))
    assert TwoBand(**VALUES | {"E_F": 0.3 * EV}).n_dn == 0
    for slope in jax.jit(lambda E_F: (jax.jacfwd(f)(E_F), jax.jacrev(f)(E_F)))(0.3 * EV):
        assert bool(jnp.all(jnp.isfinite(slope)))


def test_single_precision_and_batches() -> None:
    exact = results(GAS)
    with jax.enable_x64(False):
        single = results(TwoBand(**VALUES))
        warm = results(TwoBand(**VALUES | {"E_F": 0.45 * EV}, T=300.0))
    assert single.dtype == jnp.float32 and warm.dtype == jnp.float32
    np.testing.assert_allclose(single, exact, rtol=1e-4)
    expected = results(TwoBand(**VALUES | {"E_F": 0.45 * EV}, T=300.0))
    np.testing.assert_allclose(warm, expected, rtol=1e-4)
    levels = jnp.array([3.0, 5.0, 8.0]) * EV
    batch = jax.jit(jax.vmap(lambda E_F: results(TwoBand(**VALUES | {"E_F": E_F}))))(levels)
    np.testing.assert_allclose(batch[1], exact, rtol=1e-12)


BAD = {
    "`Delta` must be > 0": {"Delta": 0.0},
    "`tau_up` must be > 0": {"tau_up": 0.0},
    "`tau_up` is in s": {"tau_up": 10.0},
    "`E_F` is in J": {"E_F": 5.0},
    "`tau_dn` must be > 0": {"tau_dn": -1e-15},
    "`mass` must be > 0": {"mass": 0.0},
    "`T` must be >= 0": {"T": -1.0},
    "`E_F` must be above the bottom of the majority band": {"E_F": -0.6 * EV},
    "`E_F` must be a number": {"E_F": jnp.ones(3)},
    "`k_max` must be given": {"energy": lambda k: k},
    "`k_max` must be where": {"energy": lambda k: EV * (k / 1e10) ** 2, "k_max": 2e10},
    "`energy` must rise from 0": {"energy": lambda k: EV * jnp.sin(k / 1e9), "k_max": 2e10},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TwoBand(**VALUES | BAD[message])
