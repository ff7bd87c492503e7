"""`jaxstt doctor`; `.ci/run` runs all of its self-test."""

from pathlib import Path

import jax
import pytest

from jaxstt import ZhangLi
from jaxstt._app import _doctor
from jaxstt._app._cli import run

EXAMPLES = Path(__file__).parent.parent / "examples"
QUICK = _doctor.CHECKS[:3]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Without what takes long to compile."""
    monkeypatch.setattr(_doctor, "CHECKS", QUICK)


def test_a_sound_installation(capsys):
    assert run(["doctor"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("ok\n") and "FAILED" not in out and "mend" not in out
    for word in ("python", "jax ", "cpu", "cores", "memory", "float64", "field of a cube"):
        assert word in out


@pytest.mark.parametrize("wrong", [float("nan"), 1e-3])
def test_a_broken_installation(capsys, monkeypatch, wrong):
    check = QUICK[0]._replace(error=lambda: wrong)
    monkeypatch.setattr(_doctor, "CHECKS", (check, *QUICK[1:]))
    assert run(["doctor"]) == 1
    out = capsys.readouterr().out
    assert out.endswith("FAILED\n") and out.count("FAILED (error") == 1
    assert "mend       pip install --force-reinstall" in out


@pytest.mark.thorough  # it makes this process compile everything anew
def test_a_wrong_sign_is_found(monkeypatch):
    """The wall's check is one of the torque's sign."""
    assert _doctor._against_the_current() == 0
    rate = ZhangLi.rate
    monkeypatch.setattr(ZhangLi, "rate", lambda self, *args: -rate(self, *args))
    jax.clear_caches()
    assert _doctor._against_the_current() == 1
    jax.clear_caches()


def test_advice(monkeypatch):
    with jax.enable_x64(False):
        assert "Python would use single precision: export JAX_ENABLE_X64=1" in _doctor.advice()
    monkeypatch.setattr(_doctor, "cores", lambda: 64)
    told = [line for line in _doctor.advice() if "cores" in line]
    assert len(told) == 1 and told[0].endswith("export JAX_NUM_CPU_DEVICES=64")
    monkeypatch.setattr(_doctor, "_idle_accelerator", lambda: "cuda12")
    assert next(_doctor.advice()).endswith("pip install 'jaxstt[cuda12]'")


def test_grid_advice(tmp_path):
    example = (EXAMPLES / "wall.toml").read_text()
    told = {}
    for n, wraps in ((200, "false"), (181, "false"), (192, "true"), (194, "true")):
        path = tmp_path / "wall.toml"
        changed = f"shape = [{n}, 1, 1]\nperiodic = [{wraps}, false, false]"
        path.write_text(example.replace("shape = [200, 1, 1]", changed))
        (told[n],) = _doctor.grid_advice(path)
    assert told[200] == "x: 200 cells, transforms of 400; which suit it well"
    assert told[181] == "x: 181 cells, transforms of 375; up to 188 cells would cost the same"
    assert told[192] == "x: 192 cells, transforms of 192; which suit it well"
    assert "slow: its factor 97" in told[194]
