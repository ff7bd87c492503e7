"""Losses with long tails, values that are only bounds, and what is known beforehand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import QUIET, STRIP, measurements, unchecked
from scipy import stats

import fitting
from fitting import InputError
from fitting._cli import run
from fitting._problem._loss import CORNER, DEGREES, bent, censored, information, row_residuals

R = np.array([-1e6, -30.0, -3.0, -CORNER, -0.7, -1e-5, 0.0, 1e-9, 0.3, 1.3, 2.5, 40.0])


def test_losses_are_the_likelihoods_they_are_named_after() -> None:
    student = stats.t(DEGREES).logpdf
    np.testing.assert_allclose(
        np.asarray(bent("student", jnp.asarray(R))) ** 2, 2 * (student(0) - student(R)), atol=1e-14
    )
    huber = np.where(np.abs(R) < CORNER, R**2, 2 * CORNER * np.abs(R) - CORNER**2)
    np.testing.assert_allclose(np.asarray(bent("huber", jnp.asarray(R))) ** 2, huber, rtol=1e-13)
    np.testing.assert_array_equal(bent("normal", jnp.asarray(R)), R)
    below = -2 * stats.norm.logcdf(-R)
    found = np.asarray(censored(jnp.ones(R.size), jnp.asarray(R))) ** 2
    np.testing.assert_allclose(found, below, rtol=1e-12, atol=1e-14)
    mirrored = np.asarray(censored(-jnp.ones(R.size), jnp.asarray(-R))) ** 2
    np.testing.assert_array_equal(mirrored, found)
    for loss in ("normal", "student", "huber"):
        np.testing.assert_array_equal(np.sign(bent(loss, jnp.asarray(R))), np.sign(R))


@pytest.mark.parametrize("loss", ["student", "huber"])
@pytest.mark.parametrize("side", [None, 1.0, -1.0])
def test_slopes_of_the_residuals(loss, side) -> None:
    side = None if side is None else jnp.asarray([0.0, side])
    one = lambda r: row_residuals(loss, side, jnp.stack([r, r]))  # noqa: E731
    for r in (-12.0, -8.5, -2.0, -0.5, 1e-4, 0.0, 0.9, 3.0, 25.0):
        slope = jax.jacfwd(one)(jnp.asarray(r))
        h = 1e-5
        central = (one(jnp.asarray(r + h)) - one(jnp.asarray(r - h))) / (2 * h)
        np.testing.assert_allclose(slope, central, rtol=1e-6, atol=1e-8)
        assert np.isfinite(slope).all()


def test_a_row_tells_as_much_as_fisher_says() -> None:
    """The mean square of the score of Student's distribution, by quadrature."""
    r = np.linspace(-2000, 2000, 4_000_001)
    weight = stats.t(DEGREES).pdf(r) * (r[1] - r[0])
    score = (DEGREES + 1) * r / (DEGREES + r**2)
    expected = np.sum(weight * score**2)
    at = jnp.asarray([0.2, -1.0, 7.0])
    slope = jax.vmap(jax.grad(lambda r: bent("student", r)))(at)
    factor = information("student", None, at) * slope
    np.testing.assert_allclose(factor**2, expected, rtol=1e-4)


def noisy() -> fitting.Measurements:
    """Twenty velocities and frequencies with noise of 2 %, drawn."""
    rows = [("wall_velocity", j, 0.0) for j in np.linspace(-1e11, -1.2e12, 8)]
    rows += [("wall_velocity", j, 0.0) for j in (-3e12, -3.5e12, -4e12)]
    rows += [("wall_velocity", 0.0, B) for B in (5e-4, 1e-3, 1.5e-3)]
    rows += [("precession_frequency", j, 0.0) for j in (-3e12, -3.5e12, -4e12)]
    rows += [("field_mobility", 0.0, 0.0), ("wall_tilt", -8e11, 0.0), ("wall_tilt", -1.1e12, 0.0)]
    data = measurements([(*row, 1.0, 1.0) for row in rows], STRIP, TRUTH)
    exact = fitting.predict(data, TRUTH)
    std = 0.02 * np.abs(exact)
    noise = np.random.default_rng(4).standard_normal(std.size)
    return dataclasses.replace(data, value=exact + std * noise, std=std)


