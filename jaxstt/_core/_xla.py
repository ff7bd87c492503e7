"""Where XLA has to be told how to compute: all barriers, so that they can be taken out again.

What each gains is measured by `benchmarks/xla.py`, with and without, on the XLA that is installed;
benchmarks/results/xla_cpu.md holds jaxlib 0.10.2.  None of them changes a value.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def once(x: Any) -> Any:
    """The arrays of the tree `x`, computed before anything that uses them.

    XLA's fusion follows a stencil into all its consumers and computes what it reads anew for each
    neighbour, in each of them.  With a barrier behind padded fields, the field B and the rate R a
    run of a 256 x 64 film takes 1/1.3, its forward tangents 1/1.5 and its gradient 1/1.2 of the
    time; a wire of 1024 cells 1/1.1.
    """
    return lax.optimization_barrier(x)


def unfolded(x: Any) -> Any:
    """A number that XLA shall not merge with the constants around it.

    Constants of SI are far apart: hbar/eV times 1/E, folded in another order than written, leaves
    the range of float32.  This one is for the value, not for speed.
    """
    return lax.optimization_barrier(x)


def stored(x: Any) -> Any:
    """As `once`, where XLA on CPU drops the barrier: the arrays of `x` are put into memory.

    It removes optimization barriers before it fuses its loops.  The operands of a branch it must
    store; hence a branch on something that it cannot know, and that changes nothing: with a NaN in
    the first place all is lost anyway.  `NonlocalSTT` takes 260 instead of 1040 us by it.  Other
    platforms need no help.
    """
    first = jax.tree.leaves(x)[0].reshape(-1)[0]

    def branch(x: Any) -> Any:
        lost = lambda x: jax.tree.map(lambda y: jnp.full_like(y, jnp.nan), x)  # noqa: E731
        return lax.cond(first != first, lost, lambda x: x, x)

    return lax.platform_dependent(x, cpu=branch, default=lambda x: x)
