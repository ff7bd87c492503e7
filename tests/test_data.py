"""Measurement files: what is read, and that everything else is refused in one line."""

import dataclasses
import math

import numpy as np
import pytest

from fitting import InputError, Sample, load_measurements, template
from fitting._data import OBSERVABLES
from fitting._data._header import TRUTH
from fitting._data._observables import COLUMNS
from fitting._data._sample import KEYS

COLUMN_LINE = "observable,current_density_A_per_m2,field_T,value,std,unit"
ROW = "wall_velocity,-1e11,0,10,0.5,m/s"
GOOD = f"# Ms_A_per_m = 8e5\n# easy_axis = z\n{COLUMN_LINE}\n{ROW}\n"


@pytest.fixture
def load(tmp_path):
    """Write text or bytes to a file and load it."""

    def write_and_load(content: str | bytes):
        file = tmp_path / "my.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_measurements(file)

    return write_and_load


def refused(content: str | bytes, load, tmp_path) -> str:
    """The message without the file's name, which it must start with."""
    with pytest.raises(InputError) as error:
        load(content)
    message, name = str(error.value), str(tmp_path / "my.csv")
    assert message.startswith(f"{name}:") and "\n" not in message
    return message.removeprefix(f"{name}:")


def row(**cells: str) -> str:
    """A file whose only row, at line 2, has these cells beside or instead of ROW's."""
    given = dict(zip(COLUMN_LINE.split(","), ROW.split(","), strict=True)) | cells
    return f"{','.join(given)}\n{','.join(given.values())}\n"


