"""OVF, the file of a field on a mesh that OOMMF, mumax3 and Ubermag share.

Our own reader and writer, 200 lines: the kept library that has one (discretisedfield) brings forty
packages with it.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from .._grid import Grid
from ._atomic import write_whole

_CONTROL = {4: 1234567.0, 8: 123456789012345.0}
_FORMATS = ("text", "binary4", "binary8")
_TIME = re.compile(r"total simulation time:\s*(\S+)\s*(\S*)", re.IGNORECASE)
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12, "fs": 1e-15}


class OVF(NamedTuple):
    """What is in an OVF file."""

    grid: Grid
    """The mesh; three components that are 0 somewhere and of length 1 elsewhere give it a mask."""
    values: np.ndarray
    """(components, nx, ny, nz), float64, in `unit`."""
    t: float | None
    """Simulation time, s, if the file tells."""
    unit: str
    labels: tuple[str, ...]
    """Names of the components, () if the file has none."""
    title: str


def write_ovf(
    path: str | os.PathLike,
    grid: Grid,
    m: ArrayLike,
    *,
    t: float | None = None,
    format: str = "binary8",
    unit: str = "1",
    labels: tuple[str, ...] = ("m_x", "m_y", "m_z"),
    title: str = "m",
) -> None:
    """Write a field as OVF 2.0, whole or not at all.

    path: the file, which is replaced.  grid: `Grid`; the box begins at 0.
    m: (components, nx, ny, nz).  t: s, kept as mumax3 and OOMMF do.
    format: "binary8" and "text" keep every digit of float64, "binary4" those of float32.
    unit, labels: of the values, one label for each component.
    Raises ValueError for another shape, format or number of labels, and for values that are not
    finite; OSError if the file cannot be written.
    """
    values = np.asarray(m, float)
    if values.ndim != 4 or values.shape[1:] != grid.shape:
        raise ValueError(f"`m` must have shape (components, {grid.shape}), got {values.shape}")
    if not np.all(np.isfinite(values)):
        raise ValueError("`m` must be finite")
    if format not in _FORMATS:
        raise ValueError(f"`format` must be one of {_FORMATS}, got {format!r}")
    if len(labels) != len(values):
        raise ValueError(f"`labels` must be {len(values)} names, got {labels!r}")
    kind = {"text": "Text", "binary4": "Binary 4", "binary8": "Binary 8"}[format]
    head = ["# OOMMF OVF 2.0", "# Segment count: 1", "# Begin: Segment", "# Begin: Header"]
    head += [f"# Title: {_line('title', title)}", "# meshtype: rectangular", "# meshunit: m"]
    for i, axis in enumerate("xyz"):
        n, d = grid.shape[i], grid.spacing[i]
        head += [f"# {axis}min: 0", f"# {axis}max: {n * d!r}", f"# {axis}base: {d / 2!r}"]
        head += [f"# {axis}nodes: {n}", f"# {axis}stepsize: {d!r}"]
    words = " ".join(f"{{{_line('labels', label)}}}" for label in labels)
    units = " ".join([f"{{{_line('unit', unit)}}}"] * len(values))
    head += [f"# valuedim: {len(values)}", f"# valuelabels: {words}", f"# valueunits: {units}"]
    if t is not None:
        head.append(f"# Desc: Total simulation time:  {float(t)!r}  s")
    head += ["# End: Header", f"# Begin: Data {kind}", ""]
    rows = values.transpose(3, 2, 1, 0).reshape(-1, len(values))  # x fastest
    if format == "text":
        data = "\n".join(" ".join(map(repr, row)) for row in rows.tolist()).encode() + b"\n"
    else:
        size = int(format[-1])
        data = np.concatenate([[_CONTROL[size]], rows.ravel()]).astype(f"<f{size}").tobytes()
        data += b"\n"
    tail = f"# End: Data {kind}\n# End: Segment\n"
    write_whole(path, "\n".join(head).encode() + data + tail.encode())


def _line(name: str, text: str) -> str:
    if re.search(r"[\n\r{}]", text):
        raise ValueError(f"`{name}` must be one line without braces, got {text!r}")
    return text


def read_ovf(path: str | os.PathLike) -> OVF:
    """Read the first segment of an OVF file, 1.0 or 2.0, text or binary.

    The box may begin anywhere in the file; the `Grid` begins at 0.
    Raises ValueError naming the file for anything that is not a whole, finite field on a regular
    mesh; OSError if it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return _read(content)
    except _Refused as error:
        raise ValueError(f"{path}: {error}") from None


class _Refused(Exception):
    """What is wrong with the file."""


