"""`write_mumax3`: the script, read back by a parser of its own, is the run again."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import GAMMA_MUMAX3

GRID = jaxstt.Grid((20, 16, 1), (4e-9, 5e-9, 2e-9))
RNG = np.random.default_rng(1)
DENSITY = np.clip(RNG.uniform(0.1, 1.4, GRID.shape), None, 1.0)
J = jaxstt.Piecewise([0.0, 1e-9, 3e-9], [[0, 0, 0], [-2e12, 1e11, 0], [1e12, 0, 0]])


def magnet(part=DENSITY, j=J, **more):
    energies = more.pop("energies", None) or (
        jaxstt.Exchange(jnp.asarray(1.3e-11 * part)),
        jaxstt.UniaxialAnisotropy(jnp.asarray(4e5 * part), (0, 0, 1)),
        jaxstt.UniaxialAnisotropy(jnp.asarray(-4e4 * part), (1, 0, 0)),
        jaxstt.Demag(GRID),
        jaxstt.Zeeman((0.0, 0.0, 1e-3)),
    )
    torques = more.pop("torques", None) or (jaxstt.ZhangLi(j, P=0.5, xi=0.1),)
    return jaxstt.LLG(
        GRID, Ms=jnp.asarray(6e5 * part), alpha=0.02, energies=energies, torques=torques, **more
    )


def read(path):
    """{name: field}, and the current at any time, of a script."""
    text = path.read_text()
    cells = tuple(map(int, re.search(r"SetGridSize\((\d+), (\d+), (\d+)\)", text).groups()))
    region = np.zeros(cells, int)
    for id_, *cell in re.findall(r"DefRegionCell\((\d+), (\d+), (\d+), (\d+)\)", text):
        region[tuple(map(int, cell))] = int(id_)
    fields = {}
    for name, id_, value in re.findall(r"(\w+)\.SetRegion\((\d+), ([^)]+)\)", text):
        fields.setdefault(name, {})[int(id_)] = float(value)
    fields = {n: np.vectorize(v.get)(region) for n, v in fields.items()}
    runs, current = [], None
    for line in text.splitlines():
        if line.startswith("J = vector("):
            current = line[len("J = vector(") : -1].split(", ")
        if line.startswith("Run("):
            runs.append((float(line[4:-1]), current))

    def at(t):
        passed = 0.0
        for length, parts in runs:
            if t <= passed + length:
                return [eval(p, {"t": t}) for p in parts]
            passed += length
        raise AssertionError(t)

    return text, fields, at, sum(length for length, _ in runs)


def test_everything_is_in_the_script(tmp_path) -> None:
    m0 = jaxstt.vortex(GRID)
    error = jaxstt.io.write_mumax3(tmp_path / "run.mx3", magnet(), m0, duration=2.5e-9)
    text, fields, at, length = read(tmp_path / "run.mx3")
    assert error < 0.01
    for name, largest in (("Msat", 6e5), ("Aex", 1.3e-11), ("Ku1", 4e5)):
        off = np.abs(fields[name] / largest - DENSITY).max()
        assert off == pytest.approx(error, abs=0.004) and off < 0.01
    assert length == pytest.approx(2.5e-9)
    for t in (0.0, 0.3e-9, 1e-9, 2.2e-9):
        np.testing.assert_allclose(at(t), J(jnp.asarray(t)), rtol=1e-12, atol=1.0)
    for line in (
        "SetCellSize(4e-09, 5e-09, 2e-09)", "EnableDemag = true", "AnisU = vector(0.0, 0.0, 1.0)",
        "B_ext = vector(0.0, 0.0, 0.001)", "alpha = 0.02", "Xi = 0.1", 'm.LoadFile("run.ovf")',
        "axis1 := ConstVector(1.0, 0.0, 0.0)",
    ):  # fmt: skip
        assert line in text.splitlines(), line
    Pol = float(re.search(r"Pol = (\S+)", text)[1])
    assert Pol == pytest.approx(0.5 * GAMMA_MUMAX3 / jaxstt.constants.GAMMA)
    ratio = float(re.search(r"term1 := Mul\(Const\((\S+)\)", text)[1])
    assert ratio == pytest.approx(2 * -4e4 / 6e5)
    np.testing.assert_allclose(jaxstt.io.read_ovf(tmp_path / "run.ovf").values, m0, atol=1e-12)


def test_few_values_are_exact(tmp_path) -> None:
    part = np.where(RNG.uniform(size=GRID.shape) < 0.5, 0.25, 1.0)
    llg = magnet(part, j=(1e12, 0.0, 0.0))
    assert jaxstt.io.write_mumax3(tmp_path / "a.mx3", llg, jaxstt.vortex(GRID), duration=1e-9) == 0
    text, fields, _, _ = read(tmp_path / "a.mx3")
    np.testing.assert_array_equal(fields["Msat"], 6e5 * part)
    assert "J = vector(1000000000000.0, 0.0, 0.0)" in text
    assert text.count("Msat.SetRegion") == 2


PLAIN = (jaxstt.Exchange(1.3e-11),)
ONES = np.ones(GRID.shape)
BAD = {
    "InterfacialDMI is not exported": {"energies": (jaxstt.InterfacialDMI(1e-3),)},
    "mumax3 takes one Exchange, got two": {"energies": PLAIN * 2},
    "K/Ms of a second UniaxialAnisotropy must be the same": {
        "energies": (jaxstt.UniaxialAnisotropy(1e5), jaxstt.UniaxialAnisotropy(1e5))
    },
    "one ZhangLi is exported": {"torques": (jaxstt.SpinOrbit((1e11, 0, 0), 0.1, thickness=1e-9),)},
    "Zeeman must be a constant vector": {
        "energies": (jaxstt.Zeeman(jaxstt.Pulse(jnp.ones(3), 0.0, 1e-9)),)
    },
    "ZhangLi must be a constant vector": {"j": jaxstt.Pulse(jnp.ones(3), 0.0, 1e-9)},
    "n0 with Ms that differs": {"torques": (jaxstt.ZhangLi((1.0, 0, 0), P=0.5, xi=0.1, n0=1e4),)},
    "256 regions, mumax3's most, would be off": {
        "energies": (
            jaxstt.Exchange(jnp.asarray(1e-11 * RNG.uniform(0.1, 1, GRID.shape))),
            jaxstt.UniaxialAnisotropy(jnp.asarray(1e5 * RNG.uniform(0.1, 1, GRID.shape))),
        )
    },
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_not_exported_is_refused(told, tmp_path) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        m0 = jaxstt.vortex(GRID)
        jaxstt.io.write_mumax3(tmp_path / "b.mx3", magnet(**BAD[told]), m0, duration=1e-9)
    assert not any(tmp_path.iterdir())


def test_duration_is_checked(tmp_path) -> None:
    with pytest.raises(ValueError, match="`duration` must be > 0, got 0"):
        jaxstt.io.write_mumax3(tmp_path / "b.mx3", magnet(), jaxstt.vortex(GRID), duration=0.0)
