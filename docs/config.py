"""docs/config.md, the page of everything that `jaxstt simulate` reads, from the code.

    python docs/config.py      # writes it

`tests/test_registry.py` refuses a page that differs from what this makes.
"""

import inspect
import json
from collections.abc import Callable, Iterable
from pathlib import Path

from jaxstt import LLG, Grid, Thermal, relax
from jaxstt._app._arguments import parameters
from jaxstt._app._config import OWN_OBSERVABLES, Output, Run
from jaxstt._app._disorder import Disorder
from jaxstt._app._events import EventKeys
from jaxstt._app._registry import DRIVES, ENERGIES, OBSERVABLES, TEXTURES, TORQUES
from jaxstt._app._sweep_config import Settings
from jaxstt._app._window_config import WindowKeys

PAGE = Path(__file__).with_suffix(".md")
HEAD = """# What a config of `jaxstt simulate`, `jaxstt sweep` and `jaxstt design` may say

Made by `docs/config.py`. SI units. A parameter without a default must be given; what it means and
its unit is in the docstring of the same name (`help(jaxstt.ZhangLi)`). A parameter that may be a
field takes a number, a list, or `{ file = "A.npy" }`; one that may be a drive also
`{ type = "Pulse", ... }`. `examples/` has complete files.

[disorder] makes a sample as it is grown: `grains` is the size, m, of Voronoi grains, in which a
value in [magnet], [[energy]] or [[torque]] written as `{ mean = 1e5, spread = 0.1 }` differs from
grain to grain (normal, relative spread, each value drawn by itself); `edges` is the roughness, rms,
m, of the two edges of a strip along x and `correlation` its length. The same `seed` is the same
sample on any machine.

[window] runs only `cells` columns of the wire in [grid], with its one wall in their middle; at each
saved time they move with it along the wire, whose grains and edges come in. The wire should be
longer than the wall will go. `Demag` is that of the window; unless `ends = false`, the domains
beyond are added to it as those of an even wire that goes on to both sides. Positions in the table
are those in the wire, `window` is where the window begins. A wall that is faster than half a window
between two saved times leaves it: save more often.

[thermal] gives the run a temperature `T`, K, with noise of a `seed`; its steps are then fixed.
Without `solver` they are `"adaptive"` otherwise. A run that was interrupted, or killed, goes on
with `jaxstt simulate CONFIG --resume` and ends bit for bit as if it had not been.

[events] are looked for at each saved time; `"stop"` ends the run there, `"mark"` only writes them
down in run.json. `wall_left`: no wall is left, or a window has come to the end of the wire.
`steady`: max |dm/dt|/gamma is below 1e-5 T, or velocity and angle of the one wall have not changed
by more than 1e-3 (of the velocity; rad) in the last quarter of the run, and the velocity will not
change by more as the angle comes to rest. `core_reversal`: the
core of the vortex has turned over, for two saved times.

For `jaxstt sweep` a number in [magnet], [[energy]], [[torque]], [initial] or [thermal], also a
component of a vector or a number of a drive, and the `seed` of [disorder], may be
`{ from = 0.0, to = 0.1, steps = 5 }` or `{ values = [...] }` (all combinations are run), or all of
them `{ low = 0.0, high = 0.1 }` ([sweep] `points` of them are drawn from `seed`); `log = true`
spaces evenly in the logarithm, `name` and `unit` label the result.
The results are the observables of [output] in the last state, and of `wall_velocity` velocity,
precession and phase in the second half of the run (0 no wall, 1 pinned, 2 steady, 3 precessing, 4
undecided: longer runs tell). Where it is 0 or 4 there is no velocity: nan, and the point counts as
failed; so does one in which an observable has no value at a saved time.
"""
DESIGN = """
## jaxstt design

In place of a number in [magnet], [[energy]], [[torque]] or [initial] (`name` labels it):

| written as | stands for | free numbers |
|---|---|---|
| `{ design = 0.1, low = 0.05, high = 0.2 }` | a number | 1 |
| `{ pulse = 2e12, low = -2e13, high = 2e13, duration = 2e-9, points = 64, along = [-1, 0, 0] }` | \
a current or field in time, 0 from `duration` on; without `along` a number in time | `points` (64) |
| `{ profile = 1e5, low = 8e4, high = 1.2e5, axes = "x", radius = 1e-8, sharpness = 0 }` | \
a field; `radius` of the density filter, m, `sharpness` of the projection to `low` and `high` | \
a value for each cell along `axes` |

The first number is the start. `shape` of a pulse: `"lines"` (straight between the free values), \
`"spline"` (cubic), `"sines"` (a Fourier series).

[design]: `minimise` or `maximise` (a quantity), `of` (which pulse), `optimizer` = `"lbfgs"`,
`max_evaluations` = `500`, `tolerance` = `1e-4`, `memory` (B, of the way back).
[[wish]]: `quantity`, `of`, and `equal` with `within`, or `at_most` or `at_least` with `margin`
(1 %).
[verify]: `shape` (cells of two thirds), `rtol`, `atol` (a tenth of the defaults).

Quantities: of the wall at the last saved time `way` (since the first), `position`, `velocity`
(between the last two), `angle`, `width`; of the magnet `mx`, `my`, `mz`; of a pulse `heat`
(int v^2 dt), `peak` (each |v|), `roughness`.
"""
FILES = (
    '\nOr `file = "m.ovf"` (OVF or .npy), with `mask = true` where its zero vectors are vacuum.\n'
)