@pytest.fixture(scope="module")
def strip() -> fitting.Measurements:
    return noisy()


TRUTH = {"xi": 0.3, "P": 0.5, "alpha": 0.15}


def pull(fit: fitting.Fit) -> float:
    return max(abs(fit.values[n] - TRUTH[n]) / (fit.std[n] or 0.0) for n in TRUTH)


@pytest.mark.parametrize("loss", ["student", "huber"])
def test_rows_that_are_far_off(strip, loss) -> None:
    """Two wrong rows ruin the plain fit and hardly move the other; they are named."""
    clean = unchecked(strip, loss=loss, **QUIET)
    value = strip.value.copy()
    value[[2, 15]] *= (1.5, 0.4)
    spoilt = dataclasses.replace(strip, value=value)
    plain, robust = unchecked(spoilt, **QUIET), unchecked(spoilt, loss=loss, **QUIET)
    assert clean.converged and robust.converged and robust.loss == loss and robust.scale == 1
    assert plain.scale > 3 and pull(robust) < (2.5 if loss == "student" else 3.5)
    moved = max(abs(robust.values[n] - clean.values[n]) / (clean.std[n] or 0) for n in TRUTH)
    far = max(abs(plain.values[n] - clean.values[n]) / (clean.std[n] or 0) for n in TRUTH)
    assert moved < (1.0 if loss == "student" else 1.5) and far > 2 * moved
    report = robust.report()
    assert f"loss: {loss}, sum " in report
    assert "off by more than 4 of their errors: 4, 17" in report.replace("\n", " ")
    back = robust.to_dict()
    assert back["loss"] == loss and abs(back["residuals"][15]) > 20
    quiet = unchecked(strip, **QUIET)
    for name in TRUTH:
        ratio = (clean.std[name] or 0) / ((quiet.std[name] or 0) / quiet.scale)
        assert ratio == pytest.approx(1.4**0.5 if loss == "student" else 0.95**-0.5, rel=0.03)


def test_bounds(strip) -> None:
    """An upper bound far above says nothing, one below the prediction pulls like a value."""
    only = strip.exclude([*strip.line[:2], *strip.line[6:]])  # well below breakdown
    bare = unchecked(only, free=("xi",), fixed={"P": 0.5, "alpha": 0.15}, **QUIET)
    for side, beyond in (("upper", 1.5), ("lower", 0.5)):
        bound = ("",) * 3 + (side,)
        value, other = only.value.copy(), only.value.copy()
        value[3] *= beyond  # 25 standard deviations away, on the allowed side
        free = dataclasses.replace(only, value=value, bound=bound)
        with_it = unchecked(free, free=("xi",), fixed={"P": 0.5, "alpha": 0.15}, **QUIET)
        three = only.exclude(only.line[3:])
        without = unchecked(three, free=("xi",), fixed={"P": 0.5, "alpha": 0.15}, **QUIET)
        assert with_it.values["xi"] == pytest.approx(without.values["xi"], rel=1e-6)
        assert with_it.std["xi"] == pytest.approx(without.std["xi"], rel=1e-4)
        assert with_it.dof == without.dof == 2
        other[3] /= beyond
        held = dataclasses.replace(only, value=other, bound=bound)
        pulled = unchecked(held, free=("xi",), fixed={"P": 0.5, "alpha": 0.15}, **QUIET)
        assert (pulled.values["xi"] < bare.values["xi"]) == (side == "upper")
        with pytest.raises(InputError, match="some rows of these data are only bounds"):
            fitting.coverage(with_it, 4)


def test_what_is_known_counts_as_data(strip) -> None:
    """Weighted means; and what data leave open is taken from the priors."""
    plain = unchecked(strip, **QUIET)
    assert plain.std["P"]
    known = {"P": (0.45, plain.std["P"] / plain.scale), "alpha": (0.16, 0.016)}
    fit = unchecked(strip, priors=known, **QUIET)
    assert fit.converged and fit.priors == known and fit.dof == plain.dof + 2
    assert 0.45 < fit.values["P"] < plain.values["P"] and fit.std["P"]
    assert fit.std["P"] / fit.scale < 0.8 * plain.std["P"] / plain.scale
    assert (
        "prior of P: 0.4500 +- " in fit.report()
        and "prior of alpha: 0.160 +- 0.016" in fit.report()
    )
    few = strip.exclude(strip.line[4:])
    fit = unchecked(few, priors={"xi": (0.3, 0.03), "alpha": (0.15, 0.015)}, **QUIET)
    assert fit.identifiability.complete and fit.values["xi"] == pytest.approx(0.3, rel=0.05)
    assert fit.std["xi"] == pytest.approx(0.03, rel=0.05) and fit.std["P"]
    # An efficiency of P on the ridge: ln P = ln c - ln xi + ln alpha + ...
    assert fit.std["P"] / fit.values["P"] == pytest.approx(np.hypot(0.1, 0.1), rel=0.15)
    ends = fitting.profile(fit, "xi", level=0.68).intervals[0.68]
    assert ends[1] - ends[0] == pytest.approx(2 * 0.03, rel=0.05)


