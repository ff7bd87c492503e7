"""Drives in time: nothing is missed between two saves, and derivatives by a drive's times."""

import diffrax
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

WIRE = helpers.WIRE
FORWARD = diffrax.ForwardMode()


def _macrospin(drive, t, **settings):
    llg = jaxstt.LLG(
        jaxstt.Grid((1, 1, 1), (2e-9,) * 3),
        Ms=8e5,
        alpha=0.1,
        energies=(jaxstt.Zeeman((0.0, 0.0, 1e-3)), jaxstt.Zeeman(drive)),
    )
    m0 = np.array([0.0, 0, 1])[:, None, None, None]
    return np.asarray(jaxstt.evolve(llg, m0, t, **settings).m)


# A step that only stability limits is longer than all of them, or than their periods.
BETWEEN_SAVES = {
    "sinusoid": jaxstt.Sinusoid((2e-2, 0.0, 0.0), 1e10),
    "sinusoid, late": jaxstt.Sinusoid((2e-2, 0.0, 0.0), 1.05e10, phase=1.0),
    "pulse": jaxstt.Pulse((0.5, 0.0, 0.0), 7e-9, 20e-12),
    "lines": jaxstt.Piecewise(
        [7e-9, 7.01e-9, 7.02e-9], [[0.0, 0.0, 0.0], [0.5, 0.1, 0.0], [0.0, 0.0, 0.0]]
    ),
    "function": lambda t: (
        jnp.array([0.01, 0.0, 0.0]) * jnp.exp(-(((t - 7.3e-9) / 0.3e-9) ** 2)).astype(t.dtype)
    ),
}


@pytest.mark.parametrize("drive", BETWEEN_SAVES)
def test_what_a_drive_does_between_two_saves_is_not_missed(drive):
    drive = BETWEEN_SAVES[drive]
    coarse, fine = np.linspace(0, 20e-9, 3), np.linspace(0, 20e-9, 2001)
    reference = _macrospin(drive, fine, rtol=1e-8, atol=1e-9)[::1000]
    assert np.abs(reference[1:, :2]).max() > 2e-2  # the drive has done something
    known = isinstance(drive, jaxstt.AbstractDrive)
    for solver in (None, jaxstt.FixedStep() if known else jaxstt.FixedStep(5e-12)):
        np.testing.assert_allclose(_macrospin(drive, coarse, solver=solver), reference, atol=3e-4)


def test_fixed_step_resolves_the_precession_of_a_uniform_state():
    """In a field along a diagonal, whose length no component tells; stability is not accuracy."""
    t = np.linspace(0, 1e-10, 3)
    fine = _macrospin((1.0, 1.0, 1.0), t, rtol=1e-9, atol=1e-10)
    fixed = _macrospin((1.0, 1.0, 1.0), t, solver=jaxstt.FixedStep())
    np.testing.assert_allclose(fixed, fine, atol=1e-3)


@pytest.mark.parametrize(
    "solver", [pytest.param(None, marks=pytest.mark.thorough), jaxstt.FixedStep(2e-13)]
)
def test_derivative_by_the_times_of_a_pulse(solver):
    """No stage sees the other side of a bend (it was wrong by 5 % when one did)."""
    m0 = jnp.asarray([0.6, 0.0, 0.8])[:, None, None, None]
    settings = {} if solver else {"rtol": 1e-10, "atol": 1e-11}

    def end(times, adjoint=None):
        start, duration, rise = times * 1e-12
        drive = jaxstt.Pulse(jnp.asarray([0.1, 0.02, 0.05]), start, duration, rise)
        energies = (jaxstt.Zeeman(drive), jaxstt.Zeeman((0.0, 0.0, 0.2)))
        llg = jaxstt.LLG(jaxstt.Grid((1, 1, 1), (2e-9,) * 3), Ms=8e5, alpha=0.1, energies=energies)
        t = [0.0, 50e-12, 0.2e-9]
        sol = jaxstt.evolve(llg, m0, t, solver=solver, adjoint=adjoint, **settings)
        return jnp.sum(sol.m[-1, 0])

    one, other = jnp.array([20.0, 60.0, 5.0]), jnp.array([10.0, 30.0, 2.0])
    # In a batch some pieces between bends are empty for one and not for the other.
    several = jax.jit(jax.vmap(jax.grad(end)))(jnp.stack([one, other]))
    value = jax.jit(end)
    for i, h in enumerate(0.001 * one):
        d = jnp.zeros(3).at[i].set(h)
        near, far = (value(one + k * d) - value(one - k * d) for k in (1, 2))
        np.testing.assert_allclose(several[0, i], (8 * near - far) / (12 * h), rtol=2e-6)
    push = jax.jit(lambda x, d: jax.jvp(lambda x: end(x, FORWARD), (x,), (d,))[1])
    np.testing.assert_allclose(
        several[1], [push(other, d) for d in jnp.eye(3)], rtol=1e-9, atol=1e-12
    )


