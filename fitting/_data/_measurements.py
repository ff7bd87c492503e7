"""Measurement files: a CSV with the sample in its header, read strictly and never repaired."""

import dataclasses
import itertools
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from jaxstt.io import Sheet, plain_numbers, read_sheet
from jaxstt.tools import nearest

from .. import datasets
from .._errors import InputError, checked, plausible
from ._header import read_header
from ._observables import (
    BOUNDS,
    COLUMNS,
    DRIVES,
    FIELDS,
    NUMBERS,
    OBSERVABLES,
    OPTIONAL_COLUMNS,
    SIZES,
    check_columns,
)
from ._sample import AXES, Sample

_TEXTS = ("observable", "field_axis", "unit", "source", "bound")
_REQUIRED_COLUMNS = ("observable", "value", "unit")


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """Rows of a measurement file and the sample they were taken on; n rows, arrays of shape (n,).

    observable: names, see `OBSERVABLES`; value, std: in `unit`, std nan where the file gives none.
    j: conventional current density, A/m^2; B: field, T, along field_axis ("" if nothing names it).
    B_xyz: (n, 3), T, a further field (columns field_x_T, ...); 0 where not given.
    temperature: K; start_position: m; duration, rise (of a pulse): s; nan where not given.
    bound: "upper" or "lower" where the value is only a bound, and std how sharp it is; else "".
    line: line number of each row in the file; extra: the columns whose names start with `x_`.
    truth: the true xi, P, alpha, where known; path: the file, or the name of an embedded data set;
    notes: the free text of the header.
    """

    observable: tuple[str, ...]
    j: np.ndarray
    B: np.ndarray
    field_axis: tuple[str, ...]
    temperature: np.ndarray
    value: np.ndarray
    std: np.ndarray
    unit: tuple[str, ...]
    source: tuple[str, ...]
    start_position: np.ndarray
    duration: np.ndarray
    rise: np.ndarray
    bound: tuple[str, ...]
    line: np.ndarray
    extra: dict[str, tuple[str, ...]]
    sample: Sample
    truth: dict[str, float]
    path: str
    notes: tuple[str, ...]
    B_xyz: np.ndarray = dataclasses.field(default=None)  # type: ignore  (filled in below)

    def __post_init__(self) -> None:
        if self.B_xyz is None:
            object.__setattr__(self, "B_xyz", np.zeros((len(self), 3)))
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.observable)

    def fields(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) and (n, 2), T: the whole field along the easy axis c, and along a and b across it.

        (c, a, b) is a right-handed triad: (z, x, y) or (x, y, z), as of `CollectiveWall`.
        """
        whole = np.array(self.B_xyz, float)
        easy = AXES.index(self.sample.easy_axis or "z")
        axes = [AXES.index(axis) if axis else easy for axis in self.field_axis]
        whole[np.arange(len(self)), axes] += np.asarray(self.B)
        return whole[:, easy], whole[:, [(easy + 1) % 3, (easy + 2) % 3]]

    def exclude(self, rows: Iterable[int]) -> "Measurements":
        """The measurements without the rows at these line numbers of the file.

        Raises InputError for a line that holds no row, or if nothing would be left.
        """
        excluded = set(rows)
        unknown = sorted(excluded - set(self.line.tolist()))
        if unknown:
            raise InputError(
                f"{self.path}: no row to exclude at line {unknown[0]}; "
                f"rows are at lines {', '.join(str(line) for line in self.line)}"
            )
        keep = [i for i, line in enumerate(self.line) if line not in excluded]
        if not keep:
            raise InputError(f"{self.path}: no row is left after excluding all {len(self)}")
        changes = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                changes[field.name] = value[keep]
            elif field.name in _TEXTS:
                changes[field.name] = tuple(value[i] for i in keep)
        extra = {name: tuple(cells[i] for i in keep) for name, cells in self.extra.items()}
        return dataclasses.replace(self, extra=extra, **changes)

    def with_std(self, fraction: float) -> "Measurements":
        """The measurements with `fraction` times |value| as std in the rows that have none.

        Raises InputError if `fraction` is not > 0 or such a row has the value 0.
        """
        fraction = float(checked("the relative `std`", fraction, "> 0"))
        missing = np.isnan(self.std)
        for line in self.line[missing & (self.value == 0)]:
            raise InputError(
                f"{self.path}:{line}: column `std` must be given where `value` is 0: "
                "a relative error of it would be 0"
            )
        return dataclasses.replace(
            self, std=np.where(missing, fraction * np.abs(self.value), self.std)
        )

    def at_drives(
        self,
        observable: tuple[str, ...],
        j: np.ndarray,
        B: np.ndarray,
        *,
        duration: np.ndarray | None = None,
        value: np.ndarray | None = None,
        B_xyz: np.ndarray | None = None,
    ) -> "Measurements":
        """Other rows of the same sample, not measured: nan and "" where nothing is given."""
        n = len(observable)
        empty, words = np.full(n, math.nan), ("",) * n
        return dataclasses.replace(
            self,
            observable=observable,
            j=np.array(j, float),
            B=np.array(B, float),
            B_xyz=np.zeros((n, 3)) if B_xyz is None else np.array(B_xyz, float),
            field_axis=(self.sample.easy_axis or "",) * n,
            value=empty if value is None else np.array(value, float),
            duration=empty.copy() if duration is None else np.array(duration, float),
            **{name: empty.copy() for name in ("temperature", "std", "start_position", "rise")},
            **dict.fromkeys(("unit", "source", "bound"), words),
            line=np.zeros(n, int),
            extra={},
        )

    def with_sample(self, sample: Sample) -> "Measurements":
        """The measurements with `sample` for the header's; it fills what rows leave open."""
        axis = tuple(own or sample.easy_axis or "" for own in self.field_axis)
        kelvin = math.nan if sample.temperature is None else sample.temperature
        temperature = np.where(np.isnan(self.temperature), kelvin, self.temperature)
        return dataclasses.replace(self, sample=sample, field_axis=axis, temperature=temperature)


