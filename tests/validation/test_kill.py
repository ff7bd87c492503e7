"""kill -9 of a long run at moments of no choice: resumed it ends bit for bit as if it had not been.

Temperature, a window that moves, grains and rough edges are all on.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

TEXT = """
[grid]
shape = [1024, 8, 1]
spacing = [4e-9, 4e-9, 2e-9]

[window]
cells = 48

[disorder]
seed = 5
grains = 12e-9
edges = 2e-9
correlation = 16e-9

[magnet]
Ms = 8e5
alpha = 0.1

[[energy]]
type = "Exchange"
A = 1.3e-11

[[energy]]
type = "UniaxialAnisotropy"
K = { mean = 6e5, spread = 0.05 }

[[energy]]
type = "Demag"

[[torque]]
type = "ZhangLi"
j = [-6e12, 0, 0]
P = 0.6
xi = 0.3

[initial]
type = "bloch_wall"
width = 8e-9
position = 400e-9

[thermal]
T = 200
seed = 3

[run]
duration = 12e-9
save_every = 0.02e-9

[output]
observables = ["average", "energies", "wall_state", "wall_velocity"]
ovf_every = 0.2e-9
zarr = true
"""
COMMAND = "from jaxstt._app import _simulate, _cli; _simulate._PERIOD = 0.5; _cli.main()"
"""A checkpoint each half second, as each ten seconds of a run of hours."""


def started(config: Path, out: Path, *more: str) -> subprocess.Popen:
    words = ["simulate", str(config), "--out", str(out), *more]
    return subprocess.Popen([sys.executable, "-c", COMMAND, *words])


def files(folder: Path) -> dict[str, bytes]:
    """All but times of day: run.json and the date of the figure."""
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".png" and p.name != "run.json"
    }


def test_five_kills(tmp_path) -> None:
    config = tmp_path / "rough.toml"
    config.write_text(TEXT)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    begun = time.monotonic()
    assert started(config, whole).wait() == 0
    took = time.monotonic() - begun
    rng, kills = np.random.default_rng(1), 0
    while kills < 5:
        run = started(config, cut, *(["--resume"] if kills else []))
        if not kills:
            while not (cut / "run.checkpoint").exists():
                time.sleep(0.01)
        time.sleep(rng.uniform(0.02, 0.3) * took)
        assert run.poll() is None, "the run ended before it was killed"
        os.kill(run.pid, signal.SIGKILL)
        assert run.wait() == -signal.SIGKILL
        kills += 1
    assert started(config, cut, "--resume").wait() == 0
    one, other = files(whole), files(cut)
    assert one.keys() == other.keys() and len(one) > 60
    differ = [name for name in one if one[name] != other[name]]
    assert not differ, differ
