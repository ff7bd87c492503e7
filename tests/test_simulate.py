"""`jaxstt simulate`: files, restart, precision."""

import json
import tomllib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from simulations import BASE, INITIAL, RUN, written

import fitting
from jaxstt import (
    LLG,
    RESULTS,
    Exchange,
    Grid,
    Pulse,
    UniaxialAnisotropy,
    ZhangLi,
    bloch_wall,
    evolve,
    relax,
    total_energy,
    wall_state,
)
from jaxstt._app._cli import run
from jaxstt._app._config import load_config
from jaxstt._app._run_table import Observer
from jaxstt._app._simulate import _chunks, _progress, notes
from jaxstt._app._sweep_config import load_sweep
from jaxstt.config import open_config
from jaxstt.io import ZARR_FORMAT, from_dataset, load_zarr, read_ovf, read_table

EXAMPLES = Path(__file__).parent.parent / "examples"

OUTPUT = """
[output]
ovf_every = 0.1e-9
observables = ["average", "energies", "wall_position", "wall_velocity", "wall_angle"]
"""


def state_in(path: Path) -> np.ndarray:
    return read_ovf(path).values


def columns_of(folder: Path) -> dict[str, np.ndarray]:
    return read_table(folder / "table.txt").columns


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert run(["simulate", str(written(folder, BASE + OUTPUT))]) == 0
    return folder / "config"


def test_files_of_a_run(finished) -> None:
    names = {"config.toml", "run.json", "table.txt", "table.png", "m_end.ovf"}
    snapshots = {f"m{i:06d}.ovf" for i in range(3)}
    assert {path.name for path in finished.iterdir()} == names | snapshots
    report = json.loads((finished / "run.json").read_text())
    assert report["status"] == "finished" and report["saved_times"] == 5 and report["steps"] > 10
    assert report["config"] == tomllib.loads(BASE + OUTPUT)
    assert report["precision"] == "float64" and report["versions"]["jax"][0].isdigit()
    assert (finished / "config.toml").read_text() == BASE + OUTPUT


def test_same_numbers_as_the_functions(finished) -> None:
    grid = Grid((32, 1, 1), (4e-9, 50e-9, 1e-9))
    energies = (Exchange(1.3e-11), UniaxialAnisotropy(2e5))
    llg = LLG(
        grid, Ms=8e5, alpha=0.1, energies=energies, torques=(ZhangLi((-1e12, 0, 0), 0.5, 0.2),)
    )
    t = np.array([0.0, 0.05e-9, 0.1e-9, 0.15e-9, 0.2e-9])
    sol = evolve(llg, bloch_wall(grid, 8e-9), t)
    first, last = (wall_state(grid, sol.m[k]) for k in (0, -1))
    columns = columns_of(finished)
    assert list(columns) == [
        *("t", "mx", "my", "mz", "E_total", "E_Exchange", "E_UniaxialAnisotropy"),
        *("wall_position", "wall_angle", "wall_velocity"),
    ]
    np.testing.assert_allclose(columns["t"], t, rtol=1e-12)
    np.testing.assert_allclose(columns["my"], sol.m[:, 1].mean((1, 2, 3)), rtol=1e-9)
    for name in ("position", "angle"):
        found = columns[f"wall_{name}"][[0, -1]]
        np.testing.assert_allclose(found, [getattr(first, name), getattr(last, name)], rtol=1e-9)
    energy = [float(total_energy(llg, sol.m[k])) for k in (0, -1)]
    np.testing.assert_allclose(columns["E_total"][[0, -1]], energy, rtol=1e-9)
    q = columns["wall_position"]
    assert np.all(np.diff(q) > 0)  # electrons flow along +x, against j
    expected = [(q[1] - q[0]) / 0.05e-9, (q[2] - q[0]) / 0.1e-9]
    np.testing.assert_allclose(columns["wall_velocity"][:2], expected, rtol=1e-9)
    for name, k in (("m000000", 0), ("m000001", 2), ("m000002", 4), ("m_end", 4)):
        np.testing.assert_allclose(state_in(finished / f"{name}.ovf"), sol.m[k], atol=1e-9)


