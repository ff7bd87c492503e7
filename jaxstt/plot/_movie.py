"""States one after the other, as a file that moves."""

import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .._core import ArrayLike, write_whole
from .._mesh import Grid
from ._film import Film

_DPI = 100
_SLOWEST, _FASTEST = 0.01, 50
"""Frames per second; viewers slow down a GIF of more."""


def movie(
    path: str | os.PathLike[str],
    grid: Grid,
    t: ArrayLike,
    m: Iterable[ArrayLike],
    *,
    component: str | None = None,
    layer: int = 0,
    fps: float = 20.0,
    left: ArrayLike | None = None,
) -> Path:
    """Write states as a GIF or an MP4, each drawn as by `film_figure`, with its time.

    path: ends in .gif or .mp4 (which needs `pip install "jaxstt[movie]"`); replaced, whole or not
    at all.  grid: `Grid`.  t: s, (T,).  m: T states (3, nx, ny, nz), an array or one by one.
    component, layer: as in `film_figure`.  fps: states per second, 0.01 to 50.
    left: m, (T,), where x begins, of a window that moves.
    Returns the path.
    Raises ValueError for another ending, fewer than two times, m of another number, fps out of
    range, and as `film_figure`; OSError where the file cannot be written.
    """
    path, times = Path(path), np.atleast_1d(np.asarray(t, float))
    if path.suffix.lower() not in _WRITERS:
        raise ValueError(f"`path` must end in .gif or .mp4, got {str(path)!r}")
    if times.ndim != 1 or times.size < 2:
        raise ValueError(f"`t` must be two times or more, got {times.size}")
    if not np.all(np.isfinite(times)):
        raise ValueError("`t` must be finite")
    if not _SLOWEST <= fps <= _FASTEST:
        raise ValueError(f"`fps` must be from {_SLOWEST:g} to {_FASTEST:g}, got {fps:g}")
    begins = np.zeros(times.size) if left is None else np.asarray(left, float)
    if begins.shape != times.shape:
        raise ValueError(f"`left` must have shape {times.shape}, got {begins.shape}")
    film = Film(grid, layer, component)
    write = _WRITERS[path.suffix.lower()]
    return write_whole(path, lambda beside: write(beside, _frames(film, times, m, begins), fps))


def _frames(
    film: Film, times: np.ndarray, m: Iterable[ArrayLike], begins: np.ndarray
) -> Iterator[np.ndarray]:
    """RGB pictures, (height, width, 3), of even sizes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(film.canvas)
    film.canvas.set_dpi(_DPI)
    digits = max(0, int(np.ceil(1 - np.log10(1e9 * np.min(np.abs(np.diff(times))) + 1e-9))))
    wrong = f"`m` must be {times.size} states, one for each time, got "
    states = iter(m)
    for k, (time, begin) in enumerate(zip(times, begins, strict=True)):
        state = next(states, None)
        if state is None:
            raise ValueError(f"{wrong}{k}")
        film.drawn(state, begin)
        film.axes.set_title(f"t = {1e9 * time:.{digits}f} ns", loc="left", family="monospace")
        canvas.draw()
        picture = np.asarray(canvas.buffer_rgba())[..., :3]
        yield picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
    if next(states, None) is not None:
        raise ValueError(f"{wrong}more")


def _write_gif(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    from PIL import Image

    pictures = (Image.fromarray(np.ascontiguousarray(frame)) for frame in frames)
    first = next(pictures)
    how: dict[str, Any] = {"duration": round(1000 / fps), "loop": 0}
    first.save(path, format="GIF", save_all=True, append_images=pictures, **how)


def _write_mp4(path: Path, frames: Iterator[np.ndarray], fps: float) -> None:
    try:
        from imageio_ffmpeg import write_frames  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError(
            '`path` .mp4 needs imageio-ffmpeg: pip install "jaxstt[movie]", or write a .gif'
        ) from None
    first = next(frames)
    how: dict[str, Any] = {"fps": fps, "macro_block_size": 2, "codec": "libx264"}
    size = first.shape[1], first.shape[0]
    writer = write_frames(path, size, output_params=["-f", "mp4"], **how)
    with warnings.catch_warnings():
        # It forks to start ffmpeg at once, which JAX's threads do no harm to.
        warnings.filterwarnings("ignore", message="os.fork", category=RuntimeWarning)
        writer.send(None)
    try:
        writer.send(np.ascontiguousarray(first))
        for frame in frames:
            writer.send(np.ascontiguousarray(frame))
    finally:
        writer.close()


_WRITERS = {".gif": _write_gif, ".mp4": _write_mp4}
