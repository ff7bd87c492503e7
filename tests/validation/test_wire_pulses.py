"""Displacements after pulses, made by the Landau-Lifshitz-Gilbert equation along a wire."""

import jax
import jax.numpy as jnp
import numpy as np
from test_pulses import K_PERP, KNOWN, MS, RISE, TRUTH, A, K, check, measured, pulses

import fitting
import jaxstt


def test_pulses_of_a_wire() -> None:
    """The way of a wall in the Landau-Lifshitz-Gilbert equation, which knows no (q, phi)."""
    data = pulses()
    grid = jaxstt.Grid((448, 1, 1), (2.2e-9,) * 3)

    @jax.jit
    def way(j, duration):
        energies = (
            jaxstt.Exchange(A, order=4),
            jaxstt.UniaxialAnisotropy(K, (0, 0, 1)),
            jaxstt.UniaxialAnisotropy(-K_PERP, (1, 0, 0)),
        )
        current = jaxstt.Pulse(jnp.stack([j, 0.0 * j, 0.0 * j]), 0.0, duration, RISE)
        torque = jaxstt.ZhangLi(current, P=TRUTH["P"], xi=TRUTH["xi"], order=4)
        llg = jaxstt.LLG(grid, Ms=MS, alpha=TRUTH["alpha"], energies=energies, torques=(torque,))
        m = jaxstt.bloch_wall(grid, np.sqrt(A / K), position=160e-9, angle=np.pi / 2)
        times = jnp.stack([0.0 * duration, duration, duration + 20e-9])
        return jaxstt.evolve(llg, m, times, save=jaxstt.WallTracker(grid)).m.position

    path = np.stack([way(j, d) for j, d in zip(data.j, data.duration, strict=True)])
    ran_on = path[:, 2] - path[:, 1]
    assert np.abs(ran_on).max() > 20e-9
    found = path[:, 2] - path[:, 0]
    own = fitting.predict(data, {**TRUTH, **KNOWN})
    np.testing.assert_allclose(own, found, rtol=0.02, atol=1e-9)
    check(measured(found, data))
