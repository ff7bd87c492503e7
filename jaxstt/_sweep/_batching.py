"""Many small simulations: spread over the devices, one by one or together on each."""

from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

RUNS = PartitionSpec("runs")
_TOGETHER = 1024
"""Items stepped together on an accelerator."""
_TOGETHER_CPU, _IN_CACHE = 16, 100_000
"""On a CPU device, and the bytes of one of their arrays, all items together: in ns a cell and
evaluation, one by one and so, a wall of 128 cells takes 8.0 and 4.6, of 256 cells 6.7 and 4.6, of
512 cells 5.9 and 4.3, of 1024 cells 6.0 and 4.0 (one pinned core, float64, jaxlib 0.10.2).  Runs of
256 cells, one to four times as stiff, take 4.6 in order and 6.1 as drawn: no more than alone."""


def parallel_map(function: Callable[[Any], Any], xs: Any) -> Any:
    """[function(x) for x in xs] along the leading axis, shared among all local devices.

    xs, and what `function` returns: pytrees of arrays.  Items are dealt out in turn.  On a CPU
    device as many run together as stay in its cache, 16 at most; one by one what transforms: films
    gain a tenth together at most (64 x 16), and magnetostatics at each stage, which few steps need,
    would be computed for all.  An accelerator takes up to 1024 at once.  What runs together waits
    for the slowest: put next to each other what is alike.

    Differentiable as `function` is; put what you differentiate within jit: JAX compiles a map over
    several devices anew at each call outside of it.

    The results are put together within the program.  There XLA lets one CPU device wait for another
    for 40 s, then it ends the process: also if `function` raises on one of them.  For runs that
    differ by more set XLA_FLAGS=--xla_cpu_collective_call_terminate_timeout_seconds=100000, or use
    `sweep` or `tools.map_apart`, whose devices do not wait.

    One XLA program uses one core for small walls; to use more, give JAX more CPU devices before it
    starts: jax.config.update("jax_num_cpu_devices", 2).
    """
    devices = jax.local_devices()
    xs, count = _items(xs)
    if len(devices) == 1 or count == 1:
        return _map(function, xs)
    rounds = -(-count // len(devices))

    def deal(x: Array) -> Array:
        fill = jnp.broadcast_to(x[-1:], (rounds * len(devices) - count, *x.shape[1:]))
        x = jnp.concatenate([x, fill])
        return x.reshape(rounds, len(devices), *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)

    def collect(y: Array) -> Array:
        y = y.reshape(len(devices), rounds, *y.shape[1:]).swapaxes(0, 1)
        return y.reshape(rounds * len(devices), *y.shape[2:])[:count]

    return jax.tree.map(collect, jax.jit(map_on(devices, function))(jax.tree.map(deal, xs)))


def map_apart(function: Callable[[Any, Any], Any], shared: Any, xs: Any, cost: Any) -> Any:
    """[function(shared, x) for x in xs], shared among all local devices; not within jit.

    For runs of unlike length: no device waits for another within the program, and each gets about
    as much to do.  cost: (N,), of each item, in any unit.  function: the same object at each call,
    else it compiles anew.  shared, xs: pytrees.  Returns numpy arrays.
    Raises ValueError for xs without a common length > 0, and a cost of another one.
    """
    xs, count = _items(xs)
    cost = np.asarray(cost)
    if cost.shape != (count,):
        raise ValueError(f"`cost` must be ({count},), one for each item, got shape {cost.shape}")
    devices = tuple(jax.local_devices()[:count])
    order = _even_turns(cost, len(devices))
    runs = NamedSharding(runs_mesh(list(devices)), RUNS)
    laid_out = jax.device_put(jax.tree.map(lambda x: np.asarray(x)[order], xs), runs)
    found = jax.device_get(_apart(function, devices, shared, laid_out))
    back = np.zeros(count, int)
    back[order] = np.arange(order.size)
    return jax.tree.map(lambda y: y[back], found)


@eqx.filter_jit
def _apart(function: Callable[[Any, Any], Any], devices: tuple, shared: Any, xs: Any) -> Any:
    return map_on(list(devices), lambda x: function(shared, x))(xs)


def _even_turns(cost: np.ndarray, devices: int) -> np.ndarray:
    """Which item stands where, in equal blocks; the cheapest fills up.

    The dearest first, to and fro over the devices: who got the dearer of a pair gets the cheaper
    of the next.
    """
    rounds = -(-cost.size // devices)
    turns = np.minimum(np.arange(rounds * devices), cost.size - 1)
    turns = np.argsort(-cost, kind="stable")[turns].reshape(rounds, devices)
    turns[1::2] = turns[1::2, ::-1]
    return turns.T.ravel()


def _items(xs: Any) -> tuple[Any, int]:
    """xs as arrays, and their common length; ValueError if they have none."""
    if not all(eqx.is_array_like(x) for x in jax.tree.leaves(xs)):
        raise ValueError(f"`xs` must hold arrays, got {xs!r}")
    xs = jax.tree.map(jnp.asarray, xs)
    shapes = [x.shape for x in jax.tree.leaves(xs)]
    lengths = {shape[0] if shape else 0 for shape in shapes}
    if len(lengths) != 1 or 0 in lengths:
        raise ValueError(f"`xs` must hold arrays of one length > 0 (first axis), got {shapes}")
    return xs, lengths.pop()


def map_on(devices: list[Any], function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The map of `function` whose items are already laid out: an equal block for each device."""
    return jax.shard_map(
        lambda x: _map(function, x),
        mesh=runs_mesh(devices),
        in_specs=RUNS,
        out_specs=RUNS,
        check_vma=False,
    )


def runs_mesh(devices: list[Any]) -> Mesh:
    return Mesh(devices, ("runs",), axis_types=(AxisType.Auto,))


def _map(function: Callable[[Any], Any], xs: Any) -> Any:
    count, together = jax.tree.leaves(xs)[0].shape[0], _together(function, xs)
    if together == 1:
        return lax.map(function, xs)
    if count <= together:
        return jax.vmap(function)(xs)
    return lax.map(function, xs, batch_size=together)


def _together(function: Callable[[Any], Any], xs: Any) -> int:
    """How many items one device runs at once."""
    if jax.default_backend() != "cpu":
        return _TOGETHER
    one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), xs)
    largest = 0
    for primitive, size in _in_loops(jax.make_jaxpr(function)(one).jaxpr, False):
        if primitive == "fft":
            return 1
        largest = max(largest, size)
    fits = int(_IN_CACHE / max(largest, 1))
    return 2 ** (min(max(fits, 1), _TOGETHER_CPU).bit_length() - 1)


def _in_loops(jaxpr: Any, inside: bool) -> Iterator[tuple[str, int]]:
    """(name, bytes of the largest result) of every operation within a loop."""
    for equation in jaxpr.eqns:
        parts = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr)
        parts = [x for x in parts if _is_jaxpr(x)]
        name = equation.primitive.name
        for part in parts:
            part = getattr(part, "jaxpr", part)
            yield from _in_loops(part, inside or name in ("while", "scan"))
        if inside and not parts:
            sizes = [x.aval.size * x.aval.dtype.itemsize for x in equation.outvars]
            yield name, max(sizes, default=0)


def _is_jaxpr(x: Any) -> bool:
    return hasattr(x, "eqns") or hasattr(x, "jaxpr")


def sweep_map(function: Callable[..., Any], points: dict[str, Any]) -> tuple[Any, Array]:
    """`function(**point)` at every point, and which of them failed; differentiable.

    function: of named scalars; returns a pytree of arrays.  points: {name: (N,) array}.
    Returns (results stacked along a leading axis, failed (N,) bool).

    The pure core of `sweep`: it may stand within jit, grad and jvp, and its gradient with respect
    to the points, and to whatever `function` closes over, is the sum of the single ones.  A point
    fails if a parameter or a floating result is not finite; its results become NaN, and it adds
    nothing to the gradients: it is run again in place of a good one's double.  Hence everything
    runs twice; where nothing can fail, `parallel_map` runs it once.  `function` must not raise
    within (`throw=False`).  If all points fail, so do their gradients.
    """
    if not isinstance(points, dict):
        raise ValueError(
            "`points` must be a dict {name: (N,) array}, of a Space its `columns`, "
            f"got {type(points).__name__}"
        )
    points = {name: jnp.asarray(x) for name, x in points.items()}
    first = parallel_map(lambda p: _finite((p, function(**p))), points)
    fine = jax.lax.stop_gradient(first)
    # 0 * NaN is NaN: masking the result is not enough, the derivative must not be taken there.
    good = jnp.argmax(fine)
    safe = jax.tree.map(lambda x: jnp.where(fine, x, jax.lax.stop_gradient(x[good])), points)
    results = parallel_map(lambda p: function(**p), safe)

    def mask(y: Array) -> Array:
        if not jnp.issubdtype(y.dtype, jnp.inexact):
            return y
        shown = fine.reshape(-1, *(1,) * (y.ndim - 1))
        return jnp.where(shown, y, jnp.full((), jnp.nan, y.dtype))

    return jax.tree.map(mask, results), ~fine


def _finite(tree: Any) -> Array:
    """Whether all floating arrays are finite."""
    arrays = [jnp.asarray(x) for x in jax.tree.leaves(tree)]
    parts = [jnp.all(jnp.isfinite(x)) for x in arrays if jnp.issubdtype(x.dtype, jnp.inexact)]
    return jnp.all(jnp.stack(parts)) if parts else jnp.asarray(True)
