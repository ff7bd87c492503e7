"""Sheets: cells below a line of names, as spreadsheets, scripts and people leave them."""

import csv
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from .._core import MINUS, decode

_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "": "blank"}
_HINT = re.compile(r'"?sep=([,;\t])"?[,;\s]*', re.I)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"(.*)')
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?|[-+]?\d+,(?:[eE][-+]?\d+)?")
_GROUPS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")
"""What may be a decimal comma or a thousand."""


class Sheet(NamedTuple):
    """What is in a sheet."""

    separator: str
    """Of its cells: a comma, semicolon or tab, "" for blanks."""
    comments: list[tuple[int, str]]
    """(line, text) of the lines that begin with "#", without it."""
    rows: list[tuple[int, list[str]]]
    """(line, cells) of all others, the names first; empty rows and columns are left out."""


def read_sheet(path: str | os.PathLike, *, name: str | None = None, blanks: bool = False) -> Sheet:
    """Read cells separated by commas, semicolons or tabs, UTF-8 or UTF-16.

    name: of the file in messages.  blanks: whether blanks may separate cells as well.
    A first line `sep=;` is understood.
    Raises ValueError "NAME:LINE: ..." for what is no such sheet, OSError if it cannot be read.
    """
    name = os.fspath(path) if name is None else name
    content = Path(path).read_bytes()
    try:
        text = decode(content)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    return parse_sheet(text, name, blanks)


def parse_sheet(text: str, name: str, blanks: bool = False) -> Sheet:
    """`read_sheet` of a text."""
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    hint = _HINT.fullmatch(lines[0][1]) if lines else None
    comments, rows = [], []
    for n, line in lines[hint is not None :]:
        note = _comment(line.strip())
        if note is None:
            rows.append((n, line))
        else:
            comments.append((n, note))
    separator = _separator(name, rows, hint[1] if hint else None, blanks)
    cells = [(n, split_cells(f"{name}:{n}", line, separator)) for n, line in rows]
    cells = [(n, row) for n, row in cells if any(cell.strip() for cell in row)]
    return Sheet(separator, comments, _unpadded(cells))


def _comment(line: str) -> str | None:
    """What follows the "#"; a spreadsheet quotes lines that hold a separator."""
    if line.startswith('"#') and (match := _QUOTED.fullmatch(line)):
        line = match[1].replace('""', '"') + match[2].rstrip(",;\t ")
    return line[1:].strip() if line.startswith("#") else None


def _separator(name: str, rows: list, hint: str | None, blanks: bool) -> str:
    """The one of the line of names."""
    if not rows:
        return hint or ","
    n, first = rows[0]
    if hint is not None:
        return hint
    bare = re.sub(r'"[^"]*"', "", first)
    separator = max("\t;,", key=bare.count)
    if bare.count(separator) == 0:
        if blanks or len(first.split()) == 1:
            return "" if blanks else ","
        separator = ""
    for other in "\t;,":  # names that are separated otherwise than the rows
        second = rows[1][1] if len(rows) > 1 else ""
        if other != separator and separator not in second and other in second:
            break
    else:
        if separator or blanks:
            return separator
        other = ","
    hint = "; a line of the header begins with '#'" if "=" in first else ""
    raise ValueError(
        f"{name}:{n}: columns must be separated by {_WORDS[other]}s, got {first.strip()!r}{hint}"
    )


def split_cells(where: str, line: str, separator: str) -> list[str]:
    """The cells of a line; ValueError "WHERE: ..." for quotes that do not close."""
    if not separator:
        return line.split()
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error as error:
        word = _WORDS.get(separator, repr(separator))
        raise ValueError(f"{where}: not a {word} separated line: {error}") from None


def _unpadded(rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Without columns at the end that hold nothing, not even a name, in any row."""
    if not rows:
        return rows
    width = len(rows[0][1])
    used = max((k for k, cell in enumerate(rows[0][1], 1) if cell.strip()), default=0)
    if any(len(row) != width or any(c.strip() for c in row[used:]) for _, row in rows):
        return rows
    return [(n, row[:used]) for n, row in rows]


def plain_numbers(cells: Iterable[tuple[str, str]], separator: str) -> list[str]:
    """(where, text) of numbers as texts that `float` reads: minus signs, decimal commas.

    Decimal commas are read where commas do not separate the cells, all numbers have them, and one
    shows that they are no thousands.  What is no number is left as it is.
    Raises ValueError "WHERE: ..." where a number may mean two things.
    """
    plain = [(where, text.strip().replace(MINUS, "-")) for where, text in cells]
    if not any("," in text for _, text in plain):
        return [text for _, text in plain]
    commas = [(where, text) for where, text in plain if _COMMA.fullmatch(text)]
    groups = [(where, text) for where, text in plain if _GROUPS.fullmatch(text)]
    if not (commas or groups):
        return [text for _, text in plain]
    where, text = (commas or groups)[0]
    if separator == ",":
        raise ValueError(f"{where}: write {text!r} with a decimal point, not a comma")
    for other, number in plain:
        if re.fullmatch(r"[-+]?\d*\.\d*(?:[eE][-+]?\d+)?", number):
            raise ValueError(
                f"{other}: decimal points and commas are mixed, got {number!r} and {text!r}"
            )
    if all(_GROUPS.fullmatch(text) for _, text in commas):
        where, text = groups[0]
        raise ValueError(
            f"{where}: {text!r} may be {text.replace(',', '.')} or {text.replace(',', '')}; "
            "write one of them"
        )
    return [text.replace(",", ".") if _COMMA.fullmatch(text) else text for _, text in plain]
