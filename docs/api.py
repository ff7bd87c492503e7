"""docs/api.txt, every public name with its signature.

    python docs/api.py      # writes it

`tests/test_api.py` refuses a list that differs from what the code has: no public name comes, goes
or changes unnoticed.
"""

import importlib
import inspect
import re
from pathlib import Path

PAGE = Path(__file__).with_suffix(".txt")
MODULES = (
    "jaxstt",
    "jaxstt.electron",
    "jaxstt.converters",
    "jaxstt.space",
    "jaxstt.io",
    "jaxstt.plot",
    "jaxstt.tools",
    "jaxstt.constants",
    "fitting",
    "fitting.pieces",
)


def page() -> str:
    return "".join(line + "\n" for name in MODULES for line in ("", f"[{name}]", *_lines(name)))[1:]


def _lines(module: str) -> list[str]:
    found = []
    for name, value in sorted(vars(importlib.import_module(module)).items()):
        foreign = not getattr(value, "__module__", "jaxstt").startswith(("jaxstt", "fitting"))
        if name.startswith("_") or inspect.ismodule(value) or foreign:
            continue
        found.append(name + _signature(value))
        if inspect.isclass(value):
            own = (k for k, member in sorted(vars(value).items()) if _is_own(k, member))
            found += [f"  .{k}{_signature(getattr(value, k))}" for k in own]
    return found


def _is_own(name: str, member: object) -> bool:
    """Methods and properties that we wrote."""
    function = getattr(member, "fget", None) or getattr(member, "__func__", member)
    home = getattr(function, "__module__", None) or ""
    return not name.startswith("_") and home.startswith(("jaxstt", "fitting"))


def _signature(value: object) -> str:
    """Names and defaults; annotations are the type checker's."""
    if not callable(value):
        return ""
    try:
        signature = inspect.signature(value)
    except ValueError:
        return ""
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(inspect.Signature(bare))
    return re.sub(r"<[^>]*>", "...", text)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
