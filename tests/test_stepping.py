"""The default method of `evolve`: its error, its steps, and its derivatives."""

from functools import partial

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffrax import ForwardMode

import jaxstt
from jaxstt._dynamics import _held_field_step, _kept_states
from jaxstt._integrate import Piece

FILM = jaxstt.Grid((12, 5, 1), (5e-9, 4e-9, 3e-9))
DEMAG = jaxstt.Demag(FILM)
EXACT = {"solver": diffrax.Dopri8(), "rtol": 1e-10, "atol": 1e-10}
TIMES = np.linspace(0, 60e-12, 4)


def _gentle(grid):
    x, y = np.meshgrid(*(np.linspace(0, 2, n) for n in grid.shape[:2]), indexing="ij")
    m = np.stack([np.ones_like(x), 0.4 * np.cos(2 * x), 0.3 * np.sin(3 * y)])[..., None]
    return jnp.asarray(m / np.linalg.norm(m, axis=0))


M0 = _gentle(FILM)


def _film(j, p=(1.0,) * 3):
    torque = jaxstt.ZhangLi(j, P=0.5, xi=0.1)
    energies = (jaxstt.Exchange(1.3e-11 * p[0]), DEMAG, jaxstt.Zeeman((-0.02, 0.004, 0.0)))
    return jaxstt.LLG(FILM, Ms=8e5 * p[1], alpha=0.02 * p[2], energies=energies, torques=(torque,))


@pytest.mark.parametrize("full", [True, False])
def test_a_step_is_of_fourth_order(full):
    """The held field through four past states and the Runge-Kutta method: dt^5 in one step."""
    llg = _film((-1e12, 0.0, 0.0))
    rate = float(llg.stiffness())

    @jax.jit
    def error(dt):
        back = jnp.arange(-3.0, 2.0) * dt + 6e-12
        # The past of a smooth run, to 1e-14, and where it goes on.
        m = jaxstt.evolve(
            llg, M0, jnp.append(0.0, back), solver=diffrax.Dopri8(), rtol=1e-13, atol=1e-13
        ).m[1:]
        past = jnp.stack([llg.held_field(0.0, m[k]) for k in (0, 1, 2, 3)] + [jnp.zeros_like(M0)])
        piece = Piece(jnp.zeros(()), dt, jnp.zeros(()))
        one = jnp.ones(())
        step = _held_field_step.Step(
            piece, 0 * one, one, dt * jnp.ones(3), jnp.int32(3), jnp.asarray(full)
        )
        new, held = _held_field_step.advanced(llg, step, m[3], past)
        assert held is not None
        return jnp.max(jnp.abs(new - m[4]))

    errors = [float(error(dt / rate)) for dt in (1.2, 0.6)]
    assert 4.6 < np.log2(errors[0] / errors[1]) < 5.6, errors


def test_the_extrapolation_is_the_cubic():
    gaps = jnp.array([1.0, 2.0, 0.5]) * 1e-13
    piece = Piece(jnp.zeros(()), jnp.asarray(1e-12), jnp.zeros(()))
    step = _held_field_step.Step(
        piece, jnp.zeros(()), jnp.asarray(0.15), gaps, jnp.int32(1), jnp.asarray(False)
    )
    cubic = lambda t: 1 + 2 * t / 1e-13 - (t / 1e-13) ** 2 + 0.3 * (t / 1e-13) ** 3  # noqa: E731
    weights = _held_field_step.extrapolation(step, jnp.array([0.0, 0.5, 1.0]))
    slots = [(1 - k) % 5 for k in range(4)]
    past = np.array([0.0, -1e-13, -3e-13, -3.5e-13])
    np.testing.assert_allclose(
        np.asarray(weights)[:, slots] @ cubic(past),
        cubic(np.array([0, 0.75e-13, 1.5e-13])),
        rtol=1e-12,
    )
    assert np.all(np.asarray(weights)[:, 2] == 0)


DRIVES = {
    "steady": (-1e12, 0.0, 0.0),
    "edge": jaxstt.Pulse((-4e12, 0.0, 0.0), start=25e-12, duration=1.0),
    "ramp": jaxstt.Pulse((-4e12, 0.0, 0.0), start=22e-12, duration=25e-12, rise=2e-12),
    "swing": jaxstt.Sinusoid(jnp.array([-4e12, 0.0, 0.0]), 8e10),
}


