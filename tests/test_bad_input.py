"""Every argument of every public function refuses what it cannot be, in one line with its name.

The calls are those of `test_precision`, recorded; a new public name is tested by adding it there.
"""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import test_precision

import jaxstt

BAD: dict[str, Any] = {
    "text": "abc",
    "None": None,
    "dict": {},
    "complex": 1 + 1j,
    "nan": np.nan,
    "(7,)": np.full(7, 0.5),
    "(2,)": np.full(2, 0.5),
    "(3, 5)": np.full((3, 5), 0.5),
}
NEEDS_ANOTHER_SHAPE = ("(7,)", "(2,)", "(3, 5)")
NUMBERS = (int, float, complex, tuple, list, np.ndarray, jax.Array)
COMPLEX = {("bloch_vector", "eta"), *(("spin_lagrangian", n) for n in ("eta", "eta_dot", "berry"))}
"""Take complex numbers."""
CALLS = test_precision.PUBLIC | {
    "AnomalousHall": lambda: jaxstt.electron.AnomalousHall(
        n_up=6e28, n_dn=4e28, sigma_up=3e6, sigma_dn=1e6, Omega_up=4e-21, Omega_dn=-1e-21
    )
}


class Recorder:
    """Stands for a public name and keeps the arguments of its first call."""

    def __init__(self, function: Callable):
        self.function, self.arguments = function, None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.arguments is None:
            self.arguments = (args, kwargs)
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


def recorded(name: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Callable, inspect.BoundArguments]:
    home = helpers.public()[name]
    recorder = Recorder(getattr(home, name))
    with monkeypatch.context() as patched:
        patched.setattr(home, name, recorder)
        CALLS[name]()
    assert recorder.arguments is not None
    args, kwargs = recorder.arguments
    return recorder.function, inspect.signature(recorder.function).bind(*args, **kwargs)


def wrong(name: str, argument: str, value: Any, default: Any) -> list[str]:
    """What this argument cannot be."""
    if callable(value):
        return ["text"]
    kinds = ["text", "dict"]
    if value is not None and default is not None:
        kinds.append("None")
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        kinds += ["nan", *NEEDS_ANOTHER_SHAPE]
        kinds += [] if (name, argument) in COMPLEX else ["complex"]
    return kinds


@pytest.mark.parametrize("name", CALLS)
def test_wrong_arguments_are_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, call = recorded(name, monkeypatch)
    defaults = inspect.signature(function).parameters
    complaints = []
    for argument, value in call.arguments.items():
        for kind in wrong(name, argument, value, defaults[argument].default):
            changed = {**call.arguments, argument: BAD[kind]}
            told = outcome(function, changed, kind)
            if told:
                complaints.append(f"{argument} = {kind}: {told}")
    assert not complaints, "\n".join(complaints)


def outcome(function: Callable, arguments: dict[str, Any], kind: str) -> str:
    """ "" if the call is refused by name, or if the shape is one of many that fit."""
    try:
        result = function(**arguments)
    except ValueError as error:
        message = str(error).splitlines()[0]
        return "" if "`" in message else f"is not named: {message}"
    except Exception as error:
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    if kind not in NEEDS_ANOTHER_SHAPE:
        return "is taken"
    numbers = [x for x in jax.tree.leaves(result) if eqx.is_inexact_array(x)]
    return "" if all(bool(jnp.all(jnp.isfinite(x))) for x in numbers) else "gives nan"