def _read(content: bytes) -> OVF:
    first = content[:200].split(b"\n", 1)[0].decode(errors="replace").strip().lower()
    if not first.startswith("#") or ("ovf" not in first and "mesh v" not in first):
        raise _Refused("is no OVF file: its first line must be '# OOMMF OVF 2.0' or the like")
    second = "2.0" in first
    head, start, kind = _header(content)
    if head.get("meshtype", "rectangular").lower() != "rectangular":
        raise _Refused(f"meshtype must be rectangular, got {head['meshtype']}")
    unit = head.get("meshunit", "m")
    scale = {"m": 1.0, "nm": 1e-9, "um": 1e-6, "cm": 1e-2, "mm": 1e-3}.get(unit)
    if scale is None:
        raise _Refused(f"meshunit must be a length, got {unit!r}")
    shape = tuple(_integer(head, f"{axis}nodes") for axis in "xyz")
    spacing = tuple(scale * _number(head, f"{axis}stepsize") for axis in "xyz")
    components = _integer(head, "valuedim") if second else 3
    values = _values(content[start:], kind, int(np.prod(shape)) * components, second)
    if not second:  # 1.0 stores numbers to be multiplied
        values = values * float(head.get("valuemultiplier", 1.0))
    if not np.all(np.isfinite(values)):
        raise _Refused("holds values that are not finite")
    field = values.reshape(*shape[::-1], components).transpose(3, 2, 1, 0)
    try:
        grid = Grid(shape, spacing, mask=_mask(field))
    except ValueError as error:
        raise _Refused(str(error)) from None
    units = _words(head.get("valueunits", head.get("valueunit", "")))
    labels = _words(head.get("valuelabels", ""))
    return OVF(
        grid, np.ascontiguousarray(field), _time(head), units[0] if units else "", labels,
        head.get("title", ""),
    )  # fmt: skip


def _header(content: bytes) -> tuple[dict[str, str], int, str]:
    """(lower-case key: value, where the data begin, what kind they are)."""
    head: dict[str, str] = {}
    for line, after in _lines(content):
        text = line.decode(errors="replace").strip()
        if not text.startswith("#"):
            raise _Refused(f"a line of the header must begin with '#', got {text[:40]!r}")
        key, _, value = text.lstrip("# ").partition(":")
        key, value = key.strip().lower(), value.strip()
        if key == "begin" and value.lower().startswith("data"):
            return head, after, value.lower()[4:].strip()
        if key == "desc":
            head["desc"] = head.get("desc", "") + "\n" + value
        elif key not in ("begin", "end", ""):
            head[key] = value
    raise _Refused("has no '# Begin: Data' line")


def _lines(content: bytes) -> Iterator[tuple[bytes, int]]:
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        end = len(content) if end < 0 else end
        yield content[start:end], end + 1
        start = end + 1


def _values(data: bytes, kind: str, count: int, second: bool) -> np.ndarray:
    if kind == "text":
        text = data.decode(errors="replace").split("# End", 1)[0]
        try:
            values = np.array([float(word) for word in text.split()])
        except ValueError as error:
            raise _Refused(f"data must be numbers: {error}") from None
        if values.size != count:
            raise _Refused(f"must hold {count} numbers, got {values.size}")
        return values
    if kind not in ("binary 4", "binary 8"):
        raise _Refused(f"data must be text, binary 4 or binary 8, got {kind!r}")
    size = int(kind[-1])
    if len(data) < size * (count + 1):
        got = max(len(data) // size - 1, 0)
        raise _Refused(f"is cut off: it must hold {count} numbers, got at most {got}")
    raw = np.frombuffer(data, f"{'<' if second else '>'}f{size}", count + 1)
    control = np.asarray(_CONTROL[size], raw.dtype)
    if raw[0] != control:
        raise _Refused(f"control number must be {_CONTROL[size]:.0f}, got {raw[0]:g}: byte order?")
    return raw[1:].astype(float)


def _mask(field: np.ndarray) -> np.ndarray | None:
    """Where the magnet is, if the field is one of unit vectors with holes."""
    if len(field) != 3:
        return None
    length = np.sqrt(np.sum(field**2, axis=0))
    empty = length == 0
    if not empty.any() or empty.all() or np.any(np.abs(length[~empty] - 1) > 1e-3):
        return None
    return ~empty


def _number(head: dict[str, str], key: str) -> float:
    if key not in head:
        raise _Refused(f"has no '# {key}' line")
    try:
        return float(head[key])
    except ValueError:
        raise _Refused(f"{key} must be a number, got {head[key]!r}") from None


def _integer(head: dict[str, str], key: str) -> int:
    value = _number(head, key)
    if not (value >= 1 and value == int(value)):
        raise _Refused(f"{key} must be an integer >= 1, got {head[key]!r}")
    return int(value)


def _words(text: str) -> tuple[str, ...]:
    """Words, which braces or quotes may hold together."""
    found = re.findall(r'\{([^}]*)\}|"([^"]*)"|(\S+)', text)
    return tuple(a or b or c for a, b, c in found)


def _time(head: dict[str, str]) -> float | None:
    match = _TIME.search(head.get("desc", ""))
    if match is None:
        return None
    unit = _SECONDS.get(match[2] or "s")
    try:
        return None if unit is None else float(match[1]) * unit
    except ValueError:
        return None
