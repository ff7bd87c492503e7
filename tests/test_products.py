"""Products and shifts with their own transposes: as JAX would derive them from their parts."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._core import cross, dot, join, once, split, stored
from jaxstt._mesh import neighbours

RANDOM = np.random.default_rng(5)


def _plain_cross(a, b):
    return jnp.cross(a, b, axis=0)


def _plain_dot(a, b):
    return jnp.sum(a * b, axis=0)


def _draw(*shape):
    return jnp.asarray(RANDOM.normal(size=shape))


def _same_derivatives(ours, plain, arguments, modes):
    """By every argument and in every mode, compiled as one."""
    which = range(len(arguments))

    @jax.jit
    def both(*args):
        return [[derive(f, i)(*args) for derive in modes for i in which] for f in (ours, plain)]

    found, known = both(*arguments)
    assert len(found) == len(modes) * len(arguments)
    for ours_says, plain_says in zip(found, known, strict=True):
        np.testing.assert_allclose(ours_says, plain_says, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((3, 4, 2, 1), (3, 4, 2, 1))])
@pytest.mark.parametrize("ours, plain", [(cross, _plain_cross), (dot, _plain_dot)])
def test_products_in_every_mode(ours, plain, shapes):
    a, b = (_draw(*shape) for shape in shapes)
    np.testing.assert_allclose(ours(a, b), plain(a, b), rtol=1e-14)
    curved = lambda f: lambda a, b: jnp.sum(jnp.sin(f(a, b)) * f(b, a * a))  # noqa: E731
    modes = (jax.grad, jax.jacfwd, jax.jacrev, jax.hessian)
    _same_derivatives(curved(ours), curved(plain), (a, b), modes)


@pytest.mark.parametrize("axes", [(0, None), (None, 1), (2, 0)])
@pytest.mark.parametrize("ours, plain", [(cross, _plain_cross), (dot, _plain_dot)])
def test_products_batched(ours, plain, axes):
    shapes = ((5, 3, 4, 2), (3, 5, 4, 2), (3, 4, 5, 2), (3, 4, 2))
    a, b = (_draw(*shapes[3 if k is None else k]) for k in axes)
    np.testing.assert_allclose(jax.vmap(ours, axes)(a, b), jax.vmap(plain, axes)(a, b), rtol=1e-14)
    total = lambda f: lambda a, b: jnp.sum(jnp.sin(f(a, b)))  # noqa: E731
    found, known = (jax.vmap(jax.grad(total(f)), axes)(a, b) for f in (ours, plain))
    np.testing.assert_allclose(found, known, rtol=1e-13, atol=1e-14)


def test_a_vector_times_a_field_is_for_all_cells():
    a, b = _draw(3, 1, 1, 1), _draw(3, 4, 2, 2)
    np.testing.assert_allclose(cross(a, b), _plain_cross(jnp.broadcast_to(a, b.shape), b))
    slope = jax.grad(lambda a: jnp.sum(jnp.sin(cross(a, b))))(a)
    known = jax.grad(lambda a: jnp.sum(jnp.sin(_plain_cross(jnp.broadcast_to(a, b.shape), b))))(a)
    np.testing.assert_allclose(slope, known, rtol=1e-12)


def test_a_split_field_computes_as_the_whole_does():
    a, b, field = _draw(3, 4, 2, 1), _draw(3, 4, 2, 1), _draw(1, 4, 2, 1)
    n, q = split(a), split(b)
    found = join(2.0 * n * field + cross(n, b) - np.float64(3) * cross(a, q) + (-q) * field * 0.5)
    known = 2 * a * field - 2 * _plain_cross(a, b) - 0.5 * b * field
    np.testing.assert_allclose(found, known, rtol=1e-13)
    np.testing.assert_allclose(dot(n, q), _plain_dot(a, b), rtol=1e-14)
    np.testing.assert_array_equal(join(split(a)), a)


@pytest.mark.parametrize("other", [np.ones((4, 2, 1)), np.ones((3, 4, 2, 1)), np.ones(4)])
def test_a_field_beside_a_split_must_be_lifted(other):
    n = split(_draw(3, 4, 2, 1))
    for operation in (lambda: n * other, lambda: other * n, lambda: n + jnp.asarray(other)):
        with pytest.raises(TypeError, match="must be lifted"):
            operation()


@pytest.mark.parametrize("barrier", [once, stored])
def test_barriers_change_no_value_and_no_derivative(barrier):
    a, b = _draw(3, 4), _draw(3, 4)

    def through(a, b):
        x, y = barrier((jnp.sin(a) * b, b * b))
        return jnp.sum(x * y * a)

    def plain(a, b):
        return jnp.sum(jnp.sin(a) * b**3 * a)

    modes = (lambda f, _: f, jax.grad, jax.jacfwd, jax.hessian)
    _same_derivatives(through, plain, (a, b), modes)
    found, known = (
        jax.vmap(jax.grad(f), (0, None))(a[:, None] + b[None], b) for f in (through, plain)
    )
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("barrier", [once, stored])
def test_a_nan_stays_where_it_is(barrier):
    x = _draw(4, 3, 5).at[0, 0, 0].set(jnp.nan).at[2, 1, 3].set(jnp.inf).at[3, 1, 1].set(-jnp.inf)
    for batched in (barrier, jax.vmap(barrier), jax.vmap(lambda x: barrier(2 * x) / 2)):
        np.testing.assert_array_equal(jax.jit(batched)(x), x)
    _, slope = jax.jit(lambda x: jax.jvp(barrier, (x,), (x,)))(x)
    np.testing.assert_array_equal(slope, x)


def _plain_neighbours(m, axis, wraps):
    n, k = m.shape[axis - 3], axis + m.ndim - 3
    place = np.arange(n)
    down, up = place - 1, place + 1
    if not wraps:
        down, up = np.maximum(down, 0), np.minimum(up, n - 1)
    return jnp.take(m, down % n, k), jnp.take(m, up % n, k)


@pytest.mark.parametrize("length", [2, 3, 6])
@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_neighbours_in_every_mode(axis, wraps, length):
    shape = tuple(length if i == axis else 2 for i in range(3))
    periodic = tuple(wraps and i == axis for i in range(3))
    grid = jaxstt.Grid(shape, (1e-9,) * 3, periodic=periodic)
    m = _draw(3, *shape)

    def value(find):
        def of(m):
            lower, upper = find(m)
            return jnp.sum(jnp.sin(lower) * jnp.cos(2 * upper) * jnp.exp(m))

        return of

    ours = value(lambda m: neighbours(grid, m, axis))
    plain = value(lambda m: _plain_neighbours(m, axis, wraps))
    _same_derivatives(ours, plain, (m,), (jax.grad, jax.jacfwd, jax.hessian))
    many = _draw(3, 4, *shape)
    found, known = (jax.jit(jax.vmap(jax.grad(f), 1))(many) for f in (ours, plain))
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-13)
