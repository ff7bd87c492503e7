"""[disorder] of `jaxstt simulate` and its kin: the same sample as the functions make."""

import json
import re

import configs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from simulations import BASE, INITIAL, RUN, written

import jaxstt
from jaxstt._app._cli import run
from jaxstt._app._config import load_config
from jaxstt._app._sweep_config import load_sweep

FILM = (
    BASE.replace("shape = [32, 1, 1]", "shape = [32, 12, 1]")
    .replace("50e-9, 1e-9]", "4e-9, 1e-9]")
    .replace(RUN, configs.run("1e-12", "0.5e-12"))
)
GROWN = "\n[disorder]\nseed = 7\ngrains = 12e-9\nedges = 2e-9\ncorrelation = 10e-9\n"
ROUGH = FILM.replace("K = 2e5", "K = { mean = 2e5, spread = 0.1 }").replace(
    "Ms = 8e5", "Ms = { mean = 8e5, spread = 0.05 }"
)


def test_a_sample_from_a_file(tmp_path) -> None:
    config = load_config(written(tmp_path, ROUGH + GROWN))
    grid = config.llg.grid
    bare = jaxstt.Grid(grid.shape, grid.spacing)
    np.testing.assert_array_equal(grid.mask, jaxstt.rough_edges(bare, 2e-9, 10e-9, 7))
    where = jaxstt.grains(bare, 12e-9, 7)
    K = np.asarray(config.llg.energies[1].K)
    Ms = np.asarray(config.llg.Ms)
    for field, mean, spread in ((K, 2e5, 0.1), (Ms, 8e5, 0.05)):
        each = [field[where == n] for n in range(where.max() + 1)]
        assert all(np.ptp(values) == 0 for values in each)
        ratio = np.array([values[0] for values in each]) / mean - 1
        assert 0.5 * spread < ratio.std() < 1.5 * spread
    assert abs(np.corrcoef(K.ravel(), Ms.ravel())[0, 1]) < 0.6  # drawn apart
    again = load_config(written(tmp_path, ROUGH + GROWN)).llg
    np.testing.assert_array_equal(again.energies[1].K, K)
    other = load_config(written(tmp_path, ROUGH + GROWN.replace("= 7", "= 8"))).llg
    assert np.any(np.asarray(other.energies[1].K) != K)
    assert run(["simulate", str(written(tmp_path, ROUGH + GROWN))]) == 0
    kept = json.loads((tmp_path / "config/run.json").read_text())["config"]
    assert kept["magnet"]["Ms"] == {"mean": 8e5, "spread": 0.05}


def test_a_sweep_over_a_rough_sample(tmp_path) -> None:
    """What is swept beside a value that differs from grain to grain, and its mean itself."""
    text = ROUGH.replace("alpha = 0.1", "alpha = { values = [0.1, 0.2] }").replace(
        "mean = 2e5", "mean = { values = [1.5e5, 2e5] }"
    )
    path = written(tmp_path, text + GROWN)
    sweep = load_sweep(path)
    assert set(sweep.space.axes) == {"alpha", "K"}
    recipe = sweep.function.recipe
    tables = jaxstt._app._open_config.filled(
        recipe.tables, recipe.places, {"alpha": 0.2, "K": 1.5e5}
    )
    llg = recipe.llg(sweep.function.llg, tables)
    plain = load_config(
        written(
            tmp_path, ROUGH.replace("2e5", "1.5e5").replace("alpha = 0.1", "alpha = 0.2") + GROWN
        )
    ).llg
    np.testing.assert_allclose(llg.energies[1].K, plain.energies[1].K)
    np.testing.assert_array_equal(llg.Ms, plain.Ms)
    assert float(llg.alpha) == 0.2


def test_a_sweep_over_samples(tmp_path) -> None:
    """Grains, edges and the start of each seed are those of a run of that seed, with its K."""
    text = ROUGH.replace("mean = 2e5", "mean = { values = [1.5e5, 2e5] }")
    sweep = load_sweep(written(tmp_path, text + GROWN.replace("= 7", "= { values = [7, 9] }")))
    assert {k: list(v[1]) for k, v in sweep.space.axes.items()} == {
        "K": [1.5e5, 2e5],
        "seed": [7, 9],
    }
    found = {}
    run_of = jax.jit(lambda f, v: f(**v))
    for seed, K in ((7, 1.5e5), (9, 2e5), (9, 1.5e5)):
        point = {"seed": jnp.asarray(float(seed)), "K": jnp.asarray(K)}
        one = found[seed, K] = run_of(sweep.function, point)
        plain = ROUGH.replace("2e5", f"{K:g}") + GROWN.replace("= 7", f"= {seed}")
        config = load_config(written(tmp_path, plain))
        llg = config.llg
        end = jaxstt.evolve(llg, config.m0, config.times).m[-1]
        mean = jaxstt.average(end, llg.grid)
        np.testing.assert_allclose([one[f"m{c}"] for c in "xyz"], mean, atol=1e-9)
        hard = jaxstt.LLG(llg.grid, Ms=llg.Ms, alpha=0.1, energies=llg.energies[1:2])
        energy = jaxstt.total_energy(hard, end)
        np.testing.assert_allclose(one["E_UniaxialAnisotropy"], energy, rtol=1e-9)
    assert abs(float(found[9, 2e5]["mx"] - found[7, 1.5e5]["mx"])) > 1e-4
    recipe = sweep.function.recipe
    traced = jax.jit(
        lambda x: recipe.llg(
            sweep.function.llg,
            jaxstt._app._open_config.filled(recipe.tables, recipe.places, {"seed": x, "K": 2e5}),
        )
    )(9.0)
    plain = load_config(written(tmp_path, ROUGH + GROWN.replace("= 7", "= 9"))).llg
    np.testing.assert_array_equal(traced.grid.mask, plain.grid.mask)
    np.testing.assert_allclose(traced.Ms, plain.Ms, rtol=1e-14)