@pytest.mark.parametrize("drive", DRIVES)
def test_the_default_agrees_with_the_exact_run(drive):
    """As many steps as there are, each off by no more than its tolerance, do not add up to more."""
    llg = _film(DRIVES[drive])
    exact = jaxstt.evolve(llg, M0, TIMES, **EXACT).m
    run = jaxstt.evolve(llg, M0, TIMES)
    assert np.abs(run.m - exact).max() < 1e-4
    fine = jaxstt.evolve(llg, M0, TIMES, rtol=1e-8, atol=1e-8)
    assert np.abs(fine.m - exact).max() < 2e-6
    assert int(fine.stats["num_steps"]) > int(run.stats["num_steps"])


def test_a_spike_at_rest_is_seen_and_followed():
    """1 ps of 1 T after a rest, where the last steps say nothing of what comes."""
    spike = jaxstt.Zeeman(jaxstt.Pulse((0.0, 0.0, 1.0), start=40e-12, duration=1e-12))
    energies = (jaxstt.Exchange(1.3e-11), DEMAG)
    quiet = jaxstt.LLG(FILM, Ms=8e5, alpha=0.5, energies=energies)
    rest = jaxstt.relax(quiet, jaxstt.uniform(FILM, (1.0, 0.05, 0.0))).m
    llg = eqx.tree_at(
        lambda x: (x.energies, x.alpha), quiet, ((*energies, spike), jnp.asarray(0.02))
    )
    exact = jaxstt.evolve(llg, rest, TIMES, **EXACT).m
    assert np.abs(exact[-1] - rest).max() > 0.1
    assert np.abs(jaxstt.evolve(llg, rest, TIMES).m - exact).max() < 1e-4


def _disc(B):
    """A vortex in a disc of 120 nm, core up, and a field for 60 ps."""
    x = np.arange(24) - 11.5
    r2 = np.add.outer(x**2, x**2)[..., None]
    grid = jaxstt.Grid((24, 24, 1), (5e-9, 5e-9, 20e-9), mask=r2 < 144)
    pulse = jaxstt.Pulse(B, start=20e-12, duration=60e-12, rise=5e-12)
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.Demag(grid), jaxstt.Zeeman(pulse))
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.05, energies=energies)
    return llg, jaxstt.vortex(grid, core_radius=15e-9)


def test_the_reversal_of_a_vortex_core_is_followed():
    """The fastest thing a magnet does: a core of 10 nm is gone within picoseconds."""
    llg, m0 = _disc((0.0, 0.15, 0.0))
    rest = jaxstt.relax(llg, m0).m
    times = np.linspace(0, 200e-12, 5)
    run, exact = (jaxstt.evolve(llg, rest, times, **how).m for how in ({}, EXACT))
    mz = exact[:, 2].reshape(len(times), -1)
    core = np.take_along_axis(mz, np.abs(mz).argmax(axis=1)[:, None], axis=1)[:, 0]
    assert core[0] > 0.8 and core[-1] < -0.8
    assert np.abs(run - exact).max() < 2e-4


def test_a_wall_that_crosses_a_notch_is_followed():
    mask = np.ones((64, 12, 1), bool)
    mask[38:42, :3] = mask[38:42, -3:] = False
    grid = jaxstt.Grid(mask.shape, (4e-9,) * 3, mask=mask)
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.Demag(grid), jaxstt.Zeeman((0.03, 0.0, 0.0)))
    torque = jaxstt.ZhangLi((-4e12, 0.0, 0.0), P=0.5, xi=0.1)
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.05, energies=energies, torques=(torque,))
    m0 = jaxstt.head_to_head_wall(grid, 20e-9, position=90e-9, angle=np.pi / 2)
    m0 = jnp.where(mask, m0, 0.0)
    times = np.linspace(0, 300e-12, 4)
    run, exact = (jaxstt.evolve(llg, m0, times, **how).m for how in ({}, EXACT))
    mean = jnp.sum(exact[:, 0], axis=(1, 2, 3)) / float(mask.sum())
    notch = 2 * 40 / 64 - 1  # the mean while the wall is in it
    assert mean[0] < notch < mean[-1]
    assert np.abs(run - exact).max() < 2e-4


