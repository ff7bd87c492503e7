"""Pictures of films: what the colours mean, and what is refused."""

import io

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import plot, sweep
from jaxstt.plot import _film, sweep_figure
from jaxstt.space import points

MASK = np.ones((30, 20, 2), bool)
MASK[:5, :5] = False
GRID = jaxstt.Grid(MASK.shape, (4e-9,) * 3, mask=jnp.asarray(MASK))


def test_colours():
    directions = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], float).T[:, :, None]
    found = _film._colours(directions)[:, 0]
    np.testing.assert_allclose(found, [[1, 0, 0], [0, 1, 1], [1, 1, 1], [0, 0, 0]], atol=1e-12)


def test_film_is_drawn():
    m = jaxstt.vortex(GRID)
    canvas = plot.film_figure(GRID, m, layer=1)
    axes, wheel = canvas.axes
    assert axes.get_xlabel() == "x (nm)" and wheel.get_xlabel() == "mx"
    picture = axes.images[0].get_array()
    assert picture.shape == (20, 30, 3)
    np.testing.assert_array_equal(picture[0, 0], 0.75)  # vacuum
    # Counter-clockwise: to the right of the core along +y, a quarter of the wheel.
    np.testing.assert_allclose(picture[10, 29], _film._colours(np.array(m)[:, 29:30, 10, 1])[0])
    assert picture[10, 29, 1] > 0.9 > picture[10, 29, 2]
    canvas.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "arguments,message",
    [
        ((np.zeros((3, 2, 2, 1)),), "`m` must have shape"),
        ((np.zeros((3, 30, 20, 2)), 2), "`layer`"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.film_figure(GRID, *arguments)


GRIDS = {
    "curve": ({"a": [1.0, 2.0]}, "a", "velocity (m/s)"),
    "map": ({"a": [1.0, 2.0], "b": [3.0]}, "a", "b (T)"),
    "slice": ({"a": [1.0, 2.0], "b": [3.0, 4.0], "c": [5.0, 6.0]}, "a", "b (T)"),
    "list": (points({"a": [1.0, 2.0]}), "a", "velocity (m/s)"),
    "scattered": (points({"a": [1.0, 2.0], "b": [4.0, 3.0]}), "a", "b (T)"),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_sweep_figure(kind):
    space, x, y = GRIDS[kind]
    names = list(space) if isinstance(space, dict) else list(space.axes)

    def function(a, b=0.0, c=0.0):
        return {"velocity": 10 * a + b + c, "phase": jnp.full((), 2), "curve": jnp.zeros(3)}

    units = {"velocity": "m/s"} | ({"b": "T"} if "b" in names else {})
    canvas = sweep_figure(sweep(function, space, units=units))
    first, second = canvas.axes[:2]
    assert (first.get_xlabel(), first.get_ylabel()) == (x, y)
    if kind == "slice":
        assert first.get_title() == "c = 5"
        shown = np.asarray(first.collections[0].get_array())
        np.testing.assert_array_equal(shown, [[18, 28], [19, 29]])  # (b, a) at c = 5
    assert second.get_xlabel() == x  # the phases


def test_sweep_figure_of_what_is_not_there():
    results = sweep(lambda a: {"v": a, "curve": a * jnp.ones(2)}, {"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="`name` must be one of v, got 'curve'"):
        sweep_figure(results, "curve")
