"""The posterior of the parameters by Hamiltonian Monte Carlo (NUTS), through numpyro.

NUTS moves on straight lines through a Gaussian at best; ridges that bend make it slow or wrong.
Three changes of coordinates make the posteriors of walls nearly Gaussian, each of them exact:

1. y instead of z (`unwind`): the fit's z is a logit of the scale t, which is a logarithm for
   alpha and others, and not for xi and P.  y is the logit of the value itself: far below the bound
   y = ln(value) + const for *every* positive parameter, and a ridge along which xi P/alpha stays is
   a plane.  dt/dy enters the density, as the prior is flat in t.
2. A shear of alpha's y along xi (`_Coordinates.sheared`): below breakdown only the mobility
   xi/((1 + xi^2) alpha) is known, and the (1 + xi^2) bends the plane.  Counting alpha from c xi/
   (1 + xi^2) straightens it.  A shear has determinant 1: densities stay.
3. Whitening at the optimum: w = T^-1 (s - s0) with T T' = (J'J + 1)^-1, the 1 being the width of
   the flat prior in a direction that the data do not see.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._check import probabilities, whole
from .._errors import InputError
from .._format import number
from .._parameters import UNITS, Space
from .._problem import Objective
from .._report import Fit
from ._correlated_pairs import rank_correlation, ridges
from ._rebuild import Again, again, check_converged, left_out

R_HAT = 1.01
"""Above this the chains do not agree; A. Vehtari et al., Bayesian Anal. 16, 667 (2021)."""
LEAST_SAMPLES = 400
"""Effective samples below which quantiles in the tails are noise; same source."""
BATCH = 50
TREE_DEPTH = (6, 8)
"""Most doublings of a trajectory while the step is adapted, and after; most need 2 or 3."""


@dataclasses.dataclass(frozen=True)
class Posterior:
    """What `sample_posterior` returns; c chains of d draws each.

    names: fitted parameters, nuisances last.  samples: name -> (c, d).
    r_hat, ess: split R-hat and effective sample size of each.
    correlation: rank correlation (Spearman), (p, p); logarithms do not change it.
    divergences: draws after which the integrator failed; many mean a region was not explored.
    converged: R-hat <= 1.01 and 400 effective samples everywhere, and fewer than 1 % divergences.
    message: that in words.  notes: ridges, and what the prior was.
    """

    names: tuple[str, ...]
    samples: dict[str, np.ndarray]
    r_hat: dict[str, float]
    ess: dict[str, float]
    correlation: np.ndarray
    divergences: int
    converged: bool
    message: str
    notes: tuple[str, ...]
    seed: int
    _z: np.ndarray = dataclasses.field(repr=False)
    _objective: Objective = dataclasses.field(repr=False)

    def quantiles(
        self, name: str, at: float | tuple[float, ...] = (0.025, 0.16, 0.5, 0.84, 0.975)
    ) -> np.ndarray:
        """Quantiles of the parameter `name` at these probabilities; InputError if unknown."""
        _sampled(self, name)
        return np.quantile(self.samples[name], probabilities("at", at))

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Central interval that holds this part of the posterior."""
        (level,) = probabilities("level", level)
        low, high = self.quantiles(name, ((1 - level) / 2, (1 + level) / 2))
        return float(low), float(high)

    def predict(
        self,
        quantiles: float | tuple[float, ...] = (0.025, 0.5, 0.975),
        *,
        noise: bool = False,
        draws: int = 400,
    ) -> np.ndarray:
        """Band of predictions, (quantiles, rows), in the unit of each row.

        noise: False for the model's prediction, True for a new measurement with the row's error
        (times the Birge ratio).  draws: evenly spaced draws that are simulated.
        """
        levels = probabilities("quantiles", quantiles)
        draws = min(whole("draws", draws, 1), len(self._z))
        keep = np.linspace(0, len(self._z) - 1, draws).astype(int)
        with jax.enable_x64(True):
            made = np.asarray(_predictions(self._objective, jnp.asarray(self._z[keep])))
            if noise:
                error = np.random.default_rng(self.seed).standard_normal(made.shape)
                made = made + error * np.asarray(self._objective.std)
        return np.quantile(made, levels, axis=0)

    @property
    def text(self) -> str:
        """Table of medians, intervals and diagnostics; then the notes."""
        head = f"{'parameter':10} {'median':>10} {'68 %':>23} {'95 %':>23} {'R-hat':>7} {'ESS':>6}"
        lines = [head]
        for name in self.names:
            q = self.quantiles(name)
            inner, outer = (f"{number(a)} ... {number(b)}" for a, b in ((q[1], q[3]), (q[0], q[4])))
            lines.append(
                f"{name:10} {number(q[2]):>10} {inner:>23} {outer:>23} "
                f"{self.r_hat[name]:7.4f} {self.ess[name]:6.0f} {UNITS.get(name, '')}".rstrip()
            )
        return "\n".join([*lines, self.message, *(f"note: {note}" for note in self.notes)])

    def __str__(self) -> str:
        return self.text


