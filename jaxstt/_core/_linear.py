"""Linear maps that know their own transposes.

JAX transposes an operation by its parts, and a copied edge becomes an array of mostly zeros for
each of them.  Yet a shift transposes into the shift back.
"""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

_STATIC = ("axis", "step", "wraps")


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
    """value(x, **static); back(ct, **static).  Static axes are counted from the last."""
    own = _primitive(name, value)
    ad.deflinear2(own, lambda ct, x, **static: (back(ct, **static),))

    def batched(xs: Any, axes: Any, **static: Any) -> tuple[Array, int]:
        return own.bind(jnp.moveaxis(xs[0], axes[0], 0), **static), 0

    batching.primitive_batchers[own] = batched
    return own
