"""The steady wall: the travelling wave as a root, by Newton's method, with implicit derivatives.

Unknowns.  Two coordinates per cell on the sphere (`_Chart`: stereographic from -m0, so that |m| = 1
is no constraint and no direction but one is out of reach) and the velocity v; equations: the wave
stands still in the frame that moves with v, and its place is that of m0 (`_Chart.equations`).

Units.  Rates of a wall are slower than the grid's fastest by (cell/width)^2: `pace` and `speed`
bring all unknowns and equations to order 1, so that one tolerance fits all, in float32 too.

Which root.  At breakdown a stable and an unstable wave meet, and Newton's method goes to either.
`_Newton` carries the slowest mode of the linearised motion along by inverse iteration, which costs
one more right-hand side of the factorised matrix per step; its growth decides.

Derivatives.  d(wave)/dp = -J^-1 df/dp by optimistix' ImplicitAdjoint with the same elimination, or
its transpose: exact to the accuracy of the wave, and nothing of the steps is stored.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jax import Array, lax

from .._core import (
    ArrayLike,
    Vectors,
    axis_index,
    check_count,
    check_tolerance,
    cross,
    dot,
    is_concrete,
    lift,
    normalise,
    once,
)
from .._integrate import RESULTS
from .._mesh import Grid, neighbours, second_difference
from .._observe import count_walls, require_one_wall
from ._bordered_wire import ColumnSolver
from ._evolve import cast, check_state
from ._llg import LLG, warn


class SteadyWall(NamedTuple):
    """What `steady_wall` returns."""

    velocity: Array
    """v, m/s, along +x."""
    m: Array
    """The profile, (3, nx, ny, nz), where the wall of m0 is."""
    residual: Array
    """max |dm/dt + v d_x m|/gamma, T."""
    stats: dict[str, Array]
    """num_steps, of Newton's method."""
    result: RESULTS
    """RESULTS.successful if it is a steady wall, or why not."""


def steady_wall(
    llg: LLG,
    m0: ArrayLike,
    *,
    component: str = "z",
    tol: float | None = None,
    max_steps: int = 30,
    throw: bool = True,
) -> SteadyWall:
    """The wall that moves along x without changing: m(x - v t, y, z).

        f(m) + v d_x m = 0  in the tangent plane at m,      sum a.d_x m0 = 0

    f = dm/dt of `LLG`, at t = 0; d_x to eighth order, so that v is that of `evolve` on the same
    grid.  The unknowns are v and a, the turn in rad from m0 to m, found by Newton's method; the
    second equation keeps the wall where it is in m0.

    llg: with drives that do not change.  m0: (3, nx, ny, nz), unit vectors: a wall, well inside the
    wire, between domains at rest.  component: the one that the wall reverses, "z", or "x" for a
    head-to-head wall.
    tol: the last step changes no direction by more, rad; default 1e-8 (float64), 1e-3 (float32).
    The error is that squared, or rounding.  max_steps: of Newton's method; it takes 3 to 10.
    throw: raise if there is no steady wall; otherwise read `.result`.

    Differentiable in either mode, to any order, in whatever `llg` holds: the derivative is that of
    the solution and does not go through the steps.
    A wall that the ends of the wire pull at has no such motion: with `Demag` and free ends the
    answer is the momentary one at the place of m0, of a head-to-head wall with its end charges.

    Raises ValueError for a wrong m0, tol or max_steps and an m0 without its wall; RuntimeError
    (equinox) if no steady wall is found, as above breakdown, or only an unstable one.
    Source: the steady motion of Schryer and Walker, J. Appl. Phys. 45, 5406 (1974), for any terms.
    """
    axis = axis_index("component", component)
    m0 = check_state(llg, m0)
    tol = (1e-3 if m0.dtype == jnp.float32 else 1e-8) if tol is None else tol
    tol = check_tolerance("tol", tol)
    max_steps = check_count("max_steps", max_steps)
    if llg.grid.periodic[0]:
        walls = count_walls(llg.grid, m0, axis)
        if is_concrete(walls) and int(walls) == 0:
            raise ValueError(f"steady_wall: m_{component} must change sign along x, got no wall")
    else:
        m0 = require_one_wall(llg.grid, m0, component, "steady_wall")
    warn(llg, m0)
    wave = _steady(llg, m0, axis, tol, max_steps)
    if not throw:
        return wave
    v, m = wave.result.error_if(wave[:2], wave.result != RESULTS.successful)
    return wave._replace(velocity=v, m=m)


