"""`sweep`: a function of named parameters at many points, in chunks, on all devices there are."""

import functools
import hashlib
import inspect
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from .._core import check_count, described, digest, optional_package, versions
from ._chunk import check_fits, fitted, results_of, run_chunk, work_of
from ._space import Space, as_space
from ._store import Store, SweepWarning
from ._table import Table

_LONGEST = 1000
"""Characters of what a function holds; more are kept as a digest."""


def sweep(
    function: Callable[..., Any],
    space: Mapping[str, Any] | Space,
    *,
    chunk: int | None = None,
    path: str | os.PathLike | None = None,
    resume: bool = False,
    units: Mapping[str, str] | None = None,
    dims: Mapping[str, tuple[str, ...]] | None = None,
    version: str = "",
    memory: float | None = None,
    progress: bool = False,
    may_be_nan: Iterable[str] = (),
) -> Any:
    """function(**parameters) at every point of a space, as an `xarray.Dataset`.

    function: of named scalars, traced (it is compiled once); returns a dict, or any pytree, of
    arrays.  Its own arrays, if it is an equinox module, are arguments of the compiled program.
    space: {name: values} (or `grid` of it) for all combinations, with a dimension of each name;
    `points({name: values})` or `random_design(n, key, ranges)` for a list along "point".
    chunk: points in one compiled call; by default a 64th of all or 16 for each device, less if they
    do not fit the memory.
    path: keep the results in a zarr store.  While the sweep runs the finished chunks are in
    PATH.parts, each written whole; after a crash the same call with resume=True goes on from them
    and returns the same bytes as a sweep in one go.
    units: {name: unit} of parameters and results.  dims: {result: (names of its own dimensions)}.
    version: a mark of your own, kept with the store; change it when the function changes what it
    computes: only its name, what it holds (arrays, numbers and texts of modules, closures
    and `partial`s) and the shapes of its results are compared.
    memory: bytes that a chunk may take, on each accelerator or on all CPU devices together; by
    default 0.8 of what there is.
    progress: tell on stderr how far it is, and the time left.
    may_be_nan: results that are NaN where there is nothing to say, e.g. the velocity of a wall that
    is gone; they make no point fail.

    A chunk is shared among all local devices (`parallel_map`).  Under `jax.distributed` the chunks
    are dealt out to all processes: all make the same call and get the same result, `path` being on
    a file system that they share.  If one dies, JAX ends the others at its heartbeat timeout (100 s
    unless `jax.distributed.initialize` is told otherwise); finished chunks stay.
    A point fails if one of its parameters or results is not finite, or the function raises as it
    runs (RuntimeError, e.g. of `evolve`): `failed` and `reason` tell, results of a point that
    raised are NaN (0 if they are no floats), a `SweepWarning` names the first, all others are run.
    The compiled program is kept for the next sweep with the same function object: as with
    `jax.jit`, what that reads from globals, or from objects and arrays that changed since, is not
    seen.  `sweep` runs on the host; within jit, grad or vmap use `sweep_map`.

    Raises ValueError for wrong arguments, a store that exists (without resume) or is that of
    another sweep, and if a single point does not fit the memory; ImportError without xarray (and
    zarr for `path`): pip install "jaxstt[io]".
    """
    optional_package("xarray")
    _check_arguments(function, chunk, path, resume, version, memory)
    _check_labels(units, dims, progress)
    space = as_space(space)
    _check_parameters(function, space)
    work, arrays = work_of(function, {name: v.dtype for name, (_, v) in space.axes.items()})
    silent = _known_results(may_be_nan, results_of(work))
    table = Table(space, work, dict(units or {}), dict(dims or {}))
    store = None
    if path is not None:
        optional_package("zarr")
        store = Store(path)
        together("sweep: check")
        if resume:
            chunk = store.chunk() if chunk is None else chunk
        else:
            store.refuse_if_taken()
    if chunk is None:
        chunk = _agreed(fitted(work, _usual_chunk(space.size), memory))
    chunk = min(chunk, space.size)
    what = _description(function, arrays, version, space, table, chunk)
    if silent:
        what["may be nan"] = sorted(silent)
    table.attrs = {k: str(what[k]) for k in ("function", "version", "jaxstt", "jax", "device")}
    run = functools.partial(_run, work, arrays, table, chunk, memory, store, progress, silent)
    dataset = run() if store is None else _stored(store, what, table, run)
    if table.failed.any():
        warnings.warn(table.failures(), SweepWarning, stacklevel=2)
    return dataset


def _stored(store: Store, what: dict[str, Any], table: Table, run: Callable[[], Any]) -> Any:
    """The data set of a store: read if it is whole, else run to its end."""
    first = jax.process_index() == 0
    store.check(what)  # there is nothing, unless resume
    together("sweep: begin")
    if store.finished():
        if first:
            store.clear()
        return table.take(store.load())
    if first:
        store.begin(what)
    try:
        together("sweep: read")
        dataset = run()
        if first:
            store.finish(what, dataset)
        together("sweep: finished")
        return dataset
    finally:
        store.release()


