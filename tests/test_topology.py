"""Topological charge, guiding centre, vortex core and wall tilt of textures put at known places."""

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

D = 2e-9
GRID = jaxstt.Grid((48, 44, 1), (D, D, D))
X = GRID.centres("x")[:, None, None] * np.ones(GRID.shape)
Y = GRID.centres("y")[None, :, None] * np.ones(GRID.shape)
DISK = jaxstt.Grid(GRID.shape, GRID.spacing, mask=np.hypot(X - 48e-9, Y - 44e-9) < 41e-9)
SIGNS = (1, -1)
PLACES = np.random.default_rng(0).uniform(40e-9, 46e-9, (40, 2))

charge = eqx.filter_jit(jaxstt.topological_charge)


def rim(m, reach: float = 30e-9):
    """m uniform, or in the plane, more than `reach` away from the middle."""
    far = np.hypot(X - 43e-9, Y - 43e-9) > reach
    flat = m.at[2].set(jnp.where(far, 0.0, m[2]))
    return flat / jnp.sqrt(jnp.sum(flat**2, axis=0, keepdims=True) + 1e-300)


@pytest.mark.parametrize("polarity", SIGNS)
@pytest.mark.parametrize("circulation", SIGNS)
@pytest.mark.parametrize("grid", [GRID, DISK], ids=["film", "disk"])
def test_charge_of_a_vortex_is_half_its_polarity(polarity: int, circulation: int, grid):
    m = jaxstt.vortex(GRID, circulation, polarity, position=(44.3e-9, 42.7e-9), core_radius=8e-9)
    if grid.mask is not None:
        m = jnp.where(grid.mask[None], m, 0.0)
    np.testing.assert_allclose(charge(grid, rim(m)), polarity / 2, atol=1e-12)
    # As it stands mz is 1e-10 at the edge.
    np.testing.assert_allclose(charge(grid, m), polarity / 2, atol=1e-6)


@pytest.mark.parametrize("polarity", SIGNS)
@pytest.mark.parametrize("vorticity", SIGNS)
def test_charge_of_a_skyrmion_is_an_integer(polarity: int, vorticity: int):
    kwargs = {"polarity": polarity, "vorticity": vorticity, "helicity": 0.3}
    m = jaxstt.skyrmion(GRID, 12e-9, 4e-9, position=(44.3e-9, 42.7e-9), **kwargs)
    edge = np.hypot(X - 44e-9, Y - 42e-9) > 36e-9
    up = jnp.asarray([0.0, 0.0, -polarity]).reshape(3, 1, 1, 1)
    np.testing.assert_allclose(
        charge(GRID, jnp.where(edge, up, m)), polarity * vorticity, atol=1e-12
    )
    np.testing.assert_allclose(charge(GRID, m), polarity * vorticity, atol=1e-6)


def test_charge_is_an_integer_on_a_torus_of_noise():
    grid = jaxstt.Grid((12, 10, 1), (D, D, D), periodic=(True, True, False))
    noise = np.random.default_rng(0).normal(size=(20, 3, *grid.shape))
    noise = jnp.asarray(noise / np.linalg.norm(noise, axis=1, keepdims=True))
    Q = np.asarray(jaxstt.topological_charge(grid, noise))
    assert Q.shape == (20,) and len(set(np.round(Q))) > 2
    np.testing.assert_allclose(Q, np.round(Q), atol=1e-10)
    # A free edge is missing the plaquettes that wrap.
    assert abs(float(charge(jaxstt.Grid(grid.shape, grid.spacing), noise[0])) - Q[0]) > 1e-3


def test_charge_of_a_gentle_texture_is_the_integral():
    """(1/4pi) int m.(d_x m x d_y m), by quadrature of a texture that fills no sphere."""
    a, k = 0.4, 2 * np.pi / 96e-9

    def m(x, y):
        v = jnp.stack(
            [a * jnp.sin(k * x + 0.3), a * jnp.sin(1.3 * k * y), 1 + 0.2 * jnp.cos(k * x)]
        )
        return v / jnp.sqrt(jnp.sum(v**2))

    def density(x, y):
        return m(x, y) @ jnp.cross(jax.jacfwd(m)(x, y), jax.jacfwd(m, 1)(x, y)) / (4 * np.pi)

    nodes, weights = np.polynomial.legendre.leggauss(40)
    low, (right, top) = D / 2, (95e-9, 87e-9)
    x, y = (low + (end - low) * (nodes + 1) / 2 for end in (right, top))
    area = weights[:, None] * weights[None] * (right - low) * (top - low) / 4
    q = jax.jit(jax.vmap(jax.vmap(density, (None, 0)), (0, None)))(jnp.asarray(x), jnp.asarray(y))
    cells = jax.vmap(m)(jnp.asarray(X.ravel()), jnp.asarray(Y.ravel())).T.reshape(3, *GRID.shape)
    exact = float(jnp.sum(q * area))
    assert abs(exact) > 1e-3
    np.testing.assert_allclose(charge(GRID, cells), exact, atol=1e-4)