def test_magnetostatics_is_computed_once_in_a_step():
    """What the method is for: counted in the run, not in the program."""
    calls = []

    class Counted(jaxstt.Demag):
        def field(self, grid, Ms, t, m):
            jax.debug.callback(lambda: calls.append(1))
            return super().field(grid, Ms, t, m)

    llg = _film((-1e12, 0.0, 0.0))
    llg = eqx.tree_at(lambda x: x.energies[1], llg, Counted(FILM))
    stats = jaxstt.evolve(llg, M0, TIMES).stats
    jax.effects_barrier()
    steps = int(stats["num_steps"])
    assert steps > 30
    # Three more in each of the first steps; one at the start and two that check it.
    assert len(calls) < steps + 20


def _value(p, *, adjoint=None, room=None, **kwargs):
    """A number that depends on everything: material, drive, saved times, what is saved."""
    j = jaxstt.Pulse((-3e12 * p[3], 0.0, 0.0), start=12e-12 * p[4], duration=30e-12, rise=4e-12)
    bare = jaxstt.Zeeman(lambda t: jnp.stack([0.0 * t, 0.01 * p[5] * jnp.sin(t / 1e-11), 0.0 * t]))
    llg = _film(j, p)
    llg = eqx.tree_at(lambda x: x.energies, llg, (*llg.energies, bare))
    weights = jnp.asarray(np.random.default_rng(1).normal(size=M0.shape))
    save = lambda t, m: (p[6] * jnp.sum(weights * m), t / 1e-11)  # noqa: E731
    run = jaxstt.evolve(
        llg, M0, jnp.asarray(TIMES) * p[7], save=save, adjoint=adjoint, max_steps=4000, **kwargs
    )
    return jnp.sum(run.m[0] * run.m[1])


@pytest.fixture(scope="module")
def forward():
    derivative = jax.jacfwd(partial(_value, adjoint=ForwardMode(), rtol=1e-7, atol=1e-7))
    return np.asarray(jax.jit(derivative)(jnp.ones(8)))


def test_forward_mode_is_the_slope(forward):
    value = jax.jit(partial(_value, **EXACT))
    for k, slope in enumerate(forward):
        h = 1e-4 * jnp.eye(8)[k]
        central = (value(1 + h) - value(1 - h)) / 2e-4
        assert slope == pytest.approx(float(central), rel=1e-4), k


@pytest.mark.parametrize("ring, marks", [(1024, 64), (16, 64), (16, 4)])
def test_reverse_mode_is_forward_mode_whatever_is_kept(forward, monkeypatch, ring, marks):
    """All states in the ring; one checkpoint for each filling; checkpoints thinned out."""
    monkeypatch.setattr(_kept_states, "_RING", ring)
    monkeypatch.setattr(_kept_states, "_CHECKPOINTS", marks)
    jax.clear_caches()
    gradient = jax.jit(jax.grad(partial(_value, rtol=1e-7, atol=1e-7)))(jnp.ones(8))
    jax.clear_caches()
    np.testing.assert_allclose(gradient, forward, rtol=1e-10)


def _selects(jaxpr, size):
    """How many choices there are among arrays as large as the tape of a run."""
    found = 0
    for equation in jaxpr.eqns:
        found += equation.primitive.name == "select_n" and equation.outvars[0].aval.size >= size
        is_jaxpr = lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr")  # noqa: E731
        for part in jax.tree.leaves(list(equation.params.values()), is_leaf=is_jaxpr):
            found += _selects(getattr(part, "jaxpr", part), size) if is_jaxpr(part) else 0
    return found


