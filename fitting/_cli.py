"""`jaxstt-fit`: from a measurement file to a table, fit.json and fit.png.

Exit codes: 0 done; 2 input that cannot be used (one line on stderr, nothing written); 3 not
converged (the best point is written, marked as such).
"""

import os
import re
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import jax
import numpy as np
import typer

from jaxstt.tools import check_folder, run_command, write_whole

from ._data import load_measurements, template
from ._errors import InputError
from ._explore import profile, sample_posterior, what_next
from ._fit import fit
from ._plot import figure
from ._report import Fit

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Entry point of the command."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; the exit code."""
    return run_command(app, arguments, "jaxstt-fit")


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def command(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Measurement file, or an embedded data set.")
    ] = "strip_a",
    model: Annotated[
        str, typer.Option(help="wall1d, llg1d (seconds), llg2d (minutes) or auto.")
    ] = "wall1d",
    free: Annotated[
        str, typer.Option(metavar="NAMES", help="Parameters to fit, separated by commas.")
    ] = "xi,P,alpha",
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE,...", help="Known parameters, SI, taken as exact."),
    ] = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE+-STD",
            help="What is known of a fitted parameter, e.g. xi=0.05+-0.02.",
        ),
    ] = None,
    nuisance: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Fitted within priors: K_perp unless said otherwise; j_scale where the current "
            'density is doubtful; "" for none.',
        ),
    ] = None,
    loss: Annotated[
        str, typer.Option(help="normal, or student or huber where some rows may be far off.")
    ] = "normal",
    optimizer: Annotated[str, typer.Option(help="lm (Levenberg-Marquardt), lbfgs or adam.")] = "lm",
    out: Annotated[Path, typer.Option(help="Folder for fit.json and fit.png.")] = Path("fit"),
    std: Annotated[
        str, typer.Option(metavar="PERCENT", help="Error of rows that have none, e.g. 5%.")
    ] = "",
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="LINES", help="Rows to leave out, by line, e.g. 24,30-32."),
    ] = None,
    max_steps: Annotated[
        int | None, typer.Option(help="Most steps of the optimizer from one start.")
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            " /--no-check", help="Do not run llg2d at the optimum of a 1-D model to correct it."
        ),
    ] = True,
    profiles: Annotated[
        bool,
        typer.Option("--profile", help="Profile likelihood of every free parameter (minutes)."),
    ] = False,
    bayes: Annotated[
        bool,
        typer.Option("--bayes", help="Posterior by NUTS, its band in the figure (minutes)."),
    ] = False,
    advise: Annotated[
        bool, typer.Option("--next", help="What to measure next, and what it would change.")
    ] = False,
    show_template: Annotated[
        bool, typer.Option("--template", help="Print an empty measurement file and stop.")
    ] = False,
) -> int:
    """Fit xi, P and alpha of spin transfer torque to domain-wall velocities.

    Without DATA the embedded set strip_a is fitted: velocities computed with OOMMF, not measured.
    """
    if show_template:
        print(template(), end="")
        return 0
    if bayes and find_spec("numpyro") is None:
        raise InputError('`--bayes` needs numpyro: pip install "jaxstt[bayes]"')
    _configure_jax()
    measured = load_measurements(data)
    if std:
        measured = measured.with_std(_fraction(std))
    if exclude:
        measured = measured.exclude(_lines(",".join(exclude)))
    settings: dict[str, Any] = {
        "model": model,
        "free": _names(free),
        "fixed": _assignments(",".join(fix or [])),
        "nuisance": None if nuisance is None else _names(nuisance),
        "priors": _priors(prior or []),
        "loss": loss,
        "optimizer": optimizer,
        "max_steps": max_steps,
        "check": check,
    }
    out = _folder(out)
    with _Progress(sys.stderr) as progress:
        keep = out / "llg2d.json"
        result = fit(measured, callback=progress, tell=progress.tell, runs=keep, **settings)
    print(result.report())
    band = _beyond(result, profiles, bayes, advise) if result.converged else None
    print(f"\nwrote {' and '.join(str(path) for path in _write(result, out, band))}")
    if not result.converged:
        print(f"jaxstt-fit: {result.message}", file=sys.stderr)
        return 3
    return 0


