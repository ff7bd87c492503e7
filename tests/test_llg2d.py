"""`llg2d`: the piece of strip that follows its wall, and fits corrected by it."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import NARROW as SAMPLE
from fit_data import measurements

import fitting
import jaxstt
from fitting._models import LLG2D, StripPredictor, _llg2d
from fitting._models._piece import Path, Piece, follow

TRUTH = {"xi": 0.3, "P": 0.6, "alpha": 0.12}
GRID = jaxstt.Grid((48, 4, 1), (4e-9, 8e-9, 4e-9))
LENGTH = 48 * 3 * 4e-9


@pytest.fixture(scope="module", params=[("z", 1), ("z", -1), ("x", 1)], ids=str)
def piece(request) -> Piece:
    return Piece(GRID, LENGTH, *request.param)


def _field(grid: jaxstt.Grid, m) -> np.ndarray:
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.0, energies=(jaxstt.Demag(grid),))
    return np.asarray(jaxstt.effective_field(llg, m))


def test_the_field_in_a_piece_is_that_in_the_strip(piece) -> None:
    """To rounding, wherever the wall is: the domains beyond are all that is left out."""
    make = jaxstt.head_to_head_wall if piece.easy == "x" else jaxstt.bloch_wall
    strip = jaxstt.Grid((144, 4, 1), GRID.spacing)
    place = (48 + 24 + 5) * 4e-9
    m = make(strip, 6e-9, position=place, charge=piece.charge, angle=0.7)
    part = m[:, 48:96]
    expected = _field(strip, m)[:, 48:96]
    found = _field(GRID, part) + 8e5 * np.asarray(piece.outside)
    # Between the wall and the ends of the piece 19 cells: exp(-19 * 4/6) of the wall is outside.
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())
    assert np.abs(piece.outside).max() * 8e5 > 1e-3


def test_a_wall_is_followed_as_in_the_strip(piece) -> None:
    """Position and angle after 0.3 ns, of a wall that leaves the piece's middle by many cells."""
    make = jaxstt.head_to_head_wall if piece.easy == "x" else jaxstt.bloch_wall
    axis = np.eye(3)["xyz".index(piece.easy)]
    hard = np.eye(3)["xyz".index("z" if piece.easy == "x" else "x")]

    def llg(grid, demag, outside):
        field = 0.02 * piece.charge * axis[:, None, None, None] + 8e5 * outside
        energies = (
            jaxstt.Exchange(1e-11),
            jaxstt.UniaxialAnisotropy(6e5, axis),
            jaxstt.UniaxialAnisotropy(-2e5, hard),
            jaxstt.Zeeman(field),
            demag,
        )
        torque = jaxstt.ZhangLi((-2e12, 0.0, 0.0), P=0.6, xi=0.3)
        return jaxstt.LLG(grid, Ms=8e5, alpha=0.3, energies=energies, torques=(torque,))

    start = Path(piece.wall(jnp.asarray(6e-9), jnp.asarray(1.3)), jnp.zeros((), jnp.int32))
    run = jax.jit(lambda llg: follow(piece, llg, start, jnp.asarray(1e-11), 30))
    _, walls, _ = run(llg(GRID, piece.demag, piece.outside))
    strip = jaxstt.Grid((144, 4, 1), GRID.spacing)
    m = make(strip, 6e-9, position=72 * 4e-9, charge=piece.charge, angle=1.3)
    save = jaxstt.WallTracker(strip, piece.easy)
    whole = llg(strip, jaxstt.Demag(strip), jnp.zeros((3, *strip.shape)))
    sol = jaxstt.evolve(whole, m, [0.0, 1e-10, 2e-10, 3e-10], save=save)
    expected = sol.m.position - 48 * 4e-9
    assert abs(float(expected[-1] - expected[0])) > 5 * 4e-9
    # The ends of a strip magnetised along x are not quite uniform, those of a piece are.
    atol = 0.04e-9 if piece.easy == "x" else 0.02e-9
    np.testing.assert_allclose(walls.position[9::10], expected[1:], atol=atol)
    np.testing.assert_allclose(walls.angle[9::10], sol.m.angle[1:], atol=5e-3)


# A fit ----------------------------------------------------------------------------------------

J = (-2.7e11, -5.4e11, -1.8e12)
B = (2.4e-3, 20e-3)
"""Breakdown is at 7.3e11 A/m^2 and 5.4 mT."""


