"""`design_config`: a design written down as a TOML file of `jaxstt simulate` with open values.

[[torque]]
type = "ZhangLi"
j = { pulse = 2e12, low = -2e13, high = 2e13, duration = 2e-9, along = [-1, 0, 0] }

[design]
minimise = "heat"             # or maximise; a quantity

[[wish]]
quantity = "way"
equal = 500e-9
within = 5e-9

[verify]                      # what the finished design is run with once more
shape = [500, 1, 1]           # by default cells of two thirds
"""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt
from jaxstt.config import OpenFile, OpenRun
from jaxstt.tools import nearest

from .._errors import InputError
from ._check_gradient import check_gradient
from ._design import Design, Step, design
from ._open_values import KINDS, OpenValue, read_open
from ._quantities import WALL, quantity, read_wish
from ._wanted import Value, Variable, Wish

Callback = Callable[[Step, dict[str, np.ndarray]], None]
_FINER, _TIGHTER = 1.5, 0.1
"""Cells of the verifying run, and its tolerances, in units of the search's."""
_RTOL, _ATOL = 1e-5, 1e-6
"""Of `evolve` in float64, where [run] says none."""
_DESIGN = ("minimise", "maximise", "of", "optimizer", "max_evaluations", "tolerance", "memory")
_VERIFY = ("shape", "rtol", "atol")


class Outcome(eqx.Module):
    """{name: free numbers} -> what the run says."""

    run: OpenRun
    open_values: Mapping[str, OpenValue] = eqx.field(static=True)
    wall: bool = eqx.field(static=True)
    memory: float | None = eqx.field(static=True)
    """B, that the way back may take."""

    def start(self, x: Mapping[str, Array]) -> tuple[jaxstt.LLG, Array]:
        """What runs, and the state it starts from."""
        shape = self.run.llg.grid.shape
        return self.run({name: o.value(x[name], shape) for name, o in self.open_values.items()})

    def __call__(self, x: Mapping[str, Array]) -> dict[str, Array]:
        llg, m0 = self.start(x)
        track = jaxstt.WallTracker(llg.grid, self.run.component) if self.wall else None

        def save(t: Array, m: Array) -> tuple[Array, Any]:
            return jaxstt.average(m, llg.grid), None if track is None else track(t, m)

        m, wall = self.run.saved(llg, m0, self.run.times, save, memory=self.memory)
        return {"m": m} | ({} if wall is None else wall._asdict())


