"""Strict JAX for every test: float64, no silent promotion, annotated shapes are checked."""

import gc
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
# Tracing makes millions of small objects: looking through them, and telling XLA from which line of
# Python each operation came, took a tenth of the time.
jax.config.update("jax_traceback_in_locations_limit", 0)
gc.set_threshold(100_000, 50, 100)

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


# LLVM takes most of the time of the quick tests, for programs that run for milliseconds.  Without
# its optimisation, and with XLA's older way to write loops, they take 0.4 of the time; what is
# computed is the same.  `-m thorough` and `-m validation` compile as users do, and so do the quick
# tests where XLA_FLAGS is set, to nothing for instance.
QUICK = "not validation and not thorough"
COMPILE_FAST = (
    "--xla_backend_optimization_level=0",
    "--xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_parallel_codegen_split_count=1",  # two processes share two cores already
)
# A flag that XLA does not know ends the process, and this one will go.
if jax.__version_info__[:2] == (0, 10):
    COMPILE_FAST += ("--xla_cpu_use_fusion_emitters=false",)


def pytest_configure(config: pytest.Config) -> None:
    """Compile for the quick tests; XLA reads the variable when the first device is asked for."""
    if config.option.markexpr == QUICK:
        os.environ.setdefault("XLA_FLAGS", " ".join(COMPILE_FAST))


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
