"""Which parameters the data fix, and which only in combination."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np

from .._format import listed, with_error
from .._problem import Evaluation, Objective, relative_jacobian, relative_scale
from ._combinations import COMBINATIONS, value_and_gradient

RANK_TOLERANCE = 1e-6
"""A singular value below this part of the largest is zero."""
USEFUL = 0.3
"""A direction whose relative standard deviation is below this counts as fixed by the data."""
IGNORANCE = 100.0
"""Relative standard deviation given to what the data do not see, so that errors stay finite."""


@dataclasses.dataclass(frozen=True)
class Combination:
    """A quantity that the data fix: its name, value and standard deviation."""

    name: str
    value: float
    std: float


@dataclasses.dataclass(frozen=True)
class Identifiability:
    """What the data say about the free parameters, nuisances and their priors projected out.

    names: the free parameters.  singular_values: of the weighted Jacobian with respect to their
    relative changes, largest first; 1/s is the relative standard deviation of that direction.
    rank: s > 1e-6 s_max.  useful_rank: 1/s < 0.3.
    fixed: the parameters whose own relative standard deviation is below 0.3.
    combinations: as many independent quantities as the useful rank, which the data do fix.
    covariance: of the relative changes of all fitted parameters, nuisances last.
    """

    names: tuple[str, ...]
    singular_values: tuple[float, ...]
    rank: int
    useful_rank: int
    fixed: tuple[str, ...]
    combinations: tuple[Combination, ...]
    covariance: np.ndarray

    @property
    def complete(self) -> bool:
        """Whether every free parameter is fixed."""
        return self.fixed == self.names

    @property
    def text(self) -> str:
        """The null direction in words: one sentence."""
        if self.complete:
            return f"This data fixes {listed(self.names)}."
        if not self.combinations:
            return f"This data fixes none of {listed(self.names)}."
        if len(self.combinations) == 1:
            only = self.combinations[0]
            return f"This data fixes {only.name} only (= {with_error(only.value, only.std)})."
        found = [f"{c.name} (= {with_error(c.value, c.std)})" for c in self.combinations]
        open_ = [n for n in self.names if n not in self.fixed]
        apart = f"not {listed(open_)} separately" if len(open_) > 1 else f"not {open_[0]}"
        return f"This data fixes {listed(found)}, but {apart}."

    def __str__(self) -> str:
        count = f"rank {self.rank} of {len(self.names)}"
        if self.useful_rank != self.rank:
            count += f", useful {self.useful_rank}"
        return f"{count}: {self.text}"


def identify(
    objective: Objective,
    z: np.ndarray,
    at: Evaluation,
    free: tuple[str, ...],
    *,
    scale: float = 1.0,
    model_covariance: np.ndarray | None = None,
) -> Identifiability:
    """What the data fix, at the point z with the evaluation `at` (no prior on `free`).

    J = d(residuals)/d ln(parameters) = U S V^T after the nuisances' columns, with the rows of their
    priors, are projected out.

    scale: factor on the standard deviations of the data (Birge).
    model_covariance: added to the covariance, in relative changes of all fitted parameters.
    """
    names = objective.space.names
    jacobian = relative_jacobian(objective, z, at)
    jacobian[: at.prediction.size] /= scale  # the rows of the data; priors mean what they say
    if not np.isfinite(jacobian).all():
        raise ValueError("`identify` needs a point with finite residuals and derivatives")
    s, seen, silent = covariances(jacobian, [names.index(n) for n in free])
    if model_covariance is not None:
        seen = seen + model_covariance
    covariance = seen + silent
    std = np.sqrt(np.diag(covariance))
    rank = int(np.sum(s > RANK_TOLERANCE * s[0])) if s[0] > 0 else 0
    useful = min(int(np.sum(s > 1 / USEFUL)), rank)
    values = {n: float(v) for n, v in objective.values(jnp.asarray(z)).items()}
    return Identifiability(
        names=tuple(free),
        singular_values=tuple(float(x) for x in s),
        rank=rank,
        useful_rank=useful,
        fixed=tuple(n for n in free if std[names.index(n)] < USEFUL),
        combinations=_choose(values, objective, free, (seen, covariance), useful),
        covariance=covariance,
    )


def covariances(
    jacobian: np.ndarray, inner: list[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(singular values, covariance, covariance of what the data do not see).

    The columns `inner` are the free parameters, all others nuisances nu, which follow the free ones
    as -A: J_nu A is the part of the free columns that nuisances can imitate.  The last matrix gives
    the null directions a variance of IGNORANCE^2; the second gives them none.
    """
    p = jacobian.shape[1]
    outer = [i for i in range(p) if i not in inner]
    lift = np.eye(p)[:, inner]
    own = np.zeros((p, p))
    rest = jacobian[:, inner]
    if outer:
        imitated = np.linalg.lstsq(jacobian[:, outer], rest, rcond=None)[0]
        lift[outer] = -imitated
        own[np.ix_(outer, outer)] = _inverse_square(jacobian[:, outer])
        rest = rest - jacobian[:, outer] @ imitated
    s = np.zeros(len(inner))
    _, found, axes = np.linalg.svd(rest)
    s[: found.size] = found
    seen = s > max(RANK_TOLERANCE * s[0], 1e-300)
    variance = np.where(seen, 1 / np.where(seen, s, 1.0) ** 2, 0.0)
    first = lift @ (axes.T * variance) @ axes @ lift.T + own
    second = lift @ (axes.T * np.where(seen, 0.0, IGNORANCE**2)) @ axes @ lift.T
    return s, first, second


