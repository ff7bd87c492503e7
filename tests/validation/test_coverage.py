"""Error bars that hold what they say: simulated coverage, and NUTS against profile likelihood."""

import numpy as np
import pytest
from fit_data import unchecked

import fitting
from fitting import coverage, profile, sample_posterior

TRUTH = {"xi": 0.25, "P": 0.5, "alpha": 0.1}


@pytest.fixture(scope="module")
def strip() -> fitting.Fit:
    return unchecked("strip_a")


def test_intervals_cover_the_truth(strip, capsys) -> None:
    """200 data sets of a 1-D wall in the layout of strip_a: 68 +- 7 % and 95 +- 4 %."""
    seen = coverage(strip, n=200, seed=0, truth=TRUTH)
    with capsys.disabled():
        print(f"\n{seen}")
    assert not seen.failed.any() and seen.n == 200
    for name in ("xi", "P", "alpha", "K_perp"):
        assert seen.covered[0.68][name] == pytest.approx(0.68, abs=0.07)
        assert seen.covered[0.95][name] == pytest.approx(0.95, abs=0.04)
        spread, bias = seen.estimates[name].std(), seen.estimates[name].mean() - seen.truth[name]
        assert spread == pytest.approx(seen.std[name].mean(), rel=0.15)
        assert abs(bias) < 0.3 * spread
    # chi2 of n rows with p free parameters has the mean n - p.
    assert seen.chi2.mean() == pytest.approx(seen.dof, abs=4 * np.sqrt(2 * seen.dof / 200))


def test_posterior_agrees_with_the_profile(strip, capsys) -> None:
    posterior = sample_posterior(strip, draws=1000, warmup=400, seed=2)
    assert posterior.converged and max(posterior.r_hat.values()) < 1.01
    with capsys.disabled():
        print(f"\n{posterior}")
    for name in ("xi", "P", "alpha"):
        seen = profile(strip, name)
        for level, (low, high) in seen.intervals.items():
            width = high - low
            ends = posterior.interval(name, level)
            assert ends[0] == pytest.approx(low, abs=0.15 * width)
            assert ends[1] == pytest.approx(high, abs=0.15 * width)
    band = posterior.predict((0.025, 0.975))
    assert ((band[0] < strip.predictions) & (strip.predictions < band[1])).all()
    assert not any("known only" in note for note in posterior.notes)


def test_velocity_against_current_gives_a_banana(strip, capsys) -> None:
    """v = c xi P/((1+xi^2) alpha~) j: without field or frequency xi and alpha stay a ratio."""
    data = strip.data
    below = data.exclude(set(data.line.tolist()) - set(data.line[:3].tolist()))
    assert not np.any(below.B) and set(below.observable) == {"wall_velocity"}
    known = {"P": 0.5, "K_perp": strip.values["K_perp"]}
    fit = unchecked(below, free=("xi", "alpha"), fixed=known, model_errors={"width": 0})
    posterior = sample_posterior(fit, draws=1500, warmup=500, seed=0)
    with capsys.disabled():
        print(f"\n{posterior}")
    assert max(posterior.r_hat.values()) < 1.01
    (banana,) = (note for note in posterior.notes if "known only as" in note)
    assert banana.startswith("xi and alpha are known only as their ratio: xi/(1+xi^2)/alpha = 2.")
    low, high = posterior.interval("xi", 0.95)
    assert high > 5 * low
