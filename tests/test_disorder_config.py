"""[disorder] of `jaxstt simulate` and its kin: the same sample as the functions make."""

import json
import re

import configs
import numpy as np
import pytest
from simulations import BASE, RUN, written

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


BAD = {
    "[disorder] `seed` is missing": ROUGH + "\n[disorder]\ngrains = 1e-8\n",
    "[disorder] `grains` or `edges` must be given": FILM + "\n[disorder]\nseed = 1\n",
    "[disorder] `edges` and `correlation` must be given together": (
        FILM + "\n[disorder]\nseed = 1\nedges = 1e-9\n"
    ),
    "[magnet] `Ms`: needs `grains` in [disorder]": ROUGH,
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
