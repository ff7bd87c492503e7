"""TOML as people save it, and errors that say where in it they are."""

import codecs
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def within(where: str) -> Iterator[None]:
    """Errors of the block begin with the place they come from."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} {error}") from error


_LOOKS_LIKE = {
    "-": "\u2010\u2011\u2012\u2013\u2014\u2212\uff0d",
    '"': "\u201c\u201d\u201e\u00ab\u00bb",
    "'": "\u2018\u2019",
    ",": "\uff0c\u201a",
    "=": "\uff1d",
    " ": "\u00a0\u2007\u202f\u3000\u200b\ufeff",
}
"""Signs that editors and word processors put for those of TOML."""


def read_toml(data: bytes) -> tuple[str, dict[str, Any]]:
    """(text, tables) of a TOML file, with a byte-order mark or not.

    Raises ValueError naming the line for what is no UTF-8 or no TOML.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("must be saved as utf-8 text, got UTF-16")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"line {line}: must be saved as utf-8 text, got the byte {data[error.start]:#x}"
        ) from None
    plain = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        return text, tomllib.loads(plain)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(_explained(plain, str(error))) from None
    except RecursionError:
        raise ValueError("holds brackets in brackets in brackets, too many to read") from None


def _explained(text: str, told: str) -> str:
    """What is wrong with a TOML file, and which sign of the line is none of TOML's."""
    match = re.search(r"at line (\d+)", told)
    if match is None:
        return told
    line = text.split("\n")[int(match[1]) - 1]
    for sign in re.sub(r"\"[^\"]*\"|'[^']*'|#.*", "", line):
        for right, wrong in _LOOKS_LIKE.items():
            if sign in wrong:
                return f"line {match[1]}: write {right!r} for {sign!r} (U+{ord(sign):04X}): {told}"
    return told
