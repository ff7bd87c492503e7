"""Space mapping on a toy: the minimum is the dear model's, and the cheap one is run little."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fitting._solve import _space_mapping as room
from fitting._solve import later_steps, map_space
from fitting._solve._starts import Counter, Objective, Search, Space

X = np.linspace(0, 2, 9)
TRUTH = {"xi": 1.3, "alpha": 0.2}


class Decay(eqx.Module):
    """xi exp(-rate alpha x)."""

    rate: float = eqx.field(static=True)
    drives: int = eqx.field(static=True, default=1)

    def __call__(self, values):
        return values["xi"] * jnp.exp(-self.rate * values["alpha"] * jnp.asarray(X))


@dataclasses.dataclass(frozen=True)
class Toy:
    objective: Objective
    free: tuple[str, ...] = ("xi", "alpha")
    estimates: dict[str, float] = dataclasses.field(default_factory=dict)

    def values(self, z):
        return {n: float(v) for n, v in self.objective.values(jnp.asarray(z)).items()}


@pytest.mark.parametrize("anchor", [False, True])
def test_the_minimum_is_the_dear_models(anchor: bool) -> None:
    with jax.enable_x64(True):
        dear = lambda values: np.asarray(Decay(6.0)(values))  # noqa: E731
        space = Space([room.parameter(n, None) for n in TRUTH])
        std = jnp.full(X.size, 1e-3)
        toy = Toy(Objective(Decay(5.0), space, {}, jnp.asarray(dear(TRUTH)), std))  # type: ignore
        counter = Counter()
        search = Search("lm", 50, 1e-8, counter)
        done, cost = [], []
        for problem, best, rung in map_space(toy, space.start, dear, "toy", search, anchor):
            done.append(rung)
            cost.append(counter.derivatives)
            anew = room.evaluate(problem.objective, best.z, Counter())
            np.testing.assert_allclose(anew.prediction, best.evaluation.prediction, atol=1e-13)
            if not anchor:
                np.testing.assert_allclose(anew.residuals, best.evaluation.residuals, atol=1e-10)
                np.testing.assert_allclose(anew.jacobian, best.evaluation.jacobian, atol=1e-10)
            # What the cheap one said before: of this point, and with the former correction.
            if len(done) == 1:
                cheap = Decay(5.0)({n: jnp.asarray(v) for n, v in rung.values.items()})
                np.testing.assert_allclose(rung.before, cheap, rtol=1e-12)
            if rung.shift < 1e-6:
                break
            assert len(done) < 30
    found = problem.values(best.z)
    for name, true in TRUTH.items():
        assert found[name] == pytest.approx(true, rel=1e-6 if not anchor else 1e-4), name
    if not anchor:
        # The last step changes nothing: from an evaluation that is known, no run is needed.
        assert cost[-1] - cost[-2] <= 1
    # Each step shrinks by the relative error of the slope, a sixth here.
    ratio = done[2].shift / done[1].shift
    assert 0.02 < ratio < 0.4
    assert later_steps([1.0, ratio]) == pytest.approx(ratio / (1 - ratio))


def test_later_steps_are_bounded() -> None:
    assert later_steps([5.0]) == pytest.approx(1 / 9)
    assert later_steps([1.0, 2.0]) == pytest.approx(1.0)
    assert later_steps([1.0, 0.0]) == pytest.approx(0.02 / 0.98)
    assert later_steps([0.0, 0.0]) == pytest.approx(1 / 9)
