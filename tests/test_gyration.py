"""Rows of a vortex core: against Thiele's equation in time, and what they tell."""

import dataclasses

import numpy as np
import pytest
from fit_data import check_jacobian, measurements, unchecked

import fitting
import jaxstt
from fitting import InputError, load_measurements

MS, F, D_G, N0 = 8e5, 6e8, 2.6, 4e4
VALUES = {"xi": 0.2, "P": 0.6, "alpha": 0.03, "f_core": F, "D_G": D_G}
SAMPLE = fitting.Sample(Ms=MS, n0=N0, D_G=D_G)
J = 2e10


def rows(*given) -> fitting.Measurements:
    return measurements([(o, j, 0.0, v, s) for o, j, v, s in given], SAMPLE)


RADIUS = rows(("gyration_radius", J, 1e-8, 1e-9), ("gyration_frequency", 0.0, F, 1e6))


def by_thiele(j: float) -> tuple[float, float]:
    """(longest, shortest) distance from the centre after many turns, by Runge-Kutta steps."""
    c = jaxstt.torque_coefficients(
        Ms=MS, alpha=VALUES["alpha"], xi=VALUES["xi"], P=VALUES["P"], n0=N0, j=j
    )
    U, alpha, omega = float(c.U), float(c.alpha), 2 * np.pi * F
    # kappa/G of the frequency omega: omega = (kappa/G)/(1 + (alpha d)^2)
    stiffness = omega * (1 + (alpha * D_G) ** 2)

    def rate(t, X):
        """G z x (V - w) + D (alpha V - xi w) + kappa X = 0, by components."""
        w = np.array([-U * np.cos(omega * t), 0.0])
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        force = -stiffness * X + turn @ w + D_G * VALUES["xi"] * w
        return np.linalg.solve(turn + alpha * D_G * np.eye(2), force)

    X, t, dt, far = np.zeros(2), 0.0, 1 / F / 64, []
    for _ in range(64 * 30):
        k1 = rate(t, X)
        k2 = rate(t + dt / 2, X + dt / 2 * k1)
        k3 = rate(t + dt / 2, X + dt / 2 * k2)
        k4 = rate(t + dt, X + dt * k3)
        X, t = X + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4), t + dt
        far.append(np.hypot(*X))
    return max(far[-64:]), min(far[-64:])


@pytest.mark.parametrize("j", [J, -J])
def test_radius_is_that_of_thieles_equation(j) -> None:
    data = dataclasses.replace(RADIUS, j=np.array([j, 0.0]))
    radius, frequency = fitting.predict(data, VALUES)
    longest, shortest = by_thiele(j)
    assert frequency == F
    assert radius == pytest.approx((longest + shortest) / 2, rel=2e-3)
    assert 0 < (longest - shortest) / 2 / radius < 0.06  # alpha~ d/2 = 0.045


def test_radius_feels_damping_and_current() -> None:
    radius = lambda **v: fitting.predict(RADIUS, {**VALUES, **v})[0]  # noqa: E731
    assert radius(alpha=0.06) < 0.65 * radius() and radius(D_G=5.2) < 0.65 * radius()
    assert radius(P=-0.6) == pytest.approx(radius()) and radius(j_scale=2.0) == 2 * radius()


def test_derivatives_of_rows() -> None:
    problem = unchecked(
        RADIUS, free=("xi", "P", "alpha", "f_core"), max_steps=1, nuisance=()
    ).solved.problem.objective
    check_jacobian(problem)