def test_layers_are_averaged_and_a_missing_one_does_not_count():
    skyr = jaxstt.skyrmion(GRID, 12e-9, 4e-9)
    up = jaxstt.uniform(GRID, (0, 0, 1))
    m = jnp.concatenate([skyr, skyr, up, 0 * up], axis=3)
    grid = jaxstt.Grid((48, 44, 4), GRID.spacing)
    mask = np.ones(grid.shape, bool)
    mask[..., 3] = False
    with_gap = jaxstt.Grid(grid.shape, grid.spacing, mask=mask)
    np.testing.assert_allclose(jaxstt.topological_charge(with_gap, m), -2 / 3, atol=1e-6)
    np.testing.assert_allclose(
        jaxstt.guiding_centre(with_gap, m), np.array(GRID.lengths[:2]) / 2, atol=1e-3 * D
    )


@pytest.mark.parametrize("grid,periodic", [(GRID, True), (DISK, False)], ids=["torus", "disk"])
def test_density_sums_to_the_charge_and_is_local(grid, periodic: bool):
    grid = jaxstt.Grid(grid.shape, grid.spacing, (periodic, periodic, False), grid.mask)
    m = jnp.where(DISK.mask[None], helpers.noise(grid), 0.0)
    q = jaxstt.topological_density(grid, m)
    assert q.shape == grid.shape
    np.testing.assert_allclose(jnp.sum(q) * D**2, charge(grid, m), rtol=1e-10)
    assert grid.mask is None or not np.any(np.asarray(q)[~np.asarray(grid.mask)])


def test_density_of_a_skyrmion():
    """q = v sin(theta) theta'/(4 pi r), in the middle -> p (R-dependent) to the cell squared."""
    R, w, d = 12e-9, 6e-9, 1e-9
    grid = jaxstt.Grid((49, 49, 1), (d, d, d))
    q = jaxstt.topological_density(grid, jaxstt.skyrmion(grid, R, w))
    r = np.abs(grid.centres("x") - 24.5e-9)

    def mz(r):
        return (np.sinh(r / w) ** 2 - np.sinh(R / w) ** 2) / (
            np.sinh(r / w) ** 2 + np.sinh(R / w) ** 2
        )

    h = 1e-12
    exact = -(mz(r + h) - mz(r - h)) / (2 * h) / (4 * np.pi * np.where(r == 0, np.inf, r))
    np.testing.assert_allclose(q[1:20, 24, 0], exact[1:20], atol=0.03 * np.max(np.abs(exact)))


def _core(at, sign, rc=4e-9):
    return sign * jaxstt.vortex(GRID, 1, 1, position=at, core_radius=rc)


@jax.jit
@jax.vmap
def _read(at, sign):
    def place(at):
        core = jaxstt.vortex_core(GRID, _core(at, sign))
        return core.position, core

    slope, core = jax.jacfwd(place, has_aux=True)(at)
    return core, slope


def test_core_of_a_vortex_to_a_thousandth_of_a_cell():
    """And it moves as smoothly as the vortex."""
    sign = jnp.where(jnp.arange(len(PLACES)) % 2 == 0, 1.0, -1.0)
    core, slope = _read(jnp.asarray(PLACES), sign)
    np.testing.assert_allclose(core.position, PLACES, atol=1e-3 * D)
    np.testing.assert_allclose(core.polarity, sign)
    np.testing.assert_allclose(slope, np.broadcast_to(np.eye(2), slope.shape), atol=1e-2)


def test_core_of_other_sizes_antivortex_and_another_profile():
    def one(at, rc):
        m = jaxstt.vortex(GRID, -1, -1, position=at, core_radius=rc)
        anti = m * jnp.asarray([1.0, -1.0, 1.0]).reshape(3, 1, 1, 1)
        x, y = (jnp.asarray(X) - at[0]) / rc, (jnp.asarray(Y) - at[1]) / rc
        up = 1 / jnp.cosh(jnp.sqrt(2 * (x**2 + y**2) + 1e-12))  # not a Gaussian
        flat = jnp.sqrt(1 - up**2) / jnp.sqrt(x**2 + y**2 + 1e-12)
        other = jnp.stack([-y * flat, x * flat, up])
        return [jaxstt.vortex_core(GRID, v) for v in (m, anti, other)]

    at = PLACES[:20]
    read = jax.jit(jax.vmap(one, (0, None)))
    for rc, tolerance in ((2.0, 2e-3), (6.0, 1e-4)):
        cores = read(jnp.asarray(at), jnp.asarray(rc * D))
        for core, sign in zip(cores, (-1, -1, 1), strict=True):
            np.testing.assert_allclose(core.position, at, atol=tolerance * D)
            np.testing.assert_allclose(core.polarity, sign)


