"""The table of a fit, as the command line prints it."""

import math
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from jaxstt import constants, converters

from .._format import interval_text, lines_of, listed, number, with_error
from .._parameters import INTERFACE, UNITS
from .._problem import prior_width
from .._solve import OPTIMIZERS

if TYPE_CHECKING:
    from ._result import Fit


_FAR = 4.0
"""Standard deviations beyond which a row is named where the loss hardly counts it."""


def report(fit: "Fit") -> str:
    """Title, table, what the data fix, quality, derived quantities, cost and notes."""
    return "\n".join([*_title(fit), *_table(fit), words(fit)])


def words(fit: "Fit") -> str:
    """All of the report that follows the table."""
    parts = (_roles, _identified, _quality, _derived, _elsewhere, _published, _cost, _notes)
    return "\n".join(line for part in parts for line in part(fit))


def _title(fit: "Fit") -> list[str]:
    rows = f"{len(fit.data)} row{'s' * (len(fit.data) != 1)}"
    title = f"Fit of {fit.data.path} ({rows}) with model {fit.model}"
    return [title, *lines_of(fit.data.notes[:1], "  "), ""]


def _row(fit: "Fit", name: str) -> list[str]:
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


def cells(fit: "Fit") -> list[list[str]]:
    """The table: a row of names, then one of each free parameter, then of each nuisance."""
    head = ["parameter", "value +- std", "statistical", "model", "95 % interval", "unit", "truth"]
    rows = [head, *(_row(fit, name) for name in fit.free)]
    rows += [_row(fit, name) for name in fit.nuisance]
    if not fit.truth:
        rows = [row[:-1] for row in rows]
    return rows