DISPLACED = {"observable": "displacement", "unit": "m", "value": "1e-7"}
UNDRIVEN = {"current_density_A_per_m2": "", "field_T": ""}
ROWS = [
    ({"std": "-1"}, "column `std` must be > 0, got -1"),
    ({"std": "0"}, "column `std` must be > 0, got 0"),
    ({"std": "nan"}, "column `std` must be a finite number, got nan"),
    ({"std": "5%"}, "column `std` must be a number > 0, got '5%'"),
    ({"value": "fast"}, "column `value` of wall_velocity must be a finite number, got 'fast'"),
    ({"value": ""}, "column `value` of wall_velocity must be a finite number, got nothing"),
    ({"value": "NaN"}, "column `value` of wall_velocity must be a finite number, got NaN"),
    ({"value": "-inf"}, "column `value` of wall_velocity must be a finite number, got -inf"),
    ({"value": "1e999"}, "column `value` of wall_velocity must be a finite number, got 1e999"),
    ({"value": "1_000"}, "column `value` of wall_velocity must be a finite number, got '1_000'"),
    (
        {"current_density_A_per_m2": "1e11 A"},
        "column `current_density_A_per_m2` must be a finite number, got '1e11 A'",
    ),
    ({"field_T": "nan"}, "column `field_T` must be a finite number, got nan"),
    ({"temperature_K": "-1"}, "column `temperature_K` must be >= 0, got -1"),
    ({"duration_s": "0"}, "column `duration_s` must be > 0, got 0"),
    ({"start_position_m": "left"}, "column `start_position_m` must be a finite number, got 'left'"),
    ({"unit": "km/s"}, "column `unit` must be m/s for wall_velocity, got 'km/s'"),
    ({"unit": ""}, "column `unit` must be m/s for wall_velocity, got nothing"),
    (
        {"observable": "precession_frequency", "unit": "rad/s"},
        "column `unit` must be Hz for precession_frequency, got 'rad/s'",
    ),
    (
        {"observable": "precession_frequency", "unit": "Hz", "value": "-1e8"},
        "column `value` of precession_frequency must be >= 0, got -1e8",
    ),
    ({"duration_s": "1e-9", "rise_s": "-1e-9"}, "column `rise_s` must be >= 0, got -1e-9"),
    ({"rise_s": "1e-10"}, "column `rise_s` must be at most half of `duration_s`, got 1e-10"),
    (
        {"duration_s": "1e-9", "rise_s": "6e-10"},
        "column `rise_s` must be at most half of `duration_s`, got 6e-10",
    ),
    (
        {"duration_s": "2000"},
        "column `duration_s` must be of a size between 1e-13 and 1000 (SI units), got 2000; is the "
        "unit right?",
    ),
    (DISPLACED, "column `duration_s` must be given and not 0 for displacement"),
    (DISPLACED | {"unit": "nm"}, "column `unit` must be m for displacement, got 'nm'"),
    (
        DISPLACED | {"duration_s": "1e-9", "value": "250"},
        "column `value` of displacement must be of a size between 1e-12 and 0.01 (SI units), got "
        "250; is the unit right?",
    ),
    (
        {"observable": "wall_tilt", "unit": "deg"},
        "column `unit` must be rad for wall_tilt, got 'deg'",
    ),
    (
        {"observable": "wall_tilt", "unit": "rad", "value": "-0.1"},
        "column `value` of wall_tilt must be >= 0, got -0.1",
    ),
    (
        {"observable": "wall_tilt", "unit": "rad", "current_density_A_per_m2": "", "field_T": ""},
        "column `current_density_A_per_m2` or `field_T` must be given",
    ),
    (
        {"observable": "field_mobility", "unit": "m/s/T"},
        "column `unit` must be m/(s T) for field_mobility, got 'm/s/T'",
    ),
    (
        {"observable": "drive_efficiency", "unit": "T m^2/A", "value": "3.6e-14"},
        "column `current_density_A_per_m2` must be empty for drive_efficiency, got -1e+11",
    ),
    (
        {"observable": "drive_efficiency", "unit": "T m^2/A"} | UNDRIVEN | {"value": "3.6"},
        "column `value` of drive_efficiency must be of a size between 1e-19 and 1e-08 (SI units), "
        "got 3.6; is the unit right?",
    ),
    (
        {"observable": "depinning_field", "unit": "T", "value": "0"},
        "column `value` of depinning_field must be not 0, got 0",
    ),
    (
        {"observable": "depinning_field", "unit": "T", "value": "2e-3", "field_T": "1e-3"},
        "column `field_T` must be empty for depinning_field, got 0.001",
    ),
    (
        {"observable": "depinning_field", "unit": "T", "value": "200"},
        "column `value` of depinning_field must be of a size between 1e-09 and 100 (SI units), got "
        "200; is the unit right?",
    ),
    (
        {"observable": "depinning_current", "unit": "A/m^2", "value": "1e11"},
        "column `current_density_A_per_m2` must be empty for depinning_current, got -1e+11",
    ),
    (
        {"observable": "depinning_current", "unit": "A/cm^2", "value": "1e7"} | UNDRIVEN,
        "column `unit` must be A/m^2 for depinning_current, got 'A/cm^2'",
    ),
    (
        {"observable": "drift_velocity", "unit": "cm/s"},
        "column `unit` must be m/s for drift_velocity, got 'cm/s'",
    ),
    (
        {"observable": "velocity"},
        f"column `observable` must be one of {', '.join(OBSERVABLES)}, "
        "got 'velocity'; did you mean `wall_velocity`?",
    ),
    ({"field_axis": "out"}, "column `field_axis` must be one of x, y, z, got 'out'"),
    (
        {"current_density_A_per_m2": "", "field_T": ""},
        "column `current_density_A_per_m2` or `field_T` must be given",
    ),
    (
        {"observable": "drift_velocity", "current_density_A_per_m2": "0"},
        "column `current_density_A_per_m2` must be given and not 0 for drift_velocity",
    ),
]


@pytest.mark.parametrize(("cells", "message"), ROWS)
def test_bad_rows(cells, message, load, tmp_path):
    assert refused(row(**cells), load, tmp_path) == f"2: {message}"


