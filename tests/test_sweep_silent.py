"""What sweeps once lost, mixed up or computed wrongly without a word."""

import functools
import os
import subprocess
import sys
import textwrap
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_sweep_config import BASE, written

from jaxstt import parallel_map, sweep, sweep_map
from jaxstt._app._cli import run
from jaxstt._app._sweep_config import load_sweep
from jaxstt.plot import sweep_figure
from jaxstt.space import random_design

A = {"a": [1.0, 2.0]}


def swept(folder, capsys, *changes, text=BASE, also=()):
    """(exit code, stderr) of `jaxstt sweep` on BASE with these changes."""
    path = written(folder, *changes, text=text)
    code = run(["sweep", str(path), "--out", str(folder / "out"), *also])
    return code, capsys.readouterr().err


# Points that are no simulation, within a grid whose ends are ----------------------------------

UNIFORM = (
    'type = "bloch_wall"\nwidth = 6e-9\nangle = 1.5707963267948966',
    'type = "uniform"\ndirection = [{ from = -1.0, to = 1.0, steps = 3 }, 0, 0]',
)
AVERAGE = ('["average", "energies", "wall_velocity", "wall_width", "wall_state"]', '["average"]')
PIECES = (
    'type = "Pulse", value = [0, 0, 1e-3], start = 0, duration = 1.0 }',
    'type = "Piecewise", times = [0, { values = [1e-11, 8e-11], name = "t1" }, '
    '{ values = [9e-11, 3e-11], name = "t2" }], '
    "values = [[0, 0, 0], [0, 0, 1e-3], [0, 0, 0]] }",
)
BACKWARDS = [
    ("alpha = 0.5", "alpha = { values = [0.3, 0.0] }"),
    (
        'type = "ZhangLi.from_velocity"\nu = 20.0\nbeta = 0.3',
        'type = "ZhangLi"\nj = [1e11, 0, 0]\nP = 0.5\nn0 = 2e5\nxi = { values = [0.0, -0.5] }',
    ),
]


@pytest.mark.parametrize(
    ("changes", "where", "message"),
    [
        ([UNIFORM, AVERAGE], "at direction_x = 0:", "[initial]"),
        ([PIECES], "at t1 = 8e-11, t2 = 3e-11:", "`times`"),
        (BACKWARDS, "at alpha = 0, xi = -0.5:", "`alpha` + xi eta must be >= 0"),
    ],
    ids=["zero", "times", "damping"],
)
def test_every_point_is_looked_at(changes, where, message, tmp_path, capsys):
    code, error = swept(tmp_path, capsys, *changes)
    assert code == 2 and where in error and message in error and error.count("\n") == 1


def test_warnings_of_any_point(tmp_path):
    found = load_sweep(written(tmp_path, ("K = 4e5", "K = { values = [4e5, 5e7] }")))
    assert [w for w in found.config.warnings if w.startswith("point 2: the cell dx = 3e-09 m exce")]


def test_two_torques_without_electrons_of_their_own(tmp_path):
    torque = '[[torque]]\ntype = "ZhangLi"\nj = [1e10, 0, 0]\nP = 0.5\nxi = 0.1\n\n[initial]'
    changes = (("alpha = 0.5", "alpha = { values = [0.4, 0.5] }"), ("[initial]", torque))
    found = load_sweep(written(tmp_path, *changes))
    assert sweep(found.function, found.space)["failed"].sum() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("[0, 0, 1e-3]", '[0, 0, { values = [1, 16], unit = "mT" }]'),
            "[energy 4] `B[value][2]`: `unit` must be T, got 'mT': numbers are SI",
        ),
        (("observables =", "zarr = true\nobservables ="), "[output] `zarr` has no meaning in a sw"),
        (("[output]", "[sweep]\nseed = 3\n\n[output]"), "[sweep] `seed` has a meaning only with"),
        (("K = 4e5", "K = { from = 1e5, to = 1e5, steps = 2 }"), "`from` and `to` must differ"),
        (("K = 4e5", "K = { from = 1, to = 2, steps = 100000000000 }"), "needs 800 GB"),
    ],
)
def test_settings_that_would_be_passed_over(change, message, tmp_path, capsys):
    code, error = swept(tmp_path, capsys, ("alpha = 0.5", "alpha = { values = [0.4] }"), change)
    assert code == 2 and message in error and error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_misspelt_range_is_told_where_it_is(tmp_path, capsys):
    code, error = swept(tmp_path, capsys, ("alpha = 0.5", "alpha = { value = [0.4, 0.5] }"))
    assert code == 2 and "[magnet] `alpha`" in error


# Files of the user's --------------------------------------------------------------------------


def test_a_refused_sweep_leaves_the_folder_as_it_was(tmp_path, capsys):
    path = written(tmp_path, ("alpha = 0.5", 'alpha = { values = [0.4], name = "mx" }'))
    before = path.read_text()
    for more in ([], ["--resume"]):
        assert run(["sweep", str(path), "--out", str(tmp_path), *more]) == 2
    assert path.read_text() == before and [p.name for p in tmp_path.iterdir()] == ["config.toml"]


