"""What `jaxstt-fit` leaves behind: files, and a line that moves while it works."""

import time
from pathlib import Path
from typing import Any

from jaxstt.tools import check_folder, write_whole

from ._errors import InputError
from ._explore import Posterior, Profile
from ._figures import corner_figure, figure, page, profile_figure
from ._report import Fit

FILES = ("fit.json", "fit.png", "fit.html", "profile.png", "corner.png")


def free_folder(folder: Path) -> Path:
    """`folder`, which may not exist yet; InputError unless files can be written to it."""
    if str(folder).startswith("-"):
        raise InputError(f"`--out` must be a folder, got the option {str(folder)!r}")
    folder = folder.expanduser()
    check_folder(folder)
    for name in FILES:
        if (folder / name).is_dir():
            raise InputError(f"`--out`: {str(folder / name)!r} must not be a folder")
    return folder


def write(
    result: Fit, folder: Path, profiles: list[Profile], posterior: Posterior | None, words: str
) -> list[Path]:
    """Write all files; each appears whole or not at all.  words: what was found beside the fit."""
    band = None if posterior is None else posterior.predict((0.025, 0.975))
    drawings = {"fit": figure(result, band)}
    if profiles:
        drawings["profile"] = profile_figure(profiles)
    if posterior is not None:
        drawings["corner"] = corner_figure(posterior, result)
    folder.mkdir(parents=True, exist_ok=True)
    text = page(result, drawings, words)

    def html(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    pictures = [
        write_whole(
            folder / f"{name}.png",
            lambda path, drawing=drawing: drawing.savefig(path, dpi=150, format="png"),
        )
        for name, drawing in drawings.items()
    ]
    return [
        write_whole(folder / "fit.json", result.save_json),
        *pictures,
        write_whole(folder / "fit.html", html),
    ]


class Progress:
    """One changing line on a terminal; a line every two seconds elsewhere."""

    def __init__(self, stream: Any):
        self.stream, self.shown, self.status = stream, 0.0, None

    def __enter__(self) -> "Progress":
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
