"""`map_apart`: runs of unlike length, dealt evenly, collected on the host."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt._sweep._batching import _even_turns
from jaxstt.tools import map_apart


def _power(base, x):
    return {"y": base * x["x"] ** 2, "rows": jnp.stack([x["x"], -x["x"]])}


def test_results_stand_in_the_order_of_the_items() -> None:
    x = np.arange(5.0) + 1
    found = map_apart(_power, jnp.asarray(3.0), {"x": x, "none": None}, [1.0, 5.0, 2.0, 9.0, 0.0])
    np.testing.assert_array_equal(found["y"], 3 * x**2)
    np.testing.assert_array_equal(found["rows"], np.stack([x, -x], axis=1))
    assert isinstance(found["y"], np.ndarray)


def test_no_items_and_unlike_lengths() -> None:
    for xs in ({"x": np.zeros(0)}, {"x": np.zeros(2), "z": np.zeros(3)}):
        with pytest.raises(ValueError, match="`xs` must hold arrays of one length > 0"):
            map_apart(_power, 1.0, xs, np.zeros(2))


@pytest.mark.parametrize("cost", [np.ones(2), np.ones(4), np.ones((3, 1)), 1.0])
def test_a_cost_for_each_item(cost) -> None:
    with pytest.raises(ValueError, match=r"`cost` must be \(3,\), one for each item, got shape"):
        map_apart(_power, 1.0, {"x": np.ones(3)}, cost)


@pytest.mark.parametrize("devices", [1, 2, 3, 8])
@pytest.mark.parametrize("count", [8, 9, 23])
def test_every_device_gets_about_as_much(devices: int, count: int) -> None:
    for seed in range(20):
        cost = np.random.default_rng(seed).exponential(size=count)
        turns = _even_turns(cost, devices)
        assert set(turns.tolist()) == set(range(count))
        first = np.isin(np.arange(turns.size), np.unique(turns, return_index=True)[1])
        load = np.where(first, cost[turns], 0.0).reshape(devices, -1).sum(1)
        assert np.ptp(load) <= cost.max() + 1e-12
        assert turns.size - count < devices  # and what fills up is the cheapest
        assert (np.delete(turns, np.flatnonzero(first)) == np.argmin(cost)).all()


TWO = """
import jax
jax.config.update("jax_num_cpu_devices", 2)
import jax.numpy as jnp, numpy as np
from jaxstt._sweep import _batching as b

def run(shared, x):
    return jax.lax.fori_loop(0, x["n"], lambda i, y: y + shared, jnp.zeros(()))

n = np.array([3, 50, 7, 20, 11])
assert b.map_apart(run, jnp.asarray(2.0), {"n": n}, n).tolist() == (2.0 * n).tolist()

devices = tuple(jax.devices())
runs = b.NamedSharding(b.runs_mesh(list(devices)), b.RUNS)
laid_out = jax.device_put({"n": n[:4]}, runs)
program = jax.jit(lambda shared, xs: b._apart(run, devices, shared, xs))
text = program.lower(jnp.asarray(2.0), laid_out).compile().as_text()
assert "while" in text
met = [w for w in ("all-gather", "all-reduce", "collective", "all-to-all") if w in text]
assert not met, met
print("apart")
"""


def test_devices_do_not_meet_within_the_program() -> None:
    """XLA ends the process when one CPU device waits for another for 40 s: a fit was lost to it."""
    out = subprocess.run([sys.executable, "-c", TWO], capture_output=True, text=True, timeout=300)
    assert out.stdout == "apart\n", out.stderr[-2000:]
