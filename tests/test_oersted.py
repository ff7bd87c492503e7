"""The field of a current: against the integral, far away, in a stack, on walls, in a config."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

import jaxstt

MU_0 = jaxstt.constants.MU_0
GRID = jaxstt.Grid((4, 8, 3), (2e-9, 5e-9, 2e-9))


def _field(grid, **given):
    term = jaxstt.Oersted(grid, **{"j": 1e12, **given})
    m = jnp.zeros((3, *grid.shape))
    return np.asarray(term.field(grid, jnp.asarray(8e5), jnp.zeros(()), m))


def _integral(y, z, across, up, j=1e12):
    """Biot and Savart, one of the two integrals by quadrature."""

    def over_y(which, s):
        a, b = y - across[0], y - across[1]
        if which == "z":
            return 0.5 * np.log((a**2 + s**2) / (b**2 + s**2))
        return np.arctan2(a, s) - np.arctan2(b, s)  # int s/(y'^2 + s^2) dy', s > 0

    def inner(which, up_):
        s = z - up_
        if which == "z":
            return over_y("z", s)
        return np.sign(s) * over_y("y", abs(s)) if s else 0.0

    points = [p for p in (z,) if up[0] < p < up[1]]
    how = {"points": points or None, "epsabs": 1e-18, "epsrel": 1e-10, "limit": 400}
    B_z = quad(lambda u: inner("z", u), *up, **how)[0]
    B_y = -quad(lambda u: inner("y", u), *up, **how)[0]
    return MU_0 * j / (2 * np.pi) * np.array([B_y, B_z])


@pytest.mark.parametrize(
    "across, up",
    [
        ((0.0, 40e-9), (0.0, 6e-9)),
        ((-7e-9, 31e-9), (-9e-9, -1e-9)),
        ((10e-9, 13e-9), (20e-9, 90e-9)),
    ],
)
def test_the_closed_form_is_the_integral(across, up) -> None:
    with jax.enable_x64(True):
        B = _field(GRID, y=across, z=up)
    assert (B[0] == 0).all() and np.ptp(B, axis=1).max() == 0
    largest = np.abs(B).max()
    for iy in range(8):
        for iz in range(3):
            expected = _integral((iy + 0.5) * 5e-9, (iz + 0.5) * 2e-9, across, up)
            np.testing.assert_allclose(B[1:, 0, iy, iz], expected, rtol=1e-6, atol=1e-8 * largest)


def test_the_default_is_the_wire_itself_and_a_stack_adds_up() -> None:
    with jax.enable_x64(True):
        own = _field(GRID)
        halves = _field(GRID, z=(0.0, 2e-9)) + _field(GRID, z=(2e-9, 6e-9))
    np.testing.assert_allclose(own, halves, atol=1e-12 * np.abs(own).max())
    # Odd about the middle; B_z > 0 where y is large, B_y < 0 above.
    np.testing.assert_allclose(own[2, 0], -own[2, 0, ::-1], atol=1e-12 * np.abs(own).max())
    assert (own[2, 0, -1] > 0).all() and (own[1, 0, :, 2] < 0).all()


def test_far_away_it_is_a_line_and_ampere_holds_inside() -> None:
    with jax.enable_x64(True):
        far = jaxstt.Grid((1, 1, 1), (1e-9, 2e-9, 2e-9))
        B = _field(far, y=(-5e-6 - 1e-9, -5e-6 + 3e-9), z=(0.0, 2e-9))[:, 0, 0, 0]
        line = MU_0 * 1e12 * 8e-18 / (2 * np.pi * 5e-6)
        np.testing.assert_allclose(B, [0, 0, line], rtol=1e-6, atol=1e-9 * line)
        fine = jaxstt.Grid((1, 40, 40), (1e-9, 1e-9, 1e-9))
        B = _field(fine, y=(10e-9, 30e-9), z=(5e-9, 40e-9))
        d_y, d_z = np.gradient(B[2, 0], 1e-9, axis=0), np.gradient(B[1, 0], 1e-9, axis=1)
        curl = (d_y - d_z)[13:27, 9:36]
        np.testing.assert_allclose(curl, MU_0 * 1e12, rtol=2e-3)
        assert np.isfinite(_field(fine, y=(10.5e-9, 30.5e-9), z=(5.5e-9, 9.5e-9))).all()  # corners


def test_float32_is_as_good_as_its_digits() -> None:
    with jax.enable_x64(True):
        exact = _field(GRID, z=(-5e-9, 0.0))
    with jax.enable_x64(False):
        rough = _field(GRID, z=(-5e-9, 0.0))
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, exact, rtol=1e-6, atol=1e-7 * np.abs(exact).max())


def test_a_pulse_and_derivatives_by_it() -> None:
    with jax.enable_x64(True):
        m = jnp.zeros((3, *GRID.shape))

        def seen(j):
            term = jaxstt.Oersted(GRID, jaxstt.Pulse(j, 1e-9, 1e-9))
            return term.field(GRID, jnp.asarray(8e5), jnp.asarray(1.5e-9), m)[2, 0, -1, 0]

        value, slope = jax.value_and_grad(seen)(2e12)
        np.testing.assert_allclose(value, 2 * _field(GRID)[2, 0, -1, 0], rtol=1e-12)
        np.testing.assert_allclose(slope * 2e12, value, rtol=1e-12)
        many = jax.vmap(seen)(jnp.array([1e12, -1e12]))
        assert float(many[0] + many[1]) == 0


def test_a_metal_below_chooses_the_sense_of_an_in_plane_wall() -> None:
    """j > 0 below makes B_y < 0 in the film: the head-to-head wall through -y is the lower one."""
    with jax.enable_x64(True):
        film = jaxstt.Grid((48, 4, 1), (4e-9, 5e-9, 4e-9))
        terms = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(5e4, (1.0, 0.0, 0.0)))
        for j in (2e12, -2e12):
            metal = jaxstt.Oersted(film, j, z=(-6e-9, 0.0))
            llg = jaxstt.LLG(film, Ms=8e5, alpha=0.5, energies=(*terms, metal))
            up, down = (
                jaxstt.total_energy(llg, jaxstt.head_to_head_wall(film, 16e-9, angle=angle))
                for angle in (0.0, np.pi)
            )
            assert (float(down) < float(up)) == (j > 0)


def test_the_own_field_turns_a_perpendicular_wall() -> None:
    """B_z > 0 at large y drives the upper half of a wall to +x where up lies to the left."""
    with jax.enable_x64(True):
        strip = jaxstt.Grid((40, 16, 1), (3e-9, 6e-9, 1e-9))
        llg = jaxstt.LLG(
            strip,
            Ms=8e5,
            alpha=0.5,
            energies=(
                jaxstt.Exchange(1.3e-11),
                jaxstt.UniaxialAnisotropy(2e5),
                jaxstt.Oersted(strip, 4e13),
            ),
        )
        m = jaxstt.evolve(llg, jaxstt.bloch_wall(strip, 8e-9), jnp.array([0.0, 0.1e-9])).m[-1]
        crossing = np.argmin(np.abs(np.asarray(m[2, :, :, 0])), axis=0)
    assert crossing[-1] > crossing[0]


@pytest.mark.parametrize(
    "given, told",
    [
        ({"y": (3e-9, 3e-9)}, r"`y` must be \(low, high\), m, low < high"),
        ({"z": (1e-9,)}, r"`z` must be \(low, high\)"),
        ({"z": (0.0, np.inf)}, r"`z` must be \(low, high\)"),
        ({"j": (1e12, 0.0, 0.0)}, "`j` must be a number"),
        ({"j": np.nan}, "`j` must be finite"),
    ],
)
def test_what_is_wrong_is_told(given, told) -> None:
    with pytest.raises(ValueError, match=told):
        _field(GRID, **given)


def test_wrong_grids_are_told() -> None:
    around = jaxstt.Grid((4, 8, 3), (2e-9, 5e-9, 2e-9), periodic=(False, True, False))
    with pytest.raises(ValueError, match="must not be periodic along y or z"):
        jaxstt.Oersted(around, 1e12)
    term = jaxstt.Oersted(GRID, 1e12)
    other = jaxstt.Grid((4, 6, 3), (2e-9, 5e-9, 2e-9))
    finer = jaxstt.Grid(GRID.shape, (2e-9, 5e-9, 1e-9))
    for wrong in (other, finer):
        with pytest.raises(ValueError, match="`grid` of Oersted must be that of the LLG"):
            jaxstt.LLG(wrong, Ms=8e5, alpha=0.1, energies=(term,))
    longer = jaxstt.Grid((9, 8, 3), (1e-9, 5e-9, 2e-9))
    jaxstt.LLG(longer, Ms=8e5, alpha=0.1, energies=(term,))
