"""The result of a fit, as numbers, as JSON and as a table."""

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxstt import constants
from jaxstt.tools import nearest

from .._check import probabilities
from .._data import Measurements
from .._errorbars import Identifiability, interval
from .._errors import InputError
from .._format import interval_text, lines_of, number, with_error
from .._parameters import NAMES, UNITS
from .._problem import Problem
from .._solve import OPTIMIZERS, Solution


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
    model_error: relative uncertainty of each wall constant in std_model.
    alternatives: other minima that the data hardly tell apart, (values, chi2).
    truth: true values where the file states them; never used.
    n_simulations: simulated drives, each tangent of a Jacobian counted as one more.
    solved: the problem and its minimum; not in JSON.
    """

    data: Measurements
    model: str
    optimizer: str
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
        parts = (_title, _table, _identified, _quality, _derived, _published, _cost, _notes)
        return "\n".join(line for part in parts for line in part(self))

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float] | None:
        """Interval of a fitted parameter at this level; None where `std` is None.

        Raises InputError for a name that was not fitted or a level outside (0, 1).
        """
        (level,) = probabilities("level", level)
        std = self.std[fitted(self, name)]
        return None if std is None else interval(name, self.values[name], std, level)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain numbers, lists and text; what is not finite becomes None."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del fields["solved"]
        data, seen = fields.pop("data"), fields.pop("identifiability")
        fields["identifiability"] = None if seen is None else _identifiability(seen)
        fields["data"] = {
            "path": data.path,
            "lines": data.line,
            "observable": data.observable,
            "current_density_A_per_m2": data.j,
            "field_T": data.B,
            "value": data.value,
            "std": data.std,
            "sample": dataclasses.asdict(data.sample),
            "notes": data.notes,
        }
        fields["derived"] = {
            name: {"value": value, "std": std, "unit": unit}
            for name, (value, std, unit) in self.derived.items()
        }
        fields["alternatives"] = [{"values": v, "chi2": chi2} for v, chi2 in self.alternatives]
        return _plain(fields)

    def to_json(self) -> str:
        """`to_dict` as JSON text."""
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


def _identifiability(seen: Identifiability) -> dict[str, Any]:
    return {
        "names": seen.names,
        "rank": seen.rank,
        "useful_rank": seen.useful_rank,
        "singular_values": seen.singular_values,
        "fixed": seen.fixed,
        "combinations": [dataclasses.asdict(c) for c in seen.combinations],
        "text": seen.text,
    }


def _plain(x: Any) -> Any:
    if isinstance(x, Mapping):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, np.ndarray):
        return _plain(x.tolist())
    if isinstance(x, list | tuple):
        return [_plain(value) for value in x]
    if isinstance(x, float) and not math.isfinite(x):
        return None
    return x


def _title(fit: Fit) -> list[str]:
    rows = f"{len(fit.data)} row{'s' * (len(fit.data) != 1)}"
    title = f"Fit of {fit.data.path} ({rows}) with model {fit.model}"
    return [title, *lines_of(fit.data.notes[:1], "  "), ""]


def _row(fit: Fit, name: str) -> list[str]:
    value, std, truth = fit.values[name], fit.std[name], fit.truth.get(name)
    unit = UNITS.get(name, "")
    known = "" if truth is None else number(truth)
    if std is None:
        why = "not fixed by this data" if fit.converged else "not converged"
        if fit.converged and fit.identifiability and name in fit.identifiability.fixed:
            why = number(value)
        shown = f"({number(value)})" if not fit.converged else ""
        return [name, f"{why} {shown}".strip(), "", "", "", unit, known]
    stat, model = fit.std_stat[name], fit.std_model[name]
    shown = with_error(value, std)
    return [
        name,
        shown,
        number(stat or 0.0, 2),
        number(model or 0.0, 2),
        interval_text(fit.intervals[name]),
        unit,
        known,
    ]


def _table(fit: Fit) -> list[str]:
    head = ["parameter", "value +- std", "statistical", "model", "95 % interval", "unit", "truth"]
    rows = [head, *(_row(fit, name) for name in fit.free)]
    rows += [_row(fit, name) for name in fit.nuisance]
    if not fit.truth:
        rows = [row[:-1] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    ruler = "-" * max(len(line) for line in text)
    lines = [text[0], ruler, *text[1 : 1 + len(fit.free)]]
    for name, line in zip(fit.nuisance, text[1 + len(fit.free) :], strict=True):
        lines += [line, f"  nuisance, fitted with a 30 % prior around {_estimate(fit, name)}"]
    given = ", ".join(f"{n} = {number(v)} {UNITS.get(n, '')}".strip() for n, v in fit.fixed.items())
    return [*lines, ruler, *lines_of([f"not fitted: {given}"] if given else [], ""), ""]


def _estimate(fit: Fit, name: str) -> str:
    return f"{number(fit.estimates[name])} {UNITS.get(name, '')} (from the cross-section)"


def _identified(fit: Fit) -> list[str]:
    if fit.identifiability is None:
        return []
    lines = lines_of([f"identifiability: {fit.identifiability}"], "")
    if not fit.identifiability.complete:
        silent = (
            "Where the data are silent, a weak prior (relative width 2 around the first guess) "
            "kept the fit in place; the values there mean nothing and are not shown."
        )
        lines += lines_of([silent, *_advice(fit)], "  ")
    return [*lines, ""]


def _advice(fit: Fit) -> list[str]:
    seen = set(fit.data.observable)
    if "wall_velocity" not in seen and "precession_frequency" not in seen:
        return ["Wall velocities would add to what drift velocities say."]
    fields = np.asarray(fit.data.B) != 0
    advice = []
    if not fields.any():
        advice.append("Velocities in a field alone, below breakdown, would fix alpha~.")
    if "precession_frequency" not in seen or fields.any():
        advice.append(
            "Velocities or precession frequencies above breakdown, with field mobility, would "
            "separate xi from P."
        )
    return advice


def _quality(fit: Fit) -> list[str]:
    ratio = f" = {fit.chi2 / fit.dof:.2f}" if fit.dof > 0 else ""
    lines = [f"chi2/dof: {fit.chi2:.2f}/{fit.dof}{ratio}"]
    if fit.scale > 1:
        lines[0] += f"; above 1, so statistical errors are multiplied by {fit.scale:.2f} (Birge)"
    if fit.model_error:
        moved = {"width": "the wall width", "K_perp": "K_perp"}
        parts = [f"{moved[n]} moved by +-{100 * e:g} %" for n, e in fit.model_error.items()]
        lines.append(f"model error: refits with {' and '.join(parts)} (half the difference)")
    else:
        lines.append("model error: none")
    if fit.intervals and any(v is not None for v in fit.intervals.values()):
        lines.append(
            "95 % interval: value +- 1.96 std for xi and P, value */ exp(1.96 std/value) for the "
            "others"
        )
    return [*lines, ""]


def _derived(fit: Fit) -> list[str]:
    lines = ["derived:"] if fit.derived else []
    width = max((len(name) for name in fit.derived), default=0)
    for name, (value, std, unit) in fit.derived.items():
        if std is None and fit.converged:
            shown = "not fixed by this data"
        else:
            shown = f"{with_error(value, std or 0.0)} {unit}".rstrip()
        lines.append(f"  {name.ljust(width)}  {shown}")
    if fit.derived:
        lines.append("  (P_T, with beta = xi: same motion by the equation of Thiaville et al.)")
    return [*lines, ""] if lines else []


def _published(fit: Fit) -> list[str]:
    """The Ms that a published P implies, beside the header's, for drift velocities."""
    cells = fit.data.extra.get("x_P_published")
    Ms = fit.fixed.get("Ms")
    if cells is None or Ms is None:
        return []
    lines = []
    for i, cell in enumerate(cells):
        published, u = _number_in(cell), float(fit.data.value[i])
        if fit.data.observable[i] != "drift_velocity" or published is None or u == 0:
            continue
        implied = implied_magnetisation(published, float(fit.data.j[i]), u)
        lines.append(
            f"published P = {cell} (line {fit.data.line[i]}) implies Ms = mu_B P j/(e u) = "
            f"{implied:.3g} A/m; the header says {Ms:.3g} A/m, which is used; the published P is "
            "not adopted"
        )
    return [*lines_of(lines, ""), ""] if lines else []


def _number_in(cell: str) -> float | None:
    """A free column may hold anything."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def implied_magnetisation(P: float, j: float, u: float) -> float:
    """Ms = mu_B P j/(e u), A/m: what a polarisation published for a drift velocity u assumed."""
    return constants.MU_B * P * j / (constants.E_CHARGE * u)


def _cost(fit: Fit) -> list[str]:
    library = "optimistix" if fit.optimizer == "lm" else "optax"
    tangents = len(fit.free) + len(fit.nuisance)
    return [
        f"optimizer: {OPTIMIZERS[fit.optimizer]} ({library}), "
        f"{fit.iterations} step{'s' * (fit.iterations != 1)}; "
        f"{fit.message}",
        f"simulations: {fit.n_simulations} ({fit.n_evaluations} evaluations; a run with "
        f"{tangents} tangent{'s' * (tangents != 1)} counts as {1 + tangents}); "
        f"{fit.seconds:.1f} s",
    ]


def _notes(fit: Fit) -> list[str]:
    return ["", *lines_of([f"note: {note}" for note in fit.notes], "")] if fit.notes else []
