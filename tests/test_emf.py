"""Spin-motive force, damping tensor, and the options of Zhang-Li that act on the electrons."""

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import constants as c

SIGMA, MS, WIDTH = 1e7, 8e5, 10e-9
WIRE = jaxstt.Grid((320, 1, 1), (1e-9, 1e-9, 1e-9))
RATE = 2 * np.pi * 1e9


def moving(charge: int, velocity: float) -> tuple[jax.Array, jax.Array]:
    """A Neel wall that turns at 1 GHz and moves, and its dm/dt by differentiation."""

    def wall(t):
        place = 160.3e-9 + velocity * t
        m = jaxstt.neel_wall(WIRE, WIDTH, position=place, charge=charge, angle=0.4 + RATE * t)
        return m

    return jax.jvp(wall, (jnp.asarray(0.0),), (jnp.asarray(1.0),))


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("velocity", [0.0, 50.0])
def test_emf_of_a_wall(charge: int, velocity: float) -> None:
    """-Q P (hbar/e) phidot: 4.135667694 uV for 1 GHz, whatever the velocity."""
    m, rate = moving(charge, velocity)
    volts = jaxstt.emf(WIRE, m, rate, P=0.7, order=4)
    np.testing.assert_allclose(volts, -charge * 0.7 * 4.135667694e-6, rtol=2e-5)
    peak = jnp.max(jnp.abs(jaxstt.spin_motive_field(WIRE, m, rate, order=4)))
    if velocity == 0:
        np.testing.assert_allclose(peak, 206.8, rtol=2e-3)


def test_emf_of_a_freely_turning_wall() -> None:
    """phidot = gamma B: P 2 mu_B B/e = P 1.15768e-4 V/T, + to the left of charge 1 (B > 0)."""
    m, rate = moving(1, 0.0)
    volts = jaxstt.emf(WIRE, m, rate / RATE * c.GAMMA * 0.1, P=1.0, order=4)
    np.testing.assert_allclose(volts, -1.15768e-5, rtol=2e-5)


def test_emf_is_the_mean_over_the_magnetic_wires() -> None:
    solid = np.ones((320, 3, 1), bool)
    solid[:, 0] = False
    grid = jaxstt.Grid((320, 3, 1), (1e-9,) * 3, mask=solid)
    m, rate = (
        jnp.where(solid[None], jnp.broadcast_to(x, (3, 320, 3, 1)), 0.0) for x in moving(1, 0.0)
    )
    one = jaxstt.emf(WIRE, *moving(1, 0.0), P=0.7)
    np.testing.assert_allclose(jaxstt.emf(grid, m, rate, P=0.7), one, rtol=1e-12)
    turned = jaxstt.Grid((3, 320, 1), (1e-9,) * 3, mask=solid.swapaxes(0, 1))
    m, rate = m.swapaxes(1, 2), rate.swapaxes(1, 2)
    np.testing.assert_allclose(jaxstt.emf(turned, m, rate, P=0.7, axis="y"), one, rtol=1e-12)


def test_reciprocity_with_the_torque() -> None:
    """Onsager: what the adiabatic torque does to the magnet the circuit loses, Ms B_T.dm/dt +
    j.P E = 0; the non-adiabatic one is dissipative, and both are equal (up to its 1+xi^2).
    """
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    rate = 1e10 * jnp.cross(m, helpers.noise(helpers.GRID, 1), axis=0)
    j, P = jnp.array([1e12, -2e12, 0.5e12]), 0.6

    def powers(xi: float) -> tuple[jax.Array, jax.Array]:
        torque = jaxstt.ZhangLi(j, P=P, xi=xi).rate(grid, jnp.asarray(MS), jnp.zeros(()), m)
        field = jnp.cross(m, torque, axis=0) / c.GAMMA
        E = P * jaxstt.spin_motive_field(grid, m, rate, xi=xi)
        magnet = MS * jnp.sum(field * rate, 0) * (1 + xi**2)
        return magnet, jnp.sum(j[:, None, None, None] * E, 0)

    magnet, circuit = powers(0.0)
    small = 1e-9 * float(jnp.max(jnp.abs(circuit)))
    np.testing.assert_allclose(magnet, -circuit, atol=small)
    both = powers(0.3)
    np.testing.assert_allclose(both[0] - magnet, both[1] - circuit, atol=small)


