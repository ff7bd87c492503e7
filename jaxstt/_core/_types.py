"""Array aliases, one place: shapes are checked in the tests (jaxtyping + beartype)."""

from typing import TypeAlias

from jax import Array
from jaxtyping import Float

Scalar: TypeAlias = Float[Array, ""]
Vectors: TypeAlias = Float[Array, "3 nx ny nz"]
