"""The table that a sweep fills, and the data set that it becomes."""

import math
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from .._core import require_memory
from ._chunk import LONGEST_REASON, Work, empty, results_of
from ._space import Space
from ._store import Store

_OWN = ("failed", "reason", "point", "row")


class Table:
    """Parameters and results of all points, one after the other."""

    def __init__(self, space: Space, work: Work, units: dict[str, str], dims: dict):
        self.space, self.units, self.attrs = space, units, {}
        self.good = space.finite()
        if not self.good.any():
            raise ValueError("`space` has no point whose parameters are all finite")
        self.shapes = results_of(work)
        taken = {*_OWN, *space.axes}
        for name in space.axes:
            if name in _OWN:
                raise ValueError(f"`space` must not call a parameter {name!r}: the name is taken")
        for name in self.shapes:
            if name in taken:
                raise ValueError(f"`function` must not call a result {name!r}: the name is taken")
        for name, unit in units.items():
            if not isinstance(unit, str):
                raise ValueError(f"`units` must give {name!r} a text, got {unit!r}")
            if name not in self.shapes and name not in space.axes:
                raise ValueError(f"`units` names {name!r}, which is no parameter and no result")
        self.dims = {n: _own_dims(n, s.shape, dims, taken) for n, s in self.shapes.items()}
        for name in self.shapes:
            if any(name in own for own in self.dims.values()):
                raise ValueError(f"`function` must not call a result {name!r}: a dimension is")
        for name in dims:
            if name not in self.shapes:
                raise ValueError(f"`dims` names {name!r}, which is no result")
        lengths: dict[str, int] = {}
        for name, own in self.dims.items():
            for dim, length in zip(own, self.shapes[name].shape, strict=True):
                if lengths.setdefault(dim, length) != length:
                    raise ValueError(f"`dims` gives {dim!r} to lengths {lengths[dim]} and {length}")
        total = sum(math.prod(s.shape) * s.dtype.itemsize for s in self.shapes.values())
        if jax.default_backend() == "cpu":
            require_memory(2.0 * space.size * total, f"`space`: the results of {space.size} points")
        self.values = {n: empty(space.size, s) for n, s in self.shapes.items()}
        self.reason = np.full(space.size, "", object)

    @property
    def failed(self) -> np.ndarray:
        return self.reason != ""

    def fill(self, span: np.ndarray, found: dict[str, np.ndarray], reasons: np.ndarray) -> None:
        for name, values in found.items():
            self.values[name][span] = values
        self.reason[span] = reasons

    def refuse(self, span: np.ndarray) -> None:
        """These points have parameters that are not finite."""
        for i in span:
            point = self.space.columns(np.asarray([i]))
            bad = [f"{name} = {v[0]}" for name, v in point.items() if not np.isfinite(v[0])]
            self.reason[i] = ", ".join(bad)[:LONGEST_REASON]
            for name, shape in self.shapes.items():
                self.values[name][i] = empty(1, shape)[0]

    def part(self, span: np.ndarray) -> Any:
        """A chunk as a data set."""
        import xarray

        data = {n: (("row", *self.dims[n]), y[span]) for n, y in self.values.items()}
        return xarray.Dataset(data | {"reason": ("row", self.reason[span].astype(str))})

    def read(self, store: Store, number: int, span: np.ndarray) -> bool:
        """Take a chunk from the store; False if it is not there."""
        part = store.read(number)
        if part is None:
            return False
        self.fill(span, {n: part[n].values for n in self.values}, part["reason"].values)
        return True

    def gather(self, spans: list[list[np.ndarray]]) -> None:
        """Take from each process the chunks that it has run."""
        text = self.reason.astype(f"U{LONGEST_REASON}").view(np.uint32)
        mine = (self.values, text.reshape(-1, LONGEST_REASON))
        values, texts = multihost_utils.process_allgather(mine)
        for process, theirs in enumerate(spans):
            reason = np.ascontiguousarray(texts[process]).view(f"U{LONGEST_REASON}")[:, 0]
            for span in theirs:
                self.fill(span, {n: y[process][span] for n, y in values.items()}, reason[span])

    def take(self, dataset: Any) -> Any:
        """The data set of the whole sweep, as it was kept."""
        self.reason[:] = dataset["reason"].values.ravel()
        return dataset

    def dataset(self) -> Any:
        import xarray

        space = self.space
        data: dict[str, Any] = {}
        for name, y in self.values.items():
            shaped = y.reshape(*space.shape, *y.shape[1:])
            data[name] = ((*space.dims, *self.dims[name]), shaped, self._attrs(name))
        data["failed"] = (space.dims, self.failed.reshape(space.shape))
        data["reason"] = (space.dims, self.reason.astype(str).reshape(space.shape))
        coords: dict[str, Any] = {n: (d, v, self._attrs(n)) for n, (d, v) in space.axes.items()}
        if space.dims == ("point",):
            coords["point"] = ("point", np.arange(space.size))
        return xarray.Dataset(data, coords, self.attrs)

    def failures(self) -> str:
        """How many points failed, and the first of them."""
        failed = np.flatnonzero(self.failed)
        first = self.space.columns(failed[:1])
        where = ", ".join(f"{name} = {values[0]:.6g}" for name, values in first.items())
        return (
            f"sweep: {failed.size} of {self.space.size} points failed, "
            f"the first at {where}: {self.reason[failed[0]]}"
        )

    def _attrs(self, name: str) -> dict[str, str]:
        return {"units": self.units[name]} if name in self.units else {}


def _own_dims(name: str, shape: tuple[int, ...], dims: dict, taken: set[str]) -> tuple[str, ...]:
    """Names of the dimensions that a result has besides those of the sweep."""
    own = dims.get(name, tuple(f"{name}_{axis}" for axis in range(len(shape))))
    own = (own,) if isinstance(own, str) else own
    if not (isinstance(own, list | tuple) and all(isinstance(dim, str) for dim in own)):
        raise ValueError(f"`dims` must give {name} names, got {own!r}")
    own = tuple(own)
    if len(own) != len(shape) or len({*own}) != len(own) or taken & {*own}:
        raise ValueError(f"`dims` must give {name} {len(shape)} new names, got {own}")
    return own
