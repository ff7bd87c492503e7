"""`evolve(checkpoint=, every=)`: interrupted anywhere, it ends bit for bit as if it had not."""

import errno
import itertools
import re
import warnings
from pathlib import Path

import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._dynamics._in_segments import cut_times

GRID = jaxstt.Grid((16, 1, 1), (4e-9, 4e-9, 4e-9))
TIMES = np.linspace(0.0, 1.2e-11, 7)
EVERY = 3e-12
SETTINGS = {
    "default": {},
    "warm": {"thermal": jaxstt.Thermal(300.0, 5), "solver": jaxstt.FixedStep(5e-14)},
}


class Stopped(Exception):
    """As a kill, in the middle of a segment."""


def wire(alpha=0.1, grid=GRID) -> jaxstt.LLG:
    return helpers.wall_llg(0.05, 0.5, alpha, -1.5e12, 0.01, grid=grid)


def start(grid=GRID):
    return jaxstt.bloch_wall(grid, 8e-9)


def average(t, m):
    return {"m": jaxstt.average(m, GRID), "t": t}


def run(path, kind="default", llg=None, times=TIMES, every=EVERY, save=average, **more):
    settings = {**SETTINGS[kind], **more}
    return jaxstt.evolve(
        llg or wire(), start(), times, save=save, checkpoint=path, every=every, **settings
    )


def stop_after(monkeypatch, count: int) -> None:
    """Dies while it writes checkpoint number count + 1."""
    write, calls = jaxstt._core._checkpoint.write_whole, []

    def dies(path, content):
        calls.append(path)
        if len(calls) > count:
            raise Stopped
        return write(path, content)

    monkeypatch.setattr("jaxstt._core._checkpoint.write_whole", dies)


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_run_goes_on_where_it_stopped(kind, count, tmp_path, monkeypatch) -> None:
    whole = run(tmp_path / "whole", kind)
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, count)
        run(tmp_path / "cut", kind)
    again = run(tmp_path / "cut", kind)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(a, b)
    assert bool(again.result == jaxstt.RESULTS.successful)
    # A run that is done is read.
    monkeypatch.setattr("jaxstt._dynamics._evolve._solve", None)
    np.testing.assert_array_equal(run(tmp_path / "cut", kind).m["m"], whole.m["m"])


def test_a_cut_run_is_the_run(tmp_path) -> None:
    """To the tolerance of the steps, with cuts at saved times and between them; t, m, stats."""
    plain = jaxstt.evolve(wire(), start(), TIMES, save=average)
    for every in (4e-12, 2.5e-12, 1.2e-11, 1e-9):
        cut = run(tmp_path / f"{every}", every=every)
        np.testing.assert_array_equal(cut.t, plain.t)
        np.testing.assert_allclose(cut.m["m"], plain.m["m"], atol=2e-6)
        np.testing.assert_allclose(cut.m["t"], TIMES, rtol=1e-12)
    np.testing.assert_array_equal(cut.m["m"], plain.m["m"])
    for name, count in plain.stats.items():
        assert int(cut.stats[name]) == int(count)
    states = run(tmp_path / "states", save=None)
    assert states.m.shape == (7, 3, *GRID.shape)


def test_each_segment_has_noise_of_its_own(tmp_path) -> None:
    """A constant state at rest but for the noise must not be kicked twice alike."""
    llg = jaxstt.LLG(GRID, Ms=8e5, alpha=0.1)
    found = jaxstt.evolve(
        llg, start(), [0.0, 1e-13, 2e-13], checkpoint=tmp_path / "c", every=1e-13,
        thermal=jaxstt.Thermal(300.0, 1), solver=jaxstt.FixedStep(1e-13),
    ).m  # fmt: skip
    steps = np.asarray(jnp.cross(found[:-1], found[1:], axis=1))
    assert abs(np.corrcoef(steps[0].ravel(), steps[1].ravel())[0, 1]) < 0.5


@pytest.mark.parametrize("every", [1e-12, 0.7e-12, 3e-12, 2.2e-11, 1.0000000001e-12])
@pytest.mark.parametrize("begin", [0.0, 3e-9])
def test_the_segments_are_the_run(every, begin) -> None:
    times = begin + np.sort(np.append(np.arange(21) * 1e-12, 3.3e-12))
    segments = cut_times(times, every)
    assert sum(s.saved for s in segments) == times.size - 1
    assert segments[0].times[0] == times[0] and segments[-1].times[-1] == times[-1]
    for a, b in itertools.pairwise(segments):
        assert a.times[-1] == b.times[0]
    inner = np.concatenate([s.times[1 : 1 + s.saved] for s in segments])
    np.testing.assert_array_equal(inner, times[1:])
    assert all(np.all(np.diff(s.times) > 0) for s in segments)
    assert all(s.times[-1] - s.times[0] <= every * 1.0001 for s in segments)
    assert len(segments) <= np.ceil(20e-12 / every * (1 - 1e-9)) + 1


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(tmp_path, monkeypatch) -> None:
    path, rng = tmp_path / "c", np.random.default_rng(1)
    whole = run(tmp_path / "whole")
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, 3)
        run(path)
    content, before = path.read_bytes(), (tmp_path / "c.previous").read_bytes()
    for length in rng.integers(0, len(content), 10):
        path.write_bytes(content[:length])
        (tmp_path / "c.previous").write_bytes(before)
        with pytest.warns(jaxstt.CheckpointWarning, match=re.escape(f"{str(path)!r} is damaged")):
            again = run(path)
        np.testing.assert_array_equal(again.m["m"], whole.m["m"])
        (tmp_path / "c.previous").write_bytes(before)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 1
    path.write_bytes(bytes(flipped))
    (tmp_path / "c.previous").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"is damaged.*previous' is damaged.*delete it to begin"):
        run(path)
    assert path.read_bytes() == bytes(flipped)