def _slope(grid: Grid, m: Vectors) -> Vectors:
    """dx d_x m to eighth order.

    A wave on a grid keeps its shape between the cells, so this has to be the true derivative,
    whatever the order of the torque.
    """
    d = second_difference(grid, m, 0)
    dd = second_difference(grid, d, 0)
    ddd = second_difference(grid, dd, 0)
    lower, upper = neighbours(grid, m - d / 6 + dd / 30 - ddd / 140, 0)
    return (upper - lower) / 2


class _Chart(eqx.Module):
    """Unit vectors near m0 by two coordinates per cell, and the equations of the wave in them.

    Stereographic from -m0: with e1, e2 across m0,  m = ((1 - s) m0 + a1 e1 + a2 e2)/(1 + s),
    s = (a1^2 + a2^2)/4.  All but -m0 is reached, and angles are kept: the tangents
    e_i - (a_i/2)(m0 + m) are orthogonal unit vectors.
    """

    m0: Array
    across: tuple[Array, Array]
    pin: Array
    """(nx, c): the coordinates of d_x m0, a unit vector."""
    turning: Array
    """The same of m0 x d_x m0."""
    pace: Array
    """The unit of rates, 1/s."""
    speed: Array
    """The unit of velocity, m/s."""

    def __init__(self, grid: Grid, m0: Array, fastest: Array):
        least = jnp.argmin(jnp.abs(m0), axis=0)
        axis = jnp.stack([(least == i).astype(m0.dtype) for i in range(3)])
        e1 = normalise(cross(m0, axis))
        self.m0, self.across = m0, (e1, cross(m0, e1))
        slope = _slope(grid, m0)
        steepest = jnp.sqrt(jnp.max(dot(slope, slope)))
        steepest = lax.stop_gradient(jnp.where(steepest > 0, steepest, 1.0))
        # Rates of the wall are slower than the grid's fastest by (cell/width)^2.
        self.pace = lax.stop_gradient(fastest.astype(m0.dtype)) * steepest**2
        self.speed = self.pace * (grid.spacing[0] / steepest)
        self.pin, self.turning = (
            x / jnp.sqrt(jnp.sum(x**2))
            for x in (self.coordinates(slope), self.coordinates(cross(m0, slope)))
        )

    def coordinates(self, x: Vectors) -> Array:
        """Components of tangent vectors at m0, (nx, c)."""
        return _columns(*(dot(e, x) for e in self.across))

    def point(self, a: Array) -> Vectors:
        a1, a2 = _cells(self.m0.shape, a)
        s = (a1**2 + a2**2) / 4
        e1, e2 = self.across
        return (lift(1 - s) * self.m0 + lift(a1) * e1 + lift(a2) * e2) / lift(1 + s)

    def equations(self, llg: LLG, y: tuple[Array, Array]) -> tuple[Array, Array]:
        """(da/dt in the co-moving frame, how far the wall is from its place)."""
        a, v = y
        m = once(self.point(a))
        rate = llg.rate(jnp.zeros((), m.dtype), m) / self.pace
        rate = rate + (v * (self.speed / self.pace / llg.grid.spacing[0])) * _slope(llg.grid, m)
        rate = once(rate)
        turned = dot(self.m0 + m, rate) / 2
        ahead = _cells(m.shape, a)
        stretch = 1 + (ahead[0] ** 2 + ahead[1] ** 2) / 4
        rates = [
            stretch * (dot(e, rate) - ai * turned) for e, ai in zip(self.across, ahead, strict=True)
        ]
        f = _columns(*rates)
        if llg.grid.mask is not None:
            solid = _columns(llg.grid.mask, llg.grid.mask)
            f = jnp.where(solid, f, a)  # nothing moves in vacuum
        return f, jnp.sum(self.pin * a)


def _columns(x: Array, y: Array) -> Array:
    """Two numbers per cell as (nx, c)."""
    return jnp.stack([x, y], axis=1).reshape(x.shape[0], -1)


def _cells(shape: tuple[int, ...], a: Array) -> tuple[Array, Array]:
    """The inverse of `_columns`."""
    a = a.reshape(shape[1], 2, *shape[2:])
    return a[:, 0], a[:, 1]


class _Progress(NamedTuple):
    """State of `_Newton`."""

    f: Array
    """Largest remainder before the last step."""
    change: Array
    """Largest change by the last step."""
    mode: Array
    """The slowest change of the wave in time, (nx, c), a unit vector."""
    growth: Array
    """+1 if it grows, -1 if it decays."""
    solved: Array


