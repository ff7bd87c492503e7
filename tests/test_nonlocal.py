"""NonlocalSTT: spins followed along the wire, against Zhang-Li and the wall-crossing table."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import constants as c

WIDTH, V_F, MS = 10e-9, 3e5, 8e5


def splitting(ratio: float) -> float:
    """Delta, J, that makes l/(v_F tau_ex) = ratio."""
    return c.HBAR * V_F * ratio / WIDTH


def torque(ratio: float, xi: float, j: float = -1e12, **options) -> jaxstt.NonlocalSTT:
    return jaxstt.NonlocalSTT(j, P=0.5, xi=xi, Delta=splitting(ratio), v_F=V_F, **options)


def wire(cell: float, length: float = 600e-9) -> jaxstt.Grid:
    return jaxstt.Grid((round(length / cell), 1, 1), (cell, cell, cell))


@eqx.filter_jit
def rate(torque: jaxstt.AbstractTorque, grid: jaxstt.Grid, m: jax.Array) -> jax.Array:
    return torque.rate(grid, jnp.asarray(MS), jnp.zeros(()), m)


# l/(v tau_ex), xi, a/a_local and xi_eff from the full spin equation; xi_eff over the Fermi surface.
CROSSING = [
    (20, 0.02, 0.99965, 0.02003, 0.02002),
    (20, 0.5, 0.99881, 0.5007, 0.5004),
    (10, 0.1, 0.99756, 0.1006, 0.1004),
    (5, 0.02, 0.99813, 0.02046, 0.02027),
    (3, 0.0, 0.99968, 9.686e-4, 2.4e-4),
    (3, 0.5, 0.95192, 0.5300, 0.5178),
    (2, 0.02, 0.98631, 0.03848, 0.02708),
    (1.5, 0.1, 0.92175, 0.1760, 0.1372),
    (1, 0.02, 0.82893, 0.2131, 0.1167),
]
GRID = wire(1e-9)
PLACE, TILT = 300.37e-9, 0.3
WALL = jaxstt.neel_wall(GRID, WIDTH, position=PLACE, angle=TILT)


def weights(found: jax.Array) -> tuple[float, float]:
    """(a, b): the parts of a torque that turn the wall's angle and push it, over u0 d_x m."""
    x = (np.arange(GRID.shape[0]) + 0.5) * GRID.spacing[0] - PLACE
    theta = 2 * np.arctan(np.exp(x / WIDTH))
    slope = 1 / WIDTH / np.cosh(x / WIDTH)
    zero, one = 0 * x, 1 + 0 * x
    e_theta = [np.cos(theta) * np.cos(TILT), np.cos(theta) * np.sin(TILT), -np.sin(theta)]
    e_phi = [-np.sin(TILT) * one, np.cos(TILT) * one, zero]
    u0 = -c.MU_B * 0.5 * 1e12 / (c.E_CHARGE * MS)
    parts = [np.sum(found[:, :, 0, 0] * np.array(e) * slope) for e in (e_theta, e_phi)]
    norm = u0 * 2 / WIDTH / GRID.spacing[0]
    return parts[0] / norm, -parts[1] / norm


