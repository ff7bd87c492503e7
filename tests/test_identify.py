"""What the data fix: the table of the physics reference, and the same through `fit`.

Jacobian ranks of (xi, P, alpha) at xi = .04, P = .5, alpha = .02, errors 2 % + 2 cm/s.  The table
is for a rigid wall, here the limit K >> K_perp of `CollectiveWall`.
"""

import numpy as np
import pytest
from fit_data import measurements, unchecked

import fitting
import jaxstt
from fitting._errorbars import identify
from fitting._models import get_model
from fitting._problem import Counter, Evaluation, evaluate, set_up
from jaxstt import constants

G, MS, LAM, KP, N0 = 1.7595e11, 8e5, 10e-9, 1e4, 4e4
K = 1e10
BASE = {"xi": 0.04, "P": 0.5, "alpha": 0.02, "K_perp": KP}
SAMPLE = fitting.Sample(Ms=MS, A=K * LAM**2, gamma=G, n0=N0, easy_axis="z")


def drives() -> list[tuple[str, str, float, float]]:
    """(group, observable, j, B): groups as in the table's first column."""
    wall = jaxstt.CollectiveWall(
        A=K * LAM**2, K=K, Kp=KP, Ms=MS, alpha=0.02, xi=0.04, P=0.5, n0=N0, gamma=G
    )
    jw = float(wall.breakdown_current())
    below, above = -np.linspace(0.1, 0.9, 8) * jw, -np.linspace(1.2, 5, 8) * jw
    v, f = "wall_velocity", "precession_frequency"
    rows = [("below", v, j, 0.0) for j in below]
    rows += [("above", v, j, 0.0) for j in above]
    rows += [("mobility", v, 0.0, B) for B in np.linspace(4e-5, 1.8e-4, 5)]
    rows += [("fast field", v, 0.0, B) for B in np.linspace(1e-3, 5e-3, 6)]
    rows += [("both", v, j, B) for j in below[:6] for B in (-4e-5, 4e-5)]
    rows += [("frequency", f, j, 0.0) for j in above]
    rows += [("tilt", "wall_tilt", j, 0.0) for j in below]
    return rows


@pytest.fixture(scope="module")
def table():
    """identify(groups, K_perp free?) at the base point, from one evaluation of all rows."""
    rows = drives()
    data = measurements([(o, j, B, 1.0, 1.0) for _, o, j, B in rows], SAMPLE)
    problem = set_up(
        data,
        get_model("wall1d"),
        ("xi", "P", "alpha", "K_perp"),
        fixed={"K": K},
        nuisance=None,
        start={"K_perp": KP},
    )
    objective = problem.objective
    z = objective.space.coordinates(BASE)
    at = evaluate(objective, z, Counter())
    # m/s in the unit of each row; a tilt turns into a velocity as sin 2phi does into a torque.
    per = {"wall_velocity": 1.0, "precession_frequency": 2 * np.pi * LAM, "wall_tilt": 10.0}
    unit = np.array([per[o] for _, o, _, _ in rows])
    error = (0.02 * np.abs(at.prediction) * unit + 0.02) / unit

    def look(groups: str, known: bool):
        keep = np.array([group in groups.split(" + ") for group, *_ in rows])
        jacobian = at.jacobian[: len(rows)][keep] / error[keep, None]
        priors = np.zeros((4, 4))
        free = ("xi", "P", "alpha", "K_perp")
        if known:  # a prior so narrow that K_perp cannot move
            priors[3, 3], free = 1e9, free[:3]
        n = int(keep.sum())
        part = Evaluation(np.zeros(n + 4), np.vstack([jacobian, priors]), at.prediction[keep])
        return identify(objective, z, part, free)

    return look


# groups, rank with K_perp known, useful?, rank with K_perp also fitted
TABLE = [
    ("below", 1, 1, 1),
    ("below + mobility", 2, 2, 2),
    ("below + both", 2, 2, 2),
    ("below + fast field", 2, 2, 3),
    ("below + above", 3, 2, 3),
    ("below + above + mobility", 3, 3, 4),
    ("below + above + frequency", 3, 3, 4),
    ("below + frequency", 3, 3, 3),
    ("below + tilt", 2, 2, 2),
    ("below + tilt + mobility", 3, 3, 3),
]


@pytest.mark.parametrize(("groups", "known", "useful", "fitted"), TABLE)
def test_ranks_of_the_table(table, groups: str, known: int, useful: int, fitted: int) -> None:
    seen = table(groups, known=True)
    assert (seen.rank, seen.useful_rank) == (known, useful)
    assert table(groups, known=False).rank == fitted


