"""DMI: gradient of its energy, order, walls, spirals, free edges, symmetry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt import BulkDMI, InterfacialDMI

A, K, D, MS = 16e-12, 510e3, 2e-3, 1.1e6
STRIP = 60e-9
WIDTH = np.sqrt(A / K)
T = jnp.asarray(0.0)
SHAPE = (6, 4, 3)
KINDS = [InterfacialDMI, BulkDMI]


def _grid() -> jaxstt.Grid:
    mask = np.ones(SHAPE, bool)
    mask[2:4, 1:3, 0] = False
    mask[5, 3] = False
    return jaxstt.Grid(SHAPE, (2e-9, 3e-9, 4e-9), (False, True, False), mask)


def _random(low: float, high: float, seed: int, shape=SHAPE) -> jax.Array:
    return low + (high - low) * jax.random.uniform(jax.random.key(seed), shape)


@eqx.filter_jit
def _field(term, grid, Ms, m):
    return term.field(grid, Ms, T, m)


def _energy(term, grid, m):
    return term.energy(grid, jnp.asarray(MS), T, m)


@eqx.filter_jit
def _field_and_slope(term, grid, Ms, m):
    return _field(term, grid, Ms, m), jax.grad(lambda m: term.energy(grid, Ms, T, m))(m)


@pytest.mark.parametrize("edge", [None, A], ids=["pairs", "with A"])
@pytest.mark.parametrize("kind", KINDS)
def test_field_is_the_slope_of_the_energy(kind, edge):
    """With a mask, a periodic axis, D, A and Ms all varying, at any m whose vacuum is 0."""
    grid = _grid()
    Ms = jnp.where(grid.mask, _random(0.5 * MS, MS, 1), 0.0)
    term = kind(_random(-D, 2 * D, 2), None if edge is None else _random(edge, 2 * edge, 3))
    m = 1.3 * jaxstt.random_state(grid, jax.random.key(0))
    B, slope = _field_and_slope(term, grid, Ms, m)
    tolerance = 1e-10 * float(jnp.max(jnp.abs(B)))
    expected = -slope / (jnp.where(Ms > 0, Ms, 1.0)[None] * grid.cell_volume)
    # Both are 0 in vacuum, where -dE/dm would be but for inverse(Ms).
    np.testing.assert_allclose(B, expected, atol=tolerance)
    assert float(jnp.max(jnp.abs(jnp.where(grid.mask[None], 0.0, B)))) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_uniform_field_is_a_number(kind):
    grid, Ms = _grid(), jnp.asarray(MS)
    m = jaxstt.random_state(grid, jax.random.key(0))
    number, field = kind(D, A), kind(jnp.full(SHAPE, D), jnp.full(SHAPE, A))
    np.testing.assert_allclose(
        _field(number, grid, Ms, m), _field(field, grid, Ms, m), rtol=1e-12, atol=1e-14
    )


def _texture(r):
    """Smooth, of period 1 along each axis, and the D that goes with it."""
    x, y, z = 2 * jnp.pi * r
    m = jnp.stack([jnp.sin(x + y), jnp.cos(y - z), jnp.sin(z + 2 * x)])
    return m, 1 + 0.4 * jnp.cos(x) * jnp.sin(y + z)


@jax.jit
def _textures(points):
    return jax.vmap(_texture)(points), jax.vmap(jax.jacfwd(_texture))(points)


def _error(kind, n: int, thick: bool) -> float:
    size = 1e-7
    shape = (n, n, n if thick else 1)
    grid = jaxstt.Grid(shape, (size / n,) * 3, periodic=(True,) * 3)
    at = np.stack(np.meshgrid(*((np.arange(k) + 0.5) / k for k in shape), indexing="ij"), -1)
    points = jnp.asarray(at.reshape(-1, 3))
    (m, d), (dm, dd) = _textures(points)
    expected = np.zeros_like(m)
    for i, v in enumerate(np.eye(3)[: 3 if thick else 2]):
        v = np.cross([0, 0, 1.0], v) if kind is InterfacialDMI else -v
        expected += np.cross(v, np.asarray(2 * d[:, None] * dm[:, :, i] + dd[:, i, None] * m))
    fields = m.T.reshape(3, *shape), d.reshape(shape)
    B = _field(kind(D * fields[1]), grid, jnp.asarray(MS), fields[0])
    exact = expected.T.reshape(3, *shape) * (D / MS / size)
    return float(jnp.max(jnp.abs(B - exact)) / jnp.max(jnp.abs(exact)))


@pytest.mark.parametrize("kind,thick,n", [(InterfacialDMI, False, 24), (BulkDMI, True, 16)])
def test_observed_order(kind, thick: bool, n: int):
    """B = (1/Ms) sum_i v_i x (2 D d_i m + m d_i D), D a field."""
    coarse, fine = _error(kind, n, thick), _error(kind, 2 * n, thick)
    assert fine < 0.1
    assert abs(np.log2(coarse / fine) - 2) < 0.1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("kind,angle", [(InterfacialDMI, np.pi), (BulkDMI, -np.pi / 2)])
def test_wall_energy_and_chirality(kind, angle: float, charge: int, sign: int):
    """4 sqrt(AK) - pi D: up, -x, down (Neel) and up, -y, down (Bloch) for D > 0."""
    d = WIDTH / 10
    grid = jaxstt.Grid((400, 1, 1), (d, 1e-9, 1e-9))
    area = 1e-18
    favoured = angle if charge == sign else angle + np.pi
    m = jaxstt.neel_wall(grid, WIDTH, charge=charge, angle=favoured)
    dmi = _energy(kind(sign * D), grid, m)
    np.testing.assert_allclose(dmi / area, -np.pi * D, rtol=2e-3)
    rest = jaxstt.Exchange(A), jaxstt.UniaxialAnisotropy(K)
    total = dmi + sum(_energy(term, grid, m) for term in rest)
    total = (total + K * d * 400 * area) / area
    np.testing.assert_allclose(total, 4 * np.sqrt(A * K) - np.pi * D, rtol=2e-3)


def test_spiral_has_the_period_of_least_energy():
    """(0, cos kx, sin kx) with k = D/(2A), period 4 pi A/D, right-handed for D > 0."""
    period, n = 40e-9, 128
    strength = 4 * np.pi * A / period

    def density(length, hand=1):
        grid = jaxstt.Grid((n, 1, 1), (length / n, 1e-9, 1e-9), periodic=(True, False, False))
        phase = hand * 2 * np.pi * np.arange(n) / n
        m = jnp.asarray(np.stack([0 * phase, np.cos(phase), np.sin(phase)])[:, :, None, None])
        terms = jaxstt.Exchange(A), BulkDMI(strength)
        E = sum(_energy(term, grid, m) for term in terms)
        return float(E) / (length * 1e-18)

    lengths = np.linspace(0.9, 1.1, 21) * period
    energies = [density(length) for length in lengths]
    assert abs(lengths[np.argmin(energies)] / period - 1) < 0.011
    np.testing.assert_allclose(min(energies), -(strength**2) / (4 * A), rtol=2e-3)
    assert density(period, hand=-1) > 0


@eqx.filter_jit
def _slopes(q, term, field, n: int):
    """Energy, gradient and Hessian of a strip of 60 nm in the angles q, in units of K V."""
    grid = jaxstt.Grid((n, 1, 1), (STRIP / n, 1e-9, 1e-9))
    terms = (
        term,
        jaxstt.Exchange(A),
        jaxstt.UniaxialAnisotropy(K),
        jaxstt.Zeeman(jnp.stack([0 * field, field, 0 * field])),
    )

    def energy(q):
        E = sum(t.energy(grid, jnp.asarray(MS), T, _state(q)) for t in terms)
        return E / (K * STRIP * 1e-18)

    return jax.grad(energy)(q), jax.hessian(energy)(q)


def _state(q):
    a, b = q  # in the plane of x and z from z, and towards y
    return jnp.stack([jnp.cos(b) * jnp.sin(a), jnp.sin(b), jnp.cos(b) * jnp.cos(a)])[
        :, :, None, None
    ]


def _strip(n: int, strength: float, edge: float, field: float = 0.0):
    """The angles at the minimum, by Newton's method."""
    term = InterfacialDMI(strength, edge)
    q = np.full((2, n), 0.01)
    for _ in range(60):
        slope, hessian = _slopes(jnp.asarray(q), term, jnp.asarray(field), n)
        hessian = np.asarray(hessian).reshape(2 * n, 2 * n)
        least = np.linalg.eigvalsh(hessian)[0]
        hessian = hessian + max(0.0, 1e-6 - least) * np.eye(2 * n)
        step = -np.linalg.solve(hessian, np.asarray(slope).ravel()).reshape(2, n)
        q = q + step * min(1, 0.5 / np.abs(step).max())
        if np.abs(step).max() < 1e-11:
            return q
    raise AssertionError("Newton's method did not converge")