def test_chunks_change_nothing_and_ctrl_c_keeps_them(finished, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("jaxstt._app._simulate._CHUNK", 3)
    path = written(tmp_path, BASE + OUTPUT)
    assert run(["simulate", str(path), "--out", str(tmp_path / "whole")]) == 0
    whole, chunked = columns_of(finished), columns_of(tmp_path / "whole")
    for name, values in whole.items():
        np.testing.assert_allclose(chunked[name], values, rtol=1e-9, err_msg=name)
    calls = []

    def impatient(*args, **options):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return evolve(*args, **options)

    monkeypatch.setattr("jaxstt._app._simulate.evolve", impatient)
    assert run(["simulate", str(path), "--out", str(tmp_path / "part")]) == 130
    part = columns_of(tmp_path / "part")
    np.testing.assert_allclose(part["mz"], whole["mz"][:3], rtol=1e-9, atol=1e-12)
    end = state_in(tmp_path / "part" / "m_end.ovf")
    np.testing.assert_allclose(end, state_in(finished / "m000001.ovf"), atol=1e-9)
    report = json.loads((tmp_path / "part" / "run.json").read_text())
    assert report["status"] == "interrupted" and report["t_end"] == pytest.approx(0.1e-9)


def test_a_run_that_fails_leaves_what_was_done(finished, capsys, tmp_path, monkeypatch) -> None:
    fails = lambda *a, **k: evolve(*a, **k)._replace(result=RESULTS.max_steps_reached)  # noqa: E731
    monkeypatch.setattr("jaxstt._app._simulate.evolve", fails)
    path = written(tmp_path, BASE)
    assert run(["simulate", str(path), "--out", str(tmp_path / "out")]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "`max_steps` were not enough" in err
    assert "what was done is in" in err
    report = json.loads((tmp_path / "out" / "run.json").read_text())
    assert report["status"].startswith("failed: `max_steps`")
    assert state_in(tmp_path / "out" / "m_end.ovf").shape == (3, 32, 1, 1)


def test_restart_overwrites_its_own_files_only(finished, capsys, tmp_path) -> None:
    text = BASE.replace(INITIAL, f"[initial]\nfile = '{finished / 'm_end.ovf'}'\n")
    out = tmp_path / "config"
    out.mkdir()
    for name in ("m000007.ovf", "table.txt", "mine.txt", "m_mine.ovf"):
        (out / name).write_text("old")
    path = written(tmp_path, text + '[output]\nobservables = ["average"]\n')
    assert run(["simulate", str(path), "--force", "--float32"]) == 0
    assert "wrote" in capsys.readouterr().out
    assert not (out / "m000007.ovf").exists()
    assert (out / "mine.txt").read_text() == (out / "m_mine.ovf").read_text() == "old"
    assert json.loads((out / "run.json").read_text())["precision"] == "float32"
    first, second = columns_of(finished), columns_of(out)
    for name in ("mx", "my", "mz"):
        assert second[name][0] == pytest.approx(first[name][-1], abs=1e-6)
    # The wall goes on as fast as it went: 2/N per cell of 4 nm.
    going = second["mz"][-1] - second["mz"][0], first["mz"][-1] - first["mz"][-2]
    assert going[0] / 4 == pytest.approx(going[1], rel=0.1)


def test_relaxing_only(tmp_path) -> None:
    text = BASE.replace(RUN, "[relax]\ntol = 1e-6\n[output]\nobservables = ['wall_width']")
    assert run(["simulate", str(written(tmp_path, text)), "--out", str(tmp_path / "out")]) == 0
    columns = columns_of(tmp_path / "out")
    width = np.sqrt(1.3e-11 / 2e5)
    width = width * (1 - 5 / 24 * (4e-9 / width) ** 2)  # on a grid a wall is steeper
    assert list(columns) == ["t", "wall_width"] and columns["t"] == [0.0]
    assert columns["wall_width"][0] == pytest.approx(width, rel=0.01)
    config = load_config(tmp_path / "config.toml")
    rest = relax(config.llg, config.m0, tol=1e-6, throw=False).m
    np.testing.assert_allclose(state_in(tmp_path / "out" / "m_end.ovf"), rest, atol=1e-12)
    assert not (tmp_path / "out" / "table.png").exists()


def test_objects_are_those_of_the_constructors(tmp_path) -> None:
    np.save(tmp_path / "K.npy", np.full((32, 1, 1), 2e5))
    np.save(tmp_path / "mask.npy", np.arange(32).reshape(32, 1, 1) < 30)
    drive = '{ type = "Pulse", value = [1e11, 0, 0], start = 0, duration = 1e-9, rise = 1e-10 }'
    text = BASE.replace("K = 2e5", 'K = { file = "K.npy" }')
    text = text.replace("shape =", 'mask = { file = "mask.npy" }\nshape =')
    text = text.replace("[-1e12, 0, 0]", drive)
    text += '[[energy]]\ntype = "Demag"\n[[energy]]\ntype = "Zeeman"\nB = [0, 0, 1e-3]\n'
    text += '[[torque]]\ntype = "ZhangLi.from_velocity"\nu = 10\nbeta = 0.1\n'
    llg = load_config(written(tmp_path, text)).llg
    assert [type(e).__name__ for e in llg.energies] == [
        *("Exchange", "UniaxialAnisotropy", "Demag", "Zeeman")
    ]
    assert llg.energies[1].K.shape == (32, 1, 1) and int(llg.grid.mask.sum()) == 30
    pulse, steady = (torque.j for torque in llg.torques)
    assert isinstance(pulse, Pulse) and float(pulse.rise) == 1e-10 and pulse.value.shape == (3,)
    np.testing.assert_allclose(steady, ZhangLi.from_velocity(10.0, 0.1, 8e5).j)


def test_coarse_cells_are_told(capsys, tmp_path) -> None:
    text = BASE.replace("[4e-9,", "[10e-9,").replace("width = 8e-9", "width = 20e-9")
    coarse = load_config(written(tmp_path, text))
    assert [note.split(" = ")[0] for note in notes(coarse)] == ["the cell dx"] * 2
    exchange, wall = notes(coarse)
    assert "exchange length sqrt(2A/(mu0 Ms^2)) = 5.69e-09 m" in exchange
    assert "wall width sqrt(A/K) = 8.06e-09 m" in wall
    assert list(notes(load_config(written(tmp_path, BASE)))) == []


def test_a_long_run_is_told(tmp_path) -> None:
    text = BASE.replace("duration = 0.2e-9\nsave_every", "duration = 0.1e-3\nsave_every")
    text = text.replace("save_every = 0.05e-9", "save_every = 0.5e-4")
    (told,) = load_config(written(tmp_path, text)).warnings
    assert told.startswith("0.0001 s will take about ") and told.endswith("e+07 steps")


def test_a_lost_wall_is_nan_and_told(tmp_path) -> None:
    config = load_config(written(tmp_path, BASE + OUTPUT))
    told: list[str] = []
    observer = Observer(config, told.append)
    gone = jnp.broadcast_to(jnp.asarray([0.0, 0.0, 1.0])[:, None, None, None], (3, 32, 1, 1))
    columns = observer(np.array([0.0, 1e-12]), jnp.stack([config.m0, gone]))
    assert columns["wall_position"][0] == pytest.approx(64e-9)
    assert np.isnan(columns["wall_position"][1]) and columns["mz"][1] == 1
    assert len(told) == 2 and "t = 1e-12 s" in told[0] and "exactly once" in told[0]


def test_zarr(tmp_path) -> None:
    pytest.importorskip("xarray")
    zarr = pytest.importorskip("zarr")
    text = BASE.replace(RUN, "[relax]\n[output]\nzarr = true\nobservables = []")
    assert run(["simulate", str(written(tmp_path, text)), "--out", str(tmp_path / "out")]) == 0
    store = zarr.open_group(tmp_path / "out" / "m.zarr", mode="r")
    assert store.metadata.zarr_format == ZARR_FORMAT
    assert store["m"].shape == (1, 3, 32, 1, 1) and store["m"].metadata.dimension_names[0] == "t"
    np.testing.assert_allclose(store["m"][0], state_in(tmp_path / "out" / "m_end.ovf"), atol=1e-12)
    grid, _, m = from_dataset(load_zarr(tmp_path / "out" / "m.zarr"))
    assert grid == load_config(tmp_path / "config.toml").llg.grid and m.shape == store["m"].shape


def test_chunks() -> None:
    assert _chunks(100, 20) == [(k, k + 20) for k in range(0, 100, 20)]
    assert _chunks(18, 4) == [(k, k + 3) for k in range(0, 18, 3)]
    assert _chunks(7, 4) == [(0, 4), (4, 7)]
    assert _chunks(2, 20) == [(0, 2)]


def test_progress_on_a_terminal(capsys, monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with _progress(2) as advance:
        advance(2)
    assert "simulating" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.name)
def test_examples_are_ready_to_run(path: Path) -> None:
    if "{ fit" in path.read_text():
        assert open_config(path, np.array([0.0, 1e-12]), shape=(8, 8, 1)).ranges
        return
    if "{ pulse" in path.read_text():
        assert fitting._design.open_design(path).subject_to
        return
    swept = "{ from" in path.read_text()
    config = load_sweep(path).config if swept else load_config(path)
    assert list(notes(config)) == [] and config.times is not None