@pytest.fixture(scope="module")
def strip() -> fitting.Measurements:
    """What llg2d says at TRUTH, as data without noise and errors of 2 %."""
    rows = [("wall_velocity", j, 0.0, 1.0, 1.0) for j in J]
    rows += [("wall_velocity", 0.0, b, 1.0, 1.0) for b in B]
    rows += [("precession_frequency", j, 0.0, 1.0, 1.0) for j in J[2:]]
    rows += [("precession_frequency", 0.0, b, 1.0, 1.0) for b in B[1:]]
    empty = measurements(rows, SAMPLE, TRUTH)
    value = fitting.predict(empty, TRUTH, "llg2d")
    return dataclasses.replace(empty, value=value, std=0.02 * np.abs(value))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What llg2d was asked once it need not be asked again."""
    return tmp_path_factory.mktemp("runs") / "new" / "llg2d.json"


def in_std(fit: fitting.Fit) -> float:
    """How far the fit is from the truth, in its own standard deviations."""
    return max(abs(fit.values[n] - TRUTH[n]) / (fit.std_stat[n] or 0.0) for n in TRUTH)


def off(fit: fitting.Fit) -> float:
    return max(abs(fit.values[n] / TRUTH[n] - 1) for n in TRUTH)


def test_one_step_of_the_ladder_brings_the_truth_nearer(strip, runs) -> None:
    """Data of llg2d, fitted by wall1d: wrong by some per cent, and less so when checked."""
    plain = fitting.fit(strip, check=False)
    told: list[str] = []
    checked = fitting.fit(strip, runs=runs, tell=told.append)
    assert len(told) == 1 and told[0].startswith("llg2d, run 1: 5 drives, about ")
    assert plain.rungs == () and len(checked.rungs) == 1
    assert plain.model == checked.model == "wall1d"
    assert off(plain) > 0.02 and off(checked) < off(plain) / 2
    (rung,) = checked.rungs
    assert rung.model == "llg2d" and rung.values["P"] == pytest.approx(plain.values["P"], rel=1e-3)
    np.testing.assert_allclose(rung.before, plain.predictions, rtol=1e-3)
    discrepancy = rung.discrepancy(strip.std)
    assert np.abs(discrepancy).max() > 0.5 and discrepancy.shape == strip.value.shape
    for name, true in TRUTH.items():
        ends = checked.intervals[name]
        assert ends is not None and ends[0] < true < ends[1]
    assert "K_perp" not in checked.nuisance and checked.model_error == {}
    assert "llg2d was run for every row at 1 point" in checked.report()
    back = checked.to_dict()["rungs"][0]
    np.testing.assert_allclose(back["discrepancy"], discrepancy)
    left = fitting.profile(checked, "P", points=4).notes
    assert left == (f"what more steps by llg2d would change is not in it: {_left(checked)}",)


def _left(fit: fitting.Fit) -> str:
    std = fit.std_model["P"]
    assert std is not None and std > 0
    return f"{std:.2g} of P"


@pytest.mark.thorough
def test_a_wall_that_had_not_settled_is_followed_for_longer(strip, monkeypatch) -> None:
    values = {**TRUTH, "Ms": 8e5, "A": 1e-11, "n0": 0.0, "gamma": SAMPLE.gyromagnetic_ratio}
    whole = LLG2D().prepare(strip, values)
    # Walls below breakdown settle in this time too; a third of 2.2 half turns holds no whole one.
    short = eqx.tree_at(lambda p: p.record, whole, jnp.where(whole.record > 0, whole.record / 3, 0))
    asked = []

    def measure(strip, known):
        asked.append(strip.rows.j.size)
        return run(strip, known)

    run = _llg2d._measure
    monkeypatch.setattr(_llg2d, "_measure", measure)
    found = short.measure(values)
    assert asked[0] == 5 and 1 <= asked[1] < 5
    np.testing.assert_allclose(found, strip.value, rtol=5e-3)


def test_a_fit_goes_on_from_the_runs_that_are_kept(strip, runs, monkeypatch) -> None:
    first = fitting.fit(strip, runs=runs)
    whole = runs.read_text()

    def never(*_):
        raise AssertionError("was run again")

    monkeypatch.setattr(StripPredictor, "measure", never)
    again = fitting.fit(strip, runs=runs)
    assert again.values == first.values and again.std == first.std
    assert runs.read_text() == whole
    with pytest.raises(AssertionError, match="was run again"):
        fitting.fit(strip.with_sample(dataclasses.replace(SAMPLE, A=1.01e-11)), runs=runs)
    runs.write_text("[1]")
    with pytest.raises(fitting.InputError, match=r"llg2d\.json: holds no runs of a fit"):
        fitting.fit(strip, runs=runs)
    runs.write_text(whole)


@pytest.mark.thorough
def test_llg2d_finds_the_truth(strip) -> None:
    fit = fitting.fit(strip, "llg2d")
    assert fit.converged and fit.model == "llg2d" and 2 <= len(fit.rungs) <= 6
    for name, true in TRUTH.items():
        assert fit.values[name] == pytest.approx(true, rel=2e-3), name
    shifts = [rung.shift for rung in fit.rungs]
    assert shifts[-1] < shifts[0] / 10
    assert fit.chi2 < 1e-2 and in_std(fit) < 0.03  # the bound of what later steps would do


@pytest.mark.thorough
def test_auto_stops_where_nothing_changes(strip) -> None:
    wide = dataclasses.replace(strip, std=0.2 * np.abs(strip.value))
    fit = fitting.fit(wide, "auto")
    assert fit.converged and len(fit.rungs) == 1 and fit.rungs[0].shift > 0.1
    assert in_std(fit) < 0.3


@pytest.mark.thorough
def test_derivatives_of_the_strip(strip) -> None:
    """Forward mode, reverse mode, central differences: of a row below and one above breakdown."""
    few = strip.exclude(strip.line[[0, *range(3, 7)]])
    values = {**TRUTH, "n0": 2e4, "Ms": 8e5, "A": 1e-11, "gamma": 1.76e11}
    names = sorted(values)
    point = jnp.array([values[n] for n in names])
    arrays = lambda x: dict(zip(names, x * point, strict=True))  # noqa: E731
    one = jnp.ones(len(names))
    predictor = LLG2D().prepare(few, values).with_moves_at(arrays(one))
    forward = jax.jit(jax.jacfwd(lambda x: predictor(arrays(x))))(one)
    assert forward.shape == (2, len(names)) and np.isfinite(forward).all()
    predict = jax.jit(lambda x: predictor.predict(arrays(x), None))
    backward = jax.jit(jax.jacrev(lambda x: predictor.predict(arrays(x), None)))(one)
    np.testing.assert_allclose(backward, forward, rtol=1e-6)
    along = jnp.asarray(np.random.default_rng(1).uniform(0.5, 1, len(names)))
    step = 1e-4 * along
    central = (predict(one + step) - predict(one - step)) / 2e-4
    np.testing.assert_allclose(forward @ along, central, rtol=1e-5)
    # What it costs to let the piece follow the wall: differences see the piece move.
    free = LLG2D().prepare(few, values)
    np.testing.assert_allclose(predict(one), free.predict(arrays(one), None), rtol=1e-12)


BAD = {
    "width": ({"width": None}, "llg2d needs the header key `width_m`"),
    "K": ({"K": None}, "the header key `K_J_per_m3`"),
    "coarse": ({"cell_x": 3e-9}, "`cell_x_m` must be at most half of the wall width"),
    "unstable": ({"K": 1e5}, "the easy axis z is not stable: K_eff = "),
}


@pytest.mark.parametrize("case", BAD)
def test_a_sample_that_says_too_little(case, strip) -> None:
    changes, message = BAD[case]
    poor = strip.with_sample(dataclasses.replace(SAMPLE, **changes))
    with pytest.raises(fitting.InputError, match=message):
        fitting.predict(poor, TRUTH, "llg2d")


def test_what_llg2d_has_no_use_for(strip) -> None:
    with pytest.raises(fitting.InputError, match="llg2d cannot be run: `K` is not the sample's"):
        fitting.fit(strip, "llg2d", fixed={"K": 3e5})
    with pytest.raises(fitting.InputError, match="llg2d cannot be run: `K_perp` is not"):
        fitting.fit(strip, "auto", fixed={"K_perp": 3e4})
    unchecked = fitting.fit(strip, fixed={"K": 3e5})
    assert unchecked.rungs == ()
    assert "not checked against llg2d: `K` is not the sample's" in unchecked.notes
    single = fitting.fit(strip, precision="float32", max_steps=2)
    assert "not checked against llg2d: its walls need precision float64" in single.notes
    with pytest.raises(fitting.InputError, match="no row shows a wall"):
        fitting.fit("doppler_nife_340K", "llg2d", free=("P",), fixed={"xi": 0.0})
    with pytest.raises(fitting.InputError, match="`values` must hold alpha"):
        fitting.predict(strip, {"xi": 0.1, "P": 0.5}, "llg2d")
    with pytest.raises(fitting.InputError, match="`refine` must be 1 for wall1d, got 2"):
        fitting.predict(strip, TRUTH, refine=2.0)
    with pytest.raises(fitting.InputError, match="`refine` must be > 0, got -1"):
        fitting.predict(strip, TRUTH, "llg2d", refine=-1.0)
