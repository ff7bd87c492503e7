"""`fit`: the optimum, its error bars, the optimisers, and what is refused."""

import dataclasses
import math

import jax
import numpy as np
import pytest
from fit_data import STRIP, measurements, unchecked, with_wall

import fitting
from fitting._errorbars import birge_ratio, interval
from fitting._models import collective_wall, get_model, on_the_edge
from fitting._models._base import hard_is_b
from fitting._problem import Counter, evaluate, set_up

TRUTH = {"xi": 0.25, "P": 0.5, "alpha": 0.1}


@pytest.fixture(scope="module")
def strip() -> fitting.Measurements:
    return fitting.load_measurements("strip_a")


@pytest.fixture(scope="module")
def fit(strip) -> fitting.Fit:
    return unchecked(strip)


def test_strip_gives_the_truth_within_its_errors(fit) -> None:
    """Full magnetostatics against a 1-D wall: some percent of model error, which the bars show."""
    assert fit.converged and fit.identifiability.complete
    v = fit.values
    assert v["P"] == pytest.approx(0.5, rel=0.05)
    assert v["xi"] / v["alpha"] == pytest.approx(2.5, rel=0.05)
    assert v["xi"] == pytest.approx(0.25, rel=0.15) and v["alpha"] == pytest.approx(0.1, rel=0.15)
    for name, true in TRUTH.items():
        low, high = fit.intervals[name]
        assert low < true < high
        total = math.hypot(fit.std_stat[name], fit.std_model[name])
        assert fit.std[name] == pytest.approx(total, rel=1e-6)
    assert fit.truth == TRUTH


def test_truth_in_the_header_is_not_used(strip, fit) -> None:
    other = unchecked(dataclasses.replace(strip, truth={"xi": 1.0}))
    assert other.values == fit.values and other.truth == {"xi": 1.0}


def test_wall_constants_come_from_the_cross_section(strip, fit) -> None:
    wall = strip.sample.cross_section()
    assert fit.fixed["K"] == pytest.approx(wall.K_eff)
    assert fit.nuisance == ("K_perp",) and fit.estimates == {"K_perp": wall.K_perp}
    assert fit.values["K_perp"] == pytest.approx(wall.K_perp, rel=0.1)
    assert fit.model_error == {"width": 0.1}
    assert fit.fixed["gamma"] == 1.759458e11


def test_reference_values_of_an_independent_fit(fit) -> None:
    """scipy's least_squares with its own quadrature of the wall: optimum, chi2, Jacobian errors."""
    data_chi2 = np.sum(fit.residuals**2)
    assert data_chi2 == pytest.approx(18.8, abs=0.05)
    assert fit.values["xi"] == pytest.approx(0.266, abs=6e-4)
    assert fit.values["P"] == pytest.approx(0.509, abs=6e-4)
    assert fit.values["alpha"] == pytest.approx(0.107, abs=6e-4)
    for name, std in (("xi", 0.0033), ("P", 0.0051), ("alpha", 0.0015)):
        assert fit.std_stat[name] / fit.scale == pytest.approx(std, rel=0.04)


@pytest.mark.parametrize("optimizer", ["lbfgs", pytest.param("adam", marks=pytest.mark.thorough)])
def test_optimizers_reach_the_same_optimum(strip, fit, optimizer: str) -> None:
    other = unchecked(strip, optimizer=optimizer, model_errors={"width": 0})
    assert other.converged and other.optimizer == optimizer
    for name, value in fit.values.items():
        assert other.values[name] == pytest.approx(value, rel=1e-6)
    assert other.n_simulations > 0 and other.n_simulations != fit.n_simulations


def test_model_error_is_half_the_change_between_refits(strip, fit) -> None:
    """lambda +-10 % through K (1 +- .1)^-2, with K fixed by hand."""
    K = fit.fixed["K"]
    wide, narrow = (unchecked(strip, fixed={"K": K / f**2}, start=fit.values) for f in (1.1, 0.9))
    for name in TRUTH:
        half = abs(wide.values[name] - narrow.values[name]) / 2
        assert fit.std_model[name] == pytest.approx(half, rel=1e-2)
    assert wide.model_error == {} and wide.std_model["xi"] == 0
    assert wide.fixed["K"] == pytest.approx(K / 1.21)


