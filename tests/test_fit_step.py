"""One step of a fit compiles for other platforms, without host callbacks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

import fitting
from fitting._models import get_model
from fitting._problem import set_up

START = {"xi": 0.266, "P": 0.509, "alpha": 0.107, "K_perp": 1.69e4}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("model", ["wall1d", "llg1d"])
def test_fit_step_lowers(model: str, platform: str):
    problem = set_up(
        fitting.load_measurements("strip_a"),
        get_model(model),
        ("xi", "P", "alpha"),
        fixed={},
        nuisance=None,
        start=START,
    )
    arrays, static = eqx.partition(problem.objective, eqx.is_array)
    step = jax.jit(lambda arrays, z: eqx.combine(arrays, static).derivatives(z))
    z = jnp.zeros(len(problem.parameters))
    text = step.trace(arrays, z).lower(lowering_platforms=(platform,)).as_text()
    assert "callback" not in text
