"""Time series of the averaged magnetisation: OOMMF ODT, mumax3 table.txt, CSV, columns."""

import dataclasses
import math
import os
import re
from pathlib import Path

import numpy as np

from ._errors import InputError

UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15}
"""Units of time, in s."""
_TIME = {"t", "time", "simulation time"}


@dataclasses.dataclass(frozen=True, eq=False)
class Series:
    """An averaged magnetisation in time.

    time: (T,), s.  m: (T, 3), nan in a column that the file lacks.  source: the file.
    """

    time: np.ndarray
    m: np.ndarray
    source: str


def load_series(path: str | os.PathLike[str], **chosen: float) -> Series:
    """Read time and <mx>, <my>, <mz>; `chosen` picks rows, as xi=0.05, where a column says so.

    Raises InputError, one line "FILE:LINE: ...", for what cannot be used.
    """
    name = os.fspath(path)
    try:
        lines = Path(name).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {error}") from None
    columns: list[str] | None = None
    units: list[str] = []
    rows: list[tuple[int, list[float]]] = []
    for number, line in enumerate(lines, start=1):
        where, text = f"{name}:{number}", line.strip()
        if not text:
            continue
        if text.startswith("#"):
            body = text[1:].strip()
            if body.lower().startswith("columns:"):
                columns = [a or b for a, b in re.findall(r"\{([^}]*)\}|(\S+)", body[8:])]
            elif body.lower().startswith("units:"):
                units = [a or b for a, b in re.findall(r"\{([^}]*)\}|(\S+)", body[6:])]
            elif re.match(r"t\s*\(\w+\)\s", body):  # mumax3
                columns = [c.strip() for c in body.split("\t")]
        elif columns is None:
            columns = _cells(text)
        else:
            rows.append((number, _numbers(where, text, len(columns))))
    if columns is None or not rows:
        raise InputError(f"{name}: the file is empty: no column names or no rows")
    return _series(name, columns, units, rows, chosen)


def _cells(text: str) -> list[str]:
    return [c.strip() for c in (text.split(",") if "," in text else text.split())]


def _numbers(where: str, text: str, count: int) -> list[float]:
    cells = _cells(text)
    if len(cells) != count:
        raise InputError(f"{where}: expected {count} cells, got {len(cells)}")
    try:
        values = [float(c) for c in cells]
    except ValueError:
        raise InputError(f"{where}: every cell must be a number, got {text!r}") from None
    if not all(map(math.isfinite, values)):
        raise InputError(f"{where}: every cell must be a finite number, got {text!r}")
    return values


def _plain(column: str, unit: str) -> tuple[str, str]:
    """("mx", unit) of "TimeDriver::mx", "mx ()", "<mx>" or "time_ns"."""
    column = column.split(":")[-1].strip().lower()
    if match := re.fullmatch(r"(.*?)\s*\((\w*)\)", column):
        column, unit = match[1], match[2]
    if match := re.fullmatch(r"(t|time)_(\w+)", column):
        column, unit = match[1], match[2]
    return column.strip("<> "), unit


def _series(name, columns, units, rows, chosen) -> Series:
    units = units if len(units) == len(columns) else [""] * len(columns)
    known = [_plain(c, u) for c, u in zip(columns, units, strict=True)]
    names = [n for n, _ in known]
    for key, value in chosen.items():
        if key not in names:
            raise InputError(f"{name}: missing column `{key}`; there are {', '.join(columns)}")
        rows = [(k, r) for k, r in rows if r[names.index(key)] == value]
        if not rows:
            raise InputError(f"{name}: no row with {key} = {value:g}")
    times = [i for i, n in enumerate(names) if n in _TIME]
    if len(times) != 1:
        raise InputError(f"{name}: there must be one column of time, got {len(times)}")
    unit = known[times[0]][1] or "s"
    if unit not in UNITS:
        raise InputError(f"{name}: the unit of time must be one of {', '.join(UNITS)}, got {unit}")
    axes = {k: names.index(n) for k, n in enumerate(("mx", "my", "mz")) if names.count(n) == 1}
    if not axes:
        raise InputError(f"{name}: missing column `mx`, `my` or `mz` (each at most once)")
    table = np.array([r for _, r in rows])
    t, m = table[:, times[0]] * UNITS[unit], np.full((len(rows), 3), np.nan)
    for k, column in axes.items():
        m[:, k] = table[:, column]
    for i, (number, _) in enumerate(rows):
        if t[i] < 0 or (i and t[i] <= t[i - 1]):
            raise InputError(f"{name}:{number}: time must be >= 0 and increase, got {t[i]:g} s")
        if np.nansum(m[i] ** 2) > 1 + 1e-6:
            raise InputError(f"{name}:{number}: |m| must be <= 1, in units of Ms")
    return Series(t, m, name)
