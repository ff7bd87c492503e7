"""`jaxstt movie`: whose files it draws, and what it refuses."""

import json

import configs
import numpy as np
import pytest
from pictures import frames
from simulations import BASE, RUN, written

import jaxstt
from jaxstt._app._cli import run
from jaxstt.io import write_ovf

GRID = jaxstt.Grid((24, 10, 1), (4e-9, 4e-9, 2e-9))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A run of a strip with a hole in its window."""
    folder = tmp_path_factory.mktemp("runs")
    text = BASE.replace("[32, 1, 1]", "[64, 4, 1]").replace("50e-9, 1e-9]", "4e-9, 1e-9]")
    text = text.replace(RUN, configs.run("2e-11", "2e-12")).replace("-1e12", "-9e12")
    text += "\n[window]\ncells = 32\n[output]\novf_every = 4e-12\nzarr = true\n"
    assert run(["simulate", str(written(folder, text)), "--out", str(folder / "out")]) == 0
    return folder / "out"


def test_a_run_is_drawn_from_either_store(runs, tmp_path, capsys) -> None:
    assert run(["movie", str(runs), "--out", str(tmp_path / "zarr.gif"), "--every", "2"]) == 0
    assert run(["movie", str(runs / "m.zarr"), "--out", str(tmp_path / "a.gif")]) == 0
    assert "11 snapshots" in capsys.readouterr().out
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in runs.glob("m*.ovf"):
        (bare / path.name).write_bytes(path.read_bytes())
    assert run(["movie", str(bare)]) == 0
    assert "6 snapshots" in capsys.readouterr().out
    one, other = frames(tmp_path / "zarr.gif"), frames(tmp_path / "bare.gif")
    assert len(one) == len(other) == 6 and np.any(one[0] != one[-1])
    for a, b in zip(one, other, strict=True):
        assert np.mean(np.abs(a - b) > 16) < 1e-3


def test_runs_that_cannot_be_drawn(runs, tmp_path, capsys) -> None:
    def told(*words: str) -> str:
        assert run(["movie", *words]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    capsys.readouterr()
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "run.json").write_text(json.dumps({}))
    assert "holds no two snapshots" in told(str(empty))
    assert "`RUN` must be the folder of a run" in told(str(tmp_path / "nothing"))
    assert "`--every` must be >= 1, got 0" in told(str(runs), "--every", "0")
    assert "`--every` 99 leaves 1 snapshot of" in told(str(runs), "--every", "99")
    assert "`--out` must end in .gif or .mp4" in told(str(runs), "--out", "m.png")
    state = np.asarray(jaxstt.uniform(GRID, (1.0, 0.0, 0.0)))
    write_ovf(empty / "m000000.ovf", GRID, state, t=0.0)
    write_ovf(empty / "m000001.ovf", GRID, state)
    assert "does not tell its time" in told(str(empty))
    write_ovf(
        empty / "m000001.ovf", jaxstt.Grid((2, 2, 1), (1e-9,) * 3), np.ones((3, 2, 2, 1)), t=1
    )
    assert "is not on the mesh of" in told(str(empty))
