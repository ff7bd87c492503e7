"""CONVENTIONS.md against the code: the signs of walls and of the terms of films."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conventions_page import ALPHA, GAMMA, MS, N0, XI, J, P, coefficients, motion, table

import jaxstt
from jaxstt import constants

WIRE = jaxstt.Grid((60, 1, 1), (3e-9, 3e-9, 3e-9))
WALLS = {
    "bloch": (jaxstt.bloch_wall, "z"),
    "neel": (jaxstt.neel_wall, "z"),
    "head_to_head": (jaxstt.head_to_head_wall, "x"),
}


@eqx.filter_jit
def first_velocity(llg, m, component):
    """dq/dt of the wall in the state m."""
    place = jaxstt.WallTracker(WIRE, component)
    return jax.jvp(lambda m: place(0.0, m).position, (m,), (llg.rate(jnp.asarray(0.0), m),))[1]


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("kind", WALLS)
def test_walls_move_against_the_current_and_widen_the_favoured_domain(kind, charge):
    make, easy = WALLS[kind]
    width = 20e-9  # so wide against the cell that (u.grad)m is right to 1e-4 at the crossing, too
    m = make(WIRE, width, charge=charge)
    axis = np.eye(3)["xyz".index(easy)]
    K = 1.3e-11 / width**2
    energies = (jaxstt.Exchange(1.3e-11, order=4), jaxstt.UniaxialAnisotropy(K, axis))

    def velocity(j, B):
        torque = jaxstt.ZhangLi((j, 0.0, 0.0), P=P, xi=XI, order=4)
        terms = (*energies, jaxstt.Zeeman(B * axis))
        return float(
            first_velocity(
                jaxstt.LLG(WIRE, Ms=MS, alpha=0.1, energies=terms, torques=(torque,)), m, easy
            )
        )

    u = float(coefficients(n0=0.0).u)
    # At once, before the wall tilts: v = -u (1 + alpha xi)/(1 + alpha^2).
    assert velocity(J, 0.0) == pytest.approx(-u * (1 + 0.1 * XI) / 1.01, rel=2e-3)
    expected = charge * constants.GAMMA * width * 0.1 * 1e-3 / 1.01
    assert velocity(0.0, 1e-3) == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("charge", [1, -1])
def test_steady_motion_and_breakdown_of_the_page(charge):
    A, K, Kp = 1.3e-11, 1.3e5, 1e4
    wall = jaxstt.CollectiveWall(
        A=A, K=K, Kp=Kp, Ms=MS, alpha=ALPHA, xi=XI, P=P, n0=N0, gamma=GAMMA, charge=charge
    )
    c = coefficients()
    eta, alpha, gamma = float(c.eta), float(c.alpha), float(c.gamma)
    j = 1e10
    assert float(motion(wall, j, 0.0).velocity) == pytest.approx(
        -XI * float(c.u) * j / J / (ALPHA + XI * eta), rel=1e-9
    )
    mobility = charge * GAMMA * np.sqrt(A / K) / (ALPHA + XI * eta)
    assert float(motion(wall, 0.0, 1e-6).velocity) == pytest.approx(mobility * 1e-6, rel=1e-4)
    assert float(wall.breakdown_field()) == pytest.approx(alpha * Kp / MS, rel=1e-12)
    stiff = 2 * abs(np.sqrt(A * (K + Kp)) - np.sqrt(A * K))
    u_W = (1 + eta) * alpha * gamma * stiff / (MS * abs(XI - alpha))
    assert float(wall.breakdown_current()) == pytest.approx(u_W / float(c.u) * J, rel=1e-12)


@pytest.mark.parametrize(
    ("make", "easy", "centres"),
    [
        (jaxstt.bloch_wall, "z", {0.0: "x", np.pi / 2: "y"}),
        (jaxstt.neel_wall, "z", {0.0: "x", np.pi / 2: "y"}),
        (jaxstt.head_to_head_wall, "x", {0.0: "y", np.pi / 2: "z"}),
    ],
)
def test_angle_and_charge(make, easy, centres):
    for angle, axis in centres.items():
        m = make(WIRE, 10e-9, angle=angle)
        along = np.asarray(m["xyz".index(easy), :, 0, 0])
        assert along[0] > 0.99 and along[-1] < -0.99
        assert np.max(np.asarray(m["xyz".index(axis)])) > 0.98
        assert float(jaxstt.wall_angle(WIRE, m, easy)) == pytest.approx(angle, abs=1e-9)
        flipped = make(WIRE, 10e-9, angle=angle, charge=-1)
        assert float(flipped["xyz".index(easy), 0, 0, 0]) < -0.99


def test_rest_direction_follows_the_sign_of_kp():
    for Kp, rest in ((1e4, 0.0), (-1e4, np.pi / 2)):
        wall = jaxstt.CollectiveWall(A=1.3e-11, K=1.3e5, Kp=Kp, Ms=MS, alpha=ALPHA, xi=XI, P=P)
        angle = float(motion(wall, 0.0, 0.0).angle)
        assert angle == pytest.approx(rest, abs=1e-6)
        width = np.sqrt(1.3e-11 / (1.3e5 + Kp * np.sin(rest) ** 2))
        assert float(wall.width(rest)) == pytest.approx(width, rel=1e-12)


def test_films():
    """Each row of the table of films, by the sign that its last column states."""
    stated = {name.strip("`"): row[1] for name, row in table("term").items()}
    grid = jaxstt.Grid((40, 1, 1), (2e-9, 4e-9, 4e-9))

    def energy(term, m, grid=grid):
        llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(term,))
        return float(jaxstt.total_energy(llg, m))

    def rate(torque, m=(0.0, 0.0, 1.0)):
        one = jaxstt.Grid((1, 1, 1), (4e-9,) * 3)
        llg = jaxstt.LLG(one, Ms=8e5, alpha=0.0, torques=(torque,))
        return jaxstt.rhs(llg, 0.0, jaxstt.uniform(one, m))[:, 0, 0, 0]

    along, across = (jaxstt.uniform(grid, v) for v in ((1, 0, 0), (0, 0, 1)))
    assert "poles cost" in stated["Demag"]
    assert energy(jaxstt.Demag(grid), across) > energy(jaxstt.Demag(grid), along) > 0
    assert "a is easy" in stated["UniaxialAnisotropy"]
    easy = jaxstt.UniaxialAnisotropy(1e5, (1, 0, 0))
    assert energy(easy, along) < energy(easy, across)
    assert "axes are easy" in stated["CubicAnisotropy"]
    cubic = jaxstt.CubicAnisotropy(1e5)
    assert energy(cubic, along) < energy(cubic, jaxstt.uniform(grid, (1, 1, 1)))
    assert "up, −x, down along +x" in stated["InterfacialDMI"]
    to_left, to_right = (jaxstt.neel_wall(grid, 8e-9, angle=a) for a in (np.pi, 0.0))
    dmi = jaxstt.InterfacialDMI(1e-3)
    assert energy(dmi, to_left) < 0 < energy(dmi, to_right)
    assert "up, −y, down along +x" in stated["BulkDMI"]
    back, forth = (jaxstt.bloch_wall(grid, 8e-9, angle=a) for a in (-np.pi / 2, np.pi / 2))
    assert energy(jaxstt.BulkDMI(1e-3), back) < 0 < energy(jaxstt.BulkDMI(1e-3), forth)
    assert "towards p" in stated["Slonczewski"]
    assert float(rate(jaxstt.Slonczewski(1e12, (1, 0, 0), P=0.5))[0]) > 0
    assert "Pt below, j along +x: towards −y" in stated["SpinOrbit"]
    assert float(rate(jaxstt.SpinOrbit((1e12, 0, 0), theta_DL=0.1))[1]) < 0
    assert "polarity/2; skyrmion, core down in up: −1" in stated["topological_charge"]
    film = jaxstt.Grid((30, 30, 1), (2e-9,) * 3)
    down = jaxstt.skyrmion(film, 10e-9, 3e-9)
    assert float(down[2, 15, 15, 0]) < 0
    np.testing.assert_allclose(jaxstt.topological_charge(film, down), -1, atol=1e-2)
    core = jaxstt.vortex(film, polarity=-1)
    np.testing.assert_allclose(jaxstt.topological_charge(film, core), -0.5, atol=2e-2)
