"""`follow`: the wall in a window is the wall in a long wire."""

import re

import diffrax as dfx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

CELL = 4e-9
WINDOW = jaxstt.Grid((48, 1, 1), (CELL, 20e-9, 2e-9))
TIMES = np.linspace(0.0, 0.5e-9, 26)
J = -2e12


def llg(grid=WINDOW, j=J, factor=1.0) -> jaxstt.LLG:
    """A perpendicular wire without magnetostatics; factor: of K."""
    return jaxstt.LLG(
        grid,
        Ms=helpers.MS,
        alpha=0.1,
        energies=(
            jaxstt.Exchange(1.3e-11),
            jaxstt.UniaxialAnisotropy(3e5 * factor),
            jaxstt.UniaxialAnisotropy(-1e5, (0.0, 1.0, 0.0)),
        ),
        torques=(jaxstt.ZhangLi((j, 0.0, 0.0), P=0.6, xi=0.3),),
    )


def wall(grid=WINDOW, position=None, **more):
    return jaxstt.bloch_wall(grid, 6.6e-9, position=position, angle=0.0, **more)


@pytest.fixture(scope="module")
def followed():
    return jaxstt.follow(llg(), wall(), TIMES, save=lambda t, m: jnp.max(m[2]))


LONG = jaxstt.Grid((192, 1, 1), WINDOW.spacing)


def in_long_wire(model, extra: int = 0):
    """Positions from the left end of what is the first window, `extra` cells from the wire's."""
    m0 = wall(LONG, position=(24 + extra) * CELL)
    track = jaxstt.evolve(model, m0, TIMES, save=jaxstt.WallTracker(LONG)).m
    return np.asarray(track.position) - extra * CELL, track


def test_the_wall_goes_as_in_a_long_wire(followed) -> None:
    position, track = in_long_wire(llg(LONG), 16)
    moved = position - position[0]
    assert abs(moved[-1]) > 18 * CELL and abs(int(followed.cells[-1])) >= 18
    np.testing.assert_allclose(followed.wall.position, position, atol=2e-3 * CELL)
    np.testing.assert_allclose(followed.wall.width, track.width, rtol=1e-3)
    np.testing.assert_allclose(followed.wall.angle, track.angle, atol=2e-3)
    np.testing.assert_array_equal(followed.t, TIMES)
    assert followed.m.shape == (3, *WINDOW.shape)
    assert followed.kept.shape == TIMES.shape and np.all(followed.kept > 0.999)
    # The last state is of the window as it was then.
    cells = np.asarray(followed.cells)
    local = jaxstt.wall_position(WINDOW, followed.m) + cells[-1] * CELL
    assert float(local) == pytest.approx(float(followed.wall.position[-1]), abs=1e-15)
    assert np.abs(followed.wall.position - (24 + cells) * CELL).max() <= 2 * CELL


@pytest.mark.parametrize("back", [False, True])
def test_both_charges_and_ways(back, followed) -> None:
    other = jaxstt.follow(llg(j=-J if back else J), wall(charge=-1), TIMES)
    sign = -1 if back else 1
    way = np.asarray(other.wall.position - other.wall.position[0])
    expected = np.asarray(followed.wall.position - followed.wall.position[0])
    np.testing.assert_allclose(way, sign * expected, atol=0.02 * CELL)


def test_no_drift_in_a_hundred_shifts() -> None:
    """A wall at rest that the window is moved under, to and fro by up to eight cells."""
    rest = llg(j=0.0)
    m0 = jaxstt.relax(rest, wall(), tol=1e-8).m
    rng = np.random.default_rng(3)
    target = rng.integers(-8, 9, 100)
    moves = np.diff(np.append(0, target))
    assert np.count_nonzero(moves) > 90
    t = np.linspace(0, 1e-9, 101)
    found = jaxstt.follow(rest, m0, t, moves=moves)
    np.testing.assert_array_equal(found.cells[1:], target)
    assert np.abs(np.diff(found.wall.position)).max() < 1e-4 * CELL
    assert abs(float(found.wall.position[-1] - found.wall.position[0])) < 1e-3 * CELL
    np.testing.assert_allclose(found.wall.width, found.wall.width[0], rtol=1e-4)
    np.testing.assert_allclose(found.wall.angle, found.wall.angle[0], atol=5e-5)


def test_a_wire_that_is_not_the_same_all_along() -> None:
    """Grains come in at the edge: against the whole wire, whose wall they hold up."""
    grains = jaxstt.grains(LONG, 16e-9, 4)
    factor = jnp.asarray(jaxstt.by_grain(grains, 1.0, 0.05, 4))

    def sample(cells):
        return llg(factor=jaxstt.section(factor, 40 + cells, 48))

    found = jaxstt.follow(sample, wall(), TIMES)
    position, _ = in_long_wire(llg(LONG, factor=factor), 40)
    assert abs(int(found.cells[-1])) >= 15
    np.testing.assert_allclose(found.wall.position, position, atol=0.01 * CELL)
    plain = jaxstt.follow(llg(), wall(), TIMES)
    assert np.abs(np.asarray(plain.wall.position) - position).max() > 0.5 * CELL


def test_a_wire_with_rough_edges_and_its_end() -> None:
    grid = jaxstt.Grid((96, 8, 1), (CELL, CELL, 2e-9))
    mask = jaxstt.rough_edges(grid, 2.5e-9, 16e-9, 1)

    def sample(cells):
        part = jaxstt.Grid((48, 8, 1), grid.spacing, mask=jaxstt.section(mask, 8 + cells, 48))
        return llg(part)

    first = sample(0).grid
    found = jaxstt.follow(sample, wall(first), TIMES[:12])
    end = np.asarray(sample(int(found.cells[-1])).grid.mask)
    size = np.sum(np.asarray(found.m) ** 2, axis=0)
    assert int(found.cells[-1]) >= 3
    np.testing.assert_allclose(size, end, atol=1e-9)
    assert np.any(end[:-1] != end[1:])

    def short(cells):
        return llg(factor=jaxstt.section(jnp.ones((50, 1, 1)), cells, 48))

    with pytest.raises(RuntimeError, match="not finite"):
        jaxstt.follow(short, wall(), TIMES)