def page() -> str:
    sections = (
        _table("[grid]", {"": (Grid, ())}),
        _table("[magnet]", {"": (LLG, ("grid", "energies", "torques"))}),
        _table("[initial]", {name: (f, ("grid",)) for name, f in TEXTURES.items()}),
        FILES,
        _table("[[energy]]", {name: (f, ("grid",)) for name, f in ENERGIES.items()}),
        _table("[[torque]]", {name: (f, ("grid", "Ms")) for name, f in TORQUES.items()}),
        _table("Drives in time", {name: (f, ()) for name, f in DRIVES.items()}),
        _table("[window]", {"": (WindowKeys, ())}),
        _table("[relax]", {"": (relax, ("llg", "m0", "throw"))}),
        _table("[disorder]", {"": (Disorder, ())}),
        _table("[thermal]", {"": (Thermal, ())}),
        _table("[run]", {"": (Run, ())}),
        _table("[events]", {"": (EventKeys, ())}),
        _table("[output]", {"": (Output, ())}),
        _observables(),
        _table("[sweep]", {"": (Settings, ())}),
        DESIGN,
    )
    return HEAD + "".join(sections)


def _table(title: str, entries: dict[str, tuple[Callable, Iterable[str]]]) -> str:
    lines = [f"\n## {title}\n\n"]
    if "" in entries:
        function, skip = entries[""]
        return lines[0] + f"{_keys(function, skip)}\n"
    lines.append("| `type` | other keys |\n|---|---|\n")
    for name, (function, skip) in entries.items():
        lines.append(f"| `{name}` | {_keys(function, skip)} |\n")
    return "".join(lines)


def _keys(function: Callable, skip: Iterable[str]) -> str:
    shown = []
    for name, p in parameters(function).items():
        if name not in skip:
            shown.append(f"`{name}`" if p.default is p.empty else f"`{name}` = {_value(p.default)}")
    return ", ".join(shown) or "none"


def _value(default: object) -> str:
    """As TOML writes it."""
    if default is None:
        return "not given"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return f"[{', '.join(_value(x) for x in default)}]"
    return f"{default:.6g}" if isinstance(default, float) else json.dumps(default)


def _observables() -> str:
    lines = ["\n## `observables` of [output]\n\n| name | unit | what |\n|---|---|---|\n"]
    own = {
        "average": ("", "mean of m over the magnet: m_x, m_y, m_z"),
        "energies": ("J", "E_total and each term"),
        "wall_velocity": ("m/s", "slope of wall_position"),
    }
    assert own.keys() == set(OWN_OBSERVABLES)
    for name, (unit, what) in own.items():
        lines.append(f"| `{name}` | {unit} | {what} |\n")
    for name, (function, unit, _) in OBSERVABLES.items():
        if name in own:
            continue
        units = unit if isinstance(unit, str) else ", ".join(f"{k} {v}" for k, v in unit.items())
        what = (inspect.getdoc(function) or "").split("\n")[0]
        lines.append(f"| `{name}` | {units} | {what.replace('|', '/')} |\n")
    return "".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
