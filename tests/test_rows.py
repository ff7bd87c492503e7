"""Films of a few layers, which lie layer by layer in memory while they run."""

from typing import ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

GRID = jaxstt.Grid((6, 20, 2), (3e-9, 3e-9, 4e-9))
TIMES = [0.0, 10e-12, 20e-12]


class Spectral(jaxstt.AbstractEnergy):
    """Somebody's own term, which transforms m: UniaxialAnisotropy(K, z), the long way round."""

    K: float
    degree: ClassVar[int] = 2

    def field(self, grid, Ms, t, m):
        along = jnp.fft.irfft(jnp.fft.rfft(m, axis=2), m.shape[2], axis=2)
        return (2 * self.K / Ms) * along * jnp.asarray([0.0, 0.0, 1.0])[:, None, None, None]


def llg(K, own=jaxstt.UniaxialAnisotropy, xi=0.2):
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.Demag(GRID), own(K))
    torques = (jaxstt.ZhangLi((1e12, -2e11, 0.0), P=0.5, xi=xi),)
    return jaxstt.LLG(GRID, Ms=8e5, alpha=0.1, energies=energies, torques=torques)


@pytest.fixture(scope="module")
def start():
    noise = jaxstt.random_state(GRID, jax.random.key(0))
    return jaxstt.evolve(llg(1e5), noise, TIMES).m[-1]


@pytest.mark.parametrize("solver", [None, "fixed"])
def test_a_term_and_an_observable_that_transform(start, solver):
    """XLA's transforms on CPU refuse arrays in another order of memory."""
    chosen = {} if solver is None else {"solver": jaxstt.FixedStep()}

    def save(t, m):
        return jnp.abs(jnp.fft.rfft(m[2, 0], axis=0))

    known = jaxstt.evolve(llg(1e5), start, TIMES, save=save, **chosen).m
    own = jaxstt.evolve(llg(1e5, Spectral), start, TIMES, save=save, **chosen).m
    np.testing.assert_allclose(own, known, atol=1e-6)
    whole = jaxstt.evolve(llg(1e5), start, TIMES, **chosen).m
    expected = np.abs(np.fft.rfft(whole[:, 2, 0], axis=1))
    np.testing.assert_allclose(known, expected, atol=1e-10)


@pytest.mark.thorough
def test_the_order_of_memory_changes_no_value(start):
    """Against general steppers, alone and in batches; and derivatives both ways."""

    def end(xi, adjoint=None):
        return jaxstt.evolve(llg(1e5, xi=xi), start, TIMES, adjoint=adjoint).m[-1]

    exact = jaxstt.evolve(
        llg(1e5), start, TIMES, solver=diffrax.Dopri8(), rtol=1e-10, atol=1e-12
    ).m[-1]
    np.testing.assert_allclose(end(0.2), exact, atol=2e-5)
    both = jax.vmap(end)(jnp.array([0.2, 0.5]))
    np.testing.assert_allclose(both[0], end(0.2), atol=1e-9)

    def total(xi, adjoint=None):
        return jnp.sum(end(xi, adjoint)[0] * jnp.linspace(0, 1, 20)[None, :, None])

    forward = jax.jvp(lambda xi: total(xi, diffrax.ForwardMode()), (0.2,), (1.0,))[1]
    central = (total(0.2 + 1e-4) - total(0.2 - 1e-4)) / 2e-4
    np.testing.assert_allclose(forward, central, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(total)(0.2), forward, rtol=1e-7)
