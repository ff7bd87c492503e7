"""A wall in an anisotropy that changes along the wire: `Landscape` and `CollectiveWall` in it."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

A, K, K_HARD, MS = 1.3e-11, 1.2e5, 6e4, 6.8e5
WIDTH = (A / K) ** 0.5
CELL = 2e-9
X = CELL * (np.arange(200) + 0.5)
WELL = K * (1 - 0.08 * np.exp(-(((X - 200e-9) / 30e-9) ** 2)))
"""A trough whose sides are equally steep."""


def wall(charge=1, xi=0.25):
    return jaxstt.CollectiveWall(A=A, K=K, Kp=K_HARD, Ms=MS, alpha=0.2, xi=xi, P=0.5, charge=charge)


def landscape(K=WELL, charge=1):
    return jaxstt.Landscape(K, CELL, width=WIDTH, Ms=MS, charge=charge)


def test_the_field_is_the_slope_of_the_energy() -> None:
    """E by a sum over fine points of the profile's steps, with random K and a start elsewhere."""
    profile = K * np.random.default_rng(1).uniform(0.9, 1.1, 30)
    found = jaxstt.Landscape(profile, CELL, width=7e-9, Ms=MS, start=-20e-9)
    fine = np.linspace(-300e-9, 340e-9, 640 * 64 + 1)
    middle, step = (fine[1:] + fine[:-1]) / 2, np.diff(fine)
    index = np.clip(np.floor((middle + 20e-9) / CELL).astype(int), 0, 29)

    def energy(q):
        return np.sum(profile[index] * step / np.cosh((middle - q) / 7e-9) ** 2)

    at = np.array([-10e-9, 0.0, 13.3e-9, 45e-9])
    slope = [(energy(q + 1e-10) - energy(q - 1e-10)) / 2e-10 for q in at]
    np.testing.assert_allclose(found(at), -np.array(slope) / (2 * MS), rtol=1e-3)
    assert found(at.reshape(2, 2)).shape == (2, 2)
    assert np.abs(found(np.array([-2e-6, 2e-6]))).max() < 1e-200


@pytest.mark.parametrize("charge", [1, -1])
def test_a_wall_falls_into_the_trough(charge) -> None:
    t = np.linspace(0, 20e-9, 3)
    for start in (170e-9, 230e-9):
        run = wall(charge).evolve(t, landscape=landscape(charge=charge), position=start)
        assert float(run.position[-1]) == pytest.approx(200e-9, abs=1e-9)


@pytest.mark.parametrize(("charge", "xi", "sign"), [(1, 0.25, -1), (-1, 0.25, 1), (1, -0.2, -1)])
def test_the_current_that_sets_it_free(charge, xi, sign) -> None:
    """3 % below the field's maximum it stays, 3 % above it leaves, along -j for xi > 0."""
    one, trap = wall(charge, xi), landscape(charge=charge)
    there = np.linspace(150e-9, 250e-9, 1001)
    per_current = float(one.field_per_current())
    j = sign * float(np.max(np.abs(trap(there)))) / abs(per_current)
    assert abs(j) < 0.5 * float(one.breakdown_current())
    t = jnp.asarray([0.0, 150e-9])
    # Switched on slowly: the wall has inertia.
    for factor, leaves in ((0.97, False), (1.03, True)):
        ramp = jaxstt.Piecewise([0.0, 30e-9], [0.0, factor * j])
        end = float(one.evolve(t, ramp, landscape=trap, position=200e-9).position[-1])
        assert (abs(end - 200e-9) > 100e-9) == leaves
        push = per_current * j * charge  # as a field does
        assert np.sign(end - 200e-9) == np.sign(push) == -np.sign(j * xi)


def test_the_wire_agrees() -> None:
    """The LLG in 1-D in the same K(x) lets go between 0.98 and 1.1 of this current (at 1.04)."""
    grid = jaxstt.Grid((100, 1, 1), (2 * CELL, 50e-9, 1e-9))
    field = jnp.asarray(WELL.reshape(100, 2).mean(1)).reshape(grid.shape)
    there = np.linspace(150e-9, 250e-9, 1001)
    per_current = float(wall().field_per_current())
    j = float(np.max(np.abs(landscape()(there)))) / abs(per_current)
    llg = jaxstt.LLG(
        grid,
        Ms=MS,
        alpha=0.2,
        energies=(
            jaxstt.Exchange(A, order=4),
            jaxstt.UniaxialAnisotropy(field),
            jaxstt.UniaxialAnisotropy(-K_HARD, (1, 0, 0)),
        ),
        torques=(jaxstt.ZhangLi((0.0, 0.0, 0.0), P=0.5, xi=0.25, order=4),),
    )
    m0 = jaxstt.relax(llg, jaxstt.bloch_wall(grid, WIDTH, position=200e-9)).m

    @jax.jit
    def end(j):
        along = jnp.stack([-j, 0 * j, 0 * j])
        torque = jaxstt.ZhangLi(along, P=0.5, xi=0.25, order=4)
        driven = jaxstt.LLG(grid, Ms=MS, alpha=0.2, energies=llg.energies, torques=(torque,))
        t = np.array([0.0, 8e-9])
        return jaxstt.evolve(driven, m0, t, save=jaxstt.WallTracker(grid)).m.position[-1]

    assert abs(float(end(0.98 * j)) - 200e-9) < 25e-9
    assert float(end(1.1 * j)) - 200e-9 > 60e-9


@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives(mode) -> None:
    def end(scale):
        trap = landscape(jnp.asarray(WELL) * (1 + scale * jnp.sin(jnp.asarray(X) / 40e-9)))
        adjoint = None if mode == "reverse" else diffrax.ForwardMode()
        run = wall().evolve(
            jnp.asarray([0.0, 3e-9]), -3e11, landscape=trap, position=180e-9, adjoint=adjoint
        )
        return run.position[-1] * 1e9

    slope = (jax.grad if mode == "reverse" else jax.jacfwd)(end)(0.01)
    h = 1e-4
    central = (end(0.01 + h) - end(0.01 - h)) / (2 * h)
    assert float(slope) == pytest.approx(float(central), rel=1e-6)


BAD = {
    "`K` must be a line of 2 cells or more, got shape \\(1,\\)": lambda: landscape([K]),
    "`K` must be a line of 2 cells or more, got shape \\(\\)": lambda: landscape(K),
    "`spacing` must be > 0": lambda: jaxstt.Landscape(WELL, 0.0, width=WIDTH, Ms=MS),
    "`spacing` must be <= 2 `width`": lambda: jaxstt.Landscape(WELL, 30e-9, width=WIDTH, Ms=MS),
    "`width` must be > 0": lambda: jaxstt.Landscape(WELL, CELL, width=-1e-9, Ms=MS),
    "`Ms` must be > 0": lambda: jaxstt.Landscape(WELL, CELL, width=WIDTH, Ms=0.0),
    "`charge` must be": lambda: landscape(charge=2),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told) -> None:
    with pytest.raises(ValueError, match=told):
        BAD[told]()