def load_measurements(path: str | os.PathLike[str]) -> Measurements:
    """Read a measurement file, or an embedded data set by its name ("strip_a").

    `# key = value` lines describe the sample (`KEYS`, `truth_xi`, `truth_P`, `truth_alpha`); other
    `#` lines are free text.  Then a line of column names and the rows, separated by commas,
    semicolons or tabs; decimal commas where no commas separate; UTF-8 or UTF-16.

    Raises InputError, one line "FILE:LINE: ...", for anything that cannot be used: nothing is
    skipped or replaced.
    """
    name = os.fspath(path)
    sheet = _sheet(name)
    sample, truth, notes = read_header(name, sheet.comments, sheet.separator)
    if not sheet.rows:
        raise InputError(f"{name}: the file is empty: no column names and no rows")
    (number, names), *rows = sheet.rows
    columns = _columns(f"{name}:{number}", names)
    if not rows:
        raise InputError(f"{name}:{number}: no row follows the column names")
    given = [_given(f"{name}:{n}", columns, cells) for n, cells in rows]
    _read_numbers(name, [n for n, _ in rows], given, sheet.separator)
    records = [_record(f"{name}:{n}", row, sample) for (n, _), row in zip(rows, given, strict=True)]
    return Measurements(
        **{field: _gather(field, [record[field] for record in records]) for field in records[0]},
        line=np.array([n for n, _ in rows]),
        extra={
            column: tuple(row[column] for row in given)
            for column in columns
            if column.startswith("x_")
        },
        sample=sample,
        truth=truth,
        path=name,
        notes=notes,
    )


def _sheet(name: str) -> Sheet:
    file = datasets.path(name) if name in datasets.names() else Path(name)
    try:
        return read_sheet(file, name=name)
    except FileNotFoundError:
        known = ", ".join(datasets.names())
        raise InputError(f"{name}: no such file or embedded data set (there are {known})") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        told = str(error)
        raise InputError(
            told if told.startswith(f"{name}:") else f"{name}: cannot be read: {told}"
        ) from None


