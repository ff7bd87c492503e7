"""Eqs (1)-(8) from the spinor: Berry connections, Euler-Lagrange equation, gauge, signs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt.constants import EV, HBAR
from jaxstt.electron import (
    berry_connection,
    berry_matrix,
    bloch_vector,
    exchange_hamiltonian,
    local_frame,
    local_matrix,
    spin_basis,
    spin_deviation,
    spin_lagrangian,
)

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
TAU = HBAR / EV
RNG = np.random.default_rng(7)
N = 20
THETA, PHI, THETA_DOT, PHI_DOT = RNG.uniform(0.1, 3.0, (4, N))
ETA = RNG.normal(size=(2, N)) + 1j * RNG.normal(size=(2, N))
ETA /= np.linalg.norm(ETA, axis=0)


def moments(psi: np.ndarray) -> np.ndarray:
    """<sigma>, (3, k), of the lab spinors psi, (2, k)."""
    return np.einsum("ak,iab,bk->ik", psi.conj(), PAULI, psi).real


def matvec(matrix, vector) -> np.ndarray:
    return np.einsum("ab...,b...->a...", np.asarray(matrix), np.asarray(vector))


def test_exchange_energy_and_its_eigenstates():
    """H = (Delta/2) sigma.n: up costs Delta/2, down, whose moment -<sigma> is +n, gains it."""
    n = np.asarray(local_frame(THETA, PHI))[2]
    H = np.asarray(exchange_hamiltonian(n, EV))
    np.testing.assert_allclose(H, EV / 2 * np.einsum("iab,ik->abk", PAULI, n), atol=1e-15 * EV)
    V = np.asarray(spin_basis(THETA, PHI))
    np.testing.assert_allclose(matvec(H, V[:, 0]), EV / 2 * V[:, 0], atol=1e-14 * EV)
    np.testing.assert_allclose(matvec(H, V[:, 1]), -EV / 2 * V[:, 1], atol=1e-14 * EV)
    np.testing.assert_allclose(-moments(V[:, 1]), n, atol=1e-14)
    single = exchange_hamiltonian(jnp.asarray(n, jnp.float32), EV)
    assert single.dtype == jnp.complex64
    np.testing.assert_allclose(single, H, atol=1e-6 * EV)


@pytest.mark.parametrize("chi", [0.0, 0.7])
def test_bloch_vector_is_the_spin_in_the_local_frame(chi: float):
    """Eq (3) by definition, and as components of the lab's <sigma> along e_theta, e_phi, n."""
    s = np.asarray(bloch_vector(ETA))
    np.testing.assert_allclose(s, moments(ETA), atol=1e-15)
    frame = np.asarray(local_frame(THETA, PHI, chi))
    np.testing.assert_allclose(np.linalg.det(np.moveaxis(frame, 2, 0)), 1, atol=1e-14)
    lab = moments(matvec(spin_basis(THETA, PHI, chi), ETA))
    np.testing.assert_allclose(matvec(frame, lab), s, atol=1e-14)


def along(theta, theta_dot, phi, phi_dot, chi_dot=0.0):
    """V(t) of angles that turn at given rates."""
    return lambda t: spin_basis(theta + theta_dot * t, phi + phi_dot * t, chi_dot * t)


def test_berry_matrix_is_i_hbar_V_dag_dV():
    """Eq (7), by differentiation at random angles; a turn chi adds chi'/2 on the diagonal."""
    closed = np.asarray(berry_matrix(THETA, THETA_DOT, PHI_DOT))
    for k in range(N):
        for chi_dot in (0.0, 0.4):
            basis = along(THETA[k], THETA_DOT[k], PHI[k], PHI_DOT[k], chi_dot)
            V, V_dot = jax.jvp(basis, (jnp.asarray(0.0),), (jnp.asarray(1.0),))
            expected = closed[:, :, k] + chi_dot / 2 * PAULI[2]
            np.testing.assert_allclose(1j * V.conj().T @ V_dot, expected, atol=1e-12)


