"""`jaxstt`: the command line of the physics.

Exit codes: 0 done; 1 the self-test of `doctor` failed; 2 input that cannot be used (one line on
stderr, nothing written); 3 a simulation stopped early (what was done is written); 130 Ctrl-C.
"""

import functools
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Annotated

import jax
import numpy as np
import typer

from .._core import run_command, write_whole
from .._electron import validity
from ..constants import EV
from ..plot import validity_figure
from ._config import load_config
from ._doctor import advice, circumstances, grid_advice, self_test
from ._movie import make_movie
from ._run_folder import check_disk, check_output
from ._run_sweep import join, run_sweep, use_cores
from ._simulate import RunFailed, notes, simulate, warn

_HELP = {"help_option_names": ["-h", "--help"]}
_Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="What to simulate, TOML.")]
_Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder; CONFIG without .toml by default."),
]
_Float32 = Annotated[
    bool, typer.Option("--float32", help="Single precision; double is the default.")
]

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)


def main() -> None:
    """Entry point of the command."""
    raise SystemExit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments; the exit code."""
    _add_commands()
    return run_command(app, arguments or ["--help"], "jaxstt")


@app.callback()
def _commands() -> None:
    """Differentiable spin transfer torque."""


@app.command("validity", context_settings=_HELP)
def validity_command(
    width: Annotated[float, typer.Option("--width", metavar="M", help="Wall parameter l, m.")],
    Delta_eV: Annotated[
        float, typer.Option("--Delta-eV", metavar="EV", help="Exchange splitting, eV.")
    ],
    vF: Annotated[float, typer.Option("--vF", metavar="M/S", help="Fermi velocity, m/s.")],
    xi: Annotated[float, typer.Option("--xi", metavar="XI", help="tau_ex/tau_sf.")],
    tau0: Annotated[
        float | None,
        typer.Option("--tau0", metavar="S", help="Momentum scattering time, s; ballistic without."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The figure.")] = Path(
        "validity.png"
    ),
) -> int:
    """Does the local torque hold in a wall of this width?  Prints the verdict, draws the curve.

    The wall is theta = 2 atan exp(x/l); to the eye it is pi l wide.
    """
    _check_file(out)
    with jax.enable_x64(True):
        result = validity(
            width=_number("--width", width),
            Delta=_number("--Delta-eV", Delta_eV) * EV,
            v_F=_number("--vF", vF),
            xi=_number("--xi", xi, may_vanish=True),
            tau0=None if tau0 is None else _number("--tau0", tau0),
        )
        print(f"verdict: {result.verdict}  (kappa = v_F tau_ex/l = {float(result.kappa):.4g})\n")
        print(result.text)
        figure, kind = validity_figure(result), out.suffix[1:].lower()
        write_whole(out, lambda path: figure.savefig(path, dpi=150, format=kind))
    print(f"\nwrote {out}")
    return 0


@app.command("simulate", context_settings=_HELP)
def simulate_command(
    config: _Config,
    out: _Out = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write into a folder that is not empty.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was cut short.")
    ] = False,
    float32: _Float32 = False,
) -> int:
    """Run the simulation that a TOML file describes; examples/ has some to start from.

    Writes table.txt, table.png, m_end.ovf, run.json and the snapshots asked for.
    """
    folder = config.with_suffix("") if out is None else out.expanduser()
    with jax.enable_x64(not float32):
        simulation = load_config(config)
        check_output(folder, force, resume)
        check_disk(simulation, folder, resume)
        for note in notes(simulation):
            warn(f"{config}: {note}")
        try:
            done = simulate(simulation, folder, resume)
        except RunFailed as error:
            print(f"jaxstt: {error}; what was done is in {folder}", file=sys.stderr)
            return 3
    print(f"{done}\nwrote {folder}")
    return 0


@app.command("movie", context_settings=_HELP)
def movie_command(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="Folder of a run, ours, mumax3's or OOMMF's.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help=".gif or .mp4; RUN.gif by default.")
    ] = None,
    component: Annotated[
        str | None, typer.Option("--component", metavar="C", help="x, y or z; all, as colours.")
    ] = None,
    layer: Annotated[int, typer.Option("--layer", help="Along z.")] = 0,
    every: Annotated[int, typer.Option("--every", help="Draw each n-th snapshot.")] = 1,
    fps: Annotated[float, typer.Option("--fps", help="Snapshots per second.")] = 20.0,
) -> int:
    """Draw the snapshots of a run, with their times, as a GIF or an MP4."""
    path = run.resolve().with_suffix(".gif") if out is None else out.expanduser()
    _check_file(path, (".gif", ".mp4"))
    with jax.enable_x64(True):
        count = make_movie(run, path, every, component=component, layer=layer, fps=fps)
    print(f"{count} snapshots\nwrote {path}")
    return 0


@app.command("sweep", context_settings=_HELP)
def sweep_command(
    config: _Config,
    out: _Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a sweep cut short.")] = False,
    cores: Annotated[
        int | None, typer.Option("--cores", help="CPU cores to use; default: all.")
    ] = None,
    distributed: Annotated[
        bool, typer.Option("--distributed", help="One of many processes, as the scheduler says.")
    ] = False,
    float32: _Float32 = False,
) -> int:
    """Run a simulation over the ranges that a TOML file gives; examples/map.toml is one.

    Writes sweep.zarr (xarray.open_zarr reads it), sweep.png and config.toml.  Exit code 3: every
    point failed.
    """
    folder = config.with_suffix("") if out is None else out.expanduser()
    use_cores(cores)
    if distributed:
        join()
    with jax.enable_x64(not float32):
        done, fine = run_sweep(config, folder, resume)
    if jax.process_index() == 0:
        print(f"{done}\nwrote {folder}")
    return 0 if fine else 3


@app.command("doctor", context_settings=_HELP)
def doctor_command(
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG]", help="Also look at the grid of this file.")
    ] = None,
) -> int:
    """Versions, devices, what could be better, and a self-test of signs and gradients."""
    print("\n".join(circumstances()))
    for line in () if config is None else grid_advice(config):
        print(f"grid       {line}")
    failed = False
    for line, fine in self_test():
        print(line, flush=True)
        failed |= not fine
    for line in advice():
        print(f"better     {line}")
    if failed:
        print("mend       pip install --force-reinstall jaxstt")
    print("FAILED" if failed else "ok")
    return 1 if failed else 0


@functools.cache
def _add_commands() -> None:
    """Commands of packages on top of this one: functions of the arguments behind their name."""
    options = {
        "ignore_unknown_options": True,
        "allow_extra_args": True,
        "help_option_names": [],
    }
    for found in entry_points(group="jaxstt.commands"):
        app.command(found.name, context_settings=options, help=_see(found))(_loader(found))


def _see(found: EntryPoint) -> str:
    return f"Of the package {found.module.split('.')[0]}; `jaxstt {found.name} --help` tells more."


def _loader(found: EntryPoint) -> Callable[[typer.Context], int]:
    """It is loaded only when it is called."""

    def command(context: typer.Context) -> int:
        return found.load()(context.args)

    return command


def _number(option: str, value: float, may_vanish: bool = False) -> float:
    """The value itself; told by the name of the option, not of the argument behind it."""
    if not (np.isfinite(value) and (value > 0 or (may_vanish and value == 0))):
        raise ValueError(f"`{option}` must be {'>=' if may_vanish else '>'} 0, got {value:g}")
    return value


def _check_file(path: Path, endings: tuple[str, ...] = (".png", ".pdf", ".svg")) -> None:
    if path.is_dir():
        raise ValueError(f"`--out` must be a file, got the folder {str(path)!r}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"`--out` must be in a folder that exists, got {str(path)!r}")
    if path.suffix.lower() not in endings:
        *some, last = endings
        raise ValueError(f"`--out` must end in {', '.join(some)} or {last}, got {str(path)!r}")
