"""A simulation written down in TOML: its sections, and the objects built from them."""

import dataclasses
import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import axis_index, check_tolerance, nearest, require_memory
from .._dynamics import (
    LLG,
    UNSTABLE,
    FixedStep,
    Thermal,
    Window,
    check_span,
    check_state,
    relax,
)
from .._energy import AbstractEnergy, Demag, memory_of_demag
from .._mesh import Grid
from ._arguments import arguments, make, one_of, parameters
from ._disorder import grown, read_disorder, with_rough_edges
from ._events import EventKeys, check_events
from ._hints import coarse_cells, long_run
from ._registry import ENERGIES, OBSERVABLES, TORQUES
from ._start import Start
from ._toml import read_toml, within
from ._window_config import WindowKeys, check_window, open_window

_REQUIRED = ("grid", "magnet", "initial")
_LISTS = ("energy", "torque")
_SECTIONS = (
    *(*_REQUIRED, *_LISTS, "window", "disorder"),
    *("relax", "thermal", "run", "events", "output"),
)
_SOLVERS = ("adaptive", "fixed")
OWN_OBSERVABLES = ("average", "energies", "wall_velocity")
"""Those that need more than one state, or have columns of their own."""
_MOST_TIMES = 10**6
_STATES = 24
"""Copies of the state that one step holds: stages, error, field, torques and their parts."""


class Run(NamedTuple):
    """The keys of [run]."""

    duration: float | None = None
    save_every: float | None = None
    times: tuple[float, ...] | None = None
    solver: str | None = None
    """None: "adaptive", or "fixed" with [thermal]."""
    dt: float | None = None
    rtol: float | None = None
    atol: float | None = None
    max_steps: int | None = None


class Output(NamedTuple):
    """The keys of [output]: what a run leaves besides its last state."""

    table: bool = True
    ovf_every: float | None = None
    zarr: bool = False
    observables: tuple[str, ...] = ("average", "energies")
    component: str = "z"


@dataclasses.dataclass(frozen=True)
class Config:
    """A simulation that is ready to run; every check that needs no run has been made."""

    path: Path
    text: str
    tables: dict[str, Any]
    llg: LLG
    """With [window] that at its start, as m0 is."""
    m0: Array
    window: Window | None
    relax: dict[str, Any] | None
    """Settings of `relax`; None: the start is taken as it is."""
    times: np.ndarray | None
    """Saved times, s; None: there is no run."""
    settings: dict[str, Any]
    """Settings of `evolve`."""
    events: EventKeys
    output: Output
    stride: int | None
    """Saved times from one snapshot to the next; None: no snapshots."""
    warnings: tuple[str, ...]


def load_config(path: Path) -> Config:
    """The simulation that the file describes.

    Raises ValueError "file: [section] what is wrong", OSError if the file cannot be read.
    """
    data = path.read_bytes()
    with within(f"{path}:"):
        return build_config(path, *read_toml(data))


def build_config(path: Path, text: str, tables: dict[str, Any]) -> Config:
    """The simulation of the tables; ValueError "[section] what is wrong"."""
    _check_sections(tables)
    folder = path.parent
    with within("[grid]"):
        grid = Grid(**arguments(Grid, tables["grid"], folder))
    keys, part = None, grid
    if "window" in tables:
        with within("[window]"):
            keys = WindowKeys(**arguments(WindowKeys, tables["window"], folder))
            part = check_window(keys, grid)
    with within("[grid]"):
        _check_memory(part, 0)
    grid = with_rough_edges(grid, read_disorder(tables, folder))
    whole, tables = tables, grown(tables, grid, folder)
    with within("[initial]"):
        start = Start.read(tables["initial"], grid, folder)
        grid = start.masked(grid)
    with within("[magnet]"):
        bare = LLG(grid, **arguments(LLG, tables["magnet"], folder, skip=("energies", "torques")))
    energies = _terms("energy", tables, ENERGIES, bare, folder, part)
    torques = _terms("torque", tables, TORQUES, bare, folder, part)
    moving = tuple(e for e in energies if keys is not None and isinstance(e, Demag))
    energies = [e for e in energies if not (moving and isinstance(e, Demag))]
    known = {"Ms": bare.Ms, "alpha": bare.alpha, "gamma": bare.gamma}
    wire = llg = LLG(grid, **known, energies=energies, torques=torques)
    with within("[output]"):
        output = Output(**arguments(Output, tables.get("output", {}), folder))
        axis_index("component", output.component)
    with within("[initial]"):
        m0 = check_state(llg, start.state(grid))
    window = None
    if keys is not None:
        with within("[window]"):
            window, m0 = open_window(keys, wire, moving, m0, output.component)
            llg = window(0)
    with within("[grid]"):
        _check_memory(part, _bytes(llg) + (0 if window is None else _bytes(wire)))
    rest = None
    if "relax" in tables:
        with within("[relax]"):
            rest = _rest(tables["relax"], folder)
    thermal = None
    if "thermal" in tables:
        with within("[thermal]"):
            thermal = Thermal(**arguments(Thermal, tables["thermal"], folder))
            if window is not None and thermal.T.ndim:
                raise ValueError("`T` must be a number with [window], got a field")
            thermal.check(llg, m0)
            if "run" not in tables:
                raise ValueError("has no meaning without [run]: at rest there is no temperature")
    times, settings, every = None, {}, None
    if "run" in tables:
        with within("[run]"):
            run = Run(**arguments(Run, tables["run"], folder))
            times = _times(run, m0.dtype)
            check_span(llg, times, "times" if run.duration is None else "duration")
            settings, every = _settings(run, wire, times, thermal), run.save_every
    with within("[output]"):
        stride = _check_output(output, llg, m0, times, every)
    events = EventKeys()
    if "events" in tables:
        with within("[events]"):
            events = EventKeys(**arguments(EventKeys, tables["events"], folder))
            check_events(events, llg.grid, m0, output.component)
            if times is None:
                raise ValueError("has no meaning without [run]")
    told = (
        *coarse_cells(wire),
        *start.other_Ms(wire),
        *long_run(llg, times),
    )
    return Config(
        path, text, whole, llg, m0, window, rest, times, settings, events, output, stride, told
    )


