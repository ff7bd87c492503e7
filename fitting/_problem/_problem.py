"""A fit that is set up: what is free, what is fixed at which value, and the objective."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from .._data import Measurements
from .._errors import InputError
from .._models import GYRATION, PINNED, Model, simulated, with_interface
from .._parameters import (
    ELECTRONS,
    FILM,
    INTERFACE,
    MATERIAL,
    SETTING,
    Link,
    Parameter,
    Space,
    Tie,
    check_links,
    linked,
    parameter,
    read_links,
)
from ._loss import sides
from ._objective import Objective

WIDTH_ERROR, K_PERP_ERROR = 0.10, 0.30
"""Stated relative uncertainty of the wall constants from the cross-section (wall width, K_perp)."""
OF_SAMPLE = (*MATERIAL, *FILM, *INTERFACE, *SETTING)
"""Parameters that are the sample's unless they are fitted or given."""
NUISANCE_ERROR = {"j_scale": 0.10}
"""Relative width of a nuisance's prior where it is not that of K_perp."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A fit that is set up: the objective and the role of each parameter.

    free: fitted and reported.  nuisance: fitted with a prior, reported apart.
    estimates: values of all that is not free, from `fixed` or the sample; and for nuisances the
    sample's estimate.  given: names that the user fixed, which are taken as exact.
    """

    model: Model
    data: Measurements
    objective: Objective
    parameters: tuple[Parameter, ...]
    free: tuple[str, ...]
    nuisance: tuple[str, ...]
    estimates: dict[str, float]
    given: tuple[str, ...]
    priors: Mapping[str, tuple[float, float]] = dataclasses.field(default_factory=dict)
    """As given, not those of nuisances by default."""

    def values(self, z: np.ndarray) -> dict[str, float]:
        """Every parameter at z, free and fixed, as floats."""
        return {n: float(v) for n, v in self.objective.values(jnp.asarray(z)).items()}

    def check_links(self, z: np.ndarray) -> None:
        """InputError if what follows from others is impossible at z."""
        check_links(self.objective.links, self.values(z), "ends")

    def with_parameters(self, parameters: tuple[Parameter, ...]) -> "Problem":
        """The same with other bounds, starts and priors of what is fitted."""
        objective = eqx.tree_at(lambda o: o.space, self.objective, Space(parameters))
        return dataclasses.replace(self, objective=objective, parameters=parameters)

    def with_nuisances(self, spread: Mapping[str, float]) -> "Problem":
        """The same with these fixed parameters fitted too, by log-normal priors of this width."""
        if not spread:
            return self
        added = tuple(parameter(n, self.estimates[n], std) for n, std in spread.items())
        parameters = (*self.parameters, *added)
        space, fixed = Space(parameters), dict(self.objective.fixed)
        # The coordinates of what was fitted before stay as they are.
        for name in spread:
            del fixed[name]
        objective = eqx.tree_at(lambda o: (o.space, o.fixed), self.objective, (space, fixed))
        nuisance = (*self.nuisance, *spread)
        return dataclasses.replace(
            self, objective=objective, parameters=parameters, nuisance=nuisance
        )

    def with_errors_times(self, factor: float) -> "Problem":
        """The same with the errors of all rows multiplied."""
        objective = eqx.tree_at(lambda o: o.std, self.objective, self.objective.std * factor)
        return dataclasses.replace(self, objective=objective)


def set_up(
    data: Measurements,
    model: Model,
    free: tuple[str, ...],
    *,
    fixed: Mapping[str, float],
    nuisance: tuple[str, ...] | None,
    start: Mapping[str, float],
    priors: Mapping[str, tuple[float, float]] | None = None,
    loss: str = "normal",
    ties: Mapping[str, str] | None = None,
) -> Problem:
    """The problem of fitting `free` and `nuisance` to `data`; all else from `fixed` or the sample.

    priors: (value, std) by name, beside or instead of the nuisances' own.  loss: of `LOSSES`.
    ties: what follows from others, "2*alpha" by name.
    Raises InputError for a parameter that is needed but neither free nor fixed, a missing header
    key, a row without std, or a row or sample that the model cannot describe.
    """
    _check_std(data)
    model.check_rows(data)
    needs = model.needs(data)
    if nuisance is None:
        nuisance = ("K_perp",) if "K_perp" in needs else ()
        tied = ties or {}
        nuisance = tuple(n for n in nuisance if n not in (*free, *fixed, *tied))
    _check_roles(free, nuisance, fixed)
    links = read_links(ties or {}, (*free, *nuisance, *fixed))
    follows = tuple(link.name for link in links)
    needs = with_interface(needs, data, {*free, *nuisance, *fixed, *follows})
    needs = (*needs, *(s for link in links for s in link.sources))
    for name in ELECTRONS:
        if name in needs and name not in (*free, *fixed, *follows):
            raise InputError(
                f"`{name}` must be free or fixed: {_wanted_for(name, links, model, data)}"
            )
    known = (*fixed, *follows, *(n for n in free if n in start))
    varied = (*free, *nuisance)
    open_ = {n for n in free if n in INTERFACE}  # these have guesses of either sign
    wanted = tuple(
        n for n in OF_SAMPLE if (n in needs or n in varied) and n not in known and n not in open_
    )
    guesses = {"B_pin": pinning_guess, "f_core": core_guess}
    guessed = {n: guess(data) for n, guess in guesses.items() if n in free}
    estimates = {**from_sample(data, wanted, model.name, guessed), **fixed}
    parameters = tuple(
        parameter(n, estimates.get(n, start.get(n)), prior_width(n) if n in nuisance else None)
        for n in varied
    )
    parameters = tuple(p.with_start(start[p.name]) if p.name in start else p for p in parameters)
    parameters = _with_priors(parameters, priors or {})
    guess = linked(links, {**estimates, **{p.name: p.start for p in parameters}})
    # What P_T and alpha~ stand for depends on where the fit goes; a tie is wrong at once.
    check_links([link for link in links if isinstance(link, Tie)], guess, "starts")
    fixed_values = {n: jnp.asarray(v) for n, v in estimates.items() if n not in (*free, *nuisance)}
    objective = Objective(
        predictor=model.prepare(data, guess),
        space=Space(parameters),
        fixed=fixed_values,
        value=jnp.asarray(data.value),
        std=jnp.asarray(data.std),
        side=sides(data.bound),
        loss=loss,
        links=links,
    )
    return Problem(
        model,
        data,
        objective,
        parameters,
        free,
        nuisance,
        estimates,
        tuple(sorted(fixed)),
        dict(priors or {}),
    )


