"""What the texts of `jaxstt-fit`'s options mean; InputError names the option."""

import re
from typing import Any

from ._errors import InputError
from ._parameters import CONVENTIONS


def names(text: str) -> tuple[str, ...]:
    """Of "a, b"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def assignments(texts: list[str] | None, option: str = "--fix") -> dict[str, str]:
    """Of "a=1,b=2"; several may stand in one text."""
    found: dict[str, str] = {}
    for item in names(",".join(texts or [])):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not (equals and name and value):
            raise InputError(f"`{option}` must be NAME=VALUE,..., got {item!r}")
        if name in found:
            raise InputError(f"`{option}`: `{name}` is given twice")
        found[name] = value
    return found


def numbers(texts: list[str] | None, option: str = "--fix") -> dict[str, float]:
    """As `assignments`, of numbers."""
    found: dict[str, float] = {}
    for name, value in assignments(texts, option).items():
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"`{option}`: `{name}` must be a number, got {value!r}") from None
    return found


def priors(texts: list[str] | None) -> dict[str, tuple[float, float]]:
    """Of "xi=0.05+-0.02", also with ±; several may stand in one text, separated by commas."""
    found: dict[str, tuple[float, float]] = {}
    for item in names(",".join(texts or [])):
        match = re.fullmatch(r"([^=]+)=(.+?)(?:\+-|\+/-|±)(.+)", item)
        try:
            name, value, std = match.groups() if match else ("", "", "")
            pair = (float(value), float(std))
        except ValueError:
            raise InputError(
                f"`--prior` must be NAME=VALUE+-STD, such as xi=0.05+-0.02, got {item!r}"
            ) from None
        if name.strip() in found:
            raise InputError(f"`--prior`: `{name.strip()}` is given twice")
        found[name.strip()] = pair
    return found


def fraction(text: str) -> float:
    """Of "5%"."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise InputError(f"`--std` must be above 0 and below 100 %, such as 5%, got {text!r}")
    return value


def lines(text: str) -> list[int]:
    """Of "24,30-32"."""
    found: list[int] = []
    for item in names(text):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", item)
        if match is None:
            raise InputError(f"`--exclude` must be line numbers such as 24,30-32, got {item!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 100_000:
            raise InputError(f"`--exclude`: {item!r} must run from a smaller to a larger line")
        found += range(first, last + 1)
    return found


def spoken(
    convention: str,
    *,
    free: tuple[str, ...],
    share: tuple[str, ...] = (),
    **by_name: dict[str, Any],
) -> dict[str, Any]:
    """The settings of a fit, from names of parameters as another code calls them.

    by_name: settings whose keys are names; the text of a tie is one too.
    """
    if convention not in CONVENTIONS:
        raise InputError(
            f"`--convention` must be one of {', '.join(CONVENTIONS)}, got {convention!r}"
        )
    known = CONVENTIONS[convention]

    def named(name: str) -> str:
        return known.get(name, name)

    def said(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        factor, times, name = value.rpartition("*")
        return f"{factor}{times}{named(name.strip())}"

    settings = {
        key: {named(name): said(value) for name, value in entries.items()}
        for key, entries in by_name.items()
    }
    listed = {"free": free, "share": share}
    return {key: tuple(named(name) for name in value) for key, value in listed.items()} | settings
