"""A sweep on disk: whole chunks beside the path while it runs, one zarr store when it is done."""

import hashlib
import json
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .._core import write_whole
from ..io import load_zarr, save_zarr

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_ATTRIBUTE, _DIGESTS = "sweep", "sha256"


class SweepWarning(UserWarning):
    """Points of a sweep failed, or a chunk of its store is damaged."""


class Store:
    """The files of one sweep.

    path: the zarr store with all results, there only when the sweep is finished.
    path.parts/sweep.json: what is swept.  path.parts/000000.zarr, ...: the finished chunks.
    """

    def __init__(self, path: str | os.PathLike):
        if "://" in os.fspath(path):
            raise ValueError(f"`path` must be on a file system, got {path}")
        self.path = Path(path).expanduser()
        if not self.path.name or "\0" in str(self.path):
            raise ValueError(f"`path` must name a store to make, got {str(path)!r}")
        self.parts = self.path.with_name(self.path.name + ".parts")
        self._held: int | None = None

    def chunk(self) -> int | None:
        """Points in a chunk of the sweep that is there."""
        for place in (self.path, self.parts):
            if place.exists():
                return _known(place).get("chunk")
        return None

    def refuse_if_taken(self) -> None:
        """ValueError if there is anything."""
        for place in (self.parts, self.path):
            if place.exists():
                hint = "; pass resume=True to go on with it" if place == self.parts else ""
                raise ValueError(f"`path` {place} exists{hint}")

    def check(self, description: dict[str, Any]) -> None:
        """ValueError if what is there is no sweep, or another one."""
        for place in (self.path, self.parts):
            if not place.exists():
                continue
            known, new = _known(place), json.loads(json.dumps(description))
            if not known:
                continue
            for name in [*known, *(n for n in new if n not in known)]:
                if _text(known.get(name)) != _text(new.get(name)):
                    raise ValueError(
                        f"`path` {place} holds another sweep: {name} is "
                        f"{_short(known.get(name))} there, {_short(new.get(name))} here"
                    )

    def begin(self, description: dict[str, Any]) -> None:
        """Write the description, unless it is there."""
        try:
            self.parts.mkdir(parents=True, exist_ok=True)
            if not (self.parts / "sweep.json").exists():
                text = json.dumps(description, indent=1) + "\n"
                write_whole(self.parts / "sweep.json", text.encode())
            self._lock()
        except OSError as error:
            raise ValueError(f"`path` {self.path} cannot be written: {error}") from None

    def _lock(self) -> None:
        """ValueError if another process writes here; a lock ends with the process that has it."""
        if fcntl is None:
            return
        self._held = os.open(self.parts, os.O_RDONLY)
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise ValueError(f"`path` {self.path} is being written by another process") from None
        except OSError:  # a file system without locks, as some of clusters
            self.release()

    def finished(self) -> bool:
        return self.path.exists()

    def write(self, number: int, dataset: Any) -> None:
        """Keep a chunk: it is there whole or not at all."""
        self._save(self._chunk(number), dataset)

    def read(self, number: int) -> Any | None:
        """A chunk, or None if there is none or it is damaged (a warning names it)."""
        path = self._chunk(number)
        if not path.exists():
            return None
        try:
            return _verified(path)
        except Exception as error:
            text = f"sweep: chunk {path} is damaged and computed again: {error}"
            warnings.warn(text, SweepWarning, stacklevel=4)
            return None

    def finish(self, description: dict[str, Any], dataset: Any) -> None:
        """Put all results at the path and drop the chunks: nothing else is ever beside the path."""
        dataset = dataset.assign_attrs({_ATTRIBUTE: json.dumps(description)})
        self._save(self.parts / "whole.zarr", dataset)
        try:
            (self.parts / "whole.zarr").rename(self.path)
        except OSError as error:
            raise ValueError(f"`path` {self.path} cannot be written: {error}") from None
        self.clear()

    def _save(self, place: Path, dataset: Any) -> None:
        try:
            save_zarr(place, _signed(dataset), overwrite=True)
        except OSError as error:  # as that of a full disk
            raise ValueError(
                f"`path` {place} cannot be written: {error}; the chunks before it are whole, "
                "resume=True goes on from them"
            ) from None

    def clear(self) -> None:
        """Drop the chunks (again, if it was killed before it had done so)."""
        shutil.rmtree(self.parts, ignore_errors=True)

    def release(self) -> None:
        """Let other processes write."""
        if self._held is not None:
            os.close(self._held)
            self._held = None

    def load(self) -> Any:
        """All results; ValueError if they were damaged since."""
        try:
            dataset = _verified(self.path)
            del dataset.attrs[_ATTRIBUTE]
            return dataset
        except Exception as error:
            raise ValueError(f"`path` {self.path} is damaged: {error}") from None

    def _chunk(self, number: int) -> Path:
        return self.parts / f"{number:06d}.zarr"


def _known(place: Path) -> dict[str, Any]:
    """The description of the sweep that is there; {} if it was killed before it was written."""
    file = place / "sweep.json"
    if place.is_dir() and not any(x for x in place.iterdir() if not x.name.startswith(".")):
        return {}
    try:
        text = file.read_text() if file.exists() else load_zarr(place).attrs[_ATTRIBUTE]
        known = json.loads(text)
        if not (isinstance(known, dict) and known):
            raise TypeError("it must be a table")
        return known
    except Exception as error:
        raise ValueError(f"`path` {place} holds no sweep: {error!r}") from None


def _digests(dataset: Any) -> dict[str, str]:
    def digest(values: np.ndarray) -> str:
        if values.dtype.kind not in "biufc":  # text, of whatever width
            return hashlib.sha256(json.dumps(values.tolist()).encode()).hexdigest()
        return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()

    return {str(name): digest(dataset[name].values) for name in dataset.variables}


def _signed(dataset: Any) -> Any:
    """The data set with a digest of each variable: zarr reads a file that is missing as zeros."""
    return dataset.assign_attrs({_DIGESTS: json.dumps(_digests(dataset))})


def _verified(path: Path) -> Any:
    dataset = load_zarr(path).load()
    known = json.loads(dataset.attrs.pop(_DIGESTS))
    found = _digests(dataset)
    for name in known | found:
        if known.get(name) != found.get(name):
            raise ValueError(f"{name} is not what was written")
    return dataset


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)  # NaN equals NaN here


def _short(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= 80 else text[:60] + " ... " + text[-15:]
