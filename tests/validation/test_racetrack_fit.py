"""A racetrack with DMI and spin-orbit torques, made by the LLG and fitted as a user would.

Velocities of a 1-D wire of Pt/Co against current, field and field along the wire, with noise.  With
the terms on, the truth lies inside the 95 % intervals; with them off, chi2 says so.
"""

import dataclasses

import numpy as np
import pytest
from fit_data import measurements

import fitting

FILM = fitting.Sample(
    Ms=7e5, A=1.5e-11, K=6.4e5, easy_axis="z", width=1e-6, thickness=0.8e-9, origin="racetrack"
)
TRUTH = {"xi": 0.1, "P": 0.5, "alpha": 0.15, "D": -4e-4, "theta_SH": 0.08}
DRIVES = [
    *((j, 0.0, bx) for j in (-5e11, 3e11, 8e11) for bx in (0.0, -0.1, -0.05, 0.05, 0.1)),
    *((0.0, B, bx) for B in (5e-3, 1e-2) for bx in (0.0, 0.07, -0.04)),
    *((j, 0.0, 0.0) for j in (-1e12, -2e11)),
]
FREE = ("P", "alpha", "D", "theta_SH")


@pytest.fixture(scope="module")
def made():
    rows = [("wall_velocity", j, B, 1.0, 1.0) for j, B, _ in DRIVES]
    data = measurements(rows, FILM)
    data = dataclasses.replace(data, B_xyz=np.array([[bx, 0.0, 0.0] for *_, bx in DRIVES]))
    exact = fitting.predict(data, TRUTH, model="llg1d")
    std = 0.02 * np.abs(exact) + 0.5
    noise = np.random.default_rng(7).standard_normal(exact.size)
    return dataclasses.replace(data, value=exact + std * noise, std=std)


@pytest.mark.parametrize("model", ["wall1d", "llg1d"])
def test_the_truth_is_inside(made, model) -> None:
    fit = fitting.fit(made, model, free=FREE, fixed={"xi": TRUTH["xi"]}, check=False)
    print(fit.report())
    assert fit.converged and fit.chi2 / fit.dof < 2
    for name in FREE:
        found = fit.interval(name)
        assert found is not None and found[0] < TRUTH[name] < found[1], (name, found)


def test_without_the_terms_chi2_says_so(made) -> None:
    fit = fitting.fit(made, fixed={"xi": TRUTH["xi"]}, free=("P", "alpha"), check=False)
    assert fit.chi2 / fit.dof > 50
    assert any("does not describe" in note for note in fit.notes)