BAD = {
    "loss": ({"loss": "cauchy"}, "`loss` must be one of normal, student, huber, got 'cauchy'"),
    "unknown": ({"priors": {"beta": (1, 1)}}, "`priors`: unknown parameter 'beta'; did you mean"),
    "not fitted": ({"priors": {"Ms": (8e5, 1e4)}}, "`priors`: `Ms` must be fitted to have one"),
    "one number": ({"priors": {"xi": 0.1}}, "`priors`: `xi` must be \\(value, standard deviation"),
    "text": ({"priors": {"xi": ("a", 1)}}, "`priors`: `xi` must be \\(value, standard deviation"),
    "outside": ({"priors": {"alpha": (2.0, 0.1)}}, "`alpha` must be between 1e-05 and 1, got 2"),
    "no error": ({"priors": {"xi": (0.1, 0.0)}}, "the error of `xi` must be > 0, got 0"),
    "nan": ({"priors": {"xi": (0.1, np.nan)}}, "the error of `xi` must be > 0, got nan"),
    "nan value": ({"priors": {"xi": (np.nan, 0.1)}}, "`xi` must be between 0 and 2, got nan"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_refused(strip, case) -> None:
    settings, message = BAD[case]
    with pytest.raises(InputError, match=message):
        unchecked(strip, **settings)


OPTIONS = {
    "no error": (
        ["--prior", "xi=0.05"],
        "`--prior` must be NAME=VALUE+-STD, such as xi=0.05+-0.02",
    ),
    "no number": (["--prior", "xi=a+-1"], "`--prior` must be NAME=VALUE+-STD"),
    "twice": (["--prior", "xi=1+-1,xi=2+-1"], "`--prior`: `xi` is given twice"),
    "loss": (["--loss", "l1"], "`loss` must be one of normal, student, huber"),
    "nuisance": (["--nuisance", "xi"], "`nuisance` must name parameters of the sample"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_options_that_are_refused(case, capsys, tmp_path) -> None:
    options, message = OPTIONS[case]
    assert run(["strip_a", *options, "--out", str(tmp_path / "fit")]) == 2
    told = capsys.readouterr().err
    assert message in told and told.count("\n") == 1 and not (tmp_path / "fit").exists()


def test_options(capsys, tmp_path) -> None:
    options = ["--prior", "P=0.5+-0.01", "--prior", "alpha=0.1±0.02", "--loss", "huber"]
    out = tmp_path / "fit"
    options += ["--nuisance", "K_perp,j_scale", "--no-check", "--out", str(out)]
    assert run(["strip_a", *options]) == 0
    shown = capsys.readouterr().out
    assert "prior of P: 0.500 +- 0.010" in shown and "loss: huber" in shown
    assert "nuisance, fitted with a 10 % prior around 1\n" in shown
    fit = fitting.load_fit(out / "fit.json")
    assert fit.priors == {"P": (0.5, 0.01), "alpha": (0.1, 0.02)} and fit.loss == "huber"


def test_a_bound_is_a_word(tmp_path) -> None:
    path = tmp_path / "a.csv"
    text = "observable,field_T,value,std,unit,bound\nwall_velocity,1e-3,1,0.1,m/s,upper\n"
    path.write_text(text)
    assert fitting.load_measurements(path).bound == ("upper",)
    path.write_text(text.replace("upper", "<"))
    with pytest.raises(
        InputError, match=r"a\.csv:2: column `bound` must be one of upper, lower, got '<'"
    ):
        fitting.load_measurements(path)
