"""Numbers as text."""

import math
import textwrap
from collections.abc import Iterable


def number(value: float, digits: int = 4) -> str:
    """`value` to some significant digits."""
    return f"{value:.{digits}g}"


def with_error(value: float, std: float) -> str:
    """ "0.1074 +- 0.0032": both to the second digit of the error."""
    if not math.isfinite(value) or not math.isfinite(std) or std <= 0:
        return f"{value:.5g}"
    exponent = math.floor(math.log10(max(abs(value), std)))
    digits = 1 - math.floor(math.log10(std))
    if -3 <= exponent < 4:
        digits = max(digits, 0)
        return f"{value:.{digits}f} +- {std:.{digits}f}"
    digits = max(digits + exponent, 1)
    unit = 10.0**exponent
    return f"({value / unit:.{digits}f} +- {std / unit:.{digits}f})e{exponent:+03d}"


def interval_text(interval: tuple[float, float] | None) -> str:
    """ "0.21 ... 0.33" """
    return "" if interval is None else f"{interval[0]:.4g} ... {interval[1]:.4g}"


def listed(words: Iterable[str]) -> str:
    """ "a, b and c" """
    *most, last = words
    return f"{', '.join(most)} and {last}" if most else last


def lines_of(texts: Iterable[str], prefix: str, width: int = 100) -> list[str]:
    """Each text wrapped to `width`, every line with `prefix`."""
    return [prefix + line for text in texts for line in textwrap.wrap(text, width - len(prefix))]
