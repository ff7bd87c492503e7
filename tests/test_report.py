"""The table, fit.json and the figure."""

import dataclasses
import json

import numpy as np
import pytest
from fit_data import measurements, unchecked

import fitting
import jaxstt
from fitting._figures import figure, panels
from fitting._format import interval_text, listed, with_error
from fitting._report._text import implied_magnetisation


@pytest.fixture(scope="module")
def fit() -> fitting.Fit:
    return unchecked("strip_a")


def line(text: str, start: str) -> str:
    return next(row for row in text.splitlines() if row.strip().startswith(start))


def test_table_shows_values_errors_and_truth(fit) -> None:
    text = fit.report()
    assert "Fit of strip_a (18 rows) with model wall1d" in text
    assert "computed with OOMMF" in text and "NOT a measurement" in text
    assert line(text, "xi ").split()[1:4] == ["0.266", "+-", "0.026"]
    assert line(text, "P ").endswith("0.5") and line(text, "alpha ").endswith("0.1")
    assert "(from the cross-section)" in text and "rank 3 of 3" in text
    assert "wall width moved by +-10 %" in text and "(Birge)" in text
    assert max(len(row) for row in text.splitlines()) <= 120


def test_table_names_optimizer_and_simulations(fit) -> None:
    text = fit.report()
    assert "optimizer: Levenberg-Marquardt (optimistix)" in text
    assert f"simulations: {fit.n_simulations} ({fit.n_evaluations} evaluations" in text
    # 12 drives, 4 tangents, Jacobians only.
    assert fit.n_simulations == fit.n_evaluations * 12 * 5


def test_other_codes_are_told_the_same(fit) -> None:
    """What is printed for mumax3 and OOMMF, read back, is the fitted sample."""
    text, converters = fit.report(), jaxstt.converters

    def read(code: str) -> dict[str, float]:
        shown = line(text, code).strip().removeprefix(code).partition("  (u in")[0]
        return {k.strip(): float(v) for k, v in (part.split("=") for part in shown.split(","))}

    mumax3, oommf = read("mumax3"), read("OOMMF")
    for back in (converters.from_mumax3(J=0.0, **mumax3), converters.from_oommf(**oommf, j=1e12)):
        for name in ("xi", "P", "alpha", "Ms"):
            known = {**fit.fixed, **fit.values}[name]
            assert float(getattr(back, name)) == pytest.approx(known, rel=2e-5)
    assert oommf["u"] == pytest.approx(-fit.derived["u per 1e12 A/m^2"][0], rel=1e-5)
    few = unchecked("strip_a", free=("xi",), fixed={"P": 0.5, "alpha": 0.1})
    assert "the same elsewhere:" in few.report()
    data = fitting.load_measurements("strip_a")
    open_ = unchecked(data.exclude(data.line[4:]))
    assert "the same elsewhere:" not in open_.report()


def test_derived_quantities(fit) -> None:
    v = fit.values
    assert fit.derived["xi/alpha~"][0] == pytest.approx(v["xi"] / v["alpha"])
    assert fit.derived["P_T = P/((1+xi^2)(1+eta))"][0] == pytest.approx(v["P"] / (1 + v["xi"] ** 2))
    assert fit.breakdown_field == pytest.approx(v["alpha"] * v["K_perp"] / 6.8e5, rel=1e-9)
    assert 8e11 < fit.breakdown_current < 2e12  # between the data below and above
    # xi and alpha are correlated: their ratio is known far better than either.
    assert fit.derived["xi/alpha~"][1] < 0.03 * fit.derived["xi/alpha~"][0]
    matrix = fit.covariance["matrix"]
    assert fit.covariance["names"] == ("xi", "P", "alpha", "K_perp")
    assert np.sqrt(matrix[0, 0]) == pytest.approx(fit.std["xi"])
    assert matrix[0, 2] / np.sqrt(matrix[0, 0] * matrix[2, 2]) > 0.9


def test_json_holds_all_that_is_needed(fit, tmp_path) -> None:
    fit.save_json(tmp_path / "fit.json")
    read = json.loads((tmp_path / "fit.json").read_text(encoding="utf-8"))
    assert read["values"] == fit.values and read["converged"] is True
    assert read["intervals"]["xi"] == list(fit.intervals["xi"])
    assert np.shape(read["covariance"]["matrix"]) == (4, 4)
    assert {"jax", "jaxstt", "optimistix", "python"} <= set(read["versions"])
    assert len(read["predictions"]) == 18 and read["data"]["sample"]["Ms"] == 6.8e5
    assert read["identifiability"]["text"] == "This data fixes xi, P and alpha."


def test_a_fit_is_read_back(fit, tmp_path) -> None:
    fit.save_json(tmp_path / "fit.json")
    read = fitting.load_fit(tmp_path / "fit.json")
    assert read.report() == fit.report() and read.to_json() == fit.to_json()
    for field in dataclasses.fields(fit):
        if field.name != "solved":
            assert type(getattr(read, field.name)) is type(getattr(fit, field.name)), field.name
    assert read.interval("xi", 0.68) == fit.interval("xi", 0.68)
    with pytest.raises(fitting.InputError, match="read from a file"):
        fitting.profile(read, "xi")
    again = unchecked(read.data)
    assert again.values == pytest.approx(fit.values, rel=1e-9)


