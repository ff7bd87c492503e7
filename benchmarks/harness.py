"""What the benchmarks share: timing turn by turn, spread, and the report with its circumstances."""

import argparse
import os
import platform
import re
import time
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import numpy as np

PACKAGES = ("jaxstt", "jax", "jaxlib", "diffrax", "equinox", "optimistix", "lineax", "numpy")


def arguments(doc: str | None, *options: tuple[str, int | float | str, str]) -> argparse.Namespace:
    """The options of a command line: (name, default, what it is)."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    for name, default, what in options:
        shown = f"{what} ({default})"
        parser.add_argument(f"--{name}", type=type(default), default=default, help=shown)
    return parser.parse_args()


def seconds(function: Callable, *args: Any, repeats: int = 1) -> float:
    """s per call, until the result is there."""
    start = time.perf_counter()
    for _ in range(repeats):
        jax.block_until_ready(function(*args))
    return (time.perf_counter() - start) / repeats


def interleaved(
    cases: Mapping[Any, Callable[[], Any]], rounds: int, repeats: int = 1
) -> tuple[dict[Any, np.ndarray], dict[Any, Any]]:
    """(s per call, (rounds,), and values) by case.

    Every case once in each round, in turn forwards and backwards, after all are compiled: a ratio
    is then taken between neighbours in time and survives a busy machine.
    """
    values = {}
    for name, case in cases.items():
        print(f"compiling: {name}", flush=True)
        values[name] = jax.tree.map(np.asarray, case())
    found: dict[Any, list[float]] = {name: [] for name in cases}
    for i in range(rounds):
        for name in list(cases)[:: 1 if i % 2 else -1]:
            found[name].append(seconds(cases[name], repeats=repeats))
    return {name: np.array(x) for name, x in found.items()}, values


def spread(x: np.ndarray, factor: float = 1.0) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(x * factor, (0.25, 0.5, 0.75))
    return f"{middle:.3g} ({low:.3g} ... {high:.3g})"


def load() -> str:
    """The load average of the last minute."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


class Report:
    """A page of results; made before the first measurement, written after the last."""

    def __init__(self, script: str, title: str):
        self.path, self.before = Path(script), load()
        self.lines = [f"# {title}", ""]

    def add(self, *lines: str) -> None:
        self.lines += lines

    def table(self, *head: str) -> None:
        self.add("", f"| {' | '.join(head)} |", "|---" * len(head) + "|")

    def row(self, *cells: Any) -> None:
        self.add(f"| {' | '.join(str(c) for c in cells)} |")

    def circumstances(self, rounds: int, precision: str = "float64") -> None:
        """Device, versions, load: called when everything is measured."""
        device = jax.devices()[0]
        versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
        self.add(
            f"Written by `benchmarks/{self.path.name}`. Device: {device.device_kind} "
            f"({device.platform}), {os.cpu_count()} CPUs ({platform.machine()}); Python "
            f"{platform.python_version()}, {versions}; {precision}.",
            "",
            f"Wall-clock times of one process, {rounds} interleaved rounds: median (quartiles). "
            f"Load average before and after: {self.before} and {load()}. Where it is not well "
            "below the number of CPUs the machine was busy with other work, and only the ratios "
            "mean something.",
        )

    def write(self) -> None:
        text = "\n".join([*self.lines, ""])
        device = re.sub(r"[^a-z0-9]+", "-", jax.devices()[0].device_kind.lower()).strip("-")
        file = self.path.parent / "results" / f"{self.path.stem}_{device}.md"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        print(f"\n{text}\nwrote {file}")


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
