"""Measurement files: a CSV with the sample in its header, read strictly and never repaired."""

import dataclasses
import itertools
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxstt.io import Sheet, plain_numbers, read_sheet
from jaxstt.tools import nearest

from .. import datasets
from .._errors import InputError, Rule, checked, plausible
from ._header import TRUTH, read_header
from ._sample import AXES, KEYS, Sample, described


class Observable(NamedTuple):
    """A measurable quantity: its SI unit, what its value may be, what it is."""

    unit: str
    rule: Rule
    meaning: str


OBSERVABLES = {
    "wall_velocity": Observable("m/s", "a finite number", "mean wall velocity along +x"),
    "precession_frequency": Observable(
        "Hz", ">= 0", "|<dphi/dt>|/(2 pi) of the wall's angle, without sign"
    ),
    "drift_velocity": Observable(
        "m/s", "a finite number", "u of the torque (u.grad)m, along +j for P > 0"
    ),
}
"""Every observable that a file may hold."""

NUMBERS: dict[str, Rule] = {
    "current_density_A_per_m2": "a finite number",
    "field_T": "a finite number",
    "temperature_K": ">= 0",
    "std": "> 0",
    "start_position_m": "a finite number",
    "duration_s": "> 0",
}
"""Columns of numbers; `value` is not among them, its limits are those of the observable."""
SIZES = {
    "current_density_A_per_m2": (1e4, 1e16),
    "field_T": (1e-9, 1e2),
    "temperature_K": (1e-6, 1e4),
    "start_position_m": (1e-11, 1e-2),
    "duration_s": (1e-13, 1e3),
}
"""Sizes that real experiments have, wide; what lies beyond is most likely a wrong unit."""

DRIVES = ("current_density_A_per_m2", "field_T")
COLUMNS = ("observable", *DRIVES, "field_axis", "temperature_K", "value", "std", "unit", "source")
OPTIONAL_COLUMNS = ("start_position_m", "duration_s")
_TEXTS = ("observable", "field_axis", "unit", "source")
_REQUIRED_COLUMNS = ("observable", "value", "unit")


@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
    """Rows of a measurement file and the sample they were taken on; n rows, arrays of shape (n,).

    observable: names, see `OBSERVABLES`; value, std: in `unit`, std nan where the file gives none.
    j: conventional current density, A/m^2; B: field, T, along field_axis ("" if nothing names it).
    temperature: K; start_position: m; duration: s; nan where not given.
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
    line: np.ndarray
    extra: dict[str, tuple[str, ...]]
    sample: Sample
    truth: dict[str, float]
    path: str
    notes: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.observable)

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
    if not set(DRIVES) & set(columns):
        missing.append(f"`{DRIVES[0]}` or `{DRIVES[1]}`")
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
    value = checked(f"column `value` of {name}", given["value"], observable.rule)
    number = {
        column: float(checked(f"column `{column}`", given[column], rule)) if given[column] else None
        for column, rule in NUMBERS.items()
    }
    for column, limits in SIZES.items():
        if (size := number[column]) is not None:
            plausible(f"column `{column}`", size, limits)
    j, B = (number[drive] for drive in DRIVES)
    if name == "drift_velocity" and not j:
        raise InputError(f"column `{DRIVES[0]}` must be given and not 0 for drift_velocity")
    if j is None and B is None:
        raise InputError(f"column `{DRIVES[0]}` or `{DRIVES[1]}` must be given")
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
    }


def _gather(field: str, values: list[Any]) -> Any:
    if field in _TEXTS:
        return tuple(values)
    return np.array([math.nan if value is None else value for value in values], dtype=float)


_EXAMPLE = {
    "Ms_A_per_m": "6.8e5",
    "A_J_per_m": "1.3e-11",
    "K_J_per_m3": "3.25e5",
    "K_hard_J_per_m3": "2.2e4",
    "easy_axis": "z",
    "hard_axis": "x",
    "length_m": "1536e-9",
    "width_m": "64e-9",
    "thickness_m": "4e-9",
    "cell_x_m": "3e-9",
    "temperature_K": "300",
    "wall": "bloch",
    "charge": "1",
    "n0_A_per_m": "0",
    "convention": "paper",
}
_UNUSED = {
    "cell_y_m": "4e-9",
    "cell_z_m": "4e-9",
    "gamma_rad_per_sT": "1.7595e11",
    "position_m": "0",
    **{f"truth_{parameter}": "0.1" for parameter in TRUTH},
}


def template() -> str:
    """A measurement file to fill in: every header key explained, one example row per observable.

    It is a valid file as it stands.
    """
    lines = [
        "# Put your sample's values here and your rows below. A line with two # is switched off.",
        "# j is the current through the magnetic layer over its cross-section, in the direction of",
        "# conventional current: electrons flow to -j. 1 A/cm^2 is 1e4 A/m^2, 1 Oe is 1e-4 T, 1 mT",
        "# is 1e-3 T. value and std are in SI; leave std empty where unknown.",
    ]
    for name, key in KEYS.items():
        allowed = f": {', '.join(key.rule)}" if isinstance(key.rule, tuple) else ""
        mark, value = ("#", _EXAMPLE[name]) if name in _EXAMPLE else ("##", _UNUSED[name])
        lines += [f"# -- {described(key)}{allowed}", f"{mark} {name} = {value}"]
    lines.append("# -- true parameters, where known (simulated data only)")
    lines += [f"## truth_{parameter} = {_UNUSED[f'truth_{parameter}']}" for parameter in TRUTH]
    lines += [f"# {name} ({kind.unit}): {kind.meaning}" for name, kind in OBSERVABLES.items()]
    lines += [
        ",".join(COLUMNS),
        "wall_velocity,-2e11,,z,300,19.7,0.5,m/s,example: replace",
        "wall_velocity,,0.8e-3,z,300,15.9,0.4,m/s,example: field mobility",
        "precession_frequency,-3.2e12,,z,300,2.5e8,8e6,Hz,example: above breakdown",
        "drift_velocity,-1e12,,,300,-40,1.2,m/s,example: spin-wave Doppler shift",
    ]
    return "\n".join(lines) + "\n"