def _check_sections(tables: dict[str, Any]) -> None:
    for name, value in tables.items():
        if name == "sweep":
            raise ValueError("[sweep] is for `jaxstt sweep`, which runs this file")
        if name not in _SECTIONS:
            raise ValueError(
                f"unknown section `{name}`; did you mean `{nearest(name, _SECTIONS)}`? "
                f"(there are {', '.join(_SECTIONS)})"
            )
        wanted, kind = (f"[[{name}]]", list) if name in _LISTS else (f"[{name}]", dict)
        if not isinstance(value, kind):
            raise ValueError(f"`{name}` must be written as {wanted}")
    for name in _REQUIRED:
        if name not in tables:
            raise ValueError(f"[{name}] is missing")
    if "run" not in tables and "relax" not in tables:
        raise ValueError("[run] is missing (or [relax], to relax only)")


def _check_memory(grid: Grid, held: int) -> None:
    state = 3 * math.prod(grid.shape) * jnp.zeros(()).dtype.itemsize
    require_memory(held + _STATES * state, f"`shape` {grid.shape}: a run")


def _bytes(llg: LLG) -> int:
    """What the parameters hold, and what one evaluation of the magnetostatic field takes."""
    held = sum(x.nbytes for x in jax.tree.leaves(llg) if isinstance(x, Array))
    return held + sum(memory_of_demag(llg.grid) for e in llg.energies if isinstance(e, Demag))


def _terms(
    name: str,
    tables: dict[str, Any],
    registry: dict[str, Callable],
    bare: LLG,
    folder: Path,
    part: Grid,
) -> list[Any]:
    """part: the grid of what is not cut out of the wire with the window, but made for it."""
    found = []
    for number, table in enumerate(tables.get(name, []), start=1):
        with within(f"[{name} {number}]"):
            term = make(registry, table, folder, grid=part, Ms=bare.Ms)
            if part.shape == bare.grid.shape or not isinstance(term, Demag):
                _check_term(term, bare)
        found.append(term)
    return found


def _check_term(term: Any, bare: LLG) -> None:
    """What only shows when the term meets the grid, told while we know which term it is."""
    energy = isinstance(term, AbstractEnergy)
    LLG(
        bare.grid,
        Ms=bare.Ms,
        alpha=bare.alpha,
        gamma=bare.gamma,
        energies=(term,) if energy else (),
        torques=() if energy else (term,),
    )
    m = jax.ShapeDtypeStruct((3, *bare.grid.shape), float)
    t = jax.ShapeDtypeStruct((), float)
    act: Callable = term.field if energy else term.rate
    shape = jax.eval_shape(lambda t, m: act(bare.grid, bare.Ms, t, m), t, m).shape
    if shape != m.shape:
        raise ValueError(f"does not fit the grid: it gives {shape}, not {m.shape}")


def _rest(table: dict[str, Any], folder: Path) -> dict[str, Any]:
    rest = arguments(relax, table, folder, skip=("llg", "m0", "throw"))
    if "tol" in rest:
        check_tolerance("tol", rest["tol"])
    _check_positive(rest)
    return rest


def _check_positive(values: dict[str, Any]) -> None:
    for name, value in values.items():
        if value is not None and not (math.isfinite(value) and value > 0):
            raise ValueError(f"`{name}` must be > 0, got {value:g}")