NO_EDGE = 1e20  # so large an A that the energy of the half cell is nothing


def test_edge_canting():
    """tan(theta/2) = tan(theta_0/2) exp(-x/Delta), sin theta_0 = D Delta/(2A)."""

    def error(n):
        x = (np.arange(n) + 0.5) * STRIP / n
        tan = np.tan(np.arcsin(D * WIDTH / (2 * A)) / 2)
        tilts = [2 * np.arctan(tan * np.exp(-s / WIDTH)) for s in (x, STRIP - x)]
        theta, out = _strip(n, D, NO_EDGE)
        assert np.max(np.abs(out)) < 1e-9
        if n == 24:  # in the plane the energy of the half cell is a constant
            np.testing.assert_allclose(_strip(n, D, A)[0], theta, atol=1e-9)
        return np.sqrt(np.mean((theta - tilts[0] + tilts[1]) ** 2))

    coarse, fine = error(24), error(48)
    assert fine < 1.5e-4
    assert abs(np.log2(coarse / fine) - 2) < 0.2


def test_order_at_edges_out_of_the_plane():
    """m tilted along the edge by a field: only the half cell's energy makes it second order."""

    def tilts(edge):
        return np.array([np.mean(np.sin(_strip(n, D, edge, field=0.4)[1])) for n in (12, 24, 48)])

    best = tilts(A)
    assert abs(np.log2((best[1] - best[0]) / (best[2] - best[1])) - 2) < 0.1
    limit = best[2] + (best[2] - best[1]) / 3
    pairs, mumax = tilts(NO_EDGE) - limit, tilts(A / 2) - limit
    for error, sign in ((pairs, 1), (mumax, -1)):
        assert np.all(sign * error > 3 * np.abs(best - limit))
        assert abs(np.log2(error[1] / error[2]) - 1) < 0.25


