"""Strict JAX for every test: float64, no silent promotion, annotated shapes are checked."""

import os
from pathlib import Path

# Before anything imports matplotlib, and for the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"

import jax
import jaxtyping
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# A cache that a developer has set up would hide what compiles, and make times depend on the past.
jax.config.update("jax_enable_compilation_cache", False)

# Annotated array shapes of `jaxstt` are checked from here on (see typecheck.py), so this stands
# before the first import of `jaxstt`. A violation is a jaxtyping.TypeCheckError.
jaxtyping.install_import_hook("jaxstt", "typecheck.check")

VALIDATION = Path(__file__).parent / "validation"
SLOWEST_FIRST = (
    "test_notebooks.py",
    "test_gradients.py",
    "test_evolve.py",
    "test_drives.py",
    "test_nonlocal.py",
    "test_precision.py",
    "test_steady.py",
    "test_llg.py",
    "test_fit.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow physics by its place, and start the slowest files first.

    Files go to the worker processes in this order; a slow one that came last would run alone.
    """
    for item in items:
        if item.path.is_relative_to(VALIDATION):
            item.add_marker(pytest.mark.validation)
    place = {name: i for i, name in enumerate(SLOWEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path.name, len(place)))


@pytest.fixture(scope="module", autouse=True)
def _dtype_promotion(request: pytest.FixtureRequest):
    """Implicit dtype promotion for the modules marked `optax`, strict for all others.

    diffrax, optimistix, lineax and equinox pass under "strict"; optax 0.2.8 does not: Adam's bias
    correction raises a float to its int32 step counter, and its L-BFGS line search adds int32 to
    int64. Everything passes under rank promotion "raise".
    """
    calls_optax = any(mark.name == "optax" for mark in request.node.iter_markers())
    with jax.numpy_dtype_promotion("standard" if calls_optax else "strict"):
        yield