HEADERS = [
    ("Ms = 8e5", "unknown header key `Ms`; did you mean `Ms_A_per_m`?"),
    ("truth_alfa = 0.1", "unknown header key `truth_alfa`; did you mean `truth_alpha`?"),
    ("thickness_nm = 4", "unknown header key `thickness_nm`; did you mean `thickness_m`?"),
    ("x = 4", "unknown header key `x`; did you mean `"),
    ("Ms_A_per_m = -8e5", "header key `Ms_A_per_m` must be > 0, got -8e5"),
    ("Ms_A_per_m = 800 kA/m", "header key `Ms_A_per_m` must be a number > 0, got '800 kA/m'"),
    ("Ms_A_per_m =", "header key `Ms_A_per_m` must be a number > 0, got nothing"),
    ("A_J_per_m = 0", "header key `A_J_per_m` must be > 0, got 0"),
    ("K_J_per_m3 = nan", "header key `K_J_per_m3` must be a finite number, got nan"),
    ("thickness_m = 0", "header key `thickness_m` must be > 0, got 0"),
    ("cell_x_m = -1e-9", "header key `cell_x_m` must be > 0, got -1e-9"),
    ("gamma_rad_per_sT = -1", "header key `gamma_rad_per_sT` must be > 0, got -1"),
    ("charge = 2", "header key `charge` must be +1 or -1, got 2"),
    ("n0_A_per_m = -1", "header key `n0_A_per_m` must be >= 0, got -1"),
    ("truth_alpha = -0.02", "header key `truth_alpha` must be >= 0, got -0.02"),
    ("truth_P = 1.2", "header key `truth_P` must be between -1 and 1, got 1.2"),
    ("hard_axis = up", "header key `hard_axis` must be one of x, y, z, got 'up'"),
    ("easy_axis = Z", "header key `easy_axis` must be one of x, y, z, got 'Z'"),
    ("wall = vortex", "header key `wall` must be one of bloch, neel, head_to_head, got 'vortex'"),
    ("convention = SI", "header key `convention` must be one of paper, mumax3, oommf, got 'SI'"),
]


@pytest.mark.parametrize(("line", "message"), HEADERS)
def test_bad_headers(line, message, load, tmp_path):
    found = refused(f"# free text\n# {line}\n{COLUMN_LINE}\n{ROW}\n", load, tmp_path)
    assert found.startswith(f"2: {message}")


def test_header_key_given_twice(load, tmp_path):
    found = refused("# charge = 1\n\n# charge = 1\n" + GOOD, load, tmp_path)
    name = tmp_path / "my.csv"
    assert found == f"3: header key `charge` is given twice, first at {name}:1"


def test_hard_axis_equal_to_easy_axis(load, tmp_path):
    found = refused("# hard_axis = z\n" + GOOD, load, tmp_path)
    assert found == "1: `hard_axis` must differ from `easy_axis`, got z twice"


COLUMN_LINES = [
    (
        f"{COLUMN_LINE},stdev",
        "unknown column 'stdev'; did you mean `std`? (names starting with `x_` are carried along)",
    ),
    (
        f"{COLUMN_LINE},current_density_A_per_cm2",
        "unknown column 'current_density_A_per_cm2'; did you mean `current_density_A_per_m2`? "
        "(names starting with `x_` are carried along)",
    ),
    (
        f"{COLUMN_LINE},current_density_A_per_m2",
        "column `current_density_A_per_m2` is given twice",
    ),
    (f"{COLUMN_LINE},x_a,x_a", "column `x_a` is given twice"),
    (f"{COLUMN_LINE},", "column 7 must have a name"),
    ("field_T,value,unit", "missing column `observable`"),
    ("observable,field_T,std", "missing column `value`, `unit`"),
    (
        COLUMN_LINE.replace(",", ";"),
        f"columns must be separated by commas, got {COLUMN_LINE.replace(',', ';')!r}",
    ),
    (f'{COLUMN_LINE},"x_a', "not a comma separated line: unexpected end of data"),
]


