"""TOML files as editors leave them, and states of other programs to start from."""

from pathlib import Path

import configs
import foreign
import numpy as np
import pytest

from jaxstt import Grid, io
from jaxstt._app._cli import run
from jaxstt._app._config import load_config

BASE = f"""# a wall, τ ≈ 1 ns{configs.wire(6)}
[initial]
type = "uniform"
direction = [0, 0, -1]
{configs.run("0.2e-9", "0.05e-9")}"""


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "config.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [BASE, "\ufeff" + BASE, BASE.replace("\n", "\r\n"), BASE.replace("\n", "\r")],
    ids=["plain", "byte-order mark", "CRLF", "CR"],
)
def test_the_same_config_in_many_dresses(content, tmp_path):
    config = load_config(written(tmp_path, content))
    assert config.llg.grid == Grid((6, 1, 1), (4e-9, 50e-9, 1e-9))
    assert np.asarray(config.m0)[:, 0, 0, 0].tolist() == [0, 0, -1]
    assert not config.text.startswith("\ufeff")


BAD = {
    "minus": (BASE.replace("0, -1]", "0, \u22121]"), "line 16: write '-' for '\u2212' (U+2212): "),
    "exponent": (BASE.replace("4e-9", "4e\u22129"), "line 4: write '-' for '\u2212' (U+2212): "),
    "dash": (BASE.replace("1.3e-11", "1.3e\u201311"), "line 12: write '-' for '\u2013' (U+2013): "),
    "quotes": (
        BASE.replace('"Exchange"', "\u201cExchange\u201d"),
        "line 11: write '\"' for '\u201c' (U+201C): ",
    ),
    "blank": (BASE.replace("Ms = ", "Ms\u00a0= "), "line 7: write ' ' for '\\xa0' (U+00A0): "),
    "comma": (BASE.replace("0, -1]", "0\uff0c -1]"), "line 16: write ',' for '\uff0c' (U+FF0C): "),
    "decimal comma": (BASE.replace("0.1", "0,1"), "(at line 8, column "),
    "in a comment only": (BASE.replace("0.1", "0.1.2 # \u22121"), "Expected newline"),
    "UTF-16": (BASE.encode("utf-16"), "must be saved as utf-8 text, got UTF-16"),
    "Latin-1": (BASE.replace("τ ≈ 1", "5 \xb5").encode("latin-1"), "line 1: must be saved as utf"),
    "brackets": ("a = " + "[" * 9999, "holds brackets in brackets in brackets, too many"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_toml(case, tmp_path, capsys):
    content, message = BAD[case]
    path = written(tmp_path, content)
    assert run(["simulate", str(path)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith(f"jaxstt: error: {path}: ") and message in err


def test_a_damaged_config_is_refused_in_one_line(tmp_path):
    for _, damaged in foreign.mutations(BASE.encode(), 6, 150):
        path = written(tmp_path, damaged)
        try:
            load_config(path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ")


GRID = Grid((6, 1, 1), (4e-9, 50e-9, 1e-9))
ANGLES = np.linspace(0, 3, 6)
M = np.stack([np.sin(ANGLES), 0 * ANGLES, np.cos(ANGLES)]).reshape(3, 6, 1, 1)
HOLES = np.array([1, 1, 0, 1, 0, 1]).reshape(6, 1, 1)
START = BASE.replace('type = "uniform"\ndirection = [0, 0, -1]', 'file = "m.ovf"')


@pytest.mark.parametrize("unit", ["1", "", "none", "A/m", "kA/m"])
@pytest.mark.parametrize("scale", [1.0, 8e5])
def test_a_start_in_any_unit(scale, unit, tmp_path):
    io.write_ovf(tmp_path / "m.ovf", GRID, scale * M, unit=unit)
    path = written(tmp_path, START)
    if (unit, scale) == ("1", 8e5):
        with pytest.raises(ValueError, match=r"length 800000 to 800000 in unit '1'"):
            load_config(path)
    else:
        np.testing.assert_allclose(load_config(path).m0, M, atol=1e-15)


@pytest.mark.parametrize(
    ("names", "fine"),
    [
        ({"title": "Oxs_TimeDriver::Magnetization"}, True),
        ({"labels": ("Oxs_TimeDriver::Magnetization_x", "_y", "_z")}, True),
        ({"title": "a field of view", "labels": ("m_full_x", "m_full_y", "m_full_z")}, True),
        ({"title": "Oxs_RungeKuttaEvolve:evolver:Total field"}, False),
        ({"labels": ("Oxs_Demag::Field_x", "Oxs_Demag::Field_y", "Oxs_Demag::Field_z")}, False),
        ({"labels": ("H_x", "H_y", "H_z")}, False),
        ({"labels": ("B_eff_x", "B_eff_y", "B_eff_z")}, False),
    ],
)
def test_a_field_in_A_per_m_is_no_start(names, fine, tmp_path):
    names = {"labels": ("", "", ""), **names} if "title" in names else names
    io.write_ovf(tmp_path / "m.ovf", GRID, 8e5 * M, unit="A/m", **names)
    path = written(tmp_path, START)
    if fine:
        assert load_config(path).warnings == ()
    else:
        with pytest.raises(ValueError, match=r"m\.ovf: a state must be a magnetisation, got '"):
            load_config(path)


@pytest.mark.parametrize(
    ("M_there", "unit"), [(1.4e6, "A/m"), (1400.0, "kA/m"), (1400.0, "emu/cc")]
)
def test_another_Ms_is_told(M_there, unit, tmp_path):
    scale = np.full((6, 1, 1), M_there * 8e5 / 1.4e6)
    io.write_ovf(tmp_path / "m.ovf", GRID, scale * M, unit=unit)
    assert load_config(written(tmp_path, START)).warnings == ()
    scale[3] = M_there
    io.write_ovf(tmp_path / "m.ovf", GRID, scale * M, unit=unit)
    (told,) = load_config(written(tmp_path, START)).warnings
    assert "'m.ovf' holds |M| = 1.4e+06 A/m in cell (3, 0, 0), where [magnet] has Ms = 800" in told


@pytest.mark.parametrize(("scale", "unit"), [(1.0, "1"), (8e5, "A/m")])
def test_the_vacuum_of_a_start(scale, unit, tmp_path):
    io.write_ovf(tmp_path / "m.ovf", GRID, scale * M * HOLES, unit=unit)
    with pytest.raises(
        ValueError, match=r"\[initial\] `file` 'm.ovf' holds 2 cells of zero length"
    ):
        load_config(written(tmp_path, START))
    config = load_config(written(tmp_path, START.replace('m.ovf"', 'm.ovf"\nmask = true')))
    np.testing.assert_array_equal(config.llg.grid.mask, HOLES == 1)
    np.testing.assert_allclose(config.m0, M * HOLES, atol=1e-15)
    np.save(tmp_path / "mask.npy", HOLES == 1)
    masked = START.replace("shape", 'mask = { file = "mask.npy" }\nshape')
    again = load_config(written(tmp_path, masked))
    assert again.llg.grid == config.llg.grid
    np.testing.assert_array_equal(again.m0, config.m0)
    with pytest.raises(ValueError, match=r"`mask` must not be true with a `mask` in \[grid\]"):
        load_config(written(tmp_path, masked.replace('m.ovf"', 'm.ovf"\nmask = true')))
    with pytest.raises(ValueError, match=r"\[initial\] `mask` must be true or false, got 1"):
        load_config(written(tmp_path, START.replace('m.ovf"', 'm.ovf"\nmask = 1')))


def test_the_vacuum_of_an_array(tmp_path):
    np.save(tmp_path / "m.npy", M * HOLES)
    start = START.replace("m.ovf", "m.npy")
    config = load_config(written(tmp_path, start.replace('npy"', 'npy"\nmask = true')))
    np.testing.assert_array_equal(config.llg.grid.mask, HOLES == 1)
    np.save(tmp_path / "m.npy", M)
    config = load_config(written(tmp_path, start.replace('npy"', 'npy"\nmask = true')))
    assert config.llg.grid.mask is None


def test_an_array_that_is_none(tmp_path):
    start = written(tmp_path, START.replace("m.ovf", "m.npy"))
    path = tmp_path / "m.npy"
    np.save(path, M)
    content = path.read_bytes()
    damaged = [damaged for _, damaged in foreign.mutations(content, 7, 300)]
    for broken in (b"PK\x03\x04", content + content, *damaged):
        path.write_bytes(broken)
        try:
            load_config(start)
            assert len(broken) == len(content)
        except ValueError as error:
            assert str(error).startswith(f"{start}: [initial] ") and "\n" not in str(error)
    np.save(path, np.where(HOLES, M, np.nan))
    with pytest.raises(
        ValueError, match=r"\[initial\] `file` 'm.npy' must hold unit vectors, got nan"
    ):
        load_config(start)


def test_what_is_no_state(tmp_path):
    path = tmp_path / "m.ovf"
    for values, unit, message in (
        (M[:1], "A/m", "valuedim must be 3 for a state, got 1"),
        (0 * M, "A/m", "must not be zero everywhere"),
        (M, "T", "in unit 'T'"),
        (
            M * ANGLES.reshape(6, 1, 1),
            "",
            "of unit vectors or in A/m, got vectors of length 0.6 to",
        ),
    ):
        io.write_ovf(path, GRID, values, unit=unit, labels=("a", "b", "c")[: len(values)])
        with pytest.raises(ValueError, match=rf"m\.ovf: .*{message}"):
            io.read_state(path)
    io.write_ovf(path, GRID, 1e200 * M, unit="A/m")
    np.testing.assert_allclose(io.read_state(path)[1], M, atol=1e-15)