def _sampled(posterior: Posterior, name: str) -> None:
    if name not in posterior.samples:
        raise InputError(f"no samples of {name!r}; there are {', '.join(posterior.names)}")


def sample_posterior(
    fit: Fit,
    *,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    seed: int = 0,
    model_errors: bool = False,
) -> Posterior:
    """Sample the posterior of the fitted parameters with NUTS (numpyro).

        -2 log posterior = sum ((prediction - value)/(s std))^2 + nuisances' priors + constant

    s: the fit's Birge ratio, as in its covariance (1 where the data scatter as their errors say).
    Priors: flat within the bounds of each free parameter, on the scale that the fit uses: the value
    for xi, P and n0, the logarithm for all others.  Nuisances have the fit's log-normal priors,
    cut at their bounds.
    fit: a converged result of `fitting.fit`; where the data leave a direction open its weak prior
    is not used here, the bounds are all that holds it.
    draws, warmup: of each chain, after and before adaptation ends.  chains: at least 2, R-hat
    compares them.  seed: of all random numbers.
    model_errors: False holds every wall constant that was not fitted; True samples those that the
    fit's model error moved, with log-normal priors of their stated width.

    Derivatives are taken in forward mode: p + 1 runs a gradient with p parameters (a handful), no
    trajectory is stored, and every model of `fitting` allows it.  Coordinates are those of the fit,
    without bounds, whitened at its optimum; the mass matrix is dense.

    Raises InputError for a fit that has not converged, draws < 1, warmup < 1 or chains < 2, and
    ImportError without numpyro (extra `bayes`).  Chains that disagree give converged = False.

    Source: M. D. Hoffman, A. Gelman, J. Mach. Learn. Res. 15, 1593 (2014).
    """
    check_converged(fit, "`sample_posterior`")
    draws, warmup = whole("draws", draws, 1), whole("warmup", warmup, 1)
    chains = whole("chains", chains, 2, " (R-hat compares chains)")
    seed = whole("seed", seed, 0)
    numpyro = _numpyro()
    with jax.enable_x64(True):
        problem = again(fit, model_errors=model_errors)
        z, divergences = _run(numpyro, problem, draws, warmup, chains, seed)
        return _result(numpyro, fit, problem, z, divergences, seed)


def _numpyro() -> Any:
    try:
        import numpyro
        import numpyro.infer
    except ImportError:
        raise ImportError('numpyro is missing: pip install "jaxstt[bayes]"') from None
    return numpyro


