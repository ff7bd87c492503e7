"""What a measurement file may hold: observables, columns, and the sizes that real values have."""

from typing import NamedTuple

from .._errors import InputError, Rule, plausible


class Observable(NamedTuple):
    """A measurable quantity: its SI unit, what its value may be, what it is.

    wants: columns that must be given and not 0; bars: drives that must not be given, or be 0.
    driven: whether one of the drives must be given.  size: of real values, wide.
    """

    unit: str
    rule: Rule
    meaning: str
    wants: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    driven: bool = True
    size: tuple[float, float] | None = None


FIELDS = ("field_x_T", "field_y_T", "field_z_T")
"""Columns of a field beside that of `field_T`, across the easy axis."""
J, FIELD, LENGTH_OF_PULSE, RISE = "current_density_A_per_m2", "field_T", "duration_s", "rise_s"
OBSERVABLES = {
    "wall_velocity": Observable("m/s", "a finite number", "mean wall velocity along +x"),
    "precession_frequency": Observable(
        "Hz", ">= 0", "|<dphi/dt>|/(2 pi) of the wall's angle, without sign"
    ),
    "wall_tilt": Observable(
        "rad", ">= 0", "angle of a steady wall's moment from where it rests, without sign"
    ),
    "field_mobility": Observable(
        "m/(s T)", ">= 0", "|dv/dB| of the wall at the row's drives (none: at rest)", driven=False
    ),
    "displacement": Observable(
        "m",
        "a finite number",
        "way along +x from rest to rest, by a pulse of current or field, duration_s long from foot "
        "to foot with edges of rise_s",
        wants=(LENGTH_OF_PULSE,),
        size=(1e-12, 1e-2),
    ),
    "drive_efficiency": Observable(
        "T m^2/A",
        "a finite number",
        "field that pushes a wall at rest as a current does, per current density; > 0 if the "
        "current pushes it along the electrons' flow",
        bars=(J, FIELD),
        driven=False,
        size=(1e-19, 1e-8),
    ),
    "depinning_field": Observable(
        "T",
        "not 0",
        "field along the easy axis that sets a pinned wall free, beside the row's current",
        bars=(FIELD,),
        driven=False,
        size=(1e-9, 1e2),
    ),
    "depinning_current": Observable(
        "A/m^2",
        "not 0",
        "current density that sets a pinned wall free, beside the row's field",
        bars=(J,),
        driven=False,
        size=(1e4, 1e16),
    ),
    "gyration_frequency": Observable(
        "Hz", "> 0", "of a vortex core left to itself", driven=False, size=(1e5, 1e12)
    ),
    "gyration_radius": Observable(
        "m",
        "> 0",
        "of the circle of a vortex core under a current of this amplitude at its own frequency",
        wants=(J,),
        bars=(FIELD,),
        size=(1e-12, 1e-5),
    ),
    "drift_velocity": Observable(
        "m/s", "a finite number", "u of the torque (u.grad)m, along +j for P > 0", wants=(J,)
    ),
}
"""Every observable that a file may hold."""

NUMBERS: dict[str, Rule] = {
    J: "a finite number",
    FIELD: "a finite number",
    "temperature_K": ">= 0",
    "std": "> 0",
    "start_position_m": "a finite number",
    LENGTH_OF_PULSE: "> 0",
    RISE: ">= 0",
    **dict.fromkeys(FIELDS, "a finite number"),
}
"""Columns of numbers; `value` is not among them, its limits are those of the observable."""
SIZES = {
    J: (1e4, 1e16),
    FIELD: (1e-9, 1e2),
    "temperature_K": (1e-6, 1e4),
    "start_position_m": (1e-11, 1e-2),
    LENGTH_OF_PULSE: (1e-13, 1e3),
    RISE: (1e-14, 1e3),
    **dict.fromkeys(FIELDS, (1e-9, 1e2)),
}
"""Sizes that real experiments have, wide; what lies beyond is most likely a wrong unit."""

DRIVES = (J, FIELD)
COLUMNS = ("observable", *DRIVES, "field_axis", "temperature_K", "value", "std", "unit", "source")
BOUNDS = ("upper", "lower")
"""What the column `bound` may say: the value is known to be no larger, or no smaller."""
OPTIONAL_COLUMNS = ("start_position_m", LENGTH_OF_PULSE, RISE, "bound", *FIELDS)
_STILL = ("gyration_frequency", "drift_velocity")
"""What no field across the easy axis is known to change."""


def check_columns(name: str, value: float, number: dict[str, float | None]) -> None:
    """InputError for a row that lacks what its observable needs, or has what bars it.

    number: the row's cells by column, None where empty.
    """
    observable = OBSERVABLES[name]
    plausible(f"column `value` of {name}", value, observable.size)
    for column in observable.wants:
        if not number[column]:
            raise InputError(f"column `{column}` must be given and not 0 for {name}")
    bars = (*observable.bars, *(FIELDS if FIELD in observable.bars or name in _STILL else ()))
    for column in bars:
        if number[column]:
            raise InputError(f"column `{column}` must be empty for {name}, got {number[column]:g}")
    if observable.driven and all(number[drive] is None for drive in DRIVES):
        raise InputError(f"column `{J}` or `{FIELD}` must be given")
    duration, rise = number[LENGTH_OF_PULSE], number[RISE]
    if rise and not (duration and 2 * rise <= duration):
        raise InputError(
            f"column `{RISE}` must be at most half of `{LENGTH_OF_PULSE}`, got {rise:g}"
        )
