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
