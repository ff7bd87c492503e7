"""Tables of numbers against time, as mumax3 writes them; OOMMF's ODT is read as well."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from ._atomic import write_whole


class Table(NamedTuple):
    """What is in a table."""

    columns: dict[str, np.ndarray]
    """(rows,) each, in the order of the file."""
    units: dict[str, str]
    """The unit of each column, "" where there is none."""


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
    head = "# " + "\t".join(f"{name} ({units.get(name, '')})" for name in values)
    lines = ("\t".join(map(repr, row)) for row in np.stack(list(values.values()), 1).tolist())
    write_whole(path, "\n".join([head, *lines, ""]).encode())


def read_table(path: str | os.PathLike) -> Table:
    """Read a table of mumax3 (also of mumax-style files of others) or an ODT file of OOMMF.

    Raises ValueError naming the file and the line for what is no table of numbers; OSError if it
    cannot be read.
    """
    text = Path(path).read_text(errors="replace")
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    read = _odt_head if any(line.startswith("# Columns:") for _, line in lines) else _mumax_head
    try:
        names, units = read(lines)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{path}: column {twice[0]!r} is there twice")
    rows = []
    for n, line in lines:
        if line.startswith("#"):
            continue
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) != len(names):
            raise ValueError(f"{path}:{n}: must have {len(names)} columns, got {len(cells)}")
        try:
            rows.append([float(cell) for cell in cells])
        except ValueError as error:
            raise ValueError(f"{path}:{n}: must hold numbers: {error}") from None
    values = np.array(rows).reshape(len(rows), len(names))
    return Table(
        dict(zip(names, values.T.copy(), strict=True)), dict(zip(names, units, strict=True))
    )


def _mumax_head(lines: list[tuple[int, str]]) -> tuple[list[str], list[str]]:
    if not lines or not lines[0][1].startswith("#"):
        raise ValueError("must begin with '# name (unit)<tab>...'")
    names, units = [], []
    for cell in lines[0][1].lstrip("# ").split("\t"):
        match = re.fullmatch(r"(.*?)\s*\(([^()]*)\)", cell.strip())
        if match is None or not match[1]:
            raise ValueError(f"a column must be headed 'name (unit)', got {cell.strip()!r}")
        names.append(match[1])
        units.append(match[2])
    return names, units


def _odt_head(lines: list[tuple[int, str]]) -> tuple[list[str], list[str]]:
    found = {}
    for _, line in lines:
        for key in ("# Columns:", "# Units:"):
            if line.startswith(key):
                if key in found:
                    raise ValueError("holds several tables; split it")
                words = re.findall(r"\{([^}]*)\}|(\S+)", line[len(key) :])
                found[key] = [a if not b else b for a, b in words]
    names = found["# Columns:"]
    units = found.get("# Units:", [""] * len(names))
    if len(units) != len(names):
        raise ValueError(f"`# Units:` must hold {len(names)} units, got {len(units)}")
    return names, units
