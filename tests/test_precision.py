"""Every public function in float32, JAX's default, agrees with float64 to 1e-4.

A new public name is added to the table, or to the names that compute nothing.
"""

import inspect
from collections.abc import Callable
from typing import Any

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

GRID = jaxstt.Grid((48, 1, 1), (2e-9, 2e-9, 2e-9))
NOTHING_TO_COMPUTE = {
    "AbstractDrive", "AbstractEnergy", "AbstractTorque", "TorqueCoefficients", "RESULTS",
    "RELAX_RESULTS", "Solution", "Relaxed", "WallState", "WallMotion", "Grid", "FixedStep",
    "parallel_map", "ValidityWarning",
}  # fmt: skip


def wall(**kwargs: Any) -> jax.Array:
    return jaxstt.neel_wall(GRID, 10e-9, position=43e-9, angle=0.3, **kwargs)


def llg(*energies: jaxstt.AbstractEnergy, torques: tuple = ()) -> jaxstt.LLG:
    return jaxstt.LLG(GRID, Ms=8e5, alpha=0.05, energies=energies, torques=torques)


def strip(order: int = 2) -> jaxstt.LLG:
    return helpers.wall_llg(0.05, 0.5, 0.1, -1.5e12, 0.01, grid=GRID, order=order)


def track() -> jaxstt.Solution:
    t = np.linspace(0, 4e-9, 41)
    tilt = jnp.asarray(-0.1 + 0 * t)
    state = jaxstt.WallState(jnp.asarray(20e-9 + 5.0 * t), jnp.asarray(1e-8 + 0 * t), tilt)
    return jaxstt.Solution(jnp.asarray(t), state, {}, jaxstt.RESULTS.successful)


def collective() -> jaxstt.CollectiveWall:
    return jaxstt.CollectiveWall(
        A=1.3e-11, K=1.3e5, Kp=3e4, Ms=8e5, alpha=0.02, xi=0.05, P=0.5, n0=4e4
    )


def turned() -> jax.Array:
    return jnp.stack([-wall()[1], wall()[0], 0 * wall()[2]])


def rate_of(term: jaxstt.AbstractTorque) -> jax.Array:
    return term.rate(GRID, jnp.asarray(8e5), jnp.asarray(1.5e-12), wall())


def field(term: jaxstt.AbstractEnergy) -> tuple[jax.Array, jax.Array]:
    own = llg(term)
    return jaxstt.effective_field(own, wall(), 3e-10), jaxstt.total_energy(own, wall(), 3e-10)


def at(drive: jaxstt.AbstractDrive) -> list[jax.Array]:
    return [drive(jnp.asarray(t)) for t in (0.4e-10, 1.2e-10, 2.95e-10)]


