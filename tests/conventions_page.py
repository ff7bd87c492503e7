"""CONVENTIONS.md, its tables, and the set of its worked example."""

from pathlib import Path

import jax

import jaxstt

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS.parent / "CONVENTIONS.md").read_text(encoding="utf-8")

# The set of the page's worked example.
GAMMA, MS, ALPHA, XI, P, N0, J = 1.7595e11, 8e5, 0.01, 0.05, 0.6, 4e4, 1e12

motion = jax.jit(jaxstt.CollectiveWall.motion)


def coefficients(j=J, gamma=GAMMA, n0=N0):
    return jaxstt.torque_coefficients(Ms=MS, alpha=ALPHA, xi=XI, P=P, n0=n0, j=j, gamma=gamma)


def table(first_cell: str) -> dict[str, list[str]]:
    """Rows of the page's table whose heading begins with `first_cell`, by their first cell."""
    rows, inside = {}, False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == first_cell:
            inside = True
        elif inside and not set(line) <= set("|-"):
            rows[cells[0]] = cells[1:]
    assert rows, f"CONVENTIONS.md has no table {first_cell!r}"
    return rows