@pytest.mark.parametrize("grid", [GRID, DISK], ids=["film", "disk"])
@pytest.mark.parametrize(("around", "polarity"), [(0.4, 1), (0.7, 1), (-0.3, 1), (0.8, -1)])
def test_core_in_a_film_that_leans_out_of_the_plane(around: float, polarity: int, grid):
    """A field across a film gives mz everywhere; where it passes 1/2 all cells once were core."""
    x, y = X - 40.3e-9, Y - 42.9e-9
    r = np.hypot(x, y)
    mz = around + (polarity - around) * np.exp(-((r / 6e-9) ** 2))
    m = np.stack([-np.sqrt(1 - mz**2) * y / r, np.sqrt(1 - mz**2) * x / r, mz])
    core = jaxstt.vortex_core(grid, m if grid.mask is None else m * np.asarray(grid.mask))
    np.testing.assert_allclose(core.position, [40.3e-9, 42.9e-9], atol=2e-3 * D)
    assert float(core.polarity) == polarity


def test_places_in_a_periodic_film():
    """The core on the seam; the guiding centre does not know where the film was cut."""
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, periodic=(True, False, False))
    core = jaxstt.vortex_core(
        grid, jaxstt.vortex(grid, position=(0.3 * D, 43.1e-9), core_radius=6e-9)
    )
    np.testing.assert_allclose(core.position, [0.3 * D, 43.1e-9], atol=1e-3 * D)
    for x in (0.3 * D, 30.7 * D, 47.9 * D):
        m = jaxstt.skyrmion(grid, 12e-9, 4e-9, position=(x, 43.1e-9))
        np.testing.assert_allclose(jaxstt.guiding_centre(grid, m), [x, 43.1e-9], atol=1e-3 * D)


@pytest.mark.parametrize("polarity", SIGNS)
def test_guiding_centre_of_a_skyrmion(polarity: int):
    find = jax.jit(jax.vmap(lambda at: jaxstt.guiding_centre(GRID, _skyrmion(at, polarity))))
    np.testing.assert_allclose(find(jnp.asarray(PLACES)), PLACES, atol=1e-3 * D)


def _skyrmion(at, polarity=-1):
    return jaxstt.skyrmion(GRID, 12e-9, 4e-9, position=at, polarity=polarity)


def test_slopes_of_charge_and_centre():
    """The centre moves with the skyrmion; noise by differences; a sharp wall has a slope."""
    at = jnp.asarray(PLACES[0])
    moved = jax.jit(jax.jacfwd(lambda at: jaxstt.guiding_centre(GRID, _skyrmion(at))))(at)
    np.testing.assert_allclose(moved, np.eye(2), atol=1e-3)
    grid = jaxstt.Grid((6, 5, 1), (D, D, D))
    m, v = helpers.noise(grid), helpers.noise(grid, 1)
    read = jax.jit(jax.value_and_grad(lambda m: jaxstt.topological_charge(grid, m)))
    h = 1e-6
    (up, _), (down, _) = read(m + h * v), read(m - h * v)
    np.testing.assert_allclose(jnp.sum(read(m)[1] * v), (up - down) / (2 * h), rtol=1e-6)
    sharp = jaxstt.uniform(grid, (0, 0, 1)).at[:, 3:].multiply(-1.0)
    Q, slope = read(sharp)
    assert float(Q) == 0 and bool(jnp.all(jnp.isfinite(slope)))


def test_time_series_and_single_precision():
    m = jnp.stack([_core(at, 1.0) for at in PLACES[:2]])
    core = jaxstt.vortex_core(GRID, m)
    np.testing.assert_allclose(core.position, PLACES[:2], atol=1e-3 * D)
    small = jaxstt.vortex_core(GRID, m.astype(jnp.float32))
    assert small.position.dtype == jnp.float32
    np.testing.assert_allclose(small.position, PLACES[:2], atol=2e-3 * D)
    np.testing.assert_allclose(
        jaxstt.topological_charge(GRID, m.astype(jnp.float32)), 0.5, atol=1e-5
    )


