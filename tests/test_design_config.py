"""Designs written down in TOML: `design_config` and `jaxstt design`."""

import json

import configs
import jax
import numpy as np
import pytest

import fitting
import jaxstt
from fitting._design_cli import run
from jaxstt._app._cli import run as jaxstt_run

PULSE = """
[[torque]]
type = "ZhangLi"
j = { pulse = 3e12, low = -1e13, high = 1e13, duration = 0.2e-9, points = 8, along = [-1, 0, 0] }
P = 0.5
xi = 0.25
"""
ASKED = """
[run]
times = [0.0, 0.2e-9, 0.21e-9]
[design]
minimise = "heat"
tolerance = 1e-3
memory = 20e6
[[wish]]
quantity = "way"
equal = 20e-9
within = 1e-9
[[wish]]
quantity = "velocity"
equal = 0.0
within = 1.0
"""
WIRE = f"""{configs.wire(40, "4e-9", "0.2")}
{configs.uniaxial("2e5")}{configs.uniaxial("-1e5", "[1, 0, 0]")}{PULSE}
{configs.bloch_wall("8e-9", "angle = 1.5708")}
[relax]
{ASKED}"""


@pytest.fixture(scope="module")
def designed(tmp_path_factory):
    """(folder, exit code, what was printed) of a whole command."""
    folder = tmp_path_factory.mktemp("design")
    config = folder / "wire.toml"
    config.write_text(WIRE)
    return (
        folder,
        config,
        jaxstt_run(["design", str(config), "--out", str(folder / "out"), "--check"]),
    )


def test_a_pulse(designed, capsys) -> None:
    """The command's pulse does what was asked for, in a run of its own as well."""
    folder, _, code = designed
    out = folder / "out"
    assert code == 0
    kept = json.loads((out / "design.json").read_text())
    assert kept["met"] and kept["survives"] and kept["converged"]
    assert {p.name for p in out.iterdir()} == {
        "design.json", "design.png", "designed.toml", "search.json", "j.csv",
        "designed.mx3", "designed.ovf", "designed.mif", "designed_m0.ovf",
    }  # fmt: skip
    pulse = np.genfromtxt(out / "j.csv", delimiter=",", names=True)
    assert pulse.dtype.names == ("t_s", "j") and pulse["j"][-1] == 0.0 and pulse.size == 9
    assert pulse["j"][:-1] == pytest.approx(kept["values"]["j"])
    assert (out / "designed.mx3").read_text().count("Run(") == 9  # 8 pieces, and what follows
    # The config that was written, run by `jaxstt simulate`, which knows nothing of designs.
    assert jaxstt_run(["simulate", str(out / "designed.toml"), "--out", str(folder / "run")]) == 0
    table = jaxstt.io.read_table(folder / "run" / "table.txt")
    moved = np.ptp(table.columns["mz"]) * 160e-9 / 2
    assert moved == pytest.approx(20e-9, abs=0.3e-9)
    assert "wrote" in capsys.readouterr().out


def test_a_folder_that_is_not_empty(designed, capsys) -> None:
    folder, config, _ = designed
    assert run([str(config), "--out", str(folder / "out")]) == 2
    assert "is not empty; --resume goes on" in capsys.readouterr().err
    out = folder / "out"
    start = ["--start", str(out / "design.json")]
    assert run([str(config), "--out", str(out), "--resume", *start]) == 2
    assert "`--start` would be ignored" in capsys.readouterr().err


@pytest.mark.thorough
def test_cells_that_are_too_coarse_are_told(designed, tmp_path, capsys) -> None:
    """On cells of half the wall's width the way is 2.6 % off: the finer run says so."""
    folder, *_ = designed
    path = tmp_path / "wire.toml"
    path.write_text(WIRE.replace("within = 1e-9", "within = 0.2e-9"))
    start = folder / "out" / "design.json"
    assert run([str(path), "--out", str(tmp_path / "out"), "--start", str(start)]) == 3
    told = capsys.readouterr()
    assert "the design does not survive the independent run" in told.err
    assert json.loads((tmp_path / "out" / "design.json").read_text())["survives"] is False


def test_profiles_and_numbers(tmp_path) -> None:
    """A field that is smoothed, a number, and a smooth pulse; on the grid of the check as well."""
    profile = '{ profile = 2e5, low = 1.5e5, high = 2.5e5, radius = 13e-9, name = "K" }'
    text = WIRE.replace("K = 2e5", f"K = {profile}")
    text = text.replace("alpha = 0.2", "alpha = { design = 0.2, low = 0.1, high = 0.3 }")
    text = text.replace("points = 8,", 'points = 8, shape = "spline",')
    assert text.count("profile") == 1 and text.count("{ design") == 1
    path = tmp_path / "wire.toml"
    path.write_text(text)
    with jax.enable_x64(True):
        opened = fitting._design.open_design(path)
        assert {n: v.start.shape for n, v in opened.variables.items()} == {
            "K": (40,), "alpha": (), "j": (8,)
        }  # fmt: skip
        profile = opened.open_values["K"]
        x = np.where(np.arange(40) < 20, 1.5e5, 2.5e5)
        field = np.asarray(profile.value(x, (40, 1, 1)))
        assert field.shape == (40, 1, 1)
        assert field[[0, -1], 0, 0] == pytest.approx([1.5e5, 2.5e5])
        assert np.all(np.diff(field[:, 0, 0]) >= -1e-9)
        assert np.sum((field > 1.501e5) & (field < 2.499e5)) == 6  # 13 nm to either side
        fine = np.asarray(profile.value(x, (80, 1, 1)))[:, 0, 0]
        np.testing.assert_allclose(
            fine.reshape(40, 2).mean(1), field[:, 0, 0], rtol=1e-2
        )  # but for kinks
        assert opened.outcome.run.llg.grid.shape == (40, 1, 1)
        assert opened.verify.run.llg.grid.shape == (60, 1, 1)
        assert opened.verify.run.settings["rtol"] < 1e-5


