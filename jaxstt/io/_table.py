"""Tables of numbers against time, as mumax3 writes them; ODT of OOMMF and CSV are read as well."""

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._core import ArrayLike, decode, parse_number, write_whole
from ._odt import RawTable, is_odt, odt_tables
from ._sheet import parse_sheet, plain_numbers

_NAMED = r"\s*([^\t()]*[^\s()])\s*\(([^()]*)\)\s*"
"""A name and its unit."""


class Table(NamedTuple):
    """What is in a table."""

    columns: dict[str, np.ndarray]
    """(rows,) each, in the order of the file."""
    units: dict[str, str]
    """The unit of each column, "" where there is none."""
    lines: np.ndarray
    """(rows,) line of each row in the file."""


def write_table(
    path: str | os.PathLike,
    columns: Mapping[str, ArrayLike],
    units: Mapping[str, str] | None = None,
) -> None:
    """Write columns as text, `# t (s)<tab>mx ()...` and one row a line, whole or not at all.

    columns: names and values, (rows,) each; every digit is kept.  nan is written as such.
    units: of the columns that have one.
    Raises ValueError for columns of unequal length or none, units of no column, and names or units
    that the format cannot hold (tabs, line ends, brackets); OSError if it cannot be written.
    """
    units = units or {}
    values = {name: np.asarray(value, float) for name, value in columns.items()}
    if not values:
        raise ValueError("`columns` must hold at least one column")
    rows = next(iter(values.values())).shape
    for name, value in values.items():
        if value.ndim != 1 or value.shape != rows:
            raise ValueError(
                f"`columns` must all have the shape {rows}, got {value.shape} of {name}"
            )
    unknown = [name for name in units if name not in values]
    if unknown:
        raise ValueError(f"`units` names a column that is not there: {unknown[0]!r}")
    for word in (*values, *units.values()):
        if re.search(r"[\t\n\r(),{}#]", word):
            raise ValueError(f"a name or unit must be without tabs and brackets, got {word!r}")
    for name in values:
        if not name or name != name.strip():
            raise ValueError(f"a name must be text without blanks around it, got {name!r}")
    head = "# " + "\t".join(f"{name} ({units.get(name, '')})" for name in values)
    lines = ("\t".join(map(repr, row)) for row in np.stack(list(values.values()), 1).tolist())
    write_whole(path, "\n".join([head, *lines, ""]).encode())


