"""Parameters that follow from others: ties, and xi from the exchange splitting and spin flips."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import CONSTANTS, QUIET, STRIP, check_jacobian, measurements, unchecked, with_wall

import fitting
import jaxstt
from fitting import InputError
from fitting._cli_options import spoken

XI, P, ALPHA = 0.25, 0.5, 0.1
TAU_SF = 2e-14
DRIVES = [
    *(("wall_velocity", j, 0.0, 0.0, 1.0) for j in (-2e11, -1e12, -4e12, -8e12)),
    *(("wall_velocity", 0.0, B, 0.0, 1.0) for B in (1e-3, 8e-3)),
]


@pytest.fixture(scope="module")
def data() -> fitting.Measurements:
    exact = with_wall(
        measurements(DRIVES, STRIP), **CONSTANTS, xi=XI, P=P, alpha=ALPHA, relative=0.01
    )
    noise = np.array([0.5, -1.0, 0.3, 0.8, -0.4, 0.2])
    return dataclasses.replace(exact, value=exact.value + noise * exact.std)


@pytest.fixture(scope="module")
def plain(data) -> fitting.Fit:
    return unchecked(data, **QUIET)


def test_tied_parameter_follows(data) -> None:
    tied = unchecked(data, free=("P", "alpha"), ties={"xi": "2.5*alpha"}, **QUIET)
    assert tied.converged and tied.ties == {"xi": "2.5*alpha"} and tied.free == ("P", "alpha")
    value, std, unit = tied.derived["xi"]
    assert unit == "" and value == pytest.approx(2.5 * tied.values["alpha"], rel=1e-12)
    assert std == pytest.approx(2.5 * tied.std["alpha"], rel=1e-9)
    assert tied.fixed["xi"] == pytest.approx(value) and value == pytest.approx(XI, rel=0.1)
    # All that is derived feels both: xi/alpha~ is fixed but for the electrons' part, here none.
    assert tied.derived["xi/alpha~"][0] == pytest.approx(2.5)
    assert tied.derived["xi/alpha~"][1] == pytest.approx(0.0, abs=1e-9)
    # The same minimum as with xi held at that value.
    held = unchecked(data, free=("P",), fixed={"xi": value, "alpha": tied.values["alpha"]}, **QUIET)
    assert held.values["P"] == pytest.approx(tied.values["P"], rel=1e-5)
    assert held.chi2 == pytest.approx(tied.chi2, rel=1e-8)
    text = tied.report()
    assert "tied: xi = 2.5*alpha" in text and "not fitted: xi" not in text


def test_error_of_a_tied_fit_is_that_of_the_plane(data, plain) -> None:
    """In ln(alpha), P: the plain covariance cut by the plane d xi/xi = d alpha/alpha."""
    tied = unchecked(data, free=("P", "alpha"), ties={"xi": "2.5*alpha"}, **QUIET)
    objective = plain.solved.problem.objective

    def predicted(P, alpha):
        values = {"xi": 2.5 * alpha, "P": P, "alpha": alpha}
        return (objective.predictor({**objective.fixed, **values}) - data.value) / data.std

    at = tuple(jnp.asarray(tied.values[n]) for n in ("P", "alpha"))
    with jax.enable_x64(True):
        J = np.stack([np.asarray(x) for x in jax.jacfwd(predicted, (0, 1))(*at)], axis=1)
    expected = np.sqrt(np.diag(np.linalg.inv(J.T @ J))) * tied.scale
    found = [tied.std[n] for n in ("P", "alpha")]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_splitting_and_spin_flips_make_xi(data, plain) -> None:
    free = ("P", "alpha", "Delta")
    found = unchecked(data, free=free, fixed={"tau_sf": TAU_SF}, **QUIET)
    assert found.converged and found.identifiability.complete
    xi = plain.values["xi"]
    Delta = jaxstt.constants.HBAR / (xi * TAU_SF)
    assert found.values["Delta"] == pytest.approx(Delta, rel=1e-4)
    assert found.std["Delta"] / Delta == pytest.approx(plain.std["xi"] / xi, rel=2e-3)
    assert found.derived["xi"][:2] == pytest.approx((xi, plain.std["xi"]), rel=2e-3)
    assert found.chi2 == pytest.approx(plain.chi2, rel=1e-6)
    assert "Delta" in found.report() and " J" in found.report()
    again = fitting.predict(data, {**found.values, "tau_sf": TAU_SF})
    np.testing.assert_allclose(again, found.predictions, rtol=1e-9)


def test_their_product_alone_is_fixed(data, plain, tmp_path) -> None:
    both = unchecked(data, free=("P", "alpha", "Delta", "tau_sf"), **QUIET)
    seen = both.identifiability
    assert both.converged and (seen.rank, seen.fixed) == (3, ("P", "alpha"))
    assert both.std["Delta"] is None and both.std["tau_sf"] is None
    named = {c.name: c for c in seen.combinations}
    assert set(named) == {"xi", "P", "alpha"}
    assert named["xi"].value == pytest.approx(plain.values["xi"], rel=1e-3)
    assert named["xi"].std == pytest.approx(plain.std["xi"], rel=0.01)
    assert both.derived["xi"][1] == pytest.approx(plain.std["xi"], rel=0.01)
    assert "not Delta and tau_sf separately" in both.report()
    both.save_json(tmp_path / "fit.json")
    back = fitting.load_fit(tmp_path / "fit.json")
    assert back.ties == {"xi": "hbar/(Delta tau_sf)"} and back.report() == both.report()
    # A measured time between flips settles it.
    prior = {"tau_sf": (TAU_SF, 0.1 * TAU_SF)}
    told = unchecked(data, free=("P", "alpha", "Delta", "tau_sf"), priors=prior, **QUIET)
    assert told.identifiability.complete
    error = np.hypot(0.1, plain.std["xi"] / plain.values["xi"])
    assert told.std["Delta"] is not None
    assert told.std["Delta"] / told.values["Delta"] == pytest.approx(error, rel=0.02)


def test_around_the_optimum_of_a_tied_fit(data) -> None:
    tied = unchecked(data, free=("P", "alpha"), ties={"xi": "2.5*alpha"}, **QUIET)
    assert tied.std["alpha"] is not None
    low, high = fitting.profile(tied, "alpha", points=3).intervals[0.95]
    error = 1.96 * tied.std["alpha"]
    assert (high - low) / 2 == pytest.approx(error, rel=0.1)
    assert fitting.what_next(tied).before["alpha"] == pytest.approx(
        tied.std["alpha"] / tied.values["alpha"], rel=1e-3
    )


@pytest.mark.parametrize("tie", ["2.5*alpha", "electrons"])
def test_jacobian_of_linked_parameters(data, tie) -> None:
    """Forward = reverse = central difference of every residual."""
    settings = {"free": ("P", "alpha"), "ties": {"xi": tie}}
    if tie == "electrons":
        settings = {"free": ("P", "alpha", "Delta", "tau_sf"), "ties": {}}
    objective = unchecked(data, max_steps=1, **settings, **QUIET).solved.problem.objective
    check_jacobian(objective)


BAD = [
    ({"ties": {"xi": "2*beta"}}, "`ties`: unknown parameter 'beta'; did you mean"),
    ({"ties": {"x": "2*alpha"}}, "`ties`: unknown parameter 'x'; did you mean `xi`"),
    ({"ties": {"xi": "alpha+1"}}, "a number times it, such as 2*alpha, got 'alpha+1'"),
    ({"ties": {"xi": "0*alpha"}}, "a number times it, such as 2*alpha, got '0*alpha'"),
    ({"ties": {"xi": "two*alpha"}}, "got 'two*alpha'"),
    ({"ties": {"xi": "nan*alpha"}}, "got 'nan*alpha'"),
    ({"ties": {"xi": 2.0}}, "must hold text such as 2*alpha by name, got 2.0"),
    ({"ties": {"xi": "xi"}}, "`xi` must follow from another parameter, got 'xi'"),
    ({"ties": {"alpha": "xi"}}, "`alpha` follows from xi: it cannot be fitted, fixed or tied"),
    ({"ties": {"xi": "alpha"}, "fixed": {"xi": 0.1}}, "`xi` follows from alpha: it cannot be"),
    ({"ties": {"xi": "P", "P": "alpha"}, "free": ("alpha",)}, "not follow from others, got `P`"),
    ({"ties": {"xi": "K_perp"}, "priors": {"xi": (0.1, 0.01)}}, "`xi` must be fitted to have one"),
    ({"free": ("P", "alpha", "Delta")}, "`tau_sf` must be free or fixed: xi = hbar/(Delta tau_sf)"),
    (
        {"free": ("xi", "P", "alpha", "Delta"), "fixed": {"tau_sf": 1e-14}},
        "`xi` follows from hbar/(Delta tau_sf)",
    ),
    ({"ties": {"xi": "alpha"}, "fixed": {"Delta": 1e-19, "tau_sf": 1e-14}}, "`xi` follows from"),
    ({"free": ("P", "alpha"), "fixed": {"Delta": -1e-19, "tau_sf": 1e-14}}, "`Delta` must be > 0"),
    (
        {"free": ("xi", "P"), "ties": {"alpha": "-1*xi"}},
        "`ties`: `alpha` must be >= 0, got -0.1, of alpha = -1*xi where the fit starts",
    ),
    ({"free": ("P", "alpha"), "fixed": {"Delta": 1.0, "tau_sf": 1e-14}}, "Delta"),
]


@pytest.mark.parametrize("settings, message", BAD)
def test_refused(data, settings, message) -> None:
    settings = {"free": ("P", "alpha"), **settings}
    with pytest.raises((InputError, ValueError)) as error:
        unchecked(data, **settings)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_what_makes_no_sense_at_the_end_is_refused(data) -> None:
    fast = dataclasses.replace(data, value=3 * data.value, std=3 * data.std).exclude([5, 6, 7])
    with pytest.raises(InputError, match=r"`ties`: `P` must be .*, got 1.6.*, of P = 7\*xi"):
        unchecked(fast, free=("xi",), fixed={"alpha": 0.1}, ties={"P": "7*xi"}, **QUIET)


def test_electrons_that_weigh_as_much_as_the_magnet() -> None:
    """The first guesses of alpha~ and P_T stand for alpha < 0 and P > 1; the fit goes elsewhere."""
    n0, true = 1.2 * STRIP.Ms, {"xi": 0.05, "P": 0.5, "alpha": 0.3}
    rows = measurements(DRIVES, dataclasses.replace(STRIP, n0=n0))
    heavy = with_wall(rows, **CONSTANTS, **true, n0=n0)
    found = unchecked(heavy, free=("xi", "P_T", "alpha~"), **QUIET)
    assert found.converged and found.fixed["P"] == pytest.approx(0.5, rel=1e-3)
    assert found.fixed["alpha"] == pytest.approx(0.3, rel=1e-3)


N0 = 6e4


@pytest.fixture(scope="module")
def dressed(data) -> fitting.Measurements:
    """The same rows of a sample whose electrons count."""
    return data.with_sample(dataclasses.replace(STRIP, n0=N0))


def test_the_words_of_other_codes(dressed) -> None:
    """P_T and alpha~ are fitted as P and alpha are: same minimum, errors by the chain rule."""
    bare = unchecked(dressed, **QUIET)
    whole = unchecked(dressed, free=("xi", "P_T", "alpha~"), **QUIET)
    assert whole.converged and whole.identifiability.complete
    assert whole.chi2 == pytest.approx(bare.chi2, rel=1e-6)
    xi, P, alpha = (bare.values[n] for n in ("xi", "P", "alpha"))
    eta = N0 / STRIP.Ms / (1 + xi**2)
    expected = {"xi": xi, "P_T": P / (1 + xi**2) / (1 + eta)}
    expected["alpha~"] = (alpha + xi * eta) / (1 + eta)
    for name, value in expected.items():
        assert whole.values[name] == pytest.approx(value, rel=1e-4)
    assert whole.std["P_T"] == pytest.approx(bare.derived["P_T = P/((1+xi^2)(1+eta))"][1], rel=1e-3)
    for name in ("P", "alpha"):
        value, std, _ = whole.derived[name]
        assert (value, std) == pytest.approx((bare.values[name], bare.std[name]), rel=2e-3)
    # What other codes are told is the same.
    told = [
        fit.report().partition("the same elsewhere:")[2].splitlines()[1:3] for fit in (bare, whole)
    ]
    for one, other in zip(*told, strict=True):
        for left, right in zip(one.split(","), other.split(","), strict=True):
            a, b = (float(part.partition("=")[2].split()[0]) for part in (left, right))
            assert a == pytest.approx(b, rel=1e-3)
    again = fitting.predict(dressed, whole.values)
    np.testing.assert_allclose(again, whole.predictions, rtol=1e-9)


def test_truth_in_other_words(dressed) -> None:
    data = dataclasses.replace(dressed, truth={"xi": XI, "P": P, "alpha": ALPHA})
    found = unchecked(data, free=("xi", "P_T", "alpha~"), max_steps=1, **QUIET)
    eta = N0 / STRIP.Ms / (1 + XI**2)
    assert found.truth["P_T"] == pytest.approx(P / (1 + XI**2) / (1 + eta))
    assert found.truth["alpha~"] == pytest.approx((ALPHA + XI * eta) / (1 + eta))


def test_convention_of_the_options() -> None:
    by_name = {"fixed": {"alpha": 0.1}, "priors": {"P": (0.5, 0.1)}, "ties": {"beta": "2*alpha"}}
    found = spoken("oommf", free=("beta", "P"), **by_name)
    assert found == {
        "free": ("xi", "P_T"),
        "share": (),
        "fixed": {"alpha~": 0.1},
        "priors": {"P_T": (0.5, 0.1)},
        "ties": {"xi": "2*alpha~"},
    }
    assert spoken("mumax3", free=("Xi", "Pol", "alpha"))["free"] == ("xi", "P", "alpha~")
    assert spoken("paper", free=("xi", "P"))["free"] == ("xi", "P")
    with pytest.raises(InputError, match="`--convention` must be one of paper, mumax3, oommf"):
        spoken("OOMMF", free=("xi",))


def test_interval_of_what_may_be_zero(dressed) -> None:
    found = unchecked(dressed, free=("xi", "P_T", "alpha~"), **QUIET)
    low, high = found.intervals["P_T"] or (0.0, 0.0)
    assert (low + high) / 2 == pytest.approx(found.values["P_T"], rel=1e-12)
