"""The 1-D LLG against independent simulations (1 nm cells, fourth-order stencils) and closed forms.

Sources of error here: cells of lambda/5 (velocity 2e-4), transients (e^-4 of a start that is right
to 1e-3), half-turn averages (1e-4).  Tolerances: 0.3 % below and 1 % above breakdown.
"""

import numpy as np
import pytest
from wall_runs import GAMMA, A, Case, simulate

import jaxstt

PMA = [
    Case(0.05, 0.02, -20.0, v=7.8432),
    Case(0.10, 0.05, -30.0, v=14.6361),
    Case(0.03, 0.06, -12.0, v=21.8047),
    Case(0.08, 0.20, -10.0, v=22.2188),
    Case(0.05, 0.02, -120.0, v=110.9108, phidot=-3.160e8),
    Case(0.04, 0.12, -60.0, v=59.4790, phidot=4.331e8),
    Case(0.05, 0.0, B=2e-4, v=7.030),
    Case(0.05, 0.02, -20.0, B=2e-4, v=14.740),
]

_SET = {"alpha": 0.06, "eta": 0.08, "K": 2e5, "Kp": 1.5e4}
BOTH_CHARGES = [
    Case(**_SET, xi=0.03, u=-15.0, v=7.2115),
    Case(**_SET, xi=0.03, u=-15.0, charge=-1, v=7.2115),
    Case(**_SET, xi=0.11, u=15.0, v=-23.983),
    Case(**_SET, xi=0.03, u=-15.0, B=4e-4, v=16.304),
    Case(**_SET, xi=0.03, u=-15.0, B=4e-4, charge=-1, v=-1.842),
    Case(**_SET, xi=0.11, u=-80.0, B=2e-3, v=77.595, phidot=7.307e8),
    Case(**_SET, xi=0.11, u=-80.0, B=2e-3, charge=-1, v=86.781),
    Case(**{**_SET, "K": 2.15e5, "Kp": -1.5e4}, xi=0.03, u=-15.0, v=7.2115),
    Case(**_SET, xi=0.02, u=-150.0, charge=-1, v=135.305, phidot=6.239e8),
    Case(**_SET, xi=0.02, B=3e-3, v=4.662, phidot=4.552e8),
]

_STRIP = {"alpha": 0.02, "eta": 0.05, "K": 2e4, "Kp": 2e5, "easy": "x"}
HEAD_TO_HEAD = [
    Case(**_STRIP, xi=0.05, u=-60.0, v=133.333),
    Case(**_STRIP, xi=0.05, u=-60.0, charge=-1, v=133.333),
    Case(**_STRIP, xi=0.05, B=1e-3, v=191.148),
    Case(**_STRIP, xi=0.05, B=1e-3, charge=-1, v=-191.148),
    Case(**_STRIP, xi=0.05, u=-60.0, B=1e-3, v=317.064),
    Case(**_STRIP, xi=0.05, u=-378.01, v=840.006),
    Case(**_STRIP, xi=0.05, u=-401.39, v=776.30, phidot=1.932e8),
    Case(**_STRIP, xi=0.05, u=-779.40, v=881.44, phidot=1.420e9),
    Case(**_STRIP, xi=0.05, u=-779.40, charge=-1, v=881.44, phidot=-1.420e9),
    Case(**_STRIP, xi=0.05, B=5.0893e-3, v=481.57),
    Case(**_STRIP, xi=0.05, B=8.0357e-3, v=180.41, phidot=1.003e9),
    Case(**_STRIP, xi=0.01, u=-600.0, v=292.681),
]


def check(case: Case, motion: jaxstt.WallMotion) -> None:
    if case.phidot == 0:
        assert bool(motion.locked)
        np.testing.assert_allclose(motion.velocity, case.v, rtol=3e-3)
    else:
        assert not bool(motion.locked)
        np.testing.assert_allclose(motion.velocity, case.v, rtol=1e-2)
        np.testing.assert_allclose(motion.precession, case.phidot, rtol=1e-2)


@pytest.mark.parametrize("case", PMA)
def test_perpendicular(case: Case):
    check(case, simulate(case, cell=2e-9))


@pytest.mark.parametrize("case", BOTH_CHARGES)
def test_both_charges(case: Case):
    check(case, simulate(case, cell=1.6e-9))


@pytest.mark.parametrize("case", HEAD_TO_HEAD)
def test_head_to_head(case: Case):
    # The wall contracts from 25 to 8 nm as it turns: cells a third of the narrowest width.
    check(case, simulate(case, cell=2.5e-9))


def test_galilean_invariance():
    """alpha = 0: the wall drifts with the conduction electrons, v = -u/eta, exactly."""
    case = Case(0.0, 0.5, eta=0.1)
    u_W = float(case.wall().breakdown_current()) / Case(0.0, 0.5, u=1.0, eta=0.1).j
    case = case._replace(u=-0.4 * u_W)
    motion = simulate(case, cell=1.25e-9)
    np.testing.assert_allclose(motion.velocity, -case.u / case.eta, rtol=1e-3)


def test_field_mobility_with_conduction_electrons():
    """j = 0, n0 > 0, xi > 0: v = gamma lambda B/(alpha + xi eta), small tilt."""
    case = Case(0.05, 0.2, B=2e-5, eta=0.1)
    motion = simulate(case, cell=1.25e-9)
    expected = GAMMA * np.sqrt(A / case.K) * case.B / (case.alpha + case.xi * case.eta)
    np.testing.assert_allclose(motion.velocity, expected, rtol=1e-3)


def test_breakdown_is_bracketed():
    """Locked at 0.97, precessing at 1.03 of u_W = 36.70 m/s."""
    case = Case(0.05, 0.02, eta=0.05)
    wall = case.wall()
    assert abs(float(wall.breakdown_current() * wall.coefficients(1.0).u) - 36.70) < 0.01
    below = simulate(case._replace(u=-0.97 * 36.6967), cell=2e-9)
    # A half turn takes over 100 ns here: one is enough, and cells of a third of the width.
    above = simulate(case._replace(u=-1.03 * 36.6967), cell=3e-9, half_turns=1.2)
    assert bool(below.locked) and abs(float(below.angle)) < np.pi / 4
    assert not bool(above.locked)


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("easy,Kp", [("z", 1e4), ("z", -1e4), ("x", 1e4)])
def test_every_wall_moves_against_the_current(easy: str, Kp: float, charge: int):
    K = 1.3e5 if Kp > 0 else 1.4e5
    case = Case(0.05, 0.04, u=10.0, K=K, Kp=Kp, charge=charge, easy=easy)
    assert case.j > 0
    motion = simulate(case, cell=2e-9)
    np.testing.assert_allclose(motion.velocity, -0.04 / (0.05 + 0.04 * 0.05) * 10.0, rtol=3e-3)
