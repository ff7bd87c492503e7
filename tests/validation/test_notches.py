"""Notches in a strip, designed through their edges: what holds a wall, with full magnetostatics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxstt
from fitting.pieces import roughness, smoothed

A, MS = 1.3e-11, 6.8e5
SPIN = {"P": 0.5, "xi": 0.25}
NOTCH_GRID = jaxstt.Grid((128, 32, 1), (4e-9, 4e-9, 2e-9))
HIGH = 128e-9
EDGES = slice(32, 96)
"""Columns whose edges may be cut."""
NOTCH_WALL = 8.8e-9
NOTCH_HARD = 4e4
NOTHING = 0.02
"""Of Ms, A and K, that is left where there is no magnet."""


def density(cut):
    """1 in the magnet, NOTHING outside, the part of the cell's area between; symmetric in x.

    cut: depth of the cut at the lower and upper edge, m, from one end of EDGES to the middle.
    """

    def depth(half):
        both = jnp.concatenate([half, half[::-1]])
        return jnp.zeros(128).at[EDGES].set(smoothed(both, 4e-9, 12e-9))[:, None]

    y = jnp.asarray(NOTCH_GRID.centres("y"))[None, :]
    gone = jnp.clip((depth(cut["low"]) - y + 2e-9) / 4e-9, 0, 1)
    gone = gone + jnp.clip((depth(cut["top"]) - (HIGH - y) + 2e-9) / 4e-9, 0, 1)
    return NOTHING + (1 - NOTHING) * (1 - gone)


def notched(rho, torques=()) -> jaxstt.LLG:
    r = rho[:, :, None]
    bare = 1.4e5 + jaxstt.constants.MU_0 * MS**2 / 2
    energies = (
        jaxstt.Exchange(A * r),
        jaxstt.UniaxialAnisotropy(bare * r),
        jaxstt.UniaxialAnisotropy(-NOTCH_HARD * r, (1, 0, 0)),
        jaxstt.Demag(NOTCH_GRID),
    )
    return jaxstt.LLG(NOTCH_GRID, Ms=MS * r, alpha=0.2, energies=energies, torques=torques)


def straight(q):
    """A straight Bloch wall at q."""
    theta = 2 * jnp.arctan(jnp.exp((jnp.asarray(NOTCH_GRID.centres("x")) - q) / NOTCH_WALL))
    line = jnp.stack([0 * theta, jnp.sin(theta), jnp.cos(theta)])
    return jnp.broadcast_to(line[:, :, None, None], (3, *NOTCH_GRID.shape))


def holding_current(rho):
    """What holds a straight wall at many places against its energy, A/m^2, with magnetostatics.

    j = dE/dq / F,   F = (xi/gamma) int Ms u(j = 1) |d_x m|^2 dV = (xi/gamma) Ms u w t 2/lambda:
    the current through each cross-section is the same, however it flows.
    """
    places = jnp.linspace(126e-9, 386e-9, 53)
    u = jaxstt.torque_coefficients(Ms=MS, alpha=0.2, **SPIN, j=1.0).u
    force = SPIN["xi"] / jaxstt.constants.GAMMA * MS * u * HIGH * 2e-9 * 2 / NOTCH_WALL
    llg = notched(rho)

    def slope(q):
        return jax.jvp(lambda q: jaxstt.total_energy(llg, straight(q)), (q,), (jnp.ones(()),))[1]

    return jax.vmap(slope)(places) / force


def depinning(rho, near: float) -> float:
    """The current that moves the wall out of the notch in 2-D, to 5 %; it flows around the cut."""
    m0 = jaxstt.relax(notched(rho), straight(256e-9), throw=False).m
    flow = jaxstt.current_flow(NOTCH_GRID, rho[:, :, None], 1.0)

    @jax.jit
    def way(j):
        ramp = jaxstt.Piecewise(jnp.asarray([0.0, 3e-9]), jnp.stack([0 * flow, -j * flow]))
        llg = notched(rho, (jaxstt.ZhangLi(ramp, **SPIN),))
        track = jaxstt.WallTracker(NOTCH_GRID)
        q = jaxstt.evolve(llg, m0, np.linspace(0.0, 9e-9, 10), save=track).m.position
        return jnp.max(jnp.abs(q - q[0]))

    low, high = 0.5 * near, 2 * near
    for _ in range(5):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if float(way(middle)) > 150e-9 else (middle, high)
    return (low * high) ** 0.5


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def test_notches_that_hold_harder_and_less_hard() -> None:
    """By 1.3 and more against a triangular notch of the same area, in 2-D with magnetostatics."""
    x = NOTCH_GRID.centres("x")[32:64]
    triangle = np.maximum(0, 12e-9 * (1 - np.abs(x - 256e-9) / 96e-9)) + 0.3e-9
    reference = {"low": jnp.asarray(triangle), "top": jnp.asarray(triangle)}

    def outcome(cut):
        rho = density(cut)
        held = holding_current(rho)
        return {"held": held, "most": jnp.max(held), "area": jnp.sum(1 - rho) / (1 - NOTHING)}

    before = jax.jit(outcome)(reference)
    most, area = float(before["most"]), float(before["area"])
    asked = {
        "raised": fitting.AtLeast("held", lambda x, y: y["most"], 1.6 * most, margin=0.02 * most),
        "lowered": fitting.AtMost(
            "held", lambda x, y: jnp.abs(y["held"]), most / 1.6, margin=0.02 * most
        ),
    }
    measured = {"reference": depinning(density(reference), most)}
    for name, wish in asked.items():
        found = fitting.design(
            outcome,
            {key: fitting.Variable(triangle, 0.0, 40e-9) for key in reference},
            lambda x, y: 1e18 * (roughness(x["low"]) + roughness(x["top"])),
            [fitting.Equal("area", lambda x, y: y["area"], area, within=1.0, unit="cells"), wish],
            max_evaluations=150,
            tolerance=1e-2,
        )
        print(name, found.report())
        assert found.met
        rho = density({k: jnp.asarray(v) for k, v in found.values.items()})
        measured[name] = depinning(rho, found.readings[1].value)
    print({name: f"{j:.3g}" for name, j in measured.items()})
    assert measured["raised"] > 1.3 * measured["reference"]
    assert measured["lowered"] < measured["reference"] / 1.3
