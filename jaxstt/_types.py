"""Array aliases, one place: shapes are checked in the tests (jaxtyping + beartype)."""

from typing import TypeAlias

from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float

Scalar: TypeAlias = Float[Array, ""]
ScalarLike: TypeAlias = ArrayLike
Vectors: TypeAlias = Float[Array, "3 nx ny nz"]
Field: TypeAlias = Float[Array, "nx ny nz"]
Mask: TypeAlias = Bool[Array, "nx ny nz"]
