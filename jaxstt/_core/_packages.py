"""Packages: those that need not be installed, and the versions of those that are."""

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any

MATTER = (
    "jaxstt", "jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "optax", "numpy",
)  # fmt: skip
"""What numbers depend on."""


class MissingPackage(ImportError):
    """A package of an extra is not installed; the message tells how to get it."""


def optional_package(name: str, extra: str = "io") -> Any:
    """The package; MissingPackage if it is not installed."""
    try:
        return __import__(name)
    except ImportError:
        raise MissingPackage(f'{name} is missing: pip install "jaxstt[{extra}]"') from None


def versions(names: Iterable[str] = MATTER) -> dict[str, str]:
    """Versions of Python and of these packages."""
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
