"""[events] of `jaxstt simulate`: when they happen, and what a run leaves that stops at one."""

import json
import re

import configs
import jax.numpy as jnp
import numpy as np
import pytest
from simulations import BASE, INITIAL, RUN, TORQUE, interrupt, written

import jaxstt
from jaxstt._app import _simulate
from jaxstt._app._cli import run
from jaxstt._app._events import Event, EventKeys, happened, watched
from jaxstt.io import read_ovf, read_table

HARD = configs.uniaxial("-3e5", "[1, 0, 0]")
LOCKED = BASE.replace(TORQUE, HARD + TORQUE).replace("alpha = 0.1", "alpha = 0.3")
SEEN = (
    '\n[output]\nobservables = ["wall_state", "wall_velocity"]\novf_every = 0.02e-9\nzarr = true\n'
)
VORTEX = """
[grid]
shape = [16, 16, 1]
spacing = [4e-9, 4e-9, 4e-9]

[magnet]
Ms = 8e5
alpha = 0.5

[[energy]]
type = "Exchange"
A = 1.3e-11

[[energy]]
type = "ShapeAnisotropy"
N = [0, 0, 1]

[[energy]]
type = "Zeeman"
B = { type = "Pulse", value = [0, 0, -2.5], start = 0.02e-9, duration = 0.2e-9 }

[initial]
type = "vortex"

[run]
duration = 0.6e-9
save_every = 0.01e-9
"""


def simulated(folder, text: str):
    """run.json, table and the last state of a run."""
    path = written(folder, text)
    assert run(["simulate", str(path), "--out", str(folder / "out"), "--force"]) == 0
    report = json.loads((folder / "out/run.json").read_text())
    return report, read_table(folder / "out/table.txt").columns, folder / "out"


