"""Sweeps: memory, compilations, and what a module that is swept carries."""

import gc
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import sweep
from jaxstt.io import load_zarr


def plain(a, b):
    return {"y": a * b, "x": jnp.stack([a, b, a + b])}


def test_memory_bounds_the_chunk(tmp_path):
    def large(a):
        return {"y": a * jnp.ones(1000)}

    values = np.arange(100.0)
    found = sweep(large, {"a": values}, memory=200_000, path=tmp_path / "x")
    chunk = json.loads(load_zarr(tmp_path / "x").attrs["sweep"])["chunk"]
    assert 4 <= chunk < 25  # 25 times 8 kB are 200 kB
    np.testing.assert_array_equal(found["y"][:, 3], values)
    with pytest.raises(ValueError, match=r"needs .* kB for one point, there are 1 kB \(`memory`\)"):
        sweep(large, {"a": values}, memory=1000)
    with pytest.raises(ValueError, match="`chunk` of 50 points needs"):
        sweep(large, {"a": values}, memory=200_000, chunk=50)


def test_thousand_sweeps_trace_once_and_keep_nothing():
    traces = []

    def counted(a, b):
        traces.append(1)
        return plain(a, b)

    def one(i):
        return sweep(counted, {"a": [1.0 + i, 2.0], "b": [0.5, 3.0]}, chunk=4)

    one(0)
    first = len(traces)
    for i in range(1, 50):
        one(i)
    gc.collect()
    before, arrays = len(gc.get_objects()), len(jax.live_arrays())
    for i in range(50, 1000):
        found = one(i)
    del found
    gc.collect()
    assert len(traces) == first <= 3
    assert len(jax.live_arrays()) <= arrays
    assert len(gc.get_objects()) < before + 200


def test_arrays_of_a_module_are_no_constants():
    traces = []

    class Line(eqx.Module):
        slope: jax.Array

        def __call__(self, a):
            traces.append(1)
            return self.slope * a

    for slope in (2.0, 3.0):
        found = sweep(Line(jnp.asarray(slope)), {"a": [1.0, 4.0]})
        np.testing.assert_array_equal(found["result"], [slope, 4 * slope])
    assert len(traces) <= 3


def test_numbers_of_a_module_are_told_apart_by_type():
    class Shift(eqx.Module):
        by: float

        def __call__(self, n):
            return n > 0, jnp.asarray(self.by)

    whole, real = (sweep(Shift(by), {"n": [1.0]})["1"].dtype for by in (1, 1.0))
    assert whole.kind == "i" and real.kind == "f"


def test_arrays_of_a_module_belong_to_the_store(tmp_path):
    class Line(eqx.Module):
        slope: jax.Array

        def __call__(self, a):
            return self.slope * a

    sweep(Line(jnp.asarray(2.0)), {"a": [1.0]}, path=tmp_path / "x")
    with pytest.raises(ValueError, match="holds another sweep: arrays is"):
        sweep(Line(jnp.asarray(3.0)), {"a": [1.0]}, path=tmp_path / "x", resume=True)
