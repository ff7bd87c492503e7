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
@pytest.mark.parametrize("rate", [6.0, 12.0])
def test_the_minimum_is_the_dear_models(anchor: bool, rate: float) -> None:
    """Also where the cheap slope is off by a factor 2.4: uncorrected, the steps would grow."""
    with jax.enable_x64(True):
        dear = lambda values: np.asarray(Decay(rate)(values))  # noqa: E731
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
            assert len(done) < 15
    found = problem.values(best.z)
    for name, true in TRUTH.items():
        assert found[name] == pytest.approx(true, rel=1e-6 if not anchor else 1e-4), name
    if not anchor:
        # The last step changes nothing: from an evaluation that is known, no run is needed.
        assert cost[-1] - cost[-2] <= 1
    # Faster than in equal parts: the slope is mended.
    shifts = [rung.shift for rung in done]
    late = next(i for i, shift in enumerate(shifts) if shift < 30)
    assert shifts[late + 2] < 0.01 * shifts[late]


def test_rows_without_a_dear_prediction_keep_what_is_known() -> None:
    with jax.enable_x64(True):
        silent = iter([1, 2, None, None, None, None])

        def dear(values):
            found = np.array(Decay(6.0)(values))
            if (row := next(silent)) is not None:
                found[row] = np.nan
            return found

        space = Space([room.parameter(n, None) for n in TRUTH])
        value = jnp.asarray(np.asarray(Decay(6.0)(TRUTH)))
        toy = Toy(Objective(Decay(5.0), space, {}, value, jnp.full(X.size, 1e-3)))  # type: ignore
        search = Search("lm", 50, 1e-8, Counter())
        steps = []
        for step in map_space(toy, space.start, dear, "toy", search):
            steps.append(step)
            if len(steps) == 6:
                break
    first, second, third = (problem.objective.predictor for problem, _, _ in steps[:3])
    assert first.offset[1] == 0 and (np.asarray(first.offset)[2:] != 0).all()
    # Row 1 was not seen before: it teaches no slope.  Row 2 is not seen: nothing changes there.
    assert (np.asarray(second.slope)[1:3] == 0).all() and (np.asarray(second.slope)[3:] != 0).any()
    assert (np.asarray(third.slope)[1] != 0).any() and (np.asarray(third.slope)[2] == 0).all()
    found = steps[-1][0].values(steps[-1][1].z)
    for name, true in TRUTH.items():
        assert found[name] == pytest.approx(true, rel=1e-5), name


def test_later_steps_are_bounded() -> None:
    assert later_steps([5.0]) == pytest.approx(1 / 9)
    assert later_steps([1.0, 2.0]) == pytest.approx(1.0)
    assert later_steps([1.0, 0.0]) == pytest.approx(1 / 7)
    assert later_steps([0.0, 0.0]) == pytest.approx(1 / 9)
