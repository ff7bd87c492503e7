"""The anomalous velocity: reference numbers, exact inversion, and the sum over k-space."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import TwoBand
from jaxstt import constants as c
from jaxstt.electron import (
    AnomalousHall,
    effective_polarised_current,
    spin_accumulation,
    spin_accumulation_kspace,
)

EV = c.EV
OMEGA = {"Omega_up": 4e-21, "Omega_dn": -1.5e-21}
VALUES = {"n_up": 2.93e28, "n_dn": 2.17e28, "sigma_up": 8.25e6, "sigma_dn": 2.44e6, **OMEGA}
HALL = AnomalousHall(**VALUES)
# Curvatures so large that the second order of theta_H is no small matter.
LARGE = AnomalousHall(**VALUES | {"Omega_up": 1e-18, "Omega_dn": 2.4e-18})


def ratios(hall: AnomalousHall) -> dict[str, jax.Array]:
    return {"P": hall.P, "P_H": hall.P_H, "theta_H": hall.theta_H}


def test_reference_numbers() -> None:
    np.testing.assert_allclose(HALL.theta_H, 0.00193, atol=5e-6)
    np.testing.assert_allclose(HALL.P_H, 1.769, atol=5e-4)
    np.testing.assert_allclose(HALL.P, 0.5435, atol=5e-5)


def test_currents_of_the_bands() -> None:
    """n = z, E along x: the Hall current of a positive curvature is along +y = n x E."""
    n, E = jnp.array([0.0, 0.0, 1.0]), jnp.array([1e4, 0.0, 0.0])
    up, dn = HALL.currents(n, E)
    side = c.E_CHARGE**2 / c.HBAR * 1e4
    np.testing.assert_allclose(up, [8.25e10, side * 2.93e28 * 4e-21, 0], rtol=1e-12)
    np.testing.assert_allclose(dn, [2.44e10, -side * 2.17e28 * 1.5e-21, 0], rtol=1e-12)
    # The same from the velocity of one electron, (e/hbar) E x Omega n, times -e n_s.
    drift = c.E_CHARGE / c.HBAR * np.cross(E, 4e-21 * n)
    np.testing.assert_allclose(
        HALL.hall_currents(n, E)[0], -c.E_CHARGE * 2.93e28 * drift, rtol=1e-12
    )
    np.testing.assert_allclose(HALL.polarised_current(n, E), up - dn, rtol=1e-12)


@pytest.mark.parametrize("hall", [HALL, LARGE], ids=["reference", "large"])
@pytest.mark.parametrize("across", [True, False])
def test_inversion_at_given_current(hall: AnomalousHall, across: bool) -> None:
    """From E to j_e and back to j_up - j_dn: for E across n, and for any E."""
    n, E = np.array([0.6, 0.0, 0.8]), np.array([1e4, -7e3, 3e3])
    if across:
        E = E - n * (n @ E)
    up, dn = hall.currents(n, E)
    exact = effective_polarised_current(up + dn, n, **ratios(hall), exact=True)
    np.testing.assert_allclose(exact, up - dn, rtol=1e-12)
    if across:
        j, theta, P, P_H = up + dn, hall.theta_H, hall.P, hall.P_H
        formula = (P + P_H * theta**2) * j + (P_H - P) * theta * jnp.cross(n, j)
        np.testing.assert_allclose(exact, formula / (1 + theta**2), rtol=1e-12)


def test_linear_form() -> None:
    """Good to 8e-6 at the reference values, and to first order at any."""
    n, E = np.array([0.0, 0.0, 1.0]), np.array([1e4, 0.0, 0.0])

    def error(theta: float) -> float:
        values = {"P": HALL.P, "P_H": HALL.P_H, "theta_H": theta}
        j = jnp.asarray(E)
        exact = effective_polarised_current(j, n, **values, exact=True)
        linear = effective_polarised_current(j, n, **values)
        return float(jnp.linalg.norm(linear - exact) / jnp.linalg.norm(exact))

    assert 7e-6 < error(float(HALL.theta_H)) < 9e-6
    assert error(1e-2) / error(5e-3) == pytest.approx(4, rel=1e-2)
    linear = effective_polarised_current(E, n, P=0.5, P_H=1.5, theta_H=0.1)
    np.testing.assert_allclose(linear, [5e3, (1.5 - 0.5) * 0.1 * 1e4, 0], rtol=1e-12)


def test_kspace_sum_with_anomalous_velocity() -> None:
    """Eq (13) with v + (e/hbar) E x Omega n is Eq (14) with the j_up - j_dn of the module."""
    rng = np.random.default_rng(1)
    n, rate, slope = rng.normal(size=3), rng.normal(size=3) * 3e10, rng.normal(size=(3, 3)) * 5e7
    n, E, xi = n / np.linalg.norm(n), np.array([1e4, -3e3, 2e4]), 0.05
    gas = TwoBand(5 * EV, EV, 1e-14, 4e-15)
    large = {"Omega_up": 4e-19, "Omega_dn": -1.5e-19}
    summed = eqx.filter_jit(spin_accumulation_kspace)(
        gas, n, rate, slope, xi=xi, E=E, nodes=6, **large
    )
    hall = AnomalousHall.from_bands(gas, **large)
    common = {"tau_ex": gas.tau_ex, "xi": xi, "n0": gas.n0, "P": 1.0}
    expected = spin_accumulation(n, rate, slope, j=hall.polarised_current(n, E), **common)
    np.testing.assert_allclose(summed, expected, rtol=1e-12)
    # dm itself, with the total current for the given one.
    j = sum(hall.currents(n, E))
    given = effective_polarised_current(j, n, **ratios(hall), exact=True)
    dm = spin_accumulation(n, rate, slope, j=given, **common)
    np.testing.assert_allclose(dm, expected, rtol=1e-12)
    plain = spin_accumulation(n, rate, slope, j=(gas.sigma_up - gas.sigma_dn) * E, **common)
    assert float(jnp.max(jnp.abs(dm - plain))) > 1e-3 * float(jnp.max(jnp.abs(plain)))
    # j_H terms of the reference: (tau_ex/q)(mu_B/e)[n x (j_H.grad)n + xi (j_H.grad)n].
    up, dn = hall.hall_currents(n, E)
    along = (up - dn) @ slope
    extra = float(gas.tau_ex) / (1 + xi**2) * c.MU_B / c.E_CHARGE
    extra = extra * (jnp.cross(n, along) + xi * along)
    np.testing.assert_allclose(dm - plain, extra, rtol=1e-9, atol=1e-9 * np.max(np.abs(dm)))


def test_fields_and_single_vectors() -> None:
    m = helpers.noise(helpers.GRID)
    j, values = jnp.array([2e12, 1e12, 0.0]), ratios(LARGE)
    spread = jnp.broadcast_to(j[:, None, None, None], m.shape)
    for exact in (False, True):
        field = effective_polarised_current(j, m, **values, exact=exact)
        same = effective_polarised_current(spread, m, **values, exact=exact)
        np.testing.assert_allclose(field, same, rtol=1e-14)
        one = effective_polarised_current(j, m[:, 1, 2, 0], **values, exact=exact)
        np.testing.assert_allclose(field[:, 1, 2, 0], one, rtol=1e-12)


def test_cancelling_curvatures_and_none() -> None:
    """A pure spin Hall current: theta_H = 0, P_H infinite, the methods right; no curvature: 0."""
    n, E = np.array([0.0, 0.0, 1.0]), np.array([1e4, 0.0, 0.0])
    pure = AnomalousHall(**VALUES | {"n_dn": 2.93e28, "Omega_dn": -4e-21})
    assert float(pure.theta_H) == 0 and bool(jnp.isinf(pure.P_H))
    up, dn = pure.hall_currents(n, E)
    np.testing.assert_allclose(up, -dn)
    assert float(pure.polarised_current(n, E)[1]) == pytest.approx(2 * float(up[1]))
    none = AnomalousHall(**VALUES | {"Omega_up": 0.0, "Omega_dn": 0.0})
    assert float(none.P_H) == 0
    np.testing.assert_allclose(none.polarised_current(n, E), (8.25e6 - 2.44e6) * E)


def test_derivatives_and_half_metal() -> None:
    n, j = np.array([0.0, 0.6, 0.8]), np.array([2e12, 1e12, -1e12])

    @jax.jit
    def f(x: jax.Array) -> jax.Array:
        names = dict(zip(VALUES, x, strict=True))
        hall = AnomalousHall(**{k: VALUES[k] * s for k, s in names.items()})
        return effective_polarised_current(j, n, **ratios(hall), exact=True) / 1e12

    one = jnp.ones(6)
    found, reverse = jax.jit(lambda x: (jax.jacfwd(f)(x), jax.jacrev(f)(x)))(one)
    for k in range(6):
        step = 1e-4 * jnp.eye(6)[k]
        central = (f(one + step) - f(one - step)) / 2e-4
        np.testing.assert_allclose(found[:, k], central, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found, reverse, rtol=1e-9, atol=1e-12)
    half = AnomalousHall.from_bands(TwoBand(0.3 * EV, EV, 1e-14, 4e-15), **OMEGA)
    assert float(half.P) == 1 and float(half.P_H) == 1
    exact = effective_polarised_current(j, n, **ratios(half), exact=True)
    np.testing.assert_allclose(exact, j, rtol=1e-12)


def test_single_precision() -> None:
    n, E = np.array([0.6, 0.0, 0.8]), np.array([1e4, -7e3, 3e3])
    expected = jnp.stack([HALL.theta_H, HALL.P_H, HALL.P]), HALL.polarised_current(n, E)
    with jax.enable_x64(False):
        hall = AnomalousHall(**VALUES)
        single = jnp.stack([hall.theta_H, hall.P_H, hall.P]), hall.polarised_current(n, E)
        given = effective_polarised_current(sum(hall.currents(n, E)), n, **ratios(hall), exact=True)
    assert all(x.dtype == jnp.float32 for x in (*single, given))
    for a, b in zip((*single, given), (*expected, expected[1]), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * float(jnp.max(jnp.abs(b))))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="`n_up` must be >= 0"):
        AnomalousHall(**VALUES | {"n_up": -1.0})
    with pytest.raises(ValueError, match="`sigma_up` must be > 0"):
        AnomalousHall(**VALUES | {"sigma_up": 0.0})
    with pytest.raises(ValueError, match="`P` must be <= 1"):
        effective_polarised_current(np.ones(3), np.ones(3), P=2.0, P_H=3.0, theta_H=0.1)
    with pytest.raises(ValueError, match=r"`m` must have shape \(3,\) or \(3, nx, ny, nz\)"):
        effective_polarised_current(np.ones(3), np.ones((3, 2)), P=0.2, P_H=3.0, theta_H=0.1)
