"""docs/paper.md names functions and tests that exist."""

import re
from pathlib import Path

import helpers

import jaxstt.plot

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "paper.md").read_text(encoding="utf-8")
SPANS = re.findall(r"`([^`]+)`", PAGE)


def test_every_test_named_exists() -> None:
    code = "\n".join(p.read_text(encoding="utf-8") for p in TESTS.rglob("test_*.py"))
    known = set(re.findall(r"def (test_\w+)\(", code))
    files = {p.relative_to(TESTS).as_posix() for p in TESTS.rglob("test_*.py")}
    named = [s for s in SPANS if s.startswith(("test_", "validation/"))]
    assert len(named) > 20
    for span in named:
        file, _, function = span.partition("::")
        if file.endswith(".py"):
            assert file in files, span
        else:
            function = file
        assert not function or function in known, span


def test_every_function_named_exists() -> None:
    plain = [s for s in SPANS if re.fullmatch(r"[A-Za-z_]\w+", s) and not s.startswith("test_")]
    assert len(plain) > 30
    missing = [s for s in plain if s not in helpers.public() and s not in ("NAME", "s")]
    assert not missing
    for call in re.findall(r"`(\w+)\((\w+)=", PAGE):
        assert call[0] in helpers.public(), call
    assert all(hasattr(jaxstt.plot, s[5:]) for s in SPANS if s.startswith("plot."))


def test_every_numbered_equation_has_a_row() -> None:
    rows = re.findall(r"^\| \((.*?) \|", PAGE, re.M)
    text = " ".join(f"({row}" for row in rows)
    for k in range(1, 17):
        assert re.search(rf"\({k}[a-c)]", text), k
