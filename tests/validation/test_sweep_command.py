"""`jaxstt sweep` against the collective wall, and as two processes of a scheduler."""

import os
import subprocess
import sys
from pathlib import Path

import configs
import numpy as np
import pytest

import jaxstt
from jaxstt._app._sweep_config import load_sweep
from jaxstt.io import load_zarr
from jaxstt.plot import PHASES

EXAMPLE = Path(__file__).parents[2] / "examples" / "map.toml"

HARD = '{ values = [-4e4, -8e4], name = "hard" }'
WALL = f"""{configs.wire(400, "3e-9", "0.3")}order = 4
{configs.uniaxial("2e5")}{configs.uniaxial(HARD, "[1, 0, 0]")}
[[torque]]
type = "ZhangLi"
j = [{{ from = -1e11, to = -1e13, steps = 2 }}, 0, 0]
P = 0.5
xi = 0.05
order = 4
{configs.bloch_wall("8e-9", "position = 150e-9", "angle = 1.5")}{configs.run("25e-9", "0.1e-9")}
[output]
observables = ["wall_velocity"]
"""


def test_the_breakdown_line_is_that_of_the_collective_wall(tmp_path):
    """Steady 1 % below it and precessing 1 % above, whatever the hard axis."""
    path = tmp_path / "wall.toml"
    path.write_text(WALL)
    found = load_sweep(path)
    hard, j, expected = [], [], []
    for K in (-4e4, -5e4, -6e4):
        wall = jaxstt.CollectiveWall(A=1.3e-11, K=2e5 - K, Kp=K, Ms=8e5, alpha=0.3, xi=0.05, P=0.5)
        for part, phase in ((0.5, "steady"), (0.99, "steady"), (1.01, "precessing")):
            hard.append(K)
            j.append(-part * abs(float(wall.breakdown_current())))
            expected.append(phase)
    points = jaxstt.space.points({"hard": hard, "j_x": j})
    results = jaxstt.sweep(found.function, points, units=found.units)
    assert not results["failed"].any()
    assert [PHASES[k] for k in results["phase"].values] == expected
    # Half way the wall goes with xi u/alpha.
    slow = results.isel(point=slice(0, None, 3))
    u = [jaxstt.torque_coefficients(Ms=8e5, alpha=0.3, xi=0.05, P=0.5, j=x).u for x in slow["j_x"]]
    np.testing.assert_allclose(slow["wall_velocity"], -0.05 / 0.3 * np.asarray(u), rtol=2e-3)


@pytest.fixture
def small(tmp_path):
    """The example with shorter runs."""
    text = EXAMPLE.read_text()
    for old, new in (
        ("240, 1", "64, 1"),
        ("150e-9", "128e-9"),
        ("duration = 5e-9", "duration = 0.5e-9"),
        ('["wall_velocity"]', '["average", "wall_position"]'),  # too short for a velocity
    ):
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "map.toml"
    path.write_text(text)
    return path


def _start(path, out, **environment):
    command = [
        sys.executable,
        "-m",
        "jaxstt",
        "sweep",
        str(path),
        "--out",
        str(out),
        "--cores",
        "1",
    ]
    if environment:
        command.append("--distributed")
    return subprocess.Popen(
        command,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_tasks_of_slurm_are_one_sweep(small, tmp_path):
    alone = _start(small, tmp_path / "one")
    told = alone.communicate(timeout=300)
    assert alone.returncode == 0, told
    tasks = [
        _start(
            small,
            tmp_path / "two",
            SLURM_JOB_ID=str(os.getpid()),
            SLURM_STEP_NODELIST="localhost",
            SLURM_NTASKS="2",
            SLURM_PROCID=str(k),
            SLURM_LOCALID=str(k),
        )
        for k in (0, 1)
    ]
    told = [task.communicate(timeout=300) for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], told
    assert "64 points\nwrote" in told[0][0] and "wrote" not in told[1][0]
    assert sorted(p.name for p in (tmp_path / "two").iterdir()) == [
        "config.toml",
        "sweep.png",
        "sweep.zarr",
    ]
    one, two = (load_zarr(tmp_path / name / "sweep.zarr") for name in ("one", "two"))
    for name in one.variables:
        np.testing.assert_array_equal(one[name].values, two[name].values)


def test_no_scheduler(small, tmp_path):
    task = _start(small, tmp_path / "out", NOTHING="")
    out, err = task.communicate(timeout=100)
    assert task.returncode == 2 and out == "", err
    assert "`--distributed` needs a scheduler that JAX knows" in err and err.count("\n") == 1
