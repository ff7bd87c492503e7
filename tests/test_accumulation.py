"""Eq (14) against the k-space sum of Eq (13), and the reference numbers of both."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import TwoBand
from jaxstt import constants as c
from jaxstt.electron import spin_accumulation, spin_accumulation_kspace

EV, MS, XI = c.EV, 8e5, 0.05
VALUES = {"E_F": 5 * EV, "Delta": EV, "tau_up": 1e-14, "tau_dn": 4e-15}
GAS = TwoBand(**VALUES)
N = (0.0, 0.0, 1.0)
SLOPE = np.array([[5e7, 0, 0], [0, 0, 0], [0, 0, 0]])
RATE = 2 * np.pi * 5e9 * np.array([np.cos(0.7), np.sin(0.7), 0])
E = np.array([1e4, 0.0, 0.0])
NOTHING = np.zeros((3, 3))

kspace = eqx.filter_jit(spin_accumulation_kspace)


def closed(P, rate=RATE, slope=SLOPE, n=N):
    return spin_accumulation(
        n, rate, slope, tau_ex=GAS.tau_ex, xi=XI, n0=GAS.n0, j=GAS.current(E), P=P
    )


def test_reference_accumulation() -> None:
    current, time = closed(GAS.P, rate=np.zeros(3)), closed(GAS.P, slope=NOTHING)
    np.testing.assert_allclose(current, [5.52044e-3, 1.1040877e-1, 0], rtol=1e-6)
    np.testing.assert_allclose(time, [0.88249747, -1.16076843, 0], rtol=1e-7)
    np.testing.assert_allclose(closed(GAS.P), current + time, rtol=1e-12)


def test_reference_of_the_wrong_polarisation() -> None:
    """With that of the densities the current part is too small by the ratio of the two P."""
    right, wrong = (closed(P, rate=np.zeros(3)) for P in (GAS.P, GAS.P_density))
    np.testing.assert_allclose(wrong, [1.51816e-3, 3.036317e-2, 0], rtol=3e-6)
    np.testing.assert_allclose(right[:2] / wrong[:2], 0.543175 / 0.149377, rtol=1e-5)


def test_kspace_sum_gives_the_reference() -> None:
    found = kspace(GAS, N, RATE, SLOPE, xi=XI, E=E)
    np.testing.assert_allclose(found, closed(GAS.P), rtol=1e-12)
    with_time = [0.88249747 + 5.52044e-3, -1.16076843 + 1.1040877e-1, 0]
    np.testing.assert_allclose(found, with_time, rtol=3e-8)


@pytest.mark.parametrize("T", [0.0, 300.0])
@pytest.mark.parametrize("E_F", [5.0, 0.45])
def test_kspace_sum_is_the_closed_form(T: float, E_F: float) -> None:
    """At a general point, E along no axis; P, j and n0 come out of the sum.

    0.45 eV lies below the minority bottom: a half-metal, whose few warm minority electrons count.
    """
    rng = np.random.default_rng(0)
    n, rate, slope = rng.normal(size=3), rng.normal(size=3) * 3e10, rng.normal(size=(3, 3)) * 5e7
    n = n / np.linalg.norm(n)
    E = np.array([1e4, -3e3, 2e4])
    gas = TwoBand(**VALUES | {"E_F": E_F * EV}, T=T)
    summed = kspace(gas, n, rate, slope, xi=XI, E=E, nodes=6)
    common = {"tau_ex": gas.tau_ex, "xi": XI, "n0": gas.n0}
    expected = spin_accumulation(n, rate, slope, j=gas.current(E), P=gas.P, **common)
    np.testing.assert_allclose(summed, expected, rtol=1e-12)
    split = (gas.sigma_up - gas.sigma_dn) * E
    alone = spin_accumulation(n, rate, slope, j=split, P=1.0, **common)
    np.testing.assert_allclose(alone, expected, rtol=1e-12)


def test_torque_pushes_with_the_electrons() -> None:
    """dm x M/(tau_ex Ms) at dn/dt = 0 is +(u.grad)m - xi m x (u.grad)m, u along +j."""
    dm = closed(GAS.P, rate=np.zeros(3))
    torque = jnp.cross(dm, MS * jnp.array(N)) / (GAS.tau_ex * MS)
    u = c.MU_B * GAS.P * GAS.current(E)[0] / (c.E_CHARGE * MS * (1 + XI**2))
    assert float(u) > 0
    along = u * SLOPE[0]
    expected = along - XI * np.cross(N, along)
    np.testing.assert_allclose(torque / MS, expected, rtol=1e-10, atol=1e-6)


def test_moving_texture_renormalises() -> None:
    """dm x M/(tau_ex Ms) at j = 0 is -eta dm/dt + xi eta m x dm/dt."""
    dm = closed(GAS.P, slope=NOTHING)
    torque = jnp.cross(dm, MS * jnp.array(N)) / (GAS.tau_ex * MS)
    eta = float(GAS.n0) / MS / (1 + XI**2)
    assert GAS.n0 / MS == pytest.approx(0.088, abs=5e-4)
    expected = -eta * RATE + XI * eta * np.cross(N, RATE)
    np.testing.assert_allclose(torque / MS, expected, rtol=1e-10, atol=1e-3)


@jax.jit
def _accumulated(scale: jax.Array) -> jax.Array:
    names = dict(zip(VALUES, scale[:4], strict=True))
    gas = TwoBand(**{name: VALUES[name] * s for name, s in names.items()})
    common = {"tau_ex": gas.tau_ex, "xi": XI * scale[4], "n0": gas.n0}
    return spin_accumulation(N, RATE, SLOPE, j=gas.current(E), P=gas.P, **common)


def test_derivatives() -> None:
    one = jnp.ones(5)
    found = jax.jit(jax.jacfwd(_accumulated))(one)
    for k in range(5):
        step = 1e-4 * jnp.eye(5)[k]
        central = (_accumulated(one + step) - _accumulated(one - step)) / 2e-4
        np.testing.assert_allclose(found[:, k], central, rtol=1e-5, atol=1e-7)
    reverse = jax.jit(jax.jacrev(_accumulated))(one)
    np.testing.assert_allclose(found, reverse, rtol=1e-9, atol=1e-12)


def test_single_precision() -> None:
    expected = closed(GAS.P)
    with jax.enable_x64(False):
        gas = TwoBand(**VALUES)
        common = {"tau_ex": gas.tau_ex, "xi": XI, "n0": gas.n0, "j": gas.current(E), "P": gas.P}
        single = spin_accumulation(N, RATE, SLOPE, **common)
        summed = kspace(gas, N, RATE, SLOPE, xi=XI, E=E, nodes=6)
    assert single.dtype == jnp.float32 and summed.dtype == jnp.float32
    np.testing.assert_allclose(single, expected, rtol=1e-4)
    np.testing.assert_allclose(summed, expected, rtol=1e-4, atol=1e-6)


def test_bad_accumulation() -> None:
    with pytest.raises(ValueError, match="`grad_n` must have shape"):
        closed(0.5, slope=np.zeros(3))
    with pytest.raises(ValueError, match="`P` must be <= 1"):
        closed(1.5)
    with pytest.raises(ValueError, match="`n` must be of unit length, got 2"):
        closed(0.5, n=(0.0, 2.0, 0.0))
    with pytest.raises(ValueError, match="`tau_ex` must be > 0"):
        spin_accumulation(N, RATE, SLOPE, tau_ex=0.0, xi=XI, n0=1.0, j=E, P=0.5)
    with pytest.raises(ValueError, match="`nodes` must be >= 3"):
        spin_accumulation_kspace(GAS, N, RATE, SLOPE, xi=XI, E=E, nodes=2)
