"""The public names are those that docs/api.txt lists; what has moved says where it is."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import fitting
import jaxstt

DOCS = Path(__file__).parents[1] / "docs"
RELIED_ON = {
    jaxstt: """
        Grid LLG Exchange UniaxialAnisotropy CubicAnisotropy Zeeman Demag ShapeAnisotropy
        InterfacialDMI BulkDMI ZhangLi NonlocalSTT Slonczewski SpinOrbit uniform vortex bloch_wall
        neel_wall head_to_head_wall relax evolve rhs average total_energy effective_field
        wall_position wall_velocity steady_wall topological_charge CollectiveWall
        torque_coefficients spin_response SpinODE evolve_spin wall_crossing TwoBand sweep
        is_parameter Pulse Piecewise Sinusoid
    """,
    fitting: "load_measurements fit Sample",
}
"""Names that checks outside this repository use (the design, section 3)."""


def api() -> ModuleType:
    spec = importlib.util.spec_from_file_location("api_page", DOCS / "api.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_no_public_name_changes_unnoticed() -> None:
    """`python docs/api.py` writes the list."""
    made = api()
    assert made.PAGE.read_text(encoding="utf-8").splitlines() == made.page().splitlines()


@pytest.mark.parametrize("module", RELIED_ON, ids=lambda m: m.__name__)
def test_names_that_others_rely_on(module: ModuleType) -> None:
    assert set(RELIED_ON[module].split()) <= vars(module).keys()


@pytest.mark.parametrize("home", [jaxstt.electron, jaxstt.converters])
def test_what_has_moved_says_where(home: ModuleType) -> None:
    moved = [name for name in home.__all__ if name not in vars(jaxstt)]
    assert len(moved) >= 10
    for name in moved:
        with pytest.warns(DeprecationWarning, match=f"{home.__name__}.{name}"):
            assert getattr(jaxstt, name) is getattr(home, name)
    with pytest.warns(DeprecationWarning, match="jaxstt.random_state"):
        assert jaxstt.random is jaxstt.random_state  # type: ignore
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = jaxstt.nothing_of_that_name  # type: ignore
