"""`llg1d` by way of `wall1d`: the minimum is that of the wire's own chi2."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import STRIP, measurements, unchecked

import fitting
from fitting._models import LLG1D
from fitting._models._llg1d import WirePredictor

TRUTH = {"xi": 0.3, "P": 0.5, "alpha": 0.15}
FREE = tuple(TRUTH)
DRIVES = [(-3e11, 0.0), (-2e12, 0.0), (0.0, 3e-3), (0.0, -2e-2)]


@pytest.fixture(scope="module")
def wire() -> fitting.Measurements:
    """What llg1d says at TRUTH, with errors far below its difference to wall1d."""
    rows = [("wall_velocity", j, B, 1.0, 1.0) for j, B in DRIVES]
    rows += [("precession_frequency", *DRIVES[i], 1.0, 1.0) for i in (1, 3)]
    empty = measurements(rows, STRIP, TRUTH)
    value = fitting.predict(empty, TRUTH, "llg1d")
    return dataclasses.replace(empty, value=value, std=3e-4 * np.abs(value))


def test_the_truth_is_found_where_wall1d_misses_it(wire) -> None:
    told: list[str] = []
    plain = unchecked(wire, nuisance=(), model_errors={"width": 0.0, "K_perp": 0.0})
    fit = unchecked(wire, "llg1d", nuisance=(), tell=told.append)
    assert fit.converged and fit.model == "llg1d" and fit.rungs == ()
    assert plain.chi2 > 100 * fit.chi2 and fit.chi2 < 0.1
    for name, true in TRUTH.items():
        assert fit.values[name] == pytest.approx(true, rel=2e-4), name
    assert max(abs(plain.values[n] / TRUTH[n] - 1) for n in FREE) > 1e-3
    assert 2 <= len(told) <= 5 and told[0].startswith("llg1d, run 1: 4 drives, about ")
    assert f"llg1d was run {len(told)} times, from the optimum of wall1d" in fit.notes[0]


def test_a_row_without_a_reading_keeps_what_wall1d_says(wire, monkeypatch) -> None:
    read = WirePredictor.measure

    def partly(self, values):
        found = read(self, values).copy()
        found[1] = np.nan
        return found

    monkeypatch.setattr(WirePredictor, "measure", partly)
    few = dataclasses.replace(wire, std=0.02 * np.abs(wire.value))
    fit = unchecked(few, "llg1d", nuisance=())
    told = "llg1d found no steady motion, nor whole half turns, for line 3"
    assert fit.converged and any(told in note for note in fit.notes)
    for name, true in TRUTH.items():
        assert fit.values[name] == pytest.approx(true, rel=1e-2), name
    monkeypatch.setattr(WirePredictor, "measure", lambda self, values: np.full(len(few), np.nan))
    lost = unchecked(few, "llg1d", nuisance=())
    assert not lost.converged and set(lost.std.values()) == {None}
    assert "llg1d found no wall that moves steadily" in lost.notes


def test_what_is_not_reached_is_told(wire) -> None:
    fit = unchecked(wire, "llg1d", start={"xi": 1.5, "P": 0.05, "alpha": 0.9}, max_steps=1)
    assert not fit.converged and "llg1d was not run: wall1d has not converged" in fit.notes
    row = measurements([("drift_velocity", -1e11, 0.0, 3.0, 0.1)], STRIP)
    with pytest.raises(fitting.InputError, match="model llg1d does not predict drift_velocity"):
        fitting.fit(row, "llg1d", free=("P",), fixed={"xi": 0.0})


@pytest.mark.thorough
def test_the_minimum_is_that_of_the_wire_itself(wire) -> None:
    """With noise: the gradient of the wire's own chi2 vanishes, in standard deviations."""
    std = 0.02 * np.abs(wire.value)
    noise = np.random.default_rng(5).standard_normal(std.size)
    data = dataclasses.replace(wire, value=wire.value + std * noise, std=std)
    fit = unchecked(data, "llg1d", nuisance=())
    rest = {n: jnp.asarray(v) for n, v in fit.fixed.items()}
    predictor = LLG1D().prepare(data, {**fit.fixed, **fit.values})

    def residuals(x):
        values = {**rest, **dict(zip(FREE, x, strict=True))}
        r = (predictor(values) - jnp.asarray(data.value)) / jnp.asarray(data.std)
        return r, r

    at = jnp.array([fit.values[n] for n in FREE])
    jacobian, r = jax.jit(jax.jacfwd(residuals, has_aux=True))(at)
    np.testing.assert_allclose(r, fit.residuals, atol=0.03)
    towards = np.linalg.qr(np.asarray(jacobian))[0].T @ np.asarray(r)
    assert np.linalg.norm(towards) < 0.03 < 0.3 < np.linalg.norm(r)
