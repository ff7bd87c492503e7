"""What a user can get wrong, and how it is told: one line with name, allowed values and value."""

import math
from collections.abc import Callable
from numbers import Real


class InputError(ValueError):
    """A file, argument or sample that cannot be used; one line, fit for a terminal."""


Rule = str | tuple[str, ...]
"""A limit on a number (a key of `LIMITS`) or the words that are allowed."""

LIMITS: dict[str, Callable[[float], bool]] = {
    "a finite number": lambda x: True,
    "> 0": lambda x: x > 0,
    ">= 0": lambda x: x >= 0,
    "not 0": lambda x: x != 0,
    "between -1 and 1": lambda x: abs(x) <= 1,
    "+1 or -1": lambda x: abs(x) == 1,
}


def checked(name: str, value: object, rule: Rule) -> float | str:
    """`value` as a float or word if it obeys `rule`; InputError "`Ms` must be > 0, got -1" if not.

    `value` may be the text of a file's cell; it is quoted as written there.
    """
    if isinstance(rule, tuple):
        if value not in rule:
            raise InputError(f"{name} must be one of {', '.join(rule)}, got {_shown(value)}")
        return str(value)
    number = _number(value)
    if number is None:
        wanted = rule if "number" in rule else f"a number {rule}"
        raise InputError(f"{name} must be {wanted}, got {_shown(value)}")
    if not math.isfinite(number):
        raise InputError(f"{name} must be a finite number, got {value}")
    if not LIMITS[rule](number):
        raise InputError(f"{name} must be {rule}, got {value}")
    return number


def plausible(name: str, value: float, limits: tuple[float, float] | None) -> float:
    """`value` if its size is that of a real sample, or 0; InputError that suspects the unit."""
    if limits is not None and value != 0 and not limits[0] <= abs(value) <= limits[1]:
        raise InputError(
            f"{name} must be of a size between {limits[0]:g} and {limits[1]:g} (SI units), "
            f"got {value:g}; is the unit right?"
        )
    return value


def _number(value: object) -> float | None:
    # Python reads "1_000" and True as numbers; a reader of the file would not.
    if isinstance(value, bool) or (isinstance(value, str) and "_" in value):
        return None
    if not isinstance(value, str | Real):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _shown(value: object) -> str:
    return "nothing" if value == "" else repr(value)
