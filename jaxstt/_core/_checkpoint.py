"""A state of a long run on disk: written whole, with a checksum, the one before it kept as well."""

import hashlib
import io
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ._files import write_whole

_MAGIC = b"jaxstt checkpoint 1 "
_ABOUT = "about"


class CheckpointWarning(UserWarning):
    """A checkpoint was damaged, or comes from other software."""


class _Damaged(Exception):
    """What is wrong with a file."""


def previous(path: Path) -> Path:
    """Where the checkpoint before the one at `path` is kept."""
    return path.with_name(f"{path.name}.previous")


def keep(path: Path, arrays: Mapping[str, np.ndarray], about: Mapping[str, str]) -> None:
    """Write arrays, and what run they are of; there is a whole file at any moment."""
    held = io.BytesIO()
    text = np.frombuffer(json.dumps(dict(about)).encode(), np.uint8)
    np.savez(held, allow_pickle=False, **{_ABOUT: text, **arrays})
    body = held.getvalue()
    head = _MAGIC + hashlib.sha256(body).hexdigest().encode() + b"\n"

    def flushed(beside: Path) -> None:
        with beside.open("wb") as file:
            file.write(head)
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            path.replace(previous(path))

    write_whole(path, flushed)


def kept(path: Path, about: Mapping[str, str], name: str) -> dict[str, np.ndarray] | None:
    """The arrays of the last whole checkpoint at `path`, None if there was never one.

    Warns of a damaged one, naming it, and takes the one before.  name: of the argument, for errors.
    Raises ValueError where all are damaged, and for one of another run, naming what differs.
    """
    found, damaged = None, list[str]()
    for one in (path, previous(path)):
        try:
            found = _read(one)
        except FileNotFoundError:
            continue
        except _Damaged as error:
            damaged.append(f"{str(one)!r} is damaged ({error})")
            continue
        break
    if found is None:
        if damaged:
            raise ValueError(f"`{name}`: {', '.join(damaged)}; delete it to begin anew")
        return None
    if damaged:
        warnings.warn(
            f"{damaged[0]}; the run goes on from the one before it", CheckpointWarning, stacklevel=3
        )
    arrays, told = found
    other = sorted(k for k in {*told, *about} if told.get(k) != about.get(k))
    if other == ["versions"]:
        warnings.warn(
            f"{str(path)!r} was written by other software ({told['versions']}): what follows may "
            "differ in the last digits",
            CheckpointWarning,
            stacklevel=3,
        )
    elif other:
        names = ", ".join(k for k in other if k != "versions")
        raise ValueError(f"`{name}`: {str(path)!r} is of another run; these differ: {names}")
    return arrays


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    content = path.read_bytes()
    line, _, body = content.partition(b"\n")
    if not line.startswith(_MAGIC):
        raise _Damaged("not a checkpoint of jaxstt" if len(line) >= len(_MAGIC) else "cut short")
    if hashlib.sha256(body).hexdigest().encode() != line[len(_MAGIC) :]:
        raise _Damaged(f"its {len(content)} bytes do not have their checksum")
    with np.load(io.BytesIO(body), allow_pickle=False) as file:
        arrays = {k: file[k] for k in file.files}
    return arrays, json.loads(arrays.pop(_ABOUT).tobytes())