class _Coordinates(eqx.Module):
    """w -> z of the fit: s = s0 + T w, y = s + shear, value = low + (high - low)/(1 + exp(-y)).

    Far below its upper bound y of a positive parameter is its logarithm but for a constant, so that
    a ridge along which a ratio or product stays the same is straight.  The shear counts alpha from
    c xi/(1 + xi^2), which keeps the mobility of a wall below breakdown: that ridge is straight up
    to large xi.  A shear leaves densities as they are.
    """

    s0: Array
    T: Array
    c: Array
    space: Space

    def __call__(self, w: Array) -> tuple[Array, Array]:
        """(z, log of the density in w that is flat in t)."""
        z, log_slope = unwind(self.space, self.sheared(self.s0 + self.T @ w, 1.0))
        return z, jnp.sum(log_slope)

    def sheared(self, y: Array, sign: float) -> Array:
        """y of s (sign = 1) or s of y (sign = -1)."""
        names = self.space.names
        if "xi" not in names or "alpha" not in names:
            return y
        i, k = names.index("xi"), names.index("alpha")
        xi = self.space.high[i] * jax.nn.sigmoid(y[i])
        c = self.c * xi / (1 + xi**2)
        # y = ln(alpha/(1 - alpha)); the cubic is -ln(1 - c) without its pole.
        shift = jax.nn.log_sigmoid(y[i]) - jnp.log1p(xi**2) + c + c**2 / 2 + c**3 / 3
        return y.at[k].add(sign * shift)


def unwind(space: Space, y: Array) -> tuple[Array, Array]:
    """(z, ln dt/dy but for a constant) of y, see `_Coordinates`."""
    log = np.array(space.log)
    low = jnp.exp(jnp.where(log, space.low, 0.0))
    high = jnp.exp(jnp.where(log, space.high, 1.0))
    above = jnp.log1p((high / low - 1) * jax.nn.sigmoid(y))  # ln(value/low)
    below = -jnp.log1p((low / high - 1) * jax.nn.sigmoid(-y))  # ln(high/value)
    z = jnp.where(log, jnp.log(above) - jnp.log(below), y)
    slope = jax.nn.log_sigmoid(y) + jax.nn.log_sigmoid(-y)
    return z, slope - jnp.where(log, above, 0.0)


def wind(space: Space, z: np.ndarray) -> np.ndarray:
    """y of z."""
    low, high, t = (np.asarray(x) for x in (space.low, space.high, space.scaled(z)))
    log = np.array(space.log)
    part = np.where(log, np.expm1(t - low) / np.expm1(high - low), (t - low) / (high - low))
    return np.log(part / (1 - part))


class _Potential(eqx.Module):
    """w -> -log posterior."""

    objective: Objective
    coordinates: _Coordinates

    def __call__(self, w: Array) -> Array:
        z, density = self.coordinates(w)
        r, _ = self.objective.residuals(z)
        energy = 0.5 * jnp.sum(r**2) - density
        return jnp.where(jnp.isfinite(energy), energy, jnp.inf)


def _coordinates(problem: Again) -> _Coordinates:
    """Coordinates whitened at the optimum, where a flat direction has the width 1 of the prior."""
    space = problem.objective.space
    z0 = np.clip(problem.best.z, -6.0, 6.0)  # a start on a bound would hardly leave it
    y0 = wind(space, z0)
    values = space.values(jnp.asarray(z0))
    xi, alpha = (jnp.asarray(values.get(n, 1.0)) for n in ("xi", "alpha"))
    p = z0.size
    plain = _Coordinates(jnp.zeros(p), jnp.eye(p), alpha * (1 + xi**2) / xi, space)
    s0 = plain.sheared(jnp.asarray(y0), -1.0)
    slope = jax.jacfwd(lambda s: plain(s)[0])(s0)
    jacobian = problem.best.evaluation.jacobian @ np.asarray(slope)
    curvature, axes = np.linalg.eigh(jacobian.T @ jacobian + np.eye(p))
    return eqx.tree_at(lambda o: (o.s0, o.T), plain, (s0, jnp.asarray(axes / np.sqrt(curvature))))