class _Newton(optx.AbstractRootFinder):
    """Newton's method, which also finds whether the slowest change of the wave grows in time.

    At breakdown the steady wall meets an unstable one, to which Newton's method may go.  The
    Jacobian is that of d(a)/dt; bordered, it leaves out the translation.  What is slowest then is
    the turning of the angle; it is found by inverse iteration along with the steps.
    """

    rtol: float
    atol: float
    linear_solver: ColumnSolver
    norm: Callable = optx.max_norm

    def init(self, fn, y, args, options, f_struct, aux_struct, tags):
        far = jnp.full((), jnp.inf, y[1].dtype)
        return _Progress(far, far, options["mode"], 0 * y[1], jnp.array(True))

    def step(self, fn, y, args, options, state, tags):
        f, product, aux = jax.linearize(lambda y: fn(y, args), y, has_aux=True)
        operator = lx.FunctionLinearOperator(product, jax.eval_shape(lambda: y))
        factors = self.linear_solver.init(operator, {})
        solve = jax.vmap(lambda b: self.linear_solver.compute(factors, b, {})[:2])
        mode = (state.mode, jnp.zeros_like(y[1]))
        (x, v), results = solve(jax.tree.map(lambda a, b: jnp.stack([a, b]), f, mode))
        size = jnp.sqrt(jnp.sum(x[1] ** 2))
        new = x[1] / jnp.where(size > 0, size, 1.0)
        change = (x[0], v[0])
        y = jax.tree.map(jnp.subtract, y, change)
        fine = jnp.all(results == lx.RESULTS.successful)
        progress = _Progress(self.norm(f), self.norm(change), new, jnp.sum(new * state.mode), fine)
        return y, progress, aux

    def terminate(self, fn, y, args, options, state, tags):
        done = (state.f < self.atol) & (state.change < self.atol)
        failed = optx.RESULTS.where(
            state.solved, optx.RESULTS.successful, optx.RESULTS.nonlinear_divergence
        )
        return done | ~state.solved, failed

    def postprocess(self, fn, y, aux, args, options, state, tags, result):
        return y, aux, {}


def _equations(y, args):
    llg, chart = args
    return chart.equations(llg, y)


@eqx.filter_jit
def _steady(llg: LLG, m0: Array, axis: int, tol: float, max_steps: int) -> SteadyWall:
    chart = _Chart(llg.grid, m0, llg.stiffness())
    llg = cast(llg, m0.dtype)
    solver = _linear_solver(llg.grid, chart)
    start = (jnp.zeros_like(chart.pin), jnp.zeros((), m0.dtype))
    found = optx.root_find(
        _equations,
        _Newton(rtol=tol, atol=tol, linear_solver=solver),
        start,
        (llg, chart),
        options={"mode": lax.stop_gradient(chart.turning)},
        max_steps=max_steps,
        adjoint=optx.ImplicitAdjoint(solver),
        throw=False,
    )
    m, v = chart.point(found.value[0]), found.value[1] * chart.speed
    both = jax.tree.map(lambda a, b: jnp.stack([a, b]), start, found.value)
    f = jax.vmap(lambda y: chart.equations(llg, y)[0])(both)
    left = jnp.max(jnp.abs(f), axis=(1, 2)) * chart.pace / llg.gamma
    walls = count_walls(llg.grid, jnp.stack([m0, m]), axis)
    result = RESULTS.where(found.state.growth > 0.5, RESULTS.unstable_wave, RESULTS.successful)
    wave = (found.result == optx.RESULTS.successful) & (walls[0] == walls[1])
    wave = wave & jnp.isfinite(left[1])
    result = RESULTS.where(wave, result, RESULTS.no_wave)
    result = RESULTS.where(jnp.isfinite(left[0]), result, RESULTS.not_finite)
    return SteadyWall(v, m, left[1], {"num_steps": found.stats["num_steps"]}, result)


def _linear_solver(grid: Grid, chart: _Chart) -> ColumnSolver:
    """In a wire the couplings of all stencils are eliminated, in a strip the nearest ones."""
    reach = 4 if grid.shape[1] * grid.shape[2] <= 4 else 1
    rtol = 1e-6 if chart.pin.dtype == jnp.float32 else 1e-12
    return ColumnSolver(lax.stop_gradient(chart.pin), min(reach, grid.shape[0]), rtol)
