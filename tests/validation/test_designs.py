"""Designs that do what they are for, shown by runs that had no part in the search."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fitting
import jaxstt
from fitting.pieces import cvar, smallest_feature, smoothed, squared

A, K, K_HARD, MS = 1.3e-11, 1.2e5, 8e4, 6.8e5
ALPHA, SPIN = 0.1, {"P": 0.5, "xi": 0.25}
NODES = np.linspace(0.0, 2e-9, 65)
WAY = 500e-9


def pulse(x):
    return jnp.append(x["j"], 0.0)


def heat(x, y):
    return squared(NODES, pulse(x))


@pytest.fixture(autouse=True)
def _double():
    with jax.enable_x64(True):
        yield


def best_square() -> float:
    """Heat of the best square pulse that leaves the collective wall at rest after 500 nm: a scan.

    Refined through the wire (notebook 8) it is 0.1 % less.
    """
    wall = jaxstt.CollectiveWall(A=A, K=K, Kp=K_HARD, Ms=MS, alpha=ALPHA, **SPIN)
    lengths, heights = np.linspace(0.5e-9, 2e-9, 61), np.linspace(1e12, 1e13, 901)

    def square(length, height):
        t = jnp.asarray([0.0, 2e-9, 2.02e-9])
        q = wall.evolve(t, lambda t: jnp.where(t < length, -height, 0.0)).position
        return q[1], (q[2] - q[1]) / 20e-12

    scan = jax.jit(jax.vmap(jax.vmap(square, (None, 0)), (0, None)))
    moved, left = (np.asarray(x) for x in scan(jnp.asarray(lengths), jnp.asarray(heights)))
    warm = heights**2 * lengths[:, None]
    return np.min(warm[(np.abs(moved - WAY) < 5e-9) & (np.abs(left) < 1.0)])


def test_a_pulse_with_far_less_heat_than_the_best_square_one() -> None:
    example = Path(__file__).parents[2] / "examples/pulse.toml"
    found = fitting.design_config(example)
    print(found.report())
    assert found.converged and found.survives, found.report()
    assert found.verified is not None
    way, velocity = found.verified
    assert abs(way.value - WAY) < 5e-9 and abs(velocity.value) < 1.0
    assert found.values["j"].size == 64
    assert found.objective < 0.6 * best_square()  # asked: 0.75; found: 0.57


def draws(seed: int, count: int) -> dict[str, jax.Array]:
    """Ms, K and alpha, 5 % each."""
    rng = np.random.default_rng(seed)
    return {k: jnp.asarray(1 + 0.05 * rng.standard_normal(count)) for k in ("Ms", "K", "alpha")}


TRAP_CELL, TRAP_CELLS = 5e-9, 200
LATE = 4e-9


def trap(x):
    return smoothed(x["K"], TRAP_CELL, 20e-9)


def way_of_wall(scale, x):
    """After a pulse of 2 ns and 2 ns more, of the collective wall."""
    K_here, Ms = K * scale["K"], MS * scale["Ms"]
    wall = jaxstt.CollectiveWall(
        A=A, K=K_here, Kp=K_HARD, Ms=Ms, alpha=ALPHA * scale["alpha"], **SPIN
    )
    width = jnp.sqrt(A / K_here)
    land = jaxstt.Landscape(trap(x) * scale["K"], TRAP_CELL, width=width, Ms=Ms)
    t = jnp.asarray([0.0, LATE])
    drive = jaxstt.Piecewise(NODES, -pulse(x))
    q = wall.evolve(t, drive, landscape=land, position=150e-9, rtol=1e-6).position
    return q[1] - q[0]


def way_of_wire(scale, x):
    """The same through the LLG in 1-D."""
    grid = jaxstt.Grid((TRAP_CELLS, 1, 1), (TRAP_CELL, 50e-9, 2e-9))
    field = (trap(x) * scale["K"])[:, None, None]
    j = pulse(x)
    llg = jaxstt.LLG(
        grid,
        Ms=MS * scale["Ms"],
        alpha=ALPHA * scale["alpha"],
        energies=(
            jaxstt.Exchange(A, order=4),
            jaxstt.UniaxialAnisotropy(field),
            jaxstt.UniaxialAnisotropy(-K_HARD, (1, 0, 0)),
        ),
        torques=(
            jaxstt.ZhangLi(
                jaxstt.Piecewise(NODES, jnp.stack([-j, 0 * j, 0 * j], axis=1)), **SPIN, order=4
            ),
        ),
    )
    m0 = jaxstt.bloch_wall(grid, (A / K) ** 0.5, position=150e-9, angle=np.pi / 2)
    q = jaxstt.evolve(llg, m0, np.array([0.0, LATE]), save=jaxstt.WallTracker(grid)).m.position
    return q[1] - q[0]


def test_a_design_that_does_not_mind_what_the_material_is() -> None:
    """A pulse alone cannot: at rest a wall has moved by (xi/alpha) int u dt.  With a trap it can.

    On 256 draws that the search has not seen, of the collective wall and of the wire.
    """
    few, fresh = draws(1, 64), draws(2, 256)
    flat = jnp.full(TRAP_CELLS, K)
    nominal = dict.fromkeys(few, jnp.asarray(1.0))
    plain = fitting.design(
        lambda x: {"way": way_of_wall(nominal, {**x, "K": flat})},
        {"j": fitting.Variable(np.full(64, 2e12), -2e13, 2e13)},
        heat,
        [fitting.Equal("way", lambda x, y: y["way"], WAY, within=5e-9, unit="m")],
    )
    assert plain.converged
    x = TRAP_CELL * (np.arange(TRAP_CELLS) + 0.5)
    first = K * (1 - 0.1 * np.exp(-(((x - 650e-9) / 80e-9) ** 2)))
    limit = 1.2 * plain.objective
    robust = fitting.design(
        lambda x: {"way": jax.vmap(lambda scale: way_of_wall(scale, x))(few)},
        {
            "j": fitting.Variable(plain.values["j"], -2e13, 2e13),
            "K": fitting.Variable(first, 0.85 * K, 1.001 * K),
        },
        lambda x, y: jnp.sqrt(cvar(((y["way"] - WAY) / 1e-9) ** 2, 0.25)),
        [fitting.AtMost("heat", heat, limit)],
        max_evaluations=120,
        tolerance=1e-3,
    )
    assert robust.met
    designs = {
        "plain": {"j": jnp.asarray(plain.values["j"]), "K": flat},
        "robust": {k: jnp.asarray(v) for k, v in robust.values.items()},
    }
    for model in (way_of_wall, way_of_wire):
        spread = {}
        for name, design in designs.items():
            every = jax.jit(lambda d, m=model: jaxstt.parallel_map(lambda s: m(s, d), fresh))
            ways = np.asarray(every(design))
            spread[name] = ways.std()
            print(f"{model.__name__} {name}: {ways.mean():.4g} +- {ways.std():.2g} m")
            assert abs(ways.mean() - WAY) < 15e-9
        assert spread["robust"] < spread["plain"] / 3, (model, spread)


RATCHET = {"cells": 256, "cell": 2e-9, "width": 64e-9, "thickness": 2e-9, "hard": 4e4}
FILTER = 10e-9


def ratchet_K(x):
    return smoothed(x["K"], RATCHET["cell"], FILTER)


def test_a_ratchet() -> None:
    """Set free by 4e11 A/m^2 one way and by 8e11 the other, in 2-D with full magnetostatics.

    Designed on the collective wall's landscape, with the strip's magnetostatics in K_eff; the
    second search asks for what the first strip lacked (space mapping).
    """
    kd = jaxstt.constants.MU_0 * MS**2 / 2
    bare = 1.4e5 + kd
    sample = fitting.Sample(
        Ms=MS, A=A, K=bare, K_hard=RATCHET["hard"], easy_axis="z", hard_axis="x",
        width=RATCHET["width"], thickness=RATCHET["thickness"],
    )  # fmt: skip
    seen = sample.cross_section()
    wall = jaxstt.CollectiveWall(A=A, K=seen.K_eff, Kp=seen.K_perp, Ms=MS, alpha=0.2, **SPIN)
    width = np.sqrt(A / seen.K_eff)
    per_current = abs(float(wall.field_per_current()))
    inside = jnp.linspace(120e-9, 392e-9, 545)

    def landscape(x):
        B = jaxstt.Landscape(ratchet_K(x), RATCHET["cell"], width=width, Ms=MS)(inside)
        return {"forward": jnp.max(-B) / per_current, "back": jnp.max(B) / per_current}

    strip = Strip(bare, width)
    x = RATCHET["cell"] * (np.arange(RATCHET["cells"]) + 0.5)
    first = bare * (1 - 0.1 * np.exp(-(((x - 256e-9) / 40e-9) ** 2)))
    wanted = {"forward": 4e11, "back": 8e11}
    asked = dict(wanted)
    for _ in range(2):
        found = fitting.design(
            landscape,
            {"K": fitting.Variable(first, 0.8 * bare, bare)},
            lambda x, y: jnp.sum(jnp.diff(ratchet_K(x) / bare) ** 2),
            [
                fitting.Equal(n, lambda x, y, n=n: y[n], j, within=0.01 * j, unit="A/m^2")
                for n, j in asked.items()
            ],
            tolerance=1e-3,
        )
        assert found.converged, found.report()
        profile = np.asarray(ratchet_K({"K": jnp.asarray(found.values["K"])}))
        measured = strip.thresholds(profile, wanted)
        print(measured)
        asked = {n: asked[n] * wanted[n] / measured[n] for n in wanted}
    for name, j in wanted.items():
        assert measured[name] == pytest.approx(j, rel=0.1)
    middle = (profile.min() + profile.max()) / 2
    assert smallest_feature(profile, RATCHET["cell"], middle) > 10e-9
    assert found.values["K"].size == 256


class Strip:
    """The strip in 2-D, on cells of 4 x 8 nm."""

    def __init__(self, bare: float, width: float):
        self.bare, self.wall_width = bare, width
        self.grid = jaxstt.Grid((128, 8, 1), (4e-9, 8e-9, RATCHET["thickness"]))
        self.way = jax.jit(self._way)

    def llg(self, profile, torques=()) -> jaxstt.LLG:
        field = jnp.broadcast_to(profile.reshape(128, 2).mean(1)[:, None, None], self.grid.shape)
        energies = (
            jaxstt.Exchange(A),
            jaxstt.UniaxialAnisotropy(field),
            jaxstt.UniaxialAnisotropy(-RATCHET["hard"], (1, 0, 0)),
            jaxstt.Demag(self.grid),
        )
        return jaxstt.LLG(self.grid, Ms=MS, alpha=0.2, energies=energies, torques=torques)

    def _way(self, profile, m0, j):
        """Largest distance from the start; the current is switched on in 4 ns."""
        ramp = jaxstt.Piecewise(
            jnp.asarray([0.0, 4e-9]), jnp.stack([jnp.zeros(3), jnp.stack([j, 0 * j, 0 * j])])
        )
        llg = self.llg(profile, (jaxstt.ZhangLi(ramp, **SPIN),))
        t = np.linspace(0.0, 14e-9, 15)
        q = jaxstt.evolve(llg, m0, t, save=jaxstt.WallTracker(self.grid)).m.position
        return jnp.max(jnp.abs(q - q[0]))

    def thresholds(self, profile, near: dict[str, float]) -> dict[str, float]:
        """Where the wall leaves the trap, by halving between 0.5 and 1.6 of `near`, to 2 %."""
        profile = jnp.asarray(profile)
        middle = RATCHET["cell"] * (int(np.argmin(profile)) + 0.5)
        m0 = jaxstt.bloch_wall(self.grid, self.wall_width, position=middle, angle=np.pi / 2)
        m0 = jaxstt.relax(self.llg(profile), m0, throw=False).m
        found = {}
        for name, sign in (("forward", -1), ("back", 1)):
            low, high = 0.5, 1.6
            for _ in range(6):
                factor = (low + high) / 2
                gone = float(self.way(profile, m0, sign * factor * near[name])) > 150e-9
                low, high = (low, factor) if gone else (factor, high)
            found[name] = near[name] * (low + high) / 2
        return found


def test_the_gradient_of_a_film() -> None:
    """1024 values of K under a vortex with magnetostatics: against central differences."""
    grid = jaxstt.Grid((128, 32, 1), (4e-9, 4e-9, 3e-9))
    m0 = jaxstt.vortex(grid)

    def averages(x):
        K_here = 1e4 * jnp.repeat(jnp.repeat(x["K"], 2, 0), 2, 1)[:, :, None]
        llg = jaxstt.LLG(
            grid,
            Ms=8e5,
            alpha=0.1,
            energies=(
                jaxstt.Exchange(1.3e-11),
                jaxstt.Demag(grid),
                jaxstt.UniaxialAnisotropy(K_here),
            ),
            torques=(jaxstt.ZhangLi((2e12, 0, 0), **SPIN),),
        )
        save = lambda t, m: jaxstt.average(m, grid)  # noqa: E731
        t = np.array([0.0, 50e-12])
        return jaxstt.evolve(llg, m0, t, save=save, memory=400e6).m[-1]

    variables = {"K": fitting.Variable(np.ones((64, 16)), -10.0, 10.0)}
    off = fitting.check_gradient(averages, variables, lambda x, y: y[0] + 0.3 * y[1])
    print("off by", off)
    assert off < 1e-4