UP = jaxstt.uniform(GRID, (0, 0, 1))
PAIR = jnp.where(
    X[None] < 48e-9,
    jaxstt.vortex(GRID, 1, 1, position=(24e-9, 44e-9), core_radius=6e-9),
    jaxstt.vortex(GRID, -1, 1, position=(72e-9, 44e-9), core_radius=6e-9),
)


@pytest.mark.parametrize(
    "function,m,message",
    [
        (jaxstt.guiding_centre, UP, r"guiding_centre: \|Q\| must be >= 0.1"),
        (jaxstt.vortex_core, UP, "vortex_core: there must be one core"),
        (
            jaxstt.vortex_core,
            jaxstt.uniform(GRID, (1, 0, 0.3)),
            "vortex_core: there must be one core",
        ),
        (jaxstt.vortex_core, PAIR, "vortex_core: there must be one core"),
        (
            jaxstt.vortex_core,
            jnp.stack([_core(PLACES[0], 1.0), UP]),
            "vortex_core: there must be one",
        ),
    ],
    ids=["no charge", "domain", "in the plane", "two cores", "one of the times"],
)
def test_nothing_there_is_an_error(function, m, message: str):
    with pytest.raises(ValueError, match=message):
        function(GRID, m)


def test_nothing_there_is_an_error_in_a_compiled_run():
    with pytest.raises(RuntimeError, match="vortex_core: there must be one core"):
        jax.block_until_ready(eqx.filter_jit(jaxstt.vortex_core)(GRID, UP))


@pytest.mark.parametrize(
    "function", [jaxstt.topological_charge, jaxstt.topological_density, jaxstt.vortex_core]
)
def test_a_wire_has_no_topology(function):
    with pytest.raises(ValueError, match="two cells or more along x and y"):
        function(helpers.WIRE, jaxstt.uniform(helpers.WIRE, (0, 0, 1)))
    with pytest.raises(ValueError, match="`m` must have shape"):
        function(GRID, UP[:, :5])


# Wall tilt


def _tilted(tilt, grid=GRID, bow=0.0):
    y = (jnp.asarray(grid.centres("y")) - grid.lengths[1] / 2)[None, :, None]
    q = grid.lengths[0] / 2 + 1.3e-9 + jnp.tan(tilt) * y + bow * y**2
    s = (jnp.asarray(grid.centres("x"))[:, None, None] - q) / 6e-9
    s = jnp.broadcast_to(s, grid.shape)
    return jnp.stack([0 * s, 1 / jnp.cosh(s), -jnp.tanh(s)])


def test_tilt_of_a_wall():
    """Positive: further along +x where y is larger; a bow does not count."""
    tilts = jnp.asarray([-0.5, -0.01, 0.0, 0.02, 0.4])
    find = jax.value_and_grad(lambda tilt: jaxstt.wall_tilt(GRID, _tilted(tilt, bow=1e6)))
    found, slope = jax.jit(jax.vmap(find))(tilts)
    np.testing.assert_allclose(found, tilts, atol=1e-4)
    np.testing.assert_allclose(slope, 1.0, atol=1e-3)
    np.testing.assert_allclose(jaxstt.wall_tilt(GRID, jax.vmap(_tilted)(tilts)), tilts, atol=1e-4)
    assert float(jnp.mean(_tilted(0.4)[2, :, -1] - _tilted(0.4)[2, :, 0])) > 0.1


def test_tilt_counts_rows_of_magnet_and_needs_a_wall_in_each():
    mask = np.ones(GRID.shape, bool)
    mask[:, :7] = False
    mask[:5] = False
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=mask)
    m = jnp.where(mask[None], _tilted(0.3), 0.0)
    tilt, slope = jax.jit(jax.value_and_grad(lambda m: jaxstt.wall_tilt(grid, m)))(m)
    np.testing.assert_allclose(tilt, 0.3, atol=1e-4)
    assert bool(jnp.all(jnp.isfinite(slope)))
    broken = m.at[2, :, 20].set(1.0)
    with pytest.raises(ValueError, match=r"in each row \(one wall\), got 0 sign changes in row 20"):
        jaxstt.wall_tilt(grid, broken)
    with pytest.raises(RuntimeError, match="exactly once along x in each row"):
        jax.block_until_ready(eqx.filter_jit(jaxstt.wall_tilt)(grid, broken))
    with pytest.raises(ValueError, match="two rows of magnet or more along y, got 1"):
        jaxstt.wall_tilt(helpers.WIRE, jaxstt.bloch_wall(helpers.WIRE, 10e-9))
