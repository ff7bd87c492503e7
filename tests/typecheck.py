"""The type checker that conftest.py puts behind the annotations of `jaxstt`: arrays only.

pyright checks the other types. Checking them here too would turn every wrong argument into a
TypeCheckError, where the tests want to see the ValueError that a user sees.
"""

from collections.abc import Callable
from typing import Any, get_args

import jaxtyping
from beartype import beartype


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` checked against those of its annotations that state shape or dtype of an array."""
    function.__annotations__ = {
        name: hint for name, hint in function.__annotations__.items() if _states_a_shape(hint)
    }
    return beartype(function)


def _states_a_shape(hint: Any) -> bool:
    if isinstance(hint, type) and issubclass(hint, jaxtyping.AbstractArray):
        return True
    return any(_states_a_shape(part) for part in get_args(hint))
