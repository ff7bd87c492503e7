"""The file that tests of `jaxstt simulate` run, and change."""

from pathlib import Path

import configs

UNIAXIAL, INITIAL = configs.uniaxial("2e5"), configs.bloch_wall("8e-9")
TORQUE = """
[[torque]]
type = "ZhangLi"
j = [-1e12, 0, 0]
P = 0.5
xi = 0.2
"""
RUN = configs.run("0.2e-9", "0.05e-9")
BASE = configs.wire(32) + UNIAXIAL + TORQUE + INITIAL + RUN


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def interrupt(patch, module, name: str, number: int) -> None:
    """Ctrl-C at this call, from 1 on, of a function of the module."""
    function, calls = getattr(module, name), []

    def stops(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            raise KeyboardInterrupt
        return function(*args, **kwargs)

    patch.setattr(module, name, stops)
