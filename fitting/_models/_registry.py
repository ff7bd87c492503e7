"""The models by name.  A new one is a file like `_wall1d.py` and an entry here."""

from jaxstt.tools import nearest

from .._errors import InputError
from ._base import Model
from ._llg1d import LLG1D
from ._llg2d import LLG2D
from ._wall1d import Wall1D

MODELS: dict[str, Model] = {model.name: model for model in (Wall1D(), LLG1D(), LLG2D())}


def get_model(name: str) -> Model:
    """The model `name`; InputError with the nearest name if there is none."""
    if name not in MODELS:
        raise InputError(
            f"unknown model {name!r}; did you mean `{nearest(name, MODELS)}`? "
            f"(there are {', '.join(MODELS)})"
        )
    return MODELS[name]
