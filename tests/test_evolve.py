"""Time stepping: norm, order, save times, drives, derivatives, failure, compilation."""

import diffrax
import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

WIRE = helpers.WIRE
FORWARD = diffrax.ForwardMode()


@pytest.fixture(scope="module")
def llg():
    return helpers.wall_llg(0.05, 0.5, 0.1, -1e12)


@pytest.fixture(scope="module")
def wall():
    return jaxstt.neel_wall(WIRE, 10e-9, angle=0.3)


def test_unit_length_and_exact_save_times(llg, wall):
    t = [0.0, 1e-12, 5.5e-12, 2e-11]
    double = jaxstt.evolve(llg, wall, t)
    single = jaxstt.evolve(llg, wall.astype(jnp.float32), t)
    assert double.m.dtype == jnp.float64 and single.m.dtype == jnp.float32
    for m, tol in ((double.m, 1e-8), (single.m, 1e-5)):
        assert float(jnp.max(jnp.abs(jnp.sum(m**2, axis=1) - 1))) < tol
    np.testing.assert_array_equal(double.t, t)
    np.testing.assert_allclose(double.m[0], wall, atol=1e-15)
    np.testing.assert_allclose(single.m, double.m, atol=1e-4)
    direct = jaxstt.evolve(llg, wall, [0.0, 5.5e-12])
    np.testing.assert_allclose(double.m[2], direct.m[-1], atol=1e-5)


def test_fixed_step_has_order_four_and_meets_the_adaptive_run(llg, wall):
    t = [0.0, 8e-12]
    exact = jaxstt.evolve(llg, wall, t, rtol=1e-11, atol=1e-11).m[-1]
    error = [
        float(
            jnp.max(jnp.abs(jaxstt.evolve(llg, wall, t, solver=jaxstt.FixedStep(dt)).m[-1] - exact))
        )
        for dt in (4e-13, 2e-13)
    ]
    assert abs(np.log2(error[0] / error[1]) - 4) < 0.3
    default = jaxstt.evolve(llg, wall, t, solver=jaxstt.FixedStep()).m[-1]
    np.testing.assert_allclose(default, exact, atol=1e-4)


def test_saving_something_else(llg, wall):
    t = np.linspace(0, 4e-12, 3)
    track = jaxstt.evolve(llg, wall, t, save=jaxstt.WallTracker(WIRE)).m
    full = jaxstt.evolve(llg, wall, t).m
    np.testing.assert_allclose(track.position, jaxstt.wall_position(WIRE, full), rtol=1e-12)
    mean = jaxstt.evolve(llg, wall, t, save=lambda t, m: (t, jaxstt.average(m))).m
    np.testing.assert_allclose(mean[1], jax.vmap(jaxstt.average)(full), atol=1e-12)
    np.testing.assert_allclose(mean[0], t, rtol=1e-12)


ONE = jaxstt.Grid((1, 1, 1), (1e-9, 1e-9, 1e-9))
_KICK = {
    "pulse": jaxstt.Pulse((0.0, 0.02, 0.0), start=3e-9, duration=1e-10, rise=2e-11),
    "sharp pulse": jaxstt.Pulse((0.0, 0.02, 0.0), start=3e-9, duration=8e-11),
    "piecewise": jaxstt.Piecewise(
        [3e-9, 3.02e-9, 3.08e-9, 3.1e-9], [[0.0, b, 0.0] for b in (0.0, 0.02, 0.02, 0.0)]
    ),
}


@pytest.mark.parametrize("name", _KICK)
def test_a_short_pulse_after_a_long_rest_is_not_jumped_over(name: str):
    """An easy-axis spin at rest in no other field; the step would grow to nanoseconds."""
    llg = jaxstt.LLG(
        ONE, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman((0, 0, 1e-3)), jaxstt.Zeeman(_KICK[name]))
    )
    m0 = jaxstt.uniform(ONE, (0, 0, 1.0))
    coarse = jaxstt.evolve(llg, m0, [0, 3.2e-9], rtol=1e-8, atol=1e-8).m[-1]
    fine = jaxstt.evolve(llg, m0, [0, 2.9e-9, 3e-9, 3.05e-9, 3.2e-9], rtol=1e-8, atol=1e-8).m[-1]
    # The area of each pulse is 1.6 pT s: a turn of gamma times that, 0.28 rad.
    assert 0.2 < float(jnp.arccos(fine[2, 0, 0, 0])) < 0.3
    np.testing.assert_allclose(coarse, fine, atol=1e-6)
    # Steps of 3 ps through edges that they would not meet: sharp ones enter at first order.
    stepped = jaxstt.evolve(llg, m0, [0, 2e-9, 3.2e-9], solver=jaxstt.FixedStep(3e-12)).m
    np.testing.assert_allclose(stepped[2], fine, atol=1e-6)
    np.testing.assert_allclose(stepped[1], m0, atol=1e-12)


