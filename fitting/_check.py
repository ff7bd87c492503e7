"""Arguments of fits are checked here, and wrong ones refused by name."""

import numpy as np

from ._errors import InputError


def whole(name: str, value: int, least: int, why: str = "") -> int:
    """`value` if it is a whole number >= `least`; InputError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"`{name}` must be a whole number >= {least}{why}, got {value!r}")
    return int(value)


def probabilities(name: str, given: float | tuple[float, ...]) -> tuple[float, ...]:
    """`given` as a tuple of numbers between 0 and 1; InputError otherwise."""
    levels = (given,) if isinstance(given, float | int) else tuple(given)
    for level in levels:
        if isinstance(level, bool) or not isinstance(level, float | int) or not 0 < level < 1:
            raise InputError(f"`{name}` must be between 0 and 1 (0.95 for 95 %), got {level!r}")
    if not levels:
        raise InputError(f"`{name}` must hold at least one number, got none")
    return tuple(float(level) for level in levels)
