"""A run as an OOMMF problem (MIF 2.1) that rebuilds it: each field of material as an OVF file."""

import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from .._core import ArrayLike, write_whole
from .._dynamics import LLG
from .._electron import to_oommf
from .._energy import Demag, Exchange, ShapeAnisotropy, UniaxialAnisotropy, Zeeman
from .._mesh import AbstractDrive, Piecewise
from .._torque import ZhangLi
from ..constants import MU_0
from ._foreign import exported, moments, straight, uniaxial
from ._ovf import write_ovf

_STAGES = 100
_STRAIGHT = 1e-9
"""Part of the largest current by which a current may leave the line that it is on."""


def write_oommf(
    path: str | os.PathLike[str], llg: LLG, m0: ArrayLike, *, duration: float
) -> list[Path]:
    """Write PATH, a MIF 2.1 file for OOMMF, and beside it the start and the fields as OVF.

    Ms, A, K, alpha, P and n0 may differ from cell to cell: each goes into a file of its own, with
    every digit.  Exchange has OOMMF's own mean at the faces.  n0, xi, P, gamma are translated by
    `to_oommf`.  A current along x runs in `Anv_SpinTEvolve`, which comes with OOMMF; another in
    its extension `Anv_SpinTEvolve_3d`.  A `Piecewise` current, or a `Pulse` with edges, must keep
    its direction; it becomes a `u_profile`.  The table has 100 rows, one at each stage's end.

    llg: `LLG` of `Exchange`, `Demag`, `Zeeman`, `UniaxialAnisotropy`, `ShapeAnisotropy` and one
    `ZhangLi` with the same xi everywhere.
    m0: (3, nx, ny, nz).  duration: s.
    Returns the files written, PATH first.

    Raises ValueError for terms that are not exported, a field in T that changes in time, a current
    that does so in another way, periodic axes, and a name of a file that Tcl would read as code.
    OOMMF has stencils of order 2 and another slope of m at the edges: where a wall is at the end of
    the grid, or at cells without Ms, the torque differs.
    Source: OOMMF user's guide, section on Oxs_Ext classes; A. Vanhaverbeke's spintevolve.
    """
    path = Path(path)
    if not re.fullmatch(r"[\w.+-]+", path.name):
        raise ValueError(f"`path` must end in a name of letters, digits and . + - _, got {path}")
    m0, torque = exported(llg, m0, duration)
    files = _Files(path, llg)
    nx, ny, nz = llg.grid.shape
    dx, dy, dz = llg.grid.spacing
    blocks = [
        "# MIF 2.1\n# written by jaxstt",
        f"SetOptions {{\n  basename {path.stem}\n  scalar_output_format %.15g\n}}",
        f"Specify Oxs_BoxAtlas:atlas {{\n  xrange {{0 {nx * dx!r}}}\n  yrange {{0 {ny * dy!r}}}\n"
        f"  zrange {{0 {nz * dz!r}}}\n}}",
        f"Specify Oxs_RectangularMesh:mesh {{\n  cellsize {{{dx!r} {dy!r} {dz!r}}}\n"
        "  atlas :atlas\n}",
        *_energies(llg, files),
        *_evolver(llg, torque, files),
        "Specify Oxs_TimeDriver {\n  evolver :evolver\n  mesh :mesh\n"
        f"  stage_count {_STAGES}\n  stopping_time {duration / _STAGES!r}\n"
        f"  Ms {files.scalar('Ms', moments(llg))}\n"
        f"  m0 {files.vector('m0', m0, ' norm 1')}\n}}",
        "Destination archive mmArchive\nSchedule DataTable archive Stage 1\n"
        f"Schedule Oxs_TimeDriver::Magnetization archive Stage {_STAGES}",
    ]
    files.write()
    write_whole(path, ("\n\n".join(blocks) + "\n").encode())
    return [path, *files.fields]


class _Files:
    """Values for a Specify block: a number as it is, a field by the name of a file."""

    def __init__(self, path: Path, llg: LLG):
        self.path, self.grid, self.fields = path, llg.grid, dict[Path, np.ndarray]()

    def scalar(self, name: str, value: Any) -> str:
        value = np.asarray(value, float)
        if np.ptp(value) == 0:
            return repr(float(value.flat[0]))
        # OOMMF reads vectors only, of which it takes the length; that cannot be negative.
        low = min(float(value.min()), 0.0)
        field = np.zeros((3, *self.grid.shape))
        field[0] = value - low
        vector = self.vector(name, field)
        return f"{{ Oxs_VecMagScalarField {{\n    field {vector}\n    offset {low!r}\n  }}}}"

    def vector(self, name: str, value: Any, more: str = "") -> str:
        value = np.asarray(value, float)
        if value.shape == (3,):
            return f"{{ Oxs_UniformVectorField {{ vector {{{_words(value)}}} }}}}"
        file = self.path.with_name(f"{self.path.stem}_{name}.ovf")
        self.fields[file] = value
        return f"{{ Oxs_FileVectorField {{ file {file.name} atlas :atlas{more} }}}}"

    def write(self) -> None:
        for file, value in self.fields.items():
            write_ovf(file, self.grid, value, title=file.stem)


