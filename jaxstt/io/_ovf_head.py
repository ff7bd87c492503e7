"""The header of an OVF file, 1.0 or 2.0, as the guide of OOMMF describes it."""

import difflib
import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from .._core import parse_number, words
from .._mesh import Grid

_LINE_END = re.compile(rb"\r\n?|\n")
_FIRST = re.compile(r"#\s*oommf\b\s*:?\s*(ovf|rectangular mesh|irregular mesh)\s*v?(\S+)", re.I)
_VERSIONS = {"1.0": False, "1.00": False, "0.99": False, "0.0a0": False, "2.0": True}
_LENGTHS = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "nm": 1e-9}
_NUMBERS = [f"{a}{key}" for key in ("nodes", "stepsize", "min", "max", "base") for a in "xyz"]
_MEANT = [*_NUMBERS, "valuedim", "valuemultiplier", "valueunit", "valueunits", "valuelabels"]
_MEANT += ["meshunit", "meshtype", "segmentcount"]
_KNOWN = [*_MEANT, "title", "desc", "begin", "end", "boundary", "pointcount"]
_KNOWN += ["valuerangeminmag", "valuerangemaxmag"]
_TIME = re.compile(r"total\s+simulation\s+time(?:\s*[:=]|\s+(?=[-+.\d]))\s*(.*)", re.I)
_QUANTITY = re.compile(r"([-+\d.eE]+)\s*([^\W\d]*)[\s.,;)]*(?:$|[\s,;(].*)")
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9, "ps": 1e-12}
_SECONDS |= {"fs": 1e-15, "": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0}


class Head(NamedTuple):
    """What the header says."""

    second: bool
    """Whether the format is 2.0."""
    grid: Grid
    components: int
    multiplier: float
    t: float | None
    unit: str
    labels: tuple[str, ...]
    title: str
    kind: str
    """Of the data: "text", "binary4" or "binary8"."""
    start: int
    """Where the data begin."""
    origin: tuple[float, ...]
    """Where the box begins, m."""


def read_head(content: bytes) -> Head:
    """The header.  Raises ValueError for one that is incomplete or contradicts itself."""
    second = _version(content)
    keys, start, kind = _keys(content)
    if keys.get("segmentcount", "1") != "1":
        raise ValueError(f"segment count must be 1, got {keys['segmentcount']}; split the file")
    if keys.get("meshtype", "rectangular").lower() != "rectangular":
        raise ValueError(f"meshtype must be rectangular, got {keys['meshtype']}")
    components = _integer(keys, "valuedim") if second or "valuedim" in keys else 3
    if not second and components != 3:
        raise ValueError(f"valuedim must be 3 in OVF 1.0, got {components}")
    grid = _grid(keys)
    return Head(
        second=second,
        grid=grid,
        components=components,
        origin=_origin(keys, grid),
        multiplier=_multiplier(keys, second),
        t=_time(keys.get("desc", "")),
        unit=_unit(keys, components),
        labels=_labels(keys, components),
        title=keys.get("title", ""),
        kind=kind,
        start=start,
    )


def lines(content: bytes, start: int = 0) -> Iterator[tuple[str, int]]:
    """(a line without blanks around it, where the next one begins)."""
    while start < len(content):
        end = _LINE_END.search(content, start)
        stop, after = end.span() if end else (len(content), len(content))
        line = content[start:stop]
        try:
            yield line.decode().strip(), after
        except UnicodeDecodeError:
            yield line.decode("latin-1").strip(), after
        start = after


def entry(line: str) -> tuple[str, str] | None:
    """(label, value) of a line: case and blanks of labels do not matter, "##" begins a comment.

    None for what is empty or a comment.
    """
    body = line[1:].strip()
    if _label(body.partition(":")[0]) != "desc":  # the only one that may hold a "##"
        body = ("#" + body).split("##", 1)[0][1:]
    label, colon, value = body.partition(":")
    label, value = _label(label), value.strip()
    if not label or "#" in label:
        return None
    if not colon:
        if any(label.startswith(known) for known in _MEANT):
            raise ValueError(f"a line of the header must be '# label: value', got {line[:60]!r}")
        return None
    return label, value


def _label(text: str) -> str:
    return "".join(text.split()).lower()


def _version(content: bytes) -> bool:
    first = next((line for line, _ in lines(content[:400]) if line), "")
    match = _FIRST.match(first)
    if match is None:
        raise ValueError("is no OVF file: its first line must be '# OOMMF OVF 2.0' or the like")
    if match[1].lower() == "irregular mesh":
        raise ValueError("meshtype must be rectangular, got irregular in the first line")
    if match[2] not in _VERSIONS:
        raise ValueError(f"must be of version 1.0 or 2.0, got {match[2]}")
    return _VERSIONS[match[2]]


def _keys(content: bytes) -> tuple[dict[str, str], int, str]:
    """(label: value, where the data begin, what kind they are)."""
    keys: dict[str, str] = {}
    inside, first = True, True
    for line, after in lines(content):
        if not line or first:
            first = first and not line
            continue
        if not line.startswith("#"):
            if inside:
                raise ValueError(f"a line of the header must begin with '#', got {line[:40]!r}")
            continue  # "anything between '# End: Header' and '# Begin: data' is ignored"
        found = entry(line)
        if found is None:
            continue
        label, value = found
        block = _label(value)
        if label == "begin" and block.startswith("data"):
            return keys, after, block[4:]
        if label in ("begin", "end"):
            inside = inside if block != "header" else label == "begin"
        elif inside:
            _keep(keys, label, value)
    raise ValueError("has no '# Begin: Data' line")


