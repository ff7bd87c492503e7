"""`jaxstt-fit`: from a measurement file to a table, fit.json, fit.png and fit.html.

Exit codes: 0 done; 2 input that cannot be used (one line on stderr, nothing written); 3 not
converged (the best point is written, marked as such).
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import jax
import typer

from jaxstt.tools import run_command

from ._cli_options import assignments, fraction, lines, names, numbers, priors, spoken
from ._cli_output import Progress, free_folder, write
from ._data import Measurements, load_measurements, template
from ._errors import InputError
from ._explore import Posterior, Profile, profile, sample_posterior, what_next
from ._fit import fit
from ._fit_together import fit_together
from ._format import listed
from ._report import Fit

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def main() -> None:
    """Entry point of the command."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; the exit code."""
    return run_command(app, arguments, "jaxstt-fit")


def _option(
    text: str, example: str, metavar: str | None = None, names: tuple[str, ...] = ()
) -> Any:
    """An option with its help and an example."""
    return typer.Option(*names, help=f"{text}  E.g. {example}", metavar=metavar)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def command(
    data: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[DATA]...",
            help="Measurement file, or an embedded data set; several with --share.",
            show_default="strip_a",
        ),
    ] = None,
    model: Annotated[
        str, _option("wall1d, llg1d (seconds), llg2d (minutes) or auto.", "--model auto")
    ] = "wall1d",
    free: Annotated[
        str, _option("Parameters to fit, separated by commas.", "--free xi,P", "NAMES")
    ] = "xi,P,alpha",
    fix: Annotated[
        list[str] | None,
        _option("Known parameters, SI, taken as exact.", "--fix alpha=0.02,n0=0", "NAME=VALUE,..."),
    ] = None,
    prior: Annotated[
        list[str] | None,
        _option("What is known of a fitted parameter.", "--prior xi=0.05+-0.02", "NAME=VALUE+-STD"),
    ] = None,
    tie: Annotated[
        list[str] | None,
        _option("A parameter that follows from another.", "--tie xi=2*alpha", "NAME=FACTOR*NAME"),
    ] = None,
    nuisance: Annotated[
        str | None,
        _option(
            "Fitted within priors: K_perp unless said otherwise; j_scale where the current density "
            'is doubtful; "" for none.',
            "--nuisance K_perp,j_scale",
            "NAMES",
        ),
    ] = None,
    convention: Annotated[
        str,
        _option(
            "Whose xi, P and alpha the options and the table mean: paper, mumax3 (Xi, Pol, alpha) "
            "or oommf (beta, P, alpha).",
            "--convention mumax3 --free Xi,Pol,alpha",
        ),
    ] = "paper",
    share: Annotated[
        str,
        _option(
            "Parameters that several files have in common.",
            "80K.csv 300K.csv --share alpha",
            "NAMES",
        ),
    ] = "",
    loss: Annotated[
        str,
        _option("normal, or student or huber where some rows may be far off.", "--loss student"),
    ] = "normal",
    optimizer: Annotated[
        str, _option("lm (Levenberg-Marquardt), lbfgs or adam.", "--optimizer lbfgs")
    ] = "lm",
    out: Annotated[
        Path, _option("Folder for fit.json, fit.html and figures.", "--out mywire-fit")
    ] = Path("fit"),
    std: Annotated[str, _option("Error of rows that have none.", "--std 5%", "PERCENT")] = "",
    exclude: Annotated[
        list[str] | None,
        _option("Rows to leave out, by line of the file.", "--exclude 24,30-32", "LINES"),
    ] = None,
    max_steps: Annotated[
        int | None, _option("Most steps of the optimizer from one start.", "--max-steps 200")
    ] = None,
    check: Annotated[
        bool,
        _option(
            "Do not run llg2d at the optimum of a 1-D model to correct it.",
            "--no-check",
            names=(" /--no-check",),
        ),
    ] = True,
    profiles: Annotated[
        bool,
        _option(
            "Profile likelihood of every free parameter (minutes).",
            "--free xi,alpha --fix P=0.5 --profile",
            names=("--profile",),
        ),
    ] = False,
    bayes: Annotated[
        bool,
        _option(
            "Posterior by NUTS, its band in the figure (minutes).",
            "--bayes --nuisance K_perp,j_scale",
            names=("--bayes",),
        ),
    ] = False,
    advise: Annotated[
        bool,
        _option(
            "What to measure next, and what it would change.",
            "mywire.csv --std 5% --next",
            names=("--next",),
        ),
    ] = False,
    show_template: Annotated[
        bool,
        _option(
            "Print an empty measurement file and stop.",
            "--template > mywire.csv",
            names=("--template",),
        ),
    ] = False,
) -> int:
    """Fit xi, P and alpha of spin transfer torque to what domain walls do.

    Without DATA the embedded set strip_a is fitted: velocities computed with OOMMF, not measured.
    """
    if show_template:
        print(template(), end="")
        return 0
    if bayes and find_spec("numpyro") is None:
        raise InputError('`--bayes` needs numpyro: pip install "jaxstt[bayes]"')
    _configure_jax()
    sets = [load_measurements(one) for one in data or ["strip_a"]]
    if std:
        sets = [measured.with_std(fraction(std)) for measured in sets]
    if exclude:
        sets = [measured.exclude(lines(",".join(exclude))) for measured in sets]
    settings: dict[str, Any] = {
        "model": model,
        **spoken(
            convention,
            free=names(free),
            share=names(share),
            fixed=numbers(fix),
            priors=priors(prior),
            ties=assignments(tie, "--tie"),
        ),
        "nuisance": None if nuisance is None else names(nuisance),
        "loss": loss,
        "optimizer": optimizer,
        "max_steps": max_steps,
        "check": check,
    }
    out = free_folder(out)
    if share or len(sets) > 1:
        others = {"--model": model != "wall1d", "--exclude": bool(exclude), "--profile": profiles}
        others |= {"--bayes": bayes, "--next": advise}
        return _together(sets, settings, out, [o for o, on in others.items() if on])
    (measured,) = sets
    del settings["share"]
    with Progress(sys.stderr) as progress:
        keep = out / "llg2d.json"
        result = fit(measured, callback=progress, tell=progress.tell, runs=keep, **settings)
    print(result.report())
    asked = (profiles, bayes, advise) if result.converged else (False,) * 3
    curves, posterior, words = _beyond(result, *asked)
    written = write(result, out, curves, posterior, words)
    print(f"\nwrote {listed(str(path) for path in written)}")
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


