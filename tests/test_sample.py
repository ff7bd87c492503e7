"""The sample and the wall constants that its cross-section gives."""

import dataclasses
import math

import pytest
from fit_data import STRIP

from fitting import InputError, Sample
from fitting._data._sample import KEYS, rectangle_factors, wall_factor
from jaxstt import constants

WIRE = Sample(Ms=8e5, A=1.3e-11, K=0.0, easy_axis="x", width=100e-9, thickness=10e-9)
KD = constants.MU_0 * 6.8e5**2 / 2


@pytest.mark.parametrize(
    ("width", "thickness", "Ny", "Nz"),
    [(64e-9, 4e-9, 0.085007, 0.914993), (4e-9, 64e-9, 0.914993, 0.085007), (1e-8, 1e-8, 0.5, 0.5)],
)
def test_factors_of_a_rectangle(width, thickness, Ny, Nz):
    assert rectangle_factors(width, thickness) == pytest.approx((Ny, Nz), abs=5e-7)


def test_wall_factor_of_a_thin_film():
    # Next order of t/lam: f = s/2 - s^2/6, int x^2 sech^2 x dx = pi^2/12, so the first-order value
    # is off by a relative (1/6)(pi^2/12)(2 t/(pi lam))/(ln2/2) = 0.252 t/lam.
    lam, t = 1e-6, 1e-9
    assert wall_factor(lam, t) == pytest.approx(t * math.log(2) / (math.pi * lam), rel=3e-4)
    second = 1 - t / lam * 2 / math.pi * math.pi**2 / 72 / (math.log(2) / 2)
    assert wall_factor(lam, t) == pytest.approx(
        second * t * math.log(2) / (math.pi * lam), rel=1e-6
    )


def test_wall_factor_of_a_thick_film():
    from scipy.integrate import quad

    def wave(k: float) -> float:
        return (1 - (1 - math.exp(-k * 8)) / (k * 8)) / math.cosh(math.pi * k * 5 / 2) ** 2

    exact = quad(wave, 0, 6, epsabs=1e-13)[0] * math.pi * 5 / 2
    assert wall_factor(5e-9, 8e-9) == pytest.approx(exact, rel=1e-9)
    assert wall_factor(1e-9, 1e-5) > 0.99


def test_bloch_wall_of_strip_a():
    wall = STRIP.cross_section()
    assert (wall.rest_wall, wall.soft_axis, wall.hard_axis) == ("bloch", "y", "x")
    assert wall.K_eff == pytest.approx(8.386e4, rel=1e-4)
    assert wall.width == pytest.approx(12.45e-9, rel=1e-4)
    assert wall.N == pytest.approx((wall_factor(wall.width, 4e-9), 0.085007, 0.914993), abs=5e-7)
    assert wall.N[0] == pytest.approx(0.0656, abs=1e-4)
    assert wall.K_perp == pytest.approx(2.2e4 - KD * (wall.N[1] - wall.N[0]), rel=1e-12)
    assert wall.K_perp == pytest.approx(1.636e4, rel=1e-3)
    assert wall.notes == ()


def test_neel_wall_is_self_consistent():
    sample = dataclasses.replace(STRIP, hard_axis="y", K_hard=5e4)
    wall = sample.cross_section()
    assert (wall.rest_wall, wall.soft_axis, wall.hard_axis) == ("neel", "x", "y")
    Nx, Ny, Nz = wall.N
    assert wall.width == pytest.approx(math.sqrt(1.3e-11 / wall.K_eff), rel=1e-12)
    assert Nx == pytest.approx(wall_factor(wall.width, 4e-9), rel=1e-10)
    assert wall.K_eff == pytest.approx(3.25e5 - KD * (Nz - Nx), rel=1e-12)
    assert wall.K_perp == pytest.approx(5e4 - KD * (Nx - Ny), rel=1e-9)
    assert "`wall = bloch`" in wall.notes[0] and "neel" in wall.notes[0]


def test_hard_axis_adds_to_its_own_wall():
    along_x = dataclasses.replace(STRIP, K_hard=3e4).cross_section()
    along_y = dataclasses.replace(STRIP, K_hard=-1e4, hard_axis="y").cross_section()
    reference = STRIP.cross_section()
    assert along_x.K_perp - reference.K_perp == pytest.approx(8e3)
    assert along_x.K_eff == reference.K_eff
    assert along_y.K_eff - reference.K_eff == pytest.approx(-1e4)


