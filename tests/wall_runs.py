"""A wall under constant drives by the 1-D LLG, started from the collective wall's answer."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jaxstt

GAMMA = 1.7595e11
A, MS = 1.3e-11, 8e5


class Case(NamedTuple):
    """One row of a table of wall runs, in the units of the tables."""

    alpha: float
    xi: float
    u: float = 0.0
    """m/s, along +j"""
    B: float = 0.0
    """T, along the easy axis"""
    eta: float = 0.05
    K: float = 1.3e5
    Kp: float = 1e4
    charge: int = 1
    easy: str = "z"
    v: float = 0.0
    """Expected velocity, m/s."""
    phidot: float = 0.0
    """Expected precession, rad/s; 0 if locked."""

    @property
    def n0(self) -> float:
        return self.eta * MS * (1 + self.xi**2)

    @property
    def j(self) -> float:
        """The current that gives u with P = 1."""
        per_ampere = jaxstt.torque_coefficients(
            Ms=MS, alpha=0.0, xi=self.xi, P=1.0, n0=self.n0, j=1.0
        ).u
        return self.u / float(per_ampere)

    def wall(self) -> jaxstt.CollectiveWall:
        return jaxstt.CollectiveWall(
            A=A,
            K=self.K,
            Kp=self.Kp,
            Ms=MS,
            alpha=self.alpha,
            xi=self.xi,
            P=1.0,
            n0=self.n0,
            gamma=GAMMA,
            charge=self.charge,
        )

    def llg(self, grid: jaxstt.Grid, order: int = 4) -> jaxstt.LLG:
        axes = np.eye(3)
        c = "xyz".index(self.easy)
        return jaxstt.LLG(
            grid,
            Ms=MS,
            alpha=self.alpha,
            gamma=GAMMA,
            energies=(
                jaxstt.Exchange(A, order=order),
                jaxstt.UniaxialAnisotropy(self.K, axes[c]),
                jaxstt.UniaxialAnisotropy(-self.Kp, axes[(c + 2) % 3]),
                jaxstt.Zeeman(self.B * axes[c]),
            ),
            torques=(
                jaxstt.ZhangLi((self.j, 0.0, 0.0), P=1.0, xi=self.xi, n0=self.n0, order=order),
            ),
        )

    def texture(self, grid: jaxstt.Grid, position: float) -> jax.Array:
        motion = self.wall().motion(self.j, self.B)
        make = jaxstt.head_to_head_wall if self.easy == "x" else jaxstt.bloch_wall
        return make(
            grid,
            float(motion.width),
            position=position,
            charge=self.charge,
            angle=float(motion.angle),
        )


def durations(case: Case, half_turns: float = 2.2, settle: float = 4.0) -> tuple[float, float]:
    """(settling time, length of the record), s."""
    wall, motion = case.wall(), case.wall().motion(case.j, case.B)
    c = wall.coefficients()
    relax = float((1 + c.alpha**2) * MS / (2 * c.alpha * c.gamma * abs(case.Kp)))
    # Near breakdown the tilt relaxes more slowly, with cos 2 phi.
    relax /= max(abs(float(jnp.cos(2 * motion.angle))), 0.2)
    if bool(motion.locked):
        return settle * relax, relax
    half = float(np.pi / abs(motion.precession))
    return min(relax, half), half_turns * half


def simulate(
    case: Case, cell: float, samples: int = 96, half_turns: float = 2.2
) -> jaxstt.WallMotion:
    """Mean motion of the wall by the LLG with fourth-order stencils."""
    settle, length = durations(case, half_turns)
    path = float(case.wall().motion(case.j, case.B).velocity) * (settle + length)
    width = float(case.wall().width(0.0))
    cells = 256 * math.ceil((1.2 * abs(path) + 24 * width) / cell / 256)
    grid = jaxstt.Grid((cells, 1, 1), (cell, cell, cell))
    times = np.concatenate([[0.0], np.linspace(settle, settle + length, samples)])
    sol = jaxstt.evolve(
        case.llg(grid),
        case.texture(grid, cells * cell / 2 - path / 2),
        times,
        save=jaxstt.WallTracker(grid, case.easy),
        solver=jaxstt.FixedStep(),
    )
    record = jaxstt.Solution(sol.t[1:], jax.tree.map(lambda x: x[1:], sol.m), {}, sol.result)
    return jaxstt.wall_motion(grid, record, window=(times[1], times[-1]))
