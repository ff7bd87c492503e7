"""Linear equations of a wire: blocks along x, bordered by the velocity of a wave.

The problem.  Newton's step for a steady wall solves, for every cell's two angles x and for v,

    (J  c) (x)   (f)        J = df/da, c = df/dv (the slope of the wall), p the row that pins the
    (p' 0) (v) = (0)        wall to its place; J c0 ~ 0 for the translation c0.

J couples neighbours along x (four columns away with the slope of eighth order), so in blocks of
`reach` columns it is block tridiagonal, and with `Demag` it is full, but the rest is weak.

Why not the plain bordered elimination.  J is singular to the accuracy of the wave: the translation
costs nothing.  Solving with J and correcting by the border (Schur) loses all digits; and a sweep
through the wall meets the singular block wherever the wall happens to be.  So the elimination runs
from both ends inwards,

    x[k] = g[k] - C[k] x[k + 1],    C[k] = (D[k] - L[k] C[k-1])^-1 U[k],    g[k] likewise,

over parts that hold no whole wall and are regular (domains are stiff), and meets in the block where
the wall is.  There what is left, bordered by c and by the pin of that block, is a small regular
matrix, inverted with pivots.  `_eliminate` sets the rest of the row p right by a second solution.

Why not a kept solver.  lineax has no block tridiagonal one.  Its GMRES with this elimination as
preconditioner gives the same wave, but runs whole restart cycles where one step is all: measured
2 to 10 times slower than `_gcr` and twice as long to compile (wire of 256 cells with and without
`Demag`, strip of 128 x 16; with restart=1 the strip fails).  GCR minimises the true remainder,
which is what `rtol` speaks of, and stops after any step.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import lineax as lx
from jax import Array, lax


class _Bordered(NamedTuple):
    """The matrix: blocks from the left, the middle and the right, and the border."""

    lower: Array
    """(n, b, b): what block k - 1 does to block k."""
    middle: Array
    upper: Array
    column: Array
    """(nx, c): what the last unknown does."""
    row: Array
    """(nx, c): the last equation; the corner is 0."""


class _Factors(NamedTuple):
    """The elimination; a leading 2 counts the sweep from the left and the mirrored other one."""

    lower: Array
    """(n, 2, b, b): what the block before does."""
    inverse: Array
    """(n, 2, b, b): of the blocks after elimination."""
    coupling: Array
    """(n, 2, b, b): x[k] = g[k] - coupling[k] x[k + 1]."""
    column: Array
    """(n, 2, b): g of the column."""
    centre: Array
    """(b + 1, b + 1): inverse of what is left at the block in the wall and v."""
    where: Array
    """The number of that block."""


class ColumnSolver(lx.AbstractLinearSolver):
    """Solve  A (x, v) = (f, p)  with x, f of shape (nx, c) and numbers v, p.

    row: (nx, c), the last equation of A: p = sum row x.
    A couples columns of cells mostly to columns at most `reach` away, any x to v and to p.

    The couplings within `reach` are read off A by (2 reach + 1) c products, coloured, and
    eliminated block by block from both ends of the wire towards the block in the wall, where v is
    found: a wave may be anywhere along the wire, so that without v the matrix is nearly singular,
    and its parts that do not hold all of the wall are not.  What lies beyond `reach` (none in a
    wire with short stencils) is left to iterations: GCR with the elimination as preconditioner.
    """

    row: Array
    reach: int
    rtol: float
    max_steps: int = 60
    keep: int = 30

    def init(self, operator: lx.AbstractLinearOperator, options: dict[str, Any]):
        operator = lx.linearise(operator)
        matrix = _read(operator, self.reach, self.row)
        return operator, matrix, _factor(matrix)

    def compute(self, state, vector, options: dict[str, Any]):
        operator, matrix, factors = state
        solution, left, steps = _gcr(
            operator.mv,
            lambda b: _eliminate(matrix, factors, b),
            vector,
            self.rtol,
            self.max_steps,
            self.keep,
        )
        size = _norm(vector)
        # Rounding may keep the remainder above rtol; what matters is checked on the wave itself.
        fine = jnp.isfinite(left) & (left <= 0.5 * size)
        result = lx.RESULTS.where(fine, lx.RESULTS.successful, lx.RESULTS.breakdown)
        return solution, result, {"num_steps": steps}

    def transpose(self, state, options: dict[str, Any]):
        operator, matrix, _ = state
        matrix = _transposed(matrix)
        return (operator.T, matrix, _factor(matrix)), options

    def conj(self, state, options: dict[str, Any]):
        return state, options

    def assume_full_rank(self) -> bool:
        return True


Pair = tuple[Array, Array]


def _read(operator: lx.AbstractLinearOperator, reach: int, row: Array) -> _Bordered:
    """The blocks and the border of A."""
    (nx, c), dtype = row.shape, row.dtype
    x = jnp.arange(nx)
    period = 2 * reach + 1

    def product(k: Array) -> Array:
        """The answer to unknown k % c of every `period`-th column of cells; for the last k to v."""
        mark = ((x % period)[:, None] * c + jnp.arange(c)[None, :]) == k
        return operator.mv((mark.astype(dtype), (k == period * c).astype(dtype)))[0]

    k = jnp.arange(period * c + 1)
    wire = c <= 8  # in a strip one after the other: memory
    answers = jax.vmap(product)(k) if wire else lax.map(product, k)
    column, answers = answers[-1], answers[:-1].reshape(period, c, nx, c)
    # band[i, d] is what column i + d - reach does to column i.
    other = x[:, None] + jnp.arange(period)[None, :] - reach
    inside = (other >= 0) & (other < nx)
    band = answers[other % period, :, x[:, None], :].swapaxes(2, 3)
    return _Bordered(*_blocks(jnp.where(inside[:, :, None, None], band, 0.0), reach), column, row)


def _blocks(band: Array, reach: int) -> tuple[Array, Array, Array]:
    """The band as blocks of `reach` columns; the last block is filled up with the unit matrix."""
    nx, _, c, _ = band.shape
    n = -(-nx // reach)
    extra = jnp.zeros((n * reach - nx, *band.shape[1:]), band.dtype)
    extra = extra.at[:, reach].set(jnp.eye(c, dtype=band.dtype))
    band = jnp.concatenate([band, extra]).reshape(n, reach, 2 * reach + 1, c, c)
    wide = jnp.zeros((n, reach, c, 3 * reach, c), band.dtype)
    for s in range(reach):
        wide = wide.at[:, s, :, s : s + 2 * reach + 1].set(band[:, s].swapaxes(1, 2))
    wide = wide.reshape(n, reach * c, 3, reach * c)
    return wide[:, :, 0], wide[:, :, 1], wide[:, :, 2]


def _transposed(matrix: _Bordered) -> _Bordered:
    flip = lambda a: a.swapaxes(1, 2)  # noqa: E731
    return _Bordered(
        lower=flip(jnp.roll(matrix.upper, 1, axis=0)),
        middle=flip(matrix.middle),
        upper=flip(jnp.roll(matrix.lower, -1, axis=0)),
        column=matrix.row,
        row=matrix.column,
    )


def _split(matrix: _Bordered, x: Array) -> Array:
    """(nx, c) as (n, b), filled up with zeros."""
    n, b, _ = matrix.middle.shape
    flat = x.ravel()
    return jnp.concatenate([flat, jnp.zeros(n * b - flat.size, flat.dtype)]).reshape(n, b)


def _factor(matrix: _Bordered) -> _Factors:
    b = matrix.middle.shape[1]
    lower, upper = (
        jnp.stack([x, y[::-1]], axis=1)
        for x, y in ((matrix.lower, matrix.upper), (matrix.upper, matrix.lower))
    )

    def step(coupling, blocks):
        lower, middle, upper = blocks
        inverse = _inverse(middle - lower @ coupling)
        coupling = inverse @ upper
        return coupling, (inverse, coupling)

    start = jnp.zeros((2, b, b), matrix.middle.dtype)
    _, (inverse, coupling) = lax.scan(step, start, (lower, _both(matrix.middle), upper))
    # One block of the wall stands in for the whole last equation until the end.
    pin, column = _split(matrix, matrix.row), _split(matrix, matrix.column)
    where = jnp.argmax(jnp.sum(pin**2, axis=1))
    g = _sweep(lower, inverse, column)
    beside = _neighbours(coupling, where)
    left = matrix.middle[where] - lower[where, 0] @ beside[0] - upper[where, 0] @ beside[1]
    top = jnp.concatenate([left, _left(matrix, g, column, where)[:, None]], axis=1)
    bottom = jnp.concatenate([pin[where], jnp.zeros(1, pin.dtype)])[None]
    centre = jnp.linalg.inv(jnp.concatenate([top, bottom]))  # with pivots: `left` is singular
    return _Factors(lower, inverse, coupling, g, centre, where)


def _inverse(a: Array, size: int = 8) -> Array:
    """Inverses of square matrices, by Gauss-Jordan steps of `size` rows.

    LAPACK on larger ones uses threads, which on a busy machine take 100 times longer.
    """
    b = a.shape[-1]
    if b <= size:
        return jnp.linalg.inv(a)
    more = -b % size
    a = jnp.pad(a, [(0, 0)] * (a.ndim - 2) + [(0, more), (0, more)])
    a = a + jnp.diag((jnp.arange(b + more) >= b).astype(a.dtype))[(None,) * (a.ndim - 2)]

    def step(i: Array, a: Array) -> Array:
        k = i * size
        columns = lax.dynamic_slice_in_dim(a, k, size, axis=-1)
        rows = lax.dynamic_slice_in_dim(a, k, size, axis=-2)
        pivot = jnp.linalg.inv(lax.dynamic_slice_in_dim(rows, k, size, axis=-1))
        rows = lax.dynamic_update_slice_in_dim(pivot @ rows, pivot, k, axis=-1)
        # In the columns of the pivot stands the inverse that grows there.
        a = lax.dynamic_update_slice_in_dim(a, jnp.zeros_like(columns), k, axis=-1)
        return lax.dynamic_update_slice_in_dim(a - columns @ rows, rows, k, axis=-2)

    return lax.fori_loop(0, (b + more) // size, step, a)[..., :b, :b]


def _both(x: Array) -> Array:
    """x and its mirror image along the wire, (n, 2, ...)."""
    return jnp.stack([x, x[::-1]], axis=1)


def _sweep(lower: Array, inverse: Array, f: Array) -> Array:
    """g, (n, 2, b), from f, (n, b)."""

    def step(g, blocks):
        lower, inverse, f = blocks
        g = _times(inverse, f - _times(lower, g))
        return g, g

    return lax.scan(step, jnp.zeros_like(_both(f)[0]), (lower, inverse, _both(f)))[1]


def _times(matrix: Array, x: Array) -> Array:
    return jnp.einsum("...ij,...j->...i", matrix, x)


def _neighbours(x: Array, where: Array) -> tuple[Array, Array]:
    """The entries of the two sweeps next to the block `where` (at an end what is there is 0 x)."""
    n = x.shape[0]
    return x[(where - 1) % n, 0], x[(n - 2 - where) % n, 1]


def _left(matrix: _Bordered, g: Array, f: Array, where: Array) -> Array:
    """The right-hand side left at the block `where`, (b,)."""
    left, right = _neighbours(g, where)
    return f[where] - matrix.lower[where] @ left - matrix.upper[where] @ right


def _pinned(matrix: _Bordered, factors: _Factors, f: Array, pin: Array) -> Pair:
    """(x, v) that solves all but the last equation, with `pin` for the block in the wall."""
    n, b = f.shape
    where = factors.where
    g = _sweep(factors.lower, factors.inverse, f)
    middle = factors.centre @ jnp.append(_left(matrix, g, f, where), pin)
    x, v = middle[:b], middle[b]
    g = g - v * factors.column
    ends = jnp.stack([where, n - 1 - where])[:, None]

    def step(x, blocks):
        k, g, coupling = blocks
        new = jnp.where(k < ends, g - _times(coupling, x), x)
        return new, new

    start = jnp.stack([x, x])
    _, x = lax.scan(step, start, (jnp.arange(n), g, factors.coupling), reverse=True)
    return jnp.where(jnp.arange(n)[:, None] <= where, x[:, 0], x[::-1, 1]), v


def _eliminate(matrix: _Bordered, factors: _Factors, b: Pair) -> Pair:
    """A^-1 b, without what couples beyond `reach`."""
    row, f = _split(matrix, matrix.row), _split(matrix, b[0])
    # The second solution changes only the last equation, and is added until that is right too.
    pins = jnp.array([0, 1], f.dtype)
    (x, free), (v, w) = jax.vmap(lambda f, pin: _pinned(matrix, factors, f, pin))(
        jnp.stack([f, jnp.zeros_like(f)]), pins
    )
    a = (b[1] - jnp.sum(row * x)) / jnp.sum(row * free)
    x = (x + a * free).ravel()[: b[0].size].reshape(b[0].shape)
    return x, v + a * w


def _norm(b: Pair) -> Array:
    return jnp.sqrt(jnp.sum(b[0] ** 2) + b[1] ** 2)


def _gcr(product, precondition, b: Pair, rtol: float, max_steps: int, keep: int):
    """Generalised conjugate residuals: (x, |b - A x|, steps).

    Each step adds the preconditioned remainder, made orthogonal (in A) to the last `keep` of them;
    with an exact preconditioner one step is all.
    """
    flat = lambda x: jnp.append(x[0].ravel(), x[1])  # noqa: E731
    pair = lambda x: (x[:-1].reshape(b[0].shape), x[-1])  # noqa: E731
    r = flat(b)
    goal = rtol * _norm(b)

    def going(state):
        _, r, _, _, k = state
        return (jnp.sqrt(jnp.sum(r**2)) > goal) & (k < max_steps)

    def step(state):
        x, r, steps, images, k = state
        z = flat(precondition(pair(r)))
        q = flat(product(pair(z)))
        for _ in range(2):  # twice is enough
            known = images @ q
            z, q = z - known @ steps, q - known @ images
        size = jnp.sqrt(jnp.sum(q**2))
        size = jnp.where(size == 0, 1.0, size)
        z, q = z / size, q / size
        a = jnp.sum(q * r)
        slot = k % keep
        return x + a * z, r - a * q, steps.at[slot].set(z), images.at[slot].set(q), k + 1

    none = jnp.zeros((keep, r.size), r.dtype)
    start = (jnp.zeros_like(r), r, none, none, jnp.zeros((), jnp.int32))
    x, r, _, _, k = lax.while_loop(going, step, start)
    return pair(x), jnp.sqrt(jnp.sum(r**2)), k
