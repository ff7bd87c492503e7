"""DMI and spin-orbit torques in fits: told apart by a field in the plane, refused, written down."""

import dataclasses

import jax
import numpy as np
import pytest
from fit_data import NARROW, check_jacobian, measurements, unchecked

import fitting
import jaxstt
from fitting import InputError, Sample
from fitting._figures import figure, page, panels
from fitting._models import MODELS
from fitting._problem import set_up

FILM = Sample(Ms=7e5, A=1.5e-11, K=6.2e5, easy_axis="z", width=2e-6, thickness=0.8e-9)
MODELS_2D = ("wall1d", "llg2d")
TRUTH = {"xi": 0.15, "P": 0.5, "alpha": 0.12, "D": -3e-4, "theta_SH": 0.1}
DRIVES = [
    *((j, 0.0, bx) for j in (-5e11, 2e11, 5e11) for bx in (0.0, -0.08, -0.03, 0.03, 0.08)),
    *((0.0, B, bx) for B in (4e-3, 8e-3) for bx in (0.0, 0.06, -0.05)),
    *((j, 0.0, 0.0) for j in (-2e11, -8e11, 1e12)),
]


def rows(drives=DRIVES, sample=FILM, observable="wall_velocity"):
    data = measurements([(observable, j, B, 1.0, 1.0) for j, B, _ in drives], sample)
    return dataclasses.replace(data, B_xyz=np.array([[bx, 0.0, 0.0] for *_, bx in drives]))


@pytest.fixture(scope="module")
def noisy():
    """What a wall of TRUTH does, 2 % and 0.3 m/s."""
    data = rows()
    exact = fitting.predict(data, TRUTH)
    std = 0.02 * np.abs(exact) + 0.3
    noise = np.random.default_rng(3).standard_normal(exact.size)
    return dataclasses.replace(data, value=exact + std * noise, std=std)


def test_spin_transfer_and_spin_orbit_are_told_apart(noisy) -> None:
    """By what a field in the plane does to each; xi and P only by their product with alpha."""
    held = {"xi": TRUTH["xi"]}
    free = ("P", "alpha", "D", "theta_SH")
    fit = unchecked(noisy, free=free, fixed=held, model_errors={"width": 0.0}, nuisance=())
    assert fit.converged and fit.identifiability.complete, fit.report()
    assert fit.chi2 / fit.dof < 2
    for name in free:
        std = fit.std[name]
        assert std is not None and std < 0.25 * abs(TRUTH[name]), fit.report()
        assert abs(fit.values[name] - TRUTH[name]) < 2.5 * std, fit.report()
    report = fit.report()
    assert "breakdown current" not in report and "field_x_T" not in report


def test_figure_and_page_show_the_field(noisy) -> None:
    """Velocity against the field where one current flows, against the line where several do."""
    one = noisy.exclude([int(n) for n in noisy.line if n not in range(7, 12)])
    fixed = {name: TRUTH[name] for name in ("xi", "alpha", "D", "theta_SH")}
    for data, expected in ((one, ["x"]), (noisy, ["j", "B", "line"])):
        assert [panel.drive for panel in panels(data)] == expected
        assert sum(panel.rows.size for panel in panels(data)) == len(data)
    fit = unchecked(one, free=("P",), fixed=fixed, model_errors={"width": 0.0}, nuisance=())
    (upper, *_) = figure(fit).axes
    curve = max(upper.lines, key=lambda line: line.get_xdata().size)
    x, y = curve.get_data()
    assert x.min() == -80 and x.max() == 80
    seen = np.interp(one.fields()[1][:, 0] * 1e3, x, y)
    np.testing.assert_allclose(seen, fit.predictions, rtol=0.01)
    assert "<th>B_x (T)</th>" in page(fit, {}) and "-0.08" in page(fit, {})


