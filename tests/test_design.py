"""`fitting.design` on problems whose answer is known."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
from fitting import AtLeast, AtMost, Equal, InputError, Variable
from fitting.pieces import (
    arrival_time,
    cvar,
    fourier,
    overshoot,
    projected,
    roughness,
    smallest_feature,
    smoothed,
    spline,
    squared,
    worst,
)

T = np.linspace(0, 2e-9, 33)
DT = float(T[1] - T[0])
MOBILITY = 1e-10
"""Metres per second, of a wall, per A/m^2."""


def wall(x):
    """A wall with inertia, whose velocity follows the current: linear, hence known."""
    j = x["j"]
    relax = jnp.exp(-DT / 0.3e-9)
    v = jnp.zeros(())
    position = [jnp.zeros(())]
    for k in range(T.size - 1):
        v = relax * v + (1 - relax) * MOBILITY * j[k]
        position.append(position[-1] + v * DT)
    return {"position": jnp.stack(position), "velocity": v}


POSITION = Equal("position", lambda x, y: y["position"][-1], 200e-9, within=1e-9, unit="m")
REST = Equal("velocity", lambda x, y: y["velocity"], 0.0, within=0.1, unit="m/s")
HEAT = lambda x, y: DT * jnp.sum(x["j"][:-1] ** 2)  # noqa: E731


def pulse(start=1e11, high=4e12, size=T.size):
    return {"j": Variable(np.full(size, start), -high, high)}


@pytest.fixture(scope="module")
def exact():
    """The least squares of the linear wall: j = A^T (A A^T)^-1 b."""
    size = T.size - 1
    rows = [wall({"j": jnp.asarray(np.append(np.eye(size)[k], 0.0))}) for k in range(size)]
    A = np.array([[float(r["position"][-1]), float(r["velocity"])] for r in rows]).T
    j = A.T @ np.linalg.solve(A @ A.T, [200e-9, 0.0])
    return j, DT * np.sum(j**2)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_least_heat(exact, optimizer) -> None:
    most = 500 if optimizer == "lbfgs" else 6000
    found = fitting.design(
        wall, pulse(), HEAT, [POSITION, REST], optimizer=optimizer, max_evaluations=most
    )
    assert found.met and (found.converged or optimizer == "adam"), found.report()
    assert found.objective == pytest.approx(exact[1], rel=0.01)
    if optimizer == "lbfgs":
        off = np.linalg.norm(found.values["j"][:-1] - exact[0]) / np.linalg.norm(exact[0])
        assert off < 0.01
        assert found.evaluations < 150
    assert [r.name for r in found.readings] == ["position", "velocity"]
    assert found.outcome["position"][-1] == pytest.approx(found.readings[0].value)


def test_from_no_pulse_at_all(exact) -> None:
    found = fitting.design(wall, pulse(0.0), HEAT, [POSITION, REST])
    assert found.converged and found.objective == pytest.approx(exact[1], rel=0.01)


def test_bounds_of_variables_and_of_values(exact) -> None:
    peak = 0.93 * np.abs(exact[0]).max()
    narrow = fitting.design(wall, pulse(1e11, peak), HEAT, [POSITION, REST])
    assert narrow.met and np.abs(narrow.values["j"]).max() <= peak * (1 + 1e-12)
    top = AtMost("peak", lambda x, y: jnp.abs(x["j"]), peak)
    asked = fitting.design(wall, pulse(), HEAT, [POSITION, REST, top], max_evaluations=2000)
    assert asked.met and asked.readings[2].value == np.abs(asked.values["j"]).max()
    assert narrow.objective > 1.003 * exact[1]
    assert asked.objective == pytest.approx(narrow.objective, rel=0.02)


def test_an_idle_limit_changes_nothing(exact) -> None:
    idle = AtMost("heat", HEAT, 10 * exact[1])
    floor = AtLeast("way", lambda x, y: y["position"][-1], 100e-9)
    found = fitting.design(wall, pulse(), HEAT, [POSITION, REST, idle, floor])
    assert found.converged and found.objective == pytest.approx(exact[1], rel=0.01)


def test_limits_are_kept_not_just_neared() -> None:
    """The farthest for a given heat, and the least heat for a given way: both sides pressed."""
    heat = AtMost("heat", HEAT, 1e15)
    far = fitting.design(wall, pulse(), lambda x, y: -y["position"][-1], [heat])
    assert far.met and 0.97e15 < far.readings[0].value <= 1e15
    way = AtLeast("way", lambda x, y: y["position"][-1], 200e-9)
    least = fitting.design(wall, pulse(), HEAT, [way])
    assert least.met and 200e-9 <= least.readings[0].value < 204.1e-9


def test_what_cannot_be_is_told_with_the_best() -> None:
    far = Equal("position", lambda x, y: y["position"][-1], 1e-3, within=1e-9, unit="m")
    found = fitting.design(wall, pulse(1e11, 1e12), HEAT, [far])
    assert not found.met and not found.converged
    best = float(wall({"j": jnp.full(T.size, 1e12)})["position"][-1])
    assert found.readings[0].value == pytest.approx(best, rel=1e-3)
    assert "no design was found that meets every constraint: position reached" in found.message
    assert "NOT MET" in found.report()


def test_an_independent_run(exact) -> None:
    fine = fitting.design(wall, pulse(), HEAT, [POSITION], verify=wall)
    assert fine.survives and fine.verified_objective == pytest.approx(fine.objective)
    lame = lambda x: {**wall(x), "position": 0.9 * wall(x)["position"]}  # noqa: E731
    found = fitting.design(wall, pulse(), HEAT, [POSITION], verify=lame)
    assert found.met and found.survives is False
    assert "does not survive" in found.report()
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_search_goes_on_where_it_was(tmp_path, exact) -> None:
    keep = tmp_path / "deep" / "search.json"
    first = fitting.design(wall, pulse(), HEAT, [POSITION, REST], keep=keep, max_evaluations=12)
    assert not first.converged and keep.exists() and "spent" in first.message
    steps = []
    more = fitting.design(
        wall, pulse(), HEAT, [POSITION, REST], keep=keep, callback=lambda s, x: steps.append(s)
    )
    assert more.converged and more.objective == pytest.approx(exact[1], rel=0.01)
    assert more.history[0].evaluations <= 12 and len(steps) < len(more.history)
    with pytest.raises(InputError, match="another design"):
        fitting.design(wall, pulse(), HEAT, [POSITION], keep=keep)
    keep.write_text("{}")
    with pytest.raises(InputError, match="holds no search"):
        fitting.design(wall, pulse(), HEAT, [POSITION], keep=keep)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_few_evaluations_are_told(most, tmp_path) -> None:
    """Also from a kept search that had them all."""
    for _ in range(2):
        found = fitting.design(
            wall, pulse(), HEAT, [POSITION], keep=tmp_path / "kept.json", max_evaluations=most
        )
        assert not found.converged and "`max_evaluations` are spent" in found.message
        assert np.isfinite(found.readings[0].value)


def test_what_was_found_last_is_kept(tmp_path) -> None:
    """A search that ends for want of evaluations goes on from its very last point."""
    keep = tmp_path / "kept.json"
    first = fitting.design(wall, pulse(), HEAT, [POSITION, REST], keep=keep, max_evaluations=9)
    again = fitting.design(wall, pulse(), HEAT, [POSITION, REST], keep=keep, max_evaluations=9)
    np.testing.assert_allclose(again.values["j"], first.values["j"], rtol=1e-12)
    done = fitting.design(wall, pulse(), HEAT, [POSITION, REST], keep=keep)
    assert done.converged
    more = fitting.design(wall, pulse(), HEAT, [POSITION, REST], keep=keep)
    assert more.converged and more.evaluations <= done.evaluations + 2
    np.testing.assert_allclose(more.values["j"], done.values["j"], rtol=1e-12)


def test_the_gradient_is_checked() -> None:
    limits = [POSITION, REST, AtMost("peak", lambda x, y: x["j"][:5] ** 2, 1e24)]
    assert fitting.check_gradient(wall, pulse(), HEAT, limits) < 1e-8

    @jax.custom_jvp
    def wrong(x):
        return x**2

    wrong.defjvp(lambda x, dx: (x[0] ** 2, 2.02 * x[0] * dx[0]))
    off = fitting.check_gradient(wall, pulse(), lambda x, y: jnp.sum(wrong(x["j"])))
    assert 0.003 < off < 0.03
    with pytest.raises(InputError, match="the gradient is not finite"):
        fitting.check_gradient(wall, pulse(), lambda x, y: jnp.sqrt(jnp.sum(0 * x["j"])))
    with pytest.raises(InputError, match="`directions` must be a whole number"):
        fitting.check_gradient(wall, pulse(), HEAT, directions=0)
    with pytest.raises(InputError, match="must hold a Variable"):
        fitting.check_gradient(wall, {}, HEAT)


def test_too_long_a_step_is_cut() -> None:
    """Where the simulation breaks down the search goes back, and tells nothing wrong."""

    def fragile(x):
        good = jnp.max(jnp.abs(x["j"])) < 5e11
        return {k: jnp.where(good, v, jnp.nan) for k, v in wall(x).items()}

    found = fitting.design(fragile, pulse(), HEAT, [POSITION, REST])
    assert np.isfinite(found.objective) and np.abs(found.values["j"]).max() < 5e11


def test_pieces() -> None:
    line = np.linspace(0, 3, 4)
    assert float(squared(line, line)) == pytest.approx(9.0)
    assert float(squared([0.0, 2.0], [[1.0, 2.0], [1.0, 2.0]])) == pytest.approx(10.0)
    assert float(roughness(line)) == 0 and float(roughness([0.0, 1.0, 0.0])) == 4
    assert float(overshoot([0.0, 5.0, 4.0], 4.0)) == 1
    assert float(overshoot([0.0, -5.0, -4.0], -4.0)) == 1
    assert float(overshoot([0.0, 3.0], 4.0)) == 0
    assert float(arrival_time(line, [0.0, 1.0, 3.0, 3.0], 2.0)) == pytest.approx(1.5)
    assert float(arrival_time(line, [0.0, -1.0, -3.0, 0.0], -2.0)) == pytest.approx(1.5)
    assert float(arrival_time(line, [0.0, 0.5, 1.0, 1.5], 2.0)) == pytest.approx(3.75)
    assert float(arrival_time(line, line, 0.0)) == 0
    assert float(worst([1.0, 3.0, 2.0])) == 3
    assert float(cvar([4.0, 1.0, 3.0, 2.0], 0.5)) == 3.5
    assert float(cvar([4.0, 1.0], 0.01)) == 4.0


def test_pulses() -> None:
    t = np.linspace(1.0, 3.0, 41)
    np.testing.assert_allclose(fourier([0.0, 2.0], t), 2 * np.sin(np.pi * (t - 1)), atol=1e-12)
    assert fourier(np.ones((3, 2)), t).shape == (41, 2)
    even = spline(np.full(7, 3.0), t)
    np.testing.assert_allclose(even, 3.0, rtol=1e-12)
    some = np.array([2.0, -1.0, 4.0, 0.0, 1.0, -3.0])
    drawn = np.asarray(spline(some, t))
    assert (drawn[0], drawn[-1]) == pytest.approx((2.0, -3.0))
    assert some.min() <= drawn.min() and drawn.max() <= some.max()
    inner = np.linspace(1.0, 3.0, 4)  # Greville: a straight line is the spline of the knots' means
    knots = np.concatenate([[1.0] * 3, inner, [3.0] * 3])
    means = np.array([knots[k + 1 : k + 4].mean() for k in range(6)])
    np.testing.assert_allclose(spline(means, t), t, rtol=1e-12)


@pytest.mark.parametrize("shape", [(31,), (12, 9), (6, 5, 4)])
def test_smoothed(shape) -> None:
    """Against the sum that its docstring says, an edge in each direction included."""
    spacing = np.array([2.0, 3.0, 5.0])[: len(shape)]
    v = np.random.default_rng(1).uniform(size=shape)
    points = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1) * spacing
    flat = points.reshape(-1, len(shape))
    away = np.linalg.norm(flat[:, None] - flat, axis=-1)
    weight = np.maximum(7.5 - away, 0)
    wanted = (weight @ v.ravel() / weight.sum(1)).reshape(shape)
    np.testing.assert_allclose(smoothed(v, tuple(spacing), 7.5), wanted, rtol=1e-12)
    np.testing.assert_allclose(smoothed(v, tuple(spacing), 1.9), v, rtol=1e-12)
    wide = smoothed(np.ones(shape), tuple(spacing), 1e3)
    np.testing.assert_allclose(wide, 1.0, rtol=1e-12)


def test_projected_and_smallest_feature() -> None:
    v = np.linspace(0, 1, 11)
    np.testing.assert_allclose(projected(v, 1e-4), v, atol=1e-7)
    sharp = np.asarray(projected(v, 200.0, 0.45))
    np.testing.assert_allclose(sharp, v > 0.45, atol=1e-6)
    assert np.asarray(projected([0.0, 1.0], 5.0, 0.3)) == pytest.approx([0.0, 1.0])
    line = np.array([0, 0, 1, 1, 1, 0, 0, 1.0])
    assert smallest_feature(line, 2.0) == pytest.approx(4.0)
    assert smallest_feature(1 - line, 2.0) == pytest.approx(4.0)
    assert smallest_feature([0, 1.0, 1.0, 0.75, 0.25, 0], 1.0) == pytest.approx(3.0)
    assert smallest_feature([0.0, 1.0], 1.0) == np.inf


BAD = {
    "must hold a Variable, got {}": lambda: fitting.design(wall, {}, HEAT),
    "'j' must be a Variable": lambda: fitting.design(wall, {"j": 3.0}, HEAT),  # type: ignore
    "`low` must be < `high`, got 2 and 1": lambda: Variable(1.5, 2.0, 1.0),
    "`start` must be between 0 and 1, got 2": lambda: Variable([0.5, 2.0], 0.0, 1.0),
    "`start` must hold a number": lambda: Variable(np.zeros(0), 0.0, 1.0),
    "of the shape \\(2,\\) of `start`": lambda: Variable([0.5, 0.5], np.zeros(3), 1.0),
    "`low` must be < `high`, got nan": lambda: Variable(0.5, np.nan, 1.0),
    "must be between -1 and 1, got nan": lambda: Variable(np.nan, -1.0, 1.0),
    "a: `within` must be > 0, got 0": lambda: Equal("a", HEAT, 1.0, within=0.0),
    "a: `target` must be a finite number": lambda: Equal("a", HEAT, np.nan, within=1.0),
    "a: `margin` must be > 0, got 0": lambda: AtMost("a", HEAT, 0.0),
    "a: `limit` must be a finite number": lambda: AtLeast("a", HEAT, np.inf),
    "the name 'position' is there twice": lambda: fitting.design(
        wall, pulse(), HEAT, [POSITION, POSITION]
    ),
    "must hold Equal, AtMost or AtLeast, got 3": lambda: fitting.design(wall, pulse(), HEAT, [3]),
    "did you mean `lbfgs`": lambda: fitting.design(wall, pulse(), HEAT, optimizer="lbgfs"),
    "`tolerance` must be between 0 and 1": lambda: fitting.design(
        wall, pulse(), HEAT, tolerance=0.0
    ),
    "`max_evaluations` must be a whole number >= 1": lambda: fitting.design(
        wall, pulse(), HEAT, max_evaluations=0
    ),
    "`minimise` is not finite at the start": lambda: fitting.design(
        wall, pulse(), lambda x, y: jnp.log(-jnp.sum(x["j"] ** 2))
    ),
    "'root' of `subject_to` is not finite": lambda: fitting.design(
        wall, pulse(), HEAT, [AtMost("root", lambda x, y: jnp.sqrt(-x["j"][0]), 1.0)]
    ),
    "the gradient is not finite at the start": lambda: fitting.design(
        wall, pulse(0.0), lambda x, y: jnp.sqrt(jnp.sum(x["j"] ** 2))
    ),
    "vector: `value` must give a number, got none": lambda: fitting.design(
        wall, pulse(), HEAT, [AtMost("vector", lambda x, y: x["j"][:0], 1.0)]
    ),
    "`minimise` must return a number, got shape \\(33,\\)": lambda: fitting.design(
        wall, pulse(), lambda x, y: x["j"]
    ),
    "`part` must be > 0 and <= 1, got 0": lambda: cvar([1.0], 0.0),
    "`coefficients` must be at least 4, got 3": lambda: spline(np.ones(3), T),
    "`coefficients` must be an array": lambda: fourier(1.0, T),
    "`t` must be 2 times or more that increase": lambda: fourier([1.0], T[::-1]),
    "`values` must have 1 to 3 axes": lambda: smoothed(1.0, 1.0, 1.0),
    "`spacing` must be > 0, got 0": lambda: smoothed([1.0], 0.0, 1.0),
    "`radius` must be > 0, got nan": lambda: smoothed([1.0], 1.0, np.nan),
    "`level` must be between 0 and 1, got 1": lambda: projected([1.0], 1.0, 1.0),
    "must be a line of finite numbers": lambda: smallest_feature([[1.0]], 1.0),
    "must be of one length >= 2": lambda: squared([0.0, 1.0], [1.0]),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told) -> None:
    with pytest.raises(ValueError, match=told):
        BAD[told]()