def test_what_a_core_and_a_drift_tell() -> None:
    """Frequency and radius fix P/alpha~ (at known xi); a drift velocity beside them alpha."""
    exact = fitting.predict(RADIUS, VALUES)
    drift = float(jaxstt.torque_coefficients(Ms=MS, alpha=0.0, xi=0.2, P=0.6, n0=N0, j=1e11).U)
    two = rows(
        ("gyration_radius", J, exact[0], 0.01 * exact[0]), ("gyration_frequency", 0.0, F, 0.01 * F)
    )
    three = rows(
        ("gyration_radius", J, exact[0], 0.01 * exact[0]),
        ("gyration_frequency", 0.0, F, 0.01 * F),
        ("drift_velocity", 1e11, drift, 0.01 * drift),
    )
    settings = {"free": ("P", "alpha", "f_core"), "fixed": {"xi": 0.2}}
    alone = unchecked(two, **settings)
    assert alone.converged and alone.identifiability.fixed == ("f_core",)
    assert alone.std["P"] is None and "separately" in alone.report()
    told = unchecked(three, **settings)
    assert told.identifiability.complete
    for name in ("P", "alpha"):
        assert told.values[name] == pytest.approx(VALUES[name], rel=1e-4)
    # R f_core alpha~/U: three errors of 1 %; alpha~ has the electrons' part in it.
    alpha, eta = VALUES["alpha"], N0 / MS / 1.04
    share = (alpha + 0.2 * eta) / alpha
    assert (told.std["alpha"] or 0.0) / alpha == pytest.approx(share * 0.01 * np.sqrt(3), rel=0.02)
    advice = fitting.what_next(alone)
    assert {c.observable for c in advice.candidates} == {
        "drift_velocity",
        "gyration_frequency",
        "gyration_radius",
    }
    assert advice.best("alpha").observable == "drift_velocity"


HEADER = "# Ms_A_per_m = 8e5\n# D_over_G = 2.6\n"
COLUMNS = "observable,current_density_A_per_m2,field_T,value,std,unit\n"
GOOD = "gyration_radius,1e10,,1e-8,1e-9,m\n"
BAD = [
    (HEADER, GOOD.replace("1e10", ""), "`current_density_A_per_m2` must be given and not 0"),
    (HEADER, GOOD.replace("1e10", "0"), "`current_density_A_per_m2` must be given and not 0"),
    (HEADER, GOOD.replace("1e10,", "1e10,1e-3"), "column `field_T` must be empty"),
    (HEADER, GOOD.replace("1e-8", "-1e-8"), "`value` of gyration_radius must be > 0, got -1e-8"),
    (HEADER, GOOD.replace("1e-8", "0"), "`value` of gyration_radius must be > 0, got 0"),
    (HEADER, GOOD.replace("1e-8", "1e-2"), "must be of a size between"),
    (HEADER, GOOD.replace(",m\n", ",nm\n"), "column `unit` must be m"),
    (
        HEADER,
        "gyration_frequency,,,-5e8,1e6,Hz\n",
        "`value` of gyration_frequency must be > 0, got -5e8",
    ),
    (HEADER, "gyration_frequency,,,0.5,1e-3,Hz\n", "must be of a size between"),
    (HEADER.replace("2.6", "0"), GOOD, "header key `D_over_G` must be > 0, got 0"),
    (HEADER + "# core_frequency_Hz = 0.6\n", GOOD, "`core_frequency_Hz` must be of a size"),
    (HEADER, GOOD, "`core_frequency_Hz`"),
    (HEADER.replace("# D_over_G = 2.6\n", "# core_frequency_Hz = 6e8\n"), GOOD, "`D_over_G`"),
]


@pytest.mark.parametrize("header, row, message", BAD)
def test_refused(header, row, message, tmp_path) -> None:
    file = tmp_path / "core.csv"
    file.write_text(header + COLUMNS + row)
    with pytest.raises(InputError) as error:
        fitting.fit(load_measurements(file), free=("P",), fixed={"xi": 0.0, "alpha": 0.1})
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_free_frequency_needs_no_header(tmp_path) -> None:
    file = tmp_path / "core.csv"
    file.write_text(
        HEADER
        + COLUMNS
        + GOOD.replace("1e-8,1e-9", "1e-9,1e-10")
        + "gyration_frequency,,,6e8,1e6,Hz\n"
    )
    found = fitting.fit(file, free=("P", "f_core"), fixed={"xi": 0.0, "alpha": 0.01})
    assert found.converged and found.values["f_core"] == pytest.approx(6e8, rel=1e-6)
    assert found.identifiability.complete and "6" in found.report()
