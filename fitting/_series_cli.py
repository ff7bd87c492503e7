"""`jaxstt-fit-series`: from a simulation's TOML file and <m>(t) to the numbers it leaves open.

Exit codes: 0 done; 2 input that cannot be used (one line on stderr, nothing written); 3 not
converged (the best point is written, marked as such).
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from jaxstt.tools import check_folder, run_command, write_whole

from ._data import Series, load_series
from ._errors import InputError
from ._figures import series_figure
from ._fit_series import SeriesFit, fit_series

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Entry point of the command."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; the exit code."""
    return run_command(app, arguments, "jaxstt-fit-series")


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="TOML file with numbers { fit = GUESS }.")
    ],
    series: Annotated[
        list[str], typer.Argument(metavar="SERIES...", help="Files of time and <mx>, <my>, <mz>.")
    ],
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="Rows of this column to take, e.g. xi=0.05."),
    ] = None,
    until: Annotated[
        float | None, typer.Option(metavar="S", help="Leave out later times, s.")
    ] = None,
    coarse: Annotated[
        str, typer.Option(metavar="NX,NY,NZ", help="Cells of the cheap model; the file's: none.")
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder for series.json and series.png.")] = Path(
        "series-fit"
    ),
) -> int:
    """Fit the numbers that a simulation's TOML file leaves open to averaged magnetisations.

    Several series are fitted one by one; the spread between them is what their codes differ by.
    """
    check_folder(out)
    cells = _cells(coarse) if coarse else None
    chosen = dict(_pair(item) for item in where or [])
    read = [_until(load_series(file, table=None, **chosen), until) for file in series]
    fits = []
    for one in read:
        fits.append(fit_series(one, config, coarse=cells, tell=lambda t: print(t, file=sys.stderr)))
        print(fits[-1].report() + "\n", flush=True)
    if len(fits) > 1:
        print(spread(fits) + "\n")
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps([f.to_dict() for f in fits], indent=1) + "\n"
    drawing = series_figure(fits)
    paths = [
        write_whole(out / "series.json", text.encode()),
        write_whole(out / "series.png", lambda p: drawing.savefig(p, dpi=150, format="png")),
    ]
    print(f"wrote {' and '.join(str(path) for path in paths)}")
    late = [f for f in fits if not f.converged]
    for fit in late:
        print(f"jaxstt-fit-series: {fit.series.source}: {fit.message}", file=sys.stderr)
    return 3 if late else 0


def spread(fits: list[SeriesFit]) -> str:
    """Mean and standard deviation of each number over the series."""
    lines = [f"{len(fits)} series: mean, and what they differ by (a systematic error)"]
    width = max(len(name) for name in fits[0].values)
    for name in fits[0].values:
        found = np.array([fit.values[name] for fit in fits])
        lines.append(f"{name.ljust(width)}  {found.mean():.5g} +- {found.std(ddof=1):.2g}")
    return "\n".join(lines)


def _until(series: Series, end: float | None) -> Series:
    if end is None:
        return series
    keep = series.time <= end
    if keep.sum() < 2:
        raise InputError(f"`--until` must leave two times of {series.source}, got {end:g}")
    return Series(series.time[keep], series.m[keep], series.source)


def _cells(text: str) -> tuple[int, int, int]:
    try:
        nx, ny, nz = (int(part) for part in text.split(","))
        return nx, ny, nz
    except ValueError:
        raise InputError(f"`--coarse` must be NX,NY,NZ, got {text!r}") from None


def _pair(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        if not (equals and name.strip()):
            raise ValueError
        return name.strip(), float(value)
    except ValueError:
        raise InputError(f"`--where` must be NAME=VALUE, got {text!r}") from None
