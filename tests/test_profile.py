"""`profile`: rise of chi2, intervals and open ends."""

import dataclasses
import math

import numpy as np
import pytest
from fit_data import measurements, unchecked

import fitting
from fitting import coverage, profile
from jaxstt import constants

MS, E, MU_B = 8e5, constants.E_CHARGE, constants.MU_B
Q68, Q95 = 0.9944578832097532, 1.959963984540054


@pytest.fixture(scope="module")
def strip() -> fitting.Fit:
    return unchecked("strip_a")


@pytest.fixture(scope="module")
def doppler() -> fitting.Fit:
    """u = mu_B P j/(e Ms (1 + xi^2)): linear in P, and only P/(1 + xi^2) is seen."""
    rows = [("drift_velocity", j, 0.0, MU_B * 0.5 * j / (E * MS), 0.2) for j in (1e11, 2e11)]
    return unchecked(measurements(rows, fitting.Sample(Ms=MS)), free=("P",), fixed={"xi": 0.0})


def test_linear_model_has_the_normal_interval(doppler) -> None:
    slope = MU_B / (E * MS) * np.array([1e11, 2e11])
    std = 0.2 / math.sqrt(np.sum(slope**2))
    seen = profile(doppler, "P", level=(0.68, 0.95))
    assert seen.best == pytest.approx(0.5, abs=1e-6) and seen.chi2 < 1e-10
    for level, q in ((0.68, Q68), (0.95, Q95)):
        assert seen.intervals[level] == pytest.approx(
            (0.5 - q * std, 0.5 + q * std), abs=1e-3 * std
        )
    np.testing.assert_allclose(seen.rise, ((seen.values - 0.5) / std) ** 2, atol=1e-5)
    assert (np.diff(seen.values) > 0).all() and seen.found.all() and seen.others == {}
    assert seen.bounded and seen.ends == ("crossed", "crossed") and not seen.notes
    assert str(seen).startswith("P = 0.5; 68 %: 0.4877 ... 0.5123; 95 %: 0.4758")


def test_two_parameters_in_one_product_are_not_bounded() -> None:
    """P/(1 + xi^2) = 0.5 +- 0.028: xi = 0 ... 1 as P goes from 0.5 to its bound 1."""
    rows = [("drift_velocity", j, 0.0, MU_B * 0.5 * j / (E * MS), 0.2) for j in (1e11, 2e11)]
    data = measurements(rows, fitting.Sample(Ms=MS))
    found = unchecked(data, free=("P", "xi"))
    seen = profile(found, "P")
    assert seen.intervals[0.95][1] is None and seen.ends == ("crossed", "bound")
    std = 0.2 / math.hypot(*(MU_B / (E * MS) * np.array([1e11, 2e11])))
    assert seen.intervals[0.95][0] == pytest.approx(0.5 - Q95 * std, abs=0.02 * std)
    assert "not bounded above" in seen.text and not seen.bounded
    assert any("end of its range" in note for note in seen.notes)
    assert any("the data leave directions open" in note for note in seen.notes)
    # The other one follows: xi = sqrt(P/0.5 - 1).
    beyond = seen.values > 0.6
    expected = np.sqrt(seen.values[beyond] / 0.5 - 1)
    np.testing.assert_allclose(seen.others["xi"][beyond], expected, atol=1e-3)