def tensor(grid: jaxstt.Grid, m: jax.Array, torque: jaxstt.SpinMotiveDamping) -> jax.Array:
    """D, (3, 3, nx, ny, nz)."""
    pairs = torque.damping(grid, jnp.asarray(MS), m)
    parts = [w * jnp.einsum("aijk,bijk->abijk", g, g) for w, g in pairs]
    return sum(parts, jnp.zeros((3, *m.shape)))


def test_damping_tensor_is_the_torque_of_the_driven_current() -> None:
    """(mu_B/(e Ms)) sigma (E_SMF.grad)m = m x (D.dm/dt), sigma as the current that E drives."""
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    rate = 1e10 * jnp.cross(m, helpers.noise(helpers.GRID, 1), axis=0)
    current = SIGMA * jaxstt.spin_motive_field(grid, m, rate)
    driven = jaxstt.ZhangLi(current, P=1.0, xi=0.0).rate(grid, jnp.asarray(MS), jnp.zeros(()), m)
    D = tensor(grid, m, jaxstt.SpinMotiveDamping(SIGMA, circuit="voltage"))
    damped = jnp.cross(m, jnp.einsum("abijk,bijk->aijk", D, rate), axis=0)
    # D is built of m x d_i m, which drops what of the difference is along m, as Zhang-Li does.
    np.testing.assert_allclose(damped, driven, atol=1e-12 * float(jnp.max(jnp.abs(driven))))


def test_size_of_the_damping() -> None:
    """eta_S = 2.381239e-19 m^2; a wall's angle is damped by (2/3) eta_S/lambda^2 more."""
    m, rate = moving(1, 0.0)
    torque = jaxstt.SpinMotiveDamping(SIGMA, circuit="voltage", order=4)
    ((weight, _),) = torque.damping(WIRE, jnp.asarray(MS), m)
    np.testing.assert_allclose(weight, 2.381239e-19, rtol=4e-7)
    D = tensor(WIRE, m, torque)
    extra = jnp.einsum("aijk,abijk,bijk->", rate, D, rate) / jnp.sum(rate**2)
    np.testing.assert_allclose(extra, 1.5875e-3, rtol=1e-4)
    moved = moving(1, 100.0)[1] - rate
    assert float(jnp.einsum("aijk,abijk,bijk->", moved, D, moved)) < 1e-6 * float(jnp.sum(moved**2))
    factors = [
        jaxstt.SpinMotiveDamping(SIGMA, P=0.6, xi=0.5, circuit=circuit)
        for circuit in ("voltage", "current")
    ]
    found = [float(f.damping(WIRE, jnp.asarray(MS), m)[0][0] / weight) for f in factors]
    np.testing.assert_allclose(found, [1 / 1.25, 0.64 / 1.25])


def test_explicit_form_with_every_damping() -> None:
    """dm/dt (1+eta) = R + m x [(alpha + xi eta + D) dm/dt], the tensor made large."""
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    t = jnp.zeros(())
    stt = jaxstt.ZhangLi((2e12, -1e12, 0), P=0.6, xi=0.3, n0=4e4)
    smf = jaxstt.SpinMotiveDamping(1e9, circuit="voltage")
    llg = jaxstt.LLG(
        grid, Ms=MS, alpha=0.05, energies=(jaxstt.Zeeman((0.1, 0.2, 0.3)),), torques=(stt, smf)
    )
    rate = llg.rate(t, m)
    cross = lambda a, b: jnp.cross(a, b, axis=0)  # noqa: E731
    D = tensor(grid, m, smf)
    assert float(jnp.max(jnp.abs(D))) > 0.3
    response = stt.renormalisation(llg.Ms)
    assert response is not None
    eta, lag = response
    right = -llg.gamma * cross(m, llg.field(t, m)) + stt.rate(grid, llg.Ms, t, m) - eta * rate
    damped = (llg.alpha + lag) * rate + jnp.einsum("abijk,bijk->aijk", D, rate)
    right = right + cross(m, damped)
    np.testing.assert_allclose(rate, right, atol=1e-12 * float(jnp.max(jnp.abs(rate))))


