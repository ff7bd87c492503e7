"""`evolve(memory=...)`: the way back within a budget, measured by what XLA allocates."""

import diffrax
import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

FILM = jaxstt.Grid((24, 12, 2), (4e-9, 5e-9, 3e-9))
WIRE = jaxstt.Grid((600, 1, 1), (4e-9, 5e-9, 3e-9))
T = np.array([0.0, 4e-12])


def film():
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.Demag(FILM))
    torque = jaxstt.ZhangLi((1e12, 0, 0), P=0.5, xi=0.1)
    return jaxstt.LLG(FILM, Ms=8e5, alpha=0.1, energies=energies, torques=(torque,))


def wire():
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(2e5))
    torque = jaxstt.ZhangLi((1e12, 0, 0), P=0.5, xi=0.1)
    return jaxstt.LLG(WIRE, Ms=8e5, alpha=0.1, energies=energies, torques=(torque,))


def many_terms():
    field = 1e-2 * np.random.default_rng(1).normal(size=(3, *FILM.shape))
    energies = (
        *film().energies,
        jaxstt.UniaxialAnisotropy(2e5 * np.ones(FILM.shape)),
        jaxstt.CubicAnisotropy(1e4),
        jaxstt.InterfacialDMI(1e-3),
        jaxstt.BulkDMI(1e-4),
        jaxstt.Zeeman(field),
    )
    torques = (
        *film().torques,
        jaxstt.SpinOrbit((1e11, 0, 0), 0.1, thickness=3e-9),
    )
    return jaxstt.LLG(FILM, Ms=8e5, alpha=0.1, energies=energies, torques=torques)


CASES = {"film": film, "wire": wire, "many terms": many_terms}


def gradient(llg, memory, t=T, max_steps=1000):
    """d<m_x>/dA cell by cell, compiled."""
    m0 = helpers.noise(llg.grid)

    def last(scale):
        scaled = eqx.tree_at(lambda o: o.energies[0].A, llg, llg.energies[0].A * scale)
        save = lambda t, m: jaxstt.average(m, llg.grid)  # noqa: E731
        run = jaxstt.evolve(scaled, m0, t, save=save, memory=memory, max_steps=max_steps)
        return run.m[-1, 0]

    ones = jnp.ones(llg.grid.shape)
    return jax.jit(jax.grad(last)).lower(ones).compile(), ones


@pytest.mark.parametrize(
    "case",
    ["film", "wire", pytest.param("many terms", marks=pytest.mark.thorough)],
)
def test_what_is_allocated_is_within_the_budget(case) -> None:
    """And not far below, and the derivative is the same as without one."""
    llg = CASES[case]()
    state = 24 * np.prod(llg.grid.shape)
    found = []
    for states in (300, 800):
        budget = states * state
        compiled, ones = gradient(llg, budget)
        used = compiled.memory_analysis().temp_size_in_bytes
        assert 0.7 * budget < used <= budget, (used / state, states)
        found.append(np.asarray(compiled(ones)))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12 * np.abs(found[1]).max())


@pytest.mark.thorough
def test_computed_again_is_the_same() -> None:
    """A run of more steps than a small budget keeps: checkpoints are thinned, steps repeated."""
    llg, t = film(), np.array([0.0, 0.15e-9])
    compiled, ones = gradient(llg, 200 * 24 * np.prod(FILM.shape), t)
    free, _ = gradient(llg, None, t)
    wanted = np.asarray(free(ones))
    off = np.abs(np.asarray(compiled(ones)) - wanted).max()
    assert off < 1e-9 * np.abs(wanted).max()


def test_too_little_is_told_with_the_least() -> None:
    with pytest.raises(ValueError, match=r"`memory` must be at least .*B to go back") as error:
        gradient(film(), 1e5)
    least = float(str(error.value).split("at least ")[1].split()[0])
    unit = {"kB": 1e3, "MB": 1e6}[str(error.value).split("at least ")[1].split()[1]]
    gradient(film(), 1.01 * least * unit)


@pytest.mark.parametrize(
    "wrong",
    [
        {"memory": 0.0},
        {"memory": float("nan")},
        {"memory": 1e9, "adjoint": diffrax.ForwardMode()},
        {"memory": 1e9, "solver": diffrax.Tsit5()},
        {"memory": 1e9, "solver": jaxstt.FixedStep()},
    ],
)
def test_where_it_has_no_meaning(wrong) -> None:
    with pytest.raises(ValueError, match="`memory`"):
        jaxstt.evolve(wire(), jaxstt.bloch_wall(WIRE, 8e-9), T, **wrong)
