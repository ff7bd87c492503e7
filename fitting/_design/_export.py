"""A finished design as files: what it says, the pulse for a generator, a config that runs it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxstt.io import write_mumax3, write_oommf
from jaxstt.tools import write_whole

from ._design import Design
from ._design_config import DesignConfig
from ._open_values import OpenProfile, OpenPulse


def write_design(found: Design, config: DesignConfig, folder: Path) -> tuple[list[Path], str]:
    """design.json, designed.toml (`jaxstt simulate` runs it), PULSE.csv, PROFILE.npy, scripts.

    designed.mx3 (mumax3) and designed.mif (OOMMF) come with their start and fields as OVF; where a
    code has no word for what the file says there is no script for it, and the text tells why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = config.values(found.values)
    written = [
        write_whole(folder / "design.json", (json.dumps(found.to_dict(), indent=1) + "\n").encode())
    ]
    for name, value in config.open_values.items():
        free = jnp.asarray(found.values[name])
        if isinstance(value, OpenPulse):
            rows = np.column_stack([value.times, np.asarray(value.drawn(free))])
            lines = [f"t_s,{name}", *(f"{t!r},{v!r}" for t, v in rows.tolist())]
            text = ("\n".join(lines) + "\n").encode()
            written.append(write_whole(folder / f"{name}.csv", text))
        if isinstance(value, OpenProfile):
            field = np.asarray(value.field(free))
            path = write_whole(folder / f"{name}.npy", lambda p, f=field: _save(p, f))
            plain[name] = {"file": path.name}
            written.append(path)
    tables = _absolute(config.file.filled(plain), config.file.path.parent.resolve(), set(plain))
    text = f"# Written by `jaxstt design` from {config.file.path.name}\n" + toml(tables)
    written.append(write_whole(folder / "designed.toml", text.encode()))
    llg, m0 = config.designed(found.values)
    script, end = folder / "designed.mx3", float(config.outcome.run.times[-1])
    missing: list[str] = []
    try:
        write_mumax3(script, llg, m0, duration=end)
        written += [script, script.with_suffix(".ovf")]
    except ValueError as error:
        missing.append(f"no script for mumax3: {error}")
    try:
        written += write_oommf(folder / "designed.mif", llg, m0, duration=end)
    except ValueError as error:
        missing.append(f"no script for OOMMF: {error}")
    return written, "\n".join(missing)


def _save(path: Path, field: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, field)


def _absolute(value: Any, folder: Path, own: set[str]) -> Any:
    """Files of the config are elsewhere than the one that is written."""
    if isinstance(value, dict):
        name = value.get("file")
        if isinstance(name, str) and name.removesuffix(".npy") not in own:
            return {**value, "file": str(folder / name)}
        return {k: _absolute(v, folder, own) for k, v in value.items()}
    return [_absolute(v, folder, own) for v in value] if isinstance(value, list) else value


def toml(tables: Mapping[str, Any]) -> str:
    """Tables of tables of values as TOML; what is deeper stands in one line."""
    lines: list[str] = []
    for name, table in tables.items():
        header = f"[[{name}]]" if isinstance(table, list) else f"[{name}]"
        for one in table if isinstance(table, list) else [table]:
            lines += ["", header, *(f"{_key(k)} = {_inline(v)}" for k, v in one.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else json.dumps(name)


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value)
    return repr(value)