PUBLIC: dict[str, Callable[[], Any]] = {
    "torque_coefficients": lambda: jaxstt.torque_coefficients(
        Ms=8e5, alpha=0.01, xi=0.05, P=0.6, n0=4e4, j=1e12
    ),
    "Exchange": lambda: field(jaxstt.Exchange(1.3e-11)),
    "UniaxialAnisotropy": lambda: field(jaxstt.UniaxialAnisotropy(1.3e5, (0.6, 0.0, 0.8))),
    "ShapeAnisotropy": lambda: field(jaxstt.ShapeAnisotropy((0.1, 0.2, 0.7))),
    "Zeeman": lambda: field(jaxstt.Zeeman(jaxstt.Sinusoid(jnp.array([0.0, 0.01, 0.02]), 1e9))),
    "ZhangLi": lambda: rate_of(
        jaxstt.ZhangLi((1e12, 0.0, 0.0), P=0.5, xi=0.1, n0=4e4, order=4, theta_H=0.1, P_H=1.5)
    ),
    "NonlocalSTT": lambda: rate_of(
        jaxstt.NonlocalSTT(1e12, P=0.5, xi=0.1, Delta=1.6e-20, v_F=3e5, n0=4e4)
    ),
    "SpinMotiveDamping": lambda: llg(
        jaxstt.Zeeman((0.1, 0.2, 0.3)), torques=(jaxstt.SpinMotiveDamping(1e9, P=0.3),)
    ).rate(jnp.zeros(()), wall()),
    "spin_motive_field": lambda: jaxstt.spin_motive_field(GRID, wall(), 1e10 * turned(), xi=0.1),
    "emf": lambda: jaxstt.emf(GRID, wall(), 1e10 * turned(), P=0.5),
    "Pulse": lambda: at(jaxstt.Pulse(2.0, start=1e-10, duration=2e-10, rise=4e-11)),
    "Piecewise": lambda: at(jaxstt.Piecewise([0.0, 1e-10, 3e-10], [0.0, 2.0, -1.0])),
    "Sinusoid": lambda: at(jaxstt.Sinusoid(2.0, 1e9, 0.3)),
    "LLG": lambda: strip(4).rate(jnp.zeros(()), wall()),
    "rhs": lambda: jaxstt.rhs(strip(), 0.0, wall()),
    "effective_field": lambda: jaxstt.effective_field(strip(), wall()),
    "total_energy": lambda: jaxstt.total_energy(strip(), wall()),
    "evolve": lambda: jaxstt.evolve(strip(), wall(), [0, 1e-11, 2e-11], rtol=1e-5, atol=1e-6).m,
    "relax": lambda: jaxstt.relax(strip(), wall(), tol=3e-3).m[2],
    "wall_motion": lambda: jaxstt.wall_motion(GRID, track()),
    "wall_velocity": lambda: jaxstt.wall_velocity(GRID, track()),
    "mean_motion": lambda: jaxstt.mean_motion(GRID, track().t, track().m),
    "WallTracker": lambda: jaxstt.WallTracker(GRID)(0.0, wall()),
    "average": lambda: jaxstt.average(wall(), GRID),
    "wall_state": lambda: jaxstt.wall_state(GRID, wall()),
    "wall_position": lambda: jaxstt.wall_position(GRID, wall()),
    "wall_width": lambda: jaxstt.wall_width(GRID, wall()),
    "wall_angle": lambda: jaxstt.wall_angle(GRID, wall()),
    "uniform": lambda: jaxstt.uniform(GRID, (0.6, 0.0, 0.8)),
    "random": lambda: jnp.sum(jaxstt.random(GRID, jax.random.key(0)) ** 2, axis=0),
    "bloch_wall": lambda: jaxstt.bloch_wall(GRID, 10e-9),
    "neel_wall": wall,
    "head_to_head_wall": lambda: jaxstt.head_to_head_wall(GRID, 10e-9, charge=-1),
    "CollectiveWall": lambda: (
        collective().motion(jnp.array([-1e12, -4e12]), jnp.array([1e-3, 0.0])),
        collective().breakdown_current(),
        collective().breakdown_field(),
        collective().evolve([0.0, 1e-9, 3e-9], j=-1e12).position,
    ),
}


def test_the_table_is_complete() -> None:
    public = {n for n, x in vars(jaxstt).items() if not n.startswith("_") and callable(x)}
    assert public - NOTHING_TO_COMPUTE == set(PUBLIC)
    assert all(inspect.getdoc(getattr(jaxstt, name)) for name in public)


@pytest.mark.parametrize("name", PUBLIC)
def test_float32_agrees_with_float64(name: str) -> None:
    exact = jax.tree.leaves(PUBLIC[name]())
    with jax.enable_x64(False):
        single = jax.tree.leaves(PUBLIC[name]())
    assert len(exact) == len(single) > 0
    for a, b in zip(exact, single, strict=True):
        if jnp.issubdtype(a.dtype, jnp.floating):
            assert a.dtype == jnp.float64 and b.dtype == jnp.float32
            scale = float(jnp.max(jnp.abs(a)))
            np.testing.assert_allclose(b, a, atol=1e-4 * scale, rtol=0)
        else:
            np.testing.assert_array_equal(a, b)