def _run(
    work,
    arrays,
    table: Table,
    chunk: int,
    memory,
    store: Store | None,
    progress: bool,
    silent: frozenset[str],
) -> Any:
    """The data set: chunks that are kept are read, the others are run by their process."""
    size = table.space.size
    spans = [np.arange(i, min(i + chunk, size)) for i in range(0, size, chunk)]
    todo = [n for n, span in enumerate(spans) if not (store and table.read(store, n, span))]
    if todo:
        check_fits(work, chunk, memory)
    together("sweep: run")  # nobody writes before all have seen what there is
    count, me = jax.process_count(), jax.process_index()
    begun = time.monotonic()
    mine = todo[me::count]
    for done, number in enumerate(mine, 1):
        span = spans[number]
        inside = table.good[span]
        if inside.any():
            # A point with a NaN is not run: it might never end.
            run = np.where(inside, span, span[inside.argmax()])
            found, reasons = run_chunk(work, arrays, table.space.columns(run), chunk, silent)
            table.fill(span, found, reasons)
        table.refuse(span[~inside])
        if store is not None:
            store.write(number, table.part(span))
        if progress:
            _show(done, len(mine), time.monotonic() - begun, int(table.failed.sum()))
    if count > 1:
        together("sweep: done")
        _take_theirs(table, store, spans, todo)
    return table.dataset()


def _take_theirs(table: Table, store: Store | None, spans: list, todo: list[int]) -> None:
    """Fill in the chunks that the other processes have run."""
    count, me = jax.process_count(), jax.process_index()
    if store is None:
        table.gather([[spans[n] for n in todo[p::count]] for p in range(count)])
        return
    for number in sorted({*todo} - {*todo[me::count]}):
        if not table.read(store, number, spans[number]):
            raise RuntimeError(f"chunk {number} of another process is not below {store.parts}")


def _check_arguments(function, chunk, path, resume, version, memory) -> None:
    if not callable(function):
        raise ValueError(f"`function` must be callable, got {function!r}")
    if chunk is not None:
        check_count("chunk", chunk)
    if path is not None and not isinstance(path, str | os.PathLike):
        raise ValueError(f"`path` must be a path, got {path!r}")
    if not isinstance(resume, bool):
        raise ValueError(f"`resume` must be True or False, got {resume!r}")
    if resume and path is None:
        raise ValueError("`resume` needs the `path` of the store to go on with")
    if not isinstance(version, str):
        raise ValueError(f"`version` must be a text, got {version!r}")
    number = isinstance(memory, int | float) and not isinstance(memory, bool)
    if memory is not None and not (number and memory > 0):
        raise ValueError(f"`memory` must be > 0 bytes, got {memory!r}")


def _known_results(names: Iterable[str], results: Mapping[str, Any]) -> frozenset[str]:
    if isinstance(names, str):
        raise ValueError(f"`may_be_nan` must hold names, got the text {names!r}")
    asked = tuple(names)
    for name in asked:
        if name not in results:
            raise ValueError(f"`may_be_nan` must name results ({', '.join(results)}), got {name!r}")
    return frozenset(asked)


def _check_labels(units, dims, progress) -> None:
    for name, labels in {"units": units, "dims": dims}.items():
        if labels is not None and not isinstance(labels, Mapping):
            raise ValueError(f"`{name}` must be a dict of names, got {labels!r}")
    if not isinstance(progress, bool):
        raise ValueError(f"`progress` must be True or False, got {progress!r}")


def _check_parameters(function: Callable, space: Space) -> None:
    """ValueError if the function does not take just these parameters."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some callables do not tell
        return
    try:
        signature.bind(**dict.fromkeys(space.axes))
    except TypeError as error:
        raise ValueError(f"`space` must name the parameters of `function`: {error}") from None


def _usual_chunk(size: int) -> int:
    devices = jax.local_device_count()
    share = -(-size // jax.process_count())
    usual = max(-(-size // 64), 16 * devices if jax.default_backend() == "cpu" else 1024)
    return min(-(-usual // devices) * devices, share)


def _agreed(chunk: int) -> int:
    """The least of all processes: their memories may differ."""
    if jax.process_count() == 1:
        return chunk
    return int(np.min(multihost_utils.process_allgather(np.asarray(chunk, np.int32))))


def together(step: str) -> None:
    """Wait until all processes are here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(step)


def _description(
    function, arrays, version: str, space: Space, table: Table, chunk: int
) -> dict[str, Any]:
    """What makes two sweeps the same."""
    return {
        "function": getattr(function, "__qualname__", type(function).__qualname__),
        "arrays": digest(arrays),
        "holds": _short_of(described(function, closures=True)),
        "version": version,
        "parameters": {n: [d, str(v.dtype), v.tolist()] for n, (d, v) in space.axes.items()},
        "results": {
            n: [list(table.dims[n]), list(s.shape), str(s.dtype)] for n, s in table.shapes.items()
        },
        "units": table.units,
        "chunk": chunk,
        "device": jax.local_devices()[0].device_kind,
        **versions(("jaxstt", "jax")),
    }


def _short_of(text: str) -> str:
    return text if len(text) <= _LONGEST else hashlib.sha256(text.encode()).hexdigest()[:16]


def _show(done: int, total: int, spent: float, failed: int) -> None:
    left = f"{spent / done * (total - done):.0f} s left"
    note = f", {failed} points failed" if failed else ""
    end = "\n" if done == total else ""
    line = f"\rsweep: {done}/{total} chunks, {spent:.0f} s, {left}{note}   "
    print(line, end=end, file=sys.stderr, flush=True)