def _times(run: Run, dtype: Any) -> np.ndarray:
    """The saved times, s."""
    if (run.times is None) == (run.save_every is None):
        raise ValueError("one of `save_every` and `times` must be given, and not both")
    if run.times is not None:
        if run.duration is not None:
            raise ValueError("`duration` has no meaning with `times`, whose last one ends the run")
        times, name = np.asarray(run.times, float), "times"
    else:
        times, name = _regular(run), "save_every"
    if times.size < 2 or not np.all(np.isfinite(times)):
        raise ValueError("`times` must be at least 2 finite numbers")
    rounded = np.asarray(times, dtype)
    if not np.all(rounded[1:] > rounded[:-1]):
        raise ValueError(f"`{name}` must give times that increase in {dtype}")
    return times


def _regular(run: Run) -> np.ndarray:
    if run.duration is None or run.save_every is None:
        raise ValueError("`duration` is missing")
    _check_positive({"duration": run.duration, "save_every": run.save_every})
    if run.save_every > run.duration * (1 + 1e-9):
        raise ValueError(
            f"`save_every` must be <= `duration` = {run.duration:g} s, got {run.save_every:g}"
        )
    ratio = run.duration / run.save_every
    if ratio > _MOST_TIMES:
        raise ValueError(f"`save_every` gives {ratio:.3g} saved times, at most {_MOST_TIMES:g}")
    count = math.ceil(ratio * (1 - 1e-9))
    return np.append(np.arange(count) * run.save_every, run.duration)


def _settings(
    run: Run, llg: LLG, times: np.ndarray, thermal: Thermal | None = None
) -> dict[str, Any]:
    """The keyword arguments of `evolve`."""
    warm = {} if thermal is None else {"thermal": thermal}
    solver = run.solver or ("adaptive" if thermal is None else "fixed")
    one_of("solver", solver, _SOLVERS)
    if thermal is not None and solver == "adaptive":
        raise ValueError('`solver` must be "fixed" with [thermal], got "adaptive"')
    adaptive = {"rtol": run.rtol, "atol": run.atol, "max_steps": run.max_steps}
    _check_positive({**adaptive, "dt": run.dt})
    if solver == "adaptive":
        if run.dt is not None:
            raise ValueError('`dt` has a meaning only with `solver = "fixed"`')
        return adaptive
    for name, value in adaptive.items():
        if value is not None:
            why = '`solver = "fixed"`' if thermal is None else "[thermal], whose steps are fixed"
            raise ValueError(f"`{name}` has no meaning with {why}, got {value:g}")
    rate = float(llg.stiffness())
    if run.dt is not None and min(run.dt, float(np.max(np.diff(times)))) * rate > UNSTABLE:
        raise ValueError(f"`dt` must be <= {UNSTABLE / rate:.3g} s to be stable, got {run.dt:g}")
    return {"solver": FixedStep(run.dt), **warm}


def _check_output(
    output: Output, llg: LLG, m0: Array, times: np.ndarray | None, every: float | None
) -> int | None:
    """ValueError for what cannot be written; the stride of the snapshots."""
    if output.zarr and importlib.util.find_spec("zarr") is None:
        raise ValueError("`zarr` needs the package zarr: pip install 'jaxstt[io]'")
    known = (*OWN_OBSERVABLES, *(k for k in OBSERVABLES if k not in OWN_OBSERVABLES))
    for name in output.observables:
        one_of("observable", name, known)
    if len(set(output.observables)) < len(output.observables):
        raise ValueError("`observables` must differ, got one twice")
    for name in output.observables:
        if name in OBSERVABLES:
            observe(name, output.component)(llg.grid, m0)
    if "wall_velocity" in output.observables:
        observe("wall_position", output.component)(llg.grid, m0)
        if times is None or times.size < 3:
            raise ValueError("`wall_velocity` needs at least 3 saved times")
    if output.ovf_every is None:
        return None
    _check_positive({"ovf_every": output.ovf_every})
    if every is None:
        raise ValueError("`ovf_every` needs `save_every` in [run]")
    ratio = output.ovf_every / every
    if not (round(ratio) >= 1 and abs(ratio / round(ratio) - 1) < 1e-6):
        raise ValueError(
            f"`ovf_every` must be a multiple of `save_every` = {every:g} s, "
            f"got {output.ovf_every:g}"
        )
    return round(ratio)


@functools.cache
def observe(name: str, component: str) -> Callable[[Grid, Array], Any]:
    """The public observable as a function of grid and state, compiled.

    Raises ValueError where it has no value.
    """
    function = OBSERVABLES[name].function
    options = {"component": component} if "component" in parameters(function) else {}
    compiled = eqx.filter_jit(lambda grid, m: function(grid=grid, m=m, **options))

    def measure(grid: Grid, m: Array) -> Any:
        try:
            return compiled(grid, m)
        except RuntimeError:
            return function(grid=grid, m=m, **options)  # tells why

    return measure
