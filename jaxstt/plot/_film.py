"""Films and wires, as they are."""

from typing import Any

import numpy as np

from .._core import ArrayLike, axis_index
from .._mesh import Grid
from ._validity import FAIL, FERMI, SINGLE

_COLOURS = (SINGLE, FERMI, FAIL)
"""Of m_x, m_y, m_z."""
_INCHES = 0.2
_WIDE = 12
"""Length over width of a strip above which it is drawn wider than it is."""


def film_figure(
    grid: Grid, m: ArrayLike, layer: int = 0, component: str | None = None, left: float = 0.0
) -> Any:
    """A film seen from above: colour for the direction in the plane, dark and light for m_z.

    The hue is the angle of (m_x, m_y), as on the wheel drawn beside it; m_z = +1 is white, -1
    black, vacuum grey.  Arrows say the same without colour.  A wire of one cell across is drawn as
    three curves.
    grid: `Grid`.  m: (3, nx, ny, nz).  layer: which one along z.
    component: "x", "y" or "z" draws that one instead, blue for -1, red for +1.
    left: m, where x begins.
    Raises ValueError for another shape, a layer that is not there and another component.
    """
    return Film(grid, layer, component).drawn(m, left).canvas


class Film:
    """A figure whose state can be changed."""

    def __init__(self, grid: Grid, layer: int = 0, component: str | None = None):
        from matplotlib.figure import Figure

        if not 0 <= layer < grid.shape[2]:
            raise ValueError(f"`layer` must be 0 to {grid.shape[2] - 1}, got {layer}")
        self.axis = None if component is None else axis_index("component", component)
        self.grid, self.layer = grid, layer
        self.artists: tuple[Any, ...] = ()
        self.width, self.height = (1e9 * length for length in grid.lengths[:2])
        self.curves = grid.shape[1] == 1
        tall = 2.4 if self.curves else float(np.clip(5.6 * self.height / self.width, 1.6, 7.0))
        self.canvas = Figure(figsize=(7.2, tall + 0.8), layout="constrained")
        if self.curves:
            self.axes = self.canvas.subplots()
            self.axes.set(xlabel="x (nm)", ylabel="m", ylim=(-1.05, 1.05))
            return
        self.axes, side = self.canvas.subplots(1, 2, width_ratios=(6, 1))
        self.axes.set(xlabel="x (nm)", ylabel="y (nm)")
        if self.axis is None:
            _wheel(side)
        else:
            side.set_axis_off()

    def drawn(self, m: ArrayLike, left: float = 0.0) -> "Film":
        """m (3, nx, ny, nz) in place of what was there; left: m."""
        values = np.asarray(m, float)
        if values.shape != (3, *self.grid.shape):
            raise ValueError(f"`m` must have shape {(3, *self.grid.shape)}, got {values.shape}")
        for artist in self.artists:
            artist.remove()
        flat, begin = values[:, :, :, self.layer], 1e9 * left
        self.artists = self._curves(flat, begin) if self.curves else self._picture(flat, begin)
        self.axes.set_xlim(begin, begin + self.width)
        return self

    def _curves(self, flat: np.ndarray, begin: float) -> tuple[Any, ...]:
        x = begin + 1e9 * self.grid.centres("x")
        shown = range(3) if self.axis is None else [self.axis]
        curves = [
            self.axes.plot(x, flat[i, :, 0], color=_COLOURS[i], label=f"m{'xyz'[i]}") for i in shown
        ]
        return (*(c[0] for c in curves), self.axes.legend(loc="upper right", ncols=3))

    def _picture(self, flat: np.ndarray, begin: float) -> tuple[Any, ...]:
        from matplotlib import colormaps

        mask = self.grid.mask
        # What has no length is vacuum as well: a window's mask goes with it.
        vacuum = ~np.any(flat, axis=0)
        if mask is not None:
            vacuum |= ~np.asarray(mask)[:, :, self.layer]
        aspect = "equal" if self.width < _WIDE * self.height else "auto"
        how = {
            "origin": "lower",
            "extent": (begin, begin + self.width, 0, self.height),
            "aspect": aspect,
        }
        if self.axis is not None:
            picture = np.ma.array(flat[self.axis], mask=vacuum).T
            red_and_blue = colormaps["RdBu_r"].with_extremes(bad="0.75")
            image = self.axes.imshow(picture, cmap=red_and_blue, vmin=-1, vmax=1, **how)
            if not self.artists:
                bar = self.canvas.colorbar(image, ax=self.axes)
                bar.set_label(f"m{'xyz'[self.axis]}")
            return (image,)
        picture = _colours(flat)
        picture[vacuum] = 0.75
        image = self.axes.imshow(picture.swapaxes(0, 1), **how)
        every = max(1, max(flat.shape[1:]) // 24)
        part = slice(min(every // 2, min(flat.shape[1:]) - 1), None, every)
        x, y = (1e9 * self.grid.centres(axis)[part] for axis in "xy")
        arrows = np.ma.array(flat[:2], mask=[vacuum, vacuum])[:, part, part].swapaxes(1, 2)
        # An arrow in the plane is as long as they are apart; drawn out, a strip has no lengths.
        apart = every * 1e9 * min(self.grid.spacing[:2])
        size = {"angles": "xy", "scale_units": "xy", "scale": 1 / apart}
        if aspect == "auto":
            size = {"angles": "uv", "scale_units": "inches", "scale": 1 / _INCHES}
        quiver = self.axes.quiver(x + begin, y, *arrows, pivot="mid", color="#333333", **size)
        return image, quiver


def _colours(flat: np.ndarray) -> np.ndarray:
    """RGB (nx, ny, 3) of (3, nx, ny): hue by angle, lightness by m_z."""
    from matplotlib.colors import hsv_to_rgb

    hue = np.arctan2(flat[1], flat[0]) / (2 * np.pi) % 1
    ones = np.ones_like(hue)
    colour = hsv_to_rgb(np.stack([hue, ones, ones], axis=-1))
    up, down = (np.clip(s * flat[2], 0, 1)[..., None] for s in (1, -1))
    return np.clip(colour * (1 - up) * (1 - down) + up, 0, 1)


def _wheel(axes: Any) -> None:
    """The legend: every direction in the plane, lightened and darkened towards the middle."""
    x, y = np.meshgrid(np.linspace(-1, 1, 161), np.linspace(-1, 1, 161), indexing="ij")
    r = np.hypot(x, y)
    z = np.sqrt(np.clip(1 - r**2, 0, 1))
    picture = np.ones((*x.shape, 4))
    picture[..., :3] = _colours(np.stack([x, y, z]))
    picture[..., 3] = r <= 1
    axes.imshow(picture.swapaxes(0, 1), origin="lower", extent=(-1, 1, -1, 1))
    axes.set(xlabel="mx", ylabel="my", xticks=(-1, 1), yticks=(-1, 1))
