"""Where XLA has to be told how to compute: all barriers, so that they can be taken out again.

What each gains is measured by `benchmarks/xla.py`, with and without, on the XLA that is installed;
benchmarks/results/xla_cpu.md holds jaxlib 0.10.2.  None of them changes a value.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.experimental.layout import Layout, with_layout_constraint
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir


def once(x: Any) -> Any:
    """The arrays of the tree `x`, before anything that uses them; in a derivative `stored`.

    XLA's fusion follows a stencil into all its consumers and computes what it reads anew for each
    neighbour, in each of them: for a value the barrier is enough.  In a derivative every component
    of every tangent would compute the whole value again, and on CPU the barrier is dropped before
    loops are fused; hence there what passes it, and its derivatives, are `stored`.
    """
    leaves, tree = jax.tree.flatten(x)
    return jax.tree.unflatten(tree, _once.bind(*leaves, kept=False))


def unfolded(x: Any) -> Any:
    """A number that XLA shall not merge with the constants around it.

    Constants of SI are far apart: hbar/eV times 1/E, folded in another order than written, leaves
    the range of float32.  This one is for the value, not for speed.
    """
    return lax.optimization_barrier(x)


def stored(x: Any) -> Any:
    """As `once`, where XLA on CPU drops the barrier: the arrays of `x` are put into memory.

    It removes optimization barriers before it fuses its loops.  The operands of a branch it must
    store; hence a branch on something that it cannot know, whose other side changes nothing either
    but does not look so: min(x, inf) is x, also where x is NaN.  `NonlocalSTT` takes 260 instead of
    1040 us by it.  Other platforms need no help.
    """
    leaves, tree = jax.tree.flatten(x)
    return jax.tree.unflatten(tree, _once.bind(*leaves, kept=True))


_FEW = 16
"""Cells of a short row."""


def long_rows(m: Array) -> Array:
    """(3, nx, ny, nz) of a few layers, on CPU with the layers apart in memory.

    A loop over the last axis is then one over ny cells, which fill vector registers, and not over
    nz: the local rate of 112 x 18 x 2 cells takes 14 instead of 37 ns a cell (float64, jaxlib
    0.10.2).  XLA's transforms on CPU refuse such arrays: they need `plain_rows`.
    """
    few = m.ndim == 4 and 1 < m.shape[3] < min(_FEW, m.shape[2])
    return _ordered(m, (0, 3, 1, 2)) if few else m


def plain_rows(m: Array) -> Array:
    """m in the order of memory that JAX has for all arrays."""
    few = m.ndim == 4 and 1 < m.shape[3] < min(_FEW, m.shape[2])
    return _ordered(m, (0, 1, 2, 3)) if few else m


def _ordered(m: Array, order: tuple[int, ...]) -> Array:
    return lax.platform_dependent(
        m, cpu=lambda m: with_layout_constraint(m, Layout(order)), default=lambda m: m
    )


def _in_memory(*x: Any) -> Any:
    first = x[0].reshape(-1)[0]

    def same(y: Any) -> Any:
        return jnp.minimum(y, jnp.inf) if jnp.issubdtype(y.dtype, jnp.floating) else y

    def branch(x: Any) -> Any:
        return lax.cond(first != first, lambda x: jax.tree.map(same, x), lambda x: x, x)

    return lax.platform_dependent(x, cpu=branch, default=lambda x: x)


def _lowered(*x: Any, kept: bool) -> Any:
    return _in_memory(*x) if kept else lax.optimization_barrier(x)


def _jvp(primals: Any, tangents: Any, *, kept: bool) -> Any:
    del kept
    values = _once.bind(*primals, kept=True)
    return values, _of_some(tangents)


def _of_some(xs: Any) -> list:
    """`stored` for those that are not known to be 0."""
    zero = [isinstance(x, ad.Zero) for x in xs]
    some = iter(_once.bind(*(x for x, no in zip(xs, zero, strict=True) if not no), kept=True))
    return [x if no else next(some) for x, no in zip(xs, zero, strict=True)]


_once = Primitive("jaxstt_once")
_once.multiple_results = True
_once.def_impl(lambda *x, kept: list(x))
_once.def_abstract_eval(lambda *x, kept: list(x))
mlir.register_lowering(_once, mlir.lower_fun(_lowered, multiple_results=True))
ad.primitive_jvps[_once] = _jvp
ad.primitive_transposes[_once] = lambda cts, *x, kept: _of_some(cts)
batching.primitive_batchers[_once] = lambda xs, axes, *, kept: (_once.bind(*xs, kept=kept), axes)
