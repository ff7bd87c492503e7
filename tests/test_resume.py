"""`jaxstt simulate --resume`: a run that was cut short leaves the files of one that was not."""

import errno
import json
import re
from pathlib import Path

import numpy as np
import pytest
from simulations import BASE, interrupt, written

from jaxstt._app import _simulate
from jaxstt._app._cli import run
from jaxstt.io import read_table

TEXT = BASE.replace(
    "duration = 0.2e-9\nsave_every = 0.05e-9", "duration = 6e-12\nsave_every = 0.5e-12"
)
OUTPUT = """
[output]
ovf_every = 2e-12
zarr = true
observables = ["average", "energies", "wall_position", "wall_velocity"]
"""
WARM = "\n[thermal]\nT = 300\nseed = 3\n"
GROWN = "\n[window]\ncells = 20\n\n[disorder]\nseed = 5\ngrains = 12e-9\n"
KINDS = {
    "default": "", "warm": WARM, "relaxed": "\n[relax]\ntol = 1e-3\n", "moving": WARM + GROWN,
}  # fmt: skip


class Killed(BaseException):
    """As a kill: nothing that would run on an error may run."""


def files(folder: Path) -> dict[str, bytes]:
    """All that must be the same; run.json has times of day, figures have dates."""
    found = {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".png" and p.name != "run.json"
    }
    return found


def kill_in_chunk(monkeypatch, number: int) -> None:
    """In the middle of this chunk; checkpoints are written after each, files at once."""
    calls = []

    def deadly(solve):
        def dies(*args, **kwargs):
            calls.append(args)
            if len(calls) > number:
                monkeypatch.setattr(_simulate._Run, "finish", lambda self, status: None)
                raise Killed
            return solve(*args, **kwargs)

        return dies

    for name in ("evolve", "follow"):
        monkeypatch.setattr(_simulate, name, deadly(getattr(_simulate, name)))


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(_simulate, "_PERIOD", 0.0)
    monkeypatch.setattr(_simulate, "_CHUNK", 3)


def whole_and_cut(config: Path, monkeypatch, number: int) -> tuple[Path, Path]:
    """The folders of a run to its end and of one that is killed in this chunk."""
    whole, cut = config.parent / "whole", config.parent / "cut"
    assert run(["simulate", str(config), "--out", str(whole)]) == 0
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_in_chunk(patch, number)
        run(["simulate", str(config), "--out", str(cut)])
    return whole, cut


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_goes_on_to_the_same_files(kind, often, tmp_path, monkeypatch, capsys) -> None:
    text = TEXT + KINDS[kind] + OUTPUT
    if kind == "moving":
        text = text.replace("K = 2e5", "K = { mean = 2e5, spread = 0.1 }")
    config = written(tmp_path, text)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(config), "--out", str(whole)]) == 0
    for number in (0, 2):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_in_chunk(patch, number)
            resumed = [] if number == 0 else ["--resume"]
            run(["simulate", str(config), "--out", str(cut), *resumed])
    assert json.loads((cut / "run.json").read_text())["status"] == "running"
    assert (cut / "run.checkpoint").exists()
    # What the killed run had written after its last checkpoint is written again.
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
    assert files(cut) == files(whole)
    assert not (cut / "run.checkpoint").exists()
    ends = [json.loads((f / "run.json").read_text()) for f in (whole, cut)]
    assert ends[0]["steps"] == ends[1]["steps"] and ends[1]["status"] == "finished"
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 2
    assert "the run in" in capsys.readouterr().err


def test_temperature_shows(tmp_path) -> None:
    """Another seed is another run; T = 0 is the run without."""
    found = {}
    for name, more in (
        ("cold", 'solver = "fixed"'),
        ("zero", WARM.replace("300", "0")),
        ("warm", WARM),
        ("other", WARM.replace("seed = 3", "seed = 4")),
    ):
        folder = tmp_path / name
        folder.mkdir()
        config = written(folder, TEXT.rstrip() + "\ndt = 4e-14\n" + more)
        if name != "cold":
            config.write_text(config.read_text())
        assert run(["simulate", str(config), "--out", str(folder / "out")]) == 0
        found[name] = read_table(folder / "out/table.txt").columns["mz"]
    np.testing.assert_allclose(found["zero"], found["cold"], atol=1e-12)
    assert np.abs(found["warm"] - found["cold"]).max() > 1e-3
    assert np.abs(found["warm"] - found["other"]).max() > 1e-3


def test_ctrl_c_keeps_a_checkpoint(often, tmp_path, monkeypatch) -> None:
    config = written(tmp_path, TEXT + WARM)
    out = tmp_path / "out"
    monkeypatch.setattr(_simulate, "_PERIOD", 1e9)
    with monkeypatch.context() as patch:
        interrupt(patch, _simulate, "evolve", 3)
        assert run(["simulate", str(config), "--out", str(out)]) == 130
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"
    evolve, calls = _simulate.evolve, []
    with monkeypatch.context() as patch:
        patch.setattr(_simulate, "evolve", lambda *a, **k: (calls.append(a), evolve(*a, **k))[1])
        assert run(["simulate", str(config), "--out", str(out), "--resume"]) == 0
    assert len(calls) == 2  # of four chunks


def test_ctrl_c_within_a_chunk_leaves_the_checkpoint_before(often, tmp_path, monkeypatch) -> None:
    """Rows of the chunk are in the table, and in the store, but the state is not at its end."""
    config = written(tmp_path, TEXT + OUTPUT)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(config), "--out", str(whole)]) == 0
    with monkeypatch.context() as patch:
        interrupt(patch, _simulate, "write_ovf", 3)
        assert run(["simulate", str(config), "--out", str(cut)]) == 130
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
    assert files(cut) == files(whole)


