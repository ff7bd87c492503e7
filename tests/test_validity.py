"""The verdict on a wall: the paper's estimate, a texture on a grid, figures and command line."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import Grid, bloch_wall
from jaxstt._app._cli import run
from jaxstt.constants import EV, HBAR
from jaxstt.electron import precession_length, texture_kappa, validity
from jaxstt.plot import SAMPLES, validity_figure, validity_map

PAPER = {"Delta": 1.0 * EV, "v_F": 3e5, "xi": 0.02}
WIDTHS = np.array([1e-9, 2e-9, 5e-9, 10e-9])

# Delta (eV), v_F: xi_eff/xi - 1, the same over the Fermi surface, pointwise error; None: not given.
ESTIMATE = [
    (1.0, 3e5, [0.022, 0.0054, 0.0009, 0.0002], [0.013, 0.0033], [0.11, 0.05, 0.02, 0.010]),
    (1.0, 1e6, [2.84, 0.117, 0.0096, 0.0024], [1.20, 0.052], [0.65, 0.27, 0.07, 0.03]),
    (0.1, 3e5, [32.6, 9.4, 0.29, 0.022], [19.0, 4.7, 0.11, 0.013], [0.79, 0.74, 0.36, 0.11]),
]


def half_digit(values: list[float]) -> np.ndarray:
    """Half a unit of the last digit printed, and a little."""
    return np.array([0.51 * 10.0 ** -len(f"{v}".partition(".")[2]) for v in values])


def test_papers_estimate() -> None:
    for Delta, v_F, single, fermi, local in ESTIMATE:
        found = validity(WIDTHS, Delta * EV, v_F, 0.02)
        assert np.all(np.abs(found.change - np.array(single)) <= half_digit(single))
        fermi_found = np.asarray(found.change_fermi)[: len(fermi)]
        assert np.all(np.abs(fermi_found - np.array(fermi)) <= half_digit(fermi))
        assert np.all(np.abs(found.local_error - np.array(local)) <= half_digit(local))


def test_scales() -> None:
    found = validity(1e-9, **PAPER)
    assert abs(float(found.tau_ex) / 6.582120e-16 - 1) < 1e-6
    assert abs(float(precession_length(EV, 3e5)) * 1e9 - 0.197) < 5e-4
    assert abs(1 / float(found.kappa) - 5.06) < 5e-3
    assert float(found.xi) == 0.02


@pytest.mark.parametrize(
    ("length", "verdict"), [(5.01, "good"), (4.99, "warn"), (2.01, "warn"), (1.99, "refuse")]
)
def test_verdict(length: float, verdict: str) -> None:
    found = validity(length * float(precession_length(EV, 3e5)), **PAPER)
    assert found.verdict == verdict
    assert f": {verdict}." in found.text and "\n" not in found.text


def test_text() -> None:
    text = validity(1e-9, **PAPER).text
    for part in ("5.06 v_F tau_ex wide", "(+1.3 %)", "(+2.2 %)", "another cause", "up to 11 %"):
        assert part in text
    scattered = validity(1e-9, **PAPER, tau0=6.58212e-16)
    assert abs(float(scattered.change_scattered) - 0.2) < 0.01
    assert "With momentum scattering xi_eff is 0.02396 (+20 %)" in scattered.text
    without = validity(1e-9, EV, 3e5, 0.0)
    assert np.isinf(without.change) and "against xi = 0;" in without.text


def test_gradient_and_float32() -> None:
    def change(width, Delta, v_F, xi):
        return validity(width, Delta, v_F, xi).change_fermi

    p = (1e-9, 0.5 * EV, 3e5, 0.02)
    compiled = jax.jit(change)
    slopes = jax.jit(jax.grad(change, argnums=(0, 1, 2, 3)))(*p)
    for i, slope in enumerate(slopes):
        step = [value * (1 + 1e-4 * (k == i)) for k, value in enumerate(p)]
        back = [value * (1 - 1e-4 * (k == i)) for k, value in enumerate(p)]
        difference = (compiled(*step) - compiled(*back)) / (2e-4 * p[i])
        np.testing.assert_allclose(slope, difference, rtol=1e-5)
    narrow = [np.float32(x) for x in p]
    single = compiled(*narrow)
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, compiled(*p), rtol=1e-4)
    slope = jax.jit(jax.grad(change, argnums=1))(*narrow)
    np.testing.assert_allclose(slope, slopes[1], rtol=1e-3)


def test_texture() -> None:
    """A wall of width l turns by 1/l in its middle; a cell of l/10 misses 1/600 of it."""
    grid = Grid((200, 1, 1), (0.5e-9, 1e-9, 1e-9))
    m = bloch_wall(grid, 5e-9, position=50e-9)
    kappa = float(texture_kappa(grid, m, EV, 3e5))
    assert abs(kappa / (float(precession_length(EV, 3e5)) / 5e-9) - 1) < 3e-3


BAD = [
    ({"width": 0.0}, "`width` must be > 0, got 0"),
    ({"width": -1e-9}, "`width` must be > 0, got -1e-09"),
    ({"Delta": 0.0}, "`Delta` must be > 0"),
    ({"v_F": -1.0}, "`v_F` must be > 0, got -1"),
    ({"xi": -0.1}, "`xi` must be >= 0, got -0.1"),
    ({"tau0": 0.0}, "`tau0` must be > 0"),
    ({"width": np.nan}, "`width` must be finite"),
    ({"Delta": 1.0}, "`Delta` is in J and must be < 1e-16, got 1"),
    ({"width": 5.0}, "`width` is in m and must be < 0.001, got 5"),
    ({"width": np.full(2, 1e-9), "xi": np.full(3, 0.1)}, "must broadcast, got `width` (2,)"),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_input(change: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        validity(**({"width": 1e-9, **PAPER} | change))
    assert message in str(error.value) and "\n" not in str(error.value)


def test_bad_use() -> None:
    with pytest.raises(ValueError, match="`verdict` needs one wall"):
        _ = validity(WIDTHS, **PAPER).verdict
    with pytest.raises(ValueError, match="`Delta` must be > 0"):
        precession_length(0.0, 3e5)
    with pytest.raises(ValueError, match=r"`samples\['x'\]` must be > 0, got -1"):
        validity_map({"x": -1.0})
    with pytest.raises(ValueError, match="`samples` must name"):
        validity_map({})
    with pytest.raises(ValueError, match="`result` must be of one wall"):
        validity_figure(validity(WIDTHS, **PAPER))


def test_map() -> None:
    """One panel a sample, the paper's point on it: both walls are good, so it does not explain."""
    figure = validity_map()
    assert (
        [axes.get_title() for axes in figure.axes]
        == list(SAMPLES)
        == [
            "CoNi, 10 nm",
            "FePt, 1 nm",
        ]
    )
    notes = [axes.texts[-1].get_text() for axes in figure.axes]
    assert notes[0].startswith("kappa = 0.0197: good") and "+0.015 %" in notes[0]
    assert notes[1].startswith("kappa = 0.197: good") and "+1.3 %" in notes[1]
    for axes in figure.axes:
        (point,) = axes.lines
        assert point.get_xydata().tolist() == [[1.0, 3e5]]


