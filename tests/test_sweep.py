"""Sweeps: the spaces, what is refused, and gradients through them."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray
from jax import lax

import jaxstt
from jaxstt import sweep, sweep_map
from jaxstt._sweep._batching import _together
from jaxstt.io import save_zarr
from jaxstt.space import grid, latin_design, points, random_design


def wall(xi):
    return jaxstt.CollectiveWall(
        A=1.3e-11, K=1.3e5, Kp=1e4, Ms=8e5, alpha=0.02, xi=xi, P=0.5, n0=0.0
    )


def plain(a, b):
    return {"y": a * b, "x": jnp.stack([a, b, a + b])}


def test_a_grid_is_every_combination_last_name_fastest():
    space = grid({"a": [1.0, 2.0], "b": [3.0, 5.0, 7.0]})
    assert (space.dims, space.shape, space.size) == (("a", "b"), (2, 3), 6)
    columns = space.columns(np.arange(6))
    assert columns["a"].tolist() == [1, 1, 1, 2, 2, 2]
    assert columns["b"].tolist() == [3, 5, 7, 3, 5, 7]
    found = sweep(plain, space)
    xarray.testing.assert_identical(found, sweep(plain, {"a": [1.0, 2.0], "b": [3.0, 5.0, 7.0]}))
    np.testing.assert_array_equal(found["y"], np.outer([1.0, 2.0], [3.0, 5.0, 7.0]))


def test_random_design_is_even_reproducible_and_within():
    ranges = {"a": (2.0, 4.0), "b": ("log", 1e-3, 1e1)}
    design = random_design(4000, 7, ranges)
    again = random_design(4000, jax.random.key(7), ranges)
    other = random_design(4000, 8, ranges)
    a, b = (design.axes[n][1] for n in "ab")
    np.testing.assert_array_equal(a, again.axes["a"][1])
    np.testing.assert_array_equal(b, again.axes["b"][1])
    assert not np.array_equal(a, other.axes["a"][1])
    assert 2 <= a.min() < 2.01 and 3.99 < a.max() < 4 and abs(a.mean() - 3) < 0.05
    logs = np.log10(b)
    assert -3 <= logs.min() < -2.98 and 0.98 < logs.max() <= 1 and abs(logs.mean() + 1) < 0.1
    assert abs(np.corrcoef(a, logs)[0, 1]) < 0.06
    assert sweep(plain, random_design(3, 0, ranges))["y"].dims == ("point",)


def test_latin_design_has_one_point_in_each_part():
    ranges = {"a": (2.0, 3.0), "b": ("log", 1e-3, 1e3)}
    axes = latin_design(64, 7, ranges).axes
    a, b = axes["a"][1] - 2, (np.log10(axes["b"][1]) + 3) / 6
    for x in (a, b):
        assert sorted(np.floor(64 * x).astype(int)) == list(range(64))
        assert 0.2 < np.std(64 * x - np.floor(64 * x)) < 0.35  # anywhere within
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.4
    np.testing.assert_array_equal(axes["a"][1], latin_design(64, 7, ranges).axes["a"][1])


def test_random_design_in_single_precision_neither_overflows_nor_leaves_the_range():
    with jax.enable_x64(False):
        drawn = random_design(500, 3, {"a": ("log", 1e-30, 1e30), "b": (-3e38, 3e38)}).axes
    a, b = (drawn[n][1] for n in "ab")
    assert a.dtype == b.dtype == np.float32
    assert 1e-30 <= a.min() < 1e-28 and 1e28 < a.max() <= 1e30
    assert -3e38 <= b.min() < -2.9e38 and 2.9e38 < b.max() <= 3e38


@pytest.mark.thorough
def test_gradient_of_a_sweep_is_the_sum_of_single_ones():
    theta = jnp.asarray([0.02, 0.5])

    def loss(theta, j, xi):
        w = eqx.tree_at(lambda w: (w.alpha, w.P), wall(xi), (theta[0], theta[1]))
        return (w.motion(j).velocity / 100) ** 2

    cases = {"j": jnp.asarray([1e12, 2e12, -5e11]), "xi": jnp.asarray([0.01, 0.05, 0.1])}

    def total(theta, cases):
        found, failed = sweep_map(lambda j, xi: loss(theta, j, xi), cases)
        return jnp.sum(jnp.where(failed, 0.0, found))

    value, (slope, slopes) = jax.jit(jax.value_and_grad(total, (0, 1)))(theta, cases)
    single = jax.jit(jax.value_and_grad(loss, (0, 1, 2)))
    each = [single(theta, j, xi) for j, xi in zip(cases["j"], cases["xi"], strict=True)]
    np.testing.assert_allclose(value, sum(v for v, _ in each), rtol=1e-10)
    np.testing.assert_allclose(slope, sum(g[0] for _, g in each), rtol=1e-10)
    np.testing.assert_allclose(slopes["j"], [g[1] for _, g in each], rtol=1e-10)
    np.testing.assert_allclose(slopes["xi"], [g[2] for _, g in each], rtol=1e-10)
    assert np.abs(slope).min() > 1e-3
    forward = jax.jvp(lambda t: total(t, cases), (theta,), (jnp.asarray([1.0, 0.0]),))[1]
    np.testing.assert_allclose(forward, slope[0], rtol=1e-10)


@pytest.mark.parametrize("how", ["result", "parameter"])
def test_failed_point_leaves_the_gradient_of_the_others(how):
    def f(theta, a):
        return theta**2 * jnp.sqrt(a - 1)  # NaN below 1, with a NaN slope

    a = jnp.asarray([2.0, 0.5 if how == "result" else jnp.nan, 5.0])

    def total(theta, a):
        found, failed = sweep_map(lambda a: {"y": f(theta, a), "n": a > 0}, {"a": a})
        return jnp.sum(jnp.where(failed, 0.0, found["y"])), (found, failed)

    (value, (found, failed)), (slope, each) = jax.value_and_grad(total, (0, 1), has_aux=True)(
        3.0, a
    )
    assert failed.tolist() == [False, True, False] and np.isnan(found["y"][1])
    np.testing.assert_allclose(value, 9 * (1 + 2), rtol=1e-15)
    np.testing.assert_allclose(slope, 6 * (1 + 2), rtol=1e-15)
    np.testing.assert_allclose(each, [4.5, 0.0, 9 / 4], rtol=1e-15)


PLAIN = {"a": [1.0, 2.0], "b": [3.0]}
BAD = [
    ("`space` must name the parameters of `function`: .*'c'", {"space": PLAIN | {"c": [1.0]}}),
    ("`space` must name the parameters of `function`: .*'b'", {"space": {"a": [1.0]}}),
    ("at least one parameter, got none", {"space": {}}),
    ("`space` must be a dict of names, got list", {"space": [1.0, 2.0]}),
    ("must name parameters of the function, got 1", {"space": {1: [1.0]}}),
    (r"`b` must be a list of one or more values, got shape \(0,\)", {"space": PLAIN | {"b": []}}),
    (r"`b` must be a list .*, got shape \(1, 1\)", {"space": PLAIN | {"b": [[1.0]]}}),
    (r"`b` must be a list .*, got shape \(\)", {"space": PLAIN | {"b": 1.0}}),
    ("`b` must be a list of numbers", {"space": PLAIN | {"b": [[1.0], [1.0, 2.0]]}}),
    ("`b` must be finite, got nan", {"space": PLAIN | {"b": [1.0, np.nan]}}),
    ("`b` must be a number or an array", {"space": PLAIN | {"b": ["x"]}}),
    ("`b` must be real", {"space": PLAIN | {"b": [1j]}}),
    ("not call a parameter 'failed'", {"function": lambda failed: 1, "space": {"failed": [1.0]}}),
    ("`chunk` must be an integer >= 1, got 0", {"chunk": 0}),
    ("`chunk` must be an integer >= 1, got 2.0", {"chunk": 2.0}),
    ("`chunk` must be an integer >= 1, got True", {"chunk": True}),
    ("`resume` needs the `path`", {"resume": True}),
    ("`resume` must be True or False", {"resume": "yes", "path": "x"}),
    ("`path` must be a path, got 3", {"path": 3}),
    ("`version` must be a text", {"version": 2}),
    ("`may_be_nan` must hold names, got the text 'y'", {"may_be_nan": "y"}),
    ("`may_be_nan` must name results .*, got 'z'", {"may_be_nan": ["z"]}),
    ("`memory` must be > 0 bytes, got -1", {"memory": -1}),
    ("`units` names 'q', which is no parameter and no result", {"units": {"q": "m"}}),
    ("`units` must give 'y' a text, got 3", {"units": {"y": 3}}),
    ("`dims` names 'q', which is no result", {"dims": {"q": ("n",)}}),
    ("`dims` must give x 1 new names", {"dims": {"x": ("n", "m")}}),
    ("`dims` must give x 1 new names", {"dims": {"x": ("a",)}}),
    ("`dims` must give x names, got 3", {"dims": {"x": 3}}),
    (r"`dims` must give x names, got \(3,\)", {"dims": {"x": (3,)}}),
    ("`dims` must be a dict of names, got 'n'", {"dims": "n"}),
    (r"`units` must be a dict of names, got \['m'\]", {"units": ["m"]}),
    ("`progress` must be True or False, got 1", {"progress": 1}),
    ("`memory` must be > 0 bytes, got True", {"memory": True}),
    ("`memory` must be > 0 bytes, got nan", {"memory": np.nan}),
    ("`function` must be callable", {"function": 3}),
    ("`function` must return arrays, got None", {"function": lambda a, b: None}),
    ("`function` must return arrays, got 'text' for y", {"function": lambda a, b: {"y": "text"}}),
    ("must return numbers, got key", {"function": lambda a, b: jax.random.key(0)}),
    ("must not call a result 'a'", {"function": lambda a, b: {"a": a}}),
]  # fmt: skip


@pytest.mark.parametrize(("message", "change"), BAD)
def test_bad_arguments_are_refused(message, change):
    with pytest.raises(ValueError, match=message) as caught:
        sweep(**({"function": plain, "space": PLAIN} | change))
    assert "\n" not in str(caught.value)


def test_bad_lists_and_designs_are_refused(tmp_path):
    for message, call in {
        "as many values": lambda: points({"a": [1.0], "b": [1.0, 2.0]}),
        "all finite": lambda: sweep(plain, points({"a": [np.nan], "b": [1.0]})),
        "`n` must be": lambda: random_design(0, 0, {"a": (0, 1)}),
        "`key` must be a JAX key or an integer": lambda: random_design(1, "x", {"a": (0, 1)}),
        "`key` must be .*, got True": lambda: random_design(1, True, {"a": (0, 1)}),
        r"`a` must be \(low, high\)": lambda: random_design(1, 0, {"a": 3.0}),
        "low < high": lambda: random_design(1, 0, {"a": (1, 0)}),
        "low > 0": lambda: random_design(1, 0, {"a": ("log", 0, 1)}),
        "dict of names": lambda: random_design(1, 0, [("a", 0, 1)]),
    }.items():
        with pytest.raises(ValueError, match=message):
            call()


def test_bad_paths_are_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    for message, path, resume in [
        ("file exists", tmp_path / "file", False),
        ("file holds no sweep", tmp_path / "file", True),
        ("cannot be written", tmp_path / "file" / "x", False),
        ("must name a store", "/", False),
    ]:
        with pytest.raises(ValueError, match=message):
            sweep(plain, PLAIN, path=path, resume=resume)
    assert (tmp_path / "file").read_text() == "mine"
    save_zarr(tmp_path / "other", xarray.Dataset({"m": ("x", [1.0])}))
    with pytest.raises(ValueError, match="holds no sweep"):
        sweep(plain, PLAIN, path=tmp_path / "other", resume=True)


def test_without_zarr_only_the_store_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert float(sweep(plain, PLAIN)["y"][1, 0]) == 6
    with pytest.raises(ImportError, match=r'zarr is missing: pip install "jaxstt\[io\]"'):
        sweep(plain, PLAIN, path=tmp_path / "x")


def test_without_xarray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r'xarray is missing: pip install "jaxstt\[io\]"'):
        sweep(plain, PLAIN)


def _loop(x):
    return lax.fori_loop(0, 3, lambda _, m: jnp.sin(m) * x, jnp.ones((3, 128)))


def _transforms(x):
    return lax.fori_loop(0, 3, lambda _, m: jnp.fft.irfft(jnp.fft.rfft(m), 128) * x, jnp.ones(128))


def _large(x):
    return lax.fori_loop(0, 3, lambda _, m: m * x, jnp.ones((3, 4096)))


def _large_outside(x):
    return jnp.outer(lax.fori_loop(0, 3, lambda _, m: m * x, jnp.ones(384)), jnp.ones(512))


@pytest.mark.parametrize(
    "function, expected", [(_loop, 16), (_transforms, 1), (_large, 1), (_large_outside, 16)]
)
def test_what_stays_in_the_cache_runs_together(function, expected):
    xs = jnp.linspace(0.5, 1.5, 37)
    assert _together(function, xs) == expected
    found = jaxstt.parallel_map(function, xs)
    np.testing.assert_allclose(found, jnp.stack([function(x) for x in xs]), rtol=1e-13)


def test_a_run_that_is_not_finite_leaves_those_that_step_with_it():
    grid = jaxstt.Grid((24, 1, 1), (4e-9, 4e-9, 4e-9))
    m0 = jaxstt.bloch_wall(grid, 1e-8)

    def run(j):
        torque = jaxstt.ZhangLi(jnp.stack([j, 0 * j, 0 * j]), P=0.5, xi=0.05)
        energies = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(1e5))
        llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=energies, torques=(torque,))
        return jaxstt.evolve(llg, m0, [0.0, 5e-12], throw=False).m[-1]

    js = jnp.asarray([jnp.nan, 1e12, 2e12])  # the first of the batch
    assert _together(run, js) == 16
    found = jax.jit(lambda js: jaxstt.parallel_map(run, js))(js)
    single = jax.jit(run)
    for k in (1, 2):
        np.testing.assert_allclose(found[k], single(js[k]), rtol=0, atol=1e-13)
