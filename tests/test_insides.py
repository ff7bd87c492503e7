"""What we use of other libraries beyond what they promise: a change there fails here, and says so.

A fit that does not converge, or a derivative that is wrong, would be the next sign of it.
"""

import inspect
from typing import Any

import diffrax
import equinox as eqx
import equinox.internal as eqxi
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
import pytest

pytestmark = pytest.mark.optax


def test_levenberg_marquardt_evaluates_only_at_y_eval():
    """fitting._solve gives optimistix, at each step, the plane through `state.y_eval`."""
    solver = optx.LevenbergMarquardt(rtol=0.0, atol=0.0)
    seen: list[np.ndarray] = []

    def curved(y, args):
        jax.debug.callback(lambda y: seen.append(np.asarray(y)), y)
        return jnp.stack([y[0] - 1.0, 10.0 * (y[1] - y[0] ** 2)]), None

    y = jnp.asarray([-1.2, 1.0])
    shape = jax.ShapeDtypeStruct((2,), y.dtype)
    state = solver.init(curved, y, None, {}, shape, None, frozenset())
    for _ in range(5):
        expected = np.asarray(state.y_eval)
        seen.clear()
        y, state, _ = solver.step(curved, y, None, {}, state, frozenset())
        jax.effects_barrier()
        assert seen and all(np.array_equal(at, expected) for at in seen)


@pytest.mark.parametrize("solver", [diffrax.Tsit5, diffrax.Dopri5, diffrax.Dopri8])
def test_stage_loops_are_chosen_by_scan_kind(solver):
    """evolve sets it, so that a wrapped solver is differentiated as the adjoint needs."""
    assert solver().scan_kind is None
    kinds = {f.name for f in solver.__dataclass_fields__.values()}
    assert "scan_kind" in kinds


def test_the_loop_of_equinox_has_both_kinds():
    """FixedStep: a number of steps that is traced, forwards ("lax") and backwards."""
    names = inspect.signature(eqxi.while_loop).parameters
    assert {"kind", "checkpoints"} <= names.keys()

    def power(x, n, kind):
        body = lambda carry: (carry[0] + 1, carry[1] * x)  # noqa: E731
        checkpoints = None if kind == "lax" else 3
        start = (jnp.zeros((), jnp.int32), jnp.ones(()))
        going = lambda carry: carry[0] < n  # noqa: E731
        return eqxi.while_loop(going, body, start, kind=kind, checkpoints=checkpoints)[1]

    x, n = jnp.asarray(1.1), jnp.asarray(7)
    forward = jax.jvp(lambda x: power(x, n, "lax"), (x,), (jnp.ones(()),))[1]
    np.testing.assert_allclose(forward, 7 * 1.1**6, rtol=1e-12)
    np.testing.assert_allclose(jax.grad(power)(x, n, "checkpointed"), 7 * 1.1**6, rtol=1e-12)


def test_a_wrong_adjoint_is_told_by_custom_vjp():
    """naming_the_adjoint knows the error of diffrax by this word."""

    def end(x):
        decay = diffrax.ODETerm(lambda t, y, args: -x * y)
        found: Any = diffrax.diffeqsolve(decay, diffrax.Tsit5(), 0.0, 1.0, 0.1, x).ys
        return found[0]

    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(end, (jnp.asarray(1.0),), (jnp.asarray(1.0),))


def test_an_enumeration_has_an_empty_success():
    class ENDS(eqx.Enumeration):
        successful = ""
        lost = "lost"

    value = ENDS.where(jnp.asarray(True), ENDS.successful, ENDS.lost)
    assert bool(value == ENDS.successful) and ENDS[value] == ""
