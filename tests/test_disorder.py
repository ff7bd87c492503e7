"""Grains and rough edges: their statistics, and that a seed is a sample."""

import hashlib
import re

import jax
import numpy as np
import pytest

import jaxstt

FILM = jaxstt.Grid((128, 96, 2), (2e-9, 2e-9, 1e-9))
SIZE = 12e-9


def test_grains_have_the_size_asked_for() -> None:
    """Whole ones, those that touch no edge, of many seeds; size-biased grains are rarer there."""
    periodic = jaxstt.Grid((128, 96, 1), (2e-9, 2e-9, 1e-9), (True, True, False))
    for grid in (FILM, periodic):
        counts = [jaxstt.grains(grid, SIZE, seed).max() + 1 for seed in range(12)]
        expected = np.prod(grid.lengths[:2]) / SIZE**2
        cut = 0.0 if grid is periodic else 0.5 * sum(grid.lengths[:2]) * 2 / SIZE
        assert np.mean(counts) == pytest.approx(expected + cut, rel=0.08)
        assert np.std(counts) == pytest.approx(expected**0.5, rel=0.7)


def test_each_cell_is_in_the_grain_of_the_nearest_point() -> None:
    """Grains are convex, in a periodic film over its edge as well."""
    grid = jaxstt.Grid((64, 48, 1), (2e-9, 2e-9, 1e-9), (True, True, False))
    found = jaxstt.grains(grid, 20e-9, 3)[:, :, 0]
    rolled = np.roll(found, (32, 24), (0, 1))
    for plane in (found, rolled):
        for number in range(found.max() + 1):
            x, y = np.nonzero(plane == number)
            if x.size == 0 or min(x.min(), y.min()) == 0 or x.max() == 63 or y.max() == 47:
                continue
            for k in np.unique(x):  # no gaps within a column: convex
                rows = y[x == k]
                assert rows.max() - rows.min() + 1 == rows.size
            assert np.unique(x).size == x.max() - x.min() + 1


def test_layers_and_precision_see_the_same_grains() -> None:
    found = jaxstt.grains(FILM, SIZE, 5)
    assert found.shape == FILM.shape and found.min() == 0
    assert np.unique(found).size == found.max() + 1
    np.testing.assert_array_equal(found[:, :, 0], found[:, :, 1])
    with jax.enable_x64(False):
        np.testing.assert_array_equal(jaxstt.grains(FILM, SIZE, 5), found)
        K = jaxstt.by_grain(found, 1e5, 0.1, 5)
    np.testing.assert_array_equal(jaxstt.by_grain(found, 1e5, 0.1, 5), K)
    for other in (6, [5, 1]):
        assert np.any(jaxstt.grains(FILM, SIZE, other) != found)


def test_a_sample_is_always_the_same() -> None:
    """Written down: a change here would change everybody's samples."""
    found = jaxstt.grains(jaxstt.Grid((6, 4, 1), (4e-9, 4e-9, 1e-9)), 8e-9, 1)[:, :, 0]
    assert found.tolist() == SAMPLE
    K = jaxstt.by_grain(np.arange(3).reshape(3, 1, 1), 1.0, 0.1, 1).ravel()
    np.testing.assert_allclose(K, [1.0345584192064785, 1.082161814350116, 1.0330437076183387])


SAMPLE = [[1, 5, 4, 4], [3, 4, 4, 4], [3, 4, 7, 7], [6, 6, 7, 7], [6, 6, 7, 7], [0, 2, 8, 8]]


def test_values_differ_from_grain_to_grain_by_the_spread() -> None:
    found = jaxstt.grains(FILM, 4e-9, 1)
    K = jaxstt.by_grain(found, 2e5, 0.1, 7)
    each = K.ravel()[np.unique(found, return_index=True)[1]]
    assert each.mean() == pytest.approx(2e5, rel=0.01)
    assert each.std() == pytest.approx(2e4, rel=0.06)
    assert np.all(np.abs(K - 2e5) <= 6e4 * (1 + 1e-12))
    assert np.all(jaxstt.by_grain(found, 2e5, 0.0, 7) == 2e5)


@pytest.mark.parametrize("periodic", [False, True])
def test_edges_are_as_rough_as_asked(periodic) -> None:
    grid = jaxstt.Grid((4096, 256, 1), (2e-9, 0.25e-9, 1e-9), (periodic, False, False))
    rms, length = 2e-9, 24e-9
    mask = jaxstt.rough_edges(grid, rms, length, 2)
    height = (np.argmax(mask[:, :, 0], axis=1) * 0.25e-9, (~mask[:, ::-1, 0]).argmin(1) * 0.25e-9)
    for h in height:
        assert h.mean() == pytest.approx(2 * rms, rel=0.1)
        assert h.std() == pytest.approx(rms, rel=0.1)  # cut off at 2 rms
        h = h - h.mean()
        for shift in (6, 12):
            there = np.mean(h[shift:] * h[:-shift]) / np.mean(h * h)
            assert there == pytest.approx(np.exp(-((shift * 2e-9 / length) ** 2)), abs=0.08)
    assert abs(np.corrcoef(*height)[0, 1]) < 0.15
    step = np.abs(np.diff(np.append(height[0], height[0][:1]) if periodic else height[0]))
    assert step.max() < 1.5e-9  # smooth, over the end as well
    jaxstt.Grid(grid.shape, grid.spacing, grid.periodic, mask)


BAD = {
    "`size` must be > 0, got 0": lambda: jaxstt.grains(FILM, 0.0, 1),
    "`size` = 1e-14 m gives": lambda: jaxstt.grains(FILM, 1e-14, 1),
    "`size` must be a finite number": lambda: jaxstt.grains(FILM, np.nan, 1),
    "`seed` must be whole numbers >= 0, got -1": lambda: jaxstt.grains(FILM, SIZE, -1),
    "`seed` must be whole numbers >= 0, got 0.5": lambda: jaxstt.grains(FILM, SIZE, 0.5),
    "`seed` must be whole numbers >= 0, got None": lambda: jaxstt.grains(FILM, SIZE, None),
    "`grid` must be a jaxstt.Grid": lambda: jaxstt.grains((1, 1, 1), SIZE, 1),
    "`grains` must be whole numbers": lambda: jaxstt.by_grain(np.ones((2, 1, 1)), 1.0, 0.1, 1),
    "`spread` must be >= 0 and <= 1/3": lambda: jaxstt.by_grain(np.zeros((2, 1, 1), int), 1, 2, 1),
    "`rms` must be <= an eighth": lambda: jaxstt.rough_edges(FILM, 30e-9, 1e-8, 1),
    "`correlation` must be > 0": lambda: jaxstt.rough_edges(FILM, 1e-9, -1e-8, 1),
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        BAD[told]()


def test_a_seed_is_the_same_wire_on_any_machine() -> None:
    """As it was when this was written."""
    grid = jaxstt.Grid((200, 24, 1), (4e-9, 4e-9, 1e-9))
    where = jaxstt.grains(grid, 20e-9, 5)
    assert where.max() == 245
    assert hashlib.sha256(where.astype("<i8").tobytes()).hexdigest()[:16] == "fe9a749b4e491d01"
    mask = jaxstt.rough_edges(grid, 4e-9, 20e-9, 5)
    assert hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()[:16] == "3245f611a81eb83b"
    values = jaxstt.by_grain(where, 1.0, 0.1, 5)[[0, 77, 199], [0, 10, 23], 0]
    np.testing.assert_allclose(values, [1.0855522, 1.00949272, 0.92934198], rtol=1e-8)