def test_anomalous_velocity() -> None:
    """P j -> P j + (P_H - P) theta_H m x j, cell by cell."""
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    j, P, theta, P_H = jnp.array([2e12, 1e12, 0.0]), 0.54, 0.05, 1.77
    Ms, t = jnp.asarray(MS), jnp.zeros(())
    found = jaxstt.ZhangLi(j, P=P, xi=0.2, theta_H=theta, P_H=P_H).rate(grid, Ms, t, m)
    field = jnp.broadcast_to(j[:, None, None, None], m.shape)
    field = P * field + (P_H - P) * theta * jnp.cross(m, field, axis=0)
    expected = jaxstt.ZhangLi(field, P=1.0, xi=0.2).rate(grid, Ms, t, m)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-3)
    plain = jaxstt.ZhangLi(j, P=P, xi=0.2).rate(grid, Ms, t, m)
    assert float(jnp.max(jnp.abs(found - plain))) > 0.03 * float(jnp.max(jnp.abs(plain)))


@pytest.mark.parametrize("shares", [True, False])
def test_a_field_on_the_conduction_moments_turns_all_with_the_bare_gamma(shares: bool) -> None:
    """Macrospin, alpha = 0: applied and anisotropy fields, along the easy axis and across."""
    one, m = jaxstt.Grid((1, 1, 1), (1e-9,) * 3), jnp.array([0.6, 0.0, 0.8])
    stt = jaxstt.ZhangLi((0, 0, 0), P=0.5, xi=0.3, n0=2e5, field_on_electrons=shares)
    applied, own = jaxstt.Zeeman((0, 0, 0.5)), jaxstt.UniaxialAnisotropy(1e5)
    eta = 0.25 / 1.09

    def rate(*energies):
        llg = jaxstt.LLG(one, Ms=MS, alpha=0.0, energies=energies, torques=(stt,))
        return jaxstt.rhs(llg, 0.0, m.reshape(3, 1, 1, 1))[:, 0, 0, 0]

    B_own = 2 * 1e5 / MS * 0.8
    turn = -c.GAMMA * jnp.cross(m, jnp.array([0, 0, 1.0]))
    tilde = 0.3 * eta / (1 + eta)

    def damped(B):  # gamma~, alpha~
        g = B / (1 + eta) / (1 + tilde**2)
        return g * (turn + tilde * jnp.cross(m, turn))

    np.testing.assert_allclose(rate(own), damped(B_own), rtol=1e-12, atol=1e-3)
    expected = 0.5 * turn if shares else damped(0.5)
    np.testing.assert_allclose(rate(applied), expected, rtol=1e-12, atol=1e-3)
    np.testing.assert_allclose(rate(applied, own), expected + damped(B_own), rtol=1e-12, atol=1e-3)


ZERO = jnp.zeros((3, 320, 1, 1))
BAD = {
    "`rate` must have shape": lambda: jaxstt.emf(WIRE, ZERO, jnp.zeros(3), P=0.5),
    "`m` must have shape": lambda: jaxstt.spin_motive_field(WIRE, ZERO[:2], ZERO),
    "`axis` must be": lambda: jaxstt.emf(WIRE, ZERO, ZERO, P=0.5, axis="q"),
    "`P` must be <= 1": lambda: jaxstt.emf(WIRE, ZERO, ZERO, P=1.5),
    "`order` must be": lambda: jaxstt.spin_motive_field(WIRE, ZERO, ZERO, order=3),
    "`sigma` must be >= 0": lambda: jaxstt.SpinMotiveDamping(-1.0),
    "`circuit` must be one of": lambda: jaxstt.SpinMotiveDamping(1.0, circuit="open"),
    "given together": lambda: jaxstt.ZhangLi((0, 0, 0), P=0.5, xi=0, P_H=1.2),
    "`precession_length` must be > 0": lambda: jaxstt.ZhangLi(
        (0, 0, 0), P=0.5, xi=0, precession_length=0.0
    ),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BAD[message]()
