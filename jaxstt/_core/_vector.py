"""Vector algebra, component first: (3, ...).

Inside a right-hand side a vector field is a `Split`, three arrays, and is joined once at the end.
As one array every cross product would join its three components to be taken apart by the next, and
XLA computes an array that has been joined element by element, asking for each which part it is of,
unless joining is the last that a loop does.  The derivatives gain most: the transpose of taking a
component is then the joining, and not an array of zeros around it.  With what `once` stores, three
tangents of the local rate of a 128 x 32 film take 6 instead of 30 of its times and the transpose 5
instead of 31 (one pinned core, float64, jaxlib 0.10.2).
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import add, mul, sub
from typing import Any, overload

import jax
import jax.numpy as jnp
from jax import Array, lax

from ._linear import components, spread


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Split:
    """A vector field as its components, each with a leading axis of length 1.

    It is added to and multiplied by others component by component, by a number, and by a field as
    `lift` makes it.
    """

    x: Array
    y: Array
    z: Array

    __array_ufunc__ = None  # NumPy arrays shall leave `array * split` to this class

    @property
    def parts(self) -> tuple[Array, Array, Array]:
        return self.x, self.y, self.z

    def each(self, function: Callable[..., Array], *others: Any) -> "Split":
        """function(own component, those of the others) for each of the three."""
        rows = (x.parts if isinstance(x, Split) else (x, x, x) for x in others)
        return Split(*(function(*row) for row in zip(self.parts, *rows, strict=True)))

    def __add__(self, other: Any) -> "Split":
        return self.each(add, _factor(self, other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Split":
        return self.each(sub, _factor(self, other))

    def __mul__(self, other: Any) -> "Split":
        return self.each(mul, _factor(self, other))

    __rmul__ = __mul__

    def __neg__(self) -> "Split":
        return self.each(lambda a: -a)


def _factor(split: Split, other: Any) -> Any:
    """What may stand beside a `Split`: nothing else than that broadcasts over its components."""
    if isinstance(other, Split):
        return other
    shape = jnp.shape(other)
    if shape and (len(shape) != split.x.ndim or shape[0] != 1):
        raise TypeError(f"a field beside a Split must be lifted: (1, ...), got shape {shape}")
    return spread(other, split.x.shape) if isinstance(other, Array) else other


def split(a: Array | Split) -> Split:
    """The components of (3, ...), each (1, ...)."""
    if isinstance(a, Split):
        return a
    a = jnp.asarray(a)
    return Split(*components(a))


def join(a: Split) -> Array:
    """(3, ...) of its components."""
    return jnp.concatenate(jnp.broadcast_arrays(*a.parts))


def lift(x: Array) -> Array:
    """A number as it is, a field (nx, ny, nz) as (1, nx, ny, nz), to multiply a vector field."""
    return x[None] if x.ndim else x


@overload
def cross(a: Array, b: Array) -> Array: ...
@overload
def cross(a: Split, b: Array | Split) -> Split: ...
@overload
def cross(a: Array, b: Split) -> Split: ...
def cross(a: Array | Split, b: Array | Split) -> Array | Split:
    """a x b over the leading axis of length 3; a `Split` if one of them is."""
    whole = not (isinstance(a, Split) or isinstance(b, Split))
    (ax, ay, az), (bx, by, bz) = split(a).parts, split(b).parts
    product = Split(ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    return join(product) if whole else product


def dot(a: Array | Split, b: Array | Split) -> Array:
    """a.b over the leading axis of length 3."""
    (ax, ay, az), (bx, by, bz) = split(a).parts, split(b).parts
    return lax.squeeze(ax * bx + ay * by + az * bz, (0,))


def peak(x: Array) -> Array:
    """The largest |x|; nan if there is one.

    On CPU XLA hands the reduction of |x| to a library that takes ten times as long (12 288 numbers:
    52 instead of 6 us, jaxlib 0.10.2).
    """
    return jnp.maximum(jnp.max(x), -jnp.min(x))


def normalise(m: Array) -> Array:
    """m/|m| cell by cell; cells with m = 0 (vacuum) stay 0."""
    n, square = split(m), dot(m, m)
    empty = square == 0
    return join(n * lift(jnp.where(empty, 0.0, 1 / jnp.sqrt(jnp.where(empty, 1.0, square)))))
