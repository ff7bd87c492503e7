"""Measurement files as spreadsheets and people leave them: read right, or refused in one line."""

import math

import foreign
import numpy as np
import pytest

from fitting import datasets, load_measurements
from fitting._data._sample import KEYS

COLUMNS = "observable,current_density_A_per_m2,field_T,value,std,unit,source"
ROWS = "wall_velocity,-1e11,,10.25,0.5,m/s,first\nwall_velocity,,1e-3,-20,1,m/s,second\n"
HEADER = "# Ms_A_per_m = 8e5\n# easy_axis = z\n# n0_A_per_m = 6e4\n"
GOOD = HEADER + COLUMNS + "\n" + ROWS


@pytest.fixture
def load(tmp_path):
    """Load this content; the message, without the file's name, if it is refused."""

    def write_and_load(content: str | bytes):
        return foreign.outcome(load_measurements, tmp_path / "my.csv", content)

    return write_and_load


def is_right(data) -> bool:
    sample, nan = data.sample, math.nan
    return (
        (sample.Ms, sample.easy_axis, sample.n0) == (8e5, "z", 6e4)
        and data.j.tolist() == [-1e11, 0.0]
        and data.B.tolist() == [0.0, 1e-3]
        and data.value.tolist() == [10.25, -20.0]
        and data.std.tolist() == [0.5, 1.0]
        and data.source == ("first", "second")
        and np.array_equal(data.temperature, [nan, nan], equal_nan=True)
    )


def european(text: str, separator: str = ";") -> str:
    """Decimal commas in the rows; the header is text and stays as it was typed."""
    head, rows = text.split("observable", 1)
    return head + ("observable" + rows).replace(",", separator).replace(".", ",")


def padded(text: str, separator: str = ",", count: int = 2) -> str:
    """All lines as wide, as spreadsheets export them."""
    width = 6 + count
    ends = (separator * (width - line.count(separator)) for line in text.splitlines())
    return "".join(f"{a}{b}\n" for a, b in zip(text.splitlines(), ends, strict=True))


