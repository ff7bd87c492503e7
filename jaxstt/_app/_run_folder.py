"""The folder that a run writes into."""

import json
import math
import shutil
from pathlib import Path

from .._core import check_folder, existing, readable
from ._config import Config

CHECKPOINT = "run.checkpoint"
FILES = (
    *("table.txt", "table.png", "m_end.ovf", "m.zarr", "run.json"),
    *(CHECKPOINT, f"{CHECKPOINT}.previous", "config.toml"),
)
"""What a run may leave in its folder, besides the snapshots m000000.ovf, m000001.ovf, ..."""
_SNAPSHOT = "m[0-9][0-9][0-9][0-9][0-9][0-9].ovf"


def check_output(folder: Path, force: bool, resume: bool = False) -> None:
    """ValueError unless the results can be written there, or a run in there can go on."""
    check_folder(folder)
    if resume:
        if force:
            raise ValueError("`--resume` and `--force` exclude each other")
        status = folder / "run.json"
        if not status.exists():
            raise ValueError(f"`--resume`: there is no run in {str(folder)!r}")
        if json.loads(status.read_text()).get("status") == "finished":
            raise ValueError(f"`--resume`: the run in {str(folder)!r} is finished")
        return
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise ValueError(f"`--out`: the folder {str(folder)!r} is not empty; --force overwrites")


def check_disk(config: Config, folder: Path, resume: bool = False) -> None:
    """ValueError if the snapshots do not fit on the disk; of a run that goes on, those to come."""
    saves = 1 if config.times is None else config.times.size
    snapshots = 1 + (math.ceil(saves / config.stride) if config.stride else 0)
    snapshots += saves if config.output.zarr else 0
    there = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) if resume else 0
    needed = max(0, snapshots * config.m0.nbytes - there)
    free = shutil.disk_usage(existing(folder)).free
    if needed > free:
        raise ValueError(
            f"[output] {snapshots} snapshots need {readable(needed)}, the disk has {readable(free)}"
        )


def clear(folder: Path) -> None:
    """Make the folder, without the results of an earlier run."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (*(folder / name for name in FILES[:-1]), *folder.glob(_SNAPSHOT)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