def test_birge_ratio_enters_the_statistical_error_only(fit) -> None:
    assert fit.dof == 15 and fit.scale == pytest.approx(math.sqrt(fit.chi2 / 15))
    assert birge_ratio(10.0, 5) == pytest.approx(math.sqrt(2)) and birge_ratio(3.0, 5) == 1
    assert birge_ratio(1.0, 0) == 1


def test_intervals() -> None:
    assert interval("P", 0.5, 0.1) == pytest.approx((0.304004, 0.695996), rel=1e-5)
    assert interval("P", 0.95, 0.1)[1] == 1 and interval("xi", 0.05, 0.1)[0] == 0
    assert interval("D", -1e-5, 1e-4) == pytest.approx((-2.06e-4, 1.86e-4), rel=1e-3)
    assert interval("theta_SH[1]", 0.0, 0.1) == pytest.approx((-0.196, 0.196), rel=1e-3)
    low, high = interval("alpha", 0.1, 0.02)
    assert low * high == pytest.approx(0.01) and math.log(high / 0.1) == pytest.approx(0.391993)


def test_exact_data_of_a_wall_give_its_parameters(strip) -> None:
    """With n0 > 0, another sign of P and fields: eta, signs and the Bloch rest state count."""
    sample = dataclasses.replace(strip.sample, n0=3e4)
    wall = sample.cross_section()
    true = {"xi": 0.06, "P": -0.7, "alpha": 0.03}
    made = with_wall(
        strip.with_sample(sample),
        A=sample.A,
        K=wall.K_eff + wall.K_perp,  # Bloch: the hard axis x is a, the rest direction b
        Kp=-wall.K_perp,
        Ms=sample.Ms,
        n0=sample.n0,
        gamma=sample.gamma,
        **true,
    )
    # A row below breakdown shows no precession; its error must not be 0.
    made = dataclasses.replace(made, std=np.maximum(made.std, 0.01))
    found = unchecked(made)
    assert found.converged and found.chi2 < 1e-8
    for name, value in true.items():
        assert found.values[name] == pytest.approx(value, rel=1e-5)
    assert found.values["K_perp"] == pytest.approx(wall.K_perp, rel=1e-5)
    np.testing.assert_allclose(found.predictions, made.value, rtol=1e-5, atol=1e-6)
    assert unchecked(made, fixed={"n0": 0.0}).values["alpha"] > 0.03 * 1.05


def test_session_setting_is_left_alone(strip, fit) -> None:
    with jax.enable_x64(False):
        other = unchecked(strip)
        assert not jax.config.jax_enable_x64
    assert other.values == fit.values


@pytest.mark.parametrize(
    ("name", "P", "std", "Ms"),
    [("doppler_nife_340K", 0.581, 0.014, 8.19e5), ("doppler_nife_80K", 0.680, 0.043, 9.04e5)],
)
def test_doppler_drift_velocity_fixes_P(name: str, P: float, std: float, Ms: float) -> None:
    """P = e Ms u/(mu_B j) at Ms = 8.2e5 A/m, its error that of u."""
    found = unchecked(name, free=("P",), fixed={"xi": 0.0})
    assert found.converged and found.model_error == {} and found.nuisance == ()
    assert found.values["P"] == pytest.approx(P, abs=5e-4)
    assert found.std["P"] == pytest.approx(std, abs=6e-4) and found.std_model["P"] == 0
    assert found.fixed["Ms"] == 8.2e5
    assert f"implies Ms = mu_B P j/(e u) = {Ms:.3g} A/m" in found.report()


