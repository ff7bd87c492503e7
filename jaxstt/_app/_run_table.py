"""The columns of a table, read off states; nan where an observable has no value."""

import functools
import io
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import write_whole
from .._dynamics import LLG, Window, energy_terms
from .._observe import average
from ._arguments import parameters
from ._config import OWN_OBSERVABLES, Config, observe
from ._events import hidden, watched
from ._registry import OBSERVABLES

_COLORS = ("#0072B2", "#009E73", "#D55E00")
POSITION, WINDOW = "wall_position", "window"
Columns = dict[str, np.ndarray]


def unit(column: str) -> str:
    """The SI unit of a column, "" for a number."""
    if column.startswith("E_"):
        return "J"
    return _units().get(re.sub("_[xyz]$", "", column), "")


@functools.cache
def _units() -> dict[str, str]:
    known = {"t": "s", WINDOW: "m", "wall_velocity": "m/s"}
    for name, observable in OBSERVABLES.items():
        units = observable.unit
        if isinstance(units, str):
            known[name] = units
        else:
            known |= {f"{name}_{field}": u for field, u in units.items()}
    return known


class Observer:
    """Called with times (T,) and states (T, 3, nx, ny, nz), gives the columns of the table.

    Of a window that moves, also with the cells (T,) that it has moved by: places along x are then
    those in the wire, and its left end, m, is a column.
    notice: told once for each observable that has no value any more.
    """

    def __init__(self, config: Config, notice: Callable[[str], None]):
        self.llg, self.window = config.llg, config.window
        self.wanted, self.notice = config.output.observables, notice
        self.events, self.component = config.events, config.output.component
        names = [name for name in self.wanted if name not in OWN_OBSERVABLES]
        if "wall_velocity" in self.wanted and POSITION not in names:
            names.append(POSITION)
        self.functions = {name: observe(name, config.output.component) for name in names}
        # The start has a value of each (`load_config` has seen to that).
        start = config.llg.grid, config.m0
        self.nothing = {
            name: jax.tree.map(lambda x: np.full(x.shape, np.nan), function(*start))
            for name, function in self.functions.items()
        }
        self.lost: set[str] = set()

    def __call__(self, t: np.ndarray, m: Array, cells: np.ndarray | None = None) -> Columns:
        columns: Columns = {"t": np.asarray(t, float)}
        sample = self.llg if self.window is None else self.window
        gone = np.zeros(len(t), np.int32) if cells is None else cells
        now = jnp.asarray(t, m.dtype), m, jnp.asarray(gone)
        if {"average", "energies"} & set(self.wanted):
            mean, energies = _mean_and_energies(sample, *now)
            if "average" in self.wanted:
                columns |= _named("m", mean, "")
            if "energies" in self.wanted:
                own = {f"E_{name}": np.asarray(energy) for name, energy in energies.items()}
                columns["E_total"] = sum(own.values(), np.zeros(len(t)))
                columns |= own
        for name, function in self.functions.items():
            rows = [self._value(name, function, *now) for now in zip(t, m, gone, strict=True)]
            columns |= _named(name, jax.tree.map(lambda *x: np.stack(x), *rows))
        if self.window is not None:
            left = (int(self.window.first) + gone) * self.llg.grid.spacing[0]
            for column in {OBSERVABLES[name].along for name in self.functions} - {""}:
                columns[column] = columns[column] + left
            columns[WINDOW] = left
        return columns | watched(self.events, sample, *now, self.component)

    def _value(self, name: str, function: Callable, t: float, m: Array, cells: Any) -> Any:
        grid = self.llg.grid if self.window is None else self.window.grid_at(cells)
        try:
            return jax.tree.map(np.asarray, function(grid, m))
        except ValueError as error:
            if name not in self.lost:
                self.lost.add(name)
                self.notice(f"nan in the table at t = {t:.4g} s, column {name}: {error}")
        return self.nothing[name]

    def table(self, record: list[Columns]) -> Columns:
        """The parts of a record as one, with what follows from all of it."""
        shown = [name for name in record[0] if not hidden(name)]
        columns = {k: np.concatenate([part[k] for part in record]) for k in shown}
        if "wall_velocity" in self.wanted:
            q, t = columns[POSITION], columns["t"]
            columns["wall_velocity"] = np.gradient(q, t) if t.size > 1 else np.full(1, np.nan)
        if POSITION not in self.wanted:
            columns.pop(POSITION, None)
        return columns


def columns_of(
    llg: LLG, t: Array, m: Array, wanted: Iterable[str], component: str
) -> dict[str, Array]:
    """The numbers of one state, as the columns of the table but for the velocity; traceable."""
    found: dict[str, Any] = {}
    for name in wanted:
        if name == "average":
            found |= _named("m", average(m, llg.grid)[None], "")
        elif name == "energies":
            terms = energy_terms(llg, m, t)
            found |= {f"E_{term}": energy[None] for term, energy in terms.items()}
            found["E_total"] = sum(terms.values(), jnp.zeros((), m.dtype))[None]
        elif name in OBSERVABLES:
            function = OBSERVABLES[name].function
            options = {"component": component} if "component" in parameters(function) else {}
            values = function(grid=llg.grid, m=m, **options)
            found |= _named(name, jax.tree.map(lambda x: x[None], values))
    return {name: value[0] for name, value in found.items()}


@eqx.filter_jit
def _mean_and_energies(
    sample: LLG | Window, t: Array, m: Array, cells: Array
) -> tuple[Array, dict[str, Array]]:
    def one(now: tuple[Array, Array, Array]) -> tuple[Array, dict[str, Array]]:
        t, m, gone = now
        llg = sample if isinstance(sample, LLG) else sample(gone)
        return average(m, llg.grid), energy_terms(llg, m, t)

    return lax.map(one, (t, m, cells))


def _named(name: str, values: Any, joint: str = "_") -> dict[str, Any]:
    """One column for each number of an observable."""
    if hasattr(values, "_fields"):
        parts = ((f"{name}_{field}", value) for field, value in values._asdict().items())
        return {k: v for part in parts for k, v in _named(*part).items()}
    array = values if isinstance(values, Array) else np.asarray(values)
    if array.ndim == 1:
        return {name: array}
    return {f"{name}{joint}{axis}": array[:, i] for i, axis in enumerate("xyz"[: array.shape[1]])}


def draw_averages(columns: Columns, path: Path) -> None:
    """The averages against time."""
    names = [name for name in ("mx", "my", "mz") if name in columns]
    if not names or columns["t"].size < 2:
        return
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = canvas.subplots()
    for name, color in zip(names, _COLORS, strict=True):
        axes.plot(columns["t"] * 1e9, columns[name], color=color, label=f"<{name}>")
    axes.set(xlabel="t (ns)", ylabel="average of m", ylim=(-1.05, 1.05))
    axes.legend()
    drawn = io.BytesIO()
    canvas.savefig(drawn, dpi=150, format="png")
    write_whole(path, drawn.getvalue())
