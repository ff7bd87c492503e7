"""What a model says of the rows of a file, at parameters that are given and not fitted."""

import os
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ._data import Measurements, load_measurements
from ._errors import InputError
from ._models import LLG2D, Predictor, get_model, with_interface
from ._parameters import (
    ELECTRONS,
    allowed,
    linked,
    read_links,
)
from ._problem import OF_SAMPLE, from_sample


def predict(
    data: Measurements | str | os.PathLike[str],
    values: Mapping[str, float],
    model: str = "wall1d",
    *,
    refine: float = 1.0,
) -> np.ndarray:
    """The model's value of each row, (n,), in the row's unit.

    data: measurements, a file, or the name of an embedded set; only its drives, observables and
    sample are used.
    values: xi (or Delta and tau_sf), P (or P_T), alpha (or alpha~) and any others that shall not be
    the sample's, SI.
    model: a name of `fitting.MODELS`.  refine: llg2d's cells are made smaller by this factor, to
    see what its mesh is worth.

    NaN where llg2d found no steady motion.  Raises InputError for input that cannot be used.
    """
    chosen = get_model(model)
    data = data if isinstance(data, Measurements) else load_measurements(data)
    known = allowed(values, "values")
    if not (np.isfinite(refine) and refine > 0):
        raise InputError(f"`refine` must be > 0, got {refine:g}")
    if refine != 1 and not isinstance(chosen, LLG2D):
        raise InputError(f"`refine` must be 1 for {model}, got {refine:g}")
    chosen.check_rows(data)
    links = read_links({}, known)
    needs = (*chosen.needs(data), *(s for link in links for s in link.sources))
    needs = with_interface(needs, data, known)
    follows = [link.name for link in links]
    missing = [n for n in ELECTRONS if n in needs and n not in (*known, *follows)]
    if missing:
        raise InputError(f"`values` must hold {', '.join(missing)}: {chosen.name} needs it")
    with jax.enable_x64(True):
        wanted = tuple(n for n in OF_SAMPLE if n in needs and n not in known)
        every = linked(links, {**from_sample(data, wanted, chosen.name), **known})
        every = {n: float(v) for n, v in every.items()}
        if isinstance(chosen, LLG2D):
            return chosen.prepare(data, every, refine).measure(every)
        arrays = {name: jnp.asarray(value, float) for name, value in every.items()}
        return np.asarray(_call(chosen.prepare(data, every), arrays))


@eqx.filter_jit
def _call(predictor: Predictor, values: Mapping[str, Array]) -> Array:
    return predictor(values)