def test_drift_velocity_is_divided_by_one_plus_eta_and_xi() -> None:
    made = measurements(
        [("drift_velocity", 1e11, 0.0, 4.1, 0.1)], fitting.Sample(Ms=8.2e5, n0=8.2e4)
    )
    found = unchecked(made, free=("P",), fixed={"xi": 0.5})
    expected = 0.58082 * (1 + 0.25) * (1 + 0.1 / 1.25)
    assert found.values["P"] == pytest.approx(expected, rel=1e-4)


def test_stopped_early_keeps_the_best_point(strip, fit) -> None:
    seen = []
    found = unchecked(strip, max_steps=1, callback=lambda i, chi2, v: seen.append((i, chi2, v)))
    assert not found.converged and "not converged" in found.message
    assert found.chi2 > fit.chi2 and found.chi2 == pytest.approx(min(c for _, c, _ in seen))
    assert set(found.std.values()) == {None} and set(found.intervals.values()) == {None}
    steps = [i for i, _, _ in seen]
    assert steps == sorted(steps) and set(seen[-1][2]) == {"xi", "P", "alpha", "K_perp"}


def test_frequencies_leave_two_minima_and_the_fit_says_so() -> None:
    """|phidot| ~ |xi - alpha| |u|/lambda far above breakdown: xi = .15 looks like xi = .05."""
    j = np.array([-3e12, -4e12, -5e12])
    rows = [("precession_frequency", x, 0.0, 1.0, 1.0) for x in j]
    constants = {"A": 1.3e-11, "K": 2e5, "P": 0.6, "alpha": 0.1}
    made = with_wall(measurements(rows, SAMPLE), Kp=1.5e4, Ms=8e5, xi=0.05, **constants)
    found = unchecked(made, free=("xi",), fixed={**constants, "K_perp": 1.5e4})
    ((other, chi2),) = found.alternatives
    low, high = sorted((found.values["xi"], other["xi"]))
    assert found.converged and found.chi2 < 1e-6 and chi2 < 1e-6
    # (xi - alpha)/(1 + xi^2) is the same but for its sign.
    assert low == pytest.approx(0.05, rel=1e-4)
    assert (high - 0.1) / (1 + high**2) == pytest.approx((0.1 - low) / (1 + low**2), rel=1e-4)
    assert "a second minimum describes the data almost as well: xi = 0." in found.report()


SAMPLE = fitting.Sample(Ms=8e5, A=1.3e-11, easy_axis="z")
ROW = ("wall_velocity", -1e11, 0.0, 10.0, 0.5)
REFUSED = [
    ({"free": ("xi", "beta")}, "unknown parameter 'beta'"),
    ({"free": ("xi", "xi")}, "`free`: parameter `xi` is given twice"),
    ({"free": ()}, "`free` must name at least one parameter"),
    ({"free": ("xi", "P")}, "`alpha` must be free or fixed: wall1d needs it for wall_velocity"),
    ({"fixed": {"alpha": -0.1}}, "`fixed`: `alpha` must be >= 0, got -0.1"),
    ({"fixed": {"P": 1.5}}, "`fixed`: `P` must be between -1 and 1, got 1.5"),
    ({"fixed": {"xi": 0.1}}, "`xi` cannot be both fitted and fixed"),
    ({"fixed": {"K": math.nan}}, "`fixed`: `K` must be > 0, got nan"),
    ({"nuisance": ("alpha",), "free": ("xi", "P")}, "`nuisance` must name parameters"),
    ({"model": "wall2d"}, "unknown model 'wall2d'; did you mean `wall1d`?"),
    ({"optimizer": "lbgfs"}, "unknown optimizer 'lbgfs'; did you mean `lbfgs`?"),
    ({"max_steps": 0}, "`max_steps` must be >= 1, got 0"),
    ({"start": {"alpha": 3.0}}, "the start of `alpha` must be between"),
    ({"model_errors": {"width": 1.5}}, "`model_errors`: `width` must be >= 0 and < 1, got 1.5"),
    ({"model_errors": {"height": 0.1}}, "`model_errors` must name width or K_perp, got 'height'"),
    ({"precision": "float16"}, "`precision` must be float64 or float32, got 'float16'"),
]
GIVEN = {"K": 2e5, "K_perp": 1e4}


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused_in_one_line(arguments, message: str) -> None:
    fixed = {**GIVEN, **arguments.get("fixed", {})}
    with pytest.raises(fitting.InputError) as error:
        unchecked(measurements([ROW], SAMPLE), **{**arguments, "fixed": fixed})
    assert message in str(error.value) and "\n" not in str(error.value)