def test_without_the_terms_chi2_says_so(noisy) -> None:
    start = {"xi": 0.15, "P": 0.5, "alpha": 0.12}
    fit = unchecked(noisy, start=start, model_errors={"width": 0.0}, nuisance=(), max_steps=30)
    assert fit.chi2 / fit.dof > 100
    assert any("does not describe these data" in note for note in fit.notes)


@pytest.fixture(scope="module")
def by_current():
    """A fit to velocities under small currents alone."""
    data = rows([(j, 0.0, 0.0) for j in (-6e10, -3e10, 3e10, 6e10)])
    exact = fitting.predict(data, {**TRUTH, "theta_SH": 0.02})
    data = dataclasses.replace(data, value=exact, std=0.02 * np.abs(exact))
    fixed = {"xi": 0.15, "alpha": 0.12, "D": -3e-4}
    return unchecked(data, free=("P", "theta_SH"), fixed=fixed, nuisance=())


def test_a_current_alone_does_not_tell_them_apart(by_current) -> None:
    """Far below the plateau a spin-orbit field and the torque xi P push alike: it is said."""
    found = by_current.identifiability
    assert found.fixed == () and found.useful_rank == 1
    assert "P^" in found.text and "theta_SH^" in found.text and "only" in found.text, found.text
    assert "column field_x_T" in by_current.report()


def test_what_the_header_gives_is_in_the_model() -> None:
    """As fixed values; and a field along x may stand in either column."""
    sample = dataclasses.replace(FILM, D=-3e-4, theta_SH=0.1, theta_FL=0.05)
    three = {name: TRUTH[name] for name in ("xi", "P", "alpha")}
    data = rows(DRIVES[:4], sample)
    given = fitting.predict(data, three)
    explicit = {**three, "D": -3e-4, "theta_SH": 0.1, "theta_FL": 0.05}
    np.testing.assert_allclose(given, fitting.predict(rows(DRIVES[:4]), explicit), rtol=1e-12)
    assert np.abs(given / fitting.predict(rows(DRIVES[:4]), three) - 1).min() > 0.05
    bx = np.array([bx for *_, bx in DRIVES[:4]])
    named = dataclasses.replace(data, B_xyz=0 * data.B_xyz, B=bx, field_axis=("x",) * 4)
    np.testing.assert_allclose(fitting.predict(named, three), given, rtol=1e-12)


@pytest.mark.parametrize("model", ["wall1d", "llg1d"])
def test_a_scale_of_the_current_scales_every_torque_of_it(model) -> None:
    few = [(3e11, 0.0, 0.04)]
    values = {**TRUTH, "theta_FL": -0.05}
    scaled = fitting.predict(rows(few), {**values, "j_scale": 1.2}, model=model)
    more = fitting.predict(rows([(3.6e11, 0.0, 0.04)]), values, model=model)
    np.testing.assert_allclose(scaled, more, rtol=1e-4)


def test_the_wall_is_that_of_the_class() -> None:
    """Signs, angle and the ratio of fields: against `CollectiveWall` itself, both charges."""
    constants = FILM.cross_section()
    for charge in (1, -1):
        sample = dataclasses.replace(FILM, charge=charge)
        found = fitting.predict(rows(DRIVES[:9], sample), {**TRUTH, "theta_FL": -0.05})
        with jax.enable_x64(True):
            wall = jaxstt.CollectiveWall(
                A=1.5e-11, Ms=7e5, K=constants.K_eff + constants.K_perp, Kp=-constants.K_perp,
                alpha=0.12, xi=0.15, P=0.5, D=-3e-4, theta_DL=0.1, theta_FL=-0.05,
                thickness=0.8e-9, charge=charge,
            )  # fmt: skip
            own = [wall.motion(j, B, (bx, 0.0)).velocity for j, B, bx in DRIVES[:9]]
        np.testing.assert_allclose(found, own, rtol=1e-9)