def test_a_bare_function_and_a_sinusoid_drive(wall):
    drive = jaxstt.Sinusoid(jnp.array([0.0, 0.1, 0.0]), 5e10)
    bare = lambda t: jnp.stack([0 * t, 0.1 * jnp.sin(2 * jnp.pi * 5e10 * t), 0 * t])  # noqa: E731
    ends = []
    for B in (drive, bare):
        llg = jaxstt.LLG(WIRE, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman(B),))
        run = jaxstt.evolve(llg, wall, [0, 1.3e-11], rtol=1e-10, atol=1e-11)
        ends.append(run.m[-1])
    np.testing.assert_allclose(*ends, atol=1e-9)
    assert float(jnp.max(jnp.abs(ends[0] - wall))) > 0.01


def test_failures_are_loud(llg, wall):
    broken = eqx.tree_at(lambda x: x.alpha, llg, jnp.asarray(jnp.nan))
    with pytest.raises(RuntimeError, match="not finite"):
        jaxstt.evolve(broken, wall, [0, 1e-12])
    quiet = jaxstt.evolve(broken, wall, [0, 1e-12], throw=False)
    assert quiet.result == jaxstt.RESULTS.not_finite
    with pytest.raises(RuntimeError, match="max_steps"):
        jaxstt.evolve(llg, wall, [0, 1e-10], max_steps=5)
    short = jaxstt.evolve(llg, wall, [0, 1e-10], max_steps=5, throw=False)
    assert short.result == jaxstt.RESULTS.max_steps_reached
    with pytest.raises(RuntimeError, match="beyond stability"):
        jaxstt.evolve(llg, wall, [0, 1e-11], solver=jaxstt.FixedStep(2e-12))


def test_wrong_adjoint_is_named(llg, wall):
    def end(alpha):
        run = eqx.tree_at(lambda x: x.alpha, llg, alpha)
        return jaxstt.evolve(run, wall, [0, 1e-12]).m.sum()

    with pytest.raises(TypeError, match="ForwardMode"):
        jax.jvp(end, (jnp.asarray(0.1),), (jnp.asarray(1.0),))


# dv/d(xi, P, alpha) of a simulated wall; (j, B, span).  The large Kp of `wall_llg` lets the tilt
# relax in 50 ps; 0.2 T is far above its breakdown field of 14 mT: a half turn takes 90 ps.
_DRIVES = {"below": (-1.5e12, 0.0, 2e-10), "above": (-1.5e12, 0.2, 2.4e-10)}
_P = jnp.array([0.3, 0.5, 0.1])
_RUNS = {
    "fixed": {"solver": jaxstt.FixedStep(2.5e-13)},
    "adaptive": {"rtol": 1e-8, "atol": 1e-8},
}


