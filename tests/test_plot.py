"""Pictures of films: what the colours mean, and what is refused."""

import io

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import plot

MASK = np.ones((30, 20, 2), bool)
MASK[:5, :5] = False
GRID = jaxstt.Grid(MASK.shape, (4e-9,) * 3, mask=jnp.asarray(MASK))


def test_colours():
    directions = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, -1]], float).T[:, :, None]
    found = plot._colours(directions)[:, 0]
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
    np.testing.assert_allclose(picture[10, 29], plot._colours(np.array(m)[:, 29:30, 10, 1])[0])
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
