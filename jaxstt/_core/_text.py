"""Text: as other programs leave it (bytes, numbers, lists of words), and names misspelt."""

import codecs
import difflib
from collections.abc import Iterable

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MINUS = "\u2212"
"""The minus sign of Unicode, which word processors and some locales put before numbers."""


def decode(content: bytes, errors: str = "strict") -> str:
    """The text, with one kind of line end: UTF-8 with or without a byte-order mark, or UTF-16.

    errors: as of `bytes.decode`, for UTF-8.
    Raises ValueError for bytes that are no such text.
    """
    wide = content.startswith(_UTF16)
    try:
        text = content.decode("utf-16") if wide else content.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        raise ValueError(f"not a UTF-{16 if wide else 8} text file (byte {error.start})") from None
    if "\0" in text:
        raise ValueError("not a text file (it holds NUL characters); save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_number(text: str) -> float:
    """A number, whose minus may be that of Unicode.

    Raises ValueError for anything else, also for "1_000", which only Python reads as one.
    """
    plain = text.strip().replace(MINUS, "-")
    if not plain.isascii() or "_" in plain:
        raise ValueError(f"{text!r} is no number")
    try:
        return float(plain)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None


def words(text: str) -> list[str]:
    """The words of a list of Tcl: braces and quotes hold blanks, a backslash takes what follows.

    Raises ValueError for braces and quotes that do not close.
    """
    found, i = [], 0
    while i < len(text):
        if text[i].isspace():
            i += 1
            continue
        end = _end(text, i)
        closed = text[i] in '{"'
        if closed and end < len(text) and not text[end].isspace():
            raise ValueError(f"a blank must follow {text[i:end]!r}")
        word = text[i + 1 : end - 1] if closed else text[i:end]
        found.append(word if text[i] == "{" else _unescaped(word))
        i = end
    return found


def _end(text: str, start: int) -> int:
    """Where the word that begins at `start` ends."""
    first, depth, i = text[start], 0, start
    while i < len(text):
        if text[i] == "\\":
            i += 1
        elif first == "{":
            depth += {"{": 1, "}": -1}.get(text[i], 0)
            if depth == 0:
                return i + 1
        elif first == '"':
            if text[i] == '"' and i > start:
                return i + 1
        elif text[i].isspace():
            return i
        i += 1
    if first in '{"':
        raise ValueError(f"{text[start:][:40]!r} does not close")
    return len(text)


def _unescaped(word: str) -> str:
    kept, i = "", 0
    while i < len(word):
        i += word[i] == "\\" and i + 1 < len(word)
        kept += word[i]
        i += 1
    return kept


def nearest(name: str, known: Iterable[str]) -> str:
    """The entry of `known` most like `name`, whatever the case of its letters."""
    names = {candidate.lower(): candidate for candidate in known}
    return names[difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.0)[0]]