def test_a_sweep_over_temperature_noise_and_spread(tmp_path) -> None:
    warm = "\n[thermal]\nT = { values = [0, 300] }\nseed = { from = 1, to = 2, steps = 2 }\n"
    text = BASE.replace(RUN, configs.run("1e-12", "0.5e-12")).replace(
        "K = 2e5", "K = { mean = 2e5, spread = { values = [0.0, 0.1] } }"
    )
    text += warm + "\n[disorder]\nseed = 3\ngrains = 12e-9\n"
    sweep = load_sweep(written(tmp_path, text))
    assert set(sweep.space.axes) == {"T", "seed", "spread"} and sweep.units["T"] == "K"
    run_of = jax.jit(lambda f, v: f(**v))
    for T, seed, spread in ((300, 1, 0.1), (300, 2, 0.1), (0, 1, 0.0)):
        values = {"T": T, "seed": seed, "spread": spread}
        found = run_of(sweep.function, {k: jnp.asarray(float(v)) for k, v in values.items()})
        plain = text.replace("T = { values = [0, 300] }", f"T = {T}")
        plain = plain.replace("seed = { from = 1, to = 2, steps = 2 }", f"seed = {seed}")
        config = load_config(
            written(tmp_path, plain.replace("{ values = [0.0, 0.1] }", f"{spread}"))
        )
        end = jaxstt.evolve(config.llg, config.m0, config.times, **config.settings).m[-1]
        mean = jaxstt.average(end, config.llg.grid)
        np.testing.assert_allclose([found[f"m{c}"] for c in "xyz"], mean, atol=1e-9)


def test_a_sweep_over_random_starts(tmp_path) -> None:
    start = '\n[initial]\ntype = "random"\nseed = { values = [3, 4] }\n'
    text = BASE.replace(INITIAL, start).replace(RUN, configs.run("1e-12", "0.5e-12"))
    sweep = load_sweep(written(tmp_path, text))
    found = jax.jit(lambda f, v: f(**v))(sweep.function, {"seed": jnp.asarray(4.0)})
    config = load_config(written(tmp_path, text.replace("{ values = [3, 4] }", "4")))
    end = jaxstt.evolve(config.llg, config.m0, config.times).m[-1]
    mean = jaxstt.average(end, config.llg.grid)
    np.testing.assert_allclose([found[f"m{c}"] for c in "xyz"], mean, atol=1e-9)
    other = load_config(written(tmp_path, text.replace("{ values = [3, 4] }", "3"))).m0
    assert np.abs(other - config.m0).max() > 0.1


SWEPT = {
    "[disorder] `seed`: must be whole numbers from 0 to 2^24 - 1, got 7.5": "{ values = [7, 7.5] }",
    "[disorder] `seed`: must be whole numbers from 0 to 2^24 - 1, got -1": "{ values = [-1, 2] }",
    "[disorder] `seed`: must not be drawn": "{ low = 1, high = 9 }",
}


@pytest.mark.parametrize("told", SWEPT)
def test_seeds_that_cannot_be_swept(told, tmp_path, capsys) -> None:
    text = ROUGH + GROWN.replace("= 7", f"= {SWEPT[told]}\n")
    more = "\n[sweep]\npoints = 3\n" if "low" in text else ""
    assert run(["sweep", str(written(tmp_path, text + more))]) == 2
    assert told in capsys.readouterr().err


def test_only_the_seed_of_disorder_can_be_swept(tmp_path, capsys) -> None:
    text = ROUGH + GROWN.replace("= 12e-9", "= { values = [1e-8, 2e-8] }")
    assert run(["sweep", str(written(tmp_path, text))]) == 2
    assert "[disorder] must not be swept" in capsys.readouterr().err
    text = BASE + "\n[thermal]\nT = { values = [1, -1] }\nseed = 1\n"
    assert run(["sweep", str(written(tmp_path, text))]) == 2
    assert "at T = -1: [thermal] `T` must be >= 0, got -1" in capsys.readouterr().err


BAD = {
    "[disorder] `seed` is missing": ROUGH + "\n[disorder]\ngrains = 1e-8\n",
    "[disorder] `grains` or `edges` must be given": FILM + "\n[disorder]\nseed = 1\n",
    "[disorder] `edges` and `correlation` must be given together": (
        FILM + "\n[disorder]\nseed = 1\nedges = 1e-9\n"
    ),
    "[magnet] `Ms`: needs `grains` in [disorder]": ROUGH,
    "[energy 2] `K`: `spread` is missing": ROUGH.replace(", spread = 0.1", "") + GROWN,
    "[magnet] `Ms`: `spread` is missing": ROUGH.replace(", spread = 0.05", "") + GROWN,
    "[magnet] `Ms`: unknown key `spred`; did you mean `spread`?": (
        ROUGH.replace("spread = 0.05", "spred = 0.05") + GROWN
    ),
    "[magnet] `Ms`: `spread` must be >= 0 and <= 1/3": ROUGH.replace("= 0.05", "= 0.5") + GROWN,
    "[disorder] `rms` must be <= an eighth": FILM + GROWN.replace("edges = 2e-9", "edges = 2e-8"),
    "[disorder] `grains` has no effect": FILM + GROWN,
    "[disorder] unknown key `grain`": FILM + GROWN.replace("grains", "grain"),
    "[disorder] `seed` must be a whole number": FILM + GROWN.replace("= 7", "= 7.5"),
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told, tmp_path, capsys) -> None:
    assert run(["simulate", str(written(tmp_path, BAD[told]))]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(re.escape(told), line), line
