"""One compiled call for a chunk of points: made once, fitted to the memory, failures found."""

import functools
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import NamedSharding, PartitionSpec

from .._core import described, readable
from .._core import memory as device_memory
from ._batching import RUNS, map_on, runs_mesh

_KEPT = 32
"""Compiled programs kept for further sweeps."""
LONGEST_REASON = 200
_NAME = re.compile(r"(?!zarr\.json$|__)[^\s./][^/\x00-\x1f]*")
_OPTIONS: dict[str, dict[str, str | bool]] = {"cpu": {"xla_cpu_prefer_vector_width": "512"}}
"""Of the compiler.  By itself XLA takes 256 bits at most: with AVX-512 a wall is 1.4 times as fast
(one pinned core, float64, jaxlib 0.10.2).  It is a preference: what the CPU has not is not used."""


class Work(NamedTuple):
    """What must be the same for a compiled program to be used again."""

    structure: Any
    fixed: tuple
    """The leaves of the function (as a pytree) that are no arrays: mostly the function itself."""
    told: str
    """The same in words, static fields too: 1, 1.0 and True are equal, 0.0 and -0.0 as well."""
    arrays: tuple[jax.ShapeDtypeStruct, ...]
    """Its arrays, which are arguments of the program."""
    parameters: tuple[tuple[str, Any], ...]
    devices: tuple
    precision: Any


def work_of(function: Callable, parameters: dict[str, Any]) -> tuple[Work, list[Any]]:
    """The work, and the arrays of the function.  parameters: {name: dtype}."""
    leaves, structure = jax.tree.flatten(function)
    arrays = [x for x in leaves if eqx.is_array(x)]
    fixed = tuple(None if eqx.is_array(x) else x for x in leaves)
    shapes = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in arrays)
    devices = tuple(jax.local_devices())
    known = tuple(parameters.items())
    precision = jax.dtypes.canonicalize_dtype(float)
    return Work(
        structure, fixed, described(function, closures=False), shapes, known, devices, precision
    ), arrays


def kept(make: Callable) -> Callable:
    """functools.lru_cache that makes anew what cannot be a key."""
    cached = functools.lru_cache(maxsize=_KEPT)(make)

    @functools.wraps(make)
    def get(work: Work, *rest: Any) -> Any:
        try:
            hash(work)
        except TypeError:
            return make(work, *rest)
        return cached(work, *rest)

    return get


def _call(work: Work, arrays: list[Any], parameters: dict[str, Array]) -> dict[str, Array]:
    """The results of one point by name."""
    rest = iter(arrays)
    leaves = [next(rest) if x is None else x for x in work.fixed]
    function = jax.tree.unflatten(work.structure, leaves)
    return _named(function(**parameters))


def _named(results: Any) -> dict[str, Array]:
    found = {}
    for path, value in jax.tree_util.tree_flatten_with_path(results)[0]:
        keys = [getattr(k, "key", getattr(k, "name", getattr(k, "idx", k))) for k in path]
        name = ".".join(map(str, keys)) if keys else "result"
        if not _NAME.fullmatch(name):
            raise ValueError(f"`function` must not call a result {name!r}: it names a file, too")
        if name in found:
            raise ValueError(f"`function` returns two results that are called {name!r}")
        if not eqx.is_array_like(value):
            raise ValueError(f"`function` must return arrays, got {value!r} for {name}")
        found[name] = jnp.asarray(value)
        extended = jnp.issubdtype(found[name].dtype, jax.dtypes.extended)
        if extended or found[name].dtype.kind not in "biufc":  # as bfloat16, which zarr cannot keep
            raise ValueError(f"`function` must return numbers, got {found[name].dtype} for {name}")
    if not found:
        raise ValueError(f"`function` must return arrays, got {results!r}")
    return found


