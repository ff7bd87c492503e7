"""Every notebook runs from its first to its last cell, and is committed without outputs."""

import os
from pathlib import Path

import nbclient
import nbformat
import pytest
from ipykernel.kernelspec import write_kernel_spec

import jaxstt

pytestmark = pytest.mark.thorough

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
SECONDS_PER_CELL = 240


def test_there_are_notebooks() -> None:
    """An empty parametrisation would be skipped without a word."""
    assert NOTEBOOKS, f"no notebook found in {FOLDER}"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_outputs_are_stripped(path: Path) -> None:
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    kept = [i for i, c in enumerate(cells) if c.outputs or c.execution_count is not None]
    assert not kept, f"{path.name}: outputs or counts are stored in code cells {kept}"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory):
    """Name of a kernel that is this interpreter, whatever kernels the user has installed.

    It imports the packages from where this process did, and keeps clear of the user's Jupyter and
    IPython settings.
    """
    home = tmp_path_factory.mktemp("jupyter")
    write_kernel_spec(str(home / "kernels" / "jaxstt-test"))
    packages = str(Path(jaxstt.__file__).parents[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(home))
        patch.setenv("JUPYTER_CONFIG_DIR", str(home / "config"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "runtime"))
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("PYTHONPATH", packages, prepend=os.pathsep)
        patch.setenv("JAXSTT_NOTEBOOK_SMALL", "1")
        patch.delenv("MPLBACKEND", raising=False)  # figures go into the notebook, as for a reader
        yield "jaxstt-test"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs(path: Path, kernel: str, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)  # executed in memory, the file is not touched
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=kernel,
        resources={"metadata": {"path": str(tmp_path)}},  # what it writes goes here
    )
    client.execute()
    assert any(c.cell_type == "code" and c.execution_count for c in notebook.cells)
