"""The rooms of the house: a folder is entered by its door; a test may look into one room."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("jaxstt", "fitting")
SOURCES = [p for package in PACKAGES for p in sorted((ROOT / package).rglob("*.py"))]
USERS = [*sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").rglob("*.py"))]


def name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path) -> Iterator[str]:
    """Absolute names of the modules that a file imports from ours, however it writes them."""
    own = name(path).split(".")
    package = own if path.name == "__init__.py" else own[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found = [
                f"{origin}.{a.name}" if is_module(origin, a.name) else origin for a in node.names
            ]
        else:
            continue
        yield from (f for f in found if f.split(".")[0] in PACKAGES)


def is_module(package: str, child: str) -> bool:
    path = ROOT / package.replace(".", "/") / child
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def room(module: str) -> str:
    return ".".join(module.split(".")[:2])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_room_is_entered_by_its_door(path: Path) -> None:
    """`from .._mesh import Grid`, not `from .._mesh._grid import Grid`."""
    for module in imported(path):
        inside = room(module) == room(name(path))
        assert inside or module.count(".") < 2, f"{path.name} reaches into {module}"


@pytest.mark.parametrize("path", USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_test_looks_into_one_room_at_most(path: Path) -> None:
    private = {room(m) for m in imported(path) if "._" in m and m.count(".") >= 2}
    assert len(private) <= 1, f"{path.name} reaches into {', '.join(sorted(private))}"


def test_what_is_checked_is_seen() -> None:
    found = set(imported(ROOT / "jaxstt" / "_dynamics" / "_llg.py"))
    assert {"jaxstt._core", "jaxstt._mesh", "jaxstt._energy", "jaxstt.constants"} <= found
    assert "jaxstt._torque._base" in set(imported(ROOT / "jaxstt" / "_torque" / "_zhang_li.py"))


@pytest.mark.parametrize("path", SOURCES + USERS, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_short(path: Path) -> None:
    assert path.read_text().count("\n") <= 400


def test_no_two_test_files_have_one_name() -> None:
    """pytest would collect neither."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted({n for n in names if names.count(n) > 1})
