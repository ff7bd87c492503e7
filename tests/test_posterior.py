"""`sample_posterior`: against closed forms; ridges in words; what is refused."""

import builtins
import dataclasses
import math

import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import measurements

import fitting
from fitting import Posterior, sample_posterior
from fitting._explore._correlated_pairs import rank_correlation, ridges
from fitting._explore._posterior import unwind, wind
from fitting._models import get_model
from fitting._problem import set_up
from jaxstt import constants

pytest.importorskip("numpyro")

MS = 8e5
PER_P = constants.MU_B / (constants.E_CHARGE * MS)
CURRENTS = np.array([1e11, 2e11, 3e11])


def drifts(std: float, shift: float = 0.0) -> fitting.Measurements:
    """u = mu_B P j/(e Ms) at P = 0.5; `shift` of the middle row makes chi2 > dof."""
    value = 0.5 * PER_P * CURRENTS + shift * std * np.array([-1.0, 1.0, -1.0])
    rows = [("drift_velocity", j, 0.0, v, std) for j, v in zip(CURRENTS, value, strict=True)]
    return measurements(rows, fitting.Sample(Ms=MS))


@pytest.fixture(scope="module")
def fit() -> fitting.Fit:
    return fitting.fit(drifts(0.2, shift=2.0), free=("P",), fixed={"xi": 0.0})


@pytest.fixture(scope="module")
def posterior(fit) -> Posterior:
    return sample_posterior(fit, draws=500, warmup=200, seed=1)


def test_linear_model_has_a_normal_posterior(fit, posterior) -> None:
    """The rows' errors times the Birge ratio; the flat prior cuts nothing off."""
    assert fit.scale > 1.5
    std = 0.2 * fit.scale / (PER_P * math.sqrt(np.sum(CURRENTS**2)))
    assert fit.std_stat["P"] == pytest.approx(std, rel=1e-5)
    samples = posterior.samples["P"]
    assert samples.shape == (4, 500)
    error = std / math.sqrt(posterior.ess["P"])
    assert samples.mean() == pytest.approx(fit.values["P"], abs=4 * error)
    assert samples.std() == pytest.approx(std, rel=0.1)
    low, high = posterior.interval("P", 0.95)
    assert high - low == pytest.approx(2 * 1.96 * std, rel=0.12)
    assert posterior.interval("P", 0.95) == tuple(posterior.quantiles("P", (0.025, 0.975)))


def test_diagnostics_and_words(posterior) -> None:
    assert posterior.r_hat["P"] < 1.01 and posterior.ess["P"] > 400
    assert posterior.converged and posterior.divergences == 0
    assert posterior.message.startswith("converged: R-hat <= 1.0")
    assert "errors of the rows multiplied by" in posterior.text
    assert "flat priors within their bounds for P" in str(posterior)


def test_predictive_band(posterior) -> None:
    """Of the model: proportional to j.  With noise: the rows' errors in quadrature."""
    band = posterior.predict((0.16, 0.5, 0.84), draws=2000)
    assert band.shape == (3, 3)
    q = posterior.quantiles("P", (0.16, 0.5, 0.84))
    np.testing.assert_allclose(band, q[:, None] * PER_P * CURRENTS, rtol=2e-3)
    wide = posterior.predict((0.16, 0.84), noise=True, draws=2000)
    half = (wide[1] - wide[0]) / 2
    scaled = float(posterior._objective.std[0])
    expected = np.hypot(scaled, PER_P * CURRENTS * posterior.samples["P"].std())
    np.testing.assert_allclose(half, 0.994 * expected, rtol=0.1)


def test_same_seed_same_draws(fit, posterior) -> None:
    again_ = sample_posterior(fit, draws=500, warmup=200, seed=1)
    np.testing.assert_array_equal(again_.samples["P"], posterior.samples["P"])


def test_few_draws_are_flagged(fit) -> None:
    short = sample_posterior(fit, draws=20, warmup=200, chains=2, seed=3)
    assert not short.converged and short.message.startswith("not converged: ")
    assert "effective samples of P (below 400)" in short.text


def test_coordinates_are_those_of_the_fit() -> None:
    """y -> z and back; ln dt/dy against a difference, for a logarithmic and a linear parameter."""
    data = fitting.load_measurements("strip_a")
    free = ("xi", "P", "alpha")
    problem = set_up(data, get_model("wall1d"), free, fixed={}, nuisance=None, start={})
    space = problem.objective.space
    z = space.coordinates({"xi": 0.3, "P": -0.4, "alpha": 2e-4, "K_perp": 3e4})
    y = wind(space, z)
    np.testing.assert_allclose(unwind(space, jnp.asarray(y))[0], z, rtol=1e-9)
    logs = [unwind(space, jnp.asarray(y + d))[1] for d in (0.0, 0.7)]

    def slope(at: np.ndarray) -> np.ndarray:
        ends = [
            np.asarray(space.scaled(unwind(space, jnp.asarray(at + e))[0])) for e in (-1e-5, 1e-5)
        ]
        return np.log(np.abs(ends[1] - ends[0]))

    np.testing.assert_allclose(logs[1] - logs[0], slope(y + 0.7) - slope(y), atol=1e-5)
    assert space.values(jnp.asarray(z))["alpha"] == pytest.approx(2e-4)


