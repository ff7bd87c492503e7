"""OVF, the file of a field on a mesh that OOMMF, mumax3 and Ubermag share.

Our own reader and writer: the kept library that has one (discretisedfield) brings forty packages
with it.
"""

import codecs
import math
import os
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .._core import ArrayLike, decode, write_whole
from .._mesh import Grid
from ._ovf_data import CONTROL, read_values
from ._ovf_head import read_head

_BACKSLASH = r"\\"
_MAGNETISATIONS = {
    "a/m": 1.0,
    "ka/m": 1e3,
    "ma/m": 1e6,
    "emu/cm3": 1e3,
    "emu/cm^3": 1e3,
    "emu/cc": 1e3,
}
"""Units of M, in A/m."""
_FIELD = re.compile(r"field|\b[BH](_\w*)?\b|demag|anisotropy|zeeman", re.IGNORECASE)
"""What labels or title of a file call a field, which is in A/m as well."""
_FORMATS = ("text", "binary4", "binary8")


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
    origin: tuple[float, ...] = (0.0, 0.0, 0.0)
    """m, where the box begins in the file; the mesh begins at 0."""


def write_ovf(
    path: str | os.PathLike,
    grid: Grid,
    m: ArrayLike,
    *,
    t: float | None = None,
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0),
    format: str = "binary8",
    unit: str = "1",
    labels: tuple[str, ...] = ("m_x", "m_y", "m_z"),
    title: str = "m",
) -> None:
    """Write a field as OVF 2.0, whole or not at all.

    path: the file, which is replaced.  grid: `Grid`.  origin: m, where its box begins.
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
    if t is not None and not math.isfinite(t):
        raise ValueError(f"`t` must be finite, got {t}")
    if len(labels) != len(values):
        raise ValueError(f"`labels` must be {len(values)} names, got {labels!r}")
    kind = {"text": "Text", "binary4": "Binary 4", "binary8": "Binary 8"}[format]
    head = ["# OOMMF OVF 2.0", "# Segment count: 1", "# Begin: Segment", "# Begin: Header"]
    head += [f"# Title: {_line('title', title)}", "# meshtype: rectangular", "# meshunit: m"]
    if len(origin) != 3 or not all(math.isfinite(x) for x in origin):
        raise ValueError(f"`origin` must be three finite lengths, m, got {origin!r}")
    for i, axis in enumerate("xyz"):
        n, d, first = grid.shape[i], grid.spacing[i], float(origin[i])
        head += [f"# {axis}min: {first!r}", f"# {axis}max: {first + n * d!r}"]
        head += [f"# {axis}base: {first + d / 2!r}"]
        head += [f"# {axis}nodes: {n}", f"# {axis}stepsize: {d!r}"]
    words = " ".join(f"{{{_line('labels', label, _BACKSLASH)}}}" for label in labels)
    units = " ".join([f"{{{_line('unit', unit, _BACKSLASH)}}}"] * len(values))
    head += [f"# valuedim: {len(values)}", f"# valuelabels: {words}", f"# valueunits: {units}"]
    if t is not None:
        head.append(f"# Desc: Total simulation time:  {float(t)!r}  s")
    head += ["# End: Header", f"# Begin: Data {kind}", ""]
    rows = values.transpose(3, 2, 1, 0).reshape(-1, len(values))  # x fastest
    if format == "text":
        data = "\n".join(" ".join(map(repr, row)) for row in rows.tolist()).encode() + b"\n"
    else:
        size = int(format[-1])
        data = np.concatenate([[CONTROL[size]], rows.ravel()]).astype(f"<f{size}").tobytes()
        data += b"\n"
    tail = f"# End: Data {kind}\n# End: Segment\n"
    write_whole(path, "\n".join(head).encode() + data + tail.encode())


def _line(name: str, text: str, forbidden: str = "") -> str:
    if re.search(rf"[\n\r{{}}{forbidden}]|##", text):
        raise ValueError(f"`{name}` must be one line without braces and '##', got {text!r}")
    return text


def read_ovf(path: str | os.PathLike) -> OVF:
    """Read an OVF file, 1.0 or 2.0, text or binary, with one segment.

    The box may begin anywhere in the file; the `Grid` begins at 0.
    Raises ValueError naming the file for anything that is not a whole, finite field on a regular
    mesh, and for a header that contradicts itself; OSError if it cannot be read.
    """
    content = Path(path).read_bytes()
    try:
        return _read(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def read_state(path: str | os.PathLike) -> tuple[Grid, np.ndarray]:
    """Read a magnetisation as a state to start from: (grid, m), m unit vectors (3, nx, ny, nz).

    Vectors in A/m (kA/m, MA/m, emu/cm^3), or of one length without a unit, are divided by their
    length.  Cells of zero length are the vacuum: m is 0 there, and the grid has it as its mask.
    Raises ValueError naming the file for what is no magnetisation, as a field that its labels or
    its title call so, and as `read_ovf` does.
    """
    return read_magnetisation(path)[:2]


def read_magnetisation(path: str | os.PathLike) -> tuple[Grid, np.ndarray, np.ndarray | None]:
    """As `read_state`, with |M|, A/m, (nx, ny, nz), if the file is of M."""
    found = read_ovf(path)
    if len(found.values) != 3:
        raise ValueError(f"{path}: valuedim must be 3 for a state, got {len(found.values)}")
    size = np.abs(found.values).max(axis=0)  # 1 + |m|^2 must not overflow
    empty = size == 0
    if empty.all():
        raise ValueError(f"{path}: a state must not be zero everywhere")
    scaled = found.values / np.where(empty, 1.0, size)
    length = np.sqrt(np.sum(scaled**2, axis=0))
    m = scaled / np.where(empty, 1.0, length)
    lengths = (length * size)[~empty]
    least, most = float(lengths.min()), float(lengths.max())
    unit = "".join(found.unit.split()).lower()
    one = most <= least * (1 + 2e-3) if unit in ("", "none") else abs(lengths - 1).max() <= 1e-3
    if unit not in _MAGNETISATIONS and not (unit in ("", "none", "1") and one):
        raise ValueError(
            f"{path}: a state must be of unit vectors or in A/m, got vectors of length "
            f"{least:g} to {most:g} in unit {found.unit!r}"
        )
    names = " ".join(found.labels).strip() or found.title
    if unit in _MAGNETISATIONS and _FIELD.search(names) and "magneti" not in names.lower():
        raise ValueError(f"{path}: a state must be a magnetisation, got {names!r}")
    M = length * size * _MAGNETISATIONS[unit] if unit in _MAGNETISATIONS else None
    grid = Grid(found.grid.shape, found.grid.spacing, mask=~empty if empty.any() else None)
    return grid, m, M


def _read(content: bytes) -> OVF:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = decode(content).encode()
    content = content.removeprefix(codecs.BOM_UTF8)
    head = read_head(content)
    shape = head.grid.shape
    count = math.prod(shape) * head.components
    values = read_values(content, head.start, head.kind, count, head.second)
    with np.errstate(over="ignore"):
        values = values * head.multiplier
        field = values.reshape(*shape[::-1], head.components).transpose(3, 2, 1, 0)
        mask = _mask(field)
    if not np.all(np.isfinite(values)):
        raise ValueError(f"valuemultiplier {head.multiplier:g} makes values that are not finite")
    grid = Grid(shape, head.grid.spacing, mask=mask)
    told = head.t, head.unit, head.labels, head.title, head.origin
    return OVF(grid, np.ascontiguousarray(field), *told)


def _mask(field: np.ndarray) -> np.ndarray | None:
    """Where the magnet is, if the field is one of unit vectors with holes."""
    if len(field) != 3:
        return None
    length = np.sqrt(np.sum(field**2, axis=0))
    empty = length == 0
    if not empty.any() or empty.all() or np.any(np.abs(length[~empty] - 1) > 1e-3):
        return None
    return ~empty