def _keep(keys: dict[str, str], label: str, value: str) -> None:
    if label not in _KNOWN:
        near = difflib.get_close_matches(label, _MEANT, n=1, cutoff=0.85)
        if near:
            raise ValueError(f"unknown label '{label}'; did you mean '{near[0]}'?")
    elif label == "desc":
        keys["desc"] = keys.get("desc", "") + value + "\n"
    elif label in keys and not _same(keys[label], value):
        raise ValueError(f"{label} is there twice: {keys[label]!r} and {value!r}")
    else:
        keys[label] = value


def _same(a: str, b: str) -> bool:
    try:
        return parse_number(a) == parse_number(b)
    except ValueError:
        return a == b


def _number(keys: dict[str, str], label: str) -> float:
    if label not in keys:
        raise ValueError(f"has no '# {label}' line")
    try:
        value = parse_number(keys[label])
    except ValueError:
        raise ValueError(f"{label} must be a number, got {keys[label]!r}") from None
    if not math.isfinite(value):
        raise ValueError(f"{label} must be finite, got {keys[label]}")
    return value


def _integer(keys: dict[str, str], label: str) -> int:
    value = _number(keys, label)
    if not (1 <= value < 2**53 and value == int(value)):
        raise ValueError(f"{label} must be an integer >= 1, got {keys[label]!r}")
    return int(value)


def _grid(keys: dict[str, str]) -> Grid:
    unit = keys.get("meshunit", "m")
    if unit not in _LENGTHS:
        raise ValueError(f"meshunit must be a length ({', '.join(_LENGTHS)}), got {unit!r}")
    shape = tuple(_integer(keys, f"{axis}nodes") for axis in "xyz")
    steps = tuple(_number(keys, f"{axis}stepsize") for axis in "xyz")
    grid = Grid(shape, tuple(_LENGTHS[unit] * step for step in steps))
    for axis, n, step in zip("xyz", shape, steps, strict=True):
        if f"{axis}min" in keys and f"{axis}max" in keys:
            _check_box(axis, n, step, _number(keys, f"{axis}min"), _number(keys, f"{axis}max"))
    return grid


def _origin(keys: dict[str, str], grid: Grid) -> tuple[float, ...]:
    """As `min` says, or half a cell before the first node; 0 if neither is told."""
    found, scale = [], _LENGTHS[keys.get("meshunit", "m")]
    for axis, step in zip("xyz", grid.spacing, strict=True):
        if f"{axis}min" in keys:
            found.append(scale * _number(keys, f"{axis}min"))
        elif f"{axis}base" in keys:
            found.append(scale * _number(keys, f"{axis}base") - step / 2)
        else:
            found.append(0.0)
    return tuple(found)


def _check_box(axis: str, n: int, step: float, low: float, high: float) -> None:
    """ValueError unless the nodes fill the box, up to the digits that programs print."""
    size = n * step
    if abs(high - low - size) > min(1e-3 * size, 0.5 * step) + 1e-9 * max(abs(low), abs(high)):
        raise ValueError(
            f"{axis}min..{axis}max must be as long as {axis}nodes * {axis}stepsize = "
            f"{n} * {step:g} = {size:g}, got {low:g}..{high:g}; are the nodes swapped?"
        )


def _multiplier(keys: dict[str, str], second: bool) -> float:
    """By which values of OVF 1.0 are multiplied."""
    if "valuemultiplier" not in keys:
        return 1.0
    value = _number(keys, "valuemultiplier")
    if value == 0 or (second and value != 1):
        wanted = "1 in OVF 2.0, which has none" if second else "a number other than 0"
        raise ValueError(f"valuemultiplier must be {wanted}, got {keys['valuemultiplier']}")
    return value


def _unit(keys: dict[str, str], components: int) -> str:
    if "valueunits" not in keys:
        return keys.get("valueunit", "")
    units = _list(keys, "valueunits")
    if len(units) not in (0, 1, components):
        raise ValueError(f"valueunits must be {components} units or one, got {len(units)}")
    if len(set(units)) > 1:
        raise ValueError(f"valueunits must all be equal, got {keys['valueunits']!r}")
    return units[0] if units else ""


def _labels(keys: dict[str, str], components: int) -> tuple[str, ...]:
    labels = _list(keys, "valuelabels")
    if len(labels) not in (0, components):
        raise ValueError(f"valuelabels must be {components} names, got {len(labels)}")
    return labels


def _list(keys: dict[str, str], label: str) -> tuple[str, ...]:
    try:
        return tuple(words(keys.get(label, "")))
    except ValueError as error:
        raise ValueError(f"{label} must be a list of words: {error}") from None


def _time(desc: str) -> float | None:
    """The simulation time that the description tells, s."""
    told = [match[1] for line in desc.split("\n") if (match := _TIME.search(line))]
    times = {_seconds(text) for text in told}
    if len(times) > 1:
        raise ValueError(f"total simulation time is there twice: {' and '.join(map(repr, told))}")
    return times.pop() if times else None


def _seconds(text: str) -> float:
    match = _QUANTITY.fullmatch(text)
    try:
        if match is None or match[2] not in _SECONDS:
            raise ValueError
        seconds = parse_number(match[1]) * _SECONDS[match[2]]
        if not math.isfinite(seconds):
            raise ValueError
        return seconds
    except ValueError:
        units = ", ".join(unit for unit in _SECONDS if unit)
        raise ValueError(
            f"total simulation time must be a number in one of {units}, got {text!r}"
        ) from None
