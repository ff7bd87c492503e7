"""Sweeps: every point once, failures kept apart, stores that survive, one compilation."""

import errno
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray

import jaxstt
from jaxstt import SweepWarning, sweep
from jaxstt._sweep._store import Store
from jaxstt.io import load_zarr
from jaxstt.space import points

ROOT = Path(__file__).parents[1]
J = np.linspace(-1e12, 2e12, 4)
XI = np.asarray([0.01, 0.03, 0.1])
SPACE = {"j": J, "xi": XI}


def wall(xi):
    return jaxstt.CollectiveWall(
        A=1.3e-11, K=1.3e5, Kp=1e4, Ms=8e5, alpha=0.02, xi=xi, P=0.5, n0=0.0
    )


def velocity(j, xi):
    motion = wall(xi).motion(j)
    return {"v": motion.velocity, "shape": jnp.stack([motion.width, motion.angle])}


def plain(a, b):
    return {"y": a * b, "x": jnp.stack([a, b, a + b])}


def raising(a, b):
    y = eqx.error_if(a * b, a * b > 5, "the wall has left the strip")
    return {"y": y, "n": jnp.asarray(3)}


def test_a_result_that_may_be_nan_fails_no_point(tmp_path):
    """Only that one, and only by NaN; a store made without is another sweep."""

    def silent(a):
        return {"v": jnp.where(a > 1, jnp.nan, a), "w": jnp.where(a > 2, jnp.nan, a), "u": 1 / a}

    space = {"a": [0.0, 1.0, 2.0, 3.0]}
    with pytest.warns(SweepWarning, match="2 of 4 points failed"):
        found = sweep(silent, space, may_be_nan=("v",), path=tmp_path / "a.zarr")
    np.testing.assert_array_equal(found["failed"], [True, False, False, True])
    assert found["reason"].values.tolist() == ["u is not finite", "", "", "w is not finite"]
    np.testing.assert_array_equal(np.isnan(found["v"]), [False, False, True, True])
    with pytest.raises(ValueError, match="may be nan"):
        sweep(silent, space, path=tmp_path / "a.zarr", resume=True)
    with pytest.warns(SweepWarning, match="3 of 4 points failed"):
        sweep(silent, space)


def test_grid_is_a_loop_with_names_and_units():
    units = {"j": "A/m2", "xi": "1", "v": "m/s", "shape": "m, rad"}
    found = sweep(velocity, SPACE, units=units, dims={"shape": ("what",)}, chunk=5)
    assert found["v"].dims == ("j", "xi") and found["shape"].dims == ("j", "xi", "what")
    assert {n: found[n].attrs["units"] for n in units} == units
    assert not found["failed"].any() and (found["reason"] == "").all()
    single = jax.jit(lambda j, xi: velocity(j, xi)["v"])
    for j in J:
        for xi in XI:
            expected = single(j, xi)
            here = found.sel(j=j, xi=xi)
            np.testing.assert_allclose(here["v"], expected, rtol=1e-13)
    assert float(found["v"].sel(j=2e12, xi=0.03)) < 0  # against the current


def test_list_and_scalar_and_pytree_results():
    found = sweep(
        lambda a, b: a - b, points({"a": [3.0, 5.0, 9.0], "b": [1, 1, 2]}), units={"a": "m"}
    )
    np.testing.assert_array_equal(found["result"], [2.0, 4.0, 7.0])
    assert found["result"].dims == ("point",) and found["a"].attrs == {"units": "m"}
    nested = sweep(lambda a: {"m": (a, {"n": a > 1})}, {"a": [1.0, 2.0]})
    np.testing.assert_array_equal(nested["m.1.n"], [False, True])
    motion = sweep(lambda xi: wall(xi).motion(1e12), {"xi": XI})
    assert motion["locked"].dtype == bool and "velocity" in motion


