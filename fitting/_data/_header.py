"""The header of a measurement file: `# key = value` lines, and notes that are none of them."""

import difflib
import re
from typing import Any, NamedTuple

from jaxstt.io import plain_numbers
from jaxstt.tools import nearest

from .._errors import InputError, Rule, checked, plausible
from ._sample import KEYS, Sample

TRUTH: dict[str, Rule] = {"xi": "a finite number", "P": "between -1 and 1", "alpha": ">= 0"}
"""Parameters whose true value a file may state, as `truth_xi` and so on."""

_KNOWN = (*KEYS, *(f"truth_{parameter}" for parameter in TRUTH))
_STEMS = {re.sub(r"_(A|J|K|m|rad)(_per_\w+)?$", "", k): k for k in KEYS if KEYS[k].unit}
_STEMS |= {key: key for key in _KNOWN} | {name: f"truth_{name}" for name in TRUTH}
_STEMS |= {"T": "temperature_K", "Msat": "Ms_A_per_m", "Aex": "A_J_per_m"}
_STEMS |= {"theta_DL": "theta_SH", "DMI": "D_J_per_m2", "Ku": "K_J_per_m3", "Ku1": "K_J_per_m3"}
"""What people call the keys."""
_SHORT = {stem: key for stem, key in _STEMS.items() if len(stem) == 1}
_LONG = {re.sub(r"\W|_", "", s).lower(): k for s, k in _STEMS.items() if len(s) > 1}
_UNIT = r"(?:per|sT|[fpnumkMGcd\u00b5\u03bc]?(?:A|J|K|T|m|s|rad|erg|eV|emu|Oe|G|Hz|C)(?:\^?-?\d)?)"
_SUFFIX = re.compile(rf"[\s_(\[]+{_UNIT}(?:[\s_/*.\u00b7]*{_UNIT})*[\s)\]]*$|\s*[(\[].*[)\]]\s*$")
_NUMBER = r"[-+\u2212]?(?:\d+[.,]?\d*|[.,]\d+)(?:\s*[eE][-+\u2212]?\d+)?"
_ONE_WORD = re.compile(r"(?:[(\[]?\S+(?:\s*[/*]\s*\S+)*[)\]]?)?[.,;]?")
_ASSIGNED = re.compile(rf"(?<!\w)({'|'.join(k for k in _KNOWN if '_' in k)})[\"'`\s]*[:=]", re.I)


class _Attempt(NamedTuple):
    """A note that looks as if it set a key."""

    key: str
    certain: bool
    """Whether nothing else follows, so that it is no prose."""


def read_header(
    name: str, comments: list[tuple[int, str]], separator: str
) -> tuple[Sample, dict[str, float], tuple[str, ...]]:
    """(sample, true parameters, notes) of the lines that begin with "#".

    name: of the file.  separator: of its cells, with which spreadsheets pad the lines.
    Raises InputError "NAME:LINE: ..." for keys that are unknown, there twice or written in another
    way than `# key = value`, and for values that are not allowed.
    """
    given: dict[str, tuple[str, str]] = {}
    notes: list[tuple[str, str]] = []
    for line, text in comments:
        where = f"{name}:{line}"
        # Prose may hold a "=": only one word before the first "=" makes a key.
        match = re.fullmatch(r"([A-Za-z_]\w*)\s*=(.*)", text)
        if match is None:
            notes.append((where, text))
            continue
        key, value = match[1], match[2].rstrip(f",{separator} ").strip()
        if key in given:
            raise InputError(
                f"{where}: header key `{key}` is given twice, first at {given[key][0]}"
            )
        given[key] = where, value
    for where, text in notes:
        attempt = _attempt(text)
        if attempt and (attempt.certain or attempt.key not in given):
            raise InputError(
                f"{where}: header key `{attempt.key}` must be written `# {attempt.key} = ...`"
                f"{_in_unit(attempt.key)}, got {'# ' + text[:60]!r}; a note begins with `##`"
            )
    fields, truth = _values(given, separator)
    try:
        return Sample(origin=name, **fields), truth, tuple(text for _, text in notes)
    except InputError as error:  # what single values cannot show: hard_axis and easy_axis agree
        raise InputError(f"{given.get('hard_axis', (name,))[0]}: {error}") from None


