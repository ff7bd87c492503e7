"""`fit_series` and `jaxstt-fit-series`: the numbers that a TOML file leaves open."""

import json

import configs
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
from fitting._series_cli import run
from jaxstt.config import open_config

TRUTH = {"alpha": 0.1, "u": 60.0, "xi": 0.25}
TORQUE = """
[[torque]]
type = "ZhangLi.from_velocity"
u = { fit = 40.0 }
beta = { fit = 0.1, low = 0.0, high = 1.0, name = "xi" }
"""
WIRE = f"""{configs.wire(48, "4e-9", "{ fit = 0.2, low = 0.01, high = 1.0 }")}
{configs.uniaxial("2e5")}{configs.uniaxial("-2e4", "[1, 0, 0]")}{TORQUE}
{configs.bloch_wall("8e-9", "angle = 1.5")}
[relax]
"""
GUESSES = {
    "{ fit = 0.2, low = 0.01, high = 1.0 }": "0.1",
    "{ fit = 40.0 }": "60",
    '{ fit = 0.1, low = 0.0, high = 1.0, name = "xi" }': "0.25",
}
"""What is open in WIRE, and its true value."""
TIMES = np.linspace(0, 0.6e-9, 31)


@pytest.fixture(scope="module")
def wire(tmp_path_factory):
    path = tmp_path_factory.mktemp("wire") / "wire.toml"
    path.write_text(WIRE)
    return path


@pytest.fixture(scope="module")
def series(wire):
    """<m>(t) of the wire at TRUTH."""
    with jax.enable_x64(True):
        opened = open_config(wire, TIMES)
        values = {n: jnp.asarray(v) for n, v in TRUTH.items()}
        m = np.asarray(jax.jit(lambda f: f(values))(opened.averages))
    assert np.ptp(m[:, 2]) > 0.2 and m.shape == (31, 3)
    return fitting.Series(TIMES, m, "made up")


def test_ranges_and_shape(wire) -> None:
    opened = open_config(wire, TIMES)
    assert opened.ranges == {
        "alpha": (0.2, 0.01, 1.0), "u": (40.0, 0.0, 400.0), "xi": (0.1, 0.0, 1.0)
    }  # fmt: skip
    assert opened.shape == (48, 1, 1)
    assert open_config(wire, TIMES, shape=(24, 1, 1)).shape == (24, 1, 1)
    # The state at rest depends on none of them: it is found once.
    assert not opened.averages.run.rest


@pytest.mark.parametrize("cells", [48, pytest.param(36, marks=pytest.mark.thorough)])
def test_the_truth_comes_back(wire, series, cells: int) -> None:
    """On the mesh itself, and by way of a coarser one that is corrected."""
    told: list[str] = []
    fit = fitting.fit_series(series, wire, coarse=(cells, 1, 1), tell=told.append)
    assert fit.converged and fit.message == "converged"
    for name, true in TRUTH.items():
        assert fit.values[name] == pytest.approx(true, rel=1e-5 if cells == 48 else 1e-3), name
    assert len(fit.steps) == len(told) and (len(told) > 1) == (cells == 36)
    np.testing.assert_allclose(fit.predictions, series.m, atol=2e-5)


def test_settings_of_the_run_are_kept(tmp_path) -> None:
    """Its times are those of the data; a tolerance that is asked for is meant."""
    path = tmp_path / "run.toml"
    path.write_text(WIRE + configs.run("1e-9", "1e-10") + "rtol = 1e-7\n")
    config = open_config(path, TIMES).averages.run.recipe.config
    assert config.settings["rtol"] == 1e-7
    np.testing.assert_array_equal(config.times, TIMES)


def test_errors_are_those_of_the_residuals(wire, series) -> None:
    """Of noise that is drawn: half of the columns missing, and times that begin late."""
    rng = np.random.default_rng(1)
    noisy = series.m + 2e-4 * rng.normal(size=series.m.shape)
    noisy[:, 1] = np.nan
    late = fitting.Series(TIMES[1:], noisy[1:], "late")
    fit = fitting.fit_series(late, wire, coarse=(48, 1, 1))
    assert fit.rms == pytest.approx(2e-4, rel=0.25)
    for name, true in TRUTH.items():
        assert abs(fit.values[name] - true) < 4 * fit.std[name] < 0.2 * true
    assert np.isnan(fit.predictions[:, 1]).all() and np.isfinite(fit.predictions[:, 2]).all()
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), list(fit.std.values()))
    assert fit.to_dict()["predictions"][3][1] is None  # not 0, and JSON has no nan
    assert f"rms of the residuals of <m>: {fit.rms:.2e}" in fit.report()