@pytest.mark.thorough
@pytest.mark.parametrize("regime", _DRIVES)
@pytest.mark.parametrize("method", _RUNS)
def test_derivatives_of_the_wall_velocity(method: str, regime: str):
    j, B, span = _DRIVES[regime]
    grid = jaxstt.Grid((128, 1, 1), (2.5e-9, 2.5e-9, 2.5e-9))
    m0 = jaxstt.neel_wall(grid, 10e-9, angle=-0.2, position=100e-9)
    times = np.linspace(0, span, 33)

    def velocity(p, adjoint):
        run = helpers.wall_llg(p[0], p[1], p[2], j, B, grid=grid)
        sol = jaxstt.evolve(
            run,
            m0,
            times,
            save=jaxstt.WallTracker(grid),
            adjoint=adjoint,
            throw=False,
            **_RUNS[method],
        )
        return jaxstt.mean_motion(grid, sol.t[12:], jax.tree.map(lambda x: x[12:], sol.m))[0]

    motion = jax.jit(lambda p: velocity(p, FORWARD))
    assert bool(motion(_P).locked) == (regime == "below")
    v = lambda p: float(motion(p).velocity)  # noqa: E731
    forward = jax.jit(jax.jacfwd(lambda p: velocity(p, FORWARD).velocity))(_P)
    reverse = jax.jit(jax.grad(lambda p: velocity(p, None).velocity))(_P)
    steps = [1e-4 * _P[i] * jnp.eye(3)[i] for i in range(3)]
    central = [(v(_P + s) - v(_P - s)) / float(2 * jnp.sum(s)) for s in steps]
    scale = float(jnp.max(jnp.abs(forward * _P)))
    np.testing.assert_allclose(forward * _P, reverse * _P, atol=1e-8 * scale)
    np.testing.assert_allclose(forward * _P, np.array(central) * np.asarray(_P), atol=1e-5 * scale)


@pytest.mark.parametrize("solver", [None, jaxstt.FixedStep()])
def test_one_compilation_for_100_parameter_sets(solver, wall):
    traces = []

    def save(t, m):
        traces.append(0)
        return m[2].sum()

    rng = np.random.default_rng(0)
    for j, xi, alpha in zip(
        *rng.uniform([[-2e12], [0], [0.02]], [[2e12], [0.4], [0.3]], (3, 100)), strict=True
    ):
        jaxstt.evolve(
            helpers.wall_llg(xi, 0.5, alpha, j), wall, [0, 2e-13], save=save, solver=solver
        )
    assert len(traces) <= 3  # traced for t[0], for the scan, and once more for its carry


def test_batched_run_equals_a_loop(wall):
    j = jnp.array([-1e12, 2e12])
    run = lambda j: jaxstt.evolve(  # noqa: E731
        helpers.wall_llg(0.05, 0.5, 0.1, j), wall, [0, 2e-12], adjoint=FORWARD, throw=False
    ).m[-1]
    batch = jax.vmap(run)(j)
    np.testing.assert_allclose(batch, jnp.stack([run(j[0]), run(j[1])]), atol=1e-10)
    shared = jaxstt.parallel_map(run, j)
    np.testing.assert_allclose(shared, batch, atol=1e-10)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_lowers_for_other_platforms(platform: str, llg, wall):
    arrays, static = eqx.partition(llg, eqx.is_array)
    functions = (
        lambda a, m: jaxstt.rhs(eqx.combine(a, static), 0.0, m),
        lambda a, m: jaxstt.evolve(eqx.combine(a, static), m, [0, 1e-12], throw=False).m,
        lambda a, m: (
            jaxstt.evolve(
                eqx.combine(a, static), m, [0, 1e-12], throw=False, solver=jaxstt.FixedStep()
            ).m
        ),
    )
    for function in functions:
        lowered = jax.jit(function).trace(arrays, wall).lower(lowering_platforms=(platform,))
        assert "callback" not in lowered.as_text()


def test_relax_finds_the_wall_and_stops():
    grid = jaxstt.Grid((128, 1, 1), (2e-9, 2e-9, 2e-9))
    llg = helpers.wall_llg(0.05, 0.5, 0.1, -1e12, grid=grid, order=4)
    start = jaxstt.neel_wall(grid, 16e-9, angle=0.4)
    rest = jaxstt.relax(llg, start)
    assert float(rest.torque) <= 1e-7 and rest.result == jaxstt.RESULTS.successful
    B = jaxstt.effective_field(llg, rest.m)
    assert float(jnp.max(jnp.abs(jnp.cross(rest.m, B, axis=0)))) < 2e-7
    state = jaxstt.wall_state(grid, rest.m)
    np.testing.assert_allclose(state.width, 10e-9, rtol=1e-3)
    assert abs(float(state.angle)) < 1e-3
    assert float(jaxstt.total_energy(llg, rest.m)) < float(jaxstt.total_energy(llg, start))
    with pytest.raises(RuntimeError, match="max_steps"):
        jaxstt.relax(llg, start, max_steps=3)
    early = jaxstt.relax(llg, start, max_steps=3, throw=False)
    assert early.result == jaxstt.RESULTS.max_steps_reached and int(early.stats["num_steps"]) == 3


