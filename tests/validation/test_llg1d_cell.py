"""`llg1d` resolves a running head-to-head wall where it is narrowest."""

import jax.numpy as jnp
import numpy as np
from fit_data import measurements

import fitting
import jaxstt
from fitting._models._llg1d import LLG1D
from fitting._models._wall1d import Wall1D


def test_head_to_head_wall_with_a_hard_axis() -> None:
    """Kp = 10 K: the wall shrinks to a third as it turns; 1 % above breakdown is asked."""
    values = {"A": 1.3e-11, "K": 2e4, "K_perp": 2e5, "Ms": 8e5, "alpha": 0.02, "xi": 0.05}
    values |= {"P": 0.5, "n0": 0.0, "gamma": jaxstt.constants.GAMMA}
    wall = jaxstt.CollectiveWall(**{"Kp" if n == "K_perp" else n: v for n, v in values.items()})
    j, B = float(wall.breakdown_current()), float(wall.breakdown_field())
    drives = [(-0.5 * j, 0.0), (-2 * j, 0.0), (-3 * j, 0.0), (0.0, 1.5 * B), (0.0, 0.5 * B)]
    sample = fitting.Sample(Ms=8e5, A=1.3e-11, K=2e4, easy_axis="x", hard_axis="z")
    rows = [("wall_velocity", current, field, 1.0, 0.1) for current, field in drives]
    data = measurements(rows, sample)
    known = {name: jnp.asarray(v) for name, v in values.items()}
    exact = np.asarray(Wall1D().prepare(data, values)(known))
    found = np.asarray(LLG1D().prepare(data, values)(known))
    np.testing.assert_allclose(found[[0, 4]], exact[[0, 4]], rtol=3e-3)
    np.testing.assert_allclose(found[1:4], exact[1:4], rtol=5e-3)
