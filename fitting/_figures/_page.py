"""A fit as one HTML page that needs nothing else: text, tables, and pictures inside the file."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .._format import number
from .._report import Fit, cells, words

_MOST_ROWS = 1000
"""Rows of data on the page; a longer file says so."""
_DPI = 110
_TITLES = {
    "fit": "Data, fit and residuals",
    "profile": "Profile likelihood",
    "corner": "Posterior",
}
_STYLE = """
body { font: 16px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #ddd;
  font-variant-numeric: tabular-nums; white-space: nowrap; }
img { max-width: 100%; height: auto; }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: .82rem; }
.bad { color: #b00020; font-weight: 600; }
"""


def page(fit: Fit, pictures: Mapping[str, Any], more: str = "") -> str:
    """The page.  pictures: matplotlib Figures by name.  more: what was found beside the fit."""
    title = f"Fit of {fit.data.path} with model {fit.model}"
    parts = [f"<h1>{escape(title)}</h1>"]
    if fit.data.notes:
        parts.append(f"<p>{escape(fit.data.notes[0])}</p>")
    if not fit.converged:
        parts.append(f'<p class="bad">{escape(fit.message)}</p>')
    head, *rows = cells(fit)
    parts += ["<h2>Parameters</h2>", _table(head, rows)]
    for name, figure in pictures.items():
        heading = _TITLES.get(name, name)
        parts += [f"<h2>{escape(heading)}</h2>", _picture(figure, heading)]
    parts += ["<h2>Report</h2>", _text(words(fit))]
    if more:
        parts += ["<h2>Beside the fit</h2>", _text(more)]
    parts += ["<h2>Rows</h2>", _rows(fit)]
    made = ", ".join(f"{name} {version}" for name, version in fit.versions.items())
    parts.append(f"<p>Made with {escape(made)}. All numbers are SI.</p>")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _text(text: str) -> str:
    return f"<pre>{escape(text.strip())}</pre>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{escape(c)}</th>" for c in head)]
    lines += ["".join(f"<td>{escape(c)}</td>" for c in row) for row in rows]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>\n{body}\n</table></div>'


def _picture(figure: Any, text: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, dpi=_DPI, format="png")
    data = base64.b64encode(file.getvalue()).decode("ascii")
    return f'<img alt="{escape(text)}" src="data:image/png;base64,{data}">'


def _rows(fit: Fit) -> str:
    data, n = fit.data, len(fit.data)
    beside = [k for k in range(3) if data.B_xyz[:, k].any()]
    head = ("line", "observable", "j (A/m^2)", "B (T)", *(f"B_{'xyz'[k]} (T)" for k in beside))
    head = (*head, "value", "std", "fit", "(data - fit)/std", "unit", "bound", "source")
    rows = [
        (
            str(data.line[i]),
            data.observable[i],
            *(_plain(x[i]) for x in (data.j, data.B, *data.B_xyz.T[beside])),
            *(_plain(x[i]) for x in (data.value, data.std, fit.predictions)),
            _plain(-fit.residuals[i], 2),
            data.unit[i],
            data.bound[i],
            data.source[i],
        )
        for i in range(min(n, _MOST_ROWS))
    ]
    told = f"<p>The first {_MOST_ROWS} of {n} rows.</p>" if n > _MOST_ROWS else ""
    return told + _table(head, rows)


def _plain(x: Any, digits: int = 5) -> str:
    return number(float(x), digits) if np.isfinite(x) else ""
