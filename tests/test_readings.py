"""What a collective wall shows beside its long-time motion, against runs through time."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import QUIET, STRIP, measurements, unchecked

import fitting
import jaxstt
from fitting._models import collective_wall, get_model

TRUTH = {"xi": 0.3, "P": 0.5, "alpha": 0.15, "B_pin": 2e-3}
ALONG = dataclasses.replace(STRIP, hard_axis="y", charge=-1)
"""Its wall rests as a Neel wall: the other sign of Kp and the other charge."""
WIRE = fitting.Sample(
    Ms=8e5, A=1.3e-11, K=0.0, easy_axis="x", width=80e-9, thickness=8e-9, charge=-1, n0=4e4
)
"""A head-to-head wall, whose width falls to half of itself when it turns out of the film."""
SAMPLES = {"bloch": STRIP, "neel, charge -1": ALONG, "tail to tail": WIRE}


def rows_of(sample, rows, duration=2e-9, rise=1e-10):
    data = measurements([(*row, 1.0, 1.0) for row in rows], sample)
    n = len(rows)
    return dataclasses.replace(data, duration=np.full(n, duration), rise=np.full(n, rise))


def wall_of(sample, **values) -> jaxstt.CollectiveWall:
    """As the model makes it."""
    c = sample.cross_section()
    known = {"K": c.K_eff, "K_perp": c.K_perp, "A": sample.A, "Ms": sample.Ms, "n0": sample.n0}
    known |= {"gamma": sample.gyromagnetic_ratio} | TRUTH | values
    b_is_hard = c.hard_axis == {"z": "y", "x": "z"}[sample.easy_axis]
    known = {name: jnp.asarray(value) for name, value in known.items()}
    return collective_wall(known, sample.charge, b_is_hard)


@pytest.fixture(params=SAMPLES, scope="module")
def sample(request) -> fitting.Sample:
    return SAMPLES[request.param]


@pytest.fixture(scope="module")
def wall(sample) -> jaxstt.CollectiveWall:
    return wall_of(sample)


def test_the_way_of_a_pulsed_wall_is_that_of_a_run_to_its_end(sample, wall) -> None:
    """Below and above breakdown, where the wall comes to rest half turns later."""
    jc, Bc = float(wall.breakdown_current()), float(wall.breakdown_field())
    drives = [(-0.5 * jc, 0.0), (2.2 * jc, 0.0), (-3.1 * jc, 0.0), (0.0, 0.7 * Bc), (0.0, -4 * Bc)]
    data = rows_of(sample, [("displacement", *drive) for drive in drives])
    found = fitting.predict(data, TRUTH)
    turns = []
    for way, (j, B) in zip(found, drives, strict=True):
        late = np.array([0.0, 2e-9, 60e-9])
        pulse = [jaxstt.Pulse(drive, 0.0, 2e-9, 1e-10) for drive in (j, B)]
        path = wall.evolve(late, *pulse)
        assert way == pytest.approx(float(path.position[-1]), rel=1e-5, abs=1e-14)
        assert abs(way / float(path.position[1]) - 1) > 1e-3  # it runs on, or back
        turns.append(round(float(path.angle[-1] - path.angle[0]) / np.pi))
    assert turns[0] == turns[3] == 0 and all(turns[i] != 0 for i in (1, 2, 4))


def test_mobility_and_tilt(sample, wall) -> None:
    c = wall.coefficients()
    rest = wall.rest_angle()
    j = -0.6 * float(wall.breakdown_current())
    data = rows_of(
        sample, [("field_mobility", 0.0, 0.0), ("field_mobility", j, 1e-4), ("wall_tilt", j, 1e-4)]
    )
    free, driven, tilt = fitting.predict(data, TRUTH)
    assert free == pytest.approx(float(c.gamma * wall.width(rest) / c.alpha), rel=1e-12)
    v = [float(wall.motion(j, 1e-4 + s * 1e-7).velocity) for s in (-1, 1)]
    assert driven == pytest.approx(abs(v[1] - v[0]) / 2e-7, rel=1e-6)
    path = wall.evolve([0.0, 60e-9], jnp.asarray(j), jnp.asarray(1e-4))
    assert tilt == pytest.approx(abs(float(path.angle[-1] - rest)), rel=1e-6) and tilt > 0.05


def _stays(wall, j, B, pinning) -> bool:
    """Whether a wall between two steps of K holds while both drives grow slowly to (j, B)."""
    width = float(wall.width(wall.rest_angle()))
    K = np.where(np.abs(np.arange(40) - 19.5) > 10, 2 * float(wall.Ms) * pinning, 0.0)
    ways = jaxstt.Landscape(K, width, width=width, Ms=wall.Ms, charge=wall.charge)
    ramp = lambda x: jaxstt.Piecewise([0.0, 400e-9], [0.0, x])  # noqa: E731
    path = wall.evolve(
        [0.0, 800e-9], ramp(j), ramp(B), landscape=ways, position=20 * width, rtol=1e-6
    )
    return bool(abs(path.position[-1] - 20 * width) < 12 * width)


@pytest.mark.parametrize("push", [1, -1])
def test_a_pinned_wall_is_free_where_it_is_said(sample, wall, push) -> None:
    """In a landscape of that pinning field, with drives that grow slowly: to 1 %."""
    j = 0.25 * push * float(wall.breakdown_current())
    rows = [
        ("depinning_field", j, 0.0),
        ("depinning_field", j, 0.0),
        ("depinning_current", 0.0, 5e-4),
    ]
    data = rows_of(sample, rows)
    data = dataclasses.replace(data, value=np.array([1.0, -1.0, float(push)]))
    up, down, current = fitting.predict(data, TRUTH)
    assert up - down == pytest.approx(2 * TRUTH["B_pin"], rel=1e-12)
    assert abs(up + down) > 1e-4 and np.sign(current) == push
    part = TRUTH["B_pin"] / 100
    assert _stays(wall, j, up - part, TRUTH["B_pin"])
    assert not _stays(wall, j, up + part, TRUTH["B_pin"])
    assert _stays(wall, j, down + part, TRUTH["B_pin"])
    assert not _stays(wall, j, down - part, TRUTH["B_pin"])
    assert _stays(wall, 0.99 * current, 5e-4, TRUTH["B_pin"])
    assert not _stays(wall, 1.01 * current, 5e-4, TRUTH["B_pin"])


def test_efficiency_is_the_slope_of_the_depinning_field(sample, wall) -> None:
    """And beta P hbar/(2 e Ms lambda), as published for a rigid wall, without its 1/(1 + xi^2)."""
    data = rows_of(sample, [("drive_efficiency", 0.0, 0.0), ("depinning_field", 1e7, 0.0)])
    efficiency, field = fitting.predict(data, TRUTH)
    push = (field - TRUTH["B_pin"]) / 1e7
    assert efficiency == pytest.approx(sample.charge * push, rel=1e-6)
    hbar, e = jaxstt.constants.HBAR, jaxstt.constants.E_CHARGE
    width = float(wall.width(wall.rest_angle()))
    known = TRUTH["xi"] * TRUTH["P"] * hbar / (2 * e * sample.Ms * width) / (1 + TRUTH["xi"] ** 2)
    assert efficiency == pytest.approx(known, rel=2e-3)  # g = 2 in one, gamma in the other


def test_a_current_that_turns_the_wall_frees_it_at_the_latest(wall, sample) -> None:
    """Without xi nothing pushes: only the torque's own threshold is left."""
    data = rows_of(sample, [("depinning_current", 0.0, 0.0)])
    found = fitting.predict(data, {**TRUTH, "xi": 0.0})[0]
    bare = wall_of(sample, xi=0.0)
    U = bare.coefficients(found).U
    c, A, K, Kp = bare.coefficients(), bare.A, bare.K, bare.Kp
    phi = np.linspace(0, np.pi, 20001)
    most = np.max(np.abs(c.gamma * Kp / bare.Ms * np.sin(2 * phi) * bare.width(phi)))
    assert abs(float(U)) == pytest.approx(float(most), rel=1e-6)
    assert A > 0 and K > 0


