"""Types in one place: what users may pass, and arrays whose shapes the tests check."""

from collections.abc import Sequence
from typing import TypeAlias

import jax.typing
from jax import Array
from jaxtyping import Float

ArrayLike: TypeAlias = (
    jax.typing.ArrayLike
    | Sequence[jax.typing.ArrayLike]
    | Sequence[Sequence[jax.typing.ArrayLike]]
    | Sequence[Sequence[Sequence[jax.typing.ArrayLike]]]
)
"""What `jax.numpy` takes for an array, and tuples and lists of it: a vector as (0, 0, 1)."""

Scalar: TypeAlias = Float[Array, ""]
Vectors: TypeAlias = Float[Array, "3 nx ny nz"]
