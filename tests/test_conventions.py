"""CONVENTIONS.md against the code: each number it prints, each sign and factor it states.

The other codes' equations are written out here in NumPy, with their own constants.
"""

import importlib.util
import re
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import constants

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS.parent / "CONVENTIONS.md").read_text(encoding="utf-8")

# The set of the page's worked example.
GAMMA, MS, ALPHA, XI, P, N0, J = 1.7595e11, 8e5, 0.01, 0.05, 0.6, 4e4, 1e12
# mumax3's constants.h
MUMAX3 = {"mu_B": 9.2740091523e-24, "e": 1.60217646e-19, "gamma_0": 1.7595e11}
OURS = {"mu_B": constants.MU_B, "e": constants.E_CHARGE, "gamma_0": GAMMA}

GRID = jaxstt.Grid((6, 5, 2), (4e-9, 5e-9, 3e-9))
CURRENT = (2e12, -1.5e12, 0.7e12)

motion = jax.jit(jaxstt.CollectiveWall.motion)


def coefficients(j=J, gamma=GAMMA, n0=N0):
    return jaxstt.torque_coefficients(Ms=MS, alpha=ALPHA, xi=XI, P=P, n0=n0, j=j, gamma=gamma)


def magnet(torque, alpha=ALPHA, gamma=GAMMA, grid=GRID):
    energies = (
        jaxstt.Exchange(1.3e-11),
        jaxstt.UniaxialAnisotropy(1e5, (0.0, 0.6, 0.8)),
        jaxstt.Zeeman((0.01, 0.02, 0.05)),
    )
    return jaxstt.LLG(grid, Ms=MS, alpha=alpha, gamma=gamma, energies=energies, torques=(torque,))


@pytest.fixture(scope="module")
def state():
    """Any texture, varying at the edges too."""
    return jaxstt.random_state(GRID, jax.random.key(3))


@pytest.fixture(scope="module")
def ours(state):
    """dm/dt of the paper's equation with the bare alpha and gamma."""
    torque = jaxstt.ZhangLi(j=CURRENT, P=P, xi=XI, n0=N0)
    return np.asarray(jaxstt.rhs(magnet(torque), 0.0, state))


def cross(a, b):
    return np.cross(a, b, axis=0)


def slope(m, direction):
    """(direction.grad)m by central differences with clamped neighbours."""
    total = np.zeros_like(m)
    for axis, (component, d) in enumerate(zip(direction, GRID.spacing, strict=True), start=1):
        n = m.shape[axis]
        upper = np.take(m, np.minimum(np.arange(n) + 1, n - 1), axis)
        lower = np.take(m, np.maximum(np.arange(n) - 1, 0), axis)
        total += component * (upper - lower) / (2 * d)
    return total


def field(m):
    return np.asarray(jaxstt.effective_field(magnet(jaxstt.ZhangLi((0.0, 0.0, 0.0), P, XI)), m))


def largest(x):
    return np.max(np.abs(x))


# -- the page's numbers --------------------------------------------------------------------------


def table(first_cell: str) -> dict[str, list[str]]:
    """Rows of the page's table whose heading begins with `first_cell`, by their first cell."""
    rows, inside = {}, False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not set(line) <= set("|-"):
            rows[cells[0]] = cells[1:]
    assert rows, f"CONVENTIONS.md has no table {first_cell!r}"
    return rows


def same_digits(shown: str, value: float) -> bool:
    """Whether `value` rounds to the number that is shown."""
    mantissa, _, exponent = shown.partition("e")
    decimals = len(mantissa.partition(".")[2])
    scale = 10.0 ** int(exponent or 0)
    return abs(float(shown) - float(value)) <= 0.5000001 * scale * 10.0**-decimals


def test_worked_example_is_what_the_converters_give():
    """Digit by digit; `python docs/conventions.py` writes it."""
    source = importlib.util.spec_from_file_location("conventions", DOCS / "conventions.py")
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    assert module.page() == PAGE
    c, values = coefficients(), {name: row[0] for name, row in table("quantity").items()}
    by_hand = {
        "U": float(c.U),
        "gamma~": float(c.gamma),
        "alpha~": float(c.alpha),
        "Pol/(1+eta)": P / (1 + float(c.eta)),
        "u_T": -float(c.U),
        "gamma_G": constants.MU_0 * float(c.gamma),
        "P_T": P / (1 + XI**2) / (1 + float(c.eta)),
    }
    assert {n: v for n, v in by_hand.items() if not same_digits(values[n], v)} == {}


def test_gyromagnetic_ratios_of_the_page():
    shown = re.findall(r"(\d\.\d+e11)", PAGE[PAGE.index("γ in rad/(s T): here") :])
    values = (constants.GAMMA, constants.GAMMA_MUMAX3, constants.GAMMA_OOMMF)
    assert len(shown) == 3
    assert all(same_digits(a, b) for a, b in zip(shown, values, strict=True))
    # "for g = 2, 0.04 % more than P"
    assert round(100 * (constants.GAMMA_MUMAX3 / constants.GAMMA - 1), 2) == 0.04


