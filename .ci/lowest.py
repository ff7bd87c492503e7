"""Constraints at the lower bounds of pyproject.toml: `name>=1.2` becomes `name==1.2.*`."""

import re
import tomllib
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = PROJECT["optional-dependencies"]
for wanted in (*PROJECT["dependencies"], *extras["test"], *extras["io"], *extras["bayes"]):
    found = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+)", wanted)
    if found:
        print(f"{found[1]}=={found[2]}.*")