def test_a_refused_resume_leaves_no_config_of_another_sweep(tmp_path, capsys):
    change = ("alpha = 0.5", "alpha = { values = [0.4, 0.5] }")
    out = tmp_path / "out"
    assert swept(tmp_path, capsys, change)[0] == 0
    (out / "config.toml").unlink()
    code, error = swept(tmp_path, capsys, change, ("Ms = 8e5", "Ms = 7e5"), also=["--resume"])
    assert code == 2 and "holds another sweep" in error
    assert not (out / "config.toml").exists()
    assert swept(tmp_path, capsys, change, also=["--resume"])[0] == 0


def test_a_sweep_that_failed_everywhere(tmp_path, capsys):
    """Exit code 3, and a figure that does not call it "no wall"."""
    change = ("alpha = 0.5", "alpha = { values = [0.4, 0.5] }")
    text = BASE.replace("save_every = 0.05e-9\n", "save_every = 0.05e-9\nmax_steps = 5\n")
    code, error = swept(tmp_path, capsys, change, text=text)
    assert code == 3 and "2 of 2 points failed" in error


# Results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: {"x": {"y": a}, "x.y": 2 * a}, "two results that are called 'x.y'"),
        (lambda a: {"x": (a, 2 * a), "x.0": 5 * a}, "two results that are called 'x.0'"),
        (lambda a: {".x": a, "x": 2 * a}, "must not call a result '.x'"),
        (lambda a: {"": a, "result": 2 * a}, "must not call a result ''"),
        (lambda a: {"x/y": a, "x": 3 * a}, "must not call a result 'x/y'"),
        (lambda a: {"zarr.json": a}, "must not call a result 'zarr.json'"),
        (
            lambda a: {"x": a * jnp.ones(3), "x_0": a},
            "must not call a result 'x_0': a dimension is",
        ),
        (lambda a: jnp.log(-a).astype(jnp.bfloat16), "must return numbers, got bfloat16"),
    ],
)
def test_results_that_cannot_be_kept_apart(function, message):
    with pytest.raises(ValueError, match=message):
        sweep(function, A)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([20240100, 20240101], "as another value is; jax_enable_x64"),
        ([1.0, 1.00000001], "as another value is"),
        ([1.0, 1e-46], "is 0.0 in float32|is np.float32"),
        ([1.0, 1e39], "inf"),
        (np.ma.masked_array([1.0, 2.0], [False, True]), "must be a list of numbers"),
        (np.array(["2020-01-01"], "datetime64[D]"), "must be a list of numbers"),
    ],
)
def test_values_that_would_change(values, message):
    with jax.enable_x64(False), pytest.raises(ValueError, match=message):
        sweep(lambda a: a, {"a": values})


def test_designs_that_are_none():
    with pytest.raises(ValueError, match="low, high"):
        random_design(3, 0, {"a": ("0", "1")})
    with pytest.raises(ValueError, match=r"needs .* TB"):
        random_design(10**13, 0, {"a": (0, 1)})


# Stores ---------------------------------------------------------------------------------------


class Sum(eqx.Module):
    u: jax.Array
    v: jax.Array
    scale: Any = 1.0

    def __call__(self, a):
        return self.scale * (self.u.sum() * a + 100 * self.v.sum())


def closing_over(k):
    return lambda a: k * a


BOTH = [
    (
        Sum(jnp.array([1.0, 2.0]), jnp.array([3.0])),
        Sum(jnp.array([1.0]), jnp.array([2.0, 3.0])),
        "arrays",
    ),
    (Sum(jnp.ones(1), jnp.ones(1), 2.0), Sum(jnp.ones(1), jnp.ones(1), 3.0), "holds"),
    (functools.partial(closing_over(2.0)), functools.partial(closing_over(3.0)), "holds"),
    (closing_over(2.0), closing_over(3.0), "holds"),
    (closing_over(np.array([1.0])), closing_over(np.array([2.0])), "holds"),
    (closing_over(jnp.array([1.0])), closing_over(jnp.array([2.0])), "holds"),
]


@pytest.mark.parametrize(
    ("one", "other", "what"), BOTH, ids=["shapes", "field", "partial", "cell", "numpy", "array"]
)
def test_another_sweep_is_not_gone_on_with(one, other, what, tmp_path):
    first = sweep(one, A, path=tmp_path / "x.zarr")
    again = sweep(one, A, path=tmp_path / "x.zarr", resume=True)
    np.testing.assert_array_equal(first["result"], again["result"])
    with pytest.raises(ValueError, match=f"holds another sweep: {what} is"):
        sweep(other, A, path=tmp_path / "x.zarr", resume=True)