def test_derivatives_of_a_run_with_given_moves(followed) -> None:
    moves = np.diff(followed.cells)[:5]

    def way(j, adjoint=None):
        found = jaxstt.follow(llg(j=j), wall(), TIMES[:6], moves=moves, adjoint=adjoint)
        return found.wall.position[-1] / CELL

    reverse = jax.grad(way)(J)
    forward = jax.jvp(lambda j: way(j, dfx.ForwardMode()), (J,), (1.0,))[1]
    step = 1e-5 * abs(J)
    central = (way(J + step) - way(J - step)) / (2 * step)
    assert abs(int(np.sum(moves))) >= 2
    assert float(reverse) == pytest.approx(float(central), rel=1e-5)
    assert float(forward) == pytest.approx(float(central), rel=1e-5)


def test_many_at_once_and_warm(followed) -> None:
    few = TIMES[:4]
    drives = jnp.asarray([J, J / 2])
    found = jax.vmap(lambda j: jaxstt.follow(llg(j=j), wall(), few).wall.position)(drives)
    np.testing.assert_allclose(found[0], followed.wall.position[:4], atol=1e-6 * CELL)
    warm = [
        jaxstt.follow(llg(), wall(), few, thermal=jaxstt.Thermal(100.0, seed)).wall.angle
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(warm[0], warm[1])
    assert np.abs(warm[2] - warm[1]).max() > 1e-3


def test_the_domains_beyond_the_ends() -> None:
    """B_window + B_ends is the field in the long strip, wherever the wall is, in each direction."""
    strip = jaxstt.Grid((160, 4, 1), (4e-9, 4e-9, 3e-9))
    part = jaxstt.Grid((80, 4, 1), strip.spacing)
    for component, make, charge in (
        ("z", jaxstt.bloch_wall, 1), ("z", jaxstt.bloch_wall, -1),
        ("x", jaxstt.head_to_head_wall, 1), ("x", jaxstt.head_to_head_wall, -1),
    ):  # fmt: skip
        ends = jaxstt.end_domains(part, 8e5, length=640e-9, component=component, charge=charge)
        energies = (jaxstt.Demag(part), ends)
        m = make(strip, 8e-9, position=330e-9, charge=charge)
        whole = jaxstt.LLG(strip, Ms=8e5, alpha=0.1, energies=(jaxstt.Demag(strip),))
        window = jaxstt.LLG(part, Ms=8e5, alpha=0.1, energies=energies)
        expected = jaxstt.effective_field(whole, m)[:, 40:120]
        found = jaxstt.effective_field(window, m[:, 40:120])
        np.testing.assert_allclose(found, expected, atol=2e-4)
        without = jaxstt.LLG(part, Ms=8e5, alpha=0.1, energies=energies[:1])
        off = np.abs(jaxstt.effective_field(without, m[:, 40:120]) - expected).max()
        assert off > 0.03
    whole = jaxstt.end_domains(part, 8e5, length=320e-9)
    assert np.abs(whole.B).max() < 1e-9  # nothing is beyond


def short_times(n: int):
    return np.linspace(0.0, n * 1e-9, 3)


BAD = {
    "of the shape (1, 1) of the cross-section, got shape (3,)": lambda: jaxstt.end_domains(
        WINDOW, np.ones(3), length=1e-6
    ),
    "of the cross-section, got 0": lambda: jaxstt.end_domains(WINDOW, 0.0, length=1e-6),
    "`sample` must be an LLG or a function, got int": lambda: jaxstt.follow(3, wall(), TIMES),
    "`m0` must hold one wall": lambda: jaxstt.follow(llg(), jnp.abs(wall()), TIMES),
    "`component` must be": lambda: jaxstt.follow(llg(), wall(), TIMES, component="w"),
    "`thermal` must be a jaxstt.Thermal": lambda: jaxstt.follow(
        llg(), wall(), TIMES, thermal=300.0
    ),
    "`moves` must be 25 whole numbers": lambda: jaxstt.follow(llg(), wall(), TIMES, moves=[1, 2]),
    "`sample` must not be periodic along x": lambda: jaxstt.follow(
        llg(jaxstt.Grid((48, 1, 1), WINDOW.spacing, (True, False, False))), wall(), TIMES
    ),
    "`t` must": lambda: jaxstt.follow(llg(), wall(), [1.0]),
    "`field` must have the shape": lambda: jaxstt.section(jnp.ones(3), 0, 2),
    "nx >= `count` = 9": lambda: jaxstt.section(jnp.ones((3, 1, 1)), 0, 9),
    "`length` must be >= that of the window": lambda: jaxstt.end_domains(WINDOW, 8e5, length=1e-8),
    "`charge` must be": lambda: jaxstt.end_domains(WINDOW, 8e5, length=1e-6, charge=2),
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        BAD[told]()


def test_a_wall_that_leaves_is_told() -> None:
    """More than half the window between two times."""
    with pytest.raises(RuntimeError, match="left the window"):
        jaxstt.follow(llg(j=4 * J), wall(), short_times(2))
    found = jaxstt.follow(llg(j=4 * J), wall(), short_times(2), throw=False)
    assert bool(found.result == jaxstt.RESULTS.wall_left)