def _values(
    given: dict[str, tuple[str, str]], separator: str
) -> tuple[dict[str, Any], dict[str, float]]:
    fields: dict[str, Any] = {}
    truth: dict[str, float] = {}
    try:
        plain = plain_numbers(given.values(), separator)
    except ValueError as error:
        raise InputError(str(error)) from None
    for (key, (where, _)), value in zip(given.items(), plain, strict=True):
        try:
            parameter = key.removeprefix("truth_")
            if key in KEYS:
                good = checked(f"header key `{key}`", value, KEYS[key].rule)
                if not isinstance(good, str):
                    plausible(f"header key `{key}`", good, KEYS[key].size)
                fields[KEYS[key].field] = good
            elif key in _KNOWN:
                truth[parameter] = float(checked(f"header key `{key}`", value, TRUTH[parameter]))
            else:
                meant = _key(key) or nearest(key, _KNOWN)
                raise InputError(f"unknown header key `{key}`; did you mean `{meant}`?")
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    return fields, truth


def _in_unit(key: str) -> str:
    unit = KEYS[key].unit if key in KEYS else ""
    return f" in {unit}" if unit else ""


def _attempt(text: str) -> _Attempt | None:
    """A note that is a key in another spelling, "n0: 6e4" or "Hard axis x"."""
    if text.startswith("#"):  # switched off
        return None
    text = text.lstrip("-*\u2022 \t").rstrip(",;\t ")
    if match := _ASSIGNED.search(text):
        return _Attempt(_LONG[_plain(match[1])], True)
    match = re.search(r"->|[:=,;\t\u2192\uff1a\uff1d]", text)
    if match and (key := _key(text[: match.start()])):
        return _judged(key, text[match.end() :].lstrip(":=> \t"), True)
    found = text.split()
    for count in (2, 1):
        if len(found) > count and (key := _key(" ".join(found[:count]), near=False)):
            rest = re.sub(r"^(is|of|was|in|along)\s+", "", " ".join(found[count:]))
            exact = found[0].lower() == key.lower() and "_" in key  # no word of prose
            if exact and key in KEYS and KEYS[key].unit and re.search(_NUMBER, rest):
                return _Attempt(key, True)
            return _judged(key, rest, exact)
    return None


def _plain(label: str) -> str:
    return re.sub(r"\W|_", "", label).lower()


def _key(label: str, near: bool = True) -> str | None:
    """The key that people mean, with its unit or without; near: also by a misspelt name."""
    label = label.strip("\"'` ")
    names = (label, _SUFFIX.sub("", label)) if len(label) <= 40 else ()
    for name in names:
        if name in _SHORT or _plain(name) in _LONG:
            return _SHORT.get(name) or _LONG[_plain(name)]
    for name in names if near else ():
        if len(_plain(name)) >= 5:
            for found in difflib.get_close_matches(_plain(name), _LONG, n=1, cutoff=0.85):
                return _LONG[found]
    return None


def _judged(key: str, rest: str, told: bool) -> _Attempt | None:
    """`rest` as the value of a key.  told: by a sign or the key's full name, not in prose."""
    rest = rest.strip("\"'` ")
    rule = KEYS[key].rule if key in KEYS else ""
    value = rf"(?:{'|'.join(rule)})\b" if isinstance(rule, tuple) else _NUMBER
    match = re.match(rf"(?:about|ca\.?|~|\u2248)?\s*{value}", rest, re.I)
    if match is None:
        return _Attempt(key, False) if told and re.fullmatch(r"\S+", rest) else None
    certain = _ONE_WORD.fullmatch(rest[match.end() :].strip()) is not None
    return _Attempt(key, certain) if certain or told else None
