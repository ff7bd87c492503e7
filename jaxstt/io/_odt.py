"""ODT, the data tables of OOMMF, as its guide describes them."""

import re
from typing import NamedTuple

from .._core import words

_TAG = re.compile(r"#\s*(columns|units|table\s*start|table\s*end)\b\s*(:?)(.*)", re.I)
_ODT = re.compile(r"#\s*(odt\s+\d|columns\s*:)", re.I)


class RawTable(NamedTuple):
    """A table before its cells are read as numbers."""

    line: int
    """Where its names are."""
    names: list[str]
    units: list[str]
    rows: list[tuple[int, list[str]]]
    """(line, cells)."""
    separator: str = "\t"


def is_odt(lines: list[tuple[int, str]]) -> bool:
    """Whether these (number, line) are those of an ODT file."""
    return any(_ODT.match(line) for _, line in lines)


def odt_tables(lines: list[tuple[int, str]]) -> tuple[list[RawTable], bool]:
    """(the tables, whether the last one is closed).  Raises ValueError "LINE: ..."."""
    tables: list[RawTable] = []
    units: list[str] | None = None
    opened = False  # a table that has its names
    for n, line in _joined(lines):
        tag = _TAG.match(line)
        if tag is None:
            if not line.startswith("#"):
                if not opened:
                    raise ValueError(
                        f"{n}: a row must stand between '# Columns:' and '# Table End'"
                    )
                tables[-1].rows.append((n, [word.strip() or "nan" for word in _words(n, line)]))
            continue
        kind = "".join(tag[1].lower().split())
        if kind in ("tablestart", "tableend"):
            opened, units = False, None
        elif not tag[2]:
            raise ValueError(f"{n}: must be '# {tag[1]}: ...', got {line[:60]!r}")
        elif kind == "units":
            if units is not None:
                raise ValueError(f"{n}: `# Units:` is there twice")
            units = _words(n, tag[3])
            if opened:
                tables[-1] = _with_units(n, tables[-1], units)
        elif kind == "columns":
            if opened:
                units = None
            tables.append(_with_units(n, RawTable(n, _words(n, tag[3]), [], []), units))
            opened = True
    if not tables:
        raise ValueError(f"{lines[0][0]}: holds no '# Columns:' line")
    return tables, not opened


def _with_units(n: int, table: RawTable, units: list[str] | None) -> RawTable:
    if units is not None and len(units) != len(table.names):
        raise ValueError(f"{n}: `# Units:` must hold {len(table.names)} units, got {len(units)}")
    return table._replace(units=units or [""] * len(table.names))


def _joined(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Lines that end in a backslash go on in the next one, whose "#" has no meaning."""
    found: list[tuple[int, str]] = []
    going = False
    for n, line in lines:
        ends = line.endswith("\\")
        body = line[:-1] if ends else line
        if not going:
            found.append((n, body))
        else:
            first, before = found[-1]
            body = re.sub(r"^[\s#]+", " ", body)
            if not (before[-1:].isspace() or body[:1].isspace()):
                if before[-1:] not in '}"' and body[:1] not in '{"':
                    raise ValueError(f"{n}: a blank must stand before '\\' or at the next line")
                body = " " + body
            found[-1] = first, before + body
        going = ends
    if going:
        raise ValueError(f"{lines[-1][0]}: is cut off: the line ends in '\\'")
    return found


def _words(n: int, text: str) -> list[str]:
    if not any(sign in text for sign in '{"\\'):
        return text.split()
    try:
        return words(text)
    except ValueError as error:
        raise ValueError(f"{n}: {error}") from None
