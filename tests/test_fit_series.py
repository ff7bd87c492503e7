"""Reading time series of the averaged magnetisation."""

import numpy as np
import pytest

from fitting import InputError
from fitting._data._series import load_series

GOOD = {
    "csv": "# free text\nxi,time_s,mx,my\n0,1e-9,0.1,0.2\n0,2e-9,0.3,0.4\n",
    "ns": "time_ns mx my\n1 0.1 0.2\n2 0.3 0.4\n",
    "mumax3": "# t (s)\tmx ()\tmy ()\n1e-9\t0.1\t0.2\n2e-9\t0.3\t0.4\n",
    "odt": "# ODT 1.0\n# Columns: {Oxs_TimeDriver::Simulation time} Oxs_TimeDriver::mx "
    "Oxs_TimeDriver::my\n# Units: s {} {}\n1e-9 0.1 0.2\n2e-9 0.3 0.4\n# Table End\n",
}
BAD = {
    "": "empty",
    "time_s,mx\n": "empty",
    "time_s,xi\n0,0\n": "missing column `mx`",
    "mx,my\n0,0\n": "one column of time",
    "t,time,mx\n0,0,0\n": "one column of time, got 2",
    "time_h,mx\n0,0\n": "unit of time must be one of .* got h",
    "time_s,mx\n0,0\n0,0\n": "f:3: time must be >= 0 and increase",
    "time_s,mx\n-1,0\n": "f:2: time must be >= 0",
    "time_s,mx,my\n0,0.8,0.8\n": r"f:2: \|m\| must be <= 1",
    "time_s,mx\n0,nan\n": "f:2: every cell must be a finite number",
    "time_s,mx\n0,inf\n": "f:2: every cell must be a finite number",
    "time_s,mx\n0,a\n": "f:2: must hold numbers: 'a' is no number",
    "time_s,mx\n0,0,0\n": "f:2: must have 2 columns, got 3",
    "time_s,mx,mx\n0,0,0\n": "f:1: column 'mx' is there twice",
    "time_s,mx,<mx>\n0,0,0\n": "missing column `mx`",
}


@pytest.mark.parametrize("kind", GOOD)
def test_formats(tmp_path, kind):
    (tmp_path / "f").write_text(GOOD[kind])
    series = load_series(tmp_path / "f")
    np.testing.assert_allclose(series.time, [1e-9, 2e-9], rtol=1e-12)
    np.testing.assert_array_equal(series.m, [[0.1, 0.2, np.nan], [0.3, 0.4, np.nan]])


@pytest.mark.parametrize("text", BAD)
def test_bad_files(tmp_path, text):
    (tmp_path / "f").write_text(text)
    with pytest.raises(InputError, match=BAD[text]):
        load_series(tmp_path / "f")


def test_chosen_rows(tmp_path):
    (tmp_path / "f").write_text("xi,t,mx\n0,0,0.1\n0,1e-9,0.2\n1,0,0.3\n")
    assert load_series(tmp_path / "f", xi=0).m[:, 0].tolist() == [0.1, 0.2]
    with pytest.raises(InputError, match="increase"):
        load_series(tmp_path / "f")
    with pytest.raises(InputError, match="no row with xi = 2"):
        load_series(tmp_path / "f", xi=2)
    with pytest.raises(InputError, match="missing column `beta`"):
        load_series(tmp_path / "f", beta=2)


def test_a_missing_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load_series(tmp_path / "none")
