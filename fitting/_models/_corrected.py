"""A cheap model with what it misses near one point added."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from ._base import Predictor


class Corrected(Predictor):
    """cheap(p) + offset + slope (p - at), row by row; p the parameters `names`."""

    cheap: Predictor
    offset: Array
    slope: Array
    at: Array
    names: tuple[str, ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)

    def __init__(
        self, cheap: Predictor, names: tuple[str, ...], at: Array, offset: Array, slope: Array
    ):
        self.cheap, self.names, self.at = cheap, names, at
        self.offset, self.slope, self.drives = offset, slope, cheap.drives

    def __call__(self, values: Mapping[str, Array]) -> Array:
        p = jnp.stack([values[name] for name in self.names])
        return self.cheap(values) + self.offset + self.slope @ (p - self.at)
