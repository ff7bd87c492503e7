"""Running a `Config` and writing what comes out: chunk by chunk, readable at every moment."""

import json
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import (
    axis_index,
    keep,
    kept,
    marks,
    memory,
    previous,
    versions,
    write_whole,
)
from .._dynamics import Followed, evolve, follow, relax
from .._dynamics import warn as warn_of_torques
from .._integrate import RESULTS
from .._observe import count_walls
from .._torque import ValidityWarning
from ..io import write_ovf, write_table
from ._config import Config
from ._events import happened
from ._run_folder import CHECKPOINT, clear
from ._run_table import Columns, Observer, draw_averages, unit
from ._zarr_states import ZarrStates

_CHUNK, _CELLS = 10, 2e4
"""Saved times per compiled run, at most, and saved times cells: a Ctrl-C waits for its end."""
_PERIOD = 10.0
"""s, between checkpoints."""
_NEAR = 4.0
"""Widths from an end of the window at which a wall feels it."""


_COUNTERS = ("longest", "chunks", "steps", "saved", "snapshots", "cells")


class RunFailed(RuntimeError):
    """The run stopped early; what was done is written."""


def simulate(config: Config, folder: Path, resume: bool = False) -> str:
    """Run, and write into the folder; what was done, in words.

    Results of an earlier run in that folder are removed first, unless it is to go on (`resume`).
    After an error and after Ctrl-C the folder holds the table, the snapshots and the state up to
    the last finished chunk, and a checkpoint there; after a kill, one of the last ten seconds.
    Raises RunFailed if the run stops early.
    """
    if not resume:
        clear(folder)
    run = _Run(config, folder)
    run.begin(resume)
    status = "failed"
    try:
        run.relax()
        run.evolve()
        status = "finished"
    except RunFailed as error:
        status = f"failed: {error}"
        raise
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    finally:
        run.finish(status)
    why = f", where it stopped: {run.ended}" if run.ended else ""
    return f"{run.steps} steps to t = {run.t:.6g} s{why}"