ERRORS = [
    ("below + above + mobility", (0.013, 0.007, 0.010)),
    ("below + above + frequency", (0.016, 0.007, 0.022)),
]


@pytest.mark.parametrize(("groups", "errors"), ERRORS)
def test_relative_errors_of_the_table(table, groups: str, errors: tuple[float, ...]) -> None:
    """The table has two digits."""
    std = np.sqrt(np.diag(table(groups, known=True).covariance))[:3]
    np.testing.assert_allclose(std, errors, rtol=0.05, atol=0.0005)


def test_current_alone_leaves_xi_and_alpha_open(table) -> None:
    """Formally rank 3 with a condition of 1.5e4: P has 11 %, xi and alpha 46 times themselves."""
    seen = table("below + above", known=True)
    s = seen.singular_values
    assert s[0] / s[2] == pytest.approx(1.5e4, rel=0.1)
    assert seen.fixed == ("P",)
    assert np.sqrt(seen.covariance[1, 1]) == pytest.approx(0.11, rel=0.1)
    assert [c.name for c in seen.combinations] == ["P", "xi/alpha~"]
    assert "not xi and alpha separately" in seen.text


def test_tilt_beside_velocity_gives_what_the_table_says(table) -> None:
    """P and xi/alpha~, below breakdown, where K_perp is known."""
    seen = table("below + tilt", known=True)
    assert seen.fixed == ("P",) and [c.name for c in seen.combinations] == ["P", "xi/alpha~"]
    assert table("below + tilt + mobility", known=True).complete
    assert not table("below + tilt + mobility", known=False).complete


def test_combinations_are_named_and_have_the_right_value(table) -> None:
    eta = N0 / MS / (1 + 0.04**2)
    damping = (0.02 + 0.04 * eta) / (1 + eta)
    below = table("below", known=True)
    assert below.text.startswith("This data fixes xi P/(1+xi^2)/alpha~ only (= 0.953")
    assert below.combinations[0].value == pytest.approx(0.04 * 0.5 / (1 + 0.04**2) / damping)
    both = table("below + mobility", known=True)
    assert [c.name for c in both.combinations] == ["alpha~", "xi P/(1+xi^2)"]
    assert both.combinations[0].value == pytest.approx(damping)
    assert both.text.endswith("but not xi, P and alpha separately.")
    assert not both.fixed
    assert table("below + above + mobility", known=True).complete


def test_error_of_a_combination_is_that_of_its_data(table) -> None:
    """v = c mu_B j/(e Ms (1+eta)) below breakdown: weighted mean of the rows' relative errors."""
    only = table("below", known=True).combinations[0]
    j = np.array([abs(j) for group, _, j, _ in drives() if group == "below"])
    eta = N0 / MS / (1 + 0.04**2)
    v = only.value * constants.MU_B * j / (constants.E_CHARGE * MS * (1 + eta))
    expected = 1 / np.sqrt(np.sum((v / (0.02 * v + 0.02)) ** 2))
    assert only.std / only.value == pytest.approx(expected, rel=1e-4)


def test_fit_names_what_current_alone_fixes() -> None:
    """The whole way: velocities below breakdown, then with field mobility, then everything."""
    data = fitting.load_measurements("strip_a")
    below, mobility = data.line[:4], data.line[8:10]
    fit = unchecked(data.exclude(set(data.line) - set(below)))
    assert fit.converged and fit.identifiability is not None
    assert (fit.identifiability.rank, fit.identifiability.useful_rank) == (1, 1)
    assert "fixes xi P/(1+xi^2)/alpha~ only (= 1.18" in fit.report()
    assert fit.report().count("not fixed by this data") >= 3
    assert [fit.std[n] for n in ("xi", "P", "alpha")] == [None] * 3
    assert fit.identifiability.combinations[0].value == pytest.approx(1.18, abs=0.02)

    fit = unchecked(data.exclude(set(data.line) - set(below) - set(mobility)))
    assert fit.identifiability is not None and fit.identifiability.rank == 2
    assert fit.identifiability.fixed == ("alpha",)
    assert [c.name for c in fit.identifiability.combinations] == ["alpha", "xi P/(1+xi^2)"]
    assert "but not xi and P separately" in fit.report()
    assert fit.std["alpha"] is not None and fit.std["xi"] is None


def test_field_mobility_alone_fixes_the_damping_only(table) -> None:
    seen = table("mobility", known=True)
    assert seen.rank == 1 and [c.name for c in seen.combinations] == ["alpha~"]
    assert seen.text.startswith("This data fixes alpha~ only (= 0.02095")
