"""[window] of `jaxstt simulate` and `jaxstt.Window`: a part of a wire, as it goes in the whole."""

import re

import configs
import jax.numpy as jnp
import numpy as np
import pytest
from simulations import TORQUE, UNIAXIAL, written

import jaxstt
from jaxstt._app._cli import run
from jaxstt._app._config import load_config
from jaxstt.io import read_ovf, read_table

GROWN = "\n[disorder]\nseed = 5\ngrains = 12e-9\nedges = 2e-9\ncorrelation = 12e-9\n"
WINDOW = "\n[window]\ncells = 40\n"
WALL = configs.bloch_wall("8e-9", "position = 0.32e-6")
TIMES = configs.run("0.1e-9", "0.01e-9")
FAST = TORQUE.replace("-1e12", "-6e12")
STRIP = (
    configs.wire(160).replace("160, 1, 1", "160, 8, 1").replace("50e-9, 1e-9]", "4e-9, 2e-9]")
    + UNIAXIAL.replace("2e5", "{ mean = 6e5, spread = 0.05 }")
    + '\n[[energy]]\ntype = "Demag"\n'
    + FAST + WALL + TIMES + GROWN
)  # fmt: skip
OUTPUT = """
[output]
observables = ["average", "energies", "wall_position", "wall_state"]
ovf_every = 0.05e-9
zarr = true
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The whole strip, and a window of it."""
    found = {}
    for name, more in (("whole", ""), ("window", WINDOW)):
        folder = tmp_path_factory.mktemp(name)
        path = written(folder, STRIP + more + OUTPUT)
        assert run(["simulate", str(path), "--out", str(folder / "out")]) == 0
        found[name] = folder / "out"
    return found


def column(folder, name: str) -> np.ndarray:
    return np.asarray(read_table(folder / "table.txt").columns[name])


def test_a_wall_in_a_window_is_that_in_the_whole_strip(runs) -> None:
    """Rough edges, grains, magnetostatics; what is beyond differs from grain to grain."""
    places = {name: column(folder, "wall_position") for name, folder in runs.items()}
    assert places["whole"][-1] - places["whole"][0] > 4 * 4e-9
    assert np.abs(places["window"] - places["whole"]).max() < 0.01 * 4e-9
    left = column(runs["window"], "window")
    assert left[0] == pytest.approx(60 * 4e-9) and left[-1] > left[0] + 3 * 4e-9
    middle = places["window"] - left
    assert np.abs(middle - 20 * 4e-9).max() < 3 * 4e-9
    state = column(runs["window"], "wall_state_position")
    np.testing.assert_array_equal(state, places["window"])
    angles = [column(runs[name], "wall_state_angle") for name in ("whole", "window")]
    np.testing.assert_allclose(*angles, atol=0.01)


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("kind, component", [("bloch_wall", "z"), ("head_to_head_wall", "x")])
def test_the_domains_beyond_act_on_it(kind, component, charge, tmp_path) -> None:
    """Their field, in the window of an even strip, is that in the whole one."""
    even = STRIP.replace(GROWN, "").replace("{ mean = 6e5, spread = 0.05 }", "6e5")
    even = even.replace("bloch_wall", kind).replace("8e-9\n", f"8e-9\ncharge = {charge}\n", 1)
    along = f'[output]\ncomponent = "{component}"\n'
    fields = {}
    for name, more in (("whole", ""), ("window", WINDOW), ("bare", WINDOW + "ends = false\n")):
        config = load_config(written(tmp_path, even + more + along))
        fields[name] = np.asarray(jaxstt.effective_field(config.llg, config.m0))
    whole = fields["whole"][:, 60:100]
    off = [np.abs(fields[name] - whole).max() for name in ("window", "bare")]
    assert off[0] < 5e-4 and off[1] > 5e-3 and off[1] > 20 * off[0], off