def test_edge_condition_of_mumax():
    """Its ghost cells are this term with A halved."""
    n, d, Ms = 6, 2e-9, jnp.asarray(MS)
    grid = jaxstt.Grid((n, n, 1), (d, d, d))
    m = jaxstt.random_state(grid, jax.random.key(4))
    got = _field(jaxstt.Exchange(A), grid, Ms, m) + _field(InterfacialDMI(D, A / 2), grid, Ms, m)
    f = np.asarray(m)
    expected = np.zeros_like(f)
    for axis in (0, 1):
        v = np.zeros((3, 1, 1, 1))
        v[1 - axis] = 1 - 2 * axis
        v = np.broadcast_to(v, f.shape)
        slope = -D / (2 * A) * np.cross(v, f, axis=0)
        up, down = np.roll(f, -1, axis + 1), np.roll(f, 1, axis + 1)
        last = (slice(None),) * (axis + 1) + (-1,)
        first = (slice(None),) * (axis + 1) + (0,)
        up[last] = (f + d * slope)[last]
        down[first] = (f - d * slope)[first]
        expected += 2 * A / MS * (up - 2 * f + down) / d**2
        expected += 2 * D / MS * np.cross(v, (up - down) / (2 * d), axis=0)
    np.testing.assert_allclose(got, expected, atol=1e-12 * np.abs(expected).max())


def _quarter(f):
    """A vector field turned by 90 deg about z, with its film."""
    x, y, z = (jnp.rot90(c, axes=(0, 1)) for c in f)
    return jnp.stack([-y, x, z])


def _mirror(f):
    """x -> -x of an axial vector field."""
    x, y, z = (c[::-1] for c in f)
    return jnp.stack([x, -y, -z])