def test_drive_lost_to_the_cell_size():
    """Projection of the discrete (u.grad)m of a tanh wall on its derivative, 1 in the continuum."""
    width = 10e-9
    for label, shown in table("cell d").items():
        ratio = int(label.removeprefix("λ/"))
        grid = jaxstt.Grid((40 * ratio, 1, 1), (width / ratio,) * 3)
        middle = grid.lengths[0] / 2
        m = jaxstt.bloch_wall(grid, width, position=middle)
        s = (grid.centres("x") - middle) / width
        exact = np.stack([0 * s, -np.tanh(s) / np.cosh(s), -1 / np.cosh(s) ** 2]) / width
        for order, number in zip((2, 4), shown, strict=True):
            torque = jaxstt.ZhangLi((1e12, 0.0, 0.0), P=1.0, xi=0.0, order=order)
            rate = torque.rate(grid, jnp.asarray(MS), jnp.asarray(0.0), m)[:, :, 0, 0]
            u = float(jaxstt.torque_coefficients(Ms=MS, alpha=0.0, xi=0.0, P=1.0, j=1e12).u)
            lost = 1 - np.sum(rate * exact) / np.sum(u * exact**2)
            assert same_digits(number, lost), (label, order, lost)
            if order == 2 and ratio >= 4:
                assert lost == pytest.approx(ratio**-2 / 6, rel=0.02)


def test_longest_stable_steps_of_the_page():
    found = re.search(
        r"([\d.]+) ps, ([\d.]+) ps and ([\d.]+) ps for cells of 5, 2.5 and 1 nm", PAGE
    )
    assert found
    for shown, d in zip(found.groups(), (5e-9, 2.5e-9, 1e-9), strict=True):
        grid = jaxstt.Grid((6, 1, 1), (d, d, d))
        steps = {}
        for order in (2, 4):
            energies = (jaxstt.Exchange(1.3e-11, order=order),)
            llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.0, energies=energies)
            steps[order] = 1e-7 / float(jaxstt.FixedStep().longest(llg, float))
        assert same_digits(shown, 1e5 / steps[2])
        assert steps[4] / steps[2] == pytest.approx(4 / 3, rel=1e-4)
        assert 1e-7 / steps[2] == pytest.approx(
            2.4 * 8e5 * d**2 / (8 * constants.GAMMA * 1.3e-11), rel=1e-3
        )


# -- the equation --------------------------------------------------------------------------------


def test_corrected_equation_with_renormalised_coefficients(state, ours):
    """dm/dt = -gamma~ m x B + alpha~ m x dm/dt + (U.grad)m - xi m x (U.grad)m."""
    m, c = np.asarray(state), coefficients(jnp.asarray(CURRENT))
    w = slope(m, np.asarray(c.U))
    w -= m * np.sum(m * w, axis=0)
    right = -float(c.gamma) * cross(m, field(m)) + float(c.alpha) * cross(m, ours)
    right += w - XI * cross(m, w)
    assert largest(ours - right) < 1e-12 * largest(ours)


def test_renormalised_values_with_n0_count_the_electrons_twice():
    """A field moves a wall with gamma lam/(alpha + xi eta), by the bare set or by the other one."""
    wall = {"A": 1.3e-11, "K": 1.3e5, "Kp": 1e4, "Ms": MS, "xi": XI, "P": P}
    c = coefficients()
    renormalised = {"alpha": c.alpha, "gamma": c.gamma}

    def mobility(**settings):
        return float(motion(jaxstt.CollectiveWall(**wall, **settings), 0.0, 1e-5).velocity) / 1e-5

    bare = mobility(alpha=ALPHA, gamma=GAMMA, n0=N0)
    width = np.sqrt(1.3e-11 / 1.3e5)
    assert bare == pytest.approx(GAMMA * width / (ALPHA + XI * float(c.eta)), rel=1e-4)
    assert mobility(**renormalised) == pytest.approx(bare, rel=1e-12)
    assert abs(mobility(**renormalised, n0=N0) / bare - 1) > 0.1


def test_two_torques_with_conduction_electrons_are_refused():
    torque = jaxstt.ZhangLi((0.0, 0.0, 0.0), P=P, xi=XI, n0=N0)
    with pytest.raises(ValueError, match="twice"):
        jaxstt.LLG(GRID, Ms=MS, alpha=ALPHA, torques=(torque, torque))


# -- other codes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("convention", ["oommf", "paper"])
def test_velocity_conventions_give_the_same_motion(state, ours, convention):
    """The other code's set, alpha~, gamma~ and u_T = -U, against the bare one with n0."""
    c = coefficients(jnp.asarray(CURRENT))
    u = -c.U if convention == "oommf" else c.U
    torque = jaxstt.ZhangLi.from_velocity(u, XI, MS, convention=convention)
    other = np.asarray(jaxstt.rhs(magnet(torque, c.alpha, c.gamma), 0.0, state))
    assert largest(other - ours) < 1e-12 * largest(ours)