@pytest.mark.parametrize("kind, component", [("bloch_wall", "z"), ("head_to_head_wall", "x")])
def test_the_domains_beyond_have_the_cross_section_of_the_wire(kind, component, tmp_path) -> None:
    """Vacuum on both sides, and Ms that differs across."""
    even = STRIP.replace(GROWN, "").replace("{ mean = 6e5, spread = 0.05 }", "6e5")
    even = even.replace("bloch_wall", kind).replace("Ms = 8e5", 'Ms = { file = "Ms.npy" }')
    mask = np.zeros((160, 8, 1), bool)
    mask[:, 2:6] = True
    np.save(tmp_path / "mask.npy", mask)
    np.save(tmp_path / "Ms.npy", np.where(mask, np.linspace(5e5, 9e5, 8)[:, None], 0.0))
    even = even.replace("[grid]\n", '[grid]\nmask = { file = "mask.npy" }\n')
    along = f'[output]\ncomponent = "{component}"\n'
    fields = {}
    for name, more in (("whole", ""), ("window", WINDOW), ("bare", WINDOW + "ends = false\n")):
        config = load_config(written(tmp_path, even + more + along))
        B = np.asarray(jaxstt.effective_field(config.llg, config.m0))
        fields[name] = np.where(np.asarray(config.llg.grid.mask), B, 0.0)
    whole = fields["whole"][:, 60:100]
    off = [np.abs(fields[name] - whole).max() for name in ("window", "bare")]
    assert off[0] < 5e-4 and off[1] > 5e-3 and off[1] > 20 * off[0], off


def test_a_wall_at_the_end_of_its_window_is_told(tmp_path, capsys) -> None:
    fast = configs.wire(160) + UNIAXIAL + TORQUE.replace("-1e12", "-4e13") + WALL
    path = written(tmp_path, fast + configs.run("0.1e-9", "0.05e-9") + WINDOW)
    assert run(["simulate", str(path)]) == 0
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(r"the wall is .* widths from an end of the window: save more often", line)


def test_a_start_without_a_wall_after_relax(tmp_path, capsys) -> None:
    field = '\n[[energy]]\ntype = "Zeeman"\nB = [0, 0, 2]\n'
    path = written(tmp_path, STRIP + field + WINDOW + "\n[relax]\ntol = 1e-3\n")
    assert run(["simulate", str(path)]) == 3
    assert "[relax] left no wall in the [window]" in capsys.readouterr().err


def test_its_states_say_where_they_are(runs) -> None:
    zarr = pytest.importorskip("zarr")
    folder = runs["window"]
    left = column(folder, "window")
    for name, row in (("m000000", 0), ("m000001", 5), ("m000002", 10), ("m_end", 10)):
        text = (folder / f"{name}.ovf").read_bytes()[:2000].decode(errors="ignore")
        begin, end = (float(re.search(f"x{k}: (.*)", text)[1]) for k in ("min", "max"))
        assert begin == pytest.approx(left[row]) and end == pytest.approx(left[row] + 160e-9)
        grid, m = read_ovf(folder / f"{name}.ovf")[:2]
        assert grid.shape == (40, 8, 1)
        # It is the strip that is there.
        strip = jaxstt.Grid((160, 8, 1), grid.spacing)
        edges = jaxstt.rough_edges(strip, 2e-9, 12e-9, 5)
        first = round(left[row] / 4e-9)
        np.testing.assert_array_equal(np.any(m != 0, axis=0), edges[first : first + 40])
    store = zarr.open_group(folder / "m.zarr", mode="r")
    np.testing.assert_allclose(store["window"][...], left)
    assert store["m"].shape == (11, 3, 40, 8, 1) and "magnet" not in store


def wire(cells: int = 64, **more) -> jaxstt.LLG:
    grid = jaxstt.Grid((cells, 1, 1), (4e-9, 2e-8, 2e-9))
    field = np.linspace(1.0, 1.2, cells).reshape(grid.shape)
    return jaxstt.LLG(
        grid, Ms=8e5 * field, alpha=0.1,
        energies=(jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(3e5 * field)),
        torques=(jaxstt.ZhangLi(jnp.stack([-1e12 / field, 0 * field, 0 * field]), P=0.5, xi=0.3),),
    )  # fmt: skip


def test_it_cuts_every_field() -> None:
    whole = wire()
    grid = jaxstt.Grid((24, 1, 1), whole.grid.spacing)
    ends = jaxstt.end_domains(grid, 8e5, length=1e-6)
    window = jaxstt.Window(whole, 24, 10, energies=(jaxstt.Demag(grid), ends))
    assert window.grid == grid
    for part, first in ((window(0), 10), (window(-7), 3), (window.moved(5)(-2), 13)):
        here = slice(first, first + 24)
        np.testing.assert_array_equal(part.Ms, whole.Ms[here])
        np.testing.assert_array_equal(part.energies[1].K, whole.energies[1].K[here])
        np.testing.assert_array_equal(part.torques[0].j, whole.torques[0].j[:, here])
        assert [type(e).__name__ for e in part.energies[2:]] == ["Demag", "Zeeman"]
        np.testing.assert_array_equal(part.energies[3].B, ends.B)