def _inverse_square(jacobian: np.ndarray) -> np.ndarray:
    """(J^T J)^-1 by singular values, which loses half the digits that the product would."""
    _, s, axes = np.linalg.svd(jacobian, full_matrices=False)
    scaled = axes / np.maximum(s, 1e-300)[:, None]
    return scaled.T @ scaled


def _basis(columns: np.ndarray) -> np.ndarray:
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return u[:, s > 1e-12 * max(s[0], 1e-300)]


def _choose(
    values: Mapping[str, float],
    objective: Objective,
    free: tuple[str, ...],
    covariances: tuple[np.ndarray, np.ndarray],
    number: int,
) -> tuple[Combination, ...]:
    """The simplest `number` of independent combinations that are fixed; then power products.

    covariances: without and with what the data do not see.  The first gives the error, the second
    decides: a combination that is fixed but for a trifle has the error of the exact one.
    """
    seen, covariance = covariances
    names, links = objective.space.names, objective.links
    follows = [link.name for link in links]
    chosen: list[Combination] = []
    directions = np.zeros((0, len(free)))
    inner = [names.index(n) for n in free]
    step = relative_scale(names, values)
    for name in sorted(COMBINATIONS, key=lambda name: name not in free):
        function = COMBINATIONS[name]
        if len(chosen) == number:
            break
        if name in values and name not in (*free, *follows):
            continue
        result = value_and_gradient(function, values, links)
        if result is None or result[0] == 0:
            continue
        value, slope = result
        relative = np.array([slope[n] for n in names]) * step / value
        if not relative[inner].any() or not _independent(relative[inner], directions):
            continue
        if np.sqrt(relative @ covariance @ relative) < USEFUL:
            std = float(np.sqrt(relative @ seen @ relative))
            chosen.append(Combination(name, value, std * abs(value)))
            directions = np.vstack([directions, relative[inner]])
    return tuple(chosen) + _products(values, free, covariance, inner, directions, number)


def _independent(direction: np.ndarray, others: np.ndarray) -> bool:
    unit = direction / np.linalg.norm(direction)
    basis = _basis(others.T) if len(others) else np.zeros((unit.size, 0))
    return bool(np.linalg.norm(unit - basis @ (basis.T @ unit)) > 0.1)


def _products(
    values: Mapping[str, float],
    free: tuple[str, ...],
    covariance: np.ndarray,
    inner: list[int],
    directions: np.ndarray,
    number: int,
) -> tuple[Combination, ...]:
    """The best-fixed power products beyond `directions`, so that there are `number` in all."""
    found = []
    variance, axes = np.linalg.eigh(covariance[np.ix_(inner, inner)])
    for var, axis in zip(variance, axes.T, strict=True):
        if len(directions) == number:
            break
        if not _independent(axis, directions):
            continue
        directions = np.vstack([directions, axis])
        powers = {
            n: p for n, p in zip(free, axis / np.abs(axis).max(), strict=True) if abs(p) > 0.01
        }
        value = float(np.prod([abs(values[n]) ** p for n, p in powers.items()]))
        name = " ".join(n if p == 1 else f"{n}^{p:.2f}" for n, p in powers.items())
        std = float(np.sqrt(max(var, 0.0)) / np.abs(axis).max())
        found.append(Combination(name, value, std * value))
    return tuple(found)