def test_a_start_at_rest_that_depends_on_what_is_fitted(tmp_path) -> None:
    """K of the anisotropy: the start is relaxed anew, and differentiated."""
    path = tmp_path / "k.toml"
    text = WIRE.replace("K = 2e5", "K = { fit = 2.5e5 }")
    for guess, value in (
        ("{ fit = 40.0 }", "60"),
        ("{ fit = 0.2, low = 0.01, high = 1.0 }", "0.1"),
    ):
        text = text.replace(guess, value)
    path.write_text(text.replace('{ fit = 0.1, low = 0.0, high = 1.0, name = "xi" }', "0.25"))
    with jax.enable_x64(True):
        opened = open_config(path, TIMES)
        assert opened.averages.run.rest
        m = np.asarray(jax.jit(lambda f: f({"K": jnp.asarray(2e5)}))(opened.averages))
    fit = fitting.fit_series(fitting.Series(TIMES, m, "k"), path, coarse=(48, 1, 1))
    assert fit.values["K"] == pytest.approx(2e5, rel=1e-4)


def _csv(path, series) -> str:
    table = np.column_stack([series.time, series.m[:, 0], series.m[:, 2]]).tolist()
    rows = [",".join(map(repr, row)) for row in table]
    path.write_text("time_s,mx,mz\n" + "\n".join(rows) + "\n")
    return str(path)


def test_command(wire, series, tmp_path, capsys) -> None:
    file = _csv(tmp_path / "a.csv", series)
    out = tmp_path / "out"
    options = ["--coarse", "48,1,1", "--until", "3e-10", "--out", str(out)]
    assert run([str(wire), file, file, *options]) == 0
    shown = capsys.readouterr().out
    assert shown.count("Fit of ") == 2 and "(16 times)" in shown
    assert "2 series: mean, and what they differ by" in shown
    found = json.loads((out / "series.json").read_text())
    assert len(found) == 2 and found[0]["converged"]
    assert found[0]["values"]["u"] == pytest.approx(60, rel=1e-3)
    assert (out / "series.png").read_bytes().startswith(b"\x89PNG")


BAD = {
    "nothing": ("{ fit = 40.0 }", "40", "nothing is fitted: write a number as { fit = 0.1 }"),
    "text": ("{ fit = 40.0 }", '{ fit = "40" }', "[torque 1] `u`: `fit` must be a finite number"),
    "outside": ("{ fit = 40.0 }", "{ fit = 40.0, high = 30 }", "must be between `low` and `high`"),
    "key": ("{ fit = 40.0 }", "{ fit = 40.0, hi = 50 }", "unknown key `hi`; did you mean `hi"),
    "end": ("high = 1.0 }\n", "high = -1.0 }\n", "must be between `low` and `high`"),
    "impossible": ("{ fit = 0.2, low = 0.01", "{ fit = 0.2, low = -1", "[magnet] `alpha` = -1:"),
}


@pytest.mark.parametrize("case", BAD)
def test_configs_that_are_refused(case, series, tmp_path, capsys) -> None:
    old, new, message = BAD[case]
    text = WIRE
    if case == "nothing":
        for guess in (
            "{ fit = 0.2, low = 0.01, high = 1.0 }",
            '{ fit = 0.1, low = 0.0, high = 1.0, name = "xi" }',
        ):
            text = text.replace(guess, "0.2")
    assert old in text
    config = tmp_path / "bad.toml"
    config.write_text(text.replace(old, new, 1))
    file = _csv(tmp_path / "a.csv", series)
    assert run([str(config), file, "--out", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and not (tmp_path / "out").exists()
    assert err.startswith(f"jaxstt-fit-series: error: {config}: ") and message in err


def test_arguments_that_are_refused(wire, series, tmp_path, capsys) -> None:
    file = _csv(tmp_path / "a.csv", series)
    for arguments, message in (
        ([wire, "no.csv"], "no.csv: cannot be read"),
        (["no.toml", file], "no.toml: cannot be read"),
        ([wire, file, "--where", "xi"], "`--where` must be NAME=VALUE, got 'xi'"),
        ([wire, file, "--where", "xi=1"], "missing column `xi`"),
        ([wire, file, "--until", "1e-12"], "`--until` must leave two times"),
        ([wire, file, "--coarse", "4,4"], "`--coarse` must be NX,NY,NZ, got '4,4'"),
        ([wire, file, "--coarse", "0,1,1"], "`coarse` must be three numbers of cells, got (0, 1"),
    ):
        assert run([str(a) for a in arguments] + ["--out", str(tmp_path / "out")]) == 2
        assert message in capsys.readouterr().err
    for start, message in (
        ({"P": 0.5}, "`start`: 'P' is not fitted; the file leaves open alpha, u, xi"),
        ({"u": -1.0}, "`start`: `u` must be between 0 and 400, got -1"),
    ):
        with pytest.raises(fitting.InputError, match=message):
            fitting.fit_series(series, wire, start=start)
