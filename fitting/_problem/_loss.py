"""Residuals: how far a prediction is from the data, in standard deviations."""

import jax.numpy as jnp
from jax import Array

from .._parameters import Space


def weighted_residuals(prediction: Array, value: Array, std: Array) -> Array:
    """(prediction - value)/std, one per row of the data."""
    return (prediction - value) / std


def prior_residuals(space: Space, z: Array) -> Array:
    """(t - centre)/std of every parameter on its natural scale t; 0 where there is no prior."""
    return (space.scaled(z) - space.centre) * space.weight


def least_squares(space: Space, z: Array, prediction: Array, value: Array, std: Array) -> Array:
    """All residuals r: the data's rows, then one per parameter; chi2 = sum r^2.

    A loss of another kind (robust, correlated errors) takes the place of this function.
    """
    data = weighted_residuals(prediction, value, std)
    return jnp.concatenate([data, prior_residuals(space, z)])