def test_the_verifying_run_is_never_looser(tmp_path) -> None:
    """A tenth of the search's own tolerances, and what a pulse gives has the unit of its place."""
    path = tmp_path / "wire.toml"
    path.write_text(WIRE.replace("[run]", "[run]\nrtol = 1e-7\natol = 1e-8"))
    with jax.enable_x64(True):
        opened = fitting._design.open_design(path)
    settings = opened.verify.run.settings
    assert (settings["rtol"], settings["atol"]) == pytest.approx((1e-8, 1e-9))
    assert opened.open_values["j"].unit == "A/m^2"


def _eight(instead: str) -> str:
    return WIRE.replace("points = 8", instead)


BAD = {
    "nothing is designed": WIRE.replace(
        "j = { pulse = 3e12, low = -1e13, high = 1e13, duration = 0.2e-9, points = 8, "
        "along = [-1, 0, 0] }",
        "j = [0, 0, 0]",
    ),
    "[torque 1] `j`: `low` must be < `high`, got 1e+13 and 1e+12": WIRE.replace(
        "low = -1e13, high = 1e13", "low = 1e13, high = 1e12"
    ),
    "[torque 1] `j`: `pulse` must be between -1e+13 and 1e+12, got 3e+12": WIRE.replace(
        "high = 1e13", "high = 1e12"
    ),
    "[torque 1] `j`: `duration` is missing": WIRE.replace("duration = 0.2e-9, ", ""),
    "[torque 1] `j`: `points` must be a whole number from 4": WIRE.replace(
        "points = 8", "points = 3"
    ),
    "did you mean `spline`?": _eight('shape = "splines"'),
    "`along` must be a vector of 3 numbers, not 0": WIRE.replace("[-1, 0, 0] }", "[0, 0, 0] }"),
    "[torque 1] `P` must be a number or an array: it cannot change in time": WIRE.replace(
        "P = 0.5", "P = { pulse = 0.5, low = 0.0, high = 1.0, duration = 1e-10 }"
    ),
    "[torque 1] `j`: unknown key `point`; did you mean `points`?": WIRE.replace("points", "point"),
    "[grid] must not be designed": WIRE.replace(
        "spacing = [", "spacing = [{ design = 4e-9, low = 1e-9, high = 9e-9 }, 4e-9, 4e-9] #"
    ),
    "[magnet] `alpha` must be >= 0": WIRE.replace(
        "alpha = 0.2", "alpha = { design = 0.2, low = -0.1, high = 0.3 }"
    ),
    "[design] must say one of `minimise` and `maximise`": WIRE.replace('minimise = "heat"', ""),
    "`memory` must be at least": WIRE.replace("memory = 20e6", "memory = 1e4"),
    "[design] `memory` must be a number > 0, got 'much'": WIRE.replace("20e6", '"much"'),
    "[design]: unknown quantity 'haet'; did you mean `heat`?": WIRE.replace('"heat"', '"haet"'),
    "[design] unknown key `tolerence`; did you mean `tolerance`?": WIRE.replace(
        "tolerance", "tolerence"
    ),
    "[design]: unknown quantity ['heat']": WIRE.replace('"heat"', '["heat"]'),
    "[design] `tolerance` must be a number > 0, got 'fine'": WIRE.replace("1e-3", '"fine"'),
    "`of` must be one of j, got ['j']": WIRE.replace('"heat"', '"heat"\nof = ["j"]'),
    "`unit` must be A/m^2, got 'A': numbers are SI": _eight('points = 8, unit = "A"'),
    "`shape` must be three whole numbers > 0, got 3": WIRE + "[verify]\nshape = 3\n",
    "[wish 1]: `within` is missing": WIRE.replace("within = 1e-9", ""),
    "[wish 1]: must say `quantity`, and one of": WIRE.replace("equal = 20e-9\n", ""),
    "[wish 1]: `margin` has no meaning with `equal`": WIRE.replace(
        "within = 1e-9", "within = 2e-9\nmargin = 1e-9"
    ),
    "[wish 1]: unknown key `eqal`; did you mean `equal`?": WIRE.replace("equal = 20", "eqal = 20"),
    "[wish 1]: `of` has no meaning with 'way'": WIRE.replace('"way"', '"way"\nof = "j"'),
    "[wish 1]: way: `within` must be > 0": WIRE.replace("within = 1e-9", "within = 0"),
    "`wish` must be written as [[wish]]": WIRE.replace("[[wish]]", "[wish]", 1).split("[[wish]]")[
        0
    ],
    "[verify] unknown key `cells`": WIRE + "[verify]\ncells = 3\n",
    "[verify]: `shape` must be three whole numbers > 0, got [0, 1, 1]": WIRE
    + "[verify]\nshape = [0, 1, 1]\n",
    "[run] is missing": WIRE.replace("[run]\ntimes = [0.0, 0.2e-9, 0.21e-9]\n", ""),
    "'way' of `subject_to` is not finite at the start": WIRE.replace(
        "[run]", "[run]\nmax_steps = 2"
    ),
    "unknown optimizer 'bfgs'; did you mean `lbfgs`?": WIRE.replace(
        "tolerance = 1e-3", 'optimizer = "bfgs"'
    ),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input(told, tmp_path, capsys) -> None:
    """One line, and nothing written."""
    path = tmp_path / "bad.toml"
    path.write_text(BAD[told])
    assert BAD[told] != WIRE
    assert run([str(path), "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and told in lines[0], lines
    assert not (tmp_path / "out").exists()