@pytest.mark.thorough
def test_batched_gradients_are_single_ones_and_copy_no_tape(monkeypatch):
    """Runs that end after unlike numbers of steps, each with states to be computed again."""
    monkeypatch.setattr(_kept_states, "_RING", 16)
    monkeypatch.setattr(_kept_states, "_CHECKPOINTS", 4)
    jax.clear_caches()
    points = jnp.stack([jnp.ones(8), jnp.asarray([2.0, 1, 1, 3, 1, 1, 1, 0.4]), 0.7 * jnp.ones(8)])
    gradient = jax.grad(partial(_value, rtol=1e-6, atol=1e-6))
    together = jax.vmap(gradient)
    tape = 4000 * (len(TIMES) - 1)  # longer than all of the ring
    assert _selects(jax.make_jaxpr(together)(points).jaxpr, tape) == 0
    found = jax.jit(together)(points)
    alone = jax.jit(gradient)
    for x, slope in zip(points, found, strict=True):
        np.testing.assert_allclose(slope, alone(x), rtol=1e-9)
    jax.clear_caches()


def test_the_second_derivative_is_forward_over_reverse():
    def loss(p):
        llg = _film((-1e12 * p, 0.0, 0.0))
        return jnp.sum(jaxstt.evolve(llg, M0, [0.0, 3e-12], max_steps=100).m[-1] * M0[::-1])

    slope = jax.jit(jax.grad(loss))
    second = jax.jit(jax.jacfwd(jax.grad(loss)))(1.0)
    central = float(slope(1.001) - slope(0.999)) / 0.002
    assert float(second) == pytest.approx(central, rel=1e-5)


def test_what_is_kept_fits_a_quarter_of_the_memory(monkeypatch):
    m0 = jnp.zeros((3, 64, 64, 1))
    size = m0.size * m0.dtype.itemsize
    for have in (2e8, 1e9, 4e9):
        monkeypatch.setattr(_kept_states, "memory", lambda have=have: int(have))
        room = _kept_states.room(m0, holds=True, tries=2000, budget=None)
        kept = room.ring * 2 + (room.checkpoints + 1) * (1 + _held_field_step.SLOTS)
        assert kept * size <= 0.26 * have
        assert room.ring >= 100


def test_batched_is_one_by_one():
    def last(j):
        return jaxstt.evolve(_film(jnp.array([j, 0.0, 0.0])), M0, TIMES, max_steps=4000).m[-1]

    drives = jnp.array([0.0, -1e12, -4e12])
    together = jax.jit(jax.vmap(last))(drives)
    alone = jax.jit(last)
    for j, m in zip(drives, together, strict=True):
        np.testing.assert_allclose(m, alone(j), atol=1e-12)


def test_large_cells_are_stable():
    """Magnetostatics itself limits the step there: noise must not grow where nothing damps it."""
    grid = jaxstt.Grid((8, 8, 1), (100e-9, 100e-9, 20e-9))
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.Demag(grid))
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.0, energies=energies)
    noise = (
        0.01 * np.random.default_rng(3).normal(size=(3, 8, 8, 1))
        + np.array([1.0, 0, 0])[:, None, None, None]
    )
    m0 = jnp.asarray(noise / np.linalg.norm(noise, axis=0))
    run, exact = (jaxstt.evolve(llg, m0, [0, 1e-9], **how).m[-1] for how in ({}, EXACT))
    before, after = (float(jaxstt.total_energy(llg, m)) for m in (m0, run))
    rest = float(jaxstt.total_energy(llg, jaxstt.uniform(grid, (1.0, 0.0, 0.0))))
    assert after - before < 1e-3 * (before - rest)
    assert np.abs(run - exact).max() < 1e-3


def test_a_run_that_fails_says_so():
    llg = _film((-1e12, 0.0, 0.0))
    with pytest.raises(RuntimeError, match="max_steps"):
        jaxstt.evolve(llg, M0, TIMES, max_steps=3)
    sol = jaxstt.evolve(llg, M0, TIMES, max_steps=3, throw=False)
    assert sol.result == jaxstt.RESULTS.max_steps_reached

    def lost(t):
        return jnp.array([0.0, 0.0, 1.0]) * jnp.where(t > 30e-12, jnp.nan, 0.01)

    llg = eqx.tree_at(lambda x: x.energies[2], llg, jaxstt.Zeeman(lost))
    sol = jaxstt.evolve(llg, M0, TIMES, throw=False)
    assert sol.result == jaxstt.RESULTS.not_finite