def _run(
    numpyro: Any, problem: Again, draws: int, warmup: int, chains: int, seed: int
) -> tuple[np.ndarray, int]:
    """(z of the draws (chains, draws, p), number of divergent draws)."""
    coordinates = _coordinates(problem)
    random = np.random.default_rng(seed)
    begin = jnp.asarray(0.5 * random.standard_normal((chains, len(problem.names))))
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        kernel = numpyro.infer.NUTS(
            potential_fn=_Potential(problem.objective, coordinates),
            dense_mass=True,
            max_tree_depth=TREE_DEPTH,
            target_accept_prob=0.9,
            forward_mode_differentiation=True,
        )
        mcmc = numpyro.infer.MCMC(
            kernel,
            num_warmup=warmup,
            num_samples=draws,
            num_chains=chains,
            chain_method="vectorized",
            progress_bar=False,
        )
        fields = ("diverging", "num_steps")
        mcmc.run(jax.random.key(seed), init_params=begin, extra_fields=fields)
        w = mcmc.get_samples(group_by_chain=True)
        extra = mcmc.get_extra_fields()
    z = jax.vmap(jax.vmap(lambda one: coordinates(one)[0]))(jnp.asarray(w))
    return np.asarray(z), int(np.sum(np.asarray(extra["diverging"])))


@eqx.filter_jit
def _predictions(objective: Objective, z: Array) -> Array:
    return jax.lax.map(lambda one: objective.residuals(one)[1], z, batch_size=BATCH)


def _result(
    numpyro: Any, fit: Fit, problem: Again, z: np.ndarray, divergences: int, seed: int
) -> Posterior:
    names = problem.names
    flat = z.reshape(-1, len(names))
    values = jax.vmap(problem.objective.space.values)(jnp.asarray(flat))
    samples = {n: np.asarray(v).reshape(z.shape[:2]) for n, v in values.items()}
    diagnose: Callable[[str], dict[str, float]] = lambda function: {  # noqa: E731
        n: float(getattr(numpyro.diagnostics, function)(z[:, :, i])) for i, n in enumerate(names)
    }
    r_hat, ess = diagnose("split_gelman_rubin"), diagnose("effective_sample_size")
    message = _message(r_hat, ess, divergences, flat.shape[0])
    return Posterior(
        names=names,
        samples=samples,
        r_hat=r_hat,
        ess=ess,
        correlation=rank_correlation(flat),
        divergences=divergences,
        converged=message.startswith("converged"),
        message=message,
        notes=(*ridges(fit.free, samples), *_notes(fit, problem)),
        seed=seed,
        _z=flat,
        _objective=problem.objective,
    )


def _message(r_hat: dict[str, float], ess: dict[str, float], divergences: int, draws: int) -> str:
    worst = max(r_hat, key=lambda n: r_hat[n] if math.isfinite(r_hat[n]) else math.inf)
    least = min(ess, key=lambda n: ess[n] if math.isfinite(ess[n]) else -math.inf)
    faults = []
    if not r_hat[worst] <= R_HAT:
        faults.append(f"R-hat of {worst} is {r_hat[worst]:.3f} (above {R_HAT}): chains disagree")
    if not ess[least] >= LEAST_SAMPLES:
        faults.append(f"only {ess[least]:.0f} effective samples of {least} (below {LEAST_SAMPLES})")
    if divergences > 0.01 * draws:
        faults.append(f"{divergences} of {draws} draws diverged")
    if faults:
        return f"not converged: {'; '.join(faults)}; take more warmup and draws"
    return f"converged: R-hat <= {r_hat[worst]:.4f}, {ess[least]:.0f} effective samples or more"


def _notes(fit: Fit, problem: Again) -> list[str]:
    flat = [n for n, w in zip(problem.names, problem.objective.space.weight, strict=True) if w == 0]
    own = [n for n in problem.names if n not in flat]
    notes = [f"flat priors within their bounds for {', '.join(flat)}"] if flat else []
    if own:
        notes.append(f"log-normal priors for {', '.join(own)}")
    if fit.scale > 1:
        notes.append(f"errors of the rows multiplied by {fit.scale:.2f} (Birge)")
    if fit.model_error and "K" not in problem.names:
        notes.append("the fit's model error is not in it (model_errors=True adds it)")
    return [*notes, *left_out(fit, fit.free)]
