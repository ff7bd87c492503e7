"""What a run gives back, and how it ended."""

from typing import Any

import jax
import jax.numpy as jnp


def whole_run(first: Any, later: Any, result: Any, good: Any, throw: bool) -> Any:
    """The saved values from t[0] on; if `throw`, they raise when read unless `result` is `good`.

    first: at t[0].  later: stacked.  result, good: items of the same `equinox.Enumeration`.
    """
    saved = jax.tree.map(lambda a, b: jnp.concatenate([jnp.asarray(a)[None], b]), first, later)
    # The check calls back to the host, which cannot be compiled for another platform.
    return result.error_if(saved, result != good) if throw else saved
