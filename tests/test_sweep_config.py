"""`jaxstt sweep`: a config some of whose numbers are ranges."""

import json
import sys

import configs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import SweepWarning, constants, sweep
from jaxstt._app._cli import run
from jaxstt._app._config import load_config
from jaxstt._app._simulate import simulate
from jaxstt._app._sweep_config import load_sweep
from jaxstt.io import load_zarr, read_table
from jaxstt.plot import PHASES

OBSERVABLES = '["average", "energies", "wall_velocity", "wall_width", "wall_state"]'
BASE = f"""{configs.wire(40, "3e-9", "0.5")}{configs.uniaxial("4e5")}
{configs.uniaxial("-4e4", "[1, 0, 0]")}
[[energy]]
type = "Zeeman"
B = {{ type = "Pulse", value = [0, 0, 1e-3], start = 0, duration = 1.0 }}

[[torque]]
type = "ZhangLi.from_velocity"
u = 20.0
beta = 0.3
{configs.bloch_wall("6e-9", "angle = 1.5707963267948966")}{configs.run("1e-9", "0.05e-9")}
[output]
observables = {OBSERVABLES}
"""


def written(folder, *changes, text=BASE):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_point_is_the_simulation_with_its_numbers(tmp_path):
    """Everything that may be swept at once: material, a drive's vector, a velocity, the start."""
    values = {"Ms": 7e5, "alpha": 0.4, "K": 3.5e5, "B_z": 2e-3, "beta": 0.1, "width": 7e-9}
    old = ("Ms = 8e5", "alpha = 0.5", "K = 4e5", "0, 0, 1e-3", "beta = 0.3", "width = 6e-9")

    def shown(write):
        return [
            (o, o.rsplit(" ", 1)[0] + " " + write(v))
            for o, v in zip(old, values.values(), strict=True)
        ]

    (tmp_path / "plain").mkdir()
    plain = load_config(written(tmp_path / "plain", *shown(repr)))
    simulate(plain, tmp_path / "run")
    columns = read_table(tmp_path / "run" / "table.txt").columns
    swept = load_sweep(written(tmp_path, *shown(lambda v: f"{{ values = [{v!r}] }}")))
    assert {n: float(v[0]) for n, (_, v) in swept.space.axes.items()} == values
    found = swept.function(**{name: jnp.asarray(v) for name, v in values.items()})
    assert swept.units["Ms"] == "A/m" and swept.units["E_total"] == "J"
    for name, column in columns.items():
        if name not in ("t", "wall_velocity"):
            assert float(found[name]) == pytest.approx(column[-1], rel=1e-9, abs=1e-30), name
    q, t = columns["wall_state_position"], columns["t"]
    assert float(found["wall_velocity"]) == pytest.approx(
        np.polyfit(t[10:], q[10:], 1)[0], rel=1e-6
    )


def test_the_command(tmp_path, capsys):
    swept = "u = { from = 10, to = 20.0, steps = 2 }"
    text = BASE.replace("u = 20.0", swept).replace('"energies", ', "")
    text = text.replace("beta = 0.3", "beta = { values = [0.3, 0.5, 0.7] }")
    path = written(tmp_path, text=text)
    out = tmp_path / "out"
    assert run(["sweep", str(path), "--out", str(out)]) == 0
    assert "6 points: 6 steady\n" in capsys.readouterr().out
    assert sorted(p.name for p in out.iterdir()) == ["config.toml", "sweep.png", "sweep.zarr"]
    found = load_zarr(out / "sweep.zarr")
    assert found["wall_velocity"].dims == ("u", "beta")
    assert found["u"].values.tolist() == [10, 20] and found["u"].attrs["units"] == "m/s"
    assert not found["failed"].any() and np.all(found["phase"] == 2)
    # A steady wall; on cells of half its width the torque misses (d/lambda)^2/6 = 5 %.
    width, B = np.sqrt(1.3e-11 / 4e5), 1e-3
    v = (found["beta"] * found["u"] + constants.GAMMA * width * B) / 0.5
    np.testing.assert_allclose(found["wall_velocity"], v.transpose("u", "beta"), rtol=0.06)
    assert json.loads(found.attrs["version"])["magnet"]["alpha"] == 0.5
    assert run(["sweep", str(path), "--out", str(out)]) == 2
    assert "--resume" in capsys.readouterr().err
    assert run(["sweep", str(path), "--out", str(out), "--resume"]) == 0
    capsys.readouterr()
    path.write_text(text.replace("alpha = 0.5", "alpha = 0.6"), encoding="utf-8")
    assert run(["sweep", str(path), "--out", str(out), "--resume"]) == 2
    assert "[magnet] `alpha` is 0.5 there, 0.6 here" in capsys.readouterr().err
    assert "alpha = 0.5" in (out / "config.toml").read_text()


