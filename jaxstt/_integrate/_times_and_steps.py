"""The times of a run, and how many steps it may take between two of them."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core import ArrayLike, is_concrete

UNKNOWN_STEPS = 4**9
"""Allowed between two saved times where nothing is known of the pace."""


def check_times(t: ArrayLike, dtype: Any) -> Any:
    """Known times as a NumPy array, traced ones as they are, in the dtype of the run.

    ValueError for what are no times, fewer than two, or not increasing.
    """
    known = is_concrete(t)
    try:
        times = np.asarray(t, dtype) if known else jnp.asarray(t).astype(dtype)
    except (TypeError, ValueError):
        raise ValueError(f"`t` must be times in s, got {t!r}") from None
    if times.ndim != 1 or times.shape[0] < 2:
        raise ValueError(f"`t` must hold at least 2 times in s, got shape {times.shape}")
    if known and not np.all(np.isfinite(times)):
        raise ValueError("`t` must be finite")
    if known and not np.all(np.diff(times) > 0):
        raise ValueError(f"`t` must increase from entry to entry in {times.dtype}")
    return times


def longest_interval(times: np.ndarray) -> float:
    """Between two of the known times, s."""
    return float(np.max(np.diff(np.asarray(times, float))))


def allowed_steps(expected: float) -> int:
    """Ten times what is expected of the longest interval, in powers of 4 and at least 4^6.

    The coarse rounding keeps a sweep of parameters from compiling again for each value.
    """
    if not math.isfinite(expected):
        return 4**6
    return 4 ** max(6, math.ceil(math.log(10 * max(expected, 1.0), 4)))
