"""Runs of a dear model, kept in a file: a fit that was interrupted goes on where it was."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxstt.tools import versions, write_whole

from .._data import Measurements
from .._errors import InputError

Dear = Callable[[Mapping[str, float]], np.ndarray]


class KeptRuns:
    """dear(values) that looks into the file first and writes to it after every run.

    The file serves one question only: other drives, another sample or other versions begin anew.
    Values must agree to 1e-9.  Raises InputError for a file that is no such file.
    """

    def __init__(self, path: str | os.PathLike[str], data: Measurements, dear: Dear):
        self.path, self.dear = Path(path), dear
        self.question = _question(data)
        self.runs: list[dict[str, Any]] = []
        if self.path.exists():
            found = _read(self.path)
            if found["question"] == self.question:
                self.runs = found["runs"]

    def __call__(self, values: Mapping[str, float]) -> np.ndarray:
        for run in self.runs:
            if _same(run["values"], values):
                return np.array([np.nan if x is None else x for x in run["prediction"]], float)
        prediction = self.dear(values)
        shown = [float(x) if np.isfinite(x) else None for x in prediction]
        self.runs.append({"values": dict(values), "prediction": shown})
        text = json.dumps({"question": self.question, "runs": self.runs}, indent=1)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, text.encode())
        return prediction


def _question(data: Measurements) -> str:
    """A mark of what a prediction depends on besides the values."""
    rows = [list(data.observable), data.j.tolist(), data.B.tolist(), list(data.field_axis)]
    if data.B_xyz.any():
        rows.append(data.B_xyz.tolist())
    text = json.dumps(
        [rows, repr(dataclasses.replace(data.sample, origin="")), versions()], sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(path: Path) -> dict:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        runs = [
            {"values": dict(r["values"]), "prediction": list(r["prediction"])}
            for r in found["runs"]
        ]
        return {"question": str(found["question"]), "runs": runs}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: holds no runs of a fit ({error!r}); remove it") from None


def _same(known: Mapping[str, float], values: Mapping[str, float]) -> bool:
    return known.keys() == values.keys() and all(
        abs(known[n] - values[n]) <= 1e-9 * abs(values[n]) for n in values
    )