def test_a_rest_that_was_not_reached_is_sought_again(often, tmp_path, monkeypatch, capsys) -> None:
    config = written(tmp_path, TEXT + "\n[relax]\nmax_steps = 1\n")
    out = tmp_path / "out"
    assert run(["simulate", str(config), "--out", str(out)]) == 3
    assert not (out / "run.checkpoint").exists()
    assert run(["simulate", str(config), "--out", str(out), "--resume"]) == 3
    assert "`max_steps` were not enough" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_line(often, tmp_path, monkeypatch, capsys) -> None:
    config = written(tmp_path, TEXT)
    whole, cut = whole_and_cut(config, monkeypatch, 3)
    path = cut / "run.checkpoint"
    path.write_bytes(path.read_bytes()[:-7])
    capsys.readouterr()
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("jaxstt: warning: ") and "is damaged" in line
    assert files(cut) == files(whole)


def test_a_checkpoint_cut_anywhere(often, tmp_path, monkeypatch, capsys) -> None:
    """One line, and the run goes on from the one before to the same end; or says what to do."""
    config = written(tmp_path, TEXT)
    whole, cut = whole_and_cut(config, monkeypatch, 3)
    kept = {path: path.read_bytes() for path in cut.iterdir()}
    last = kept[cut / "run.checkpoint"]
    for length in np.random.default_rng(2).integers(0, len(last), 10):
        for path, content in kept.items():
            path.write_bytes(content)
        (cut / "run.checkpoint").write_bytes(last[:length])
        capsys.readouterr()
        assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "is damaged" in line and "the run goes on from the one before it" in line
        assert files(cut) == files(whole)


def test_a_full_disk(often, tmp_path, monkeypatch, capsys) -> None:
    """One line; what was whole stays so, and the run goes on from it where there is room again."""
    config = written(tmp_path, TEXT)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(config), "--out", str(whole)]) == 0
    calls = []

    def full(fd):
        calls.append(fd)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        assert run(["simulate", str(config), "--out", str(cut)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "No space left on device" in line
    assert (cut / "run.checkpoint").exists() and not list(cut.glob(".*"))
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
    assert files(cut) == files(whole)


def test_no_room_for_the_last_state(often, tmp_path, monkeypatch, capsys) -> None:
    """The checkpoint goes last of all."""
    config = written(tmp_path, TEXT)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(config), "--out", str(whole)]) == 0
    write = _simulate.write_ovf

    def full(path, *args, **kwargs):
        if path.name == "m_end.ovf":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(_simulate, "write_ovf", full)
        assert run(["simulate", str(config), "--out", str(cut)]) == 2
    assert (cut / "run.checkpoint").exists()
    evolve, calls = _simulate.evolve, []
    monkeypatch.setattr(_simulate, "evolve", lambda *a, **k: (calls.append(a), evolve(*a, **k))[1])
    assert run(["simulate", str(config), "--out", str(cut), "--resume"]) == 0
    assert not calls and files(cut) == files(whole)


def test_what_cannot_go_on_is_told(often, tmp_path, monkeypatch, capsys) -> None:
    config = written(tmp_path, TEXT)
    out = tmp_path / "out"
    command = ["simulate", str(config), "--out", str(out)]

    def told(*options: str) -> str:
        capsys.readouterr()
        assert run([*command, *options]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        return line

    assert "`--resume`: there is no run in" in told("--resume")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_in_chunk(patch, 2)
        run(command)
    assert "is not empty; --force overwrites" in told()
    assert "`--resume` and `--force` exclude each other" in told("--resume", "--force")
    before = (out / "run.checkpoint").read_bytes()
    written(tmp_path, TEXT.replace("alpha = ", "alpha = 1"))
    assert re.search(r"is of another run; these differ: llg\.alpha$", told("--resume"))
    written(tmp_path, TEXT.replace("duration = 6e-12", "duration = 7e-12"))
    assert "these differ: times" in told("--resume")
    written(tmp_path, TEXT.replace("[32, 1, 1]", "[34, 1, 1]"))
    assert re.search(r"is of another run; these differ: grid, llg, m0$", told("--resume"))
    written(tmp_path, TEXT + '\n[events]\nsteady = "mark"\n')
    assert "these differ: events" in told("--resume")
    assert (out / "run.checkpoint").read_bytes() == before
    written(tmp_path, TEXT)
    (out / "run.checkpoint").write_bytes(before[:100])
    (out / "run.checkpoint.previous").write_bytes(before[:50])
    assert "delete it to begin anew" in told("--resume")


def test_room_for_the_snapshots_to_come(often, tmp_path, monkeypatch, capsys) -> None:
    """A run that goes on needs none for those that are there."""
    config = written(tmp_path, TEXT + OUTPUT)
    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        kill_in_chunk(patch, 3)
        run(["simulate", str(config), "--out", str(out)])
    there = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    state = 3 * 32 * 8
    whole = (1 + 4 + 13) * state  # the last one, the OVF files, the store

    def room(free: int):
        usage = lambda path: type("Usage", (), {"free": free})()  # noqa: E731
        monkeypatch.setattr("shutil.disk_usage", usage)

    room(whole - 1)
    assert run(["simulate", str(config), "--out", str(tmp_path / "other")]) == 2
    assert "[output] 18 snapshots need" in capsys.readouterr().err
    room(max(0, whole - there))
    assert run(["simulate", str(config), "--out", str(out), "--resume"]) == 0
