"""Running a sweep that a config describes, and writing what comes out."""

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from .._core import check_folder, optional_package, write_whole
from .._sweep import SweepWarning, sweep, together
from ..plot import PHASES, sweep_figure
from ._doctor import cores as available
from ._simulate import notes, warn
from ._sweep_config import load_sweep
from ._toml import read_toml

STORE = "sweep.zarr"


def use_cores(cores: int | None) -> None:
    """As many CPU devices as cores: one XLA program uses one core for small walls.

    Must come before JAX starts.  ValueError for more cores than there are.
    """
    have = available()
    if cores is not None and not 1 <= cores <= have:
        raise ValueError(f"`--cores` must be between 1 and {have}, got {cores}")
    try:
        jax.config.update("jax_num_cpu_devices", have if cores is None else cores)
    except RuntimeError:  # JAX runs already: within another program, which has chosen
        if cores is not None and jax.local_device_count() != cores:
            raise ValueError(
                f"`--cores` comes too late: JAX runs on {jax.local_device_count()} devices"
            ) from None


def join() -> None:
    """Make this process one of those that the scheduler (Slurm, MPI, Kubernetes) has started."""
    try:
        jax.distributed.initialize()
    except (ValueError, RuntimeError) as error:
        told = " ".join(str(error).split())
        raise ValueError(f"`--distributed` needs a scheduler that JAX knows: {told}") from None


def _check_same(kept: Path, text: str) -> None:
    """ValueError naming the first thing that the config of the sweep to go on with says else."""
    if not kept.is_file():
        return
    before = read_toml(kept.read_bytes())[1]
    now = read_toml(text.encode())[1]
    missing = "not there"

    def compare(a: Any, b: Any, path: tuple[str, ...]) -> None:
        if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
            a, b = dict(enumerate(a, 1)), dict(enumerate(b, 1))
        if isinstance(a, dict) and isinstance(b, dict):
            for key in [*a, *(key for key in b if key not in a)]:
                compare(a.get(key, missing), b.get(key, missing), (*path, str(key)))
        elif a != b:
            section, *name = path
            where = f"[{section}]" + (f" `{' '.join(name)}`" if name else "")
            raise ValueError(f"{kept.parent} holds another sweep: {where} is {a} there, {b} here")

    compare(before, now, ())


@contextmanager
def _with_config(folder: Path, text: str) -> Iterator[None]:
    """Keep the config in the folder; if the sweep is refused, what was made here goes again."""
    copy, mine = folder / "config.toml", jax.process_index() == 0
    new, made = mine and not copy.exists(), mine and not folder.exists()
    if new:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(copy, text.encode())
    together("begun")
    try:
        yield
    except ValueError:
        if new:
            copy.unlink()
        if made and not any(folder.iterdir()):
            folder.rmdir()
        raise


def _phases(results: Any) -> str:
    """How many walls do what."""
    phase = np.asarray(results["phase"])[~np.asarray(results["failed"])]
    counts = np.bincount(phase, minlength=len(PHASES))
    shown = [f"{n} {name}" for n, name in zip(counts, PHASES, strict=True) if n]
    late = " (a longer run would tell)" if counts[PHASES.index("undecided")] else ""
    return f": {', '.join(shown)}{late}" if shown else ""


def run_sweep(config: Path, folder: Path, resume: bool) -> tuple[str, bool]:
    """Run it; what was done, in words, and whether any point did not fail."""
    for name in ("xarray", "zarr"):
        optional_package(name)
    check_folder(folder)
    found = load_sweep(config)
    for note in notes(found.config) if jax.process_index() == 0 else ():
        warn(f"{config}: {note}")
    taken = folder.is_dir() and any(folder.iterdir())
    if taken and not resume:
        raise ValueError(f"`--out`: the folder {str(folder)!r} is not empty; --resume goes on")
    if taken:
        _check_same(folder / "config.toml", found.config.text)
    together("checked")
    with _with_config(folder, found.config.text), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SweepWarning)
        results = sweep(
            found.function,
            found.space,
            path=folder / STORE,
            resume=resume,
            units=found.units,
            version=found.version,
            chunk=found.chunk,
            progress=sys.stderr.isatty(),
            may_be_nan=found.may_be_nan,
        )
    failed = int(results["failed"].sum())
    done = f"{found.space.size} points" + (f", {failed} of them failed" if failed else "")
    if "phase" in results:
        done += _phases(results)
    fine = failed < found.space.size
    if jax.process_index() > 0:
        return done, fine
    for each in caught:
        if issubclass(each.category, SweepWarning):
            warn(str(each.message))
    drawn = io.BytesIO()
    sweep_figure(results).savefig(drawn, dpi=150, format="png")
    write_whole(folder / "sweep.png", drawn.getvalue())
    return done, fine