def test_a_fit_that_did_not_converge_is_read_back(fit, tmp_path) -> None:
    none = dict.fromkeys(fit.std)
    lost = dataclasses.replace(
        fit, converged=False, chi2=np.inf, identifiability=None, std=none, intervals=none,
        covariance={"names": fit.covariance["names"], "matrix": None},
    )  # fmt: skip
    lost.save_json(tmp_path / "fit.json")
    read = fitting.load_fit(tmp_path / "fit.json")
    assert read.report() == lost.report() and read.chi2 == np.inf


@pytest.mark.parametrize("change", ["text", "list", "missing", "another", "nothing"])
def test_what_is_no_fit_is_refused(fit, tmp_path, change) -> None:
    path = tmp_path / "fit.json"
    found = fit.to_dict()
    if change == "missing":
        del found["chi2"]
    if change == "another":
        found["data"] = {"path": "x"}
    content = {"text": "xi = 0.2", "list": "[1, 2]"}.get(change, json.dumps(found))
    if change != "nothing":
        path.write_text(content)
    with pytest.raises(fitting.InputError, match=r"fit\.json: ") as error:
        fitting.load_fit(path)
    assert "\n" not in str(error.value)


def test_intervals_at_any_level(fit) -> None:
    assert fit.interval("xi") == pytest.approx(fit.intervals["xi"], rel=1e-12)
    low, high = fit.interval("P", 0.6826894921370859)
    assert high - low == pytest.approx(2 * fit.std["P"], rel=1e-9)
    low, high = fit.interval("alpha", 0.5)
    assert high / fit.values["alpha"] == pytest.approx(fit.values["alpha"] / low, rel=1e-12)
    assert np.log(high / low) == pytest.approx(
        2 * 0.6744897501960817 * fit.std["alpha"] / fit.values["alpha"], rel=1e-9
    )
    for arguments, message in {
        ("gamma",): "was not fitted but fixed",
        ("xj",): "did you mean `xi`",
        ("xi", 95): "`level` must be between 0 and 1",
    }.items():
        with pytest.raises(fitting.InputError, match=message):
            fit.interval(*arguments)


def test_json_has_no_nan(fit) -> None:
    read = json.loads(dataclasses.replace(fit, chi2=np.inf).to_json(), parse_constant=pytest.fail)
    assert read["chi2"] is None


def test_figure_has_data_curve_residuals_and_breakdown(fit) -> None:
    drawn = figure(fit)
    shown = panels(fit.data)
    assert [(p.observable, p.drive, p.rows.size) for p in shown] == [
        ("wall_velocity", "j", 8),
        ("wall_velocity", "B", 4),
        ("precession_frequency", "j", 4),
        ("precession_frequency", "B", 2),
    ]
    axes = [a for part in drawn.subfigs for a in part.axes]
    assert len(axes) == 8
    labels = axes[0].get_legend_handles_labels()[1]
    assert {"data", "wall1d", "breakdown"} <= set(labels)
    assert axes[0].get_ylabel() == "wall velocity (m/s)" and "A/m" in axes[1].get_xlabel()
    curve = next(x for x in axes[0].lines if x.get_label() == "wall1d")
    # The curve passes through the predictions.
    j, v = fit.data.j[:8] * 1e-12, fit.predictions[:8]
    np.testing.assert_allclose(np.interp(j, *curve.get_data()), v, rtol=0.02)


def test_rows_with_current_and_field_have_a_panel_of_their_own() -> None:
    rows = [("wall_velocity", -1e11, 1e-3, 1.0, 0.1), ("wall_velocity", -1e11, 0.0, 1.0, 0.1)]
    shown = panels(measurements(rows, fitting.Sample(easy_axis="z")))
    assert [(p.drive, p.rows.tolist()) for p in shown] == [("j", [1]), ("line", [0])]


@pytest.mark.parametrize(
    ("value", "std", "text"),
    [
        (0.10743, 0.00321, "0.1074 +- 0.0032"),
        (16866.3, 1919.0, "(1.69 +- 0.19)e+04"),
        (8.69e11, 9.4e10, "(8.69 +- 0.94)e+11"),
        (0.002664, 5.9e-5, "0.002664 +- 0.000059"),
        (41.0, 1.0, "41.0 +- 1.0"),
        (0.5, 0.0, "0.5"),
    ],
)
def test_numbers_end_with_the_second_digit_of_their_error(value, std, text: str) -> None:
    assert with_error(value, std) == text


def test_small_formats() -> None:
    assert interval_text(None) == "" and interval_text((0.5, 1e12)) == "0.5 ... 1e+12"
    assert listed(["a"]) == "a" and listed(["a", "b", "c"]) == "a, b and c"


def test_published_polarisation_implies_a_magnetisation() -> None:
    """Ms = mu_B P j/(e u): 0.75 and 4.8 m/s at 1e11 A/m^2 give 9.04e5 A/m."""
    assert implied_magnetisation(0.75, 1e11, 4.8) == pytest.approx(9.044e5, rel=1e-3)
