"""The measurement files that come with the package, by name."""

from pathlib import Path

from jaxstt.tools import nearest

from .._errors import InputError

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """Names of the embedded data sets, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.csv")))


def path(name: str) -> Path:
    """The file of the data set `name`; InputError with the nearest name if there is none."""
    if name not in names():
        raise InputError(
            f"unknown data set {name!r}; did you mean `{nearest(name, names())}`? "
            f"(there are {', '.join(names())})"
        )
    return _FOLDER / f"{name}.csv"
