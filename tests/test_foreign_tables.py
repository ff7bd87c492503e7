"""Tables and series as other programs leave them: read right, or refused in one line."""

import foreign
import numpy as np
import pytest

from fitting._data._series import load_series
from jaxstt import io

COLUMNS = ["Iteration", "Applied Field", "Total Energy", "t", "mx"]
UNITS = ["", "mT", "J/m^3", "s", ""]
VALUES = [[103, 50, 0.00636, 0, 0.5], [1000, -32, 0.00603, 1e-12, -0.25]]
ROWS = "103 50 0.00636 0 0.5\n1000 -32 0.00603 1e-12 -0.25\n"
ODT = (
    "# ODT 1.0\n# Table Start\n# Title: a sample\n#\n## a comment\n#\n"
    '# Columns: Iteration "Applied Field" {Total Energy} t mx\n'
    '# Units: {} "mT" "J/m^3" s {}\n' + ROWS + "# Table End\n"
)
MUMAX = "# Iteration ()\tApplied Field (mT)\tTotal Energy (J/m^3)\tt (s)\tmx ()\n" + ROWS.replace(
    " ", "\t"
)
HEAD = MUMAX[: MUMAX.index("103")]
CSV = "# any text\nIteration,Applied Field (mT),Total Energy (J/m^3),t (s),mx\n" + ROWS.replace(
    " ", ","
)


@pytest.fixture
def table(tmp_path):
    """Read this content; the message, without the file's name, if it is refused."""

    def read(content: str | bytes, **options) -> io.Table | str:
        return foreign.outcome(io.read_table, tmp_path / "table", content, **options)

    return read


DRESSES = {
    "ODT": ODT,
    "mumax3": MUMAX,
    "CSV": CSV,
    "CSV with quotes": CSV.replace("Applied Field (mT)", '"Applied Field (mT)"'),
    "CSV with semicolons": CSV.replace(",", ";"),
    "CSV with decimal commas": CSV.replace(",", ";").replace(".", ","),
    "CSV with sep": "sep=,\n" + CSV,
    "CSV with empty columns": CSV.replace("\n", ",,\n").replace("text,,", "text") + ",,,,,,\n",
    "upper case": ODT.replace("# Columns", "# COLUMNS")
    .replace("# Units", "# UNITS")
    .replace("# Table End", "# TABLE END"),
    "lower case": ODT.replace("# Columns", "#columns")
    .replace("# Units", "#  units ")
    .replace("# Table End", "#tableend"),
    "continued": ODT.replace(" {Total Energy}", " \\\n#   {Total Energy}").replace(
        '"mT" ', '"mT"\\\n"'.replace('\\\n"', "\\\n")
    ),
    "continued at once": ODT.replace("# Columns: ", "# Columns: \\\n"),
    "continued row": ODT.replace("103 50", "103 \\  \n 50"),
    "escaped blanks": ODT.replace('"Applied Field"', "Applied\\ Field"),
    "no start": ODT.replace("# Table Start\n", ""),
    "no end": ODT.replace("# Table End\n", ""),
    "no line end": ODT.removesuffix("\n"),
    "numbers in braces": ODT.replace(" 50 ", " {50} "),
    "byte-order mark, ODT": "\ufeff" + ODT,
    "byte-order mark, mumax3": "\ufeff" + MUMAX,
    "byte-order mark, CSV": "\ufeff" + CSV,
    "UTF-16": MUMAX.encode("utf-16"),
    "CRLF": ODT.replace("\n", "\r\n"),
    "CR": MUMAX.replace("\n", "\r"),
    "Latin-1 in a comment": MUMAX.encode() + "# \xb5\n".encode("latin-1"),
    "minus of Unicode": MUMAX.replace("-", "\u2212"),
    "decimal commas": MUMAX.replace(".", ","),
    "mumax3 with blanks": MUMAX.replace("\t", "  "),
    "comment above the header": "# a film (annealed)\n" + MUMAX,
    "comment below the header": MUMAX.replace(HEAD, HEAD + "# a film (annealed)\n\n"),
    "comment between rows": MUMAX.replace("\n1000", "\n# a film (annealed)\n1000"),
}


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_table_in_many_dresses(dress, table):
    found = table(DRESSES[dress])
    assert not isinstance(found, str), found
    assert list(found.columns) == COLUMNS
    assert list(found.units.values()) == UNITS
    np.testing.assert_array_equal(np.stack(list(found.columns.values()), 1), VALUES)
    assert found.lines.size == 2 and np.all(np.diff(found.lines) >= 1)


def test_missing_values_of_odt(table):
    found = table(ODT.replace("103 50", "{} { }").replace("-0.25", '""'))
    assert not isinstance(found, str), found
    assert np.isnan(found.columns["Iteration"]).tolist() == [True, False]
    assert np.isnan(found.columns["mx"]).tolist() == [False, True]