@pytest.mark.parametrize(("line", "message"), COLUMN_LINES)
def test_bad_columns(line, message, load, tmp_path):
    assert refused(f"# text\n{line}\n{ROW}\n", load, tmp_path) == f"2: {message}"


FILES = [
    (b"", " the file is empty: no column names and no rows"),
    ("# Ms_A_per_m = 8e5\n", " the file is empty: no column names and no rows"),
    (f"# text\n{COLUMN_LINE}\n", "2: no row follows the column names"),
    (f"{COLUMN_LINE}\n{ROW},9\n", "2: expected 6 cells, got 7"),
    (f"{COLUMN_LINE}\n{ROW}\n\n10,20\n", "4: expected 6 cells, got 2"),
    (GOOD.encode("utf-16")[:-1], " not a UTF-16 text file (byte 254)"),
    (GOOD.encode("utf-16-le"), " not a text file (it holds NUL characters); save it as UTF-8"),
    (f"# \xb5m\n{GOOD}".encode("latin-1"), " not a UTF-8 text file (byte 2)"),
]


@pytest.mark.parametrize(("content", "message"), FILES)
def test_bad_files(content, message, load, tmp_path):
    assert refused(content, load, tmp_path) == message


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError) as error:
        load_measurements("nothing_here.csv")
    assert str(error.value) == (
        "nothing_here.csv: no such file or embedded data set "
        "(there are doppler_nife_340K, doppler_nife_80K, efficiency_copt, strip_a)"
    )
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_measurements(tmp_path)
    with pytest.raises(InputError, match="cannot be read: embedded null"):
        load_measurements("a\0b")


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.encode("utf-8-sig"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n", "\r"),
        GOOD.removesuffix("\n"),
        GOOD.replace(",", " , "),
        GOOD.replace("# ", "#").replace(" = ", "="),
        GOOD.replace("8e5", "8e5,,,,,").replace("# easy", '"# easy').replace("= z", '= z",,,,,'),
        GOOD.encode("utf-16"),
    ],
    ids=["plain", "BOM", "CRLF", "CR", "no end", "spaces", "tight", "spreadsheet", "UTF-16"],
)
def test_the_same_data_in_many_dresses(content, load):
    data = load(content)
    assert (data.sample.Ms, data.sample.easy_axis) == (8e5, "z")
    assert (data.observable, data.unit, data.source) == (("wall_velocity",), ("m/s",), ("",))
    assert (data.j[0], data.B[0], data.value[0], data.std[0]) == (-1e11, 0.0, 10.0, 0.5)
    assert data.line.tolist() == [4]
    assert data.notes == () and data.truth == {} and data.extra == {}


def test_header_reaches_the_sample(load):
    sizes = {name: key.size or (1.0, 1.0) for name, key in KEYS.items()}
    values = {name: repr(math.sqrt(low * high)) for name, (low, high) in sizes.items()} | {
        "easy_axis": "x",
        "hard_axis": "y",
        "wall": "head_to_head",
        "charge": "-1",
        "convention": "mumax3",
    }
    header = "".join(f"# {key} = {value}\n" for key, value in values.items())
    data = load(header + "# truth_P = -0.5\n# truth_xi = 0\n" + f"{COLUMN_LINE}\n{ROW}\n")
    for key, value in values.items():
        field = getattr(data.sample, KEYS[key].field)
        assert field == (value if isinstance(field, str) else float(value)), key
    assert data.truth == {"P": -0.5, "xi": 0.0}
    assert data.sample.origin == data.path


def test_prose_with_an_equals_sign_is_free_text(load):
    data = load("# Energy density: -Ku mz^2, T = 0. Wall at mz = +1\n## charge = 5\n" + GOOD)
    assert data.notes == ("Energy density: -Ku mz^2, T = 0. Wall at mz = +1", "# charge = 5")
    assert data.sample.charge == 1


