"""Running a `Config` and writing what comes out: chunk by chunk, readable at every moment."""

import io
import json
import math
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from .._core import check_folder, existing, memory, readable, versions, write_whole
from .._dynamics import evolve, relax
from .._dynamics import warn as warn_of_torques
from .._integrate import RESULTS
from .._torque import ValidityWarning
from ..io import ZARR_FORMAT, mesh_attributes, write_ovf, write_table
from ._config import Config
from ._run_table import Columns, Observer, unit

FILES = ("table.txt", "table.png", "m_end.ovf", "m.zarr", "run.json", "config.toml")
"""What a run may leave in its folder, besides the snapshots m000000.ovf, m000001.ovf, ..."""
_SNAPSHOT = "m[0-9][0-9][0-9][0-9][0-9][0-9].ovf"
_CHUNK, _CELLS = 10, 2e4
"""Saved times per compiled run, at most, and saved times cells: a Ctrl-C waits for its end."""
_COLORS = ("#0072B2", "#009E73", "#D55E00")


class RunFailed(RuntimeError):
    """The run stopped early; what was done is written."""


def check_output(folder: Path, force: bool) -> None:
    """ValueError unless the results can be written there."""
    check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise ValueError(f"`--out`: the folder {str(folder)!r} is not empty; --force overwrites")


def check_disk(config: Config, folder: Path) -> None:
    """ValueError if the snapshots do not fit on the disk."""
    saves = 1 if config.times is None else config.times.size
    snapshots = 1 + (math.ceil(saves / config.stride) if config.stride else 0)
    snapshots += saves if config.output.zarr else 0
    needed, free = snapshots * config.m0.nbytes, shutil.disk_usage(existing(folder)).free
    if needed > free:
        raise ValueError(
            f"[output] {snapshots} snapshots need {readable(needed)}, the disk has {readable(free)}"
        )


def simulate(config: Config, folder: Path) -> str:
    """Run, and write into the folder; what was done, in words.

    Results of an earlier run in that folder are removed first.  After an error and after Ctrl-C the
    folder holds the table, the snapshots and the state up to the last finished chunk.
    Raises RunFailed if the run stops early.
    """
    _clear(folder)
    run = _Run(config, folder)
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
    return f"{run.steps} steps to t = {run.t:.6g} s"


