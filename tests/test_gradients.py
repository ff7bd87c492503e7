"""Every derivative of every parameter, as a number and as a field, in both modes, once.

All energies and torques stand in one magnet; a value is read off the state at rest, off the steady
wall, or off a run, and each parameter is moved along a direction of its own (a field: cell by cell
at random).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from diffrax import ForwardMode

import jaxstt
from jaxstt._core import Kind

pytestmark = pytest.mark.thorough

MASK = np.ones((5, 3, 2), bool)
MASK[0, 0] = MASK[4, 2, 1] = False
PIECE = jaxstt.Grid(MASK.shape, (3e-9, 4e-9, 5e-9), mask=jnp.asarray(MASK))
WIRE = jaxstt.Grid((40, 1, 1), (2e-9, 4e-9, 5e-9))
GRIDS = {"relax": PIECE, "evolve": PIECE, "steady_wall": WIRE}
DEMAGS = {grid: jaxstt.Demag(g) for grid, g in (("piece", PIECE), ("wire", WIRE))}
TIMES = np.linspace(0, 2e-12, 4)


class _Maker:
    """Values as they are, or as fields with 10 % of noise on this grid."""

    def __init__(self, grid: jaxstt.Grid, kind: str):
        self.grid, self.kind, self.random = grid, kind, np.random.default_rng(7)

    def __call__(self, value, vector=False):
        value = np.asarray(value, float)
        if self.kind == "number":
            return jnp.asarray(value)
        noise = 1 + 0.1 * self.random.uniform(-1, 1, self.grid.shape)
        return jnp.asarray(value[..., None, None, None] * noise if vector else value * noise)


def _magnet(grid: jaxstt.Grid, kind: str) -> jaxstt.LLG:
    v = _Maker(grid, kind)
    if grid is WIRE:  # with all terms it takes minutes to compile: tests/validation
        return _wall_in_wire(v)
    return everything(v, grid)


def everything(v: _Maker, grid: jaxstt.Grid) -> jaxstt.LLG:
    energies = (
        jaxstt.Exchange(v(1.3e-11)),
        jaxstt.UniaxialAnisotropy(v(4e5), (0.05, 0.1, 1.0)),
        jaxstt.UniaxialAnisotropy(v(-1e5), (1.0, 0.1, 0.0)),
        jaxstt.ShapeAnisotropy((0.1, 0.2, 0.7)),
        jaxstt.CubicAnisotropy(v(1e4), v(-2e4), (1.0, 1.0, 0.0), (1.0, -1.0, 1.0)),
        jaxstt.InterfacialDMI(v(2e-4), A=v(1.3e-11)),
        jaxstt.BulkDMI(v(3e-4), A=v(1.3e-11)),
        DEMAGS["piece" if grid is PIECE else "wire"],
        *([jaxstt.InterlayerExchange(-2e-4, 1e-4)] if grid.shape[2] > 1 else []),
        jaxstt.Zeeman(v((0.01, -0.02, 0.003), vector=True)),
        jaxstt.Zeeman(jaxstt.Sinusoid(jnp.array([0.0, 0.01, 0.002]), 1e11, 0.3)),
    )
    torques = (
        jaxstt.ZhangLi(
            v((4e11, 1e11, 2e11), vector=True), P=v(0.6), xi=v(0.2), n0=v(4e4),
            theta_H=v(0.1), P_H=v(1.5), field_on_electrons=True,
        ),
        jaxstt.NonlocalSTT(3e11, P=v(0.5), xi=0.1, Delta=4e-20, v_F=3e5),
        jaxstt.SpinMotiveDamping(v(1e7), P=v(0.3), xi=v(0.1)),
        jaxstt.Slonczewski(
            v(1e10), (0.6, 0.0, 0.8), P=v(0.4), thickness=v(3e-9), Lambda=v(1.5),
            epsilon_prime=v(0.02),
        ),
        jaxstt.SpinOrbit(
            v((1e10, -5e9, 0.0), vector=True), theta_DL=v(0.1), theta_FL=v(-0.03),
            thickness=v(2e-9),
        ),
    )  # fmt: skip
    return jaxstt.LLG(grid, Ms=v(8e5), alpha=v(0.1), energies=energies, torques=torques)


def _wall_in_wire(v: _Maker) -> jaxstt.LLG:
    """A wall that is far from breakdown."""
    energies = (
        jaxstt.Exchange(v(1.3e-11)),
        jaxstt.UniaxialAnisotropy(v(4e5)),
        jaxstt.UniaxialAnisotropy(v(-2e5), (1.0, 0.1, 0.0)),
        jaxstt.InterfacialDMI(v(2e-4), A=v(1.3e-11)),
        DEMAGS["wire"],
        jaxstt.Zeeman(v((0.005, -0.01, 0.001), vector=True)),
    )
    torques = (
        jaxstt.ZhangLi(v((-1e11, 0.0, 0.0), vector=True), P=v(0.6), xi=v(0.2), n0=v(4e4)),
        jaxstt.SpinOrbit(
            v((1e9, -5e8, 0.0), vector=True), theta_DL=v(0.1), theta_FL=v(0.3), thickness=v(2e-9)
        ),
    )
    return jaxstt.LLG(WIRE, Ms=v(4e5), alpha=v(0.3), energies=energies, torques=torques)


def _start(grid: jaxstt.Grid):
    if grid is WIRE:
        return jaxstt.bloch_wall(grid, 6e-9, position=39e-9, angle=np.pi / 2)
    noise = jax.random.normal(jax.random.key(3), (3, *grid.shape))
    m = jnp.where(
        jnp.asarray(MASK), jnp.array([0.3, 0.2, 1.0])[:, None, None, None] + 0.3 * noise, 0
    )
    return m / jnp.where(jnp.asarray(MASK), jnp.sqrt(jnp.sum(m**2, axis=0)), 1.0)[None]


def _value(what: str, forward: bool):
    """A number from the magnet; of all cells with weights, none of them alike."""
    grid = GRIDS[what]
    m0, weight = _start(grid), jax.random.normal(jax.random.key(4), (3, *grid.shape))

    def value(llg):
        if what == "relax":
            return jnp.sum(weight * jaxstt.relax(llg, m0, tol=1e-12).m)
        if what == "steady_wall":
            wave = jaxstt.steady_wall(llg, m0, tol=1e-9)
            return jnp.sum(weight * wave.m) + wave.velocity / 10
        adjoint = ForwardMode() if forward else None
        solver = jaxstt.FixedStep(1e-13)
        sol = jaxstt.evolve(llg, m0, TIMES, solver=solver, adjoint=adjoint)
        return jnp.sum(weight * sol.m[-1])

    return value


def _name(path) -> str:
    return jax.tree_util.keystr(path)


def _directions(parameters):
    """name: a tree that is zero but for one parameter, there of its size and at random."""
    random = np.random.default_rng(11)
    leaves, tree = jax.tree_util.tree_flatten_with_path(parameters)
    zeros = [jnp.zeros_like(x) for _, x in leaves]
    found = {}
    for i, (path, x) in enumerate(leaves):
        noise = random.uniform(0.3, 1, x.shape) * random.choice([-1, 1], x.shape)
        one = [*zeros]
        one[i] = jnp.asarray(noise * max(float(jnp.max(jnp.abs(x))), 1e-30))
        found[_name(path)] = jax.tree.unflatten(tree, one)
    return found


# Torques do nothing at rest, drives in time nothing but their value at t = 0.
_SILENT = {"relax": ("torques", ".alpha", ".gamma"), "steady_wall": (), "evolve": ()}


@pytest.mark.parametrize("kind", ["number", "field"])
@pytest.mark.parametrize("what", GRIDS)
def test_every_derivative(what: str, kind: str):
    check(what, _magnet(GRIDS[what], kind), {"relax": 15, "steady_wall": 15, "evolve": 30}[what])


def check(what: str, llg: jaxstt.LLG, at_least: int) -> None:
    """Both modes against differences; at_least: how many parameters must make a difference."""
    parameters, rest = eqx.partition(llg, jaxstt.is_parameter(llg))
    value = lambda p, forward=False: _value(what, forward)(eqx.combine(p, rest))  # noqa: E731
    # Two compilations, which take most of the time: the value comes with its forward derivative.
    push = jax.jit(lambda p, d: jax.jvp(lambda p: value(p, True), (p,), (d,)))
    pull = jax.jit(jax.grad(value))(parameters)
    h, wrong, loud = 1e-3, {}, 0
    for name, d in _directions(parameters).items():
        step = lambda k, d=d: push(jax.tree.map(lambda x, y: x + k * h * y, parameters, d), d)[0]  # noqa: E731
        near, far = step(1) - step(-1), step(2) - step(-2)
        expected = float(8 * near - far) / (12 * h)
        forward = float(push(parameters, d)[1])
        reverse = sum(
            float(jnp.sum(a * b)) for a, b in zip(*map(jax.tree.leaves, (pull, d)), strict=True)
        )
        size = max(abs(expected), 1e-2)
        if not (abs(forward - expected) < 1e-5 * size and abs(reverse - expected) < 1e-5 * size):
            wrong[name] = (expected, forward, reverse)
        silent = any(part in name for part in _SILENT[what])
        if silent:
            assert forward == reverse == 0, name
        loud += abs(expected) > 1e-5
    assert not wrong, "\n".join(
        f"{k}: difference {e}, forward {f}, reverse {r}" for k, (e, f, r) in wrong.items()
    )
    assert loud > at_least


def test_fields_are_fields_here():
    """Whatever may be a field is one in the case of fields."""
    llg = _magnet(PIECE, "field")
    for term in (*llg.energies, *llg.torques):
        for name, k in term.kinds.items():
            value = getattr(term, name)
            if k in (Kind.FIELD, Kind.VECTORS) and value is not None and not callable(value):
                assert value.ndim >= 3 or (type(term).__name__, name) == ("NonlocalSTT", "n0")