def _table(fit: "Fit") -> list[str]:
    rows = cells(fit)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    text = [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    ruler = "-" * max(len(line) for line in text)
    lines = [text[0], ruler, *text[1:]]
    return [*lines, ruler]


def _roles(fit: "Fit") -> list[str]:
    """What is known of which parameter, under the table."""
    lines = [f"{name}: nuisance, fitted with a {_prior(fit, name)}" for name in fit.nuisance]
    lines += [f"prior of {name}: {_known(fit, name)}" for name in fit.free if name in fit.priors]
    lines += [f"tied: {name} = {text}" for name, text in fit.ties.items()]
    given = ", ".join(
        f"{n} = {number(v)} {UNITS.get(n, '')}".strip()
        for n, v in fit.fixed.items()
        if n not in fit.ties
    )
    return [*lines, *lines_of([f"not fitted: {given}"] if given else [], ""), ""]


def _known(fit: "Fit", name: str) -> str:
    return f"{with_error(*fit.priors[name])} {UNITS.get(name, '')}".rstrip()


def _prior(fit: "Fit", name: str) -> str:
    if name in fit.priors:
        return f"prior of {_known(fit, name)}"
    return f"{100 * prior_width(name):g} % prior around {_estimate(fit, name)}"


def _estimate(fit: "Fit", name: str) -> str:
    source = " (from the cross-section)" if name in ("K", "K_perp") else ""
    return f"{number(fit.estimates[name])} {UNITS.get(name, '')}".rstrip() + source


def _identified(fit: "Fit") -> list[str]:
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


def _advice(fit: "Fit") -> list[str]:
    seen = set(fit.data.observable)
    if seen == {"drift_velocity"}:
        return ["Wall velocities would add to what drift velocities say."]
    fields = np.asarray(fit.data.B) != 0
    advice = []
    beside = fit.data.fields()[1]
    if {*INTERFACE} & {*fit.values} and not beside.any():
        advice.append(
            "Velocities against a field along the wire (column field_x_T) would tell D, theta_SH "
            "and the spin-transfer torque apart."
        )
    if not fields.any() and "field_mobility" not in seen:
        advice.append("Velocities in a field alone, below breakdown, would fix alpha~.")
    if "precession_frequency" not in seen or fields.any():
        advice.append(
            "Velocities or precession frequencies above breakdown, with field mobility, would "
            "separate xi from P."
        )
    return advice


def _quality(fit: "Fit") -> list[str]:
    ratio = f" = {fit.chi2 / fit.dof:.2f}" if fit.dof > 0 else ""
    lines = [f"chi2/dof: {fit.chi2:.2f}/{fit.dof}{ratio}"]
    if fit.loss != "normal":
        far = [str(n) for n in fit.data.line[np.abs(fit.residuals) > _FAR]]
        told = f"; lines off by more than {_FAR:g} of their errors: {', '.join(far) or 'none'}"
        lines = lines_of([f"loss: {fit.loss}, sum {fit.chi2:.2f} with {fit.dof} dof{told}"], "")
    if fit.scale > 1:
        lines[0] += f"; above 1, so statistical errors are multiplied by {fit.scale:.2f} (Birge)"
    if fit.rungs:
        lines += lines_of(_climb(fit), "")
    elif fit.model_error:
        moved = {"width": "the wall width", "K_perp": "K_perp"}
        parts = [f"{moved[n]} moved by +-{100 * e:g} %" for n, e in fit.model_error.items()]
        lines.append(f"model error: refits with {' and '.join(parts)} (half the difference)")
    else:
        lines.append("model error: none")
    if fit.intervals and any(v is not None for v in fit.intervals.values()):
        signed = listed(["xi", "P", *(n for n in INTERFACE if n in fit.values)])
        lines.append(
            f"95 % interval: value +- 1.96 std for {signed}, value */ exp(1.96 std/value) for the "
            "others"
        )
    return [*lines, ""]


def _climb(fit: "Fit") -> list[str]:
    """What llg2d said of the rows, and what it changed."""
    first, last = fit.rungs[0], fit.rungs[-1]
    off = first.discrepancy(fit.data.std)
    worst = int(np.nanargmax(np.abs(off)))
    steps = len(fit.rungs)
    moved = ", ".join(
        f"{n} {number(first.values[n])} -> {number(fit.values[n])}"
        for n in fit.free
        if n in first.values
    )
    return [
        f"{last.model} was run for every row at {steps} point{'s' * (steps > 1)}; at the first, "
        f"the 1-D optimum, it differs by up to {abs(off[worst]):.2g} standard deviations of a row "
        f"(line {fit.data.line[worst]}; rms {np.sqrt(np.nanmean(off**2)):.2g}). Corrected by it: "
        f"{moved}",
        f"model error: what further steps would change, judged from the last one, which moved the "
        f"minimum by {last.shift:.2g} standard deviations",
    ]


def _derived(fit: "Fit") -> list[str]:
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


def _elsewhere(fit: "Fit") -> list[str]:
    """The fitted sample as other codes are told of it; nothing while a part of it is open."""
    known = {**fit.fixed, **fit.values}
    sample: dict[str, Any] = {
        n: known[n] for n in ("Ms", "alpha", "xi", "P", "n0", "gamma") if n in known
    }
    seen = fit.identifiability
    if len(sample) < 6 or not fit.converged or seen is None or not seen.complete:
        return []
    with jax.enable_x64(True):
        m = converters.to_mumax3(**sample)
        o = converters.to_oommf(**sample, j=1e12)
    mumax3 = {"Msat": m.Msat, "Pol": m.Pol, "Xi": m.Xi, "alpha": m.alpha, "GammaLL": m.GammaLL}
    oommf = {"u": o.u, "beta": o.beta, "alpha": o.alpha, "gamma_G": o.gamma_G, "Ms": o.Ms}
    lines = ["the same elsewhere:"]
    for code, values in {"mumax3": mumax3, "OOMMF": oommf}.items():
        shown = ", ".join(f"{name} = {float(x):.6g}" for name, x in values.items())
        lines.append(f"  {code.ljust(6)}  {shown}")
    lines[-1] += "  (u in m/s at 1e12 A/m^2)"
    if {*INTERFACE} & {*known}:
        lines.append("  beside DMI and spin-orbit torques, which those codes are told of elsewhere")
    return [*lines, ""]


def _published(fit: "Fit") -> list[str]:
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


def _cost(fit: "Fit") -> list[str]:
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


def _notes(fit: "Fit") -> list[str]:
    return ["", *lines_of([f"note: {note}" for note in fit.notes], "")] if fit.notes else []