BAD_DATA = [
    ((*ROW[:4], math.nan), {}, "made_up.csv:2: column `std` must be given for a fit"),
    (ROW, {"easy_axis": None}, "wall1d needs the header key `easy_axis`"),
    (ROW, {"A": None}, "wall1d needs the header key `A_J_per_m`"),
    (
        ROW,
        {"cell_x": 9e-9},
        "`cell_x_m` must be below the wall width lambda = 8.06e-09 m, got 9e-09",
    ),
]


@pytest.mark.parametrize(("row", "change", "message"), BAD_DATA)
def test_unusable_data_are_refused_in_one_line(row, change, message: str) -> None:
    made = measurements([row], dataclasses.replace(SAMPLE, **change))
    with pytest.raises(fitting.InputError) as error:
        unchecked(made, fixed=GIVEN)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_field_across_the_easy_axis_is_refused() -> None:
    made = measurements([("wall_velocity", 0.0, 1e-3, 10.0, 0.5)], SAMPLE)
    with pytest.raises(fitting.InputError, match=r"made_up.csv:2: column `field_axis`: wall1d"):
        unchecked(dataclasses.replace(made, field_axis=("x",)), fixed=GIVEN)


def test_jacobian_is_that_of_the_residuals(strip) -> None:
    """Forward mode against central differences, both sides of the breakdown."""
    problem = set_up(
        strip, get_model("wall1d"), ("xi", "P", "alpha"), fixed={}, nuisance=None, start={}
    )
    z = problem.objective.space.coordinates({**TRUTH, "K_perp": 1.6e4})
    at = evaluate(problem.objective, z, Counter())
    for i in range(z.size):
        step = 1e-5 * np.eye(z.size)[i]
        ends = [evaluate(problem.objective, z + s * step, Counter()).residuals for s in (1, -1)]
        difference = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(at.jacobian[:, i], difference, rtol=1e-5, atol=1e-4)


def test_rows_on_the_breakdown_edge_are_named(strip) -> None:
    known = {**strip.sample.cross_section().__dict__}
    values = {
        "A": strip.sample.A, "K": known["K_eff"], "K_perp": known["K_perp"], "Ms": strip.sample.Ms,
        "alpha": 0.1, "xi": 0.25, "P": 0.5, "n0": 0.0, "gamma": 1.76e11,
    }  # fmt: skip
    wall = collective_wall(values, strip.sample.charge, hard_is_b(strip))
    j, B = float(wall.breakdown_current()), float(wall.breakdown_field())
    drives = [(0.997 * j, 0.0), (1.003 * j, 0.0), (0.99 * j, 0.0), (0.0, 0.997 * B), (0.0, 0.0)]
    rows = [("wall_velocity", -current, field, 1.0, 0.1) for current, field in drives]
    data = measurements([*rows, ("drift_velocity", j, 0.0, 1.0, 0.1)], strip.sample)
    assert on_the_edge(data, values, 0.005) == (2, 3, 5)
    assert on_the_edge(data, values, 0.02) == (2, 3, 4, 5)
    assert not any("breakdown lies" in note for note in unchecked(strip).notes)


FIELDS = [("wall_velocity", 0.0, B, 1.0, 0.1) for B in (5e-4, 1e-3, 8e-3, 1.2e-2)]
FIELDS += [("precession_frequency", 0.0, B, 1.0, 0.1) for B in (8e-3, 1.2e-2)]


