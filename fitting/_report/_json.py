"""A fit as plain numbers, lists and text, and back."""

import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._data import Measurements, Sample
from .._errorbars import Combination, Identifiability
from .._errors import InputError
from .._solve import Rung

if TYPE_CHECKING:
    from ._result import Fit

SCHEMA = 1
"""Of the file: a reader of this number reads all files with this number or none."""

_COLUMNS = {
    "lines": "line",
    "observable": "observable",
    "current_density_A_per_m2": "j",
    "field_T": "B",
    "field_axis": "field_axis",
    "temperature_K": "temperature",
    "value": "value",
    "std": "std",
    "unit": "unit",
    "source": "source",
    "start_position_m": "start_position",
    "duration_s": "duration",
    "rise_s": "rise",
    "bound": "bound",
    "extra": "extra",
    "truth": "truth",
    "path": "path",
    "notes": "notes",
}
"""Keys of `data` in the file, and fields of `Measurements`."""


def to_dict(fit: "Fit") -> dict[str, Any]:
    """Everything but the problem; what is not finite becomes None."""
    fields = {f.name: getattr(fit, f.name) for f in dataclasses.fields(fit)}
    del fields["solved"]
    data, seen = fields.pop("data"), fields.pop("identifiability")
    fields["identifiability"] = None
    if seen is not None:
        own = {f.name: getattr(seen, f.name) for f in dataclasses.fields(seen)}
        combinations = [dataclasses.asdict(c) for c in seen.combinations]
        fields["identifiability"] = {**own, "combinations": combinations, "text": seen.text}
    fields["data"] = {key: getattr(data, field) for key, field in _COLUMNS.items()}
    fields["data"]["sample"] = dataclasses.asdict(data.sample)
    fields["derived"] = {
        name: {"value": value, "std": std, "unit": unit}
        for name, (value, std, unit) in fit.derived.items()
    }
    fields["rungs"] = [
        {**dataclasses.asdict(r), "discrepancy": r.discrepancy(data.std)} for r in fit.rungs
    ]
    fields["alternatives"] = [{"values": v, "chi2": chi2} for v, chi2 in fit.alternatives]
    return {"schema": SCHEMA, **plain(fields)}


def plain(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {str(key): plain(value) for key, value in x.items()}
    if isinstance(x, np.ndarray):
        return plain(x.tolist())
    if isinstance(x, list | tuple):
        return [plain(value) for value in x]
    if isinstance(x, float) and not math.isfinite(x):
        return None
    return x


def read_fields(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a `Fit` from its JSON file, without the problem.

    Raises InputError naming the file and what is wrong with it.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: no JSON of a fit ({str(error).splitlines()[0]})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    try:
        found = {"schema": SCHEMA, "loss": "normal", "priors": {}, "ties": {}, **found}
        schema = found.pop("schema")
        if not isinstance(schema, int) or schema > SCHEMA:
            raise InputError(
                f"{path}: `schema` must be at most {SCHEMA}, got {schema}: the fit is of a newer "
                "version"
            )
        return {key: _READ.get(key, _as_is)(value) for key, value in found.items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no JSON of a fit ({error!r})") from None


def _as_is(x: Any) -> Any:
    return x


def _numbers(x: list) -> np.ndarray:
    """What was not finite is nan."""
    return np.array([math.nan if v is None else v for v in x], float)


def _measurements(x: dict[str, Any]) -> Measurements:
    n = len(x["lines"])
    x = {"rise_s": [None] * n, "bound": [""] * n, **x}  # which older files do not have
    fields = {field: x[key] for key, field in _COLUMNS.items()}
    for name in ("j", "B", "temperature", "value", "std", "start_position", "duration", "rise"):
        fields[name] = _numbers(fields[name])
    for name in ("observable", "field_axis", "unit", "source", "bound", "notes"):
        fields[name] = tuple(fields[name])
    fields["line"] = np.array(fields["line"], int)
    fields["extra"] = {name: tuple(cells) for name, cells in fields["extra"].items()}
    return Measurements(sample=Sample(**x["sample"]), **fields)


def _identifiability(x: dict[str, Any] | None) -> Identifiability | None:
    if x is None:
        return None
    fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in x.items()}
    del fields["text"]
    fields["combinations"] = tuple(Combination(**c) for c in x["combinations"])
    fields["covariance"] = np.array(x["covariance"], float)
    return Identifiability(**fields)


def _covariance(x: dict[str, Any]) -> dict[str, Any]:
    matrix = None if x["matrix"] is None else np.array(x["matrix"], float)
    return {"names": tuple(x["names"]), "matrix": matrix}


def _rungs(x: list[dict[str, Any]]) -> tuple[Rung, ...]:
    """Their discrepancies follow from the rest."""
    return tuple(
        Rung(
            r["model"],
            r["values"],
            _numbers(r["prediction"]),
            _numbers(r["before"]),
            r["shift"],
        )
        for r in x
    )


_READ: dict[str, Callable[[Any], Any]] = {
    "data": _measurements,
    "identifiability": _identifiability,
    "covariance": _covariance,
    "free": tuple,
    "priors": lambda x: {n: tuple(prior) for n, prior in x.items()},
    "nuisance": tuple,
    "notes": tuple,
    "predictions": _numbers,
    "residuals": _numbers,
    "chi2": lambda x: math.inf if x is None else x,
    "intervals": lambda x: {n: None if ends is None else tuple(ends) for n, ends in x.items()},
    "derived": lambda x: {n: (d["value"], d["std"], d["unit"]) for n, d in x.items()},
    "rungs": _rungs,
    "alternatives": lambda x: tuple((a["values"], a["chi2"]) for a in x),
}