EVERY = [
    ("wall_velocity", -3e11, 0.0), ("wall_velocity", -3e12, 0.0),
    ("precession_frequency", -3e12, 0.0), ("wall_tilt", -3e11, 0.0), ("field_mobility", 0.0, 0.0),
    ("displacement", -3e11, 0.0),
    ("displacement", -3e12, 0.0), ("drive_efficiency", 0.0, 0.0), ("depinning_field", -2e11, 0.0),
    ("depinning_current", 0.0, 3e-4), ("drift_velocity", -1e12, 0.0),
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["bloch", *(pytest.param(n, marks=pytest.mark.thorough) for n in list(SAMPLES)[1:])]
)
def test_derivatives_by_every_parameter(name) -> None:
    """Forward mode, as fits use it, against central differences: 1e-5 of each prediction."""
    sample = SAMPLES[name]
    data = rows_of(sample, EVERY)
    c = sample.cross_section()
    known = {"K": c.K_eff, "K_perp": c.K_perp, "A": sample.A, "Ms": sample.Ms, "n0": 3e4}
    known |= {"gamma": sample.gyromagnetic_ratio, "j_scale": 1.1} | TRUTH
    predictor = get_model("wall1d").prepare(data, known)
    names = tuple(known)

    @eqx.filter_jit
    def predict(predictor, x):
        return predictor({n: known[n] * x[i] for i, n in enumerate(names)})

    at = jnp.ones(len(names))
    found = eqx.filter_jit(jax.jacfwd(lambda x: predict(predictor, x)))(at)
    h = 1e-5
    for i, name in enumerate(names):
        step = h * jnp.eye(len(names))[i]
        central = (predict(predictor, at + step) - predict(predictor, at - step)) / (2 * h)
        scale = np.abs(predict(predictor, at))
        np.testing.assert_allclose(found[:, i] / scale, central / scale, atol=1e-5, err_msg=name)


