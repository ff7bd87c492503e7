"""Linear maps that know their own transposes.

JAX transposes an operation by its parts, and a copied edge becomes an array of mostly zeros for
each of them.  Yet a shift transposes into the shift back.  A number that multiplies a field
transposes into a sum; with what it sums, XLA on CPU hands it to a library that takes 16 times as
long (three sums over 4096 cells: 67 us, over what is `stored` 4; jaxlib 0.10.2).
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from ._xla import stored

_STATIC = ("axis", "own", "shape", "step", "wraps")


def _primitive(name: str, value: Callable[..., Array]) -> Primitive:
    """An operation given by `value(*arrays, **static)`."""
    own = Primitive(name)

    def shape(*xs: Any, **static: Any) -> Any:
        known = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in xs]
        out = jax.eval_shape(lambda *xs: value(*xs, **static), *known)
        return ShapedArray(out.shape, out.dtype)

    names = [p for p in inspect.signature(value).parameters if p in _STATIC]
    own.def_impl(jax.jit(value, static_argnames=names))
    own.def_abstract_eval(shape)
    mlir.register_lowering(own, mlir.lower_fun(value, multiple_results=False))
    return own


def linear(name: str, value: Callable[..., Array], back: Callable[..., Array]) -> Primitive:
    """value(x, *fixed, **static), linear in x; its transpose back(ct, *fixed, **static).

    fixed: arrays with as many axes as x.  Static axes are counted from the last.
    """
    own = _primitive(name, value)

    def jvp(primals: Any, tangents: Any, **static: Any) -> tuple[Array, Any]:
        # Only x has a tangent, and without one JAX does not ask.
        out = own.bind(*primals, **static)
        return out, own.bind(tangents[0], *primals[1:], **static)

    def transposed(ct: Any, x: Any, *fixed: Any, **static: Any) -> list:
        none = [None for _ in fixed]
        if isinstance(ct, ad.Zero):
            return [ad.Zero(x.aval), *none]
        return [back(ct, *fixed, **static), *none]

    def batched(xs: Any, axes: Any, **static: Any) -> tuple[Array, int]:
        moved = [
            x[None] if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(xs, axes, strict=True)
        ]
        size = max(x.shape[0] for x in moved)
        moved[0] = jnp.broadcast_to(moved[0], (size, *moved[0].shape[1:]))
        return own.bind(*moved, **static), 0

    ad.primitive_jvps[own] = jvp
    ad.primitive_transposes[own] = transposed
    batching.primitive_batchers[own] = batched
    return own


def _spread_out(x: Array, shape: tuple[int, ...]) -> Array:
    """x, whose last axes are one number, over `shape`."""
    return jnp.broadcast_to(x.reshape(*x.shape, *(1,) * len(shape)), (*x.shape, *shape))


def _summed(ct: Array, shape: tuple[int, ...]) -> Array:
    return jnp.sum(stored(ct), axis=tuple(range(-len(shape), 0)))


_spread = linear("jaxstt_spread", _spread_out, _summed)


def spread(x: Array, shape: tuple[int, ...]) -> Array:
    """A number over an array of this shape; any other array as it is."""
    single = x.size == 1 and math.prod(shape) > 1
    return _spread.bind(lax.reshape(x, ()), shape=tuple(shape)) if single else x


def components(a: Array) -> list[Array]:
    """The three of (3, ...), each (1, ...)."""
    return _components.bind(a, axis=-a.ndim)


def _parts(a: Array, axis: int) -> list[Array]:
    return list(lax.split(a, (1, 1, 1), axis=a.ndim + axis))


def _joined(cts: Any, a: Any, axis: int) -> list:
    """Stored: XLA would join those of every use of `a` element by element, where they are added."""
    if all(isinstance(ct, ad.Zero) for ct in cts):
        return [ad.Zero(a.aval)]
    cts = [ad.instantiate_zeros(ct) for ct in cts]
    return [stored(jnp.concatenate(cts, cts[0].ndim + axis))]


def _part_shapes(a: Any, axis: int) -> list[ShapedArray]:
    shape = list(a.shape)
    shape[a.ndim + axis] = 1
    return [ShapedArray(tuple(shape), a.dtype)] * 3


_components = Primitive("jaxstt_components")
_components.multiple_results = True
_components.def_impl(jax.jit(_parts, static_argnames="axis"))
_components.def_abstract_eval(_part_shapes)
mlir.register_lowering(_components, mlir.lower_fun(_parts, multiple_results=True))
ad.primitive_jvps[_components] = lambda primals, tangents, **axis: (
    _components.bind(*primals, **axis),
    _components.bind(*tangents, **axis),
)
ad.primitive_transposes[_components] = _joined
batching.primitive_batchers[_components] = lambda xs, axes, **axis: (
    _components.bind(jnp.moveaxis(xs[0], axes[0], 0), **axis),
    (0, 0, 0),
)
