"""TOML files as editors leave them, and states of other programs to start from."""

from pathlib import Path

import foreign
import numpy as np
import pytest

from jaxstt import Grid
from jaxstt._cli import run
from jaxstt._config import load_config

BASE = """# a wall, τ ≈ 1 ns
[grid]
shape = [6, 1, 1]
spacing = [4e-9, 50e-9, 1e-9]

[magnet]
Ms = 8e5
alpha = 0.1

[[energy]]
type = "Exchange"
A = 1.3e-11

[initial]
type = "uniform"
direction = [0, 0, -1]

[run]
duration = 0.2e-9
save_every = 0.05e-9
"""


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
