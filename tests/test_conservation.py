"""What the LLG must keep: the energy without damping; its fall with damping; symmetry."""

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np

import jaxstt

GRID = jaxstt.Grid((10, 10, 1), (5e-9, 5e-9, 5e-9))
DEMAG = jaxstt.Demag(GRID)
START = jaxstt.skyrmion(GRID, 12e-9, 8e-9, position=(22e-9, 27e-9))


@eqx.filter_jit
def _energies(alpha, solver, tolerance, t):
    """Total energy, J, along a run from a state far from rest, with every static energy."""
    llg = jaxstt.LLG(
        GRID,
        Ms=8e5,
        alpha=alpha,
        energies=(
            jaxstt.Exchange(1.3e-11),
            DEMAG,
            jaxstt.UniaxialAnisotropy(2e5, (0.0, 0.6, 0.8)),
            jaxstt.CubicAnisotropy(3e4, -5e4),
            jaxstt.InterfacialDMI(1e-3, A=1.3e-11),
            jaxstt.BulkDMI(5e-4),
            jaxstt.Zeeman((0.05, -0.02, 0.03)),
        ),
    )
    save = lambda t, m: jaxstt.total_energy(llg, m)  # noqa: E731
    kw = {"solver": solver, "rtol": tolerance, "atol": tolerance}
    return jaxstt.evolve(llg, START, t, save=save, max_steps=10**6, **kw).m


def test_energy_without_damping():
    """1 ns of a state far from rest, at a tight tolerance."""
    E = _energies(jnp.zeros(()), diffrax.Dopri8(), 1e-10, np.linspace(0, 1e-9, 11))
    np.testing.assert_allclose(E, E[0], rtol=1e-8)


def test_energy_falls_with_damping():
    E = np.asarray(_energies(jnp.asarray(0.05), None, 1e-7, np.linspace(0, 1e-9, 201)))
    fall = E[1:] - E[:-1]
    assert np.all(fall < 0)
    assert E[-1] - E[0] < -1e-19


def _end(m, j, *energies):
    """After 50 ps under a current, with interfacial DMI and magnetostatics."""
    llg = jaxstt.LLG(
        GRID,
        Ms=8e5,
        alpha=0.05,
        energies=(jaxstt.Exchange(1.3e-11), DEMAG, jaxstt.InterfacialDMI(1e-3), *energies),
        torques=(jaxstt.ZhangLi(j, P=0.5, xi=0.2),),
    )
    return jaxstt.evolve(llg, m, [0, 5e-11], solver=jaxstt.FixedStep()).m[-1]


def test_mirror():
    """At a plane of constant y an axial vector keeps y and flips x and z; so does what moves it."""
    flip = jnp.array([-1.0, 1.0, -1.0])[:, None, None, None]

    def act(v):
        return v[:, :, ::-1] * flip

    @eqx.filter_jit
    def end(sign, m):
        # The field is axial, the current a vector along x; DMI of an interface has this symmetry.
        B = jnp.stack([0.05 * sign, jnp.asarray(-0.02), 0.03 * sign])
        return _end(m, (2e12, 0, 0), jaxstt.Zeeman(B))

    one = jnp.ones(())
    np.testing.assert_allclose(end(-one, act(START)), act(end(one, START)), atol=1e-11)


def test_quarter_turn():
    def act(v):
        r = jnp.rot90(v, axes=(1, 2))
        return jnp.stack([-r[1], r[0], r[2]])

    @eqx.filter_jit
    def end(j, m):
        return _end(m, j, jaxstt.BulkDMI(5e-4), jaxstt.Zeeman((0.0, 0.0, 0.03)))

    x, y = jnp.array([2e12, 0.0, 0.0]), jnp.array([0.0, 2e12, 0.0])
    np.testing.assert_allclose(end(y, act(START)), act(end(x, START)), atol=1e-11)