def made(power: float, spread: float, thick: float = 0.01) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    along, across = random.standard_normal((2, 4, 500))
    alpha = 0.05 * np.exp(spread * along)
    return {"alpha": alpha, "xi": 2.5 * alpha**power * np.exp(thick * across)}


def test_ridges_are_named() -> None:
    (ratio,) = ridges(("xi", "alpha"), made(1.0, 0.8))
    assert ratio.startswith("xi and alpha are known only as their ratio: xi/alpha = 2.499")
    assert "correlation 1.000" in ratio
    (product,) = ridges(("xi", "alpha"), made(-1.0, 0.8))
    assert "are known only as their product: xi alpha = 2." in product
    (power,) = ridges(("xi", "alpha"), made(2.0, 0.8))
    assert "known only as a power product: xi/alpha^2.00 = 2." in power
    (narrow,) = ridges(("xi", "alpha"), made(1.0, 0.05, 0.005))
    assert narrow.startswith("xi and alpha go together") and "each alone within 5" in narrow
    assert ridges(("xi", "alpha"), made(1.0, 0.05, 0.05)) == ()
    xi = np.exp(np.random.default_rng(2).uniform(-2, 0.6, (4, 500)))
    (bent,) = ridges(("xi", "alpha"), {"xi": xi, "alpha": 0.4 * xi / (1 + xi**2)})
    assert "are known only as their ratio: xi/(1+xi^2)/alpha = 2.5 within" in bent
    assert ridges(("xi", "P"), {"xi": made(1.0, 1.0)["xi"], "P": -made(1.0, 1.0)["xi"]}) == ()


def test_rank_correlation_is_spearmans() -> None:
    scipy_stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(1).standard_normal((300, 3))
    x[:, 1] = np.exp(x[:, 0]) + 0.3 * x[:, 1]
    np.testing.assert_allclose(rank_correlation(x), scipy_stats.spearmanr(x)[0], atol=1e-12)


REFUSED = [
    ({"draws": 0}, "`draws` must be a whole number >= 1, got 0"),
    ({"draws": 1.5}, "`draws` must be a whole number >= 1, got 1.5"),
    ({"draws": True}, "`draws` must be a whole number >= 1, got True"),
    ({"warmup": 0}, "`warmup` must be a whole number >= 1, got 0"),
    ({"warmup": -5}, "`warmup` must be a whole number >= 1, got -5"),
    ({"chains": 1}, "`chains` must be a whole number >= 2 (R-hat compares chains), got 1"),
    ({"chains": "4"}, "`chains` must be a whole number >= 2 (R-hat compares chains), got '4'"),
    ({"seed": -1}, "`seed` must be a whole number >= 0, got -1"),
    ({"seed": None}, "`seed` must be a whole number >= 0, got None"),
]


@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_wrong_arguments_are_refused_in_one_line(fit, arguments, message: str) -> None:
    with pytest.raises(fitting.InputError) as error:
        sample_posterior(fit, **arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_wrong_fits_and_names_are_refused(fit, posterior) -> None:
    bad = dataclasses.replace(fit, converged=False, message="not converged: stopped")
    with pytest.raises(fitting.InputError, match="`sample_posterior` needs a fit that converged"):
        sample_posterior(bad)
    with pytest.raises(fitting.InputError, match="no samples of 'alpha'; there are P"):
        posterior.quantiles("alpha")
    with pytest.raises(fitting.InputError, match="`level` must be between 0 and 1"):
        posterior.interval("P", 95)
    with pytest.raises(fitting.InputError, match="`quantiles` must be between 0 and 1"):
        posterior.predict(1.0)
    with pytest.raises(fitting.InputError, match="`draws` must be a whole number >= 1, got 0"):
        posterior.predict(draws=0)


def test_without_numpyro_the_remedy_is_named(fit, monkeypatch) -> None:
    real = builtins.__import__

    def missing(name, *arguments, **keywords):
        if name.startswith("numpyro"):
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(ImportError, match=r'numpyro is missing: pip install "jaxstt\[bayes\]"'):
        sample_posterior(fit)