def test_a_steady_wall_ends_the_run(tmp_path, capsys) -> None:
    text = LOCKED.replace(RUN, configs.run("2e-9", "0.01e-9")) + SEEN
    report, table, folder = simulated(tmp_path, text + '\n[events]\nsteady = "stop"\n')
    end = report["t_end"]
    assert "where it stopped: steady" in capsys.readouterr().out
    assert report["events"] == [{"t": end, "event": "steady"}] and report["status"] == "finished"
    assert 0.1e-9 < end < 1.2e-9
    # Nothing is written of what was computed beyond.
    count = round(end / 0.01e-9) + 1
    assert table["t"].size == count == report["saved_times"] and table["t"][-1] == end
    assert len(list(folder.glob("m0*.ovf"))) == (count + 1) // 2
    assert read_ovf(folder / "m_end.ovf").t == end
    assert not any(name.startswith("_") for name in table)
    v = np.asarray(table["wall_velocity"])[-(count // 4) : -1]
    assert np.ptp(v) < 2e-3 * abs(v).max()
    # It is the velocity that the wall keeps, until it feels the end of the wire.
    whole, other, _ = simulated(tmp_path, text)
    assert whole["events"] == [] and whole["t_end"] == pytest.approx(2e-9)
    assert v[-1] == pytest.approx(np.asarray(other["wall_velocity"])[60], rel=3e-3)
    np.testing.assert_array_equal(
        other["wall_state_position"][:count], table["wall_state_position"]
    )


def test_the_core_of_a_vortex_turns_over(tmp_path) -> None:
    """And rest comes after the pulse, not in the time before it, when nothing moves either."""
    text = VORTEX + '\n[relax]\ntol = 1e-7\n[events]\ncore_reversal = "mark"\nsteady = "stop"\n'
    report, _, folder = simulated(tmp_path, text)
    turned, still = report["events"]
    assert turned["event"] == "core_reversal" and 0.02e-9 < turned["t"] < 0.2e-9
    assert still == {"t": report["t_end"], "event": "steady"} and 0.2e-9 < still["t"] < 0.6e-9
    m = read_ovf(folder / "m_end.ovf").values
    assert m[2, 7:9, 7:9].max() < -0.5


def test_a_wall_that_leaves(tmp_path) -> None:
    fast = BASE.replace("-1e12", "-2e13").replace(RUN, configs.run("0.2e-9", "0.01e-9"))
    report, table, _ = simulated(tmp_path, fast + '\n[events]\nwall_left = "stop"\n')
    assert [e["event"] for e in report["events"]] == ["wall_left"]
    assert report["t_end"] == report["events"][0]["t"] < 0.19e-9
    marked, longer, _ = simulated(tmp_path, fast + '\n[events]\nwall_left = "mark"\n')
    assert marked["events"] == report["events"] and marked["t_end"] == pytest.approx(0.2e-9)
    np.testing.assert_array_equal(longer["mz"][: table["t"].size], table["mz"])
    # A window ends where the wire does.
    moving = fast.replace("[32, 1, 1]", "[64, 1, 1]") + "\n[window]\ncells = 32\n" + SEEN
    report, table, _ = simulated(tmp_path, moving + '\n[events]\nwall_left = "mark"\n')
    assert report["events"] == [{"t": report["t_end"], "event": "wall_left"}]
    assert report["status"] == "finished" and report["t_end"] < 0.19e-9
    assert table["window"][-1] <= 32 * 4e-9 and table["t"][-1] == report["t_end"]
    assert table["wall_state_position"][-1] > 44 * 4e-9
    path = written(tmp_path, moving)
    assert run(["simulate", str(path), "--out", str(tmp_path / "bare")]) == 3
    told = json.loads((tmp_path / "bare/run.json").read_text())["status"]
    assert "the window came to the end of the wire" in told
    kept = read_table(tmp_path / "bare/table.txt").columns
    np.testing.assert_array_equal(kept["t"], table["t"])  # no row is lost


def test_a_vortex_that_is_driven_out_has_not_turned_over(tmp_path) -> None:
    text = VORTEX.replace("alpha = 0.5", "alpha = 0.1").replace(
        '{ type = "Pulse", value = [0, 0, -2.5], start = 0.02e-9, duration = 0.2e-9 }',
        "[0.3, 0, 0]",
    )
    report, table, _ = simulated(tmp_path, text + '\n[events]\ncore_reversal = "mark"\n')
    assert table["mx"][-1] > 0.9 and np.abs(np.diff(np.sign(table["mz"]))).sum() > 0
    assert report["events"] == []


def test_a_wall_is_not_steady_before_its_own_time(tmp_path) -> None:
    """Weak damping, saved so often that nothing changes from row to row."""
    slow = BASE.replace(TORQUE, configs.uniaxial("-1e5", "[1, 0, 0]") + TORQUE)
    slow = slow.replace("alpha = 0.1", "alpha = 0.01").replace("xi = 0.2", "xi = 0.013")
    slow = slow.replace(RUN, configs.run("20e-12", "0.5e-12"))
    report, table, _ = simulated(tmp_path, slow + SEEN.replace("0.02e-9", "1e-12"))
    v = table["wall_velocity"][1:-1]
    assert np.ptp(v[-10:]) < 1e-2 * np.abs(v).max()
    report, _, _ = simulated(tmp_path, slow + '\n[events]\nsteady = "stop"\n')
    assert report["events"] == []


def test_an_event_is_not_undone_by_a_resume(tmp_path, monkeypatch) -> None:
    """Killed between the checkpoint after the event and the end of the run."""
    monkeypatch.setattr(_simulate, "_PERIOD", 0.0)
    text = BASE.replace("-1e12", "-2e13").replace(RUN, configs.run("0.2e-9", "0.005e-9"))
    path = written(tmp_path, text + '\n[events]\nwall_left = "stop"\n')
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(path), "--out", str(whole)]) == 0
    keep = _simulate._Run.keep

    def stops(self):
        keep(self)
        if self.ended:
            monkeypatch.undo()
            raise KeyboardInterrupt

    monkeypatch.setattr(_simulate._Run, "keep", stops)
    assert run(["simulate", str(path), "--out", str(cut)]) == 130
    assert run(["simulate", str(path), "--out", str(cut), "--resume"]) == 0
    for name in ("table.txt", "m_end.ovf"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    one, other = (json.loads((f / "run.json").read_text()) for f in (whole, cut))
    assert one["events"] == other["events"] and len(one["events"]) == 1
    assert one["t_end"] == other["t_end"] < 0.19e-9


def test_events_are_kept_by_a_resumed_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(_simulate, "_PERIOD", 0.0)
    text = LOCKED.replace(RUN, configs.run("2e-9", "0.01e-9")) + SEEN
    path = written(tmp_path, text + '\n[events]\nsteady = "stop"\n')
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(["simulate", str(path), "--out", str(whole)]) == 0
    with monkeypatch.context() as patch:
        interrupt(patch, _simulate, "evolve", 3)
        assert run(["simulate", str(path), "--out", str(cut)]) == 130
    assert run(["simulate", str(path), "--out", str(cut), "--resume"]) == 0
    for name in ("table.txt", "m_end.ovf"):
        assert (cut / name).read_bytes() == (whole / name).read_bytes()
    one, other = (json.loads((f / "run.json").read_text())["events"] for f in (whole, cut))
    assert one == other and len(one) == 1


def test_what_is_steady() -> None:
    """Rows up to now are enough: none is steady before it can be known to be."""
    t = np.arange(200) * 1e-11
    keys = EventKeys(steady="mark")

    def first(place, angle=0 * t, walls=None, rate=None, settled=None):
        record = {
            "t": t, "_event_place": place, "_event_angle": angle,
            "_event_walls": np.ones(200) if walls is None else walls,
            "_event_rate": np.ones(200) if rate is None else rate,
            "_event_settled": np.ones(200, bool) if settled is None else settled,
            "_event_lag": np.full(200, 1e-7),  # 10 nm, alpha = 0.1
        }  # fmt: skip
        return [event.row for event in happened(keys, record)]

    drift = 100 * t
    assert first(drift) == [11]
    relaxing = drift + 1e-8 * np.exp(-t / 1e-10)
    (late,) = first(relaxing)
    # v = 100 - 100 exp(-t/0.1 ns): within 1e-3 over the last quarter from 0.69/0.75 ns on.
    assert 85 < late < 105
    swinging = drift + 1e-10 * np.sin(2 * np.pi * t / 2e-10)
    assert first(swinging) == []
    assert first(drift, angle=1e9 * t) == []
    # A velocity that does not seem to change, of a wall that has not yet begun to turn.
    assert first(drift, angle=1e6 * (1 + t / 1e-9) * 1e-9 + 1.1e6 * t) == []
    assert first(drift, angle=0.9e6 * t) == [11]
    # To and fro over the end of the angles.
    assert first(drift, angle=(np.pi - 1e-6) * (-1.0) ** np.arange(200)) == [11]
    assert first(drift, walls=np.where(t < 1e-9, 1, 2)) == [11]
    assert first(drift, walls=np.full(200, 2)) == []
    assert first(drift, settled=t > 0.505e-9) == [67]
    assert first(relaxing, rate=np.where(t > 0.3e-9, 1e-6, 1)) == [31]
    assert first(0 * t, rate=0 * t, walls=0 * t, settled=t > 0.505e-9) == [52]


def test_vacuum_does_not_damp() -> None:
    """Nor does it keep a wall from being steady."""
    mask = np.ones((16, 2, 1), bool)
    mask[:, 1] = False
    grid = jaxstt.Grid(mask.shape, (2e-9,) * 3, mask=mask)
    alpha = np.where(mask, 0.1, 0.0)
    for more in ({"Ms": 8e5}, {"Ms": np.where(mask, 8e5, 0.0)}):
        llg = jaxstt.LLG(grid, alpha=alpha, energies=(jaxstt.Exchange(1e-11),), **more)
        m = jaxstt.bloch_wall(grid, 6e-9)
        state = np.zeros(1), m[None], np.zeros(1, np.int32)
        found = watched(EventKeys(steady="mark"), llg, *map(jnp.asarray, state), "z")
        assert found["_event_lag"][0] == pytest.approx(10 * 6e-9, rel=0.02)


def test_order_and_repetition() -> None:
    record = {
        "t": np.arange(8.0),
        "_event_walls": np.array([1, 1, 1, 1, 1, 0, 0, 0]),
        "_event_polarity": np.array([1, 1, -1, -1, 1, 1, -1, -1]),
    }
    gone = {"t": np.arange(8.0), "_event_polarity": np.array([1, 0, -1, 1, 0, -1, -1, 0])}
    assert happened(EventKeys(core_reversal="mark"), gone) == [Event(6, "core_reversal", False)]
    keys = EventKeys(wall_left="stop", core_reversal="mark")
    expected = [Event(3, "core_reversal", False), Event(5, "core_reversal", False)]
    expected += [Event(5, "wall_left", True)]
    assert happened(keys, record) == expected
    assert happened(keys, record, 4) == expected[1:]
    marks = EventKeys(wall_left="mark", core_reversal="mark")
    assert [e.row for e in happened(marks, record, 6)] == [6, 7]
    assert [e.row for e in happened(marks, record, 6, {"wall_left"})] == [7]
    assert happened(EventKeys(), record) == []


BAD = {
    '[events] unknown wall_left "go"; did you mean': 'wall_left = "go"',
    "[events] unknown key `walls_left`; did you mean `wall_left`?": 'walls_left = "stop"',
    "[events] `steady` must be text, got True": "steady = true",
    "[events] `grid` must have two cells or more along x and y": 'core_reversal = "stop"',
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told, tmp_path, capsys) -> None:
    assert run(["simulate", str(written(tmp_path, BASE + "\n[events]\n" + BAD[told] + "\n"))]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told.replace('"', "'") in line, line


def test_a_sweep_has_no_events(tmp_path, capsys) -> None:
    text = BASE.replace("alpha = 0.1", "alpha = { values = [0.1, 0.2] }")
    path = written(tmp_path, text + '\n[events]\nwall_left = "stop"\n')
    assert run(["sweep", str(path)]) == 2
    assert "[events] is for `jaxstt simulate`" in capsys.readouterr().err


def test_events_need_what_they_are_of(tmp_path, capsys) -> None:
    one = BASE.replace(INITIAL, '\n[initial]\ntype = "uniform"\ndirection = [0, 0, 1]\n')
    for text, told in (
        (one, "[events] `wall_left` needs a wall in the start, where m_z changes sign"),
        (BASE.replace(RUN, "\n[relax]\n"), "[events] has no meaning without [run]"),
    ):
        path = written(tmp_path, text + '\n[events]\nwall_left = "stop"\n')
        assert run(["simulate", str(path)]) == 2
        assert re.search(re.escape(told), capsys.readouterr().err)