def _clear(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*(folder / name for name in FILES[:-1]), *folder.glob(_SNAPSHOT)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


class _Run:
    """What a run has done so far."""

    def __init__(self, config: Config, folder: Path):
        self.config, self.folder, self.grid = config, folder, config.llg.grid
        self.m, self.t = config.m0, 0.0 if config.times is None else float(config.times[0])
        self.steps, self.saved, self.snapshots = 0, 0, 0
        self.started = self.flushed = time.monotonic()
        self.observer = Observer(config, warn)
        self.record: list[Columns] = []
        copy = folder / "config.toml"
        if not (copy.exists() and copy.samefile(config.path)):
            copy.write_text(config.text, encoding="utf-8")
        self._write_status("running")
        self.zarr = _Zarr(folder / "m.zarr", config) if config.output.zarr else None

    def relax(self) -> None:
        if self.config.relax is None:
            return
        done = relax(self.config.llg, self.m, throw=False, **self.config.relax)
        self.m, self.steps = done.m, int(done.stats["num_steps"])
        if not bool(done.result == RESULTS.successful):
            message = RESULTS[done.result]
            raise RunFailed(f"{message}, max |m x B| = {float(done.torque):.3g} T")

    def evolve(self) -> None:
        times = self.config.times
        if times is None:
            self._keep(np.asarray([self.t]), self.m[None])
            return
        with _progress(times.size - 1) as advance, warnings.catch_warnings():
            warnings.simplefilter("ignore", ValidityWarning)  # told before the run
            for first, last in _chunks(times.size - 1, self._longest_chunk()):
                part = times[first : last + 1]
                sol = evolve(self.config.llg, self.m, part, throw=False, **self.config.settings)
                if not bool(sol.result == RESULTS.successful):
                    raise RunFailed(
                        f"{RESULTS[sol.result]} (between {part[0]:.4g} and {part[-1]:.4g} s)"
                    )
                self._keep(part, sol.m, skip=int(first > 0))
                self.m, self.t = sol.m[-1], float(part[-1])
                self.steps += int(sol.stats["num_steps"])
                advance(last - first)

    def _longest_chunk(self) -> int:
        """Saved times that fit into an eighth of the memory."""
        room = memory()
        fits = _CHUNK if room is None else room // 8 // self.m.nbytes
        return max(1, min(_CHUNK, int(fits), int(_CELLS / math.prod(self.grid.shape))))

    def _keep(self, t: np.ndarray, m: Array, skip: int = 0) -> None:
        """Observables, snapshots and table of these states; the first `skip` are known already."""
        columns = self.observer(t, m)
        self.record.append({k: v[skip:] for k, v in columns.items()})
        states = np.asarray(m)[skip:]
        for moment, state in zip(t[skip:], states, strict=True):
            if self.config.stride and self.saved % self.config.stride == 0:
                write_ovf(
                    self.folder / f"m{self.snapshots:06d}.ovf", self.grid, state, t=float(moment)
                )
                self.snapshots += 1
            self.saved += 1
        if self.zarr is not None:
            self.zarr.append(t[skip:], states)
        if time.monotonic() - self.flushed > 2:
            self._write_table()

    def _write_table(self) -> None:
        self.flushed = time.monotonic()
        if self.config.output.table and self.record:
            columns = self.observer.table(self.record)
            units = {name: unit(name) for name in columns}
            write_table(self.folder / "table.txt", columns, units)

    def finish(self, status: str) -> None:
        write_ovf(self.folder / "m_end.ovf", self.grid, np.asarray(self.m), t=self.t)
        self._write_table()
        if self.record:
            _draw(self.observer.table(self.record), self.folder / "table.png")
        self._write_status(status)

    def _write_status(self, status: str) -> None:
        report = {
            "status": status,
            "t_end": self.t,
            "steps": self.steps,
            "saved_times": self.saved,
            "seconds": round(time.monotonic() - self.started, 3),
            "precision": str(self.m.dtype),
            "device": str(jax.devices()[0]),
            "versions": versions(),
            "config": self.config.tables,
        }
        text = json.dumps(report, indent=2) + "\n"
        write_whole(self.folder / "run.json", text.encode())


def notes(config: Config) -> Iterator[str]:
    """What the user should know before the run."""
    yield from config.warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_torques(config.llg, config.m0)
    yield from (str(w.message) for w in caught)


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


class _Zarr:
    """The states in a zarr store that xarray opens: m (t, component, x, y, z), t in s, x in m."""

    def __init__(self, path: Path, config: Config):
        import zarr

        grid = config.llg.grid
        self.store = zarr.open_group(
            path, mode="w", zarr_format=ZARR_FORMAT, attributes=mesh_attributes(grid)
        )
        self.t = self._create("t", np.zeros(0), ("t",), "s")
        self.m = self._create(
            "m",
            np.zeros((0, 3, *grid.shape), config.m0.dtype),
            ("t", "component", "x", "y", "z"),
            "1",
        )
        for axis in "xyz":
            self._create(axis, grid.centres(axis), (axis,), "m")
        if grid.mask is not None:
            self._create("magnet", np.asarray(grid.mask), ("x", "y", "z"), "1")

    def _create(self, name: str, data: np.ndarray, dims: tuple[str, ...], unit: str) -> Any:
        array = self.store.create_array(
            name,
            shape=data.shape,
            dtype=data.dtype,
            chunks=tuple(max(n, 1) for n in data.shape),
            dimension_names=dims,
            attributes={"units": unit},
        )
        if data.size:
            array[...] = data
        return array

    def append(self, t: np.ndarray, states: np.ndarray) -> None:
        self.m.append(states, axis=0)
        self.t.append(np.asarray(t, float), axis=0)


def _draw(columns: Columns, path: Path) -> None:
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