@pytest.mark.parametrize("ratio,xi,a,xi_eff,fermi", CROSSING)
def test_wall_crossing_table(ratio, xi, a, xi_eff, fermi) -> None:
    """Cells of a tenth of the width at fourth order: 5e-4 of both weights, 3e-6 of b."""
    found = weights(np.asarray(rate(torque(ratio, xi, order=4), GRID, WALL)))
    assert found[0] * (1 + xi**2) == pytest.approx(a, rel=5e-4)
    assert found[1] / found[0] == pytest.approx(xi_eff, rel=5e-4, abs=3e-6)
    found = weights(np.asarray(rate(torque(ratio, xi, order=4, directions=10), GRID, WALL)))
    assert found[1] / found[0] == pytest.approx(fermi, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("order", [2, 4])
def test_wide_textures_feel_zhang_li(sign: int, order: int) -> None:
    """kappa = 1e-3, cells of 5 v tau_ex; also where the current changes direction."""
    grid = wire(2.5e-9)
    m = jaxstt.bloch_wall(grid, WIDTH, angle=0.4)
    local = jaxstt.ZhangLi((sign * 1e12, 0, 0), P=0.5, xi=0.1, n0=1e4, order=order)
    found = rate(torque(1e3, 0.1, sign * 1e12, n0=1e4, order=order), grid, m)
    expected = rate(local, grid, m)
    scale = float(jnp.max(jnp.abs(expected)))
    np.testing.assert_allclose(found, expected, atol=2e-3 * scale)
    assert float(jnp.max(jnp.abs(jnp.sum(found * m, 0)))) < 1e-12 * scale
    ours, theirs = torque(9.0, 0.1, n0=1e4), local
    np.testing.assert_allclose(
        jnp.stack(ours.renormalisation(jnp.asarray(MS))),
        jnp.stack(theirs.renormalisation(jnp.asarray(MS))),
    )


def llg(torque, grid) -> jaxstt.LLG:
    energies = (
        jaxstt.Exchange(1.3e-11, order=4),
        jaxstt.UniaxialAnisotropy(1.3e5),
        jaxstt.UniaxialAnisotropy(-1e5, (0.0, 1.0, 0.0)),
    )
    return jaxstt.LLG(grid, Ms=MS, alpha=0.5, energies=energies, torques=(torque,))


@pytest.mark.thorough
@pytest.mark.parametrize(
    "ratio,a,xi_eff,within",
    [(20, 0.99925, 0.1002, 2e-3), (3, 0.98455, 0.1087, 5e-3), (1.5, 0.92175, 0.1760, 5e-3)],
)
@pytest.mark.parametrize("j", [2e11, -2e11])
def test_wall_velocity(ratio, a, xi_eff, within, j) -> None:
    """v = -b u0/alpha: against j, and by b/b_local faster than with Zhang-Li (asked: 5e-2)."""
    grid, times = wire(2e-9, 300e-9), np.linspace(0, 5e-10, 11)
    m0 = jaxstt.neel_wall(grid, WIDTH)

    def velocity(torque) -> float:
        sol = jaxstt.evolve(llg(torque, grid), m0, times, save=jaxstt.WallTracker(grid))
        return float(jaxstt.wall_velocity(grid, sol, window=(3.5e-10, 5e-10)))

    local = velocity(jaxstt.ZhangLi((j, 0, 0), P=0.5, xi=0.1, order=4))
    found = velocity(torque(ratio, 0.1, j, order=4))
    assert local * j < 0
    assert found / local == pytest.approx(a * xi_eff / 0.1, rel=within)
    if ratio == 20:
        assert found / local == pytest.approx(1, abs=2e-3)


@pytest.mark.thorough
def test_derivatives() -> None:
    """By every parameter and by the state, forward, reverse and by differences."""
    grid = wire(2e-9, 100e-9)
    m0, way, weight = (
        jaxstt.neel_wall(grid, 6e-9, angle=0.4),
        helpers.noise(grid),
        helpers.noise(grid, 1),
    )
    values = {"j": -1e12, "P": 0.5, "xi": 0.1, "Delta": splitting(2.0), "v_F": V_F, "step": 0.0}

    def f(factor):
        x = {name: values[name] * factor[name] for name in values if name != "step"}
        return jnp.sum(weight * rate(jaxstt.NonlocalSTT(**x), grid, m0 + factor["step"] * way))

    one = {name: jnp.ones(()) for name in values} | {"step": jnp.zeros(())}
    value, forward, reverse = jax.jit(lambda x: (f(x), jax.jacfwd(f)(x), jax.grad(f)(x)))(one)
    f = jax.jit(f)
    for name, x in one.items():
        central = (f(one | {name: x + 1e-4}) - f(one | {name: x - 1e-4})) / 2e-4
        np.testing.assert_allclose(forward[name], reverse[name], rtol=1e-9)
        np.testing.assert_allclose(forward[name], central, rtol=5e-6)
    np.testing.assert_allclose(forward["j"], value, rtol=1e-9)


def test_derivative_at_no_current() -> None:
    slope = jax.jacfwd(lambda j: rate(torque(2.0, 0.1, j), GRID, WALL))(0.0)
    np.testing.assert_allclose(slope, -rate(torque(2.0, 0.1, -1.0), GRID, WALL), rtol=1e-9)


def test_spins_start_anew_behind_vacuum_and_along_any_axis() -> None:
    cell, n = 2e-9, 40
    solid = np.ones((n, 2, 1), bool)
    solid[18:20] = False
    grid = jaxstt.Grid((n, 2, 1), (cell,) * 3, mask=solid)
    m = jaxstt.bloch_wall(grid, 8e-9, position=50e-9, angle=0.2)
    short = jaxstt.Grid((20, 2, 1), (cell,) * 3)
    term = torque(2.0, 0.1)
    whole = rate(term, grid, m)
    np.testing.assert_allclose(whole[:, 20:], rate(term, short, m[:, 20:]), rtol=1e-12, atol=1e-3)
    assert bool(jnp.all(whole[:, 18:20] == 0)) and bool(jnp.all(jnp.isfinite(whole)))
    turned = jaxstt.Grid((2, n, 1), (cell,) * 3, mask=solid.swapaxes(0, 1))
    along_y = rate(torque(2.0, 0.1, axis="y"), turned, m.swapaxes(1, 2))
    np.testing.assert_allclose(along_y.swapaxes(1, 2), whole, rtol=1e-12, atol=1e-3)


BAD = {
    "`P` must be <= 1": {"P": 1.1},
    "`xi` must be >= 0": {"xi": -0.1},
    "`Delta` must be > 0": {"Delta": 0.0},
    "`v_F` must be > 0": {"v_F": -1.0},
    "`n0` must be >= 0": {"n0": -1.0},
    "`j` must be a number": {"j": (1e12, 0, 0)},
    "`axis` must be": {"axis": "w"},
    "`directions` must be an integer >= 1": {"directions": 0},
    "`directions` must be an integer >= 1, got 2.5": {"directions": 2.5},
    "`order` must be": {"order": 3},
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str) -> None:
    good = {"j": 1e12, "P": 0.5, "xi": 0.1, "Delta": 1e-19, "v_F": 3e5}
    with pytest.raises(ValueError, match=message):
        jaxstt.NonlocalSTT(**{**good, **BAD[message]})


def test_a_ring_has_no_entrance() -> None:
    ring = jaxstt.Grid((8, 1, 1), (1e-9,) * 3, periodic=(True, False, False))
    with pytest.raises(ValueError, match="must not be periodic along x"):
        jaxstt.LLG(ring, Ms=MS, alpha=0.1, torques=(torque(2.0, 0.1),))


def test_evolve_warns_of_a_narrow_texture() -> None:
    grid = wire(2e-9, 100e-9)
    wide, narrow = (jaxstt.neel_wall(grid, w) for w in (16e-9, 6e-9))
    term = jaxstt.ZhangLi((0, 0, 0), P=0.5, xi=0.1, precession_length=2e-9)
    jaxstt.evolve(llg(term, grid), wide, [0, 1e-14])
    with pytest.warns(jaxstt.ValidityWarning, match="kappa = .* = 0.33"):
        jaxstt.evolve(llg(term, grid), narrow, [0, 1e-14])


def test_evolve_warns_of_a_wall_of_two_cells() -> None:
    grid = wire(2e-9, 100e-9)
    term = torque(3.0, 0.1)
    jaxstt.evolve(llg(term, grid), jaxstt.neel_wall(grid, 5e-9), [0, 1e-14])
    with pytest.warns(jaxstt.ValidityWarning, match="narrower than two cells"):
        jaxstt.evolve(llg(term, grid), jaxstt.neel_wall(grid, 3.6e-9), [0, 1e-14])
