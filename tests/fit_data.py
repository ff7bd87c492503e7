"""Measurements made from a list of drives, for the tests of `fitting`."""

import dataclasses
import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import fitting
import jaxstt
from fitting import Measurements, Sample
from fitting._data import OBSERVABLES

STRIP = Sample(
    Ms=6.8e5,
    A=1.3e-11,
    K=3.25e5,
    K_hard=2.2e4,
    easy_axis="z",
    hard_axis="x",
    width=64e-9,
    thickness=4e-9,
    wall="bloch",
)
"""As the header of `strip_a`, without what only a simulation on its mesh needs."""
_AT_REST = STRIP.cross_section()
CONSTANTS = {
    "A": STRIP.A,
    "Ms": STRIP.Ms,
    "K": _AT_REST.K_eff + _AT_REST.K_perp,
    "Kp": -_AT_REST.K_perp,
}
"""Of the `CollectiveWall` of that strip: its hard axis, x, is a of the triad (z, x, y)."""
NARROW = Sample(
    Ms=8e5,
    A=1e-11,
    K=6e5,
    K_hard=4e4,
    easy_axis="z",
    hard_axis="x",
    width=32e-9,
    thickness=4e-9,
    cell_x=2.5e-9,
    cell_y=8e-9,
    cell_z=4e-9,
    origin="made_up.csv",
)
"""A strip that llg2d simulates in seconds."""
unchecked = functools.partial(fitting.fit, check=False)
"""A fit by a 1-D model that stays one."""
QUIET = {"nuisance": (), "model_errors": {"width": 0.0, "K_perp": 0.0}}
"""Settings of a fit whose wall constants are known."""
UNITS = {name: kind.unit for name, kind in OBSERVABLES.items()}


def measurements(rows, sample: Sample, truth=None) -> Measurements:
    """rows: (observable, j, B, value, std)."""
    observable, j, B, value, std = zip(*rows, strict=True)
    n = len(rows)
    return Measurements(
        observable=tuple(observable),
        j=np.array(j, float),
        B=np.array(B, float),
        field_axis=(sample.easy_axis or "",) * n,
        temperature=np.full(n, np.nan),
        value=np.array(value, float),
        std=np.array(std, float),
        unit=tuple(UNITS[o] for o in observable),
        source=("made up",) * n,
        start_position=np.full(n, np.nan),
        duration=np.full(n, np.nan),
        rise=np.full(n, np.nan),
        bound=("",) * n,
        line=np.arange(2, n + 2),
        extra={},
        sample=sample,
        truth=truth or {},
        path="made_up.csv",
        notes=(),
    )


@eqx.filter_jit
def _motion(wall: jaxstt.CollectiveWall, j, B) -> jaxstt.WallMotion:
    return wall.motion(j, B)


def with_wall(data: Measurements, *, relative: float = 0.02, **wall) -> Measurements:
    """`data` with the values that a `CollectiveWall` of these constants gives at its drives."""
    motion = _motion(jaxstt.CollectiveWall(**wall, charge=data.sample.charge), data.j, data.B)
    is_velocity = np.array([o == "wall_velocity" for o in data.observable])
    frequency = np.abs(np.asarray(motion.precession)) / (2 * np.pi)
    value = np.where(is_velocity, np.asarray(motion.velocity), frequency)
    return dataclasses.replace(data, value=value, std=relative * np.abs(value))


def check_jacobian(objective) -> None:
    """At its start: forward = reverse = central difference of every residual."""
    with jax.enable_x64(True):
        z = jnp.asarray(objective.space.start)
        residuals = jax.jit(lambda z: objective.residuals(z)[0])
        forward, reverse = (jax.jit(f(residuals))(z) for f in (jax.jacfwd, jax.jacrev))
        steps = 1e-5 * np.eye(z.size)
        central = np.stack([(residuals(z + h) - residuals(z - h)) / 2e-5 for h in steps], axis=1)
    scale = np.abs(central).max()
    np.testing.assert_allclose(forward, central, atol=1e-7 * scale)
    np.testing.assert_allclose(reverse, forward, atol=1e-12 * scale)