def test_parameters_keep_their_precision():
    def types(a, b):
        return {"single": a, "double": b}

    found = sweep(types, {"a": np.ones(2, np.float32), "b": [1, 2]})
    assert (found["single"].dtype, found["double"].dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("chunk", [1, 5, None])
def test_failed_points_are_named_and_leave_the_others(chunk):
    space = {"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]}
    with pytest.warns(SweepWarning, match=r"3 of 9 points failed, the first at a = 2, b = 3: the"):
        found = sweep(raising, space, chunk=chunk)
    product = np.outer([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(found["failed"], product > 5)
    np.testing.assert_array_equal(found["y"], np.where(product > 5, np.nan, product))
    assert set(found["reason"].values[product > 5]) == {"the wall has left the strip"}
    assert set(found["n"].values[product <= 5]) == {3}


def test_points_that_are_not_finite_are_named():
    space = points({"a": [1.0, -1.0, np.nan, 4.0], "b": [1.0, 1.0, 1.0, 0.0]})
    with pytest.warns(
        SweepWarning, match=r"3 of 4 points failed, the first at a = -1, b = 1: y is"
    ):
        found = sweep(lambda a, b: {"y": jnp.log(a), "z": 1 / b}, space)
    assert found["reason"].values.tolist() == [
        "", "y is not finite", "a = nan", "z is not finite",
    ]  # fmt: skip
    np.testing.assert_array_equal(found["y"].values[[0, 3]], [0.0, np.log(4.0)])


def test_points_that_are_not_finite_are_not_run():
    seen = []

    def f(a):
        jax.debug.callback(lambda x: seen.append(float(x)), a)
        return a

    with pytest.warns(SweepWarning, match="1 of 3 points failed, the first at a = nan: a = nan"):
        sweep(f, points({"a": [1.0, np.nan, 3.0]}), chunk=3)
    jax.effects_barrier()
    assert {*seen} == {1.0, 3.0}


def test_a_run_of_the_llg_that_fails_leaves_its_neighbours():
    grid = jaxstt.Grid((32, 1, 1), (2e-9, 2e-9, 2e-9))
    m0 = jaxstt.bloch_wall(grid, 1e-8)

    def run(j, K):
        llg = jaxstt.LLG(
            grid,
            Ms=8e5,
            alpha=0.1,
            energies=(jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(K, (0.0, 0.0, 1.0))),
            torques=(jaxstt.ZhangLi((j, 0.0, 0.0), P=0.5, xi=0.05),),
        )
        tracker = jaxstt.WallTracker(grid)
        times = np.asarray([0.0, 5e-12])
        fixed = jaxstt.FixedStep(1e-13)
        return jaxstt.evolve(llg, m0, times, save=tracker, solver=fixed).m.position[-1]

    # K = 1e9 J/m^3 is too stiff for the step of 0.1 ps: "cell too coarse".
    space = points({"j": [0.0, 5e12, 5e12, np.nan], "K": [1e5, 1e5, 1e9, 1e5]})
    with pytest.warns(SweepWarning, match="2 of 4 points"):
        found = sweep(run, space)
    assert found["failed"].values.tolist() == [False, False, True, True]
    assert "beyond stability" in found["reason"].values[2]
    single = jax.jit(run)
    for i in (0, 1):
        expected = single(found["j"].values[i], found["K"].values[i])
        np.testing.assert_allclose(found["result"].values[i], expected, rtol=1e-12)


def test_store_comes_back(tmp_path):
    path = tmp_path / "map.zarr"
    units = {"v": "m/s"}
    direct = sweep(velocity, SPACE, chunk=5, units=units)
    stored = sweep(velocity, SPACE, chunk=5, units=units, path=path)
    xarray.testing.assert_identical(direct, stored)
    assert [p.name for p in tmp_path.iterdir()] == ["map.zarr"]
    opened = load_zarr(path)
    np.testing.assert_array_equal(opened["v"], direct["v"])
    assert opened["v"].dims == ("j", "xi") and opened["v"].attrs["units"] == "m/s"
    again = sweep(velocity, SPACE, units=units, path=path, resume=True)
    xarray.testing.assert_identical(direct, again)


class Stop(BaseException):
    """As a kill, but one that a test survives."""


def _interrupted(monkeypatch, path, after, **settings):
    """A sweep that ends while it writes store number `after`, of which a part is there."""
    written, real = [], xarray.Dataset.to_zarr

    def write(dataset, store, **options):
        real(dataset, store, **options)
        if len(written) == after:
            shutil.rmtree(Path(store) / "y")
            raise Stop
        written.append(store)

    monkeypatch.setattr(xarray.Dataset, "to_zarr", write)
    with pytest.raises(Stop):
        sweep(path=path, **settings)
    monkeypatch.setattr(xarray.Dataset, "to_zarr", real)
    return written


SETTINGS = {"function": plain, "space": {"a": [1.0, 2.0, 3.0, 4.0], "b": [0.5, 0.7]}, "chunk": 2}


def test_resume_runs_only_what_is_missing(tmp_path, monkeypatch):
    from jaxstt._sweep import _run as _sweep_run

    path = tmp_path / "x.zarr"
    assert len(_interrupted(monkeypatch, path, 2, **SETTINGS)) == 2
    assert sorted(p.name for p in (tmp_path / "x.zarr.parts").iterdir()) == [
        "000000.zarr", "000001.zarr", "sweep.json",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="pass resume=True"):
        sweep(path=path, **SETTINGS)
    runs, real = [], _sweep_run.run_chunk
    monkeypatch.setattr(
        _sweep_run, "run_chunk", lambda *args: runs.append(args[2]["a"][0]) or real(*args)
    )
    settings = {k: v for k, v in SETTINGS.items() if k != "chunk"}  # taken from the store
    found = sweep(path=path, resume=True, **settings)
    assert runs == [3.0, 4.0]
    xarray.testing.assert_identical(found, sweep(**SETTINGS))


@pytest.mark.parametrize("after", [2, 4])  # a chunk, the whole
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_is_full_is_told_and_what_is_there_kept(tmp_path, monkeypatch, after, code):
    path, real, written = tmp_path / "x.zarr", xarray.Dataset.to_zarr, []

    def write(dataset, store, **options):
        if len(written) == after:
            Path(store).mkdir()
            raise OSError(code, os.strerror(code), str(store))
        written.append(real(dataset, store, **options))

    with monkeypatch.context() as patch:
        patch.setattr(xarray.Dataset, "to_zarr", write)
        with pytest.raises(ValueError, match=f"cannot be written: .*{os.strerror(code)}"):
            sweep(path=path, **SETTINGS)
    assert sorted(p.name for p in (tmp_path / "x.zarr.parts").iterdir()) == [
        *(f"{i:06d}.zarr" for i in range(after)), "sweep.json",
    ]  # fmt: skip
    xarray.testing.assert_identical(sweep(path=path, resume=True, **SETTINGS), sweep(**SETTINGS))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_told_before_anything_runs(tmp_path):
    (tmp_path / "kept").mkdir(mode=0o500)
    with pytest.raises(ValueError, match=r"cannot be written: .*[Pp]ermission"):
        sweep(path=tmp_path / "kept" / "x.zarr", **SETTINGS)


def test_a_kill_at_the_end_leaves_nothing_behind(tmp_path, monkeypatch):
    whole = sweep(**SETTINGS)
    path = tmp_path / "x.zarr"
    assert len(_interrupted(monkeypatch, path, 4, **SETTINGS)) == 4  # while it writes the whole
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr.parts"]
    with monkeypatch.context() as patch:  # after that, before the chunks are dropped
        patch.setattr(Store, "clear", lambda self: (_ for _ in ()).throw(Stop))
        with pytest.raises(Stop):
            sweep(path=path, resume=True, **SETTINGS)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.zarr", "x.zarr.parts"]
    xarray.testing.assert_identical(whole, sweep(path=path, resume=True, **SETTINGS))
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]


def test_damaged_chunks_are_named_and_run_again(tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    _interrupted(monkeypatch, path, 3, **SETTINGS)
    parts = tmp_path / "x.zarr.parts"
    shutil.rmtree(parts / "000000.zarr" / "y")
    (parts / "000001.zarr" / "x" / "c" / "0" / "0").unlink()  # zarr reads that as NaN
    with pytest.warns(SweepWarning) as caught:
        found = sweep(path=path, resume=True, **SETTINGS)
    assert len(caught) == 2 and all(n in str(w.message) for n, w in zip("01", caught, strict=True))
    assert "x is not what was written" in str(caught[1].message)
    xarray.testing.assert_identical(found, sweep(**SETTINGS))
    (path / "y" / "c" / "0" / "0").unlink()
    with pytest.raises(ValueError, match="is damaged: y is not what was written"):
        sweep(path=path, resume=True, **SETTINGS)


@pytest.mark.parametrize("finished", [True, False])
@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("parameters", {"space": {"a": [1.0, 2.0, 3.0, 5.0], "b": [0.5, 0.7]}}),
        ("function", {"function": lambda a, b: plain(a, b)}),
        ("version", {"version": "2"}),
        ("chunk", {"chunk": 3}),
        ("units", {"units": {"y": "m"}}),
        ("results", {"dims": {"x": "axis"}}),
    ],
)
def test_another_sweep_is_refused_by_name(tmp_path, monkeypatch, name, change, finished):
    path = tmp_path / "x.zarr"
    if finished:
        sweep(path=path, **SETTINGS)
    else:
        _interrupted(monkeypatch, path, 1, **SETTINGS)
    with pytest.raises(ValueError, match=f"holds another sweep: {name} is .* there, .* here"):
        sweep(path=path, resume=True, **(SETTINGS | change))


def test_another_jax_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.zarr"
    _interrupted(monkeypatch, path, 1, **SETTINGS)
    file = tmp_path / "x.zarr.parts" / "sweep.json"
    known = json.loads(file.read_text())
    file.write_text(json.dumps(known | {"jax": "0.9.0"}))
    with pytest.raises(ValueError, match=r'jax is "0\.9\.0" there'):
        sweep(path=path, resume=True, **SETTINGS)
    file.write_text("{")
    with pytest.raises(ValueError, match="holds no sweep"):
        sweep(path=path, resume=True, **SETTINGS)


def test_failed_points_are_kept_in_the_store(tmp_path, monkeypatch):
    space = points({"a": [1.0, 9.0, np.nan, 2.0], "b": [1.0, 1.0, 1.0, 2.0]})
    tell = "2 of 4 points failed, the first at a = 9, b = 1: the wall"
    with pytest.warns(SweepWarning, match=tell):
        direct = sweep(raising, space, chunk=2)
    _interrupted(monkeypatch, tmp_path / "x", 1, function=raising, space=space, chunk=2)
    with pytest.warns(SweepWarning, match=tell):
        found = sweep(raising, space, chunk=2, path=tmp_path / "x", resume=True)
    with pytest.warns(SweepWarning, match=tell):  # also of a sweep that is read, not run
        again = sweep(raising, space, chunk=2, path=tmp_path / "x", resume=True)
    assert direct["reason"].values.tolist() == ["", "the wall has left the strip", "a = nan", ""]
    xarray.testing.assert_identical(direct, found)
    xarray.testing.assert_identical(direct, again)


def test_progress_tells_the_time_left(capsys):
    sweep(plain, {"a": np.arange(1.0, 5.0), "b": [1.0]}, chunk=2, progress=True)
    text = capsys.readouterr().err
    assert "sweep: 1/2 chunks" in text and "s left" in text and text.endswith("\n")


DEVICES = """
    import jax
    jax.config.update("jax_num_cpu_devices", 2)
    jax.config.update("jax_enable_x64", True)
    import sys, warnings, numpy as np, jax.numpy as jnp, equinox as eqx
    from jaxstt import sweep
    def raising(a, b):
        return {"y": eqx.error_if(jnp.sin(a) * b, a * b > 5, "too large"), "v": jnp.cos(a)}
    warnings.simplefilter("ignore")
    space = {"a": np.linspace(1.0, 3.0, 5), "b": [1.0, 2.0, 3.0]}
    for chunk in (1, 4, 15):
        found = sweep(raising, space, chunk=chunk)
        product = np.outer(space["a"], space["b"])
        np.testing.assert_array_equal(found["failed"], product > 5)
        good = product <= 5
        values = np.outer(np.sin(space["a"]), space["b"])
        np.testing.assert_allclose(found["y"].values[good], values[good], rtol=1e-14)
        print({*found["reason"].values[~good].tolist()}, jax.local_device_count())
    for chunk in (7, 15):  # laid out and collected: not the same permutation of 8 and 16 places
        found = sweep(lambda a, b: {"n": 10 * a + b}, space, chunk=chunk)["n"].values
        np.testing.assert_array_equal(found, np.add.outer(10 * space["a"], space["b"]))
"""


def test_two_devices_do_not_wait_for_one_that_raises():
    run = [sys.executable, "-c", textwrap.dedent(DEVICES)]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == ["{'too large'} 2"] * 3
    assert done.stderr == ""
