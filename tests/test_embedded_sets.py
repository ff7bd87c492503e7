"""The data sets that come with the package."""

import dataclasses

import pytest
from fit_data import STRIP

import fitting
from fitting import InputError, datasets, load_measurements
from jaxstt import constants


def test_strip_a():
    data = load_measurements("strip_a")
    assert len(data) == 18 and data.path == "strip_a"
    assert data.truth == {"xi": 0.25, "P": 0.5, "alpha": 0.1}
    assert data.sample == dataclasses.replace(
        STRIP,
        length=1536e-9,
        cell_x=3e-9,
        cell_y=4e-9,
        cell_z=4e-9,
        gamma=1.759458e11,
        temperature=0.0,
    )
    assert (data.j[0], data.value[0], data.std[0], data.line[0]) == (-2e11, 19.9222, 0.496, 26)
    assert data.field_axis[8] == "z" and data.B[8] == 8e-4 and data.j[8] == 0.0
    assert data.observable.count("precession_frequency") == 6
    assert any("NOT a measurement" in note for note in data.notes)


@pytest.mark.parametrize(
    ("name", "u", "P", "std", "published"),
    [
        ("doppler_nife_340K", 4.1, 0.581, 0.014, ("0.58", "0.02")),
        ("doppler_nife_80K", 4.8, 0.680, 0.043, ("0.75", "0.05")),
    ],
)
def test_doppler_values(name, u, P, std, published):
    data = load_measurements(name)
    assert len(data) == 1 and data.observable == ("drift_velocity",)
    assert (data.j[0], data.value[0], data.sample.Ms) == (1e11, u, 8.2e5)
    assert data.sample.convention == "oommf"
    assert f"{data.temperature[0]:.0f}K" == name.split("_")[-1]
    assert "APS March Meeting 2010" in data.source[0]
    assert data.extra == {"x_P_published": (published[0],), "x_P_published_std": (published[1],)}
    # u = P mu_B j/(e Ms)
    scale = constants.E_CHARGE * 8.2e5 / (constants.MU_B * 1e11)
    assert data.value[0] * scale == pytest.approx(P, abs=5e-4)
    assert data.std[0] * scale == pytest.approx(std, abs=6e-4)


def test_datasets():
    assert datasets.names() == (
        "doppler_nife_340K",
        "doppler_nife_80K",
        "efficiency_copt",
        "strip_a",
    )
    assert datasets.path("strip_a").is_file()
    with pytest.raises(InputError, match="unknown data set 'strip'; did you mean `strip_a`"):
        datasets.path("strip")


def test_efficiency_of_copt() -> None:
    """3.6 +- 0.6 Oe cm^2/MA of the authors, through the tool; xi and P apart are refused."""
    data = load_measurements("efficiency_copt")
    oersted, per_MA_cm2 = 1e-4, 1e10
    assert data.value[0] == pytest.approx(3.6 * oersted / per_MA_cm2, rel=1e-12)
    assert data.std[0] == pytest.approx(0.6 * oersted / per_MA_cm2, rel=1e-12)
    assert any("ASSUMED" in note for note in data.notes)
    found = fitting.fit(data, check=False)
    assert found.converged
    assert found.derived["drive efficiency"][:2] == pytest.approx((3.6e-14, 0.6e-14), rel=0.02)
    assert [found.std[n] for n in found.free] == [None] * 3
    text = found.report()
    assert "fixes xi P/(1+xi^2) only" in text
    assert "drive efficiency" in text and "(3.60 +- 0.60)e-14 T m^2/A" in text
    # B/j = xi P/(1+xi^2) hbar/(2 e Ms lambda), the width of the ASSUMED sample.
    lam = data.sample.cross_section().width
    product = 3.6e-14 * 2 * constants.E_CHARGE * 4e5 * lam / constants.HBAR
    (combination,) = found.identifiability.combinations
    assert combination.value == pytest.approx(product, rel=1e-3)
    # Any other assumed sample: the same efficiency, another product.
    other = dataclasses.replace(data.sample, Ms=5e5, A=1.4e-11)
    again = fitting.fit(data, check=False, sample=other)
    assert again.derived["drive efficiency"][:2] == pytest.approx((3.6e-14, 0.6e-14), rel=0.02)
    assert again.identifiability.combinations[0].value != pytest.approx(product, rel=0.1)
