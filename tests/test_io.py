"""OVF, tables and data sets: what is written comes back, what is broken is named."""

import struct

import helpers
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import io

GRID = helpers.GRID
M = np.asarray(helpers.noise(GRID))


@pytest.mark.parametrize("format", ["text", "binary8", "binary4"])
def test_ovf_comes_back(tmp_path, format):
    path = tmp_path / "m.ovf"
    io.write_ovf(path, GRID, M, t=1.2345678901234567e-9, format=format, title="a state")
    back = io.read_ovf(path)
    exact = M.astype(np.float32).astype(float) if format == "binary4" else M
    np.testing.assert_array_equal(back.values, exact)
    assert back.t == 1.2345678901234567e-9
    assert back.grid == GRID
    assert (back.unit, back.labels, back.title) == ("1", ("m_x", "m_y", "m_z"), "a state")
    assert [p.name for p in tmp_path.iterdir()] == ["m.ovf"]


def test_ovf_of_a_number_and_of_a_mask(tmp_path):
    path = tmp_path / "K.ovf"
    io.write_ovf(path, GRID, M[:1] * 1e5, unit="J/m3", labels=("K 1",))
    back = io.read_ovf(path)
    np.testing.assert_array_equal(back.values, M[:1] * 1e5)
    assert (back.unit, back.labels, back.t) == ("J/m3", ("K 1",), None)
    mask = np.arange(48).reshape(GRID.shape) % 5 != 0
    io.write_ovf(path, GRID, M * mask)
    np.testing.assert_array_equal(io.read_ovf(path).grid.mask, mask)


def _header(begin, extra="", version="2.0", dims="# valuedim: 3\n"):
    return (
        "# OOMMF: rectangular mesh v1.0\n" if version == "1.0" else "# OOMMF OVF 2.0\n"
    ) + (
        "# Segment count: 1\n# Begin: Segment\n# Begin: Header\n# Title: m\n"
        "# Desc: Stage simulation time:  1  s\n# Desc: Total simulation time:  2.5e-10  s\n"
        "# meshunit: m\n# meshtype: rectangular\n# xmin: -1e-9\n# ymin: 0\n# zmin: 0\n"
        "# xmax: 3e-9\n# ymax: 3e-9\n# zmax: 1e-9\n"
        f"# xnodes: 2\n# ynodes: 1\n# znodes: 1\n{dims}"
        f"# xstepsize: 2e-9\n# ystepsize: 3e-9\n# zstepsize: 1e-9\n{extra}"
        f"# End: Header\n# Begin: Data {begin}\n"
    )  # fmt: skip


VALUES = np.array([1.0, 0.0, 0.0, 0.0, 0.6, -0.8])  # x fastest: cell (0,0,0), then (1,0,0)


def _check(back):
    np.testing.assert_array_equal(back.values[:, :, 0, 0], VALUES.reshape(2, 3).T)
    assert back.grid.spacing == (2e-9, 3e-9, 1e-9)
    assert back.t == 2.5e-10


def test_ovf_as_others_write_it(tmp_path):
    """OOMMF 2.0 (braces, capital letters), mumax3 (no labels), OVF 1.0 (big endian)."""
    path = tmp_path / "m.ovf"
    labels = '# valuelabels: {Magnetization x} My "M z"\n# valueunits: A/m A/m A/m\n'
    path.write_text(_header("Text", labels) + " 1 0 0\n 0 0.6 -0.8\n# End: Data Text\n")
    back = io.read_ovf(path)
    _check(back)
    assert (back.unit, back.labels) == ("A/m", ("Magnetization x", "My", "M z"))
    data = struct.pack("<7d", 123456789012345.0, *VALUES)
    path.write_bytes(_header("Binary 8").encode() + data + b"\n# End: Data Binary 8\n")
    _check(io.read_ovf(path))
    data = struct.pack(">7d", 123456789012345.0, *(VALUES / 8e5))
    head = _header("Binary 8", "# valueunit: A/m\n# valuemultiplier: 8e5\n", "1.0", "")
    path.write_bytes(head.encode() + data + b"\n# End: Data Binary 8\n")
    np.testing.assert_allclose(io.read_ovf(path).values[:, 1, 0, 0], [0, 0.6, -0.8], rtol=1e-15)


