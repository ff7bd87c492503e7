"""Loops and choices of runs that are batched: none makes the others copy or compute."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax

T = TypeVar("T")


@jax.custom_batching.custom_vmap
def _any(going: Array) -> Array:
    """Whether any run of the batch goes on: one answer for all."""
    return going


@_any.def_vmap
def _any_of_batch(size: int, batched: list[bool], going: Array) -> tuple[Array, bool]:
    del size, batched
    return _any(jnp.any(going, axis=0)), False


def while_any(going: Callable[[T], Array], body: Callable[[T, Array], T], start: T) -> T:
    """`lax.while_loop` whose body is told whether its own run still goes; if not, it must change
    nothing.

    `vmap` of the plain loop goes on while any run does, and chooses after every turn between old
    and new: it copies all that the loop carries, also buffers of which the body touches one entry.
    Of a tape of 2^20 steps that is 60 MB a turn, for three runs.
    """
    return lax.while_loop(lambda x: _any(going(x)), lambda x: body(x, going(x)), start)


def where_any(wanted: Array, costly: Callable[[], T], other: T) -> T:
    """`costly()` where it is wanted, else `other`; not computed unless some run wants it."""

    def chosen() -> T:
        return jax.tree.map(lambda x, y: jnp.where(wanted, x, y), costly(), other)

    return lax.cond(_any(wanted), chosen, lambda: other)