def test_oommf_equation(state, ours):
    """dm/dt = -gamma_G m x H + alpha m x dm/dt - (u_T.grad)m + beta m x (u_T.grad)m."""
    m, c = np.asarray(state), coefficients()
    gamma_G, u_T = constants.MU_0 * float(c.gamma), -float(c.U) / J * np.array(CURRENT)
    w = slope(m, u_T)
    w -= m * np.sum(m * w, axis=0)
    H = field(m) / constants.MU_0
    right = -gamma_G * cross(m, H) + float(c.alpha) * cross(m, ours) - w + XI * cross(m, w)
    assert largest(ours - right) < 1e-12 * largest(ours)
    # and back: "P = -u_T e (Ms(1+xi^2) + n0)/(mu_B j)"
    back = -u_T[0] * constants.E_CHARGE * (MS * (1 + XI**2) + N0) / (constants.MU_B * CURRENT[0])
    assert back == pytest.approx(P, rel=1e-12)


def mumax3(m, B, *, GammaLL, alpha, Pol, known):
    """dm/dt of mumax3: Landau-Lifshitz and Zhang-Li torques in T, times GammaLL."""
    J = Pol * np.array(CURRENT)
    b = known["mu_B"] / (known["e"] * known["gamma_0"] * MS * (1 + XI**2))
    h = slope(m, b * J)
    precession = cross(m, B) + alpha * cross(m, cross(m, B))
    spin = (1 + XI * alpha) * cross(m, cross(m, h)) + (XI - alpha) * cross(m, h)
    return -GammaLL / (1 + alpha**2) * (precession + spin)


@pytest.mark.parametrize(("known", "tolerance"), [(OURS, 1e-12), (MUMAX3, 3e-8)])
def test_mumax3_equation(state, ours, known, tolerance):
    """GammaLL = gamma~, alpha = alpha~, Pol = P; mumax3's own mu_B/e differs by 1e-8."""
    m, c = np.asarray(state), coefficients()
    B, settings = field(m), {"GammaLL": float(c.gamma), "alpha": float(c.alpha), "known": known}
    assert largest(mumax3(m, B, Pol=P, **settings) - ours) < tolerance * largest(ours)
    twice = mumax3(m, B, Pol=P / (1 + float(c.eta)), **settings)
    assert largest(twice - ours) > 1e-3 * largest(ours)


def test_mumax3_with_gamma_at_its_default_or_another_gamma(state):
    """The spin torque alone, B = 0: Pol = P/(1+eta) at the default, else Pol = P gamma_0/gamma."""
    m, zero = np.asarray(state), np.zeros((3, *GRID.shape))
    torque = jaxstt.ZhangLi(j=CURRENT, P=P, xi=XI, n0=N0)
    gamma = constants.GAMMA
    c = coefficients(gamma=gamma)
    bare = jaxstt.LLG(GRID, Ms=MS, alpha=ALPHA, gamma=gamma, torques=(torque,))
    expected = np.asarray(jaxstt.rhs(bare, 0.0, state))
    gamma_0, eta = MUMAX3["gamma_0"], float(c.eta)
    for GammaLL, Pol in ((gamma_0, P / (1 + eta)), (float(c.gamma), P * gamma_0 / gamma)):
        theirs = mumax3(m, zero, GammaLL=GammaLL, alpha=float(c.alpha), Pol=Pol, known=MUMAX3)
        assert largest(theirs - expected) < 3e-8 * largest(expected)


def test_edges():
    """Half of the one-sided slope in the edge cells (OOMMF: all of it), and no exchange torque."""
    grid = jaxstt.Grid((5, 1, 1), (2e-9, 2e-9, 2e-9))
    angle = 0.01 * np.arange(5.0)
    m = jnp.asarray(np.stack([np.sin(angle), 0 * angle, np.cos(angle)]))[:, :, None, None]
    torque = jaxstt.ZhangLi((1e12, 0.0, 0.0), P=1.0, xi=0.0)
    rate = np.asarray(torque.rate(grid, jnp.asarray(MS), jnp.asarray(0.0), m))[0, :, 0, 0]
    whole = (
        float(jaxstt.torque_coefficients(Ms=MS, alpha=0.0, xi=0.0, P=1.0, j=1e12).u) * 0.01 / 2e-9
    )
    np.testing.assert_allclose(rate[[0, 1, 2]] / whole, [0.5, 1.0, 1.0], rtol=1e-3)
    llg = jaxstt.LLG(grid, Ms=MS, alpha=0.0, energies=(jaxstt.Exchange(1.3e-11),))
    total = np.sum(np.asarray(jaxstt.effective_field(llg, m)), axis=(1, 2, 3))
    assert largest(total) < 1e-12 * largest(np.asarray(jaxstt.effective_field(llg, m)))


# -- walls ---------------------------------------------------------------------------------------

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
