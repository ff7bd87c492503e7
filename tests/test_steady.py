"""steady_wall: the travelling wave, its derivatives, and that nothing false comes out."""

from typing import ClassVar

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import RESULTS, SteadyWall, steady_wall
from jaxstt._dynamics._bordered_wire import ColumnSolver

lx = pytest.importorskip("lineax")

WALL = jaxstt.bloch_wall(helpers.WIRE, 1e-8, position=96.6e-9, angle=0.0)
# xi, P, alpha, j / 1e12 A/m^2, B / mT
POINT = jnp.array([0.3, 0.6, 0.2, -2.0, 3.0])


def wire(p: jax.Array) -> jaxstt.LLG:
    return helpers.wall_llg(p[0], p[1], p[2], p[3] * 1e12, p[4] * 1e-3)


def found(p: jax.Array, m0: jax.Array) -> SteadyWall:
    return steady_wall(wire(p), m0, throw=False)


def motion(p: jax.Array) -> jax.Array:
    """[velocity, angle] of the wave."""
    wave = steady_wall(wire(p), WALL)
    return jnp.stack([wave.velocity, jaxstt.WallTracker(helpers.WIRE)(0.0, wave.m).angle])


def ended(result: RESULTS) -> str:
    names = ("successful", "no_wave", "unstable_wave", "not_finite")
    return next(k for k in names if bool(result == getattr(RESULTS, k)))


def test_it_moves_as_evolve_does():
    wave = found(POINT, WALL)
    assert ended(wave.result) == "successful"
    assert int(wave.stats["num_steps"]) <= 6
    assert float(wave.residual) < 1e-11
    # 40 cells' path in 0.1 ns, from the profile itself: no transient to wait for.
    t = np.linspace(0.0, 40e-12, 21)
    llg, track = wire(POINT), jaxstt.WallTracker(helpers.WIRE)
    sol = jaxstt.evolve(llg, wave.m, t, save=track, rtol=1e-7, atol=1e-8)
    q = np.asarray(sol.m.position)
    assert np.polyfit(t, q, 1)[0] == pytest.approx(float(wave.velocity), rel=1e-4)
    assert q[0] == pytest.approx(96.6e-9, abs=1e-10)
    for x in (sol.m.width, sol.m.angle):
        assert np.ptp(x) < 1e-4 * np.abs(x[0])


@pytest.mark.thorough
def test_derivatives_are_those_of_differences():
    def value(p):
        wave = found(p, WALL)
        return np.array([wave.velocity, jaxstt.wall_angle(helpers.WIRE, wave.m)])

    steps = [jnp.zeros(5).at[i].set(1e-4 * POINT[i]) for i in range(5)]
    expected = [(value(POINT + d) - value(POINT - d)) / float(2 * d.sum()) for d in steps]

    @jax.jit
    def both(p):
        _, push = jax.linearize(motion, p)
        pull = jax.linear_transpose(push, p)
        return jax.vmap(push)(jnp.eye(5)), jax.vmap(pull)(jnp.eye(2))[0]

    forward, reverse = both(POINT)
    np.testing.assert_allclose(forward, expected, rtol=1e-6)
    np.testing.assert_allclose(reverse, forward.T, rtol=1e-9)


def test_above_breakdown_there_is_none():
    def drive(j):
        return jnp.array([0.3, 0.6, 0.02, j, 0.0])

    # alpha~ = 0.0335, xi/alpha~ = 9: breakdown at j_W by the wall model
    wall = jaxstt.CollectiveWall(
        A=1.3e-11, K=1.3e5, Kp=1e5, Ms=8e5, alpha=0.02, xi=0.3, P=0.6, n0=4e4
    )
    limit = float(wall.breakdown_current()) / 1e12
    below = found(drive(-0.95 * limit), WALL)
    assert ended(below.result) == "successful"
    model = wall.motion(-0.95e12 * limit)
    assert float(below.velocity) == pytest.approx(float(model.velocity), rel=0.01)
    angle = jaxstt.wall_angle(helpers.WIRE, below.m)
    assert float(angle) == pytest.approx(float(model.angle), rel=0.05)
    for factor in (1.05, 1.5, 5.0):
        assert ended(found(drive(-factor * limit), WALL).result) == "no_wave"
    with pytest.raises(RuntimeError, match="no steady wall: the drive is above breakdown"):
        steady_wall(wire(drive(-1.5 * limit)), WALL)


def test_an_unstable_wave_is_refused():
    # Upright, the wall rests on top of the hard axis' energy.
    upright = jaxstt.bloch_wall(helpers.WIRE, 1e-8, position=96.6e-9, angle=jnp.pi / 2)
    assert ended(found(POINT.at[3:].set(0.0), upright).result) == "unstable_wave"