def read_table(path: str | os.PathLike, *, table: int | None = None) -> Table:
    """Read a table of mumax3, an ODT file of OOMMF, or columns below a line of names (CSV).

    table: which one, from 1, of a file that holds several: tables of ODT, or what a second run
    appended to a table of mumax3 below a header of its own.
    `{}` of ODT is read as nan.
    Raises ValueError naming the file and the line for what is no table of numbers, for several
    tables without `table`, and for a last row without a line end, which may be cut off; OSError if
    it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        text = decode(content, "surrogateescape")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    lines = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    try:
        tables, closed = _tables(text, lines, os.fspath(path))
        chosen = _chosen(tables, table)
        last, line = lines[-1]
        whole = closed or text.endswith("\n") or (line.startswith("#") and chosen.rows)
        if not whole:
            raise ValueError(f"{last}: may be cut off: the last row has no line end")
        return _numbers(chosen)
    except ValueError as error:
        told = str(error)
        if told.startswith(f"{path}:"):
            raise
        raise ValueError(f"{path}:{'' if told[:1].isdigit() else ' '}{told}") from None


def _tables(text: str, lines: list[tuple[int, str]], path: str) -> tuple[list[RawTable], bool]:
    """(the tables of the file, whether the last one is closed)."""
    if not lines:
        raise ValueError("the file is empty: no column names and no rows")
    if is_odt(lines):
        return odt_tables(lines)
    first = next((line for _, line in lines if not line.startswith("#")), None)
    heads = [head for _, line in _comments(lines) if (head := _head(line))]
    if first is None or _is_row(first) or any(len(head) == len(_cells(first)) for head in heads):
        return _mumax(lines), False
    return [_sheet(text, path)], False


def _comments(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """(line, text) of the comments before the first row."""
    first = next((n for n, line in lines if not line.startswith("#")), lines[-1][0] + 1)
    return [(n, line.lstrip("# \t")) for n, line in lines if n < first]


def _is_row(line: str) -> bool:
    """Whether there is any number: names have none."""
    cells = re.split(r"[,;\t]", line) if re.search(r"[,;\t]", line) else line.split()
    for cell in cells:
        try:
            if math.isfinite(parse_number(cell)):
                return True
        except ValueError:
            continue
    return False


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("\t")] if "\t" in line else line.split()


def _head(text: str) -> list[tuple[str, str]] | None:
    """The (name, unit) of a line "t (s)<tab>mx ()", None if it is no such line."""
    if not re.fullmatch(rf"(?:{_NAMED})+", text):
        return None
    return [(name.strip(), unit.strip()) for name, unit in re.findall(_NAMED, text)]


def _mumax(lines: list[tuple[int, str]]) -> list[RawTable]:
    """The pieces of a table of mumax3, one below each header."""
    tables: list[RawTable] = []
    for n, line in lines:
        if not line.startswith("#"):
            if not tables:
                raise ValueError(_no_head(lines))
            tables[-1].rows.append((n, _cells(line)))
        elif head := _head(line.lstrip("# \t")):
            names, units = (list(column) for column in zip(*head, strict=True))
            before = tables[-1].names if tables else []
            if len(names) == 1 and len(before) > 1:
                continue  # a comment, "# sample (annealed)"
            if tables and not tables[-1].rows:  # what stands above the header
                tables.pop()
            tables.append(RawTable(n, names, units, []))
    if not tables:
        raise ValueError(_no_head(lines))
    return tables


def _no_head(lines: list[tuple[int, str]]) -> str:
    for n, line in reversed(_comments(lines)):
        for cell in line.split("\t") if "(" in line or "\t" in line else ():
            if _head(cell) is None:
                return f"{n}: a column must be headed 'name (unit)', got {cell.strip()!r}"
    return "must begin with '# name (unit)<tab>...' or a line of names"


def _sheet(text: str, path: str) -> RawTable:
    """Columns below a line of names, which may have units in brackets."""
    sheet = parse_sheet(text, path, blanks=True)
    (n, names), *rows = sheet.rows
    named = [(_head(name) or [(name.strip(), "")])[0] for name in names]
    if not all(name for name, _ in named):
        raise ValueError(f"{n}: a column has no name")
    columns = ([name for name, _ in named], [unit for _, unit in named])
    return RawTable(n, *columns, rows, sheet.separator)


def _chosen(tables: list[RawTable], number: int | None) -> RawTable:
    count = len(tables)
    if number is None and count > 1:
        raise ValueError(
            f"{tables[1].line}: holds several tables, the second begins here: "
            f"give `table` between 1 and {count}, or split it"
        )
    if number is not None and not 1 <= number <= count:
        raise ValueError(f"`table` must be between 1 and {count}, got {number}")
    return tables[(number or 1) - 1]


def _numbers(table: RawTable) -> Table:
    """The cells as numbers."""
    names = table.names
    for name in (*names, *table.units):
        if re.search("[\ud800-\udfff]", name):  # bytes that are none
            raise ValueError(f"{table.line}: names must be UTF-8 text, got {name!a}")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{table.line}: column {name!r} is there twice")
    for n, cells in table.rows:
        if len(cells) != len(names):
            raise ValueError(f"{n}: must have {len(names)} columns, got {len(cells)}")
    cells = [(str(n), cell) for n, row in table.rows for cell in row]
    plain = plain_numbers(cells, table.separator)
    values = np.empty(len(plain))
    for i, text in enumerate(plain):
        try:
            values[i] = parse_number(text)
        except ValueError as error:
            raise ValueError(f"{cells[i][0]}: must hold numbers: {error}") from None
    values = values.reshape(-1, len(names))
    lines = np.array([n for n, _ in table.rows], int)
    return Table(
        dict(zip(names, values.T.copy(), strict=True)),
        dict(zip(names, table.units, strict=True)),
        lines,
    )