GOOD = _header("Text") + "1 0 0\n0 0.6 -0.8\n# End: Data Text\n"
BROKEN = {
    "first line": ("hello\n" + GOOD, "is no OVF file"),
    "empty": ("", "is no OVF file"),
    "irregular": (GOOD.replace("rectangular", "irregular"), "meshtype must be rectangular"),
    "mesh unit": (GOOD.replace("meshunit: m", "meshunit: V"), "meshunit must be a length"),
    "nodes": (GOOD.replace("# xnodes: 2\n", ""), "has no '# xnodes' line"),
    "half a node": (GOOD.replace("xnodes: 2", "xnodes: 2.5"), "xnodes must be an integer"),
    "step": (GOOD.replace("xstepsize: 2e-9", "xstepsize: two"), "xstepsize must be a number"),
    "no length": (GOOD.replace("xstepsize: 2e-9", "xstepsize: 0"), "`spacing` must be"),
    "too few": (GOOD.replace(" 0.6", ""), "must hold 6 numbers, got 5"),
    "too many": (GOOD.replace(" 0.6", " 0.6 1"), "must hold 6 numbers, got 7"),
    "words": (GOOD.replace("0.6", "x"), "data must be numbers"),
    "nan": (GOOD.replace("0.6", "nan"), "not finite"),
    "dimension": (GOOD.replace("valuedim: 3", "valuedim: 2"), "must hold 4 numbers, got 6"),
    "kind": (GOOD.replace("Data Text", "Data Hex"), "data must be text, binary 4 or binary 8"),
    "no data": (GOOD.split("# Begin: Data")[0], "has no '# Begin: Data' line"),
    "header": (GOOD.replace("# ymin", "ymin"), "must begin with '#'"),
    "cut": (_header("Binary 4") + "abcd", "is cut off: it must hold 6 numbers, got at most 0"),
    "control": (_header("Binary 4") + "\0" * 28, "control number must be 1234567"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_ovf(tmp_path, case):
    text, message = BROKEN[case]
    path = tmp_path / "m.ovf"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"m\.ovf: .*{message}"):
        io.read_ovf(path)


def test_ovf_is_not_written_wrong(tmp_path):
    path = tmp_path / "m.ovf"
    for arguments, message in (
        ({"m": M[:, :2]}, "`m` must have shape"),
        ({"m": M * np.nan}, "`m` must be finite"),
        ({"m": M, "format": "binary2"}, "`format` must be one of"),
        ({"m": M, "labels": ("m",)}, "`labels` must be 3 names"),
        ({"m": M, "title": "two\nlines"}, "`title` must be one line"),
    ):
        with pytest.raises(ValueError, match=message):
            io.write_ovf(path, GRID, **arguments)
    assert not any(tmp_path.iterdir())


def test_table_comes_back(tmp_path):
    path = tmp_path / "table.txt"
    columns = {"t": np.linspace(0, 1e-9, 5), "mx": np.pi * np.arange(5), "q": np.full(5, np.nan)}
    io.write_table(path, columns, {"t": "s", "q": "m"})
    assert path.read_text().splitlines()[0] == "# t (s)\tmx ()\tq (m)"
    back = io.read_table(path)
    assert back.units == {"t": "s", "mx": "", "q": "m"}
    for name, values in columns.items():
        np.testing.assert_array_equal(back.columns[name], values)


def test_tables_of_others(tmp_path):
    path = tmp_path / "table.odt"
    path.write_text(
        "# ODT 1.0\n# Table Start\n# Title: x\n"
        "# Columns: {Oxs_TimeDriver::mx} {Oxs_TimeDriver::Simulation time}\n# Units: {} s\n"
        " 0.5  0\n -0.25  1e-12\n# Table End\n"
    )
    back = io.read_table(path)
    np.testing.assert_array_equal(back.columns["Oxs_TimeDriver::mx"], [0.5, -0.25])
    assert back.units["Oxs_TimeDriver::Simulation time"] == "s"


@pytest.mark.parametrize(
    "text,message",
    [
        ("1\t2\n", "must begin with"),
        ("# t\tmx ()\n1\t2\n", r"headed 'name \(unit\)', got 't'"),
        ("# t (s)\tt (s)\n1\t2\n", "column 't' is there twice"),
        ("# t (s)\tmx ()\n1\t2\n\n1\n", r"txt:4: must have 2 columns, got 1"),
        ("# t (s)\tmx ()\n1\tx\n", r"txt:2: must hold numbers"),
    ],
)
def test_broken_table(tmp_path, text, message):
    path = tmp_path / "table.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"table\.txt.*{message}|{message}"):
        io.read_table(path)


def test_table_is_not_written_wrong(tmp_path):
    path = tmp_path / "table.txt"
    for columns, units, message in (
        ({}, {}, "at least one column"),
        ({"t": [1.0], "m": [1.0, 2.0]}, {}, r"must all have the shape \(1,\), got \(2,\) of m"),
        ({"t": [1.0]}, {"x": "s"}, "a column that is not there: 'x'"),
        ({"t (s)": [1.0]}, {}, "without tabs and brackets"),
        ({"": [1.0]}, {}, "a name must be text without blanks around it, got ''"),
        ({" t": [1.0]}, {}, "a name must be text without blanks around it, got ' t'"),
    ):
        with pytest.raises(ValueError, match=message):
            io.write_table(path, columns, units)
    assert not any(tmp_path.iterdir())


def _states():
    t = np.array([0.0, 1e-10])
    mask = jnp.asarray(np.arange(48).reshape(GRID.shape) % 5 != 0)
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, (True, False, False), mask)
    return grid, t, np.stack([M * np.asarray(mask), -M * np.asarray(mask)])