def test_defaults_of_rows(load):
    columns = "observable,field_T,value,unit,field_axis,temperature_K,std,x_mine,duration_s"
    data = load(
        f"# easy_axis = z\n# temperature_K = 300\n{columns}\n"
        "wall_velocity,1e-3,5,m/s,,,,a,1e-9\n"
        'wall_velocity,0,-5,m/s,x,77,0.1,"b, c",\n'
    )
    assert data.field_axis == ("z", "x")
    assert data.temperature.tolist() == [300.0, 77.0]
    assert data.j.tolist() == [0.0, 0.0] and data.B.tolist() == [1e-3, 0.0]
    np.testing.assert_array_equal(data.std, [math.nan, 0.1])
    np.testing.assert_array_equal(data.duration, [1e-9, math.nan])
    assert np.isnan(data.start_position).all()
    assert data.extra == {"x_mine": ("a", "b, c")}
    with pytest.raises(ValueError, match="read-only"):
        data.value[0] = 1.0


def test_exclude(load):
    data = load(GOOD + ROW.replace("10", "20") + "\n\n" + ROW.replace("10", "30") + "\n")
    assert data.line.tolist() == [4, 5, 7]
    kept = data.exclude([5])
    assert len(kept) == 2 and len(data) == 3
    assert kept.value.tolist() == [10.0, 30.0] and kept.line.tolist() == [4, 7]
    assert kept.unit == ("m/s", "m/s") and kept.sample is data.sample
    assert data.exclude([]).line.tolist() == [4, 5, 7]
    with pytest.raises(InputError, match=r"no row to exclude at line 6; rows are at lines 4, 5, 7"):
        data.exclude([4, 6])
    with pytest.raises(InputError, match="no row is left after excluding all 3"):
        data.exclude([4, 5, 7])


def test_exclude_carries_every_column(load):
    data = load_measurements("strip_a").exclude([26, 30])
    for field in dataclasses.fields(data):
        value = getattr(data, field.name)
        if field.name not in ("extra", "sample", "truth", "path", "notes"):
            assert len(value) == 16, field.name
    assert data.extra["x_value_without_noise"][0] == "39.4832"


def test_with_std(load):
    data = load(f"{COLUMN_LINE}\n{ROW}\n{ROW.replace('10,0.5', '-20,')}\n")
    assert data.with_std(0.05).std.tolist() == [0.5, 1.0]
    for bad in (0, -0.05, math.nan):
        with pytest.raises(InputError, match="the relative `std` must be"):
            data.with_std(bad)
    with pytest.raises(InputError, match=r"my\.csv:2: column `std` must be given where `value`"):
        load(row(value="0", std="")).with_std(0.05)


def test_with_sample_fills_what_rows_leave_open(load):
    data = load(row(field_T="1e-3"))
    assert data.field_axis == ("",) and np.isnan(data.temperature).all()
    sample = Sample(Ms=1e6, easy_axis="x", temperature=10.0)
    filled = data.with_sample(sample)
    assert filled.sample is sample
    assert filled.field_axis == ("x",) and filled.temperature.tolist() == [10.0]
    given = load(row(field_axis="y", temperature_K="5")).with_sample(sample)
    assert given.field_axis == ("y",) and given.temperature.tolist() == [5.0]


def test_template_loads_and_explains_everything(load):
    data = load(template())
    assert set(data.observable) == set(OBSERVABLES)
    for name in (*KEYS, *(f"truth_{parameter}" for parameter in TRUTH), *COLUMNS):
        assert name in template(), name
    assert data.truth == {}
    assert data.sample.cross_section().rest_wall == data.sample.wall == "bloch"
    # Every switched-off key is valid too.
    assert load(template().replace("## ", "# ")).truth.keys() == TRUTH.keys()