def test_figure_marks_the_wall() -> None:
    result = validity(1e-9, **PAPER)
    left, right = validity_figure(result).axes
    here = 1 / float(result.kappa)
    marked = {tuple(line.get_xydata()[0]) for line in left.lines if len(line.get_xydata()) == 1}
    assert marked == {
        (here, float(result.single.xi_eff) / 0.02),
        (here, float(result.fermi.xi_eff) / 0.02),
    }
    curves = [line.get_xydata() for line in right.lines if len(line.get_xydata()) > 2]
    assert len(curves) == 2
    for curve in curves:
        assert np.all(np.diff(curve[:, 1]) > 0) and curve[-1, 1] > 0.998


COMMAND = ["validity", "--width", "5e-9", "--Delta-eV", "1.0", "--vF", "3e5", "--xi", "0.02"]


def test_command(capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(COMMAND) == 0
    out, err = capsys.readouterr()
    kappa = 3e5 * HBAR / EV / 5e-9
    assert out.startswith(f"verdict: good  (kappa = v_F tau_ex/l = {kappa:.4g})") and err == ""
    assert "(+0.056 %)" in out and out.endswith("wrote validity.png\n")
    assert (tmp_path / "validity.png").read_bytes().startswith(b"\x89PNG")
    narrow = [*COMMAND, "--tau0", "1e-15", "--out", "narrow.svg"]
    narrow[2] = "3e-10"
    assert run(narrow) == 0
    assert capsys.readouterr().out.startswith("verdict: refuse")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["narrow.svg", "validity.png"]


BAD_ARGUMENTS = [
    (["--width", "-5e-9"], "`--width` must be > 0, got -5e-09"),
    (["--Delta-eV", "0"], "`--Delta-eV` must be > 0, got 0"),
    (["--vF", "inf"], "`--vF` must be > 0, got inf"),
    (["--xi", "-1"], "`--xi` must be >= 0, got -1"),
    (["--xi", "a"], "'--xi'"),
    (["--tau0", "0"], "`--tau0` must be > 0, got 0"),
    (["--out", "no_such/a.png"], "`--out` must be in a folder that exists"),
    (["--out", "a.gif"], "`--out` must end in .png, .pdf or .svg"),
    (["--out", "."], "`--out` must be a file, got the folder"),
    (["--colour", "red"], "--colour"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_ARGUMENTS)
def test_bad_arguments(arguments: list[str], message: str, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([*COMMAND, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("jaxstt: error: ") and message in err
    assert list(tmp_path.iterdir()) == []


def test_missing_option(capsys) -> None:
    assert run(COMMAND[:3]) == 2
    assert "'--Delta-eV'" in capsys.readouterr().err
    assert run(["fly"]) == 2
    assert "fly" in capsys.readouterr().err


def test_import_draws_nothing() -> None:
    """`import jaxstt` loads neither the figures nor the command line."""
    code = "import sys, jaxstt; print([n for n in sys.modules if n in {'matplotlib', 'typer', "
    code += "'jaxstt.plot', 'jaxstt._app'}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
