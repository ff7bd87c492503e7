"""Files and folders that results go to: there whole, or not at all."""

import os
from collections.abc import Callable
from pathlib import Path


def write_whole(path: str | os.PathLike, content: bytes | Callable[[Path], object]) -> Path:
    """Write beside `path`, then move into place; the path.

    content: bytes, or a function that writes the file whose path it is given.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if isinstance(content, bytes):
            beside.write_bytes(content)
        else:
            content(beside)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def check_folder(folder: Path, name: str = "--out") -> None:
    """ValueError unless files can be written into this folder, which need not exist yet."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"`{name}` must be a folder, got the file {str(folder)!r}")
    there = existing(folder)
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ValueError(f"`{name}` must be writable, got {str(folder)!r} ({there} is not)")


def existing(path: Path) -> Path:
    """The path, or the nearest of its parents that is there."""
    there = path.absolute()
    while not there.exists():
        there = there.parent
    return there
