"""CONVENTIONS.md against the code: each number it prints, each sign and factor it states.

The other codes' equations are written out here in NumPy, with their own constants.
"""

import importlib.util
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conventions_page import ALPHA, DOCS, GAMMA, MS, N0, PAGE, XI, J, P, coefficients, motion, table

import jaxstt
from jaxstt import constants

# mumax3's constants.h
MUMAX3 = {"mu_B": 9.2740091523e-24, "e": 1.60217646e-19, "gamma_0": 1.7595e11}
OURS = {"mu_B": constants.MU_B, "e": constants.E_CHARGE, "gamma_0": GAMMA}

GRID = jaxstt.Grid((6, 5, 2), (4e-9, 5e-9, 3e-9))
CURRENT = (2e12, -1.5e12, 0.7e12)


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
