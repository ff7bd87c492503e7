"""A run as a mumax3 script that rebuilds it: fields of material by regions, the state as OVF."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from .._core import ArrayLike, write_whole
from .._dynamics import LLG
from .._electron import to_mumax3
from .._energy import Demag, Exchange, ShapeAnisotropy, UniaxialAnisotropy, Zeeman
from .._mesh import Piecewise
from .._torque import ZhangLi
from ._foreign import exported, moments, straight, uniaxial
from ._ovf import write_ovf

_REGIONS = 256
_SAME = 1e-6
_COARSEST = 0.02
"""Part of its largest value by which a region's value may differ from a cell's."""


def write_mumax3(
    path: str | os.PathLike[str], llg: LLG, m0: ArrayLike, *, duration: float
) -> float:
    """Write PATH, a script for mumax3, and beside it the start as OVF.

    Ms, A and K that differ from cell to cell become regions: each distinct set of values
    one, or, of more than 256, the nearest of 256.  A `Piecewise` current, or a `Pulse` with edges,
    is run piece by piece.
    n0, xi, P and gamma are translated by `to_mumax3`.

    llg: `LLG` of `Exchange`, `Demag`, `Zeeman`, `UniaxialAnisotropy`, `ShapeAnisotropy` (all but
    one of these need K/Ms the same everywhere) and one `ZhangLi` with a uniform current.
    m0: (3, nx, ny, nz).  duration: s.
    Returns the largest error of a region's value, as a part of the largest there is.

    Raises ValueError for terms that are not exported, a field or current that changes in time in
    another way, periodic axes, and where 256 regions are too few (2 %).
    mumax3 couples neighbouring regions by means of its own and has only stencils of order 2: where
    a material changes within a cell or two, fields differ by some per cent.
    Source: the names of mumax3's documentation; Vansteenkiste et al., AIP Adv. 4, 107133 (2014).
    """
    path = Path(path)
    m0, torque = exported(llg, m0, duration)
    fields, lines = _materials(llg)
    values, index, error = _regions(fields, llg)
    run = _run(llg, torque, float(duration))
    start = path.with_suffix(".ovf")
    write_ovf(start, llg.grid, m0)
    nx, ny, nz = llg.grid.shape
    dx, dy, dz = llg.grid.spacing
    text = [
        f"// written by jaxstt; regions differ from the cells by {error:.2g} at most",
        f"SetGridSize({nx}, {ny}, {nz})",
        f"SetCellSize({dx!r}, {dy!r}, {dz!r})",
    ]
    for region in range(len(values)):
        text += [
            f"{name}.SetRegion({region}, {float(v)!r})"
            for name, v in zip(fields, values[region], strict=True)
        ]
    cells = np.argwhere(index > 0)
    text += [f"DefRegionCell({index[tuple(c)]}, {c[0]}, {c[1]}, {c[2]})" for c in cells]
    text += [*lines, f'm.LoadFile("{start.name}")', *run]
    write_whole(path, ("\n".join(text) + "\n").encode())
    return error


def _materials(llg: LLG) -> tuple[dict[str, np.ndarray], list[str]]:
    """{mumax3's name: values}, and lines for what is the same everywhere."""
    fields = {"Msat": np.asarray(llg.Ms, float)}
    lines: list[str] = []
    demag, seen = False, set[str]()
    for energy in llg.energies:
        kind = type(energy).__name__
        if isinstance(energy, (UniaxialAnisotropy, ShapeAnisotropy)):
            continue
        if kind in seen:
            raise ValueError(f"`llg`: mumax3 takes one {kind}, got two")
        seen.add(kind)
        if isinstance(energy, Exchange):
            fields["Aex"] = np.asarray(energy.A, float)
        elif isinstance(energy, Demag):
            demag = True
        elif isinstance(energy, Zeeman):
            lines.append(f"B_ext = {_vector(_constant(energy.B, 'Zeeman'))}")
        else:
            raise ValueError(f"`llg`: {kind} is not exported to mumax3")
    # The one slot for a K of its own in each cell goes to the term whose K/Ms differs, if one does.
    terms = sorted(uniaxial(llg), key=lambda term: _spread(term[0], moments(llg)) <= _SAME)
    for i, (K, axis) in enumerate(terms):
        if i == 0:
            fields["Ku1"] = K
            lines.append(f"AnisU = {_vector(axis)}")
        else:
            lines += _custom(i, K, moments(llg), _vector(axis))
    return fields, [f"EnableDemag = {str(demag).lower()}", *lines]


def _custom(i: int, K: np.ndarray, Ms: np.ndarray, axis: str) -> Iterator[str]:
    """A further uniaxial term B = (2K/Ms)(m.a)a, which mumax3 takes as a field of one's own."""
    if _spread(K, Ms) > _SAME:
        raise ValueError("`llg`: K/Ms of a second UniaxialAnisotropy must be the same everywhere")
    ratio = _ratio(K, Ms)
    yield f"axis{i} := ConstVector{axis.removeprefix('vector')}"
    yield f"term{i} := Mul(Const({float(ratio.flat[0])!r}), Mul(Dot(axis{i}, m), axis{i}))"
    yield f"AddFieldTerm(term{i})"
    yield f"AddEdensTerm(Mul(Const(-0.5), Dot(term{i}, M_full)))"


def _ratio(K: np.ndarray, Ms: np.ndarray) -> np.ndarray:
    """2 K/Ms of the cells of the magnet, T."""
    return 2 * np.broadcast_to(K, Ms.shape)[Ms > 0] / Ms[Ms > 0]


def _spread(K: np.ndarray, Ms: np.ndarray) -> float:
    """By which part of its largest value K/Ms differs."""
    ratio = _ratio(K, Ms)
    return float(np.ptp(ratio) / max(np.abs(ratio).max(), 1e-300))


def _regions(fields: dict[str, np.ndarray], llg: LLG) -> tuple[np.ndarray, np.ndarray, float]:
    """(values of each region, region of each cell, largest error as a part of the largest value).

    More sets of values than regions are put in order along the direction in which they differ most
    (that of a density, if there is one) and cut into as many equal stretches.
    """
    shape = llg.grid.shape
    columns = [np.broadcast_to(v, shape).ravel() for v in fields.values()]
    every = np.stack(columns, axis=1)
    if llg.grid.mask is not None:
        every = np.where(np.asarray(llg.grid.mask).reshape(-1, 1), every, 0.0)
    scale = np.abs(every).max(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    sets, index = np.unique(every, axis=0, return_inverse=True)
    index = index.ravel()
    if len(sets) > _REGIONS:
        parts = every / scale
        along = np.linalg.svd(parts - parts.mean(0), full_matrices=False)[2][0]
        place = parts @ along
        low, high = place.min(), place.max()
        bins = np.minimum((_REGIONS * (place - low) / (high - low)).astype(int), _REGIONS - 1)
        kept, index = np.unique(bins, return_inverse=True)
        sets = np.stack([every[index == k].mean(0) for k in range(len(kept))])
    error = float((np.abs(sets[index] - every) / scale).max())
    if error > _COARSEST:
        raise ValueError(
            f"`llg`: {_REGIONS} regions, mumax3's most, would be off by {error:.2g} of the largest "
            f"value, more than {_COARSEST:g}"
        )
    return sets, index.reshape(shape), error


def _run(llg: LLG, torque: ZhangLi | None, duration: float) -> list[str]:
    """alpha, the torque, and the run in pieces of the current."""
    alpha, Ms = _number(llg.alpha, "alpha"), float(jnp.max(llg.Ms))
    gamma = _number(llg.gamma, "gamma")
    bare: dict[str, Any] = {"Ms": Ms, "alpha": alpha, "gamma": gamma, "xi": 0.0, "P": 0.0}
    if torque is None:
        one = to_mumax3(**bare)
        return [f"alpha = {alpha!r}", f"GammaLL = {float(one.GammaLL)!r}", f"Run({duration!r})"]
    known: dict[str, Any] = {
        name: _number(getattr(torque, name), name) for name in ("xi", "P", "n0")
    }
    if known["n0"] and np.ptp(np.asarray(llg.Ms)) > 0:
        raise ValueError("`llg`: n0 with Ms that differs from cell to cell is not exported")
    one = to_mumax3(**(bare | known))
    lines = [f"alpha = {float(one.alpha)!r}", f"GammaLL = {float(one.GammaLL)!r}"]
    lines += [f"Pol = {float(one.Pol)!r}", f"Xi = {float(one.Xi)!r}"]
    j = straight(torque.j)
    if not isinstance(j, Piecewise):
        return [*lines, f"J = {_vector(_constant(j, 'ZhangLi'))}", f"Run({duration!r})"]
    times, values = np.asarray(j.times, float), np.asarray(j.values, float)
    if values.shape[1:] != (3,):
        raise ValueError("`llg`: a current that differs from cell to cell is not exported")
    inner = [t for t in times.tolist() if 0 < t < duration]
    stops = [0.0, *inner, duration]
    for a, b in itertools.pairwise(stops):
        first, last = (np.asarray(j(jnp.asarray(t)), float) for t in (a, b))
        ramp = [
            f"{p!r} + {(q - p) / (b - a)!r}*(t - {a!r})"
            for p, q in zip(first.tolist(), last.tolist(), strict=True)
        ]
        lines += [f"J = vector({', '.join(ramp)})", f"Run({b - a!r})"]
    return lines


def _number(value: Any, name: str) -> float:
    number = np.asarray(value, float)
    if np.ptp(number) > 0:
        raise ValueError(f"`llg`: {name} that differs from cell to cell is not exported")
    return float(number.flat[0])


def _constant(value: Any, where: str) -> np.ndarray:
    """(3,) of what does not change."""
    found = None if callable(value) else np.asarray(value, float)
    if found is None or found.shape != (3,):
        raise ValueError(f"`llg`: {where} must be a constant vector (or a Piecewise current)")
    return found


def _vector(v: np.ndarray) -> str:
    return f"vector({', '.join(repr(float(x)) for x in v)})"