@pytest.mark.parametrize("kind", KINDS)
def test_symmetry(kind):
    shape, spacing, Ms = (5, 5, 2), (2e-9, 2e-9, 3e-9), jnp.asarray(MS)
    mask = np.ones(shape, bool)
    mask[0, :2] = False
    strength = _random(-D, D, 5, shape)
    m = jaxstt.random_state(jaxstt.Grid(shape, spacing, mask=mask), jax.random.key(6))

    def field(m, mask, strength):
        return _field(kind(strength, A), jaxstt.Grid(shape, spacing, mask=mask), Ms, m)

    B = field(m, mask, strength)
    turned = field(_quarter(m), np.rot90(mask), jnp.rot90(strength))
    np.testing.assert_allclose(turned, _quarter(B), atol=1e-13)
    # A film with an interface has this mirror; a crystal with bulk DMI has it with D reversed.
    hand = 1 if kind is InterfacialDMI else -1
    mirrored = field(_mirror(m), mask[::-1], hand * strength[::-1])
    np.testing.assert_allclose(mirrored, _mirror(B), atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_vacuum_is_differentiable(kind):
    grid = _grid()
    m = jaxstt.random_state(grid, jax.random.key(0))
    Ms = jnp.where(grid.mask, MS, 0.0)
    stiffness = jnp.where(grid.mask, A, 0.0)

    def total(Ms, D, A, m):
        B = kind(D, A).field(grid, Ms, T, m)
        return jnp.sum(B**2)

    slopes = jax.jit(jax.grad(total, (0, 1, 2, 3)))(Ms, jnp.full(SHAPE, D), stiffness, m)
    for slope in slopes:
        assert bool(jnp.all(jnp.isfinite(slope))) and bool(jnp.any(slope != 0))


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_stiffness_bounds_the_spectrum(kind, varying: bool):
    shape = (12, 12, 12)
    grid = jaxstt.Grid(shape, (2e-9, 3e-9, 2e-9))
    term = kind(_random(0.5 * D, D, 7, shape) if varying else D, A)
    Ms = jnp.asarray(MS)

    @jax.jit
    def twice(v):
        return term.field(grid, Ms, T, term.field(grid, Ms, T, v))

    v = jax.random.normal(jax.random.key(8), (3, *shape))
    for _ in range(300):
        v = twice(v / jnp.linalg.norm(v))
    radius = float(jnp.sqrt(jnp.linalg.norm(v)))
    assert radius < float(term.stiffness(grid, Ms)) < (2 if varying else 1.2) * radius


def test_one_cell_and_single_precision():
    single = jaxstt.Grid((1, 1, 1), (2e-9,) * 3)
    m = jaxstt.uniform(single, (1, 0, 1))
    assert float(jnp.max(jnp.abs(BulkDMI(D, A).field(single, jnp.asarray(MS), T, m)))) == 0
    assert float(BulkDMI(D, A).stiffness(single, jnp.asarray(MS))) == 0
    grid = _grid()
    m = jaxstt.random_state(grid, jax.random.key(0))
    exact = BulkDMI(D, A).field(grid, jnp.asarray(MS), T, m)
    low = BulkDMI(jnp.float32(D), jnp.float32(A))
    rough = low.field(grid, jnp.float32(MS), T, m.astype(jnp.float32))
    assert rough.dtype == jnp.float32
    assert low.stiffness(grid, jnp.float32(MS)).dtype == jnp.float32
    np.testing.assert_allclose(rough, exact, atol=1e-6 * float(jnp.max(jnp.abs(exact))))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "arguments,message",
    [
        (((0.0, 0.0, 1e-3),), "`D` must be a number or a field"),
        ((D, jnp.ones(3)), "`A` must be a number or a field"),
        ((D, -A), "`A` must be > 0, got -1.6e-11"),
        ((D, 0.0), "`A` must be > 0, got 0"),
        ((np.nan,), "`D` must be finite"),
        (("x",), "`D` must be a number or an array"),
    ],
)
def test_refusals(kind, arguments, message: str):
    with pytest.raises(ValueError, match=message):
        kind(*arguments)