def test_the_simulated_wire_has_the_same_terms() -> None:
    """llg1d within 2 % of wall1d, of either charge, with all that there is."""
    few = [(4e11, 0.0, 0.04), (-4e11, 3e-3, -0.03)]
    values = {**TRUTH, "theta_FL": -0.05}
    for charge in (1, -1):
        data = rows(few, dataclasses.replace(FILM, charge=charge))
        fast, slow = (fitting.predict(data, values, model=m) for m in ("wall1d", "llg1d"))
        np.testing.assert_allclose(slow, fast, rtol=0.02)
        assert (slow != fast).all()


def test_jacobian_of_every_new_parameter() -> None:
    data = dataclasses.replace(rows(DRIVES[1:8:3]), std=np.ones(3))
    free = ("P", "D", "theta_SH", "theta_FL")
    fixed = {"xi": 0.15, "alpha": 0.12}
    with jax.enable_x64(True):
        start = {"D": -3e-4, "theta_SH": 0.1, "theta_FL": -0.03}
        problem = set_up(data, MODELS["wall1d"], free, fixed=fixed, nuisance=(), start=start)
    check_jacobian(problem.objective)


def test_a_running_wall_is_read_over_whole_turns() -> None:
    data = rows([(0.0, 0.12, 0.03)])
    data = dataclasses.replace(data, observable=("precession_frequency",), unit=("Hz",))
    both = rows([(0.0, 0.12, 0.03)])
    for one in (data, both):
        fast, slow = (fitting.predict(one, TRUTH, model=m) for m in ("wall1d", "llg1d"))
        np.testing.assert_allclose(slow, fast, rtol=0.03)


def test_a_file(tmp_path) -> None:
    """Header and columns; the command reads, fits and tells."""
    text = """# Ms_A_per_m = 7e5
# A_J_per_m = 1.5e-11
# K_J_per_m3 = 6.2e5
# easy_axis = z
# width_m = 2e-6
# thickness_m = 0.8e-9
# D_J_per_m2 = -3e-4
# theta_SH = 0.1
observable,current_density_A_per_m2,field_T,field_x_T,value,std,unit
wall_velocity,2e11,,,10,1,m/s
wall_velocity,2e11,1e-3,0.05,12,1,m/s
wall_velocity,2e11,,-0.05,8,1,m/s
"""
    path = tmp_path / "pma.csv"
    path.write_text(text)
    data = fitting.load_measurements(path)
    assert data.sample.D == -3e-4 and data.sample.theta_SH == 0.1 and data.sample.theta_FL is None
    along, across = data.fields()
    np.testing.assert_allclose(along, [0, 1e-3, 0])
    np.testing.assert_allclose(across, [[0, 0], [0.05, 0], [-0.05, 0]])
    assert data.exclude([10]).fields()[1].shape == (2, 2)
    path.write_text(text.replace("0.05", "50"))
    assert fitting.load_measurements(path).B_xyz[1, 0] == 50
    path.write_text(text.replace("0.05", "5e4"))
    with pytest.raises(InputError, match="`field_x_T`"):
        fitting.load_measurements(path)
    path.write_text(text.replace("-3e-4", "-0.3e4"))
    with pytest.raises(InputError, match="`D_J_per_m2`"):
        fitting.load_measurements(path)

    path.write_text(text.replace("wall_velocity,2e11,,-0.05", "drift_velocity,2e11,,-0.05"))
    with pytest.raises(InputError, match="`field_x_T` must be empty for drift_velocity"):
        fitting.load_measurements(path)
    path.write_text(text.replace("field_x_T", "field_z_T"))
    with pytest.raises(InputError, match="`field_z_T` is along the easy axis: write it in `field"):
        fitting.predict(path, {"xi": 0.1, "P": 0.5, "alpha": 0.1})


