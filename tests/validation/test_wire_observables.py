"""Each observable, made by the Landau-Lifshitz-Gilbert equation along a wire and fitted by wall1d.

The wire knows no (q, phi), no width, no threshold and no drift velocity: what a row says is read
off magnetisations in time, as an experiment would.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from fit_data import measurements, unchecked
from test_pulses import K_PERP, MS, RISE, SAMPLE, TRUTH, A, K

import fitting
import jaxstt

GRID = jaxstt.Grid((448, 1, 1), (2.2e-9,) * 3)
SHORT = jaxstt.Grid((160, 1, 1), GRID.spacing)
MIDDLE = SHORT.shape[0] * 1.1e-9
LAM = np.sqrt(A / K)
STEADY, SOME = 15e-9, 3e-9
"""A tilt relaxes in 1.6 ns; the wall stays within the wire for 18 ns."""
KNOWN = {"K": K, "K_perp": K_PERP}
DIP, HALF = 0.01, 6
"""Part by which K is lower in a stretch of twice so many cells: a defect that holds the wall."""
ALONG = -1.0
"""Sign of j that pushes the wall along +x."""


def wire(j, B, *, grid=GRID, K=K, alpha=TRUTH["alpha"], rise=RISE, duration=1e-6) -> jaxstt.LLG:
    """j along x and B along z, switched on within `rise`, for `duration`."""
    energies = (
        jaxstt.Exchange(A, order=4),
        jaxstt.UniaxialAnisotropy(K, (0, 0, 1)),
        jaxstt.UniaxialAnisotropy(-K_PERP, (1, 0, 0)),
        jaxstt.Zeeman(jaxstt.Pulse(jnp.stack([0 * B, 0 * B, B]), 0.0, duration, rise)),
    )
    current = jaxstt.Pulse(jnp.stack([j, 0 * j, 0 * j]), 0.0, duration, rise)
    torque = jaxstt.ZhangLi(current, P=TRUTH["P"], xi=TRUTH["xi"], order=4)
    return jaxstt.LLG(grid, Ms=MS, alpha=alpha, energies=energies, torques=(torque,))


@jax.jit
def followed(j, B):
    """(velocity, angle) of the wall when it moves steadily."""
    m = jaxstt.bloch_wall(GRID, LAM, position=150e-9, angle=np.pi / 2)
    times = jnp.asarray([0.0, STEADY, STEADY + SOME])
    wall = jaxstt.evolve(wire(j, B), m, times, save=jaxstt.WallTracker(GRID)).m
    return (wall.position[2] - wall.position[1]) / SOME, wall.angle[2]


@jax.jit
def pushed(j, duration):
    """The way of the wall by a pulse of current."""
    m = jaxstt.bloch_wall(GRID, LAM, position=160e-9, angle=np.pi / 2)
    times = jnp.stack([0.0 * duration, duration + 20e-9])
    llg = wire(j, 0.0 * j, duration=duration)
    position = jaxstt.evolve(llg, m, times, save=jaxstt.WallTracker(GRID)).m.position
    return position[1] - position[0]


@jax.jit
def escaped(j, B):
    """Whether the wall leaves the dip under drives that grow slowly to these.

    Which states are at rest is no matter of alpha: a large one spares the wait.
    """
    cells = jnp.arange(SHORT.shape[0], dtype=float)
    inside = jnp.abs(cells - SHORT.shape[0] / 2 + 0.5) < HALF
    dip = jnp.where(inside, K * (1 - DIP), K)[:, None, None]
    m = jaxstt.bloch_wall(SHORT, LAM, position=MIDDLE, angle=np.pi / 2)
    llg = wire(j, B, grid=SHORT, K=dip, alpha=0.4, rise=15e-9)
    wall = jaxstt.evolve(llg, m, jnp.asarray([0.0, 35e-9]), save=jaxstt.WallTracker(SHORT)).m
    return jnp.abs(wall.position[1] - MIDDLE) > HALF * 2.2e-9 + 5 * LAM


def threshold(leaves, high: float) -> float:
    """Where `leaves` turns true between 0 and `high`, to 0.4 %."""
    low = 0.0
    assert leaves(high)
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (low, middle) if leaves(middle) else (middle, high)
    return (low + high) / 2


@functools.cache
def drift(j: float) -> float:
    """U by the Doppler shift of a spin wave in a ring, without a wall."""
    n, waves = 128, 4
    ring = jaxstt.Grid((n, 1, 1), (2.2e-9,) * 3, periodic=(True, False, False))
    k = 2 * np.pi * waves / (n * 2.2e-9)
    x = 2.2e-9 * np.arange(n)
    wave = 1e-3 * np.stack([np.cos(k * x), np.sin(k * x), 0 * x])
    m = jnp.asarray(wave + np.array([[0.0], [0.0], [1.0]]))[:, :, None, None]
    m = m / jnp.linalg.norm(m, axis=0, keepdims=True)
    energies = (jaxstt.Exchange(A, order=4), jaxstt.UniaxialAnisotropy(K, (0, 0, 1)))

    def phase(m):
        c, s = (f(k * x)[:, None, None] for f in (np.cos, np.sin))
        return jnp.arctan2(jnp.sum(m[1] * c - m[0] * s), jnp.sum(m[0] * c + m[1] * s))

    @jax.jit
    def turned(j):
        torque = jaxstt.ZhangLi(j, P=TRUTH["P"], xi=TRUTH["xi"], order=4)
        llg = jaxstt.LLG(ring, Ms=MS, alpha=TRUTH["alpha"], energies=energies, torques=(torque,))
        end = jaxstt.evolve(llg, m, jnp.asarray([0.0, 1e-11]), save=lambda t, m: phase(m)).m
        return end[1] - end[0]

    # (u.grad)m carries a wave along -u: its phase at a point grows by +U k t.
    change = float(turned(jnp.asarray([j, 0.0, 0.0])) - turned(jnp.asarray([-j, 0.0, 0.0])))
    return change / 2 / (k * 1e-11)


def rows_of(rows, relative: float = 0.02) -> fitting.Measurements:
    """rows: (observable, j, B, value), each with this error."""
    return measurements([(*row, relative * abs(row[3])) for row in rows], SAMPLE, TRUTH)


def with_noise(data: fitting.Measurements, seed: int) -> fitting.Measurements:
    noise = np.random.default_rng(seed).standard_normal(len(data))
    return dataclasses.replace(data, value=data.value + data.std * noise)


def holds(fit: fitting.Fit, *names: str) -> None:
    """The truth lies within the intervals of these, which say something."""
    assert fit.converged and fit.chi2 < 3 * fit.dof + 3
    for name in names:
        ends = fit.intervals[name]
        assert ends is not None and ends[0] < TRUTH[name] < ends[1], (name, ends)
        assert (fit.std[name] or 1.0) < 0.1 * TRUTH[name]


def settled(rows, free: str, **fixed: float) -> None:
    """Rows without noise, good to 2 %, give the truth within one standard deviation."""
    known = {**KNOWN, **fixed}
    start = {free: TRUTH[free]}  # the signs of P and -P tilt a wall alike
    fit = unchecked(rows_of(rows), free=(free,), fixed=known, nuisance=(), start=start)
    holds(fit, free)
    assert abs(fit.values[free] - TRUTH[free]) < (fit.std[free] or 0.0)


def tilts():
    rest = float(followed(0.0, 0.0)[1])
    for j in (2e11, 4e11):
        yield "wall_tilt", ALONG * j, 0.0, abs(float(followed(ALONG * j, 0.0)[1]) - rest)


def mobility():
    B = 5e-4
    return "field_mobility", 0.0, 0.0, float(followed(0.0, B)[0]) / B


def efficiency():
    """The field whose wall moves as that of the current does, per current."""
    j, B = 5e10, 1e-4
    by_current, by_field = float(followed(ALONG * j, 0.0)[0]), float(followed(0.0, B)[0])
    return "drive_efficiency", 0.0, 0.0, by_current / by_field * B / j


def velocities():
    for j in (1e11, 3e11):
        yield "wall_velocity", ALONG * j, 0.0, float(followed(ALONG * j, 0.0)[0])


def test_tilts_of_a_wire() -> None:
    """|sin 2 phi| is proportional to (xi - alpha) P: with xi and alpha known it tells P."""
    settled(list(tilts()), "P", xi=TRUTH["xi"], alpha=TRUTH["alpha"])


def test_mobility_of_a_wire() -> None:
    settled([mobility()], "alpha", xi=TRUTH["xi"], P=TRUTH["P"])


def test_efficiency_of_a_wire() -> None:
    settled([efficiency()], "xi", P=TRUTH["P"], alpha=TRUTH["alpha"])


def test_drift_of_a_spin_wave() -> None:
    rows = [("drift_velocity", j, 0.0, drift(j)) for j in (5e11, 1e12)]
    assert all(row[3] > 0 for row in rows)
    settled(rows, "P", xi=TRUTH["xi"])


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_pinned_walls_of_a_wire(sign) -> None:
    """Fields beside currents, and a current beside a field, that free a wall from a dip in K."""
    rows = []
    for j in (0.0, 1e11, -1e11):
        found = threshold(lambda B, j=j: bool(escaped(j, sign * B)), 4e-3)
        rows.append(("depinning_field", j, 0.0, sign * found))
    alone = rows[0][3]
    B = 0.4 * alone
    found = threshold(lambda j: bool(escaped(sign * ALONG * j, B)), 8e11)
    rows.append(("depinning_current", 0.0, B, sign * ALONG * found))
    data = with_noise(rows_of(rows, 0.01), 5)
    known = {**KNOWN, "P": TRUTH["P"], "alpha": TRUTH["alpha"]}
    fit = unchecked(data, free=("xi", "B_pin"), fixed=known, nuisance=())
    holds(fit, "xi")
    ends = fit.intervals["B_pin"]
    assert ends is not None and ends[0] < abs(alone) < ends[1]


def test_a_file_of_six_kinds() -> None:
    """What no single kind fixes, all together do."""
    pulses = [
        ("displacement", ALONG * 1.4e12, 0.0, float(pushed(ALONG * 1.4e12, d)), d)
        for d in (2e-9, 3e-9)
    ]
    rows = [*velocities(), *tilts(), mobility(), efficiency(), *(p[:4] for p in pulses)]
    rows.append(("drift_velocity", 5e11, 0.0, drift(5e11)))
    assert len({row[0] for row in rows}) == 6
    data = with_noise(rows_of(rows), 6)
    duration = np.full(len(rows), np.nan)
    duration[[i for i, row in enumerate(rows) if row[0] == "displacement"]] = [p[4] for p in pulses]
    data = dataclasses.replace(data, duration=duration, rise=np.where(duration > 0, RISE, np.nan))
    fit = unchecked(data, fixed=KNOWN, nuisance=())
    holds(fit, "xi", "P", "alpha")
