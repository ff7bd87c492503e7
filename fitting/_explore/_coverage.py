"""Simulated coverage: how often the intervals of a fit hold the truth."""

import dataclasses
import math
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jax import Array

from .._check import probabilities, whole
from .._errorbars import birge_ratio, interval, normal_quantile
from .._errors import InputError
from .._parameters import allowed
from .._problem import Objective
from .._report import Fit, fitted
from ._rebuild import again, check_converged

BATCH = 25
"""Data sets that are fitted side by side."""
STEPS = 60
OUTLIER = 10.0
"""Standard deviations by which a row is off where it is an outlier."""
_SOLVER = optx.LevenbergMarquardt(rtol=1e-7, atol=1e-7)


@dataclasses.dataclass(frozen=True)
class Coverage:
    """What `coverage` returns: n data sets, parameters by name.

    truth: the values the data were drawn at.  estimates, std: (n,) each; failed: (n,), fits that
    did not converge, which count as misses.
    covered: level -> name -> fraction of intervals that hold the truth, with the Birge ratio of
    each data set as in `fit`; plain: the same from the stated errors alone.
    chi2: (n,).  dof: rows less free parameters; 0 with a loss that needs no Birge ratio.
    """

    n: int
    truth: dict[str, float]
    estimates: dict[str, np.ndarray]
    std: dict[str, np.ndarray]
    covered: dict[float, dict[str, float]]
    plain: dict[float, dict[str, float]]
    chi2: np.ndarray
    dof: int
    failed: np.ndarray
    seed: int

    def error(self, level: float) -> float:
        """Standard deviation of a covered fraction, sqrt(level (1 - level)/n)."""
        return math.sqrt(level * (1 - level) / self.n)

    def interval(self, name: str, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """(low, high) of every data set, (n,) each, with its Birge ratio; nan where a fit failed.

        Raises InputError for a parameter that was not fitted or a level outside (0, 1).
        """
        (level,) = probabilities("level", level)
        if name not in self.estimates:
            raise InputError(f"`{name}` was not fitted; fitted were {', '.join(self.estimates)}")
        std = self.std[name] * [birge_ratio(chi2, self.dof) for chi2 in self.chi2]
        ends = [
            (math.nan, math.nan) if lost else interval(name, value, error, level)
            for value, error, lost in zip(self.estimates[name], std, self.failed, strict=True)
        ]
        low, high = np.array(ends).T
        return low, high

    @property
    def text(self) -> str:
        """Covered fractions in per cent, with their statistical error."""
        lines = [f"{self.n} synthetic data sets, {int(self.failed.sum())} fits failed"]
        for level, found in self.covered.items():
            shown = ", ".join(
                f"{name} {100 * part:.1f} (plain {100 * self.plain[level][name]:.1f})"
                for name, part in found.items()
            )
            lines.append(f"{100 * level:g} % (+- {100 * self.error(level):.1f}): {shown}")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text


def coverage(
    fit: Fit,
    n: int = 200,
    seed: int = 0,
    *,
    truth: Mapping[str, float] | None = None,
    level: float | tuple[float, ...] = (0.68, 0.95),
    outliers: float = 0.0,
) -> Coverage:
    """Draw n data sets at a known truth, fit each, and count the intervals that hold the truth.

        value_k = prediction(truth) + std * normal noise
        interval:  t_hat -+ q std(t_hat),   covariance = (J^T J)^-1 max(1, chi2/dof)

    fit: gives the rows' drives and errors, the model, and what is free, fixed and nuisance.
    n: number of data sets.  seed: of the noise.
    truth: values of fitted parameters that replace those of the fit.
    level: probabilities of the intervals; q is the normal quantile.
    outliers: part of the rows, drawn, that are ten standard deviations off, up or down.

    t is the parameter or its logarithm, as in the fit's own intervals.  A nuisance's prior is a
    measurement like any other: its centre is drawn anew in each data set.  Wall constants are the
    true ones, so model errors play no part.  Each fit starts at the truth (Levenberg-Marquardt of
    optimistix, forward-mode Jacobian, batched), so that other minima are not found.

    Raises InputError for a fit that has not converged or leaves a parameter open, n < 2, or a truth
    that is no fitted parameter or out of bounds.

    Source: S. R. Cook, A. Gelman, D. B. Rubin, J. Comput. Graph. Stat. 15, 675 (2006).
    """
    check_converged(fit, "`coverage`")
    if fit.identifiability is None or not fit.identifiability.complete:
        raise InputError(
            "`coverage` needs data that fix every free parameter: "
            f"{'nothing is known' if fit.identifiability is None else fit.identifiability.text}"
        )
    if any(fit.data.bound):
        raise InputError("`coverage` needs values; some rows of these data are only bounds")
    if not 0 <= outliers < 1:
        raise InputError(f"`outliers` must be >= 0 and < 1, got {outliers:g}")
    n, seed = whole("n", n, 2), whole("seed", seed, 0)
    levels = probabilities("level", level)
    given = {fitted(fit, name): value for name, value in (truth or {}).items()}
    given = allowed(given, "truth")
    with jax.enable_x64(True):
        problem = again(fit, birge=False)
        objective = problem.objective
        true = _inside(
            problem.problem.parameters, {**problem.problem.values(problem.best.z), **given}
        )
        z = jnp.asarray(objective.space.coordinates(true))
        random = np.random.default_rng(seed)
        noise = random.standard_normal((n, len(fit.data) + z.size))
        drawn = random.uniform(-1, 1, (n, len(fit.data)))
        noise[:, : len(fit.data)] += np.where(np.abs(drawn) < outliers, OUTLIER, 0) * np.sign(drawn)
        found = _fits(objective, z, jnp.asarray(noise))
        t, std, chi2, left = (np.asarray(x) for x in found)
        t_true = np.asarray(objective.space.scaled(z))
    dof = len(fit.data) - len(fit.free) if fit.loss == "normal" else 0
    scale = np.sqrt(np.maximum(1.0, chi2 / dof)) if dof > 0 else np.ones(n)
    return _count(fit, objective, (t, std, chi2, left), (t_true, scale, dof), levels, seed)


def _inside(parameters, values: dict[str, float]) -> dict[str, float]:
    for p in parameters:
        if not p.low < values[p.name] < p.high:
            raise InputError(
                f"`truth`: `{p.name}` must be between {p.low:g} and {p.high:g}, "
                f"got {values[p.name]:g}"
            )
    return {p.name: values[p.name] for p in parameters}


@eqx.filter_jit
def _fits(objective: Objective, z: Array, noise: Array) -> tuple[Array, Array, Array, Array]:
    """(t, stated std of t, chi2, distance to the minimum) of every data set, (n, p) and (n,).

    noise: (n, rows + p), standard normal; the last p move the centres of the priors.
    """
    space, truth = objective.space, objective.residuals(z)[1]
    rows = truth.size
    held = (space.weight > 0).astype(z.dtype)
    width = 1 / jnp.where(space.weight > 0, space.weight, 1.0)
    t_true = space.scaled(z)

    def one(drawn: Array) -> tuple[Array, Array, Array, Array]:
        value = truth + objective.std * drawn[:rows]
        centre = jnp.where(space.weight > 0, t_true + width * held * drawn[rows:], t_true)
        where = lambda o: (o.value, o.space.centre)  # noqa: E731
        own = eqx.tree_at(where, objective, (value, centre))
        solution = optx.least_squares(
            lambda x, _: own.residuals(x)[0],
            _SOLVER,
            z,
            options={"jac": "fwd"},
            max_steps=STEPS,
            throw=False,
        )
        r, jacobian, prediction = own.derivatives(solution.value)
        q = jnp.linalg.qr(jacobian)[0]
        R = jnp.linalg.qr(own.informative(jacobian, prediction))[1]
        inverse = jax.scipy.linalg.solve_triangular(R, jnp.eye(z.size))
        std = jnp.sqrt(jnp.sum(inverse**2, axis=1)) * space.scaled_slope(solution.value)
        return space.scaled(solution.value), std, jnp.sum(r**2), jnp.linalg.norm(q.T @ r)

    return jax.lax.map(one, noise, batch_size=BATCH)


def _count(fit: Fit, objective: Objective, found, against, levels, seed: int) -> Coverage:
    t, std, chi2, left = found
    t_true, scale, dof = against
    names, log = objective.space.names, np.array(objective.space.log)
    sound = np.isfinite(t).all(axis=1) & np.isfinite(std).all(axis=1) & (left < 1e-2)
    off = np.where(sound[:, None], np.abs(t - t_true) / std, np.inf)

    def parts(pull: np.ndarray) -> dict[float, dict[str, float]]:
        return {
            p: {
                name: float(np.mean(pull[:, i] < normal_quantile(p)))
                for i, name in enumerate(names)
            }
            for p in levels
        }

    value = objective.space.value_of(t)
    std = std * np.where(log, value, 1.0)
    true = objective.space.value_of(t_true)
    return Coverage(
        n=len(chi2),
        truth=dict(zip(names, true.tolist(), strict=True)),
        estimates={name: value[:, i] for i, name in enumerate(names)},
        std={name: std[:, i] for i, name in enumerate(names)},
        covered=parts(off / scale[:, None]),
        plain=parts(off),
        chi2=chi2,
        dof=dof,
        failed=~sound,
        seed=seed,
    )
