"""What wall1d says of a wall of either charge, along either axis, with electrons that weigh."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import measurements
from test_pulses import K_PERP, MS, RISE, SAMPLE, TRUTH, A, K

import fitting
import jaxstt

GRID = jaxstt.Grid((448, 1, 1), (2.2e-9,) * 3)
DRIVES = ((-2e11, 0.0), (2e11, 0.0), (0.0, 5e-4), (-1.5e11, 3e-4))
EASY = {"z": (0, 0, 1), "x": (1, 0, 0)}
HARD = {"z": "x", "x": "z"}


@pytest.mark.parametrize(
    "charge, axis, P, n0", [(-1, "z", 0.5, 0.0), (1, "x", -0.4, 0.0), (-1, "x", 0.5, 6e4)]
)
def test_rows_of_any_wall(charge, axis, P, n0) -> None:
    """Velocities and tilts by both drives, mobility, and the sign of the efficiency, to 0.3 %."""
    make = {"z": jaxstt.bloch_wall, "x": jaxstt.head_to_head_wall}[axis]
    m = make(
        GRID,
        np.sqrt(A / K),
        position=480e-9,
        charge=charge,
        angle=np.pi / 2 if axis == "z" else 0.0,
    )

    @jax.jit
    def followed(j, B):
        field = jaxstt.Pulse(jnp.asarray(EASY[axis], float) * B, 0.0, 1e-6, RISE)
        current = jaxstt.Pulse(jnp.stack([j, 0 * j, 0 * j]), 0.0, 1e-6, RISE)
        llg = jaxstt.LLG(
            GRID,
            Ms=MS,
            alpha=TRUTH["alpha"],
            energies=(
                jaxstt.Exchange(A, order=4),
                jaxstt.UniaxialAnisotropy(K, EASY[axis]),
                jaxstt.UniaxialAnisotropy(-K_PERP, EASY[HARD[axis]]),
                jaxstt.Zeeman(field),
            ),
            torques=(jaxstt.ZhangLi(current, P=P, xi=TRUTH["xi"], n0=n0, order=4),),
        )
        times = jnp.asarray([0.0, 9e-9, 12e-9])
        wall = jaxstt.evolve(llg, m, times, save=jaxstt.WallTracker(GRID, axis)).m
        return (wall.position[2] - wall.position[1]) / 3e-9, wall.angle[2]

    rest = followed(0.0, 0.0)[1]
    found = [followed(j, B) for j, B in DRIVES]
    by_current, by_field = (float(followed(*drive)[0]) for drive in ((5e10, 0.0), (0.0, 1e-4)))
    mobility = abs(by_field) / 1e-4
    seen = [v for v, _ in found] + [abs(angle - rest) for _, angle in found]
    seen += [mobility, -by_current / mobility / 5e10]  # > 0 along the electrons' flow
    kinds = ["wall_velocity"] * 4 + ["wall_tilt"] * 4 + ["field_mobility", "drive_efficiency"]
    drives = [*DRIVES, *DRIVES, (0.0, 0.0), (0.0, 0.0)]
    rows = [(kind, j, B, 1.0, 1.0) for kind, (j, B) in zip(kinds, drives, strict=True)]
    sample = dataclasses.replace(SAMPLE, easy_axis=axis, hard_axis=HARD[axis], charge=charge, n0=n0)
    values = {**TRUTH, "P": P, "K": K, "K_perp": K_PERP}
    own = fitting.predict(measurements(rows, sample), values)
    np.testing.assert_allclose(own, np.asarray(seen, float), rtol=3e-3)