DRESSES = {
    "semicolons": GOOD.replace(",", ";"),
    "tabs": GOOD.replace(",", "\t"),
    "decimal commas": european(GOOD),
    "decimal commas and tabs": european(GOOD, "\t"),
    "decimal commas in the header": european(GOOD).replace("8e5", "8,0e5"),
    "sep=,": "sep=,\n" + GOOD,
    "sep=;": "sep=;\r\n" + european(GOOD).replace("\n", "\r\n"),
    '"sep=\t"': '"sep=\t"\n' + GOOD.replace(",", "\t"),
    "byte-order mark and sep": "\ufeffsep=;\n" + GOOD.replace(",", ";"),
    "UTF-16 and tabs": GOOD.replace(",", "\t").encode("utf-16"),
    "UTF-16, big-endian": ("\ufeff" + GOOD).encode("utf-16-be"),
    "minus of Unicode": GOOD.replace("-", "\u2212"),
    "rows of commas": GOOD.replace("\nwall", "\n,,,,,,\nwall") + ",,,,,,\n,,,\n",
    "rows of semicolons": GOOD.replace(",", ";") + ";;;;;;\n; ; ;\n",
    "commas at all ends": padded(GOOD),
    "semicolons at all ends": padded(european(GOOD), ";"),
    "tabs at all ends": padded(GOOD.replace(",", "\t"), "\t"),
    "commas at the ends of rows": GOOD.replace("first", "first,,").replace("second", "second,"),
    "quotes": GOOD.replace("wall_velocity", '"wall_velocity"'),
    "quoted header": GOOD.replace("# Ms_A_per_m = 8e5", '"# Ms_A_per_m = 8e5",,'),
    "everything": ("\ufeffsep=;\r\n" + padded(european(GOOD), ";").replace("-", "\u2212")).encode(
        "utf-16-le"
    ),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_data_in_many_dresses(dress, load):
    data = load(DRESSES[dress])
    assert not isinstance(data, str), data
    assert is_right(data)


REFUSED = {
    "decimal comma": (GOOD.replace("10.25", "10,25"), "5: expected 7 cells, got 8; write numbers"),
    "quoted decimal comma": (
        GOOD.replace("10.25", '"10,25"'),
        "5: column `value`: write '10,25' with a decimal point, not a comma",
    ),
    "decimal comma in the header": (
        GOOD.replace("8e5", "8,5e5"),
        "1: write '8,5e5' with a decimal point, not a comma",
    ),
    "decimal comma at the end": (
        # It looks like one cell more at the end, with nothing in it.
        "observable,unit,field_T,value,std,source\nwall_velocity,m/s,1e-3,1,5,,\n",
        "2: expected 6 cells, got 7",
    ),
    "thousands or decimals": (
        european(GOOD).replace("10,25", "1,025").replace("0,5", "5"),
        "5: column `value`: '1,025' may be 1.025 or 1025; write one of them",
    ),
    "points and commas": (
        european(GOOD).replace("0,5", "0.5"),
        "5: column `std`: decimal points and commas are mixed, got '0.5' and '10,25'",
    ),
    "both in one": (european(GOOD).replace("10,25", "1.010,25"), "5: column `value` of wall_v"),
    "bars": (GOOD.replace(",", "|"), "4: "),
    "blanks": (
        GOOD.replace(",,", ",0,").replace(",", " "),
        "4: columns must be separated by commas, got 'observable current",
    ),
    "names with semicolons only": (
        GOOD.replace(COLUMNS, COLUMNS.replace(",", ";")),
        "4: columns must be separated by commas, got 'observable;current",
    ),
    "names with commas only": (
        HEADER + COLUMNS + "\n" + ROWS.replace(",", ";"),
        "4: columns must be separated by semicolons, got",
    ),
    "another sep": ("sep=;\n" + GOOD, "5: unknown column 'observable,current"),
    "unnamed column": (GOOD.replace(COLUMNS, COLUMNS + ","), "4: column 8 must have a name"),
    "column without a name": (
        padded(GOOD).replace("first,,", "first,5,"),
        "4: column 8 must have a name",
    ),
    "no #": (GOOD.replace("# n0_A", "n0_A"), "3: columns must be separated by commas, got 'n0_A_"),
    "no # and no blanks": (
        GOOD.replace("# n0_A_per_m = ", "n0_A_per_m="),
        "3: unknown column 'n0_A_per_m=6e4'; a line of the header begins with `#`",
    ),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0", " not a UTF-8 text file (byte 0)"),
    "NUL": (GOOD.replace("first", "fi\0rst"), " not a text file (it holds NUL characters)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_may_mean_something_else(case, load):
    content, message = REFUSED[case]
    found = load(content)
    assert isinstance(found, str), "was read"
    assert found.startswith(message)


SPELLINGS = {
    "n0_A_per_m: 6e4": "n0_A_per_m",
    "n0_A_per_m : 6e4 A/m": "n0_A_per_m",
    "n0_A_per_m 6e4": "n0_A_per_m",
    "n0_A_per_m\t6e4": "n0_A_per_m",
    "n0_A_per_m, 6e4": "n0_A_per_m",
    "n0_A_per_m,6e4,,,": "n0_A_per_m",
    "n0_A_per_m; 6e4": "n0_A_per_m",
    "n0_A_per_m := 6e4": "n0_A_per_m",
    "n0_A_per_m -> 6e4": "n0_A_per_m",
    "n0_A_per_m is 6e4": "n0_A_per_m",
    "n0_A_per_m is taken to be 6e4 A/m": "n0_A_per_m",
    "n0_A_per_m: unknown": "n0_A_per_m",
    "n0_A_per_m\uff1a6e4": "n0_A_per_m",
    "n0_A_per_m\u200b: 6e4": "n0_A_per_m",
    "`n0_A_per_m` = 6e4": "n0_A_per_m",
    "- n0_A_per_m: 6e4": "n0_A_per_m",
    "with n0_A_per_m = 6e4 of the paper": "n0_A_per_m",
    "N0_A_PER_M: 6e4": "n0_A_per_m",
    "n0-A-per-m: 6e4": "n0_A_per_m",
    "n0: 6e4": "n0_A_per_m",
    "n0 6e4": "n0_A_per_m",
    "n0 (A/m) = 6e4": "n0_A_per_m",
    "n0 [A/m]: 6e4": "n0_A_per_m",
    "n0_A/m: 6e4": "n0_A_per_m",
    "n0_kA_per_m: 60": "n0_A_per_m",
    "n0_A_perm: 6e4": "n0_A_per_m",
    "n0: \u22126e4": "n0_A_per_m",
    "n0: 6,0e4": "n0_A_per_m",
    "Hard axis: x": "hard_axis",
    "Hard axis = x": "hard_axis",
    "hard-axis x": "hard_axis",
    "hardaxis: X": "hard_axis",
    "hard_axis x": "hard_axis",
    "hard_axis along x": "hard_axis",
    "K_hard: 2e4 J/m^3": "K_hard_J_per_m3",
    "K hard = 2e4": "K_hard_J_per_m3",
    "Temperature: 300 K": "temperature_K",
    "Temperature 300 K": "temperature_K",
    "temperature (K): 300": "temperature_K",
    "T: 300 K": "temperature_K",
    "temprature_K: 300": "temperature_K",
    "thickness_nm: 4": "thickness_m",
    "thickness: 4 nm, by X-ray reflection": "thickness_m",
    "Thickness 4nm": "thickness_m",
    "cell x: 3e-9": "cell_x_m",
    "gamma: 1.76e11": "gamma_rad_per_sT",
    "charge: -1": "charge",
    "charge -1": "charge",
    "Charge: +1": "charge",
    "wall: Neel": "wall",
    "wall neel": "wall",
    "wall: vortex": "wall",
    "convention: oommf": "convention",
    "truth xi: 0.1": "truth_xi",
    "truth_P: 0.5": "truth_P",
    "alpha: 0.02": "truth_alpha",
    "A: 1.3e-11": "A_J_per_m",
    "A 1.3e-11 J/m": "A_J_per_m",
}


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_key_in_another_spelling(text, load):
    found = load(GOOD.replace("# n0_A_per_m = 6e4", f"# {text}"))
    assert isinstance(found, str), "is dropped"
    key = SPELLINGS[text]
    assert found.startswith(f"3: header key `{key}` must be written `# {key} = ...`"), found
    assert found.endswith("a note begins with `##`")


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sign", [":", " ", " : ", " is "])
def test_every_key_in_another_spelling(key, sign, load):
    value = KEYS[key].rule[0] if isinstance(KEYS[key].rule, tuple) else "1"
    rest = GOOD.replace(f"# {key} =", f"# {key}").split("\n", 3)[3]
    found = load(f"# {key}{sign}{value}\n{rest}")
    assert isinstance(found, str) and found.startswith(f"1: header key `{key}` must be written")


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("n0 = 6e4", "n0_A_per_m"),
        ("N0_A_per_m = 6e4", "n0_A_per_m"),
        ("n0_kA_per_m = 60", "n0_A_per_m"),
        ("T = 300", "temperature_K"),
        ("K = 3e5", "K_J_per_m3"),
        ("A = 1.3e-11", "A_J_per_m"),
        ("Wall = bloch", "wall"),
        ("K_hard = 2e4", "K_hard_J_per_m3"),
        ("alpha = 0.1", "truth_alpha"),
    ],
)
def test_an_unknown_key_is_told_the_known_one(text, key, load):
    found = load(GOOD.replace("# n0_A_per_m = 6e4", f"# {text}"))
    assert found == f"3: unknown header key `{text.split()[0]}`; did you mean `{key}`?"


NOTES = [
    "A 3 nm film of Permalloy",
    "K is that of the literature",
    "Wall: it moves along +x",
    "wall_velocity (m/s): mean wall velocity along +x",
    "Sample: 12",
    "Date: 2024-05-01, 300 K",
    "P and xi are not known",
    "Ms: 8.0e5 A/m is what the magnetometer says",  # Ms_A_per_m is given
    "Width, thickness and length were measured by SEM",
    "K_eff: 1.4e5 J/m^3 follows from the hysteresis",
    "the convention is that of the paper",
    "Energy density: -Ku mz^2, T = 0. Wall at mz = +1",
    "Temperature of the stage: not known",
    "# n0_A_per_m: 1e3",
    "-- temperature of rows that give none, K",
    "",
]


@pytest.mark.parametrize("text", NOTES)
def test_notes_are_free_text(text, load):
    data = load(f"# {text}\n{GOOD}")
    assert not isinstance(data, str), data
    assert is_right(data) and data.notes == (text,)


@pytest.mark.parametrize("dress", ["plain", "decimal commas", "UTF-16 and tabs"])
def test_a_damaged_file_is_refused_in_one_line(dress, load):
    content = DRESSES.get(dress, GOOD)
    content = content.encode() if isinstance(content, str) else content
    for _, damaged in foreign.mutations(content, 2, 400):
        load(damaged)


def test_a_damaged_data_set_is_refused_in_one_line(load):
    for _, damaged in foreign.mutations(datasets.path("strip_a").read_bytes(), 3, 100):
        load(damaged)