def test_a_wall_that_does_not_come_to_a_motion_has_none(tmp_path):
    """Too short a run, and a wall that leaves the wire: nan rather than the slope of nothing."""
    changes = [("u = 20.0", "u = { values = [60.0, 1500.0] }"), ("beta = 0.3", "beta = 0.1")]
    changes.append(("1e-9\nsave_every = 0.05e-9", "0.1e-9\nsave_every = 0.01e-9"))
    swept = load_sweep(written(tmp_path, *changes, (', "wall_width", "wall_state"', "")))
    with pytest.warns(SweepWarning, match="2 of 2 points failed"):
        sweep(swept.function, swept.space)
    assert swept.may_be_nan == ("wall_velocity", "precession")
    found = sweep(swept.function, swept.space, may_be_nan=swept.may_be_nan)
    assert not found["failed"].any()
    assert [PHASES[k] for k in found["phase"].values] == ["undecided", "no wall"]
    assert np.isnan(found["wall_velocity"]).all() and np.isnan(found["precession"]).all()
    assert np.isfinite(found["mx"]).all()


def test_what_is_drawn(tmp_path):
    drawn = '{ low = 1e-2, high = 1.0, log = true, name = "damping" }'
    text = BASE.replace("alpha = 0.5", f"alpha = {drawn}") + "\n[sweep]\npoints = 40\nseed = 3\n"
    swept = load_sweep(written(tmp_path, text=text))
    assert swept.space.dims == ("point",)
    values = swept.space.axes["damping"][1]
    assert values.shape == (40,) and values.min() >= 1e-2 and values.max() <= 1
    assert np.sum(values < 0.1) == 20  # a Latin hypercube
    text = text.replace("seed = 3", 'seed = 3\ndesign = "random"')
    other = load_sweep(written(tmp_path, text=text)).space.axes["damping"][1]
    assert 10 < np.sum(other < 0.1) < 30 and not np.any(np.isin(other, values))


def test_two_numbers_of_one_name_are_told_apart(tmp_path):
    both = [("K = 4e5", "K = { values = [4e5, 5e5] }"), ("K = -4e4", "K = { values = [-4e4] }")]
    swept = load_sweep(written(tmp_path, *both))
    assert list(swept.space.axes) == ["energy_2_K", "energy_3_K"]