# Fits -----------------------------------------------------------------------------------------


def test_pinning_and_efficiency_alone_fix_what_they_must() -> None:
    """xi P and the pinning field, not xi and P; a published efficiency is such a row."""
    rows = [("depinning_field", j, 0.0) for j in (-3e11, -1e11, 1e11, 3e11)]
    data = rows_of(STRIP, rows)
    value = fitting.predict(data, TRUTH)
    data = dataclasses.replace(data, value=value, std=0.002 * np.abs(value))
    fit = unchecked(data, free=("xi", "P", "B_pin"), fixed={"alpha": 0.15})
    assert fit.converged and fit.values["B_pin"] == pytest.approx(2e-3, rel=1e-3)
    assert fit.std["xi"] is None and fit.std["P"] is None and fit.std["B_pin"] is not None
    text = fit.identifiability.text
    assert text.startswith("This data fixes B_pin (= 0.0019999") and "and xi P/(1+xi^2) (" in text
    only = rows_of(STRIP, [("drive_efficiency", 0.0, 0.0)])
    only = dataclasses.replace(only, value=np.array([6e-15]), std=np.array([6e-16]))
    fit = unchecked(only, free=("xi", "P"), fixed={"alpha": 0.15})
    assert "fixes xi P/(1+xi^2) only" in fit.identifiability.text and fit.std["xi"] is None
    assert not any("neither current nor field" in note for note in fit.notes)


def test_a_doubtful_current_density_widens_P() -> None:
    """Only P j matters: 10 % of j are 10 % of P, and of nothing else."""
    rows = [("wall_velocity", j, 0.0) for j in (-2e11, -5e11, -3e12, -4e12)]
    rows += [("field_mobility", 0.0, 0.0), ("precession_frequency", -3e12, 0.0)]
    data = rows_of(STRIP, rows)
    truth = {**TRUTH, "j_scale": 1.07}
    value = fitting.predict(data, truth)
    data = dataclasses.replace(data, value=value, std=0.01 * np.abs(value))
    exact = unchecked(data, fixed={"j_scale": 1.07}, **QUIET)
    assert exact.values["P"] == pytest.approx(0.5, rel=1e-4)
    doubted = unchecked(data, **{**QUIET, "nuisance": ("j_scale",)})
    assert doubted.values["P"] == pytest.approx(0.535, rel=1e-4)
    assert exact.std["xi"] and exact.std["P"]
    assert doubted.std["xi"] == pytest.approx(exact.std["xi"], rel=1e-3)
    widened = np.hypot(exact.std["P"] * 1.07, 0.1 * 0.535)
    assert doubted.std["P"] == pytest.approx(widened, rel=1e-3)
    assert "nuisance, fitted with a 10 % prior around 1\n" in doubted.report()


def test_what_is_not_known_is_asked_for() -> None:
    data = rows_of(STRIP, [("depinning_field", 1e11, 0.0)])
    with pytest.raises(fitting.InputError, match="wall1d needs the header key `pinning_field_T`"):
        unchecked(data, free=("xi",), fixed={"P": 0.5, "alpha": 0.1})
    across = dataclasses.replace(data, field_axis=("x",))
    with pytest.raises(
        fitting.InputError, match="`field_axis`: wall1d knows fields along the easy"
    ):
        unchecked(across, free=("xi", "B_pin"), fixed={"P": 0.5, "alpha": 0.1})
    for model in ("llg1d", "llg2d"):
        with pytest.raises(fitting.InputError, match=f"{model} does not predict depinning_field"):
            unchecked(data, model, free=("xi", "B_pin"), fixed={"P": 0.5, "alpha": 0.1})
    fit = fitting.fit(data, free=("B_pin",), fixed={"P": 0.5, "alpha": 0.1, "xi": 0.1})
    assert any("not checked against llg2d" in note for note in fit.notes)
    assert any("does not predict depinning_field" in note for note in fit.notes)


def test_a_tilt_of_a_wall_that_turns_is_told() -> None:
    data = rows_of(STRIP, [("wall_tilt", -3e12, 0.0), ("depinning_field", -3e13, 0.0)])
    data = dataclasses.replace(data, std=np.full(2, 0.1))
    fit = unchecked(data, free=("P",), fixed={"xi": 0.3, "alpha": 0.15, "B_pin": 1e-3}, nuisance=())
    assert any(
        note.startswith("the wall turns under the drives of lines 2 and 3") for note in fit.notes
    )