def test_a_full_disk_leaves_what_was_whole(tmp_path, monkeypatch) -> None:
    path = tmp_path / "c"
    with monkeypatch.context() as patch, pytest.raises(Stopped):
        stop_after(patch, 2)
        run(path)
    kept = path.read_bytes()

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr("os.fsync", full)
        run(path)
    assert path.read_bytes() == kept
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "c.previous"]
    assert bool(run(path).result == jaxstt.RESULTS.successful)


SHORT = jaxstt.Grid((15, 1, 1), (4e-9, 4e-9, 4e-9))
OTHERS = {
    "llg.alpha": lambda path: run(path, llg=wire(alpha=0.2)),
    "t": lambda path: run(path, times=TIMES[:-1]),
    "every": lambda path: run(path, every=4e-12),
    "rtol": lambda path: run(path, rtol=1e-4),
    "save": lambda path: run(path, save=None),
    "m0": lambda path: jaxstt.evolve(
        wire(), start()[:, ::-1], TIMES, save=average, checkpoint=path, every=EVERY
    ),
    "thermal.T, thermal.key": lambda path: run(path, "warm"),
    "grid, llg, m0": lambda path: jaxstt.evolve(
        wire(grid=SHORT), start(SHORT), TIMES, save=average, checkpoint=path, every=EVERY
    ),
}


def test_a_checkpoint_of_another_run_is_refused(tmp_path) -> None:
    path = tmp_path / "c"
    run(path)
    before = path.read_bytes()
    for differs, other in OTHERS.items():
        told = f"{str(path)!r} is of another run; these differ: "
        with pytest.raises(ValueError, match=re.escape(told) + f".*{re.escape(differs)}"):
            other(path)
        assert path.read_bytes() == before
    only = r"these differ: llg\.alpha$"
    with pytest.raises(ValueError, match=only):
        run(path, llg=wire(alpha=0.2))


def test_other_software_is_warned_of(tmp_path, monkeypatch) -> None:
    path = tmp_path / "c"
    run(path)
    monkeypatch.setattr("jaxstt._core._described.versions", lambda: {"jaxstt": "99"})
    with pytest.warns(jaxstt.CheckpointWarning, match="written by other software"):
        run(path)


def test_a_failed_run_is_told_and_keeps_what_it_had(tmp_path) -> None:
    def bad(t):
        return jnp.where(t > 7e-12, jnp.nan, 0.0) * jnp.ones(3)

    llg = jaxstt.LLG(GRID, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman(bad),))
    path = tmp_path / "c"
    with pytest.raises(RuntimeError, match=r"not finite.*between 6e-12 and 9e-12 s"):
        run(path, llg=llg)
    assert path.exists()
    found = run(tmp_path / "d", llg=llg, throw=False)
    assert bool(found.result == jaxstt.RESULTS.not_finite)
    assert found.m["m"].shape == (7, 3)
    assert np.all(np.isfinite(found.m["m"][:4])) and np.all(np.isnan(found.m["m"][5:]))


def test_float32(tmp_path) -> None:
    m0 = start().astype(jnp.float32)
    more = {"save": average, "checkpoint": tmp_path / "c", "every": EVERY}
    single = jaxstt.evolve(wire(), m0, TIMES, **more)
    assert single.m["m"].dtype == jnp.float32 and single.t.dtype == jnp.float32
    np.testing.assert_allclose(single.m["m"], run(tmp_path / "d").m["m"], atol=1e-4)


BAD = {
    "`every` must be > 0 s and is needed with `checkpoint`, got None": {"every": None},
    "`every` must be > 0 s": {"every": -1.0},
    "`every` must be at least a step": {"every": 1e-16},
    "`thermal` must be a jaxstt.Thermal": {"thermal": 300.0},
    "`m0` must have shape": {"llg": wire(grid=jaxstt.Grid((15, 1, 1), (4e-9, 4e-9, 4e-9)))},
    "`checkpoint` must be a path, got None": {"path": None},
    "`checkpoint` must be a file in a folder that exists": {"path": Path("nowhere/c")},
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told, tmp_path) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        run(**{"path": tmp_path / "c", **BAD[told]})
    with pytest.raises(ValueError, match=re.escape("`checkpoint` must be a file in a folder")):
        run(tmp_path)


def test_no_files_from_inside_jax(tmp_path) -> None:
    with pytest.raises(ValueError, match="`checkpoint` is for a run outside jit"):
        jax.jit(lambda a: run(tmp_path / "c", llg=wire(alpha=a)).m)(0.1)


def test_progress_is_told(tmp_path, capsys) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path / "c", progress=True)
    assert "evolve: 4/4 segments" in capsys.readouterr().err
