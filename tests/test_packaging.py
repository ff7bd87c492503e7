"""What is shipped: one version everywhere, data files inside, imports without side effects."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import pytest

import fitting
import jaxstt

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DATASETS = (
    "doppler_nife_340K.csv",
    "doppler_nife_80K.csv",
    "efficiency_copt.csv",
    "strip_a.csv",
)


def first_match(pattern: str, name: str) -> str:
    found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{name}: nothing matches {pattern}"
    return found[1]


def run(code: str, folder: Path, *options: str) -> str:
    """The output of `code` in a new interpreter started in `folder`."""
    done = subprocess.run(
        [sys.executable, *options, "-W", "error", "-c", code],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(jaxstt.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is installed, without the source tree (whose *.egg-info would answer first): -I."""
    code = """
import json
from importlib import metadata
dist = metadata.distribution("jaxstt")
print(json.dumps({
    "version": dist.version,
    "files": [file.as_posix() for file in dist.files],
    "scripts": {e.name: e.value for e in dist.entry_points if e.group == "console_scripts"},
}))
"""
    return json.loads(run(code, tmp_path_factory.mktemp("outside"), "-I"))


def test_one_version_everywhere(installed: dict[str, Any]) -> None:
    version = PROJECT["version"]
    assert jaxstt.__version__ == version
    assert installed["version"] == version, "install again: python -m pip install ."
    assert first_match(r"^version: (\S+)$", "CITATION.cff") == version
    assert first_match(r"^## \[(.+?)\]", "CHANGELOG.md") == version


def test_both_packages_come_from_one_place() -> None:
    assert Path(jaxstt.__file__).parents[1] == Path(fitting.__file__).parents[1]


def test_only_the_two_packages_and_their_data_are_installed(installed: dict[str, Any]) -> None:
    files = [file for file in installed["files"] if not file.startswith("../")]
    if any(file.startswith("__editable__") for file in files):
        pytest.skip("an editable install lists no package files")
    tops = {file.split("/")[0] for file in files}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"jaxstt", "fitting"}
    assert {f"fitting/datasets/{name}" for name in DATASETS} <= set(files)
    assert {"jaxstt/py.typed", "fitting/py.typed"} <= set(files)


@pytest.mark.parametrize("name", DATASETS)
def test_data_sets_are_found_as_resources(name: str) -> None:
    text = resources.files("fitting.datasets").joinpath(name).read_text(encoding="utf-8")
    assert text.startswith("#")


def test_commands_are_those_of_pyproject(installed: dict[str, Any]) -> None:
    assert installed["scripts"] == PROJECT["scripts"]
    for target in PROJECT["scripts"].values():
        module, name = target.split(":")
        assert callable(getattr(import_module(module), name))


@pytest.mark.parametrize("package", ["jaxstt", "fitting"])
def test_import_has_no_side_effects(package: str, tmp_path: Path) -> None:
    """No JAX setting changes, and neither plotting nor the command line is loaded."""
    code = f"""
import sys
import diffrax, optax, optimistix  # their own effects, if any, are not ours
import jax
before = dict(jax.config.values)
import {package}
after = dict(jax.config.values)
changed = [key for key in before if before[key] != after.get(key)]
loaded = [name for name in ("matplotlib", "typer") if name in sys.modules]
print(changed, loaded, jax.config.jax_enable_x64)
"""
    assert run(code, tmp_path).split("\n")[-2] == "[] [] False"