SECOND = ODT.replace("103 50", "7 50").replace("# ODT 1.0\n", "")
SEVERAL = {
    "ODT": (ODT + SECOND, 17),
    "ODT, not ended": (ODT.replace("# Table End\n", "") + SECOND, 16),
    "mumax3": (MUMAX + MUMAX.replace("103", "7"), 4),
    "mumax3, another header": (
        MUMAX + MUMAX.replace("103", "7").replace("# Iteration", "# My iteration"),
        4,
    ),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_several_tables(case, table):
    content, line = SEVERAL[case]
    found = table(content)
    assert found == (
        f"{line}: holds several tables, the second begins here: "
        "give `table` between 1 and 2, or split it"
    )
    first, second = (table(content, table=k) for k in (1, 2))
    assert next(iter(first.columns.values())).tolist() == [103, 1000]
    assert next(iter(second.columns.values())).tolist() == [7, 1000]
    assert table(content, table=3) == " `table` must be between 1 and 2, got 3"


REFUSED = {
    "empty": ("", " the file is empty: no column names and no rows"),
    "repeated names": (CSV + CSV, "6: must hold numbers: 'Iteration' is no number"),
    "row before the names": ("# ODT 1.0\n1 2\n" + ODT, "2: a row must stand between '# Columns:'"),
    "row after the end": (ODT + "1 2 3 4 5\n", "12: a row must stand between '# Columns:' and"),
    "no columns": ("# ODT 1.0\n# Units: s\n", "1: holds no '# Columns:' line"),
    "no colon": (ODT.replace("# Units:", "# Units"), "8: must be '# Units: ...', got '# Units {}"),
    "units": (ODT.replace('"mT" ', ""), "8: `# Units:` must hold 5 units, got 4"),
    "units twice": (ODT.replace("103", "# Units: s\n103"), "9: `# Units:` is there twice"),
    "open brace": (ODT.replace("Energy}", "Energy"), "7: '{Total Energy t mx' does not close"),
    "open quote": (ODT.replace('Field"', "Field"), "7: '\"Applied Field {Total Energy} t mx' does"),
    "cells": (ODT.replace("103 50", "103"), "9: must have 5 columns, got 4"),
    "cut in a word": (ODT.replace("103 50", "103 5\\\n0"), "10: a blank must stand before '\\'"),
    "ends in a backslash": (ODT + "# more \\\n", "12: is cut off: the line ends in '\\'"),
    "cut off": (MUMAX[:-2], "3: may be cut off: the last row has no line end"),
    "cut off, ODT": (ODT[: ODT.index("5\n# Table")], "10: may be cut off: the last row"),
    "cut off, CSV": (CSV[:-2], "4: may be cut off: the last row has no line end"),
    "a word": (MUMAX.replace("0.5", "a"), "2: must hold numbers: 'a' is no number"),
    "an underscore": (MUMAX.replace("1000", "1_000"), "3: must hold numbers: '1_000' is no number"),
    "an empty cell": (MUMAX.replace("50", ""), "2: must hold numbers: '' is no number"),
    "points and commas": (MUMAX.replace("0.5", "0,5"), "2: decimal points and commas are mixed"),
    "thousands": ("t;mx\n1,000;2\n", "2: '1,000' may be 1.000 or 1000; write one of them"),
    "no name": ("t,,mx\n1,2,3\n", "1: a column has no name"),
    "twice": (CSV.replace("t (s)", "mx"), "2: column 'mx' is there twice"),
    "a name that is no text": (
        MUMAX.replace("mx", "\xb5").encode("latin-1"),
        "1: names must be UTF-8 text, got '\\udcb5'",
    ),
    "binary": (b"\x89PNG\0\0", " not a text file (it holds NUL characters); save it as UTF-8"),
    "only names of numbers": ("1,2\n3,4\n", " must begin with '# name (unit)<tab>...' or a line"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table(case, table):
    content, message = REFUSED[case]
    found = table(content)
    assert isinstance(found, str), "was read"
    assert found.startswith(message)


@pytest.mark.parametrize("content", [ODT, MUMAX, CSV], ids=["ODT", "mumax3", "CSV"])
def test_a_damaged_table_is_refused_or_a_part_of_it(content, table):
    for end in range(len(content)):
        found = table(content[:end])
        if not isinstance(found, str):
            values = np.stack(list(found.columns.values()), 1)
            np.testing.assert_array_equal(values, np.reshape(VALUES, (2, 5))[: len(values)])
    for _, damaged in foreign.mutations(content.encode(), 4, 500):
        table(damaged)


@pytest.fixture
def series(tmp_path):
    def load(content: str | bytes, **options):
        return foreign.outcome(load_series, tmp_path / "f", content, **options)

    return load


@pytest.mark.parametrize("dress", DRESSES)
def test_the_same_series_in_many_dresses(dress, series):
    found = series(DRESSES[dress])
    assert not isinstance(found, str), found
    assert found.time.tolist() == [0, 1e-12] and found.m[:, 0].tolist() == [0.5, -0.25]


def test_series_of_oommf(series):
    """Only the columns of time and m must be whole."""
    odt = ODT.replace(" t mx", ' "Oxs_TimeDriver::Simulation time" Oxs_TimeDriver:driver:mx')
    found = series(odt.replace("103 50", "{} {}").replace(" s ", " ns "))
    assert found.time.tolist() == [0, 1e-12 * 1e-9] and found.m[1, 0] == -0.25
    found = series(odt.replace("-0.25", "{}"))
    assert found == (
        "10: every cell must be a finite number in the columns of time and m, got 1e-12, nan"
    )


def test_series_of_two_runs(series):
    assert series(MUMAX + MUMAX).startswith("4: holds several tables, the second begins here")
    assert series(MUMAX + MUMAX, table=2).time.tolist() == [0, 1e-12]
    found = series(MUMAX + MUMAX.removeprefix(HEAD))
    assert found == "4: time must be >= 0 and increase, got 0 s"
    assert series(SEVERAL["ODT"][0], table=2).m[:, 0].tolist() == [0.5, -0.25]


@pytest.mark.parametrize("content", [ODT, MUMAX, CSV], ids=["ODT", "mumax3", "CSV"])
def test_a_damaged_series_is_refused_in_one_line(content, series):
    for _, damaged in foreign.mutations(content.encode(), 5, 400):
        series(damaged)