def test_a_nuisance_has_the_headers_value_and_a_prior(noisy) -> None:
    """30 % of D, of either sign; without the header's value it is asked for."""
    known = dataclasses.replace(noisy, sample=dataclasses.replace(FILM, D=-3e-4))
    how = {"fixed": {"xi": 0.15, "alpha": 0.12, "theta_SH": 0.1}, "nuisance": ("D",), "start": {}}
    with jax.enable_x64(True):
        problem = set_up(known, MODELS["wall1d"], ("P",), **how)
        (own,) = (p for p in problem.parameters if p.name == "D")
        assert own.start == -3e-4 and own.prior == pytest.approx((-3e-4, 9e-5))
        with pytest.raises(InputError, match="needs the header key `D_J_per_m2`"):
            set_up(noisy, MODELS["wall1d"], ("P",), **how)


def test_axes_of_a_wire_along_x() -> None:
    data = rows([(2e11, 1e-3, 0.0)], dataclasses.replace(FILM, easy_axis="x"))
    data = dataclasses.replace(data, B_xyz=np.array([[0.1, 0.2, 0.3]]))
    along, across = data.fields()
    np.testing.assert_allclose(along, [0.101])
    np.testing.assert_allclose(across, [[0.2, 0.3]])


def test_what_to_measure_next(by_current) -> None:
    """A current alone leaves P and the angle open: a field along the wire is what helps."""
    told = fitting.what_next(by_current, observables=("wall_velocity", "displacement"), j_max=6e11)
    assert told.best().B_x != 0 and "B_x = " in told.text
    assert {c.observable for c in told.candidates} == {"wall_velocity"}
    assert told.best().after["P"][1] < 0.3 < told.before["P"]


def test_llg2d_has_the_same_terms() -> None:
    """A narrow strip: within 8 % of the closed form, whose K_perp is an estimate; by sign."""
    values = {"xi": 0.15, "P": 0.5, "alpha": 0.15, "theta_SH": 0.5}
    data = measurements([("wall_velocity", 2e11, 0.0, 1.0, 1.0)], NARROW)
    data = dataclasses.replace(data, B_xyz=np.array([[0.06, 0.0, 0.0]]))
    for D in (0.0, -4e-4, 4e-4):
        fast, slow = (fitting.predict(data, {**values, "D": D}, model=m) for m in MODELS_2D)
        assert (slow * fast > 0).all()
        if D <= 0:
            np.testing.assert_allclose(slow, fast, rtol=0.08)


BAD = {
    "`D` needs walls of a film with easy_axis z, got x": (
        {"easy_axis": "x", "D": 1e-4}, "wall_velocity", {},
    ),
    "displacement has no closed form beside `theta_SH`": (
        {"theta_SH": 0.1}, "displacement", {"duration": np.array([1e-9])},
    ),
    "drive_efficiency has no closed form beside `D`": ({"D": 1e-4}, "drive_efficiency", {}),
    "wall1d needs the header key `thickness_m`": (
        {"theta_FL": 0.1, "thickness": None}, "wall_velocity", {},
    ),
    "column `field_x_T`: wall1d knows fields along the easy axis z only for wall_tilt": (
        {}, "wall_tilt", {"B_xyz": np.array([[0.01, 0.0, 0.0]])},
    ),
    "2: a field across the easy axis must be below 2K/(pi Ms) = 0.282 T, got": (
        {}, "wall_velocity", {"B_xyz": np.array([[0.0, 0.9, 0.0]])},
    ),
}  # fmt: skip


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    sample, observable, more = BAD[told]
    data = rows([(2e11, 0.0, 0.0)], dataclasses.replace(FILM, **sample), observable)
    data = dataclasses.replace(data, **more)
    values = {"xi": 0.1, "P": 0.5, "alpha": 0.1, "K": 3.1e5, "K_perp": 7e3}
    with pytest.raises((InputError, ValueError)) as caught:
        fitting.predict(data, values)
    assert told in str(caught.value)


def test_names_of_parameters() -> None:
    with pytest.raises(InputError, match="did you mean `theta_SH`"):
        unchecked(rows(), free=("theta_DL",))
    with pytest.raises(InputError, match="`D` must be a finite number"):
        fitting.predict(rows(), {**TRUTH, "D": np.inf})
