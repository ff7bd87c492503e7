"""Residuals: how far a prediction is from the data, bent where the errors have long tails.

A fit minimises sum r^2, so a loss rho is the residual sign(r) sqrt(rho(r)), which every solver of
least squares takes as it is.  What a row tells of the parameters is then not the square of the bent
residual's slope, which vanishes for an outlier and exceeds 1 at the centre, but what such a row
tells on average: Fisher's information.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._parameters import Space

DEGREES, CORNER = 4.0, 1.345
"""Student's degrees of freedom; where Huber's loss turns straight."""
LOSSES = {"normal": 1.0, "student": (DEGREES + 1) / (DEGREES + 3), "huber": 0.95}
"""The losses, and the information of one row in units of 1/std^2."""


def row_residuals(loss: str, side: Array | None, r: Array) -> Array:
    """What a fit squares and adds up, (n,), of r = (prediction - value)/std.

        normal   rho = r^2
        student  rho = (nu + 1) ln(1 + r^2/nu),   nu = 4: a row far off hardly counts
        huber    rho = r^2 up to |r| = k, then 2 k |r| - k^2,   k = 1.345

    side: +1 for a value that is only an upper bound, -1 for a lower one, 0 otherwise, None if there
    are none; a bound has rho = -2 ln Phi(-side r), Phi the normal distribution function.
    Sources: Lange, Little & Taylor, J. Am. Stat. Assoc. 84, 881 (1989); Huber, Ann. Math. Stat. 35,
    73 (1964); Tobin, Econometrica 26, 24 (1958).
    """
    plain = bent(loss, r)
    return plain if side is None else jnp.where(side == 0, plain, censored(side, r))


def information(loss: str, side: Array | None, r: Array) -> Array:
    """What the rows of the Jacobian must be multiplied by for the covariance, (n,)."""
    slope = jax.jvp(lambda r: bent(loss, r), (r,), (jnp.ones_like(r),))[1]
    factor = LOSSES[loss] ** 0.5 / slope
    return factor if side is None else jnp.where(side == 0, factor, 1.0)


def bent(loss: str, r: Array) -> Array:
    """sign(r) sqrt(rho(r))."""
    if loss == "student":
        y = r**2 / DEGREES
        small = y < 1e-6
        curve = jnp.where(small, 1 - y / 2, jnp.log1p(y) / jnp.where(small, 1.0, y))
        return r * jnp.sqrt((DEGREES + 1) / DEGREES * curve)
    if loss == "huber":
        far = jnp.abs(r) > CORNER
        straight = jnp.sqrt(jnp.where(far, 2 * CORNER * jnp.abs(r) - CORNER**2, 1.0))
        return jnp.where(far, jnp.sign(r) * straight, r)
    return r


def censored(side: Array, r: Array) -> Array:
    """sqrt(-2 ln Phi(-side r)): next to 0 on the allowed side, r on the other."""
    x = side * r
    # Phi is 1 to the last digit below -8, where the square root has no slope.
    open_ = x < -8
    rho = -2 * jax.scipy.special.log_ndtr(-jnp.where(open_, -8.0, x))
    return jnp.where(open_, 0.0, jnp.sqrt(rho))


def prior_residuals(space: Space, z: Array) -> Array:
    """(t - centre)/std of every parameter on its natural scale t; 0 where there is no prior."""
    return (space.scaled(z) - space.centre) * space.weight


def sides(bounds: tuple[str, ...]) -> Array | None:
    """The column `bound` as numbers, see `row_residuals`."""
    if not any(bounds):
        return None
    return jnp.asarray([{"": 0.0, "upper": 1.0, "lower": -1.0}[b] for b in bounds])
