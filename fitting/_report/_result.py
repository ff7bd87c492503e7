"""The result of a fit."""

import dataclasses
import json
import os
from typing import Any

import numpy as np

from jaxstt.tools import nearest

from .._check import probabilities
from .._data import Measurements
from .._errorbars import Identifiability, interval
from .._errors import InputError
from .._parameters import NAMES
from .._problem import Problem
from .._solve import Rung, Solution
from ._json import read_fields, to_dict
from ._text import report


@dataclasses.dataclass(frozen=True)
class Solved:
    """What a fit solved, for what looks around its optimum.

    minimum: whether `best` is the minimum of the problem itself, without a weak prior.
    """

    problem: Problem
    best: Solution
    minimum: bool


@dataclasses.dataclass(frozen=True)
class Fit:
    """What `fit` returns.  Dictionaries are keyed by parameter name; SI units.

    values: the fitted parameters, nuisances included.  free, nuisance: their names.
    fixed: all other parameters the model used.  estimates: nuisances as the sample gives them.
    std: total standard deviation, sqrt(std_stat^2 + std_model^2); None where the data do not fix
    the parameter or the fit has not converged; so too std_stat, std_model and intervals (95 %).
    covariance: names and matrix (total); along what the data do not fix it is arbitrarily large.
    identifiability: what the data fix, in words and numbers; None if nothing could be computed.
    chi2, dof: of the data and the nuisances' priors.  scale: Birge ratio in std_stat.
    predictions, residuals: one per row; residuals are (prediction - value)/std.
    derived: name -> (value, standard deviation or None, unit).
    breakdown_current [A/m^2], breakdown_field [T]: of the fitted wall; None without a wall.
    priors: (value, standard deviation) of fitted parameters, as given.  loss: what was minimised.
    ties: what parameters follow from, as text; they are among `fixed` and `derived`.
    model_error: relative uncertainty of each wall constant in std_model.
    rungs: the steps by llg2d, `Rung`; std_model is then what they leave.
    alternatives: other minima that the data hardly tell apart, (values, chi2).
    truth: true values where the file states them; never used.
    n_simulations: simulated drives, each tangent of a Jacobian counted as one more.
    solved: the problem and its minimum; not in JSON.
    """

    data: Measurements
    model: str
    optimizer: str
    loss: str
    priors: dict[str, tuple[float, float]]
    ties: dict[str, str]
    free: tuple[str, ...]
    nuisance: tuple[str, ...]
    values: dict[str, float]
    fixed: dict[str, float]
    estimates: dict[str, float]
    std: dict[str, float | None]
    std_stat: dict[str, float | None]
    std_model: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]
    covariance: dict[str, Any]
    identifiability: Identifiability | None
    converged: bool
    message: str
    chi2: float
    dof: int
    scale: float
    predictions: np.ndarray
    residuals: np.ndarray
    derived: dict[str, tuple[float, float | None, str]]
    breakdown_current: float | None
    breakdown_field: float | None
    model_error: dict[str, float]
    rungs: tuple[Rung, ...]
    alternatives: tuple[tuple[dict[str, float], float], ...]
    truth: dict[str, float]
    n_evaluations: int
    n_simulations: int
    iterations: int
    seconds: float
    versions: dict[str, str]
    notes: tuple[str, ...]
    solved: Solved | None = dataclasses.field(repr=False, compare=False)

    def report(self) -> str:
        """The table that the command line prints."""
        return report(self)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float] | None:
        """Interval of a fitted parameter at this level; None where `std` is None.

        Raises InputError for a name that was not fitted or a level outside (0, 1).
        """
        (level,) = probabilities("level", level)
        std = self.std[fitted(self, name)]
        return None if std is None else interval(name, self.values[name], std, level)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and text; what is not finite becomes None."""
        return to_dict(self)

    def to_json(self) -> str:
        """`to_dict` as JSON text, which `load_fit` reads."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=True) + "\n"

    def save_json(self, path: Any) -> None:
        """Write `to_json` to the file `path`."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.to_json())


def fitted(fit: Fit, name: str) -> str:
    """`name` if the fit varied it; InputError with the nearest name otherwise."""
    names = (*fit.free, *fit.nuisance)
    if name in names:
        return name
    if name in fit.fixed:
        raise InputError(f"`{name}` was not fitted but fixed; fitted were {', '.join(names)}")
    close = f"; did you mean `{nearest(name, NAMES)}`?" if isinstance(name, str) else ""
    raise InputError(f"unknown parameter {name!r}{close} (fitted were {', '.join(names)})")


def load_fit(path: str | os.PathLike[str]) -> Fit:
    """The fit that `Fit.save_json` or `jaxstt-fit` wrote; all but the problem that it solved.

    Raises InputError for a file that holds none.
    """
    fields = read_fields(path)
    try:
        return Fit(**fields, solved=None)
    except TypeError as error:
        raise InputError(f"{path}: no JSON of a fit of this version ({error})") from None