def _columns(where: str, names: list[str]) -> list[str]:
    columns = [column.strip() for column in names]
    known = (*COLUMNS, *OPTIONAL_COLUMNS)
    for i, column in enumerate(columns, start=1):
        if not column:
            raise InputError(f"{where}: column {i} must have a name")
        if "=" in column:
            raise InputError(
                f"{where}: unknown column {column!r}; a line of the header begins with `#`"
            )
        if column not in known and not column.startswith("x_"):
            raise InputError(
                f"{where}: unknown column {column!r}; did you mean `{nearest(column, known)}`? "
                "(names starting with `x_` are carried along)"
            )
        if column in columns[: i - 1]:
            raise InputError(f"{where}: column `{column}` is given twice")
    missing = [f"`{column}`" for column in _REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise InputError(f"{where}: missing column {', '.join(missing)}")
    return columns


def _given(where: str, columns: list[str], cells: list[str]) -> dict[str, str]:
    """The cells of a row by column, "" where there is none."""
    cells = [cell.strip() for cell in cells]
    if len(cells) > len(columns) and not any(cells[len(columns) :]):
        cells = _without_padding(columns, cells)
    if len(cells) != len(columns):
        more, unit = len(cells) - len(columns), columns.index("unit")
        units = [observable.unit for observable in OBSERVABLES.values()]
        comma = more > 0 and cells[unit + more] in units
        hint = "; write numbers with a decimal point, not a comma" if comma else ""
        raise InputError(f"{where}: expected {len(columns)} cells, got {len(cells)}{hint}")
    return dict.fromkeys((*COLUMNS, *OPTIONAL_COLUMNS), "") | dict(zip(columns, cells, strict=True))


def _without_padding(columns: list[str], cells: list[str]) -> list[str]:
    """Without empty cells at the end, unless they may come from a decimal comma before them."""
    after = cells[columns.index("unit") + 1 :]
    for left, right in itertools.pairwise(after):
        if re.fullmatch(r"[-+]?\d+", left) and re.match(r"\d", right):
            return cells
    return cells[: len(columns)]


def _read_numbers(name: str, lines: list[int], given: list[dict[str, str]], separator: str) -> None:
    """Write the numbers of all rows as `float` reads them."""
    places = [(n, row, c) for n, row in zip(lines, given, strict=True) for c in ("value", *NUMBERS)]
    cells = [(f"{name}:{n}: column `{column}`", row[column]) for n, row, column in places]
    try:
        plain = plain_numbers(cells, separator)
    except ValueError as error:
        raise InputError(str(error)) from None
    for (_, row, column), text in zip(places, plain, strict=True):
        row[column] = text


def _record(where: str, given: dict[str, str], sample: Sample) -> dict[str, Any]:
    """One row as fields of `Measurements`."""
    try:
        return _checked_record(given, sample)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _checked_record(given: dict[str, str], sample: Sample) -> dict[str, Any]:
    name, unit = given["observable"], given["unit"]
    if name not in OBSERVABLES:
        shown = repr(name) if name else "nothing"
        raise InputError(
            f"column `observable` must be one of {', '.join(OBSERVABLES)}, got {shown}; "
            f"did you mean `{nearest(name, OBSERVABLES)}`?"
        )
    observable = OBSERVABLES[name]
    if unit != observable.unit:
        shown = repr(unit) if unit else "nothing"
        raise InputError(f"column `unit` must be {observable.unit} for {name}, got {shown}")
    if given["field_axis"]:
        checked("column `field_axis`", given["field_axis"], AXES)
    if given["bound"]:
        checked("column `bound`", given["bound"], BOUNDS)
    value = checked(f"column `value` of {name}", given["value"], observable.rule)
    number = {
        column: float(checked(f"column `{column}`", given[column], rule)) if given[column] else None
        for column, rule in NUMBERS.items()
    }
    for column, limits in SIZES.items():
        if (size := number[column]) is not None:
            plausible(f"column `{column}`", size, limits)
    check_columns(name, float(value), number)
    j, B = (number[drive] for drive in DRIVES)
    kelvin = sample.temperature if number["temperature_K"] is None else number["temperature_K"]
    return {
        "observable": name,
        "j": 0.0 if j is None else j,
        "B": 0.0 if B is None else B,
        "field_axis": given["field_axis"] or sample.easy_axis or "",
        "temperature": kelvin,
        "value": value,
        "std": number["std"],
        "unit": unit,
        "source": given["source"],
        "start_position": number["start_position_m"],
        "duration": number["duration_s"],
        "rise": number["rise_s"],
        "bound": given["bound"],
        "B_xyz": tuple(number[column] or 0.0 for column in FIELDS),
    }


def _gather(field: str, values: list[Any]) -> Any:
    if field in _TEXTS:
        return tuple(values)
    return np.array([math.nan if value is None else value for value in values], dtype=float)