def test_dataset_comes_back(tmp_path):
    pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    grid, t, m = _states()
    made = io.to_dataset(grid, t, m, variables={"E": ("J", [1.0, 2.0])}, attrs={"xi": 0.05})
    assert made["m"].sel(component="y").isel(t=1).shape == GRID.shape
    np.testing.assert_allclose(made["x"], grid.centres("x"))
    assert made["t"].attrs["units"] == "s"
    path = tmp_path / "run.zarr"
    io.save_zarr(path, made)
    with pytest.raises(ValueError, match=r"exists; pass overwrite=True"):
        io.save_zarr(path, made)
    io.save_zarr(path, made, overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["run.zarr"]
    back = io.load_zarr(path)
    assert back.attrs["xi"] == 0.05
    again, t_again, m_again = io.from_dataset(back)
    assert again == grid
    np.testing.assert_array_equal(t_again, t)
    np.testing.assert_array_equal(m_again, m)
    np.testing.assert_array_equal(back["E"], [1.0, 2.0])


def test_dataset_is_not_made_wrong(tmp_path):
    pytest.importorskip("xarray")
    grid, t, m = _states()
    with pytest.raises(ValueError, match="`m` must have shape"):
        io.to_dataset(grid, t[:1], m)
    with pytest.raises(ValueError, match="`variables` must be new names with 2 values"):
        io.to_dataset(grid, t, m, variables={"E": ("J", [1.0])})
    with pytest.raises(ValueError, match="must hold 'm'"):
        io.from_dataset(io.to_dataset(grid, t, m).drop_vars("m"))
    with pytest.raises(ValueError, match="attribute 'spacing_m'"):
        io.from_dataset(io.to_dataset(grid, t, m).drop_attrs())
    pytest.importorskip("zarr")
    with pytest.raises(ValueError, match="must be a zarr store"):
        io.load_zarr(tmp_path / "nothing")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "xarray", None)
    with pytest.raises(ImportError, match=r'xarray is missing: pip install "jaxstt\[io\]"'):
        io.to_dataset(*_states())


def test_where_the_box_begins(tmp_path):
    """In the file only: the mesh begins at 0."""
    grid = jaxstt.Grid((2, 3, 1), (1e-9, 2e-9, 3e-9))
    path = tmp_path / "m.ovf"
    io.write_ovf(path, grid, np.ones((3, 2, 3, 1)), origin=(5e-9, -1e-9, 0.0))
    found = io.read_ovf(path)
    assert found.origin == (5e-9, -1e-9, 0.0) and found.grid == grid
    text = path.read_bytes()[:900].decode(errors="ignore")
    assert "# xmax: 7e-09\n" in text and "# ybase: 0.0\n" in text
    with pytest.raises(ValueError, match="`origin` must be three finite lengths"):
        io.write_ovf(path, grid, np.ones((3, 2, 3, 1)), origin=(0.0, np.nan, 0.0))