@kept
def results_of(work: Work) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and dtypes of the results of one point."""
    scalars = {name: jax.ShapeDtypeStruct((), dtype) for name, dtype in work.parameters}
    return jax.eval_shape(functools.partial(_call, work), list(work.arrays), scalars)


class Program(NamedTuple):
    """A compiled chunk: its points are dealt out to the devices in turn.

    They are laid out before and collected after it, on the host: a program in which the devices
    meet would be ended by XLA if one of them raises, or takes 40 s more than another.
    """

    compiled: Any
    sharding: NamedSharding
    order: np.ndarray
    """Which point stands where."""

    def __call__(self, arrays: list[Any], columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        last = len(next(iter(columns.values()))) - 1
        laid_out = {name: x[np.minimum(self.order, last)] for name, x in columns.items()}
        laid_out = jax.device_put(laid_out, self.sharding)
        arrays = jax.device_put(arrays, NamedSharding(self.sharding.mesh, PartitionSpec()))
        found = jax.device_get(self.compiled(arrays, laid_out))
        back = np.argsort(self.order)[: last + 1]
        return {name: y[back] for name, y in found.items()}


@kept
def _program(work: Work, chunk: int) -> Program:
    devices = list(work.devices[:chunk])
    rounds = -(-chunk // len(devices))
    order = np.arange(rounds * len(devices)).reshape(rounds, -1).T.ravel()
    runs = NamedSharding(runs_mesh(devices), RUNS)
    everywhere = NamedSharding(runs.mesh, PartitionSpec())

    def run(arrays: list[Any], columns: dict[str, Array]) -> dict[str, Array]:
        return map_on(devices, functools.partial(_call, work, arrays))(columns)

    columns = {name: jax.ShapeDtypeStruct(order.shape, dtype) for name, dtype in work.parameters}
    jitted = jax.jit(run, in_shardings=(everywhere, runs), out_shardings=runs)
    options = _OPTIONS.get(devices[0].platform)
    compiled = jitted.lower(list(work.arrays), columns).compile(compiler_options=options)
    return Program(compiled, runs, order)


@kept
def _single(work: Work) -> Callable:
    # equinox's jit, as it alone tells why a point failed.
    return eqx.filter_jit(functools.partial(_call, work))


def budget_of(memory: float | None) -> float:
    """Bytes that a chunk may take."""
    if memory is not None:
        return float(memory)
    have = device_memory()
    return float("inf") if have is None else 0.8 * have


def check_fits(work: Work, chunk: int, memory: float | None) -> None:
    """ValueError with the size if this chunk does not fit the memory."""
    budget, need = budget_of(memory), _need(work, chunk)
    if need > budget:
        raise ValueError(f"`chunk` of {chunk} points needs {readable(need)}, {_room(budget)}")


def fitted(work: Work, chunk: int, memory: float | None) -> int:
    """The largest chunk, up to `chunk`, that fits; ValueError if not even one point does."""
    budget = budget_of(memory)
    need = _need(work, chunk)
    if need <= budget:
        return chunk
    least = _need(work, 1)
    if least > budget:
        raise ValueError(f"`function` needs {readable(least)} for one point, {_room(budget)}")
    slope = (need - least) / (chunk - 1)
    chunk = max(1, min(chunk - 1, int(1 + 0.9 * (budget - least) / slope)))
    while chunk > 1 and _need(work, chunk) > budget:
        chunk //= 2
    return chunk


def _room(budget: float) -> str:
    return f"there are {readable(budget)} (`memory`)"


def _need(work: Work, chunk: int) -> float:
    """Bytes that the program of this chunk takes: on CPU its devices share the memory."""
    stats = _program(work, chunk).compiled.memory_analysis()
    if stats is None:
        return 0.0
    each = stats.temp_size_in_bytes + stats.argument_size_in_bytes + stats.output_size_in_bytes
    return each * (min(chunk, len(work.devices)) if work.devices[0].platform == "cpu" else 1)


def run_chunk(
    work: Work,
    arrays: list[Any],
    columns: dict[str, np.ndarray],
    chunk: int,
    silent: frozenset[str] = frozenset(),
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Results of up to `chunk` points and, for each, why it failed ("" if it did not).

    silent: results that may be NaN.
    """
    count = len(next(iter(columns.values())))
    program = _program(work, chunk)
    with _failing_quietly():
        try:
            found = program(arrays, columns)
            raised = np.full(count, "", object)
        except RuntimeError as error:  # one of them raised: which?
            _ended_by_hand(error)
            found, raised = _one_by_one(work, arrays, columns, count)
            _settle()
    for name, values in found.items():
        if values.dtype.kind in "fc":
            good = np.isfinite(values)
            if name in silent:
                good |= np.isnan(values)
            wrong = ~good.reshape(count, -1).all(axis=1)
            for i in np.flatnonzero(wrong):
                raised[i] = raised[i] or f"{name} is not finite"
    return found, raised


def empty(count: int, shape: jax.ShapeDtypeStruct) -> np.ndarray:
    """Results that are not there."""
    nothing = np.nan if jnp.issubdtype(shape.dtype, jnp.inexact) else 0
    return np.full((count, *shape.shape), nothing, shape.dtype)


def _one_by_one(work, arrays, columns, count) -> tuple[dict[str, np.ndarray], np.ndarray]:
    found = {name: empty(count, shape) for name, shape in results_of(work).items()}
    raised = np.full(count, "", object)
    for i in range(count):
        point = {name: jnp.asarray(column[i]) for name, column in columns.items()}
        try:
            results = jax.device_get(_single(work)(arrays, point))
        except RuntimeError as error:
            _ended_by_hand(error)
            raised[i] = _reason(error)
            continue
        for name, value in results.items():
            found[name][i] = value
    return found, raised


def _ended_by_hand(error: RuntimeError) -> None:
    """Ctrl-C within a callback is no failure of the point."""
    if "KeyboardInterrupt" in str(error):
        raise KeyboardInterrupt from None


@contextmanager
def _failing_quietly() -> Iterator[None]:
    """Keep JAX from printing each exception of a callback: the sweep tells of it in its own way."""
    logger, silent = logging.getLogger("jax._src.callback"), lambda record: False
    logger.addFilter(silent)
    try:
        yield
    finally:
        logger.removeFilter(silent)


def _settle() -> None:
    """Run something sound on each device: JAX raises the last exception of each again at exit."""
    for device in jax.local_devices():
        jax.block_until_ready(_sound(jax.device_put(jnp.zeros(()), device)))


@jax.jit
def _sound(x: Array) -> Array:
    jax.debug.callback(lambda: None)
    return x


def _reason(error: RuntimeError) -> str:
    """The sentence within what JAX and equinox say about it."""
    text = str(error)
    match = re.search(r"(?:\w*RuntimeError|\w*Error): (.+)", text)
    line = match.group(1) if match else next((t for t in text.splitlines() if t.strip()), "")
    return (line.strip() or type(error).__name__)[:LONGEST_REASON]