def test_berry_matrix_symbolically():
    sp = pytest.importorskip("sympy")
    t = sp.symbols("t", real=True)
    theta, phi = (sp.Function(name, real=True)(t) for name in ("theta", "phi"))
    half = sp.exp(sp.I * phi / 2)
    V = sp.Matrix(
        [
            [sp.cos(theta / 2) / half, -sp.sin(theta / 2) / half],
            [sp.sin(theta / 2) * half, sp.cos(theta / 2) * half],
        ]
    )
    derived = sp.I * V.H * V.diff(t)
    a, b = theta.diff(t), phi.diff(t)
    printed = [
        [sp.cos(theta) * b, -sp.sin(theta) * b - sp.I * a],
        [-sp.sin(theta) * b + sp.I * a, -sp.cos(theta) * b],
    ]
    rest = (derived - sp.Matrix(printed) / 2).applyfunc(
        lambda x: sp.simplify(sp.expand(x).rewrite(sp.cos))
    )
    assert rest == sp.zeros(2)
    # The code states the same matrix and the same basis.
    values = {a: 1.3, b: 0.4}
    numbers = sp.Matrix(printed).subs(values).subs(theta, 0.9) / 2
    np.testing.assert_allclose(
        np.array(numbers.evalf(), complex), berry_matrix(0.9, 1.3, 0.4), atol=1e-14
    )
    numbers = V.subs({theta: 0.9, phi: 0.3})
    np.testing.assert_allclose(np.array(numbers.evalf(), complex), spin_basis(0.9, 0.3), atol=1e-14)


def test_berry_connection_along_a_path():
    """v.A + Phi of (5)-(6) is (7) with total derivatives; both are hermitian."""
    theta = lambda r, t: 0.9 + 0.3 * jnp.sin(2e8 * r[0] - 1e8 * r[2] + 1e12 * t)  # noqa: E731
    phi = lambda r, t: 3e8 * r[1] + 0.5 * jnp.cos(1e8 * r[0]) - 2e12 * t  # noqa: E731
    r, t, v = jnp.asarray([1e-9, 2e-9, -1e-9]), jnp.asarray(3e-13), jnp.asarray([4e5, -2e5, 1e5])
    found = berry_connection(theta, phi, r, t)
    assert found.A.shape == (3, 2, 2) and found.Phi.shape == (2, 2)
    for matrix in (*found.A, found.Phi):
        np.testing.assert_allclose(matrix, matrix.conj().T, atol=1e-12 * float(abs(matrix).max()))
    total = np.tensordot(np.asarray(v), np.asarray(found.A), 1)
    rates = [jax.jvp(f, (r, t), (v, jnp.ones(())))[1] for f in (theta, phi)]
    np.testing.assert_allclose(
        total + found.Phi, berry_matrix(theta(r, t), *rates), atol=1e-12 * 2e14
    )


def test_euler_lagrange_equation_of_4_gives_8():
    """d/dt dL/dx' = dL/dx in x = (Re eta, Im eta), solved for x', against the matrix of (8)."""
    rates = np.stack([THETA_DOT, PHI_DOT]) * 1e14

    def lagrangian(x, x_dot, theta, theta_dot, phi_dot):
        eta, eta_dot = (jax.lax.complex(y[:2], y[2:]) for y in (x, x_dot))
        return spin_lagrangian(eta, eta_dot, berry_matrix(theta, theta_dot, phi_dot), EV) / EV

    def s_dot(x, *path):
        zero = jnp.zeros(4)
        # L is linear in x' and its momentum depends on x alone, not on t.
        momentum = jax.jacfwd(jax.grad(lagrangian, argnums=1))(x, zero, *path)
        force = jax.grad(lagrangian)(x, zero, *path)
        x_dot = jnp.linalg.solve((momentum - momentum.T) / TAU, force) / TAU
        spin = lambda x: bloch_vector(jax.lax.complex(x[:2], x[2:]))  # noqa: E731
        return jax.jvp(spin, (x,), (x_dot,))[1]

    x = np.concatenate([ETA.real, ETA.imag])
    found = jax.jit(jax.vmap(s_dot, in_axes=(1, 0, 0, 0), out_axes=1))(x, THETA, *rates)
    matrix = local_matrix(THETA, *rates, TAU)
    expected = matvec(matrix, bloch_vector(ETA))
    np.testing.assert_allclose(found, expected, atol=1e-12 / TAU)
    # By hand, one entry for each sign: at s = (0, 1, 0) and (0, 0, 1).
    at = np.asarray(local_matrix(0.9, 2e14, 3e14, TAU))
    np.testing.assert_allclose(at[0, 1], np.cos(0.9) * 3e14 - EV / HBAR)
    np.testing.assert_allclose([at[0, 2], at[1, 2]], [-2e14, -np.sin(0.9) * 3e14])
    np.testing.assert_allclose(at, -at.T)


