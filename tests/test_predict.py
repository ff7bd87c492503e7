"""From band parameters to a wall's velocity, and back by derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import constants as c

GAS = {"E_F": 5 * c.EV, "Delta": c.EV, "tau_up": 1e-14, "tau_dn": 4e-15, "mass": c.M_E}
WALL = {"tau_sf": 1.3e-14, "Ms": 8e5, "alpha": 0.02, "A": 1.3e-11, "K": 1.3e5, "Kp": 2e4}
ALL = GAS | WALL
DRIVE = {"below": (-4e11, 0.0), "above": (-6e12, 0.0), "field": (-4e11, 1e-3)}


def predict(values, j, B) -> jaxstt.Prediction:
    gas = jaxstt.TwoBand(**{name: values[name] for name in GAS})
    return jaxstt.predict_wall(gas, **{name: values[name] for name in WALL}, j=j, B=B)


def test_velocity_below_breakdown_written_out() -> None:
    """v = Q gamma lambda B/(alpha + xi eta) - xi u/(alpha + xi eta), every number from the gas."""
    gas = jaxstt.TwoBand(**GAS)
    xi = 6.582120e-16 / 1.3e-14
    eta = 7.060364e4 / 8e5 / (1 + xi**2)
    u = c.MU_B * 0.543175 * -4e11 / (c.E_CHARGE * 8e5 * (1 + xi**2))
    found = predict(ALL, *DRIVE["below"])
    assert bool(found.motion.locked) and float(found.motion.velocity) > 0
    np.testing.assert_allclose(found.motion.velocity, -xi * u / (0.02 + xi * eta), rtol=2e-6)
    width = np.sqrt(1.3e-11 / (1.3e5 + 2e4 * np.sin(found.motion.angle) ** 2))
    np.testing.assert_allclose(found.kappa, gas.v_F_up * 6.582120e-16 / width, rtol=1e-6)
    assert not bool(predict(ALL, *DRIVE["above"]).motion.locked)


ONE = {name: jnp.ones(()) for name in ALL}


def velocity(factor, j, B) -> jax.Array:
    return predict({n: v * factor[n] for n, v in ALL.items()}, j, B).motion.velocity


plain = jax.jit(velocity)
derivatives = jax.jit(lambda *x: (jax.jacfwd(velocity)(*x), jax.grad(velocity)(*x)))


@pytest.mark.thorough
@pytest.mark.parametrize("regime", DRIVE)
def test_gradient_by_every_parameter(regime: str) -> None:
    drive = tuple(jnp.asarray(x) for x in DRIVE[regime])
    forward, reverse = derivatives(ONE, *drive)
    scale = max(abs(float(x)) for x in forward.values())
    for name in ALL:
        up, down = (plain(ONE | {name: jnp.asarray(x)}, *drive) for x in (1 + 1e-4, 1 - 1e-4))
        np.testing.assert_allclose(forward[name], (up - down) / 2e-4, atol=1e-5 * scale)
        np.testing.assert_allclose(forward[name], reverse[name], atol=1e-9 * scale)
    # E_F, Delta, tau_sf, tau_up and tau_dn all matter.
    assert all(abs(float(forward[n])) > 1e-3 * scale for n in (*GAS, "tau_sf") if n != "mass")


def test_single_precision() -> None:
    for j, B in DRIVE.values():
        exact = predict(ALL, j, B).motion.velocity
        with jax.enable_x64(False):
            single = predict(ALL, j, B).motion.velocity
        assert single.dtype == jnp.float32
        np.testing.assert_allclose(single, exact, rtol=1e-4)


def test_many_currents_and_bad_input() -> None:
    currents = jnp.linspace(-1e12, 1e12, 5)
    found = predict(ALL, currents, 0.0).motion.velocity
    np.testing.assert_allclose(found, -found[::-1], atol=1e-9)
    with pytest.raises(ValueError, match="`tau_sf` must be > 0"):
        predict(ALL | {"tau_sf": 0.0}, 0.0, 0.0)
    wall = {"Ms": 8e5, "alpha": 0.02, "A": 1.3e-11, "K": 1.3e5, "Kp": 2e4}
    with pytest.raises(ValueError, match=r"`gas` must be a jaxstt\.TwoBand, got float"):
        jaxstt.predict_wall(0.5, tau_sf=1e-14, **wall)  # pyright: ignore
    gas = jaxstt.TwoBand(8e-19, 1.6e-19, tau_up=1e-14, tau_dn=4e-15)
    with pytest.raises(ValueError, match=r"`tau_sf` must be a number, got shape \(1,\)"):
        jaxstt.predict_wall(gas, tau_sf=[1e-14], **wall)
