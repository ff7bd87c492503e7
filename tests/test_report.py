"""The table, fit.json and the figure."""

import dataclasses
import json

import numpy as np
import pytest
from fit_data import measurements

import fitting
from fitting._format import interval_text, listed, with_error
from fitting._plot import figure, panels
from fitting._report._result import implied_magnetisation


@pytest.fixture(scope="module")
def fit() -> fitting.Fit:
    return fitting.fit("strip_a")


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