A = "alpha = 0.5"
BAD = [
    ((A, A), "nothing is swept: write a number as { from = 0.0"),
    ((A, "alpha = { from = 0.1, to = 0.2 }"), "[magnet] `alpha`: `steps` must be a whole number"),
    ((A, "alpha = { from = 0.1, steps = 3 }"), "[magnet] `alpha`: `to` is missing"),
    (
        (A, "alpha = { from = 0.1, to = 1, steps = 1 }"),
        "`steps` must be a whole number >= 2, got 1",
    ),
    (
        (A, "alpha = { from = 0, to = 1, steps = 3, log = true }"),
        "`from` and `to` must have one si",
    ),
    ((A, "alpha = { from = 0.1, to = 1, step = 3 }"), "unknown key `step`; did you mean `steps`?"),
    ((A, "alpha = { values = [] }"), "`values` must be a list of finite numbers, got []"),
    ((A, "alpha = { values = [1, true] }"), "`values` must be a list of finite numbers"),
    ((A, "alpha = { values = [0.1, -1] }"), "[magnet] `alpha` must be >= 0"),
    ((A, "alpha = { low = 0.1, high = 0.2 }"), "[sweep] `points` is missing"),
    ((A, "alpha = { values = [0.1] }\n[sweep]\npoints = 3"), "`points` has a meaning only with"),
    (
        (A, 'alpha = { low = 0.1, high = 0.2 }\n[sweep]\npoints = 3\ndesign = "grid"'),
        "[sweep] unknown design 'grid'; did you mean",
    ),
    ((A, "alpha = { low = 0.2, high = 0.1 }\n[sweep]\npoints = 3"), "`low` must be below `high`"),
    ((A, 'alpha = { values = [1], name = "a b" }'), "`name` must be letters, digits and _"),
    ((A, "alpha = { values = [1], unit = 3 }"), "`unit` must be text, got 3"),
    ((A, 'alpha = { values = [1], name = "phase" }'), "`function` must not call a result 'phase'"),
    ((A, "alpha = { values = [1] }\n[sweep]\nchunk = 0"), "`chunk` must be an integer >= 1, got 0"),
    (("shape = [40", "shape = [{ values = [40] }"), "[grid] must not be swept (only magnet"),
    (("[initial]", "[initial]\nvalues = [1]"), "[initial] unknown key `values`"),
    (("[[torque]]", "[[torque]]\nlow = 1"), "[torque 1] unknown key `low`"),
    (("[[torque]]", "[[torque]]\norder = { values = [2] }"), "`order` must be a whole number"),
    (("duration = 1e-9\n", "duration = 0.25e-9\n"), "[run] must save at least 8 times"),
    (
        (
            "duration = 1e-9\nsave_every = 0.05e-9",
            "times = [0.0, 1e-12, 2e-12, 3e-12, 4e-12, 5e-12, 6e-12, 7e-12, 8e-12, 1e-10]",
        ),
        "4 of them in its second half",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_sweeps(change, message, tmp_path, capsys):
    swept = [] if change[0] == A else [(A, "alpha = { values = [0.4, 0.5] }")]
    path = written(tmp_path, change, *swept)
    assert run(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "out").exists()


def test_the_config_of_a_sweep_is_none_of_a_simulation(tmp_path, capsys):
    path = written(tmp_path, (A, A), text=BASE + "\n[sweep]\nchunk = 3\n")
    assert run(["simulate", str(path)]) == 2
    assert "[sweep] is for `jaxstt sweep`" in capsys.readouterr().err


def test_a_missing_package_is_told_before_anything_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    path = written(tmp_path, (A, "alpha = { values = [0.4, 0.5] }"))
    assert run(["sweep", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error == 'jaxstt: error: xarray is missing: pip install "jaxstt[io]"\n'
    assert not (tmp_path / "out").exists()


def test_cores(tmp_path, capsys):
    path = written(tmp_path, (A, "alpha = { values = [0.4, 0.5] }"))
    assert run(["sweep", str(path), "--cores", "9999"]) == 2
    assert "`--cores` must be between 1 and" in capsys.readouterr().err


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_it_lowers_for_accelerators(tmp_path, platform):
    """A batch of the function that a sweep runs, magnetostatics and all, without having one.

    But for what raises: JAX lowers callbacks for its own devices only.
    """
    demag = '[[energy]]\ntype = "Demag"\n\n[[torque]]'
    path = written(
        tmp_path,
        (A, "alpha = { values = [0.4, 0.5] }"),
        ("[[torque]]", demag),
        (', "wall_width", "wall_state"', ""),
    )
    function = load_sweep(path).function
    function.recipe.config.settings["throw"] = False
    batch = jax.jit(jax.vmap(lambda alpha: function(alpha=alpha)))
    lowered = batch.trace(jnp.ones(4)).lower(lowering_platforms=(platform,))
    assert "fft" in lowered.as_text()
