"""What `peer_work.py` and every code in it work on, and how they are timed."""

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

MS, A, ALPHA, XI, P, J = 8e5, 1.3e-11, 0.02, 0.05, 0.5, -1e12
MU_0 = 4e-7 * math.pi
FIELD = (-24.6e-3, 4.3e-3, 0.0)
CELL = (500e-9 / 128, 125e-9 / 32, 3e-9)
SHAPES = {
    "rhs 64": (64, 64, 1),
    "rhs 256": (256, 256, 1),
    "rhs 512": (512, 512, 1),
    "rhs wire 1024": (1024, 1, 1),
    "sp4": (128, 32, 1),
    "sp5": (32, 32, 4),
    "gradient film": (256, 64, 1),
    "gradient wire": (512, 1, 1),
    "tangents film": (256, 64, 1),
    "tangents wire": (512, 1, 1),
    "walls": (256, 1, 1),
}
WALLS = 1024
"""In a sweep over current and xi, 1 ns each."""
FEW = 20
"""So many of them are run with codes that run one after the other."""
TIMES = np.linspace(0, 1e-9, 101)
SHORT = 50e-12
"""Of the run that is differentiated, s."""
SQUARE = (100e-9, 100e-9, 10e-9)
"""Standard problem 5."""
VORTEX = (-72.35, 0.05)
"""Its u, m/s, and xi."""

Result = dict[str, Any]


def timed(run: Callable[[], Any], least: float = 2.0, most: int = 50) -> Result:
    """The first call, and those after it for `least` s."""
    start = time.perf_counter()
    run()
    first, seconds = time.perf_counter() - start, []
    while (sum(seconds) < least and len(seconds) < most) or len(seconds) < min(3, most):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return {"first": first, "seconds": seconds}


def per(result: Result, count: float) -> Result:
    return result | {"seconds": [x / count for x in result["seconds"]]}


def repeats(shape: tuple[int, ...]) -> int:
    """Evaluations in a compiled loop of about half a second."""
    return max(5, int(4e6 / math.prod(shape)))


def twisted(shape: tuple[int, ...]) -> np.ndarray:
    """(3, nx, ny, nz), smooth and nowhere at rest."""
    x, y = np.meshgrid(*(np.linspace(0, 3, n) for n in shape[:2]), indexing="ij")
    m = np.stack([np.ones_like(x), 0.4 * np.cos(2 * x), 0.3 * np.sin(y)])[..., None]
    return m / np.linalg.norm(m, axis=0)
