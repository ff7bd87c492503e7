"""The models of several data sets as one, of parameters that some of them share."""

from collections.abc import Mapping, Sequence

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from .._parameters import Link, linked
from ._base import Predictor


class Together(Predictor):
    """The predictions of all, one after the other.

    names: for each, (its name, name among all values) of every parameter.  links: of each.
    """

    predictors: tuple[Predictor, ...]
    names: tuple[tuple[tuple[str, str], ...], ...] = eqx.field(static=True)
    links: tuple[tuple[Link, ...], ...] = eqx.field(static=True)
    drives: int = eqx.field(static=True)

    def __init__(
        self,
        predictors: Sequence[Predictor],
        names: Sequence[Mapping[str, str]],
        links: Sequence[tuple[Link, ...]],
    ):
        self.predictors, self.links = tuple(predictors), tuple(links)
        self.names = tuple(tuple(pairs.items()) for pairs in names)
        self.drives = sum(p.drives for p in predictors)

    def __call__(self, values: Mapping[str, Array]) -> Array:
        parts = zip(self.predictors, self.names, self.links, strict=True)
        return jnp.concatenate(
            [
                predictor(linked(links, {inner: values[outer] for inner, outer in names}))
                for predictor, names, links in parts
            ]
        )
