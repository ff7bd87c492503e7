"""What a design's TOML file may ask for: numbers read off a run, and off a designed pulse."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array

from jaxstt.tools import nearest

from .._errors import InputError
from ._open_values import OpenPulse, OpenValue
from ._pieces import roughness, squared
from ._wanted import AtLeast, AtMost, Equal, Value, Wish


class Quantity(NamedTuple):
    """unit: SI; {unit}: that of the pulse.  read(t, outcome or pulse) -> number(s)."""

    unit: str
    read: Callable[[Any, Any], Array]


def _rate(t: Any, q: Array) -> Array:
    return (q[-1] - q[-2]) / (t[-1] - t[-2])


WALL: dict[str, Quantity] = {
    "way": Quantity("m", lambda t, y: y["position"][-1] - y["position"][0]),
    "position": Quantity("m", lambda t, y: y["position"][-1]),
    "velocity": Quantity("m/s", lambda t, y: _rate(t, y["position"])),
    "angle": Quantity("rad", lambda t, y: y["angle"][-1]),
    "width": Quantity("m", lambda t, y: y["width"][-1]),
}
"""Of the one wall there is, at the last saved time, or between the last two."""
AVERAGES: dict[str, Quantity] = {
    f"m{axis}": Quantity("", lambda t, y, i=i: y["m"][-1, i]) for i, axis in enumerate("xyz")
}
"""Of the whole magnet, at the last saved time."""
PULSE: dict[str, Quantity] = {
    "heat": Quantity("({unit})^2 s", lambda t, v: squared(t, v)),
    "peak": Quantity("{unit}", lambda t, v: jnp.abs(v)),
    "roughness": Quantity("({unit})^2", lambda t, v: roughness(v)),
}
"""Of a designed pulse: `of` names it where there are several.  `peak` is asked for at each time."""
QUANTITIES = {**WALL, **AVERAGES, **PULSE}
_WISH = ("quantity", "of", "equal", "within", "at_most", "at_least", "margin", "name")


def quantity(
    name: Any, of: Any, times: Any, open_values: Mapping[str, OpenValue]
) -> tuple[str, Value]:
    """(unit, function of variables and outcome) of what the file names."""
    if not isinstance(name, str) or name not in QUANTITIES:
        near = nearest(str(name), QUANTITIES)
        told = ", ".join(QUANTITIES)
        raise InputError(f"unknown quantity {name!r}; did you mean `{near}`? (there are {told})")
    found = QUANTITIES[name]
    if name not in PULSE:
        if of is not None:
            raise InputError(f"`of` has no meaning with {name!r}, which is no pulse's")
        return found.unit, lambda x, y: found.read(times, y)
    pulse_name, pulse = _pulse(name, of, open_values)
    told = found.unit.format(unit=pulse.unit) if pulse.unit else ""
    return told, lambda x, y: found.read(pulse.times, pulse.drawn(x[pulse_name]))


def _pulse(name: str, of: Any, open_values: Mapping[str, OpenValue]) -> tuple[str, OpenPulse]:
    pulses = {n: v for n, v in open_values.items() if isinstance(v, OpenPulse)}
    if not pulses:
        raise InputError(f"{name!r} needs a pulse that is designed: {{ pulse = ... }}")
    if of is None and len(pulses) > 1:
        raise InputError(f"{name!r} needs `of`, one of {', '.join(pulses)}")
    if of is not None and not (isinstance(of, str) and of in pulses):
        raise InputError(f"`of` must be one of {', '.join(pulses)}, got {of!r}")
    chosen = next(iter(pulses)) if of is None else of
    return chosen, pulses[chosen]


def read_wish(table: Any, times: Any, open_values: Mapping[str, OpenValue]) -> Wish:
    """A [[wish]] of the file."""
    if not isinstance(table, dict):
        raise InputError(f"must be a table, got {table!r}")
    for key in table:
        if key not in _WISH:
            near = nearest(key, _WISH)
            told = ", ".join(_WISH)
            raise InputError(f"unknown key `{key}`; did you mean `{near}`? (there are {told})")
    kinds = [key for key in ("equal", "at_most", "at_least") if key in table]
    if "quantity" not in table or len(kinds) != 1:
        raise InputError("must say `quantity`, and one of `equal`, `at_most`, `at_least`")
    unit, value = quantity(table["quantity"], table.get("of"), times, open_values)
    numbers = {key: _number(key, table) for key in (*kinds, "within", "margin") if key in table}
    name = table.get("name", table["quantity"])
    if not isinstance(name, str):
        raise InputError(f"`name` must be text, got {name!r}")
    wanted, other = ("within", "margin") if kinds == ["equal"] else ("margin", "within")
    if other in table:
        raise InputError(f"`{other}` has no meaning with `{kinds[0]}`")
    if kinds == ["equal"]:
        if wanted not in numbers:
            raise InputError("`within` is missing")
        return Equal(name, value, numbers["equal"], within=numbers["within"], unit=unit)
    kind = AtMost if kinds == ["at_most"] else AtLeast
    return kind(name, value, numbers[kinds[0]], margin=numbers.get("margin"), unit=unit)


def _number(key: str, table: Mapping[str, Any]) -> float:
    if type(table[key]) not in (int, float):
        raise InputError(f"`{key}` must be a number, got {table[key]!r}")
    return float(table[key])