@dataclasses.dataclass(frozen=True, eq=False)
class DesignConfig:
    """What `open_design` reads: the arguments of `design`, and what the file says."""

    file: OpenFile
    open_values: dict[str, OpenValue]
    outcome: Outcome
    verify: Outcome
    variables: dict[str, Variable]
    minimise: Value
    subject_to: tuple[Wish, ...]
    settings: dict[str, Any]

    def check_gradient(self) -> float:
        """`check_gradient`, of this design."""
        return check_gradient(self.outcome, self.variables, self.minimise, self.subject_to)

    def search(
        self,
        start: Mapping[str, Any] | None,
        keep: str | os.PathLike[str] | None,
        callback: Callback | None,
    ) -> Design:
        """`design`, from `start` where it says something."""
        variables = self.variables | {n: self._started(n, v) for n, v in (start or {}).items()}
        asked = (self.outcome, variables, self.minimise, self.subject_to)
        settings = {"keep": keep, "callback": callback, **self.settings}
        return design(*asked, verify=self.verify, **settings)

    def _started(self, name: str, value: Any) -> Variable:
        if name not in self.variables:
            known = ", ".join(self.variables)
            raise InputError(f"`start`: there is no {name!r} (there are {known})")
        old, value = self.variables[name], np.asarray(value, float)
        if value.shape != old.start.shape:
            shapes = f"{old.start.shape}, got {value.shape}"
            raise InputError(f"`start`: {name!r} must have shape {shapes}")
        return Variable(value, old.low, old.high)

    def designed(self, x: Mapping[str, np.ndarray]) -> tuple[jaxstt.LLG, Array]:
        """The LLG and its start with these free numbers."""
        return self.outcome.start({name: jnp.asarray(v) for name, v in x.items()})

    def values(self, x: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """What a config would say in the open places."""
        return {name: o.plain(jnp.asarray(x[name])) for name, o in self.open_values.items()}


def open_design(path: Path) -> DesignConfig:
    """The design that the file describes.

    Raises ValueError (InputError) "file: [section] what is wrong", OSError if it cannot be read.
    """
    file = OpenFile(path, KINDS, "designed", ("design", "wish", "verify"))
    try:
        return _opened(file)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _opened(file: OpenFile) -> DesignConfig:
    if not file.places:
        raise InputError(
            "nothing is designed: write a value as { design = 0.1, low = ..., high = ... }, "
            "{ pulse = ... } or { profile = ... }"
        )
    open_values = {name: read_open(place, file.grid) for name, place in file.places.items()}
    variables = {name: o.variable for name, o in open_values.items()}

    def at(shape: tuple[int, ...]) -> dict[str, Any]:
        return {n: o.value(jnp.asarray(o.variable.start), shape) for n, o in open_values.items()}

    run = file.run(at(file.grid.shape))
    for name, o in open_values.items():  # what a bound makes impossible is told now
        for end in (o.variable.low, o.variable.high):
            ends = {**at(file.grid.shape), name: o.value(jnp.asarray(end), file.grid.shape)}
            file.check(ends)
    own = _section(file, "design", _DESIGN)
    goals = [key for key in ("minimise", "maximise") if key in own]
    if len(goals) != 1:
        raise InputError("[design] must say one of `minimise` and `maximise`")
    sign = 1.0 if goals == ["minimise"] else -1.0
    _, goal = _within("[design]:", quantity, own[goals[0]], own.get("of"), run.times, open_values)
    budget = own.get("memory")
    for name in ("memory", "tolerance"):
        if name in own and not (type(own[name]) in (int, float) and own[name] > 0):
            raise InputError(f"[design] `{name}` must be a number > 0, got {own[name]!r}")
    tables = file.sections["wish"] or []
    if not isinstance(tables, list):
        raise InputError("`wish` must be written as [[wish]]")
    wishes = [
        _within(f"[wish {i}]:", read_wish, table, run.times, open_values)
        for i, table in enumerate(tables, start=1)
    ]
    asked = {own[goals[0]], *(table["quantity"] for table in tables)}
    wall = bool(asked & set(WALL))
    check = _verifying(file, at, run)
    settings = {k: own[k] for k in ("optimizer", "max_evaluations", "tolerance") if k in own}
    return DesignConfig(
        file,
        open_values,
        Outcome(run, open_values, wall, budget),
        Outcome(check, open_values, wall, None),
        variables,
        lambda x, y: sign * goal(x, y),
        tuple(wishes),
        settings,
    )


def _verifying(file: OpenFile, at: Callable, run: OpenRun) -> OpenRun:
    """The same on finer cells, where the file says nothing cell by cell, and tighter."""
    own = _section(file, "verify", _VERIFY)
    counts = file.grid.shape
    finer = [math.ceil(n * _FINER) if n > 1 else 1 for n in counts]
    wanted = own.get("shape", finer)
    if not isinstance(wanted, list):
        raise InputError(f"[verify]: `shape` must be three whole numbers > 0, got {wanted!r}")
    shape = tuple(wanted)
    # A fixed step has no tolerances: it falls with the cells.
    adaptive = "solver" not in run.settings
    defaults = {"rtol": _RTOL, "atol": _ATOL} if adaptive else {}
    tight = {k: _TIGHTER * (run.settings[k] or v) for k, v in defaults.items()}
    told = {key: own[key] for key in ("rtol", "atol") if key in own}
    try:
        return file.run(at(shape), shape=shape, settings=tight | told)
    except ValueError as error:
        if "cell by cell" not in str(error) or "shape" in own:
            told = str(error).removeprefix(f"{file.path}: ")
            raise InputError(f"[verify]: {told}") from None
        return file.run(at(counts), settings=tight | told)


def _section(file: OpenFile, name: str, known: tuple[str, ...]) -> dict[str, Any]:
    table = file.sections[name]
    if table is None:
        table = {}
    if not isinstance(table, dict):
        raise InputError(f"`{name}` must be written as [{name}]")
    for key in table:
        if key not in known:
            near, told = nearest(key, known), ", ".join(known)
            raise InputError(
                f"[{name}] unknown key `{key}`; did you mean `{near}`? (there are {told})"
            )
    return table


def _within(where: str, function: Callable, *args: Any) -> Any:
    try:
        return function(*args)
    except InputError as error:
        raise InputError(f"{where} {error}") from None


def design_config(
    config: str | os.PathLike[str],
    *,
    start: Mapping[str, Any] | None = None,
    keep: str | os.PathLike[str] | None = None,
    callback: Callback | None = None,
) -> Design:
    """Design what a TOML file leaves open; `jaxstt design` is this, and `design` says how.

    start: {name: free numbers} to begin at, e.g. of a coarser design.  keep, callback: as there.
    Raises InputError for input that cannot be used.
    """
    with jax.enable_x64(True):
        return open_design(Path(config)).search(start, keep, callback)