def _together(
    sets: list[Measurements], settings: dict[str, Any], out: Path, others: list[str]
) -> int:
    """Fit several files; each has its report, and its files in a folder of its own."""
    if not settings["share"]:
        raise InputError(f"`--share` must name what {len(sets)} files have in common, got none")
    if others:
        raise InputError(f"`{others[0]}` must not be given with `--share`")
    folders = [out / Path(one.path).stem for one in sets]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(
                f"files that share parameters must have different names, got {folder.name} twice"
            )
        free_folder(folder)
    settings = {n: v for n, v in settings.items() if n not in ("model", "check")}
    found = fit_together(sets, **settings)
    print("\n\n".join(one.report() for one in found))
    for one, folder in zip(found, folders, strict=True):
        print(f"\nwrote {listed(str(path) for path in write(one, folder, [], None, ''))}")
    if not found[0].converged:
        print(f"jaxstt-fit: {found[0].message}", file=sys.stderr)
        return 3
    return 0


def _beyond(
    result: Fit, profiles: bool, bayes: bool, advise: bool
) -> tuple[list[Profile], Posterior | None, str]:
    """What was asked for beside the covariance, and its text, which is printed."""
    parts, curves, posterior = [], [], None
    if profiles:
        curves = [profile(result, name) for name in result.free]
        parts.append("\n".join(["profile likelihood:", *(f"  {curve}" for curve in curves)]))
    if bayes:
        posterior = sample_posterior(result)
        parts.append(f"posterior:\n{posterior}")
    if advise:
        parts.append(str(what_next(result)))
    for part in parts:
        print(f"\n{part}")
    return curves, posterior, "\n\n".join(parts)
