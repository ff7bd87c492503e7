"""Derivatives of every model that is fitted: forward, reverse, differences, second derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import NARROW as SAMPLE
from fit_data import measurements

from fitting._models import get_model

POINT = {"xi": 0.3, "P": 0.6, "alpha": 0.12}
NAMES = tuple(POINT)
ROWS = [
    ("wall_velocity", -5e11, 0.0, 40.0, 4.0),
    ("wall_velocity", -1.8e12, 0.0, 60.0, 6.0),
    ("precession_frequency", -1.8e12, 0.0, 2e8, 2e7),
]

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module", params=["wall1d", "llg1d", "llg2d"])
def rung(request):
    """(residuals of the rows, differentiable forwards; the same backwards), of (xi, P, alpha)."""
    data = measurements(ROWS, SAMPLE)
    wall = SAMPLE.cross_section()
    rest = {"Ms": 8e5, "A": 1e-11, "n0": 1e4, "gamma": 1.76e11, "K": wall.K_eff}
    rest |= {"K_perp": wall.K_perp}
    model = get_model(request.param)
    predictor = model.prepare(data, {**rest, **POINT})

    def values(x):
        return {**{n: jnp.asarray(v) for n, v in rest.items()}, **dict(zip(NAMES, x, strict=True))}

    at = jnp.array(list(POINT.values()))
    if request.param == "llg2d":
        predictor = predictor.with_moves_at(values(at))
    scale = lambda y: (y - jnp.asarray(data.value)) / jnp.asarray(data.std)  # noqa: E731

    def forwards(x):
        return scale(predictor(values(x)))

    def backwards(x):
        predict = getattr(predictor, "predict", lambda v, _: predictor(v))
        return scale(predict(values(x), None))

    return jax.jit(forwards), jax.jit(backwards), at


def test_jacobian(rung) -> None:
    forwards, backwards, at = rung
    forward = jax.jit(jax.jacfwd(forwards))(at)
    np.testing.assert_allclose(jax.jit(jax.jacrev(backwards))(at), forward, rtol=1e-6)
    for i in range(at.size):
        step = jnp.zeros(at.size).at[i].set(1e-4 * at[i])
        central = (forwards(at + step) - forwards(at - step)) / (2e-4 * at[i])
        np.testing.assert_allclose(forward[:, i], central, rtol=1e-5, err_msg=NAMES[i])


def test_hessian_of_the_loss(rung) -> None:
    """Forward over forward."""
    forwards, _, at = rung
    loss = lambda x: 0.5 * jnp.sum(forwards(x) ** 2)  # noqa: E731
    gradient = jax.jit(jax.jacfwd(loss))
    hessian = jax.jit(jax.jacfwd(jax.jacfwd(loss)))(at)
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-8)
    for i in range(at.size):
        step = jnp.zeros(at.size).at[i].set(1e-4 * at[i])
        central = (gradient(at + step) - gradient(at - step)) / (2e-4 * at[i])
        np.testing.assert_allclose(hessian[i], central, rtol=1e-4, err_msg=NAMES[i])