def _configure_jax() -> None:
    """One CPU device per core, so that simulations of different rows run side by side.

    This must come before JAX's first computation; in a process where that has passed (a notebook,
    a test) the devices stay as they are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        jax.config.update("jax_num_cpu_devices", min(cores or 1, 16))
    except RuntimeError:
        pass


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _assignments(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in _names(text):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name:
            raise InputError(f"`--fix` must be NAME=VALUE,..., got {item!r}")
        if name in found:
            raise InputError(f"`--fix`: `{name}` is given twice")
        try:
            found[name] = float(value)
        except ValueError:
            raise InputError(f"`--fix`: `{name}` must be a number, got {value!r}") from None
    return found


def _priors(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Of "xi=0.05+-0.02", also with ±; several may stand in one text, separated by commas."""
    found: dict[str, tuple[float, float]] = {}
    for item in _names(",".join(texts)):
        match = re.fullmatch(r"([^=]+)=(.+?)(?:\+-|\+/-|±)(.+)", item)
        try:
            name, value, std = match.groups() if match else ("", "", "")
            pair = (float(value), float(std))
        except ValueError:
            raise InputError(
                f"`--prior` must be NAME=VALUE+-STD, such as xi=0.05+-0.02, got {item!r}"
            ) from None
        if name.strip() in found:
            raise InputError(f"`--prior`: `{name.strip()}` is given twice")
        found[name.strip()] = pair
    return found


def _fraction(text: str) -> float:
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = float("nan")
    if not 0 < value < 1:
        raise InputError(f"`--std` must be above 0 and below 100 %, such as 5%, got {text!r}")
    return value


def _lines(text: str) -> list[int]:
    found: list[int] = []
    for item in _names(text):
        match = re.fullmatch(r"(\d+)(?:-(\d+))?", item)
        if match is None:
            raise InputError(f"`--exclude` must be line numbers such as 24,30-32, got {item!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first or last - first > 100_000:
            raise InputError(f"`--exclude`: {item!r} must run from a smaller to a larger line")
        found += range(first, last + 1)
    return found


def _folder(folder: Path) -> Path:
    """`folder`, which may not exist yet; InputError unless files can be written to it."""
    if str(folder).startswith("-"):
        raise InputError(f"`--out` must be a folder, got the option {str(folder)!r}")
    folder = folder.expanduser()
    check_folder(folder)
    for name in ("fit.json", "fit.png"):
        if (folder / name).is_dir():
            raise InputError(f"`--out`: {str(folder / name)!r} must not be a folder")
    return folder


def _beyond(result: Fit, profiles: bool, bayes: bool, advise: bool) -> np.ndarray | None:
    """Print what was asked for beside the covariance; the band of the posterior, if it was."""
    if profiles:
        print("\nprofile likelihood:")
        for name in result.free:
            print(f"  {profile(result, name)}")
    band = None
    if bayes:
        posterior = sample_posterior(result)
        print(f"\nposterior:\n{posterior}")
        band = posterior.predict((0.025, 0.975))
    if advise:
        print(f"\n{what_next(result)}")
    return band


def _write(result: Fit, folder: Path, band: np.ndarray | None = None) -> list[Path]:
    """Write both files; each appears whole or not at all."""
    drawing = figure(result, band)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_whole(folder / "fit.json", result.save_json),
        write_whole(folder / "fit.png", lambda path: drawing.savefig(path, dpi=150, format="png")),
    ]


class _Progress:
    """One changing line on a terminal; a line every two seconds elsewhere."""

    def __init__(self, stream: Any):
        self.stream, self.shown, self.status = stream, 0.0, None

    def __enter__(self) -> "_Progress":
        if self.stream.isatty():
            from rich.console import Console

            self.status = Console(file=self.stream).status("compiling ...")
            self.status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.status is not None:
            self.status.stop()

    def __call__(self, iteration: int, chi2: float, values: dict[str, float]) -> None:
        shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
        line = f"step {iteration}  chi2 {chi2:.4f}  {shown}"
        if self.status is not None:
            self.status.update(line)
        elif time.monotonic() - self.shown > 2:
            self.shown = time.monotonic()
            print(line, file=self.stream, flush=True)

    def tell(self, line: str) -> None:
        """What is about to take long."""
        if self.status is not None:
            self.status.update(line)
        else:
            print(line, file=self.stream, flush=True)