def test_states_beyond_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr("jaxstt._core._memory.memory", lambda: 10**6)
    llg = jaxstt.LLG(helpers.WIRE, Ms=8e5, alpha=0.1)
    with pytest.raises(ValueError, match=r"`t`: keeping 1001 states .* needs 4.61 MB, .* has 1 MB"):
        jaxstt.evolve(llg, jaxstt.uniform(helpers.WIRE, (1, 0, 0)), np.linspace(0, 1e-9, 1001))


@pytest.mark.parametrize("solver", [None, jaxstt.FixedStep()])
def test_progress_is_told(solver, capfd):
    grid = jaxstt.Grid((1, 1, 1), (1e-9,) * 3)
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman((0, 0, 0.1)),))
    m0 = jaxstt.uniform(grid, (1, 0, 0))
    sol = jaxstt.evolve(llg, m0, np.linspace(0, 1e-11, 6), solver=solver, progress=True)
    sol.m.block_until_ready()
    jax.effects_barrier()
    told = capfd.readouterr().err.split("\r")
    assert [line.split(",")[0] for line in told[1:]] == [f"evolve: {k}/5" for k in range(6)]
    assert " s left" in told[3] and told[-1].endswith("\n")


@pytest.mark.parametrize("solver", [None, jaxstt.FixedStep()])
def test_what_is_known_stays_known_inside_jit(solver):
    mask = jnp.ones((96, 1, 1), bool)
    grid = jaxstt.Grid(WIRE.shape, WIRE.spacing, mask=mask)
    Ms, m0 = jnp.full(WIRE.shape, 8e5), jaxstt.uniform(WIRE, jnp.array([0.1, 0.0, 1.0]))
    torque = jaxstt.ZhangLi((1e12, 0.0, 0.0), P=0.5, xi=0.1, n0=jnp.asarray(4e4))
    times = jnp.array([0.0, 1e-12, 2e-12])

    def run(m, alpha):
        field = jaxstt.Piecewise(times, jnp.zeros((3, 3)))
        own = jaxstt.Grid(WIRE.shape, WIRE.spacing, mask=mask)
        energies = (jaxstt.Exchange(1.3e-11), jaxstt.Zeeman(field))
        llg = jaxstt.LLG(own, Ms=Ms, alpha=alpha, energies=energies, torques=(torque,))
        jaxstt.uniform(own, jnp.array([0.0, 0.0, 1.0]))
        return jaxstt.evolve(llg, m, np.array([0, 2e-12]), solver=solver).m[-1]

    ready = jaxstt.LLG(
        grid, Ms=Ms, alpha=0.1, torques=(torque,), energies=(jaxstt.Exchange(1e-11),)
    )
    known = jax.jit(lambda m: jaxstt.evolve(ready, m, np.array([0, 2e-12]), solver=solver).m[-1])
    np.testing.assert_allclose(
        known(m0), jaxstt.evolve(ready, m0, np.array([0, 2e-12]), solver=solver).m[-1], atol=1e-12
    )
    np.testing.assert_allclose(jax.jit(run)(m0, 0.1), run(m0, 0.1), atol=1e-12)


def test_magnet_in_vacuum_that_nobody_can_see_has_no_effect():
    mask = np.arange(8).reshape(8, 1, 1) < 5
    grid = jaxstt.Grid((8, 1, 1), (2e-9,) * 3, mask=mask)
    llg = jaxstt.LLG(
        grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Demag(grid), jaxstt.Zeeman((0.0, 0.0, 0.1)))
    )
    full = helpers.noise(jaxstt.Grid((8, 1, 1), (2e-9,) * 3))
    clean = jnp.where(mask[None], full, 0.0)
    energy = jax.jit(lambda m: jaxstt.total_energy(llg, m))
    np.testing.assert_allclose(energy(full), energy(clean), rtol=1e-14)
    run = jax.jit(lambda m: jaxstt.evolve(llg, m, np.array([0, 1e-12])).m[-1])
    np.testing.assert_array_equal(run(full), run(clean))
