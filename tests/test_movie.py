"""`plot.movie`: what is drawn and what is refused."""

import sys

import numpy as np
import pytest
from pictures import frames
from PIL import Image

import jaxstt
from jaxstt import plot
from jaxstt.plot import _film, _movie

GRID = jaxstt.Grid((24, 10, 1), (4e-9, 4e-9, 2e-9))
TIMES = np.array([0.0, 0.25e-9, 0.5e-9])
TURNED = [jaxstt.uniform(GRID, direction) for direction in np.eye(3)]


def most(picture: np.ndarray) -> np.ndarray:
    """The colour that most of the film has: of the middle of the picture, arrows left aside."""
    rows, columns = (slice(n // 4, n // 2) for n in picture.shape[:2])
    colours, counts = np.unique(picture[rows, columns].reshape(-1, 3), axis=0, return_counts=True)
    return colours[np.argmax(counts)]


def test_frames(tmp_path) -> None:
    path = plot.movie(tmp_path / "m.gif", GRID, TIMES, iter(TURNED), fps=4)
    with Image.open(path) as image:
        assert image.n_frames == 3 and image.info["duration"] == 250
    seen = [most(frame) for frame in frames(path)]
    expected = 255 * _film._colours(np.eye(3)[:, :, None])[:, 0]
    np.testing.assert_allclose(seen, expected, atol=8)
    path = plot.movie(tmp_path / "m.gif", GRID, TIMES, np.stack(TURNED), component="z")
    seen = [most(frame) for frame in frames(path)]
    assert np.ptp(seen[0]) < 8 and np.abs(seen[0] - seen[1]).max() < 8  # 0 is white
    assert seen[2][0] > 2 * seen[2][2]  # +1 is red
    assert not list(tmp_path.glob(".m*"))


def test_the_time_and_the_place_are_told(tmp_path) -> None:
    film = _film.Film(GRID, component="x")
    shown = []
    for _ in _movie._frames(film, TIMES, TURNED, np.array([0.0, 4e-9, 12e-9])):
        shown.append((film.axes.get_title("left"), film.axes.get_xlim()[0]))
    assert shown == [("t = 0.00 ns", 0), ("t = 0.25 ns", 4), ("t = 0.50 ns", 12)]
    assert len(film.axes.images) == 1 and len(film.canvas.axes) == 3  # one bar


def test_arrows_of_a_strip_that_is_drawn_wider_than_it_is() -> None:
    """In inches: lengths along y are stretched."""
    strip = jaxstt.Grid((600, 4, 1), GRID.spacing)
    film = _film.Film(strip).drawn(jaxstt.uniform(strip, (1.0, 1.0, 0.0)))
    arrows = film.artists[1]
    assert (arrows.angles, arrows.scale_units) == ("uv", "inches")
    assert _film.Film(GRID).drawn(TURNED[0]).artists[1].angles == "xy"


def test_a_wire_is_drawn_as_curves() -> None:
    wire = jaxstt.Grid((24, 1, 1), GRID.spacing)
    m = jaxstt.bloch_wall(wire, 8e-9)
    axes = plot.film_figure(wire, m, left=1e-7).axes[0]
    for curve, values in zip(axes.lines, np.asarray(m)[:, :, 0, 0], strict=True):
        np.testing.assert_array_equal(curve.get_ydata(), values)
        assert curve.get_xdata()[0] == pytest.approx(102)
    assert len(plot.film_figure(wire, m, component="y").axes[0].lines) == 1


def test_mp4(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    with pytest.raises(ValueError, match=r"`path` \.mp4 needs imageio-ffmpeg"):
        plot.movie(tmp_path / "m.mp4", GRID, TIMES, TURNED)
    assert not list(tmp_path.iterdir())
    monkeypatch.undo()
    pytest.importorskip("imageio_ffmpeg")
    path = plot.movie(tmp_path / "m.mp4", GRID, TIMES, TURNED)
    assert path.read_bytes()[4:8] == b"ftyp"


BAD = {
    "`path` must end in .gif or .mp4": {"path": "m.avi"},
    "`t` must be two times or more, got 1": {"t": [0.0]},
    "`fps` must be from 0.01 to 50, got 0": {"fps": 0},
    "`t` must be finite": {"t": [0.0, np.nan, 1e-9]},
    "`m` must be 3 states, one for each time, got 2": {"m": TURNED[:2]},
    "`m` must be 3 states, one for each time, got more": {"m": [*TURNED, *TURNED]},
    "`m` must have shape": {"m": [np.zeros((3, 2, 2, 1))] * 3},
    "`left` must have shape": {"left": [0.0]},
    "`layer` must be 0 to 0, got 1": {"layer": 1},
    "`component` must be": {"component": "w"},
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told, tmp_path) -> None:
    given = {"path": "m.gif", "grid": GRID, "t": TIMES, "m": TURNED} | BAD[told]
    with pytest.raises(ValueError) as caught:
        plot.movie(tmp_path / given.pop("path"), **given)
    assert told in str(caught.value)
    assert not list(tmp_path.iterdir())
