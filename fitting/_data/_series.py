"""Time series of the averaged magnetisation: OOMMF ODT, mumax3 table.txt, CSV, columns."""

import dataclasses
import os
import re

import numpy as np

from jaxstt.io import Table, read_table

from .._errors import InputError

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


def load_series(
    path: str | os.PathLike[str], *, table: int | None = None, **chosen: float
) -> Series:
    """Read time and <mx>, <my>, <mz>.

    table: which one, from 1, of a file that holds several.  `chosen` picks rows, as xi=0.05, where
    a column says so.
    Raises InputError, one line "FILE:LINE: ...", for what cannot be used.
    """
    name = os.fspath(path)
    try:
        found = read_table(path, table=table)
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        told = str(error)
        raise InputError(told if told.startswith(name) else f"{name}: {told}") from None
    if not found.lines.size:
        raise InputError(f"{name}: the file is empty: no row follows the column names")
    return _series(name, found, chosen)


def _plain(column: str, unit: str) -> tuple[str, str]:
    """("mx", unit) of "TimeDriver::mx", "<mx>" or "time_ns"."""
    column = column.split(":")[-1].strip().lower()
    if match := re.fullmatch(r"(t|time)_(\w+)", column):
        column, unit = match[1], match[2]
    return column.strip("<> "), unit


def _series(name: str, table: Table, chosen: dict[str, float]) -> Series:
    known = [_plain(column, table.units[column]) for column in table.columns]
    names = [n for n, _ in known]
    columns = list(table.columns.values())
    keep = np.ones(table.lines.size, bool)
    for key, value in chosen.items():
        if key not in names:
            there = ", ".join(table.columns)
            raise InputError(f"{name}: missing column `{key}`; there are {there}")
        keep &= columns[names.index(key)] == value
        if not keep.any():
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
    t, m = columns[times[0]][keep] * UNITS[unit], np.full((int(keep.sum()), 3), np.nan)
    for k, i in axes.items():
        m[:, k] = columns[i][keep]
    _check(name, table.lines[keep], t, m[:, list(axes)])
    return Series(t, m, name)


def _check(name: str, lines: np.ndarray, t: np.ndarray, m: np.ndarray) -> None:
    """InputError for the first row that no series can have."""
    for i, line in enumerate(lines):
        if not (np.isfinite(t[i]) and np.all(np.isfinite(m[i]))):
            raise InputError(
                f"{name}:{line}: every cell must be a finite number in the columns of time and m, "
                f"got {', '.join(f'{x:g}' for x in (t[i], *m[i]))}"
            )
        if t[i] < 0 or (i and t[i] <= t[i - 1]):
            raise InputError(f"{name}:{line}: time must be >= 0 and increase, got {t[i]:g} s")
        if np.sum(m[i] ** 2) > 1 + 1e-6:
            raise InputError(f"{name}:{line}: |m| must be <= 1, in units of Ms")