def _energies(llg: LLG, files: _Files) -> list[str]:
    blocks: list[str] = []
    for i, energy in enumerate(llg.energies):
        kind = type(energy).__name__
        if isinstance(energy, Exchange):
            A = np.asarray(energy.A, float)
            name = "Oxs_ExchangePtwise" if np.ptp(A) > 0 else "Oxs_UniformExchange"
            blocks.append(f"Specify {name}:e{i} {{\n  A {files.scalar(f'A{i}', A)}\n}}")
        elif isinstance(energy, Demag):
            blocks.append(f"Specify Oxs_Demag:e{i} {{}}")
        elif isinstance(energy, Zeeman):
            B = energy.B
            if callable(B):
                raise ValueError("`llg`: a Zeeman field that changes in time is not exported")
            field = files.vector(f"B{i}", B)
            blocks.append(
                f"Specify Oxs_FixedZeeman:e{i} {{\n  multiplier {1 / MU_0!r}\n  field {field}\n}}"
            )
        elif not isinstance(energy, (UniaxialAnisotropy, ShapeAnisotropy)):
            raise ValueError(f"`llg`: {kind} is not exported to OOMMF")
    for i, (K, axis) in enumerate(uniaxial(llg)):
        blocks.append(
            f"Specify Oxs_UniaxialAnisotropy:k{i} {{\n  K1 {files.scalar(f'K{i}', K)}\n"
            f"  axis {{{_words(axis)}}}\n}}"
        )
    return blocks


def _evolver(llg: LLG, torque: ZhangLi | None, files: _Files) -> list[str]:
    Ms = moments(llg)
    bare: dict[str, Any] = {
        # Empty cells have no torque; any Ms will do there.
        "Ms": np.where(Ms > 0, Ms, Ms.max()),
        "alpha": np.asarray(llg.alpha, float),
        "gamma": np.asarray(llg.gamma, float),
        "xi": 0.0,
        "P": 0.0,
    }
    if torque is not None:
        bare |= {name: np.asarray(getattr(torque, name), float) for name in ("xi", "P", "n0")}
    if np.ptp(bare["xi"]) > 0:
        raise ValueError("`llg`: xi that differs from cell to cell is not exported to OOMMF")
    one = to_oommf(**bare, j=1.0)
    lines = [
        f"  alpha {files.scalar('alpha', one.alpha)}",
        f"  gamma_G {files.scalar('gamma', one.gamma_G)}",
    ]
    if torque is None:
        return ["\n".join(["Specify Oxs_RungeKuttaEvolve:evolver {", *lines, "}"])]
    j, profile = _direction(torque.j)
    along = j[0] if j.ndim == 4 else np.full(llg.grid.shape, j[0])
    across = j[1:].any()
    u = np.where(Ms > 0, np.asarray(one.u, float), 0.0)
    if across:
        # u is negative for P > 0: the electrons run against j.
        spread = j if j.ndim == 4 else np.broadcast_to(j[:, None, None, None], (3, *Ms.shape))
        value = files.vector("u", u * spread)
    else:
        value = files.scalar("u", u * along)
    name = "Anv_SpinTEvolve_3d" if across else "Anv_SpinTEvolve"
    lines += [f"  beta {float(np.max(bare['xi']))!r}", f"  u {value}"]
    if profile:
        lines += ["  u_profile UProfile", "  u_profile_args total_time"]
    return [*profile, "\n".join([f"Specify {name}:evolver {{", *lines, "}"])]


def _direction(drive: Any) -> tuple[np.ndarray, list[str]]:
    """The current at its largest, (3,) or a field, and what multiplies it, as Tcl."""
    drive = straight(drive)
    if not isinstance(drive, Piecewise):
        if callable(drive):
            kind = type(drive).__name__ if isinstance(drive, AbstractDrive) else "function"
            raise ValueError(f"`llg`: of currents in time Piecewise is exported, got a {kind}")
        return np.asarray(drive, float), []
    times, values = np.asarray(drive.times, float), np.asarray(drive.values, float)
    flat = values.reshape(len(times), -1)
    largest = flat[np.argmax(np.abs(flat).max(axis=1))]
    if not largest.any():
        return values[0], []
    part = flat @ largest / (largest @ largest)
    if np.abs(flat - np.outer(part, largest)).max() > _STRAIGHT * np.abs(largest).max():
        raise ValueError("`llg`: a current that changes its direction is not exported to OOMMF")
    pairs = "\n".join(f"  {t!r} {s!r}" for t, s in zip(times.tolist(), part.tolist(), strict=True))
    text = f"""# straight lines between (time in s, part of u)
set UPoints {{
{pairs}
}}
proc UProfile {{ t }} {{
  global UPoints
  foreach {{t1 s1}} $UPoints {{
    if {{$t <= $t1}} {{
      if {{![info exists t0]}} {{ return $s1 }}
      return [expr {{$s0 + ($s1 - $s0)*($t - $t0)/($t1 - $t0)}}]
    }}
    set t0 $t1
    set s0 $s1
  }}
  return $s0
}}"""
    return largest.reshape(values.shape[1:]), [text]


def _words(v: np.ndarray) -> str:
    return " ".join(repr(float(x)) for x in v)