@pytest.fixture(scope="module")
def slow_wall(strip):
    """Rows in a field alone, of a wall with the small damping that makes chi2 have two valleys."""

    def make(extra=(), **values):
        wall = strip.sample.cross_section()
        known = {"A": strip.sample.A, "K": wall.K_eff, "Kp": 6e3, "Ms": strip.sample.Ms, "n0": 0.0}
        data = measurements([*FIELDS, *extra], strip.sample)
        gamma = strip.sample.gamma
        return with_wall(data, **known, gamma=gamma, **values)

    return make


@pytest.mark.parametrize("free,fixed", [(("alpha",), {"xi": 0.0, "P": 0.5}), (None, {})])
def test_field_rows_find_their_damping(slow_wall, free, fixed) -> None:
    data = slow_wall(alpha=0.03, xi=0.1, P=0.5)
    free = {} if free is None else {"free": free}
    fit = unchecked(data, **free, fixed={**fixed, "K_perp": 6e3})
    assert fit.converged and fit.chi2 < 1e-5
    assert fit.values["alpha"] == pytest.approx(0.03, rel=1e-4)
    assert "alpha" in fit.identifiability.fixed


def test_a_model_that_misses_the_data_says_so(slow_wall) -> None:
    """Rows of another unit: values are not called unfixed, the misfit is named."""
    data = slow_wall(alpha=0.03, xi=0.1, P=0.5)
    value = np.where(np.arange(len(data)) == 1, 30 * np.asarray(data.value), data.value)
    fit = unchecked(
        dataclasses.replace(data, value=value), free=("alpha",), fixed={"xi": 0.0, "P": 0.5}
    )
    assert any("does not describe these data" in note for note in fit.notes)
    assert fit.identifiability is None or fit.identifiability.fixed == ("alpha",)


def test_a_minimum_at_a_bound_is_a_result(strip) -> None:
    rows = [("wall_velocity", j, 0.0, 1.0, 0.1) for j in (-1e12, -2e12, -3e12, -4e12)]
    rows += [("wall_velocity", 0.0, B, 1.0, 0.1) for B in (5e-4, 1e-3)]
    wall = strip.sample.cross_section()
    data = with_wall(
        measurements(rows, strip.sample),
        A=strip.sample.A, K=wall.K_eff, Kp=wall.K_perp, Ms=strip.sample.Ms, n0=0.0,
        gamma=strip.sample.gamma, alpha=0.1, xi=0.0, P=0.5,
    )  # fmt: skip
    noise = 1 + 0.02 * np.random.default_rng(1).normal(size=len(data))
    value, std = np.asarray(data.value) * noise, np.maximum(data.std, 0.1)  # locked: v = 0
    fit = unchecked(dataclasses.replace(data, value=value, std=std))
    assert fit.converged and fit.values["xi"] < 1e-3
    assert any("`xi` sits at a bound" in note for note in fit.notes)
    assert fit.values["P"] == pytest.approx(0.5, rel=0.05)


def test_a_row_without_current_and_field_is_noted(slow_wall) -> None:
    rows = [("wall_velocity", 0.0, 0.0, 0.0, 0.1)]
    data = slow_wall(rows, alpha=0.03, xi=0.1, P=0.5)
    data = dataclasses.replace(data, std=np.maximum(data.std, 0.01))
    fit = unchecked(data, free=("alpha",), fixed={"xi": 0.0, "P": 0.5})
    assert any("neither current nor field" in note for note in fit.notes)


def test_the_weak_prior_moves_nothing_that_is_seen() -> None:
    """One efficiency, two unknowns: the data are met exactly, wherever the prior's centre is."""
    rows = [("drive_efficiency", 0.0, 0.0, 5e-15, 1e-15)]
    data = measurements(rows, STRIP)
    values = []
    for start in ({}, {"xi": 0.4}, {"P": 0.9}):
        found = unchecked(data, free=("xi", "P"), fixed={"alpha": 0.1}, start=start, nuisance=())
        assert found.converged and found.chi2 < 1e-10 and found.std["xi"] is None
        assert found.derived["drive efficiency"][:2] == pytest.approx((5e-15, 1e-15), rel=1e-4)
        values.append(found.values["xi"])
    assert max(values) > 1.2 * min(values)