def test_a_drive_may_be_a_function() -> None:
    plain = wire()
    field = jaxstt.Zeeman(lambda t: jnp.stack([0 * t, 0 * t, 1e9 * t]))
    known = {"Ms": plain.Ms, "alpha": plain.alpha, "torques": plain.torques}
    driven = jaxstt.LLG(plain.grid, **known, energies=(*plain.energies, field))
    part = jaxstt.Window(driven, 24, 10)(3)
    m = jaxstt.uniform(part.grid, (0.0, 0.0, 1.0))
    still = jaxstt.Window(plain, 24, 10)(3)
    more = jaxstt.effective_field(part, m, 2e-11) - jaxstt.effective_field(still, m, 2e-11)
    np.testing.assert_allclose(more[2], 0.02, rtol=1e-9)


def test_it_stops_at_the_end_of_the_wire() -> None:
    window = jaxstt.Window(wire(), 24, 40)
    m0 = jaxstt.bloch_wall(window.grid, 6.6e-9, angle=0.0)
    t = np.linspace(0.0, 0.2e-9, 11)
    found = jaxstt.follow(window, m0, t, throw=False)
    assert found.result == jaxstt.RESULTS.wire_ends
    with pytest.raises(RuntimeError, match="came to the end of the wire"):
        jaxstt.follow(window, m0, t)
    assert int(jaxstt.follow(window.moved(-20), m0, t[:3]).steps) > 4


BAD = {
    "[window] `cells` must be from 8 to the 160 of the wire, got 200": ("= 40", "= 200"),
    "[window] `cells` must be from 8 to the 160 of the wire, got -3": ("cells = 40", "cells = -3"),
    "[window] unknown key `length`": ("cells = 40", "cells = 40\nlength = 1e-7"),
    "[window] `cells` is missing": ("cells = 40", ""),
    "[window] cannot move along a wire that is periodic along x": (
        "[grid]\n", "[grid]\nperiodic = [true, false, false]\n"
    ),
    "[window] the wall must begin half a window, 8e-08 m, from the ends of the wire, got 4e-08": (
        "0.32e-6", "0.04e-6"
    ),
    "[window] needs a start with one wall, where m_x changes its sign": (
        WINDOW, WINDOW + '[output]\ncomponent = "x"\n'
    ),
    "[thermal] `T` must be >= 0, got -1": (WINDOW, WINDOW + "[thermal]\nT = -1\nseed = 1\n"),
    "[thermal] `seed` is missing": (WINDOW, WINDOW + "[thermal]\nT = 1\n"),
    "[thermal] `T` must be a number with [window], got a field": (
        WINDOW, WINDOW + '[thermal]\nT = { file = "T.npy" }\nseed = 1\n'
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told, tmp_path, capsys) -> None:
    np.save(tmp_path / "T.npy", np.ones((160, 8, 1)))
    path = written(tmp_path, (STRIP + WINDOW).replace(*BAD[told]))
    assert run(["simulate", str(path)]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert told in line, line
    assert not (tmp_path / "config").exists()


def test_sweeps_run_the_whole_wire(tmp_path, capsys) -> None:
    text = (STRIP + WINDOW).replace("alpha = 0.1", "alpha = { values = [0.1, 0.2] }")
    assert run(["sweep", str(written(tmp_path, text))]) == 2
    assert (
        "[window] is for `jaxstt simulate`: here the whole wire is run" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "told, make",
    [
        ("`count` must be at most the 64 columns", lambda: jaxstt.Window(wire(), 65)),
        ("`first` must be from 0 to 40, got 41", lambda: jaxstt.Window(wire(), 24, 41)),
        ("`first` must be a whole number, got 1.5", lambda: jaxstt.Window(wire(), 24, 1.5)),
        ("`wire` must be a jaxstt.LLG", lambda: jaxstt.Window(3, 24)),
        ("`grid` of Demag must be that of the LLG", lambda: jaxstt.Window(
            wire(), 24, energies=(jaxstt.Demag(wire().grid),)
        )),
        ("`wire` must hold no Demag", lambda: jaxstt.Window(jaxstt.LLG(
            wire().grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Demag(wire().grid),)
        ), 24)),
    ],
)  # fmt: skip
def test_bad_windows(told, make) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        make()