def test_lagrangian_terms():
    """hbar k.v, E0 and the kinetic term, each with its sign."""
    eta = np.array([0.6, 0.8j])
    zero = np.zeros((2, 2))
    rest = spin_lagrangian(eta, 0 * eta, zero, EV)
    np.testing.assert_allclose(rest, -(0.36 - 0.64) * EV / 2, rtol=1e-12)
    moving = spin_lagrangian(
        eta, 0 * eta, zero, EV, k=(1e10, 0.0, 2e9), r_dot=(1e6, 5.0, -1e6), E0=2 * EV
    )
    np.testing.assert_allclose(moving - rest, HBAR * 8e15 - 2 * EV, rtol=1e-12)
    turning = spin_lagrangian(eta, -1j * 1e15 * eta, zero, EV)  # e^{-i w t}: L = hbar w
    np.testing.assert_allclose(turning - rest, HBAR * 1e15, rtol=1e-12)


def test_a_gauge_turn_leaves_12_unchanged():
    """Eq (10) read off the turned basis, on the turned axes, is the same vector."""
    xi, tau, t0 = 0.3, 1e-3, jnp.asarray(0.4)
    theta, phi = (lambda t: 0.9 + 0.3 * jnp.sin(t)), (lambda t: 0.4 + 0.7 * t**2)
    n, dn_dt = jax.jvp(lambda t: local_frame(theta(t), phi(t))[2], (t0,), (jnp.ones(()),))
    expected = spin_deviation(n, dn_dt, xi, tau)
    for turn, rate in ((0.0, 0.0), (1.1, 0.0), (0.3, 5.0), (-2.0, -40.0)):
        chi = lambda t, turn=turn, rate=rate: turn + rate * (t - t0)  # noqa: E731
        basis = lambda t, chi=chi: spin_basis(theta(t), phi(t), chi(t))  # noqa: E731
        V, V_dot = jax.jvp(basis, (t0,), (jnp.ones(()),))
        berry = tau * np.asarray(1j * V.conj().T @ V_dot)
        e1, e2 = -2 * berry[0, 1].real, -2 * berry[0, 1].imag
        q = 1 + xi**2
        s1, s2 = (e1 - xi * e2) / q, -(xi * e1 + e2) / q
        e_theta, e_phi, _ = local_frame(theta(t0), phi(t0), chi(t0))
        np.testing.assert_allclose(s1 * e_theta + s2 * e_phi, expected, rtol=1e-12)


BAD = {
    "Delta": (lambda: exchange_hamiltonian((0.0, 0.0, 1.0), 0.0), "`Delta` must be > 0, got 0"),
    "n": (lambda: exchange_hamiltonian((0.0, 0.0, 1.1), EV), "`n` must be unit length, got .* 1.1"),
    "n shape": (lambda: exchange_hamiltonian((0.0, 1.0), EV), r"`n` must be \(3, ...\)"),
    "eta": (lambda: bloch_vector(np.ones(3)), r"`eta` must be \(2, ...\)"),
    "L": (lambda: spin_lagrangian(ETA[:, 0], ETA[:, 0], 0 * PAULI[0], -EV), "`Delta` must be > 0"),
    "r": (lambda: berry_connection(THETA.sum, THETA.sum, (0.0,), 0.0), r"`r` must be \(3,\)"),
    "tau_ex": (lambda: local_matrix(0.1, 0.0, 0.0, 0.0), "`tau_ex` must be > 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()