def test_numbers_that_are_equal_and_not_the_same():
    class Sign(eqx.Module):
        by: Any
        kind: Any = eqx.field(static=True, default=0)

        def __call__(self, a):
            return {"s": jnp.copysign(a, self.by), "k": jnp.asarray(self.kind)}

    signs = [sweep(Sign(by), A)["s"].values[0] for by in (0.0, -0.0)]
    assert signs == [1, -1]
    kinds = [sweep(Sign(0.0, kind), A)["k"].dtype.kind for kind in (1, 1.0, True)]
    assert kinds == ["i", "f", "b"]


def test_places_of_stores(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    sweep(lambda a: a, A, path="~/x.zarr")
    assert [p.name for p in tmp_path.iterdir()] == ["x.zarr"]
    with pytest.raises(ValueError, match="`path` must be on a file system"):
        sweep(lambda a: a, A, path="s3://b/x.zarr")


WRITER = """
    import signal, sys, time, jax
    from jaxstt import sweep
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `&` has it ignored
    def wait(a):
        time.sleep(0.3)
        return a
    def slow(a):
        shape = jax.ShapeDtypeStruct((), a.dtype)
        return jax.pure_callback(wait, shape, a, vmap_method="sequential")
    space = {"a": [float(i) for i in range(300)]}
    sweep(slow, space, path=sys.argv[1], chunk=1, resume=len(sys.argv) > 2)
"""


def _interrupted(process: subprocess.Popen) -> str:
    """What it says when Ctrl-C is pressed, if need be more than once.

    Python drops an interrupt that comes while it clears an object away.
    """
    for _ in range(4):
        os.kill(process.pid, 2)
        try:
            return process.communicate(timeout=15)[1]
        except subprocess.TimeoutExpired:
            pass
    process.kill()
    pytest.fail("Ctrl-C does not end the sweep")


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
def test_two_writers(tmp_path):
    """The second is refused while the first writes; Ctrl-C in a callback ends the first."""
    path = tmp_path / "x.zarr"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as writer:
        parts = tmp_path / "x.zarr.parts"
        while writer.poll() is None and not (parts / "000001.zarr").exists():
            pass
        second = subprocess.run([*command, "resume"], capture_output=True, text=True)
        assert "is being written by another process" in second.stderr
        error = _interrupted(writer)
    assert writer.returncode != 0 and "KeyboardInterrupt" in error
    assert not path.exists() and (parts / "000001.zarr").exists()


# Figures and maps -----------------------------------------------------------------------------


def test_a_figure_of_values_in_any_order():
    found = sweep(lambda a, b: {"y": a + 0 * b}, {"a": [0.0, 10.0, 1.0, 2.0], "b": [0.0, 1.0]})
    (axes, _) = sweep_figure(found).axes
    (mesh,) = axes.collections
    np.testing.assert_array_equal(mesh.get_array().reshape(2, 4)[0], [0, 1, 2, 10])
    assert axes.get_xlim()[1] > 10


def test_a_curve_of_values_in_any_order():
    found = sweep(lambda a: {"y": 3 * a}, {"a": [0.0, 10.0, 1.0, 2.0]})
    (line,) = sweep_figure(found).axes[0].lines
    np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2, 10])
    np.testing.assert_array_equal(line.get_ydata(), [0, 3, 6, 30])


def test_a_figure_leaves_out_what_failed_and_draws_logarithms():
    def phase(a):
        return {"y": a, "phase": jnp.asarray(2), "c": jnp.sqrt(a - 2.0)}

    with pytest.warns(Warning, match="1 of 4 points failed"):
        found = sweep(phase, {"a": [1.0, 10.0, 100.0, 1000.0]}, units={"y": "$\\frac{$"})
    figure = sweep_figure(found, "y")
    figure.savefig(os.devnull, format="png")
    (line,) = figure.axes[1].lines
    assert np.isnan(line.get_ydata()[0]) and line.get_ydata()[1] == 2
    assert figure.axes[0].get_xscale() == "log"
    with pytest.raises(ValueError, match="must hold a real number at each point"):
        sweep_figure(sweep(lambda a: jax.lax.complex(a, a), A))


@pytest.mark.parametrize(
    ("xs", "message"),
    [
        ({"a": jnp.ones(2), "b": jnp.ones(3)}, r"of one length > 0 \(first axis\)"),
        ({"a": jnp.ones(())}, r"of one length > 0"),
        ({}, "of one length > 0"),
        ({"a": jnp.ones(0)}, "of one length > 0"),
        ({"a": "text"}, "must hold arrays"),
    ],
)
def test_maps_of_what_is_no_list(xs, message):
    with pytest.raises(ValueError, match=message):
        parallel_map(lambda x: x, xs)


def test_where_sweeps_do_not_work():
    with pytest.raises(ValueError, match="`a` is traced: within jit, grad or vmap use"):
        jax.grad(lambda x: sweep(lambda a: a, {"a": jnp.stack([x, x])}))(1.0)
    with pytest.raises(ValueError, match="of a Space its `columns`, got Space"):
        sweep_map(lambda a: a, random_design(3, 0, {"a": (0, 1)}))
    found, failed = sweep_map(lambda a: 2 * a, {"a": [1.0, 2.0]})
    assert found.tolist() == [2, 4] and not failed.any()
