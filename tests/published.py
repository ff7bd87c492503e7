"""Series of other groups, which may not be redistributed: they lie beside the repository or not."""

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("JAXSTT_DATA", Path(__file__).parents[2] / "shared" / "data"))


def published(name: str) -> Path:
    """Where this file is; without it the test is skipped."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not there: it belongs to others and stays outside the repository")
    return path
