"""Walls in canted domains: what is far from the wall moves neither its place, width nor angle."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

N = 200
GRID = jaxstt.Grid((N, 1, 1), (1e-9,) * 3)
WIDTHS = (1.5, 2.0, 3.0, 5.0, 8.0)


@jax.jit
def _many(m):
    """(q, width, angle) of each in cells and rad."""
    state = jax.vmap(lambda m: jaxstt.WallTracker(GRID)(0.0, m[..., None, None]))(m)
    return state.position * 1e9, state.width * 1e9, state.angle


def _shapes(width, q):
    """name: (m (3, N), width, angle)."""
    u = (np.arange(N) + 0.5 - q) / width
    T, S = np.tanh(u), 1 / np.cosh(u)
    unit = lambda *m: np.stack(m) / np.sqrt(sum(x**2 for x in m))  # noqa: E731
    out = {"plain": (unit(0.6 * S, 0.8 * S, T), width, np.arctan2(0.8, 0.6))}
    for c in (0.1, 0.3):
        M = np.sqrt(1 - c**2)
        out[f"across {c}"] = (unit(c + 0 * T, M * S, M * T), width, np.arctan2(M, c))
        own = width * (1 + c) / np.sqrt(1 + c**2)
        out[f"along {c}"] = (unit(S + c, 0 * S, T), own, 0.0)
        a = np.hypot(0.7 + c, np.sqrt(0.51)) / np.sqrt(1 + c**2)
        angle = np.arctan2(np.sqrt(0.51), 0.7 + c)
        out[f"oblique {c}"] = (unit(0.7 * S + c, np.sqrt(0.51) * S, T), width * a, angle)
    # Turns against the canting, over the poles.
    out["against"] = (unit(c - S, 0 * S, T), width * (1 - c) / np.sqrt(1 + c**2), np.pi)
    for h in (0.1, 0.3, 0.5):
        out[f"field {h}"] = (_in_field(u, h), width * np.sqrt(1 - h**2) / (1 - h), 0.0)
    return out


def _in_field(u, h):
    """The wall in a transverse field h of the anisotropy field: dtheta/du = sin(theta) - h."""
    rest = np.arcsin(h)
    theta = np.pi / 2 + np.linspace(-1, 1, 400_001) * (np.pi / 2 - rest - 1e-9)
    rate = 1 / (np.sin(theta) - h)
    x = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2 * np.diff(theta))])
    theta = np.interp(u, x - np.interp(np.pi / 2, theta, x), theta)
    return np.stack([np.sin(theta), 0 * theta, np.cos(theta)])


SHAPES = tuple(_shapes(2.0, 100.0))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("off_centre", [0, -60])
def test_any_wall_and_any_canting(shape: str, off_centre: float):
    places = 100 + off_centre + np.array([0.0, 0.13, 0.31, 0.5, 0.78, 0.999])
    cases = [(width, q) for width in WIDTHS for q in places]
    m, own, angle = map(np.array, zip(*[_shapes(*case)[shape] for case in cases], strict=True))
    for mirror in (1, -1):
        q, width, phi = map(np.asarray, _many(m * np.array([[1], [1], [mirror]])))
        off = np.abs(q - [q for _, q in cases]), np.abs(width / own - 1)
        turned = np.abs(np.angle(np.exp(1j * (phi - angle))))
        for case, *found in zip(cases, *off, turned, strict=True):
            # What turns against the canting is narrower.
            narrow = shape == "against" and case[0] < 4
            allowed = (1e-3, 3e-3 if shape == "plain" else 0.08 if narrow else 0.01, 0.01)
            assert np.all(np.array(found) < allowed), (case, found, allowed)


def test_a_head_to_head_wall_in_a_field():
    m, own, angle = _shapes(3.0, 71.4)["oblique 0.3"]
    m = jnp.asarray(np.stack([m[2], m[0], m[1]]))[..., None, None]
    state = jaxstt.wall_state(GRID, m, "x")
    np.testing.assert_allclose(state.position, 71.4e-9, atol=1e-12)
    np.testing.assert_allclose(state.width, own * 1e-9, rtol=0.01)
    np.testing.assert_allclose(state.angle, angle, atol=0.01)


@pytest.mark.parametrize("D,place", [(1e-3, 150.3), (2e-3, 150.3), (2e-3, 40.4)])
def test_edges_canted_by_dmi(D: float, place: float):
    """At rest the wall is where it was put, and as wide as one between uncanted ends."""
    grid = jaxstt.Grid((300, 1, 1), (1.5e-9,) * 3)
    energies = (jaxstt.Exchange(1.3e-11), jaxstt.UniaxialAnisotropy(4e5))
    width = np.sqrt(1.3e-11 / 4e5)
    put = jaxstt.neel_wall(grid, width, position=place * 1.5e-9, angle=np.pi)
    state = jaxstt.wall_state(grid, put)
    np.testing.assert_allclose(state.position, place * 1.5e-9, atol=1e-3 * 1.5e-9)
    llg = jaxstt.LLG(
        grid, Ms=8e5, alpha=0.3, energies=(*energies, jaxstt.InterfacialDMI(D, A=1.3e-11))
    )
    rest = jaxstt.relax(llg, put, tol=1e-5)
    assert float(jnp.max(jnp.abs(rest.m[0, 0]))) > 0.15  # it does cant
    state = jaxstt.wall_state(grid, rest.m)
    # y = asinh(m_z/|m_x|) is a straight line through the wall, also where the ends have pulled it.
    m_x, m_z = np.asarray(rest.m[0, :, 0, 0]), np.asarray(rest.m[2, :, 0, 0])
    k = int(np.flatnonzero(np.diff(np.sign(m_z)))[0])
    y = np.arcsinh(m_z[k : k + 2] / np.abs(m_x[k : k + 2]))
    crossing = (k + 0.5 + y[0] / (y[0] - y[1])) * 1.5e-9
    np.testing.assert_allclose(state.position, crossing, atol=1e-3 * 1.5e-9)
    # The grid makes a wall steeper, (d/lambda)^2 of it or so: its own width is that of the line.
    np.testing.assert_allclose(state.width, 1.5e-9 / np.abs(y[1] - y[0]), rtol=0.01)
    np.testing.assert_allclose(state.width, width, rtol=0.015)


@pytest.mark.thorough
def test_smooth_and_differentiable_in_canted_domains():
    @jax.jit
    def read(q):
        u = (jnp.arange(float(N)) + 0.5 - q) / 2.5
        m = jnp.stack([1 / jnp.cosh(u) + 0.3, 0.1 + 0 * u, jnp.tanh(u)])
        m = m / jnp.sqrt(jnp.sum(m**2, axis=0))[None]
        state = jaxstt.WallTracker(GRID)(0.0, m[:, :, None, None])
        return jnp.stack([state.position, state.width, state.angle]) / jnp.array([1e-9, 1e-9, 1])

    places = 100 + jnp.linspace(0, 1, 41)
    slopes = jax.vmap(jax.jacfwd(read))(places)
    np.testing.assert_allclose(slopes[:, 0], 1, atol=2e-3)
    np.testing.assert_allclose(jax.vmap(jax.jacrev(read))(places), slopes, atol=1e-9)
    h = 1e-4
    middle = (jax.vmap(read)(places[1:] - 0.013 + h) - jax.vmap(read)(places[1:] - 0.013 - h)) / (
        2 * h
    )
    np.testing.assert_allclose(jax.vmap(jax.jacfwd(read))(places[1:] - 0.013), middle, atol=1e-7)
    # Nothing jumps where the sign change passes from one pair of cells to the next.
    at = lambda s: read(100.5 + s * 1e-7)  # noqa: E731
    np.testing.assert_allclose(at(1) - at(-1), 2e-7 * slopes[20], atol=1e-8)


def test_single_precision_in_canted_domains():
    m, own, angle = _shapes(3.0, 93.37)["oblique 0.3"]
    state = jaxstt.wall_state(GRID, jnp.asarray(m, jnp.float32)[:, :, None, None])
    np.testing.assert_allclose(state.position, 93.37e-9, atol=1e-12)
    np.testing.assert_allclose(state.width, own * 1e-9, rtol=0.01)
    np.testing.assert_allclose(state.angle, angle, atol=0.01)


@pytest.mark.parametrize("place", [2.6, 5.2, 9.1])
def test_near_a_free_end_and_beside_vacuum(place: float):
    mask = np.zeros((N, 1, 1), bool)
    mask[20:150] = True
    grid = jaxstt.Grid((N, 1, 1), (1e-9,) * 3, mask=jnp.asarray(mask))
    for q in (20 + place, 150 - place):
        m = jaxstt.bloch_wall(grid, 2e-9, position=q * 1e-9)
        state = jaxstt.wall_state(grid, m)
        np.testing.assert_allclose(state.position, q * 1e-9, atol=1e-3 * 1e-9)
        np.testing.assert_allclose(state.width, 2e-9, rtol=0.03)


def test_without_a_wall_the_width_is_infinite():
    m = jnp.broadcast_to(jnp.array([0.0, 0.6, 0.8])[:, None, None, None], (3, N, 1, 1))
    assert jnp.isinf(jaxstt.WallTracker(GRID)(0.0, m).width)