def test_strip_agrees_with_the_jacobian(strip) -> None:
    """Nearly normal there; the rise counts the rows' errors with the Birge ratio."""
    seen = profile(strip, "xi")
    value, std = strip.values["xi"], strip.std_stat["xi"]
    for level, q in ((0.68, Q68), (0.95, Q95)):
        low, high = seen.intervals[level]
        assert low == pytest.approx(value - q * std, abs=0.1 * std)
        assert high == pytest.approx(value + q * std, abs=0.1 * std)
    crossed = np.interp(seen.intervals[0.95][1], seen.values, seen.rise)
    assert crossed == pytest.approx(Q95**2, rel=0.02)
    assert set(seen.others) == {"P", "alpha", "K_perp"} and seen.found.all()
    # alpha follows xi, by the covariance: d alpha/d xi = cov(xi, alpha)/var(xi)
    names, matrix = profile_covariance(strip)
    i, k = names.index("xi"), names.index("alpha")
    slope = np.gradient(seen.others["alpha"], seen.values)[len(seen.values) // 2]
    assert slope == pytest.approx(matrix[i, k] / matrix[i, i], rel=0.1)
    assert any("model error is not in it" in note for note in seen.notes)


def profile_covariance(fit) -> tuple[list[str], np.ndarray]:
    """The statistical covariance, which the fit keeps only with its model error."""
    other = unchecked(fit.data, start=fit.values, model_errors={"width": 0})
    return list(other.covariance["names"]), other.covariance["matrix"]


def test_each_point_is_a_refit(strip) -> None:
    """A fit with xi fixed at one point has the same chi2, at errors times the Birge ratio."""
    seen = profile(strip, "xi", points=3)
    i = len(seen.values) - 2
    data = dataclasses.replace(strip.data, std=np.asarray(strip.data.std) * strip.scale)
    others = {n: v[i] for n, v in seen.others.items() if n != "K_perp"}
    fixed = {"xi": float(seen.values[i])}
    refit = unchecked(
        data, free=("P", "alpha"), fixed=fixed, start=others, model_errors={"width": 0}
    )
    assert refit.chi2 - seen.chi2 == pytest.approx(seen.rise[i], rel=1e-4)
    assert refit.values["P"] == pytest.approx(others["P"], rel=1e-4)


def test_the_problem_is_the_one_that_was_fitted(monkeypatch) -> None:
    """Ranges that a start has set, fixed values, float32: nothing is guessed again."""
    rows = [("drift_velocity", j, 0.0, MU_B * 0.5 * j / (E * MS), 0.2) for j in (1e11, 2e11)]
    data = measurements(rows, fitting.Sample(Ms=3e4))  # its decade does not reach MS
    settings = {"free": ("Ms",), "fixed": {"P": 0.5, "xi": 0.0}, "start": {"Ms": 6e5}}
    found = unchecked(data, **settings)
    single = unchecked(data, precision="float32", **settings)
    assert found.values["Ms"] == pytest.approx(MS, rel=1e-6)
    monkeypatch.setattr("fitting._problem._problem.Space", None)
    monkeypatch.setattr("fitting._problem._problem.parameter", None)
    seen = profile(found, "Ms", level=0.68)
    assert seen.best == found.values["Ms"] and seen.bounded
    assert profile(single, "Ms", level=0.68).intervals[0.68] == pytest.approx(
        seen.intervals[0.68], rel=1e-4
    )


def test_interval_of_a_profile(doppler) -> None:
    seen = profile(doppler, "P", level=(0.68, 0.95))
    assert seen.interval("P") == seen.intervals[0.95]
    assert seen.interval("P", 0.68) == seen.intervals[0.68]
    for arguments, message in {("xi",): "the profile of `P`", ("P", 0.5): "one of"}.items():
        with pytest.raises(fitting.InputError, match=message):
            seen.interval(*arguments)


def test_nuisance_keeps_its_prior(strip) -> None:
    seen = profile(strip, "K_perp", level=0.95)
    low, high = seen.intervals[0.95]
    value, std = strip.values["K_perp"], strip.std_stat["K_perp"]
    assert low == pytest.approx(value - Q95 * std, abs=0.1 * std)
    assert high == pytest.approx(value + Q95 * std, abs=0.1 * std)
    assert seen.unit == "J/m^3"


def test_model_errors_widen(strip) -> None:
    plain = profile(strip, "alpha", level=0.95)
    wide = profile(strip, "alpha", level=0.95, model_errors=True)
    assert "K" in wide.others and "K" not in plain.others
    assert wide.intervals[0.95][1] - wide.intervals[0.95][0] > 3 * (
        plain.intervals[0.95][1] - plain.intervals[0.95][0]
    )
    total = 2 * Q95 * strip.std["alpha"]
    # The data know the width better than the stated 10 %.
    assert wide.intervals[0.95][1] - wide.intervals[0.95][0] < 1.1 * total
    assert not any("model error" in note for note in wide.notes)


REFUSED = [
    ({"name": "xy"}, "unknown parameter 'xy'; did you mean `xi`?"),
    ({"name": "ALPHA"}, "unknown parameter 'ALPHA'; did you mean `alpha`?"),
    ({"name": "K"}, "`K` was not fitted but fixed; fitted were xi, P, alpha, K_perp"),
    ({"name": 3}, "unknown parameter 3 (fitted were"),
    ({"points": 1}, "`points` must be a whole number >= 2, got 1"),
    ({"points": 2.5}, "`points` must be a whole number >= 2, got 2.5"),
    ({"level": 95}, "`level` must be between 0 and 1 (0.95 for 95 %), got 95"),
    ({"level": (0.68, 1.0)}, "`level` must be between 0 and 1 (0.95 for 95 %), got 1.0"),
    ({"level": ()}, "`level` must hold at least one number"),
    ({"level": math.nan}, "`level` must be between 0 and 1 (0.95 for 95 %), got nan"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused_in_one_line(strip, arguments, message: str) -> None:
    with pytest.raises(fitting.InputError) as error:
        profile(strip, **{"name": "xi", **arguments})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_fit_that_did_not_converge_is_refused(strip) -> None:
    bad = unchecked("strip_a", max_steps=1)
    with pytest.raises(fitting.InputError, match="`profile` needs a fit that converged"):
        profile(bad, "xi")
    with pytest.raises(fitting.InputError, match="must be the result of"):
        profile({"xi": 0.1}, "xi")  # type: ignore


def test_coverage_of_a_linear_model(doppler) -> None:
    """Each estimate is the weighted mean of its noise, and its interval that of the normal."""
    seen = coverage(doppler, n=60, seed=4, truth={"P": 0.3})
    weight = MU_B / (E * MS) * np.array([1e11, 2e11]) / 0.2
    std = 1 / math.sqrt(np.sum(weight**2))
    noise = np.random.default_rng(4).standard_normal((60, 3))[:, :2]
    expected = 0.3 + std**2 * noise @ weight
    np.testing.assert_allclose(seen.estimates["P"], expected, rtol=1e-5)
    np.testing.assert_allclose(seen.std["P"], std, rtol=1e-5)
    pull = np.abs(expected - 0.3) / std
    assert seen.plain[0.68]["P"] == pytest.approx(np.mean(pull < Q68))
    birge = np.sqrt(np.maximum(1, seen.chi2 / 1))
    assert seen.covered[0.95]["P"] == pytest.approx(np.mean(pull / birge < Q95))
    assert seen.truth == {"P": pytest.approx(0.3)} and not seen.failed.any() and seen.dof == 1
    assert seen.error(0.68) == pytest.approx(math.sqrt(0.68 * 0.32 / 60))
    assert "60 synthetic data sets, 0 fits failed" in str(seen)
    other = coverage(doppler, n=60, seed=5, truth={"P": 0.3})
    assert not np.allclose(other.estimates["P"], seen.estimates["P"])


COVERAGE_REFUSED = [
    ({"n": 1}, "`n` must be a whole number >= 2, got 1"),
    ({"n": 10.0}, "`n` must be a whole number >= 2, got 10.0"),
    ({"seed": -1}, "`seed` must be a whole number >= 0, got -1"),
    ({"truth": {"p": 0.3}}, "unknown parameter 'p'; did you mean `P`?"),
    ({"truth": {"xi": 0.3}}, "`xi` was not fitted but fixed; fitted were P"),
    ({"truth": {"P": 2.0}}, "`truth`: `P` must be between -1 and 1, got 2"),
    ({"truth": {"P": 1.0}}, "`truth`: `P` must be between -1 and 1, got 1"),
    ({"level": 0.0}, "`level` must be between 0 and 1"),
]


@pytest.mark.parametrize(("arguments", "message"), COVERAGE_REFUSED)
def test_coverage_refuses_in_one_line(doppler, arguments, message: str) -> None:
    with pytest.raises(fitting.InputError) as error:
        coverage(doppler, **arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_intervals_of_coverage_hold_the_truth_as_often_as_it_says(doppler) -> None:
    seen = coverage(doppler, n=60, seed=4, truth={"P": 0.3}, level=0.9)
    low, high = seen.interval("P", 0.9)
    assert low.shape == high.shape == (60,)
    assert np.mean((low < 0.3) & (high > 0.3)) == pytest.approx(seen.covered[0.9]["P"], abs=1e-12)
    lost = dataclasses.replace(seen, failed=np.arange(60) < 2)
    assert (
        np.isnan(lost.interval("P")[0][:2]).all() and np.isfinite(lost.interval("P")[1][2:]).all()
    )
    for arguments, message in {("xi",): "was not fitted", ("P", 2.0): "between 0 and 1"}.items():
        with pytest.raises(fitting.InputError, match=message):
            seen.interval(*arguments)


def test_coverage_needs_a_fit_that_fixes_everything() -> None:
    rows = [("drift_velocity", j, 0.0, MU_B * 0.5 * j / (E * MS), 0.2) for j in (1e11, 2e11)]
    open_ = unchecked(measurements(rows, fitting.Sample(Ms=MS)), free=("P", "xi"))
    with pytest.raises(fitting.InputError, match="`coverage` needs data that fix every free"):
        coverage(open_)