def test_float32():
    single = steady_wall(wire(POINT), WALL.astype(jnp.float32))  # whose dtype the run has
    assert single.m.dtype == single.velocity.dtype == jnp.float32
    double = found(POINT, WALL)
    assert float(single.velocity) == pytest.approx(float(double.velocity), rel=1e-4)
    np.testing.assert_allclose(single.m, double.m, atol=1e-4)


class Distant(jaxstt.AbstractEnergy):
    """Every cell feels all others: a stand-in for magnetostatics, as one of the energies."""

    strength: jax.Array
    degree: ClassVar[int] = 2

    def field(self, grid, Ms, t, m):
        k = jnp.fft.rfftfreq(2 * grid.shape[0])[:, None, None]
        kernel = (1 / (1 + (20.0 * k) ** 2)).astype(complex)
        far = jnp.fft.rfft(m[2], 2 * grid.shape[0], axis=0) * kernel
        far = jnp.fft.irfft(far, axis=0)[: grid.shape[0]]
        return jnp.stack([0 * far, 0 * far, -self.strength * far])


def strip(p: jax.Array, grid: jaxstt.Grid) -> jaxstt.LLG:
    base = helpers.wall_llg(p[0], p[1], p[2], p[3] * 1e12, p[4] * 1e-3, grid)
    return eqx.tree_at(lambda x: x.energies, base, (*base.energies, Distant(p[5])))


def test_strip_with_distant_couplings_and_vacuum():
    mask = np.ones((64, 6, 1), bool)
    mask[:, 0] = False
    grid = jaxstt.Grid((64, 6, 1), (2.5e-9, 3e-9, 3e-9), mask=jnp.asarray(mask))
    m0 = jaxstt.bloch_wall(grid, 1e-8, position=80.7e-9, angle=0.0)
    point = jnp.append(POINT, 0.1)
    wave = steady_wall(strip(point, grid), m0)
    assert float(wave.residual) < 1e-10
    assert np.all(np.asarray(wave.m)[:, :, 0] == 0)
    # Along this wire the far field of the domains pulls at the wall by under 1 %.
    near = steady_wall(strip(point.at[5].set(0.0), grid), m0)
    assert float(near.velocity) < float(wave.velocity) < 1.05 * float(near.velocity)


def test_wrong_input():
    llg = wire(POINT)
    for keys, message in (
        ({"tol": 0.0}, "`tol` must be a number > 0, got 0"),
        ({"max_steps": 0}, "`max_steps` must be an integer >= 1, got 0"),
        ({"component": "w"}, '`component` must be "x", "y" or "z"'),
        ({"component": "x"}, "m_x must change sign exactly once along x"),
    ):
        with pytest.raises(ValueError, match=message):
            steady_wall(llg, WALL, **keys)
    with pytest.raises(ValueError, match="got 0 sign changes"):
        steady_wall(llg, jaxstt.uniform(helpers.WIRE, (0, 0, 1)))
    with pytest.raises(ValueError, match="`m0` must have shape"):
        steady_wall(llg, WALL[:, :-1])


@pytest.mark.parametrize(("columns", "c", "reach", "far"), [(21, 2, 4, 0.0), (30, 6, 1, 1.0)])
def test_columns_solve_bordered_equations(columns, c, reach, far):
    rng = np.random.default_rng(1)
    n = columns * c
    i = np.arange(n) // c
    A = np.where(abs(i[:, None] - i) <= reach, rng.normal(size=(n, n)), 0.0) + 6 * np.eye(n)
    A += far / columns * rng.normal(size=(n, n))
    bump = np.exp(-((i - 0.6 * columns) ** 2) / 30)
    row = bump * rng.normal(size=n)
    full = jnp.array(np.block([[A, (bump * rng.normal(size=n))[:, None]], [row, np.zeros(1)]]))

    def product(x):
        y = full @ jnp.append(x[0].ravel(), x[1])
        return y[:-1].reshape(columns, c), y[-1]

    b = (jnp.array(rng.normal(size=(columns, c))), jnp.array(0.3))
    operator = lx.FunctionLinearOperator(product, jax.eval_shape(lambda: b))
    solver = ColumnSolver(jnp.array(row.reshape(columns, c)), reach, 1e-12)

    @eqx.filter_jit
    def both(b):
        x, back = jax.vjp(lambda b: lx.linear_solve(operator, b, solver).value, b)
        return x, back(b)[0]

    x, y = both(b)
    flat = lambda x: jnp.append(x[0].ravel(), x[1])  # noqa: E731
    np.testing.assert_allclose(full @ flat(x), flat(b), atol=1e-8)
    np.testing.assert_allclose(full.T @ flat(y), flat(b), atol=1e-8)
