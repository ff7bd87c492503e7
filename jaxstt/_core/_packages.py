"""Packages that need not be installed."""

from typing import Any


def optional_package(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise ImportError(f'{name} is missing: pip install "jaxstt[io]"') from None
