"""The numbers of an OVF file, text or binary, and that there are neither fewer nor more."""

import re

import numpy as np

from .._core import MINUS, parse_number

CONTROL = {4: 1234567.0, 8: 123456789012345.0}
"""The number that binary data begin with."""
_END = re.compile(rb"^[ \t]*#[ \t]*end[ \t]*:[ \t]*data[^\n]*", re.I | re.M)
_BLOCK = re.compile(rb"^[ \t]*#[ \t]*(?:begin|end)[ \t]*:", re.I | re.M)
_BEGIN = re.compile(rb"^[ \t]*#[ \t]*begin[ \t]*:", re.I | re.M)


def read_values(content: bytes, start: int, kind: str, count: int, second: bool) -> np.ndarray:
    """(count,) numbers of the block that begins at `start`; second: of OVF 2.0.

    Raises ValueError for another number of them and for what is no finite number.
    """
    if kind == "text":
        values, rest = _text(content, start, count)
    elif kind in ("binary4", "binary8"):
        values, rest = _binary(content[start:], int(kind[-1]), count, second)
    else:
        raise ValueError(f"data must be text, binary 4 or binary 8, got {kind!r}")
    if _BEGIN.search(rest):
        raise ValueError("must hold one block of data, got another one after it; split the file")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"holds values that are not finite: number {bad[0] + 1} of {count}")
    return values


def _text(content: bytes, start: int, count: int) -> tuple[np.ndarray, bytes]:
    body = content[start:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    end = _END.search(body)
    data = body[: end.start()] if end else body
    if end is None or _BLOCK.search(data):
        raise ValueError("is cut off: it has no '# End: Data Text' line after the numbers")
    data = re.sub(rb"#[^\n]*", b"", data).replace(MINUS.encode(), b"-")
    try:
        if b"_" in data:
            raise ValueError
        values = np.array([float(word) for word in data.split()])
    except ValueError:
        raise ValueError(_no_number(data, content[:start])) from None
    if values.size != count:
        raise ValueError(f"must hold {count} numbers, got {values.size}")
    return values, body[end.end() :]


def _no_number(data: bytes, before: bytes) -> str:
    """What is wrong with the first word that is none."""
    first = len(before.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    for n, line in enumerate(data.split(b"\n"), first):
        for word in line.decode(errors="replace").split():
            try:
                parse_number(word)
            except ValueError as error:
                return f"line {n}: data must be numbers: {error}"
    return "data must be numbers"


def _binary(data: bytes, size: int, count: int, second: bool) -> tuple[np.ndarray, bytes]:
    used = size * (count + 1)
    if len(data) < used:
        got = max(len(data) // size - 1, 0)
        raise ValueError(f"is cut off: it must hold {count} numbers, got at most {got}")
    raw = np.frombuffer(data, f"{'<' if second else '>'}f{size}", count + 1)
    if raw[0] != np.asarray(CONTROL[size], raw.dtype):
        raise ValueError(_wrong_control(raw[0], size, second))
    rest = data[used:]
    if not _END.match(rest.lstrip()):
        got = "fewer or more" if rest.strip() else "no such line"
        raise ValueError(f"must hold {count} numbers and then '# End: Data', got {got}")
    with np.errstate(invalid="ignore"):
        return raw[1:].astype(float), rest


def _wrong_control(found: np.floating, size: int, second: bool) -> str:
    order = "little" if second else "big"
    text = f"control number must be {CONTROL[size]:.0f} ({order}-endian), got {found:g}"
    swapped = np.asarray(found).byteswap() == np.asarray(CONTROL[size], found.dtype)
    return text + (": the bytes are in the other order" if swapped else "")
