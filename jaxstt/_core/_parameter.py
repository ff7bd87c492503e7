"""Which arrays of a model are parameters, and which only look like it."""

from typing import Any

import equinox as eqx
import jax
from jax import Array, lax


class Constant(eqx.Module):
    """An array that belongs to a model but is no parameter of it: it has no gradient."""

    array: Array

    def __call__(self) -> Array:
        return lax.stop_gradient(self.array)


def is_parameter(tree: Any) -> Any:
    """The same tree with True for every physical parameter and False for everything else.

    For `equinox.partition`, `equinox.filter` and the like: floating arrays, but not those that are
    only tables, as the kernels of `Demag`.

        parameters, rest = equinox.partition(llg, jaxstt.is_parameter(llg))
    """
    return jax.tree.map(
        lambda x: not isinstance(x, Constant) and eqx.is_inexact_array(x),
        tree,
        is_leaf=lambda x: isinstance(x, Constant),
    )
