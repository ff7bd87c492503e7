"""Data sets and zarr stores: cut, turned and damaged ones are read right or refused in one line."""

import shutil

import helpers
import numpy as np
import pytest

import jaxstt
from jaxstt import io
from jaxstt.io import _dataset

xarray = pytest.importorskip("xarray")
zarr = pytest.importorskip("zarr")

GRID = helpers.GRID
T = np.array([0.0, 1e-12, 2e-12])
M = np.stack([helpers.noise(GRID, seed) for seed in range(3)])


@pytest.fixture
def dataset():
    mask = np.arange(48).reshape(GRID.shape) % 5 != 0
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, (True, False, False), mask)
    return io.to_dataset(grid, T, M * mask, variables={"E": ("J", [0.0, 0.0, 0.0])})


@pytest.mark.parametrize("format", [2, 3])
def test_a_store_comes_back(format, dataset, tmp_path, monkeypatch):
    """In either format, with nothing of the one it came from; zeros are written as well."""
    assert io.ZARR_FORMAT in (2, 3)
    io.save_zarr(tmp_path / "first", dataset)
    first = io.load_zarr(tmp_path / "first")
    xarray.testing.assert_identical(first.load(), dataset)
    monkeypatch.setattr(_dataset, "ZARR_FORMAT", format)
    io.save_zarr(tmp_path / "a", io.load_zarr(tmp_path / "first"))
    assert zarr.open_group(tmp_path / "a", mode="r").metadata.zarr_format == format
    xarray.testing.assert_identical(io.load_zarr(tmp_path / "a").load(), dataset)
    io.save_zarr(tmp_path / "a", io.load_zarr(tmp_path / "a"), overwrite=True)
    xarray.testing.assert_identical(io.load_zarr(tmp_path / "a").load(), dataset)
    assert {p.name for p in tmp_path.iterdir()} == {"first", "a"}
    arrays = dict(zarr.open_group(tmp_path / "a", mode="r").arrays())
    assert arrays["E"].nchunks_initialized == 1


def _damage(path):
    """(what is done, do it) for each file of a store."""
    for file in sorted(p for p in path.rglob("*") if p.is_file()):
        content, half = file.read_bytes(), file.stat().st_size // 2
        flipped = content[:half] + bytes([content[half] ^ 0x15]) + content[half + 1 :]
        yield file, None
        yield file, content[:half]
        yield file, flipped


@pytest.mark.filterwarnings("ignore")  # of zarr, before it fails or does not
@pytest.mark.parametrize("format", [2, 3])
def test_a_damaged_store(format, dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(_dataset, "ZARR_FORMAT", format)
    io.save_zarr(tmp_path / "a", dataset)
    kept = 0
    for file, content in list(_damage(tmp_path / "a")):
        shutil.rmtree(tmp_path / "b", ignore_errors=True)
        shutil.copytree(tmp_path / "a", tmp_path / "b")
        damaged = tmp_path / "b" / file.relative_to(tmp_path / "a")
        damaged.unlink() if content is None else damaged.write_bytes(content)
        try:
            found = io.load_zarr(tmp_path / "b")
            grid, t, m = io.from_dataset(found)
        except ValueError as error:
            assert "\n" not in str(error)
            continue
        kept += 1
        assert grid == io.from_dataset(dataset)[0]
        np.testing.assert_array_equal(t, T)
        np.testing.assert_array_equal(m, dataset["m"])
    assert kept < 15  # other variables, and attributes of no meaning


def test_what_a_store_lacks_is_named(dataset, tmp_path):
    path = tmp_path / "a"
    io.save_zarr(path, dataset)
    (path / "E" / "c" / "0").unlink()
    with pytest.raises(ValueError, match=r"E is not what was written to .*a: it has 0 of 1 chunks"):
        io.load_zarr(path)
    shutil.rmtree(path / "E")
    with pytest.raises(ValueError, match=r"E is not what was written to .*a: it is missing"):
        io.load_zarr(path)
    (path / "zarr.json").unlink()
    with pytest.raises(ValueError, match=r"`path` .*a is no whole zarr store: "):
        io.load_zarr(path)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match=r"`path` .*file exists and is no store"):
        io.save_zarr(tmp_path / "file", dataset, overwrite=True)
    with pytest.raises(ValueError, match="`dataset` holds what zarr cannot"):
        io.save_zarr(tmp_path / "c", dataset.assign_attrs(x=object()))
    assert {p.name for p in tmp_path.iterdir()} == {"a", "file"}


def test_a_part_of_a_ring_is_no_ring():
    ring = jaxstt.Grid((4, 3, 1), (1e-9, 2e-9, 3e-9), (True, True, False))
    m = np.broadcast_to(np.array([0.0, 0, 1])[:, None, None, None], (1, 3, 4, 3, 1))
    whole = io.to_dataset(ring, [0.0], m)
    assert io.from_dataset(whole)[0].periodic == (True, True, False)
    assert io.from_dataset(whole.isel(x=slice(0, 3)))[0].periodic == (False, True, False)


def test_turned_and_cut_data_sets(dataset):
    grid, _, m = io.from_dataset(dataset)
    turned = dataset.isel(component=[2, 0, 1]).transpose("z", "component", "x", "t", "y")
    np.testing.assert_array_equal(io.from_dataset(turned)[2], m)
    as_numbers = dataset.assign(magnet=dataset["magnet"].astype("int8"))
    assert io.from_dataset(as_numbers)[0] == grid
    cut = io.from_dataset(dataset.isel(x=slice(2, 5), t=[1]))
    np.testing.assert_array_equal(cut[2], m[1:2, :, 2:5])
    assert cut[0].shape == (3, 4, 2) and cut[0].spacing == grid.spacing


WRONG = {
    "reversed": (lambda d: d.isel(x=slice(None, None, -1)), "`x` must grow by spacing_m = 2e-09"),
    "every second": (lambda d: d.isel(y=slice(None, None, 2)), "got steps of 6e-09 to 6e-09"),
    "spacing": (lambda d: d.assign_attrs(spacing_m=[2e-9, 3e-9, 5e-9]), "`z` must grow by"),
    "no spacing": (lambda d: d.assign_attrs(spacing_m="2 nm"), "'spacing_m' must be three lengths"),
    "periodic": (lambda d: d.assign_attrs(periodic=[0, 2, 0]), "'periodic' must be three 0 or 1"),
    "one time": (lambda d: d.isel(t=0), "must have 3 components and the axes t, x, y, z"),
    "components": (lambda d: d.isel(component=[0, 1]), "must have 3 components"),
    "twice": (lambda d: d.isel(component=[0, 1, 1]), "`component` must be x, y, z, got"),
    "times": (lambda d: d.assign_coords(t=[0.0, np.nan, 1.0]), "`t` must be finite"),
    "magnet": (lambda d: d.assign(magnet=d["magnet"] * 0.5), "`magnet` must be true or false"),
    "flat magnet": (
        lambda d: d.assign(magnet=d["magnet"].isel(z=0)),
        "`magnet` must have the axes",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_data_sets(case, dataset):
    change, message = WRONG[case]
    with pytest.raises(ValueError, match=message):
        io.from_dataset(change(dataset))


def test_names_that_are_taken():
    for arguments, message in (
        ({"variables": {"t": ("s", T)}}, "`variables` must be new names"),
        ({"attrs": {"spacing_m": 1}}, "`attrs` must not hold 'spacing_m'"),
    ):
        with pytest.raises(ValueError, match=message):
            io.to_dataset(GRID, T, M, **arguments)
