"""An empty measurement file, to be filled in."""

from ._header import TRUTH
from ._observables import COLUMNS, OBSERVABLES
from ._sample import KEYS, described

_EXAMPLE = {
    "Ms_A_per_m": "6.8e5",
    "A_J_per_m": "1.3e-11",
    "K_J_per_m3": "3.25e5",
    "K_hard_J_per_m3": "2.2e4",
    "easy_axis": "z",
    "hard_axis": "x",
    "length_m": "1536e-9",
    "width_m": "64e-9",
    "thickness_m": "4e-9",
    "cell_x_m": "3e-9",
    "temperature_K": "300",
    "wall": "bloch",
    "charge": "1",
    "n0_A_per_m": "0",
    "convention": "paper",
}
_UNUSED = {
    "cell_y_m": "4e-9",
    "cell_z_m": "4e-9",
    "gamma_rad_per_sT": "1.7595e11",
    "position_m": "0",
    "D_J_per_m2": "-3e-4",
    "theta_SH": "0.1",
    "theta_FL": "0.02",
    "pinning_field_T": "2e-3",
    "core_frequency_Hz": "5e8",
    "D_over_G": "2.5",
    **{f"truth_{parameter}": "0.1" for parameter in TRUTH},
}


def template() -> str:
    """A measurement file to fill in: every header key explained, one example row per observable.

    It is a valid file as it stands.
    """
    lines = [
        "# Put your sample's values here and your rows below. A line with two # is switched off.",
        "# j is the current through the magnetic layer over its cross-section, in the direction of",
        "# conventional current: electrons flow to -j. 1 A/cm^2 is 1e4 A/m^2, 1 Oe is 1e-4 T, 1 mT",
        "# is 1e-3 T. value and std are in SI; leave std empty where unknown.",
    ]
    for name, key in KEYS.items():
        allowed = f": {', '.join(key.rule)}" if isinstance(key.rule, tuple) else ""
        mark, value = ("#", _EXAMPLE[name]) if name in _EXAMPLE else ("##", _UNUSED[name])
        lines += [f"# -- {described(key)}{allowed}", f"{mark} {name} = {value}"]
    lines.append("# -- true parameters, where known (simulated data only)")
    lines += [f"## truth_{parameter} = {_UNUSED[f'truth_{parameter}']}" for parameter in TRUTH]
    lines += [f"# {name} ({kind.unit}): {kind.meaning}" for name, kind in OBSERVABLES.items()]
    lines += [
        ",".join((*COLUMNS, "duration_s", "rise_s")),
        "wall_velocity,-2e11,,z,300,19.7,0.5,m/s,example: replace,,",
        "wall_velocity,,0.8e-3,z,300,15.9,0.4,m/s,example: in a field,,",
        "precession_frequency,-3.2e12,,z,300,2.5e8,8e6,Hz,example: above breakdown,,",
        "wall_tilt,-3e11,,,300,0.17,0.01,rad,example: below breakdown,,",
        "field_mobility,,,z,300,2.0e4,500,m/(s T),example: from a slope,,",
        "displacement,-1e12,,,300,2.0e-7,1e-8,m,example: after a pulse,2e-9,1e-10",
        "drive_efficiency,,,z,300,5e-15,5e-16,T m^2/A,example: from a slope,,",
        "depinning_field,-1e11,,z,300,1.5e-3,5e-5,T,example: beside a current,,",
        "depinning_current,,5e-4,z,300,-3e11,1e10,A/m^2,example: beside a field,,",
        "gyration_frequency,,,,300,5e8,5e6,Hz,example: a vortex core,,",
        "gyration_radius,-1e11,,,300,2.6e-9,2e-10,m,example: a vortex core,,",
        "drift_velocity,-1e12,,,300,-40,1.2,m/s,example: spin-wave Doppler shift,,",
    ]
    return "\n".join(lines) + "\n"
