"""`strip_a` again, in 2-D with full magnetostatics: its mesh, its starts, its drives.

OOMMF made the data; what is compared is free of the noise drawn for the file.
"""

import dataclasses
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import fitting
import jaxstt

DATA = fitting.load_measurements(Path(fitting.__file__).parent / "datasets" / "strip_a.csv")
GRID = jaxstt.Grid((512, 16, 1), (3e-9, 4e-9, 4e-9))
EXACT = np.asarray(DATA.extra["x_value_without_noise"], float)
RUNS = sorted({(float(j), float(B)) for j, B in zip(DATA.j, DATA.B, strict=True)})


@pytest.fixture(scope="module")
def demag():
    return jaxstt.Demag(GRID)


@eqx.filter_jit
def _run(demag, j, B, start, t):
    llg = jaxstt.LLG(
        GRID,
        Ms=6.8e5,
        alpha=0.1,
        gamma=1.759458e11,
        energies=(
            jaxstt.Exchange(1.3e-11),
            jaxstt.UniaxialAnisotropy(3.25e5),
            jaxstt.UniaxialAnisotropy(-2.2e4, (1, 0, 0)),
            jaxstt.Zeeman(jnp.stack([0 * B, 0 * B, B])),
            demag,
        ),
        torques=(jaxstt.ZhangLi(jnp.stack([j, 0 * j, 0 * j]), P=0.5, xi=0.25),),
    )
    wall = jaxstt.bloch_wall(GRID, 11e-9, position=start)
    save = jaxstt.WallTracker(GRID)
    return jaxstt.evolve(llg, wall, t, save=save, solver=jaxstt.FixedStep())


def _drift(t, q):
    """v of q = q0 + v t + a exp(-t/tau) after 1.2 ns, as the data's header says.

    Linear but for tau, which is searched for: seen from a poor start the fit has false minima.
    """
    late = t > 1.2e-9
    x, y = 1e9 * t[late], 1e9 * (q[late] - q[0])

    def fit(tau):
        columns = np.stack([np.ones_like(x), x, np.exp(-x / tau)], axis=1)
        found = np.linalg.lstsq(columns, y, rcond=None)[0]
        return np.sum((columns @ found - y) ** 2), found[1]

    rough = min(np.linspace(0.2, 3, 57), key=lambda tau: fit(tau)[0])
    best = minimize_scalar(
        lambda tau: fit(tau)[0], bounds=(rough - 0.1, rough + 0.1), method="bounded"
    )
    return fit(best.x)[1]


@pytest.mark.parametrize("j,B", RUNS)
def test_velocity_and_frequency(demag, j, B):
    rows = [i for i in range(len(EXACT)) if float(DATA.j[i]) == j and float(DATA.B[i]) == B]
    first = rows[0]
    start, end = float(DATA.start_position[first]), float(DATA.duration[first])
    t = np.arange(0, end + 1e-12, 20e-12)
    sol = _run(demag, jnp.asarray(j), jnp.asarray(B), jnp.asarray(start), t)
    motion = jaxstt.wall_motion(GRID, sol, window=(1.5e-9, end))
    for i in rows:
        if DATA.observable[i] == "precession_frequency":
            found = abs(float(motion.precession)) / (2 * np.pi)
        elif bool(motion.locked):
            found = _drift(t, np.asarray(sol.m.position))
        else:
            found = float(motion.velocity)
        off = found / EXACT[i] - 1
        print(f"j {j:.3g}, B {B:.3g}: {DATA.observable[i]} {found:.6g}, off by {off:+.4%}")
        assert abs(off) < 0.01


TRUTH = {"xi": 0.25, "P": 0.5, "alpha": 0.1}


def test_the_model_of_the_fit():
    """`llg2d`, in a piece that follows the wall: OOMMF's strip is finite and pulls at its ends."""
    found = fitting.predict(DATA, TRUTH, "llg2d")
    off = found / EXACT - 1
    print(np.round(100 * off, 3))
    assert np.abs(off).max() < 0.006
    assert np.sqrt(np.mean(off**2)) < 0.0025


def test_a_fit_by_it():
    """Within 1 % without the drawn noise; with it within 3 % and inside the intervals."""
    clean = dataclasses.replace(DATA, value=EXACT)
    fit = fitting.fit(clean, "llg2d")
    assert fit.converged
    for name, true in TRUTH.items():
        assert abs(fit.values[name] / true - 1) < 0.01, name
    for model in ("wall1d", "llg2d"):
        fit = fitting.fit(DATA, model)
        assert fit.converged and fit.rungs
        for name, true in TRUTH.items():
            ends = fit.intervals[name]
            assert ends is not None and ends[0] < true < ends[1], (model, name)
            assert abs(fit.values[name] / true - 1) < 0.03, (model, name)
