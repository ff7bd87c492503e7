"""SpinOrbit: signs in words, the equivalent fields, a macrospin's tilt, a Neel wall's drift."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import GAMMA

MS, D, J = 8e5, 1e-9, 4e11
HBAR, E = 1.054571817e-34, 1.602176634e-19
FIELD = HBAR * J / (2 * E * MS * D)
"""T, of an angle of 1."""
SPIN = jaxstt.Grid((1, 1, 1), (5e-9, 5e-9, D))
T = jnp.asarray(0.0)
M = np.array([0.48, 0.6, 0.64])
X, Y, Z = np.eye(3)


@eqx.filter_jit
def _rate(torque, m, t=T):
    return torque.rate(SPIN, jnp.asarray(MS), t, jnp.asarray(m).reshape(3, 1, 1, 1)).ravel()


@pytest.mark.parametrize("metal,n", [("bottom", 1), ("top", -1)])
@pytest.mark.parametrize("j,s", [(X, -Y), (Y, X), (-X, Y)])
def test_platinum_turns_m_towards_j_cross_n(j, s, metal: str, n: int):
    rate = _rate(jaxstt.SpinOrbit(J * j, 0.1, heavy_metal=metal), Z)
    np.testing.assert_allclose(rate, GAMMA * FIELD * 0.1 * n * s, rtol=1e-9, atol=1.0)


def test_equivalent_fields():
    """T/Ms = -gamma m x B with B = (hbar j/(2 e Ms d)) (theta_DL m x s + theta_FL s), s = j x z."""
    j, DL, FL = np.array([0.6, 0.8, 0.0]), 0.12, -0.05
    s = np.cross(j, Z)
    B = FIELD * (DL * np.cross(M, s) + FL * s)
    rate = _rate(jaxstt.SpinOrbit(J * j, DL, FL), M)
    np.testing.assert_allclose(rate, -GAMMA * np.cross(M, B), rtol=1e-9)


def test_is_slonczewski_with_p_along_s():
    DL, FL = 0.12, -0.05
    interface = jaxstt.Slonczewski(J, -Y, DL, epsilon_prime=FL / 2)
    rate = _rate(jaxstt.SpinOrbit(J * X, DL, FL), M)
    np.testing.assert_allclose(rate, _rate(interface, M), rtol=1e-12)
    thick = _rate(jaxstt.SpinOrbit(J * X, DL, FL, thickness=4 * D), M)
    np.testing.assert_allclose(4 * thick, rate, rtol=1e-12)


B = 0.5


@eqx.filter_jit
def _rest(DL, FL):
    torque = jaxstt.SpinOrbit(J * jnp.asarray(X), DL, FL)
    energy = jaxstt.Zeeman((0.0, 0.0, B))
    llg = jaxstt.LLG(SPIN, Ms=MS, alpha=0.5, energies=(energy,), torques=(torque,))
    m0 = jaxstt.uniform(SPIN, (0.1, 0.1, 1))
    return jaxstt.evolve(llg, m0, [0, 1e-9], rtol=1e-9, atol=1e-12).m[-1].ravel()


@pytest.mark.parametrize("theta", [0.3, -0.3])
def test_tilt_of_a_macrospin_at_rest(theta: float):
    """In a field B z: along B z + B_FL s under the field-like torque, m_x = B_DL/B under the other.

    The second: m x (B z + h m x s) = 0 with s = -y has the only component h - B m_x.
    """
    h = theta * FIELD
    m = _rest(jnp.asarray(0.0), jnp.asarray(theta))
    np.testing.assert_allclose(m, np.array([0, -h, B]) / np.hypot(h, B), atol=1e-6)
    m = _rest(jnp.asarray(theta), jnp.asarray(0.0))
    np.testing.assert_allclose(m, [h / B, 0, np.sqrt(1 - (h / B) ** 2)], atol=1e-6)


@pytest.mark.parametrize("angle,sign", [(np.pi, 1), (0.0, -1)])
def test_left_handed_neel_wall_on_platinum_moves_along_the_current(angle: float, sign: int):
    """v = -(pi/2) (gamma lambda/alpha) B_DL cos(angle), the 1-D model at weak current.

    Up, left, down is the wall of Pt/Co (Emori et al., Nat. Mater. 12, 611 (2013)).
    """
    A, K, Kp, alpha, theta = 1.3e-11, 3.3e5, 2e5, 0.3, 0.01
    grid = jaxstt.Grid((96, 1, 1), (1e-9, 1e-9, D))
    energies = (
        jaxstt.Exchange(A),
        jaxstt.UniaxialAnisotropy(K),
        jaxstt.UniaxialAnisotropy(-Kp, (0.0, 1.0, 0.0)),
    )
    llg = jaxstt.LLG(
        grid, Ms=MS, alpha=alpha, energies=energies, torques=(jaxstt.SpinOrbit(J / 2 * X, theta),)
    )
    width = np.sqrt(A / K)
    m0 = jaxstt.neel_wall(grid, width, angle=angle)
    tracker = jaxstt.WallTracker(grid)
    q = jaxstt.evolve(llg, m0, [0, 0.2e-9, 0.6e-9], save=tracker, rtol=1e-6).m.position
    v = (q[2] - q[1]) / 0.4e-9
    expected = sign * np.pi / 2 * GAMMA * width / alpha * theta * FIELD / 2
    np.testing.assert_allclose(v, expected, rtol=1e-2)


def test_drive_field_and_breakpoints():
    pulse = jaxstt.Pulse(J * X, start=1e-12, duration=4e-12, rise=1e-12)
    torque = jaxstt.SpinOrbit(pulse, 0.1, 0.05)
    half = _rate(torque, M, jnp.asarray(1.5e-12))
    np.testing.assert_allclose(2 * half, _rate(jaxstt.SpinOrbit(J * X, 0.1, 0.05), M), rtol=1e-9)
    assert torque.drives[0].breakpoints.shape == (4,)
    field = jaxstt.SpinOrbit(J * X.reshape(3, 1, 1, 1), 0.1, 0.05)
    np.testing.assert_allclose(2 * half, _rate(field, M), rtol=1e-9)
    assert field.drives == []


def test_stiffness_is_a_bound_and_a_close_one():
    torque = jaxstt.SpinOrbit(J * jnp.asarray([0.6, 0.8, 0.0]), 0.1, -0.05)
    directions = jax.random.normal(jax.random.key(0), (100, 3))
    directions = directions / jnp.linalg.norm(directions, axis=1, keepdims=True)

    def norm(m):
        turn = jax.jacfwd(lambda m: _rate(torque, m))(m)
        return jnp.linalg.norm(turn @ (jnp.eye(3) - jnp.outer(m, m)), 2)

    worst = jnp.max(jax.jit(jax.vmap(norm))(directions))
    assert 1.0 <= float(torque.stiffness(SPIN, jnp.asarray(MS)) / worst) < 2.5


def test_gradients_and_vmap():
    leaves = {
        "j": J * jnp.asarray([0.6, 0.8, 0.0]),
        "theta_DL": 0.1,
        "theta_FL": -0.05,
        "thickness": D,
    }
    leaves = jax.tree.map(jnp.asarray, leaves)

    @jax.jit
    def value(leaves):
        return _rate(jaxstt.SpinOrbit(**leaves), M)[2] / GAMMA

    grads = jax.grad(value)(leaves)
    for name in ("theta_DL", "theta_FL", "thickness"):
        h = 1e-5 * leaves[name]
        up, down = (value({**leaves, name: leaves[name] + s * h}) for s in (1, -1))
        np.testing.assert_allclose(grads[name], (up - down) / (2 * h), rtol=1e-7)
    # Linear in j.
    np.testing.assert_allclose(jnp.sum(grads["j"] * leaves["j"]), value(leaves), rtol=1e-9)
    many = jax.vmap(lambda x: value({**leaves, "j": x * leaves["j"]}))(jnp.arange(3.0))
    np.testing.assert_allclose(many, value(leaves) * np.arange(3.0), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"j": J}, r"`j` must be \(3,\) or \(3, nx, ny, nz\), got shape \(\)"),
        ({"j": (0, 0, J)}, r"`j` must lie in the plane of the film, got \|j_z\| = 4e\+11"),
        ({"theta_DL": np.inf}, "`theta_DL` must be finite"),
        ({"theta_FL": (0.1, 0, 0)}, "`theta_FL` must be a number or"),
        ({"thickness": -1e-9}, "`thickness` must be > 0, got -1e-09"),
        ({"heavy_metal": "below"}, '`heavy_metal` must be "top" or "bottom", got \'below\''),
    ],
)
def test_bad_arguments(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        jaxstt.SpinOrbit(**{**{"j": (J, 0, 0), "theta_DL": 0.1}, **change})


def test_the_height_of_the_grid_must_be_the_film():
    grid = jaxstt.Grid((2, 2, 2), (D, D, D), periodic=(False, False, True))
    with pytest.raises(ValueError, match="`thickness` must be given on a grid"):
        jaxstt.LLG(grid, Ms=MS, alpha=0.1, torques=(jaxstt.SpinOrbit((J, 0, 0), 0.1),))