def test_derivative_when_a_saved_time_is_the_end_of_the_pulse():
    """Both move together; the piece after it begins where the one before it ended."""
    m0 = jnp.asarray([0.6, 0.0, 0.8])[:, None, None, None]

    def end(d, adjoint=None):
        pulse = jaxstt.Pulse(jnp.asarray([0.1, 0.02, 0.05]), 20e-12, d, 5e-12)
        energies = (jaxstt.Zeeman(pulse), jaxstt.Zeeman((0.0, 0.0, 0.2)))
        llg = jaxstt.LLG(jaxstt.Grid((1, 1, 1), (2e-9,) * 3), Ms=8e5, alpha=0.1, energies=energies)
        t = jnp.stack([jnp.zeros(()), 20e-12 + d, 20e-12 + d + 50e-12])
        sol = jaxstt.evolve(llg, m0, t, solver=jaxstt.FixedStep(2e-13), adjoint=adjoint)
        return sol.m[-1, 0, 0, 0, 0]

    d, h = jnp.asarray(60e-12), 1e-14
    value = jax.jit(end)
    exact = (value(d + h) - value(d - h)) / (2 * h)
    np.testing.assert_allclose(jax.grad(end)(d), exact, rtol=1e-5)
    forward = jax.jvp(lambda d: end(d, FORWARD), (d,), (jnp.ones_like(d),))[1]
    np.testing.assert_allclose(forward, exact, rtol=1e-5)


def test_derivative_by_saved_times_on_the_bends_of_a_pulse():
    def states(t):
        llg = _macrospin_llg(jaxstt.Pulse((0.1, 0.02, 0.05), 0.0, 60e-12, 5e-12))
        m0 = jnp.asarray([0.6, 0.0, 0.8])[:, None, None, None]
        return jaxstt.evolve(llg, m0, t, rtol=1e-11, atol=1e-12).m[-1, 0, 0, 0, 0]

    t = jnp.array([0.0, 60e-12, 100e-12])
    # The state at the end does not ask when else it was saved, and turns later if it began later.
    slope = jax.jit(jax.grad(states))(t)
    h = 1e-15
    for i in (1, 2):
        d = jnp.zeros(3).at[i].set(h)
        exact = float(states(t + d) - states(t - d)) / (2 * h)
        np.testing.assert_allclose(slope[i], exact, rtol=1e-4, atol=1e5)


def _macrospin_llg(drive):
    grid = jaxstt.Grid((1, 1, 1), (2e-9,) * 3)
    energies = (jaxstt.Zeeman((0.0, 0.0, 0.2)), jaxstt.Zeeman(drive))
    return jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies)


def test_fixed_step_does_not_guess_a_function():
    with pytest.raises(ValueError, match=r"`solver`: FixedStep\(\) cannot tell the step"):
        _macrospin(lambda t: jnp.array([0.0, 0.0, 0.1]), [0, 1e-9], solver=jaxstt.FixedStep())


class _Gauss(jaxstt.AbstractDrive):
    """A smooth drive of one's own."""

    value: jax.Array
    at: jax.Array
    width: jax.Array

    def __call__(self, t):
        return self.value * jnp.exp(-(((t - self.at) / self.width) ** 2)).astype(t.dtype)

    @property
    def largest(self):
        return jnp.max(jnp.abs(self.value))

    @property
    def breakpoints(self):
        return jnp.zeros(0)


def test_a_smooth_drive_of_ones_own_is_not_jumped_over():
    drive = _Gauss(jnp.array([0.03, 0.0, 0.0]), jnp.asarray(3e-9), jnp.asarray(0.1e-9))
    fine = _macrospin(drive, np.linspace(0, 8e-9, 801), rtol=1e-8, atol=1e-9)[::400]
    assert np.abs(fine[1:, :2]).max() > 0.3
    for solver in (None, jaxstt.FixedStep()):
        coarse = _macrospin(drive, [0, 4e-9, 8e-9], solver=solver)
        np.testing.assert_allclose(coarse, fine, atol=3e-4)


def test_a_function_in_double_drives_a_run_in_single():
    drive = lambda t: jnp.asarray(np.array([0.0, 0.01, 0.0]))  # noqa: E731
    llg = jaxstt.LLG(WIRE, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman(drive),))
    m0 = jaxstt.uniform(WIRE, (0.0, 0.0, 1.0)).astype(jnp.float32)
    assert jaxstt.evolve(llg, m0, [0, 1e-11]).m.dtype == jnp.float32