class _Run:
    """What a run has done so far."""

    def __init__(self, config: Config, folder: Path):
        self.config, self.folder, self.grid = config, folder, config.llg.grid
        self.m, self.t = config.m0, 0.0 if config.times is None else float(config.times[0])
        self.chunks, self.steps, self.saved, self.snapshots = 0, 0, 0, 0
        self.cells = 0
        """By which the window has moved."""
        self.longest = self._longest_chunk()
        self.rested = config.relax is None
        self.events: list[tuple[float, str]] = []
        """Time and name of each."""
        self.ended = ""
        """The event that the run stopped at."""
        self.near = False
        """Whether the wall has been told to come near an end of its window."""
        self.amid = False
        """Whether a chunk is kept in part: no state from which a run could go on."""
        self.started = self.flushed = self.checked = time.monotonic()
        self.observer = Observer(config, warn)
        self.record: list[Columns] = []
        self.zarr: ZarrStates | None = None
        self.checkpoint = folder / CHECKPOINT
        self.about = marks(
            {
                "grid": config.llg.grid,
                "llg": config.llg if config.window is None else config.window,
                "m0": config.m0,
                "times": config.times,
            },
            {
                "relax": config.relax,
                "settings": config.settings,
                "output": config.output,
                "events": config.events,
            },
        )

    def begin(self, resume: bool) -> None:
        """Take up what a checkpoint has, if the run is to go on and there is one."""
        found, told = None, list[str]()
        if resume:
            found, told = _heard(lambda: kept(self.checkpoint, self.about, "--resume"))
        for message in told:
            warn(message)
        if found is not None:
            self.rested = True
            self.m, self.t = jnp.asarray(found["m"]), float(found["t"])
            for name in _COUNTERS:
                setattr(self, name, int(found[name]))
            names = map(str, found["events.name"])
            self.events = list(zip(map(float, found["events.t"]), names, strict=True))
            self.ended = str(found["ended"])
            if self.saved:
                columns = {k[6:]: v for k, v in found.items() if k.startswith("table.")}
                self.record = [columns]
        copy = self.folder / "config.toml"
        if not (copy.exists() and copy.samefile(self.config.path)):
            copy.write_text(self.config.text, encoding="utf-8")
        self._write_status("running")
        if self.config.output.zarr:
            self.zarr = ZarrStates(self.folder / "m.zarr", self.config, self.saved)

    def keep(self) -> None:
        """A checkpoint."""
        self.checked = time.monotonic()
        numbers = {"t": self.t, **{name: getattr(self, name) for name in _COUNTERS}}
        table = self._whole_record()
        keep(
            self.checkpoint,
            {
                "m": np.asarray(self.m),
                **{name: np.asarray(n) for name, n in numbers.items()},
                "ended": np.asarray(self.ended),
                "events.t": np.asarray([t for t, _ in self.events]),
                "events.name": np.asarray([name for _, name in self.events], str),
                **{f"table.{name}": column for name, column in table.items()},
            },
            self.about,
        )

    def _whole_record(self) -> Columns:
        """The record so far as one part."""
        if len(self.record) > 1:
            names = self.record[0]
            self.record = [{k: np.concatenate([part[k] for part in self.record]) for k in names}]
        return self.record[0] if self.record else {}

    def relax(self) -> None:
        if self.rested or self.config.relax is None:
            return
        done = relax(self.config.llg, self.m, throw=False, **self.config.relax)
        self.m, self.steps = done.m, int(done.stats["num_steps"])
        if not bool(done.result == RESULTS.successful):
            message = RESULTS[done.result]
            raise RunFailed(f"{message}, max |m x B| = {float(done.torque):.3g} T")
        axis = axis_index("component", self.config.output.component)
        if self.config.window is not None and int(count_walls(self.grid, self.m, axis)) != 1:
            raise RunFailed("[relax] left no wall in the [window]")
        self.rested = True

    def evolve(self) -> None:
        times = self.config.times
        if times is None:
            self._keep(np.asarray([self.t]), self.m[None], np.zeros(1, np.int32))
            return
        chunks = _chunks(times.size - 1, self.longest)
        if not self.chunks:
            self.keep()
        with _progress(times.size - 1) as advance, warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # told before the run
            advance(chunks[self.chunks][0] if self.chunks < len(chunks) else times.size - 1)
            for first, end in chunks[self.chunks :]:
                if self.ended:
                    break
                part = times[first : end + 1]
                states, cells, result, steps = self._solve(part)
                if not bool((result == RESULTS.successful) | (result == RESULTS.wire_ends)):
                    raise RunFailed(_failed(result, part))
                ends = bool(result == RESULTS.wire_ends)
                if ends:
                    part, states, cells = self._within_the_wire(part, states, cells)
                self.amid = True
                last = self._keep(part, states, cells, skip=int(first > 0))
                self.m, self.t, self.cells = states[last], float(part[last]), int(cells[last])
                self.steps += int(steps)
                if ends and not self.ended:
                    if self.config.events.wall_left is None:
                        raise RunFailed(_failed(result, times[first : end + 1]))
                    self.ended = "wall_left"
                    self.events.append((self.t, self.ended))
                self.chunks += 1
                self.amid = False
                if time.monotonic() - self.checked > _PERIOD:
                    self.keep()
                advance(end - first)

    def _solve(self, t: np.ndarray) -> tuple[Array, np.ndarray, RESULTS, Array]:
        """States, cells by which the window has moved, how it ended, steps."""
        settings, window = {**self._settings(), "throw": False}, self.config.window
        if window is None:
            sol = evolve(self.config.llg, self.m, t, **settings)
            return sol.m, np.zeros(len(t), np.int32), sol.result, sol.stats["num_steps"]
        run = follow(
            window.moved(self.cells), self.m, t,
            component=self.config.output.component, save=_state, **settings
        )  # fmt: skip
        self._tell_of_ends(run)
        return run.kept, self.cells + np.asarray(run.cells), run.result, run.steps

    def _tell_of_ends(self, run: Followed) -> None:
        """Once, where the wall comes so near an end of the window that it feels it."""
        dx, nx = self.grid.spacing[0], self.grid.shape[0]
        place = np.asarray(run.wall.position) - np.asarray(run.cells) * dx
        off = np.minimum(place, nx * dx - place) / np.asarray(run.wall.width)
        if self.near or not np.any(off < _NEAR) or not bool(run.result == RESULTS.successful):
            return
        self.near = True
        k = int(np.argmax(off < _NEAR))
        warn(
            f"at t = {float(run.t[k]):.4g} s the wall is {off[k]:.2g} widths from an end of the "
            "window: save more often, or give it more `cells`"
        )

    def _within_the_wire(
        self, t: np.ndarray, m: Array, cells: np.ndarray
    ) -> tuple[np.ndarray, Array, np.ndarray]:
        window = self.config.window
        assert window is not None
        inside = int(np.argmax(np.append(np.asarray(window.beyond(jnp.asarray(cells))), True)))
        return t[:inside], m[:inside], cells[:inside]

    def _settings(self) -> dict[str, Any]:
        """Of `evolve`; each chunk has noise of its own."""
        settings = self.config.settings
        if "thermal" not in settings:
            return settings
        return {**settings, "thermal": settings["thermal"].piece(self.chunks)}

    def _longest_chunk(self) -> int:
        """Saved times that fit into an eighth of the memory."""
        room = memory()
        fits = _CHUNK if room is None else room // 8 // self.m.nbytes
        return max(1, min(_CHUNK, int(fits), int(_CELLS / math.prod(self.grid.shape))))

    def _keep(self, t: np.ndarray, m: Array, cells: np.ndarray, skip: int = 0) -> int:
        """Observables, snapshots and table of these states; the first `skip` are known already.

        Returns which of them is the last of the run so far: that of an event that stops it.
        """
        columns = self.observer(t, m, cells)
        self.record.append({k: v[skip:] for k, v in columns.items()})
        watching = any(self.config.events)
        record = self._whole_record() if watching else {}
        known = {name for _, name in self.events}
        events = happened(self.config.events, record, self.saved, known)
        self.events += [(float(record["t"][event.row]), event.name) for event in events]
        if any(event.stops for event in events):
            self.ended = events[-1].name
            self.record = [{k: v[: events[-1].row + 1] for k, v in self.record[0].items()}]
        count = skip + len(self.record[-1]["t"]) - self.saved if events else len(t)
        states = np.asarray(m)[skip:count]
        for moment, state, gone in zip(t[skip:count], states, cells[skip:count], strict=True):
            if self.config.stride and self.saved % self.config.stride == 0:
                self._write_state(f"m{self.snapshots:06d}.ovf", state, float(moment), int(gone))
                self.snapshots += 1
            self.saved += 1
        if self.zarr is not None:
            self.zarr.append(t[skip:count], states, self._left(cells[skip:count]))
        if time.monotonic() - self.flushed > 2:
            self._write_table()
        return count - 1

    def _left(self, cells: Any) -> Any:
        """Where the window begins, m."""
        window = self.config.window
        first = 0 if window is None else int(window.first)
        return (first + cells) * self.grid.spacing[0]

    def _write_state(self, name: str, m: np.ndarray, t: float, cells: int) -> None:
        origin = (self._left(cells), 0.0, 0.0)
        write_ovf(self.folder / name, self.grid, m, t=t, origin=origin)

    def _write_table(self) -> None:
        self.flushed = time.monotonic()
        if self.config.output.table and self.record:
            columns = self.observer.table(self.record)
            units = {name: unit(name) for name in columns}
            write_table(self.folder / "table.txt", columns, units)

    def finish(self, status: str) -> None:
        if status != "finished" and self.rested and not self.amid and self.config.times is not None:
            self.keep()
        self._write_state("m_end.ovf", np.asarray(self.m), self.t, self.cells)
        self._write_table()
        if self.record:
            draw_averages(self.observer.table(self.record), self.folder / "table.png")
        self._write_status(status)
        if status == "finished":  # last of all: on a full disk the run can still go on
            for path in (self.checkpoint, previous(self.checkpoint)):
                path.unlink(missing_ok=True)

    def _write_status(self, status: str) -> None:
        report = {
            "status": status,
            "t_end": self.t,
            "steps": self.steps,
            "events": [{"t": t, "event": name} for t, name in self.events],
            "saved_times": self.saved,
            "seconds": round(time.monotonic() - self.started, 3),
            "precision": str(self.m.dtype),
            "device": str(jax.devices()[0]),
            "versions": versions(),
            "config": self.config.tables,
        }
        text = json.dumps(report, indent=2) + "\n"
        write_whole(self.folder / "run.json", text.encode())


def _failed(result: RESULTS, t: np.ndarray) -> str:
    return f"{RESULTS[result]} (between {t[0]:.4g} and {t[-1]:.4g} s)"


def _state(t: Array, m: Array) -> Array:
    return m


def notes(config: Config) -> Iterator[str]:
    """What the user should know before the run."""
    yield from config.warnings
    yield from _heard(lambda: warn_of_torques(config.llg, config.m0))[1]


def _heard(call: Callable[[], Any]) -> tuple[Any, list[str]]:
    """What a call returns, and what it warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = call()
    return value, [str(w.message) for w in caught]


def warn(message: str) -> None:
    """One line on stderr."""
    print(f"jaxstt: warning: {' '.join(message.split())}", file=sys.stderr)


def _chunks(count: int, longest: int) -> list[tuple[int, int]]:
    """`count` intervals cut into equal parts (each length compiles once) of at most `longest`."""
    longest = min(count, longest)
    size = max(c for c in range(1, longest + 1) if count % c == 0)
    size = size if 2 * size >= longest else longest
    return [(i, min(i + size, count)) for i in range(0, count, size)]


@contextmanager
def _progress(count: int) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("simulating", total=count)
        yield lambda done: bar.advance(task, done)