def test_head_to_head_wall():
    """K_hard along y raises K_y only; a large one makes z the soft axis."""
    kd = constants.MU_0 * 8e5**2 / 2
    Ny, Nz = rectangle_factors(100e-9, 10e-9)
    rest = WIRE.cross_section()
    assert (rest.rest_wall, rest.soft_axis, rest.hard_axis) == ("head_to_head", "y", "z")
    assert rest.K_eff == pytest.approx(kd * Ny)
    assert rest.K_perp == pytest.approx(kd * (Nz - Ny))
    assert rest.N == (0.0, Ny, Nz)
    tilted = dataclasses.replace(WIRE, K=1e4, K_hard=2 * kd, hard_axis="y").cross_section()
    assert (tilted.soft_axis, tilted.hard_axis) == ("z", "y")
    assert tilted.K_eff == pytest.approx(1e4 + kd * Nz)
    assert tilted.K_perp == pytest.approx(2 * kd - kd * (Nz - Ny))
    film = dataclasses.replace(WIRE, K_hard=1e4, hard_axis="z").cross_section()
    assert film.K_perp - rest.K_perp == pytest.approx(1e4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"easy_axis": "y"}, "`easy_axis` must be x or z"),
        ({"K": 1e5}, r"easy axis z is not stable: K_eff = -1\.4\d+e\+05 J/m\^3 must be > 0"),
        ({"K": 2.42e5, "hard_axis": "y", "K_hard": 5e4}, "easy axis z is not stable"),
        ({"width": None}, "`width_m` "),
        ({"thickness": None}, "`thickness_m` "),
        ({"easy_axis": None}, "`easy_axis` "),
        ({"hard_axis": None}, "`hard_axis` "),
        ({"easy_axis": "x", "hard_axis": "z", "K": -1e5}, "easy axis x is not stable"),
    ],
)
def test_cross_section_refuses(changes, message):
    with pytest.raises(InputError, match=message) as error:
        dataclasses.replace(STRIP, **changes, origin="my.csv").cross_section()
    assert str(error.value).startswith("my.csv: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("Ms", -1, "`Ms` must be > 0, got -1"),
        ("A", 0.0, "`A` must be > 0, got 0.0"),
        ("A", "x", "`A` must be a number > 0, got 'x'"),
        ("K", math.nan, "`K` must be a finite number, got nan"),
        ("thickness", math.inf, "`thickness` must be a finite number, got inf"),
        ("gamma", -1.0, "`gamma` must be > 0, got -1.0"),
        ("charge", 2, "`charge` must be +1 or -1, got 2"),
        ("charge", True, "`charge` must be a number +1 or -1, got True"),
        ("n0", -1.0, "`n0` must be >= 0, got -1.0"),
        ("n0", None, "`n0` must be a number >= 0, got None"),
        ("temperature", -4.0, "`temperature` must be >= 0, got -4.0"),
        ("easy_axis", "w", "`easy_axis` must be one of x, y, z, got 'w'"),
        ("convention", "mumax", "`convention` must be one of paper, mumax3, oommf, got 'mumax'"),
        ("wall", "vortex", "`wall` must be one of bloch, neel, head_to_head, got 'vortex'"),
    ],
)
def test_bad_values(field, value, message):
    with pytest.raises(InputError) as error:
        Sample(**{field: value})
    assert str(error.value) == message


def test_equal_axes():
    with pytest.raises(InputError, match="`hard_axis` must differ from `easy_axis`, got z"):
        Sample(easy_axis="z", hard_axis="z")


def test_defaults_and_keys():
    sample = Sample()
    assert (sample.charge, sample.n0, sample.K_hard, sample.convention) == (1, 0.0, 0.0, "paper")
    assert sample.gamma is None
    assert sample.gyromagnetic_ratio == constants.GAMMA
    assert Sample(gamma=1.7595e11).gyromagnetic_ratio == 1.7595e11
    fields = {field.name for field in dataclasses.fields(Sample)}
    assert {key.field for key in KEYS.values()} == fields - {"origin"}


def test_require_names_every_missing_header_key():
    Sample(Ms=8e5).require("Ms", "n0", model="model `wall1d`")
    with pytest.raises(InputError) as error:
        Sample(Ms=8e5, origin="my.csv").require("Ms", "A", "K", model="model `wall1d`")
    assert str(error.value) == (
        "my.csv: model `wall1d` needs the header keys `A_J_per_m` (exchange constant, J/m), "
        "`K_J_per_m3` (crystalline easy-axis anisotropy, J/m^3); "
        "write `# A_J_per_m = ...` above the columns or give Sample(...)"
    )
