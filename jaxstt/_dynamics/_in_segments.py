"""A long run cut into segments, each of which begins from a state that is kept on disk."""

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, existing, is_concrete, keep, kept, marks
from .._integrate import RESULTS, check_times
from ._fixed_step import FixedStep
from ._llg import LLG
from ._step_control import STABLE
from ._thermal import Thermal

_SAME = 1e-6
"""Part of a segment within which a saved time is its end."""
_COUNTS = ("num_steps", "num_accepted_steps", "num_rejected_steps")


class Segment(NamedTuple):
    """From one kept state to the next."""

    times: np.ndarray
    """s: its begin, the saved times within, its end."""
    saved: int
    """How many of them, after the first, are saved times."""


def cut_times(times: np.ndarray, every: float) -> list[Segment]:
    """The run cut at t[0] + k `every`; times in float64, s."""
    first, last = float(times[0]), float(times[-1])
    bounds = [first + k * every for k in range(1, math.ceil((last - first) / every))]
    segments = list[Segment]()
    for bound in (*bounds, last):
        begin = segments[-1].times[-1] if segments else first
        inner = times[(times > begin) & (times <= bound + _SAME * every)]
        ends = inner.size > 0 and abs(inner[-1] - bound) <= _SAME * every
        if not ends and bound - begin <= _SAME * every:
            continue
        chosen = [begin, *inner.tolist(), *([] if ends else [bound])]
        segments.append(Segment(np.asarray(chosen), int(inner.size)))
    return segments


def in_segments(
    solve: Callable[..., tuple[Any, Any]],
    llg: LLG,
    m: Array,
    t: ArrayLike,
    *,
    save: Callable,
    checkpoint: Any,
    every: Any,
    thermal: Thermal | None,
    progress: bool,
    throw: bool,
    **settings: Any,
) -> Any:
    """`solve`, from segment to segment; goes on where a file at `checkpoint` ends."""
    path = _path(checkpoint)
    known = jax.tree.leaves(eqx.filter((llg, m, t, thermal), eqx.is_array))
    if not all(is_concrete(x) for x in known):
        raise ValueError("`checkpoint` is for a run outside jit, grad and vmap: it writes files")
    times = np.asarray(check_times(t, m.dtype), float)
    _check_every(every, llg, times, m.dtype, settings["solver"], thermal)
    segments = cut_times(times, float(every))
    about = marks(
        {"grid": llg.grid, "llg": llg, "thermal": thermal, "m0": m, "t": jnp.asarray(times)},
        {"save": save, "every": float(every), **settings},
    )
    held = kept(path, about, "checkpoint")
    run = _Done(m) if held is None else _Done.of(held)
    began, first = time.monotonic(), run.segments
    tree = jax.tree.structure(jax.eval_shape(save, jnp.asarray(times[0], m.dtype), m))
    for segment in segments[first:]:
        noise = None if thermal is None else thermal.piece(run.segments)
        solution, m = solve(
            llg, run.m, segment.times.astype(m.dtype), save=save, thermal=noise, throw=False,
            progress=False, **settings
        )  # fmt: skip
        good = bool(solution.result == RESULTS.successful)
        run.add(segment, solution, m)
        if not good:
            if throw:
                raise RuntimeError(
                    f"{RESULTS[solution.result]} (between {segment.times[0]:.6g} and "
                    f"{segment.times[-1]:.6g} s, where the run stopped; see {str(path)!r} for the "
                    "state before)"
                )
            return run.solution(times, m.dtype, tree, solution.result)
        keep(path, run.arrays(), about)
        if progress:
            _tell(run.segments, first, len(segments), time.monotonic() - began)
    return run.solution(times, m.dtype, tree, RESULTS.successful)


class _Done:
    """What of a run is done."""

    def __init__(self, m: Any):
        self.m, self.segments = m, 0
        self.counts = dict.fromkeys(_COUNTS, 0)
        self.saved: list[np.ndarray] = []
        """Each leaf of what was saved, stacked."""

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "_Done":
        done = cls(jnp.asarray(arrays["m"]))
        done.segments = int(arrays["segments"])
        done.counts = {name: int(arrays[name]) for name in _COUNTS}
        leaves = sum(name.startswith("saved.") for name in arrays)
        done.saved = [arrays[f"saved.{i}"] for i in range(leaves)]
        return done

    def arrays(self) -> dict[str, np.ndarray]:
        numbers = {"segments": self.segments, **self.counts}
        saved = {f"saved.{i}": x for i, x in enumerate(self.saved)}
        return {"m": np.asarray(self.m), **{k: np.asarray(n) for k, n in numbers.items()}, **saved}

    def add(self, segment: Segment, solution: Any, m: Any) -> None:
        leaves = [np.asarray(x) for x in jax.tree.leaves(solution.m)]
        before = self.saved if self.segments else [x[:1] for x in leaves]
        rows = slice(1, 1 + segment.saved)
        self.saved = [np.concatenate([a, b[rows]]) for a, b in zip(before, leaves, strict=True)]
        self.m, self.segments = m, self.segments + 1
        for name in _COUNTS:
            self.counts[name] += int(solution.stats[name])

    def solution(self, times: np.ndarray, dtype: Any, tree: Any, result: RESULTS) -> Any:
        """What `evolve` returns; nan at times that were not reached."""

        def whole(x: np.ndarray) -> Any:
            empty = np.nan if np.issubdtype(x.dtype, np.inexact) else 0
            rest = np.full((times.size - len(x), *x.shape[1:]), empty, x.dtype)
            return jnp.asarray(np.concatenate([x, rest]))

        saved = jax.tree.unflatten(tree, [whole(x) for x in self.saved])
        counts = {name: jnp.asarray(n) for name, n in self.counts.items()}
        return jnp.asarray(times, dtype), saved, counts, result


def _path(checkpoint: Any) -> Path:
    if not isinstance(checkpoint, str | os.PathLike):
        raise ValueError(f"`checkpoint` must be a path, got {checkpoint!r}")
    path = Path(checkpoint)
    if path.is_dir() or not existing(path.parent).is_dir() or not path.parent.is_dir():
        raise ValueError(f"`checkpoint` must be a file in a folder that exists, got {str(path)!r}")
    return path


def _check_every(
    every: Any, llg: LLG, times: np.ndarray, dtype: Any, solver: Any, thermal: Thermal | None
) -> None:
    try:
        length = float(every)
    except (TypeError, ValueError):
        length = np.nan
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"`every` must be > 0 s and is needed with `checkpoint`, got {every!r}")
    if isinstance(solver, FixedStep) or thermal is not None:
        method = solver if isinstance(solver, FixedStep) else FixedStep()
        step = float(method.longest(llg, dtype, thermal))
    else:
        rate = float(llg.stiffness() + llg.precession())
        step = STABLE / rate if rate > 0 else 0.0
    if length < step:
        raise ValueError(f"`every` must be at least a step, {step:.3g} s, got {length:.3g}")
    resolved = 8 * np.finfo(dtype).eps * np.abs(times).max()
    if length < resolved:
        raise ValueError(f"`every` must be at least {resolved:.3g} s in {dtype}, got {length:.3g}")


def _tell(done: int, first: int, total: int, spent: float) -> None:
    left = f"{spent / (done - first) * (total - done):.0f} s left"
    end = "\n" if done == total else ""
    print(f"\revolve: {done}/{total} segments, {spent:.0f} s, {left}   ", end=end, file=sys.stderr)
