"""Many small simulations: spread over the devices, one by one on each."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import AxisType, PartitionSpec


def parallel_map(function: Callable[[Any], Any], xs: Any) -> Any:
    """[function(x) for x in xs] along the leading axis, shared among all local devices.

    xs, and what `function` returns: pytrees of arrays.  Items are dealt out in turn.  On each
    device they run one by one: on CPU a batch of small walls is slower than a loop over them (it
    leaves the cache, and all wait for the slowest).  Differentiable as `function` is.

    One XLA program uses one core for small walls; to use more, give JAX more CPU devices before it
    starts: jax.config.update("jax_num_cpu_devices", 2).
    """
    devices = jax.local_device_count()
    count = jax.tree.leaves(xs)[0].shape[0]
    if devices == 1 or count == 1:
        return lax.map(function, xs)
    rounds = -(-count // devices)

    def deal(x: Array) -> Array:
        fill = jnp.broadcast_to(x[-1:], (rounds * devices - count, *x.shape[1:]))
        x = jnp.concatenate([x, fill])
        return x.reshape(rounds, devices, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)

    def collect(y: Array) -> Array:
        y = y.reshape(devices, rounds, *y.shape[1:]).swapaxes(0, 1)
        return y.reshape(rounds * devices, *y.shape[2:])[:count]

    mesh = jax.make_mesh((devices,), ("runs",), axis_types=(AxisType.Auto,))
    shared = jax.shard_map(
        lambda x: lax.map(function, x),
        mesh=mesh,
        in_specs=PartitionSpec("runs"),
        out_specs=PartitionSpec("runs"),
        check_vma=False,
    )
    return jax.tree.map(collect, shared(jax.tree.map(deal, xs)))
