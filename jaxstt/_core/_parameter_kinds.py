"""What a parameter may be: a number, a vector, or a field of either on the grid."""

import dataclasses
import enum
from typing import Any

import jax
import jax.numpy as jnp


class Kind(enum.Enum):
    """The value says it in words."""

    NUMBER = "a number"
    FIELD = "a number or a field {field}"
    VECTOR = "a vector (3,)"
    VECTORS = "a vector (3,) or a field {vectors}"

    def shapes(self, grid: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """The shapes that are allowed on a grid of this shape."""
        return {
            Kind.NUMBER: ((),),
            Kind.FIELD: ((), grid),
            Kind.VECTOR: ((3,),),
            Kind.VECTORS: ((3,), (3, *grid)),
        }[self]

    def words(self, grid: tuple[int, ...]) -> str:
        return self.value.format(field=grid, vectors=(3, *grid))


class Kinds:
    """Of a module's class: {name: kind} of the fields that are `Annotated[..., Kind....]`."""

    def __get__(self, module: Any, owner: Any) -> dict[str, Kind]:
        notes = {f.name: getattr(f.type, "__metadata__", ()) for f in dataclasses.fields(owner)}
        kinds = ((name, k) for name, given in notes.items() for k in given if isinstance(k, Kind))
        return dict(kinds)


def check_kind(owner: str, name: str, value: Any, kind: Kind, grid: tuple[int, ...]) -> None:
    """ValueError if a value, or what a drive gives at a time, is of another kind.

    Shapes that differ only by axes of length 1 would broadcast and mean something else.
    """
    shape = _shape_in_time(owner, name, value) if callable(value) else jnp.shape(value)
    if shape not in kind.shapes(grid):
        given = " (a drive that gives it)" if callable(value) else ""
        raise ValueError(
            f"`{name}` of {owner} must be {kind.words(grid)}, got shape {shape}{given}"
        )


def _shape_in_time(owner: str, name: str, drive: Any) -> tuple[int, ...]:
    try:
        return jax.eval_shape(
            lambda t: jnp.asarray(drive(t)), jax.ShapeDtypeStruct((), jnp.zeros(()).dtype)
        ).shape
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"`{name}` of {owner} must be a function of the time t that jax can trace "
            f"(jnp, not math or if): {str(error).splitlines()[0]}"
        ) from error
