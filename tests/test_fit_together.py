"""Several sets that share parameters: against one set of twice the rows, and a Jacobian by hand."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import CONSTANTS, QUIET, STRIP, measurements, unchecked, with_wall

import fitting
from fitting import InputError, fit_together

WALL = {**CONSTANTS, "xi": 0.25, "alpha": 0.1}
BY_CURRENT = [("wall_velocity", j, 0.0, 0.0, 1.0) for j in (-2e11, -6e11, -3e12, -5e12)]
BY_FIELD = [("wall_velocity", 0.0, B, 0.0, 1.0) for B in (5e-4, 1.5e-3)]


def made(rows, P: float, seed: int, **changed) -> fitting.Measurements:
    data = with_wall(measurements(rows, STRIP), **{**WALL, **changed}, P=P, relative=0.01)
    noise = np.random.default_rng(seed).standard_normal(len(data))
    return dataclasses.replace(data, value=data.value + noise * data.std, path=f"set {seed}")


def error(found: fitting.Fit, name: str, of: str = "std") -> float:
    value = getattr(found, of)[name]
    assert value is not None
    return value


@pytest.fixture(scope="module")
def sets():
    """The second has no field: its alpha must come from the first."""
    return made(BY_CURRENT + BY_FIELD, 0.5, 1), made(BY_CURRENT[:2], 0.35, 2)


def test_twice_the_same_set(sets) -> None:
    """All shared: what one fit of twice the rows gives."""
    data = sets[0]
    one = unchecked(data, **QUIET)
    both = fit_together([data, data], ("xi", "P", "alpha"), **QUIET)
    for found in both:
        assert found.converged and found.chi2 == pytest.approx(one.chi2, rel=1e-6)
        for name in found.free:
            assert found.values[name] == pytest.approx(one.values[name], rel=1e-4)
            # Each set keeps its own Birge ratio, that of the others counts for theirs.
            assert found.std[name] == pytest.approx(one.std[name] / np.sqrt(2), rel=0.05)


def test_what_one_set_lacks_the_other_tells(sets) -> None:
    alone = unchecked(sets[1], free=("P", "alpha"), fixed={"xi": 0.25}, **QUIET)
    assert alone.std["alpha"] is None
    first, second = fit_together(sets, ("alpha",), free=("P", "alpha"), fixed={"xi": 0.25}, **QUIET)
    assert first.converged and second.converged
    assert first.values["alpha"] == pytest.approx(second.values["alpha"], rel=1e-9)
    assert second.identifiability.complete
    assert second.values["P"] == pytest.approx(0.35, abs=3 * second.std["P"])
    assert first.values["P"] == pytest.approx(0.5, abs=3 * first.std["P"])
    assert any("fitted together with 1 other set, sharing alpha" in n for n in second.notes)
    assert "P " in second.report() and second.data.path == "set 2"


def test_errors_are_those_of_the_whole(sets) -> None:
    """Against (J^T J)^-1 of all rows in P1, P2, ln alpha by plain derivatives."""
    found = fit_together(sets, ("alpha",), free=("P", "alpha"), fixed={"xi": 0.25}, **QUIET)
    objectives = [
        unchecked(
            d, free=("P", "alpha"), fixed={"xi": 0.25}, max_steps=1, **QUIET
        ).solved.problem.objective
        for d in sets
    ]

    def residuals(p):
        parts = []
        for k, (o, d) in enumerate(zip(objectives, sets, strict=True)):
            values = {**o.fixed, "P": p[k], "alpha": jnp.exp(p[2])}
            parts.append((o.predictor(values) - d.value) / d.std)
        return jnp.concatenate(parts)

    at = [found[0].values["P"], found[1].values["P"], np.log(found[0].values["alpha"])]
    with jax.enable_x64(True):
        p = jnp.asarray(at)
        J, r = np.asarray(jax.jacfwd(residuals)(p)), np.asarray(residuals(p))
    np.testing.assert_allclose(J.T @ r / np.linalg.norm(J, axis=0), 0.0, atol=2e-3)  # the minimum
    assert all(f.scale == 1.0 for f in found)
    std = np.sqrt(np.diag(np.linalg.inv(J.T @ J)))
    assert found[0].std["P"] == pytest.approx(std[0], rel=1e-3)
    assert found[1].std["P"] == pytest.approx(std[1], rel=1e-3)
    for one in found:
        assert error(one, "alpha") / one.values["alpha"] == pytest.approx(std[2], rel=1e-3)


def test_model_error_moves_all_sets_alike(sets) -> None:
    quiet = fit_together(sets, ("alpha",), free=("P", "alpha"), fixed={"xi": 0.25}, **QUIET)
    wide = fit_together(
        sets,
        ("alpha",),
        free=("P", "alpha"),
        fixed={"xi": 0.25},
        nuisance=(),
        model_errors={"width": 0.1, "K_perp": 0.0},
    )
    for a, b in zip(quiet, wide, strict=True):
        assert error(b, "alpha", "std_model") > 3 * error(
            a, "alpha"
        )  # lambda/alpha is what a field shows
        assert b.std_model["alpha"] == pytest.approx(wide[0].std_model["alpha"], rel=1e-9)
        assert b.model_error == {"width": 0.1}


def test_shared_nuisance_and_prior(sets) -> None:
    found = fit_together(
        sets, ("alpha", "K_perp"), priors={"alpha": (0.1, 0.001)}, free=("P", "alpha"),
        fixed={"xi": 0.25}, model_errors={"width": 0.0, "K_perp": 0.0},
    )  # fmt: skip
    alpha = [error(f, "alpha") for f in found]
    assert alpha[0] == pytest.approx(alpha[1], rel=0.05) and alpha[0] < 0.001
    assert found[0].values["K_perp"] == pytest.approx(found[1].values["K_perp"], rel=1e-9)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"data": 1}, "`data` must be two sets or more to share parameters, got 1"),
        ({"data": 0}, "`data` must be two sets or more to share parameters, got 1"),
        ({"share": ()}, "`share` must name at least one parameter, got none"),
        ({"share": ("alfa",)}, "`share`: unknown parameter 'alfa'; did you mean `alpha`?"),
        ({"share": ("n0",)}, "`share`: `n0` must be free or a nuisance in every set"),
        ({"free": ("P",)}, "`alpha` must be free or fixed"),
        ({"loss": "l1"}, "`loss` must be one of normal, student, huber, got 'l1'"),
        ({"priors": {"P": 0.5}}, "`priors`: `P` must be (value, standard deviation), got 0.5"),
        ({"max_steps": 0}, "`max_steps` must be >= 1, got 0"),
        ({"optimizer": "bfgs"}, "unknown optimizer 'bfgs'"),
    ],
)
def test_refused(sets, arguments, message) -> None:
    arguments = {"data": 2, "share": ("alpha",), "fixed": {"xi": 0.25}, **arguments}
    arguments = {"free": ("P", "alpha"), **arguments, "data": sets[: arguments["data"]] or sets[0]}
    with pytest.raises(InputError) as error:
        fit_together(**arguments)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_parameter_of_each_set_may_be_zero() -> None:
    """Its error is compared with the floor that it has in a single fit, not with itself."""
    drawn = [made(BY_CURRENT + BY_FIELD, 0.5, seed, xi=0.0) for seed in (3, 4)]
    one, other = (dataclasses.replace(d, std=np.maximum(d.std, 0.5)) for d in drawn)
    errors = {"width": 0.1, "K_perp": 0.0}
    settings = {"fixed": {"P": 0.5}, "free": ("xi", "alpha"), "nuisance": ()}
    alone = unchecked(one, **settings, model_errors=errors)
    found = fit_together([one, other], ("alpha",), **settings, model_errors=errors)
    assert found[0].converged and found[0].values["xi"] < 0.05
    assert found[0].identifiability.fixed == alone.identifiability.fixed
    for of in ("std", "std_stat", "std_model"):
        both, single = error(found[0], "xi", of), error(alone, "xi", of)
        assert both < 1.5 * single + 1e-4


def test_the_first_set_bounds_what_is_shared(sets) -> None:
    """K_perp of samples that differ hundredfold: one value in both, not one at another's bound."""
    far = dataclasses.replace(STRIP, K_hard=8e6)
    found = fit_together(
        [sets[0], sets[1].with_sample(far)],
        ("alpha", "K_perp"),
        free=("P", "alpha"),
        fixed={"xi": 0.25},
        model_errors={"width": 0.0, "K_perp": 0.0},
    )
    assert found[0].values["K_perp"] == found[1].values["K_perp"]


def test_no_profile_of_one_of_several(sets) -> None:
    found = fit_together(sets, ("alpha",), free=("P", "alpha"), fixed={"xi": 0.25}, **QUIET)
    with pytest.raises(InputError, match="or is of several sets together"):
        fitting.profile(found[0], "P")


def test_sets_of_other_kinds() -> None:
    """A drift velocity knows no wall, and no model error of its width."""
    found = fit_together(
        ["efficiency_copt", "doppler_nife_80K"], ("P",), free=("xi", "P"), fixed={"alpha": 0.01}
    )
    assert all(f.converged for f in found)
    assert found[0].values["P"] == found[1].values["P"]
    # Of two equations for xi P/(1+xi^2) and P/(1+xi^2).
    xi = found[0].values["xi"]
    product = found[0].values["P"] / (1 + xi**2)
    assert xi * product == pytest.approx(0.251, abs=0.002)
    other = found[1].values["xi"]
    assert found[1].values["P"] / (1 + other**2) == pytest.approx(0.680, abs=0.002)