def _wanted_for(name: str, links: tuple[Link, ...], model: Model, data: Measurements) -> str:
    for link in links:
        if name in link.sources:
            return f"{link.name} = {link.text}"
    return f"{model.name} needs it for {', '.join(sorted(set(data.observable)))}"


def _with_priors(
    parameters: tuple[Parameter, ...], priors: Mapping[str, tuple[float, float]]
) -> tuple[Parameter, ...]:
    names = [p.name for p in parameters]
    for name in priors:
        if name not in names:
            raise InputError(
                f"`priors`: `{name}` must be fitted to have one; fitted are {', '.join(names)}"
            )
    return tuple(p.with_prior(*priors[p.name]) if p.name in priors else p for p in parameters)


def _check_std(data: Measurements) -> None:
    for i, std in enumerate(data.std):
        if not std > 0:
            raise InputError(
                f"{data.path}:{data.line[i]}: column `std` must be given for a fit; "
                "`--std 5%` (or data.with_std(0.05)) fills what is missing"
            )


def _check_roles(
    free: tuple[str, ...], nuisance: tuple[str, ...], fixed: Mapping[str, float]
) -> None:
    if not free:
        raise InputError("`free` must name at least one parameter, got none")
    for name in (*free, *nuisance):
        if name in fixed:
            raise InputError(f"`{name}` cannot be both fitted and fixed")
    for name in nuisance:
        if name in free or name in ELECTRONS:
            raise InputError(
                f"`nuisance` must name parameters of the sample that are not free, got `{name}`"
            )
    for name in (*free, *nuisance):
        if name in FILM:
            raise InputError(f"`{name}` is the sample's and cannot be fitted")


def prior_width(nuisance: str) -> float:
    """Relative width of the prior that a nuisance has around what is known of it."""
    return NUISANCE_ERROR.get(nuisance, K_PERP_ERROR)


def pinning_guess(data: Measurements) -> float:
    """The header's pinning field, or the middle one of those that set the wall free, or 1 mT."""
    if data.sample.B_pin is not None:
        return data.sample.B_pin
    fields = [abs(x) for x, o in zip(data.value, data.observable, strict=True) if o == PINNED[0]]
    return float(np.median(fields)) if fields else 1e-3


def core_guess(data: Measurements) -> float:
    """The header's frequency of a vortex core, or the middle one of those measured, or 0.5 GHz."""
    if data.sample.f_core is not None:
        return data.sample.f_core
    found = [x for x, o in zip(data.value, data.observable, strict=True) if o == GYRATION[0]]
    return float(np.median(found)) if found else 5e8


def from_sample(
    data: Measurements,
    wanted: tuple[str, ...],
    model: str,
    guessed: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Values of the parameters in `wanted`; InputError naming a missing header key.

    guessed: those that need not be known.
    """
    sample, found = data.sample, {**(guessed or {})}
    wanted = tuple(n for n in wanted if n not in found)
    own = ("B_pin", "f_core", "D_G", *FILM, *INTERFACE)
    sample.require(*(n for n in own if n in wanted), model=model)
    sample.require(*(n for n in ("Ms", "A", "K") if n in wanted), model=model)
    if simulated(data):
        sample.require("easy_axis", model=model)
    for name in wanted:
        if name in ("K", "K_perp"):
            wall = sample.cross_section()
            found[name] = wall.K_eff if name == "K" else wall.K_perp
        elif name == "gamma":
            found[name] = sample.gyromagnetic_ratio
        elif name == "j_scale":
            found[name] = 1.0
        else:
            found[name] = getattr(sample, name)
    return {name: float(value) for name, value in found.items()}
