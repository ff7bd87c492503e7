"""`jaxstt design`: from a TOML file with open values to the values that do what it asks for.

Exit codes: 0 done; 2 input that cannot be used (one line on stderr, nothing written); 3 no design
that meets all that is asked for, or one that does not survive the independent run (the best is
written, marked as such).
"""

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from jaxstt.tools import check_folder, run_command, write_whole

from ._design import DesignConfig, Step, design_figure, open_design, write_design
from ._errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
_SEARCH = "search.json"
_WRONG = 1e-2


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; the exit code."""
    return run_command(app, arguments or ["--help"], "jaxstt design")


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def command(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="TOML file with values { pulse = ... }.")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder; CONFIG without .toml by default.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search cut short.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="First compare the gradient with central differences.")
    ] = False,
    start: Annotated[
        Path | None, typer.Option(help="A design.json to begin from, e.g. of a coarser mesh.")
    ] = None,
) -> int:
    """Choose pulses, profiles and numbers such that a simulation does what is asked for.

    Writes design.json, design.png (anew at each step), designed.toml for `jaxstt simulate`, each
    pulse as CSV and each profile as .npy.
    """
    folder = config.with_suffix("") if out is None else out.expanduser()
    check_folder(folder)
    if folder.is_dir() and any(folder.iterdir()) and not resume:
        raise ValueError(f"`--out`: the folder {str(folder)!r} is not empty; --resume goes on")
    if start is not None and (folder / _SEARCH).exists():
        raise ValueError("`--start` would be ignored: --resume goes on from the search in `--out`")
    first = None if start is None else _values(start)
    with jax.enable_x64(True):
        opened = open_design(config)
        if check:
            off = opened.check_gradient()
            print(f"gradient: {off:.1e} from central differences", file=sys.stderr, flush=True)
            if not off < _WRONG:
                raise ValueError(f"the gradient is wrong by {off:.1e} of a central difference")
        return _search(opened, first, folder)


def _search(config: DesignConfig, start: dict[str, Any] | None, folder: Path) -> int:
    history: list[Step] = []
    began = time.monotonic()

    def told(step: Step, x: dict[str, np.ndarray]) -> None:
        history.append(step)
        line = f"{step.evaluations} runs: objective {step.objective:.6g}, "
        line += f"worst constraint at {step.violation:.3g} of what it may be off"
        print(f"{line}; {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        _draw(config, x, history, folder)

    found = config.search(start, folder / _SEARCH, told)
    print(found.report())
    written, missing = write_design(found, config, folder)
    if missing:
        print(f"jaxstt design: {missing}", file=sys.stderr)
    written.append(_draw(config, found.values, list(found.history), folder))
    print(f"wrote {', '.join(path.name for path in written)} in {folder}")
    if found.converged and found.survives:
        return 0
    why = found.message if found.survives else "the design does not survive the independent run"
    print(f"jaxstt design: {why}", file=sys.stderr)
    return 3


def _draw(config: DesignConfig, x: Any, history: list[Step], folder: Path) -> Path:
    drawing = design_figure(config.open_values, x, history)
    folder.mkdir(parents=True, exist_ok=True)
    return write_whole(folder / "design.png", lambda p: drawing.savefig(p, dpi=150, format="png"))


def _values(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["values"])
    except (ValueError, KeyError, TypeError):
        raise InputError(f"`--start`: {path} is no design.json") from None
