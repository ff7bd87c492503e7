"""Coupled layers: energies, signs and resonances against closed form; exchange that is cut."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import GAMMA, MU_0

PAIR = jaxstt.Grid((1, 1, 2), (4e-9, 4e-9, 1e-9))
FILMS = jaxstt.Grid((5, 3, 4), (2e-9, 3e-9, 1e-9))
MS, T0 = 8e5, jnp.zeros(())
J, J2 = -4e-4, 1e-4


def two(angle: float, grid=PAIR) -> jax.Array:
    """The layers at an angle in the plane."""
    lower, upper = np.array([1.0, 0, 0]), np.array([np.cos(angle), np.sin(angle), 0])
    m = np.stack([lower, upper], axis=-1)[:, None, None, :]
    return jnp.asarray(np.broadcast_to(m, (3, *grid.shape[:2], 2)))


@pytest.mark.parametrize("angle", [0.0, 0.7, np.pi / 2, np.pi])
def test_energy_per_area(angle) -> None:
    term = jaxstt.InterlayerExchange(J, J2)
    area = 4e-9**2
    expected = -(J * np.cos(angle) + J2 * np.cos(angle) ** 2) * area
    assert float(term.energy(PAIR, MS, T0, two(angle))) == pytest.approx(expected, abs=1e-36)


def test_field_is_the_slope_of_the_energy_and_reaches_two_layers_only() -> None:
    term = jaxstt.InterlayerExchange(J, J2, below=1, above=3)
    Ms = jnp.asarray(np.random.default_rng(0).uniform(5e5, 9e5, FILMS.shape))
    m = 1.2 * jaxstt.random_state(FILMS, jax.random.key(1))
    slope = jax.grad(lambda m: term.energy(FILMS, Ms, T0, m))(m)
    B = term.field(FILMS, Ms, T0, m)
    expected = -slope / (Ms[None] * FILMS.cell_volume)
    np.testing.assert_allclose(B, expected, atol=1e-10 * float(jnp.max(jnp.abs(B))))
    assert np.all(B[..., [0, 2]] == 0) and np.all(np.any(B[..., [1, 3]] != 0, axis=0))


@pytest.mark.parametrize("J, J2, angle", [(4e-4, 0, 0), (-4e-4, 0, np.pi), (0, -3e-4, np.pi / 2)])
def test_what_the_sign_does(J, J2, angle) -> None:
    """At rest the layers are parallel, antiparallel, at right angles."""
    llg = jaxstt.LLG(
        PAIR, Ms=MS, alpha=0.5,
        energies=(
            jaxstt.InterlayerExchange(J, J2), jaxstt.ShapeAnisotropy((0.0, 0.0, 1.0)),
        ),
    )  # fmt: skip
    m = jaxstt.relax(llg, two(1.2)).m[:, 0, 0]
    assert float(m[:, 0] @ m[:, 1]) == pytest.approx(np.cos(angle), abs=1e-5)


def frequencies(llg, m) -> np.ndarray:
    """rad/s, of small turns about m, ascending, each once."""
    rate = jax.jacfwd(lambda m: jaxstt.rhs(llg, 0.0, m.reshape(m0.shape)).ravel())
    m0 = jnp.asarray(m)
    found = np.sort(np.abs(np.linalg.eigvals(np.asarray(rate(m0.ravel()))).imag))
    return found[found > 1e6 * np.finfo(float).eps * found.max()][::2]


def coupled(*energies, grid=PAIR, Ms=MS):
    return jaxstt.LLG(grid, Ms=Ms, alpha=0.0, energies=energies)


def test_acoustic_and_optical_resonance_of_two_macrospins() -> None:
    """In a field along x that holds both parallel; J + 2 J2 couples them there.

    acoustic: gamma sqrt(B (B + mu0 Ms)); optical: B + 2 BJ in place of B, BJ = (J + 2 J2)/(Ms d).
    """
    B = 2.0
    llg = coupled(
        jaxstt.InterlayerExchange(J, J2), jaxstt.ShapeAnisotropy((0.0, 0.0, 1.0)),
        jaxstt.Zeeman((B, 0.0, 0.0)),
    )  # fmt: skip
    stiff = B + 2 * (J + 2 * J2) / (MS * 1e-9)
    expected = [GAMMA * np.sqrt(b * (b + MU_0 * MS)) for b in (stiff, B)]
    np.testing.assert_allclose(frequencies(llg, two(0.0)), np.sort(expected), rtol=1e-9)


def test_resonance_of_an_antiferromagnet() -> None:
    """Antiparallel along an easy axis: gamma sqrt(BK (BK + 2 BJ)), both modes."""
    K = 2e5
    llg = coupled(jaxstt.InterlayerExchange(-4e-4), jaxstt.UniaxialAnisotropy(K))
    m = jnp.asarray(np.array([[0, 0], [0, 0], [1.0, -1.0]])[:, None, None, :])
    BK, BJ = 2 * K / MS, 4e-4 / (MS * 1e-9)
    np.testing.assert_allclose(
        frequencies(llg, m), 2 * [GAMMA * np.sqrt(BK * (BK + 2 * BJ))], rtol=1e-6
    )


def test_resonance_of_two_films() -> None:
    """In time, with a spacer, Ms of their own and all cells: against two unequal macrospins."""
    mask = np.ones((4, 3, 3), bool)
    mask[:, :, 1] = False
    grid = jaxstt.Grid(mask.shape, (3e-9, 3e-9, 1e-9), (True, True, False), mask)
    Ms = np.where(mask, np.array([8e5, 0, 5e5]), 0.0)
    B = 1.0
    shape = jaxstt.ShapeAnisotropy((0.0, 0.0, 1.0))
    more = shape, jaxstt.Exchange(1e-11), jaxstt.Zeeman((B, 0.0, 0.0))
    term = jaxstt.InterlayerExchange(3e-4, below=0, above=2)
    llg = jaxstt.LLG(grid, Ms=Ms, alpha=1e-3, energies=(term, *more))
    # dm/dt of both about x, in (m_y, m_z) of each; N = 1 along z.
    a, b = (3e-4 / (M * 1e-9) for M in (8e5, 5e5))
    rows = np.array([
        [0, -(B + a + MU_0 * 8e5), 0, a], [B + a, 0, -a, 0],
        [0, b, 0, -(B + b + MU_0 * 5e5)], [-b, 0, B + b, 0],
    ])  # fmt: skip
    expected = np.unique(np.round(np.abs(np.linalg.eigvals(GAMMA * rows).imag), -3))
    t = np.linspace(0, 4e-9, 4001)
    tilt = np.where(np.arange(3) == 0, 0.02, -0.01)
    m0 = np.stack([np.sqrt(1 - tilt**2), tilt, 0 * tilt])[:, None, None, :] * mask
    seen = jaxstt.evolve(llg, jnp.asarray(m0), t, save=lambda t, m: m[1, 0, 0, ::2], rtol=1e-8).m
    power = np.abs(np.fft.rfft(np.asarray(seen) * np.hanning(t.size)[:, None], 2**17, axis=0)) ** 2
    power = power.sum(axis=1)
    omega = 2 * np.pi * np.fft.rfftfreq(2**17, t[1])
    for w in expected[-2:]:
        near = np.abs(omega / w - 1) < 0.05
        assert omega[near][np.argmax(power[near])] == pytest.approx(w, rel=0.005)
        assert power[near].max() > 30 * np.median(power)


def test_a_cut_leaves_each_stack_alone() -> None:
    """Each is what it is on a grid of its own; with A a field and a mask, too."""
    mask = np.ones(FILMS.shape, bool)
    mask[1, 1] = False
    field = np.random.default_rng(2).uniform(0.5e-11, 1.5e-11, FILMS.shape)
    masked = jaxstt.Grid(FILMS.shape, FILMS.spacing, mask=mask)
    for grid, A in ((FILMS, 1e-11), (FILMS, field), (masked, field)):
        m = jaxstt.random_state(grid, jax.random.key(3))
        B = jaxstt.Exchange(A, cut=(1,)).field(grid, jnp.asarray(MS), T0, m)
        for low, high in ((0, 2), (2, 4)):
            part = None if grid.mask is None else grid.mask[:, :, low:high]
            own = jaxstt.Grid((5, 3, high - low), FILMS.spacing, mask=part)
            stiff = np.broadcast_to(A, FILMS.shape)[:, :, low:high]
            alone = jaxstt.Exchange(stiff).field(own, jnp.asarray(MS), T0, m[..., low:high])
            np.testing.assert_allclose(B[..., low:high], alone, rtol=1e-12, atol=1e-12)
        whole = jaxstt.Exchange(A).field(grid, jnp.asarray(MS), T0, m)
        assert np.abs(whole - B).max() > 0.1 * np.abs(B).max()


def test_vacuum_opposite_leaves_a_cell_alone() -> None:
    mask = np.ones((2, 1, 2), bool)
    mask[0, 0, 1] = False
    grid = jaxstt.Grid(mask.shape, (2e-9, 2e-9, 1e-9), mask=mask)
    m = jaxstt.uniform(grid, (1.0, 0.0, 0.0)) + 0.3  # whatever m is in vacuum
    term = jaxstt.InterlayerExchange(J, J2)
    Ms = jnp.where(grid.mask, MS, 0.0)
    B = term.field(grid, Ms, T0, m)
    assert np.all(B[:, 0] == 0) and np.all(np.any(B[:, 1] != 0, axis=0))
    for slope in jax.grad(lambda Ms: jnp.sum(term.field(grid, Ms, T0, m)))(Ms)[None]:
        assert np.all(np.isfinite(slope))


def test_stiffness_is_an_upper_estimate() -> None:
    m = np.random.default_rng(5).standard_normal((400, 3, 1, 1, 2))
    m = jnp.asarray(m / np.linalg.norm(m, axis=1, keepdims=True))

    @jax.jit
    def steepest(J, J2):
        term = jaxstt.InterlayerExchange(J, J2)
        slope = jax.vmap(jax.jacfwd(lambda v: term.field(PAIR, jnp.asarray(MS), T0, v)))(m)
        largest = jnp.max(jnp.linalg.norm(slope.reshape(-1, 6, 6), 2, axis=(1, 2)))
        return largest, term.stiffness(PAIR, jnp.asarray(MS))

    for J, J2 in ((1e-3, 0.0), (0.0, 1e-3), (-3e-4, 1e-3)):
        most, told = steepest(J, J2)
        assert 0.4 * told < most <= told * (1 + 1e-12)


def test_other_codes_are_not_told_of_a_cut(tmp_path) -> None:
    llg = coupled(jaxstt.Exchange(1e-11, cut=(0,)))
    for write in (jaxstt.io.write_mumax3, jaxstt.io.write_oommf):
        with pytest.raises(ValueError, match="an Exchange with a `cut` is not exported"):
            write(tmp_path / "run", llg, two(0.0), duration=1e-9)
    assert not any(tmp_path.iterdir())


BAD = {
    "`above` must be > `below` = 1, got 1": lambda: jaxstt.InterlayerExchange(J, below=1, above=1),
    "`below` must be the number of a layer, from 0, got -1": lambda: jaxstt.InterlayerExchange(
        J, below=-1
    ),
    "`above` must be the number of a layer, from 0, got 1.0": lambda: jaxstt.InterlayerExchange(
        J, above=1.0
    ),
    "`J` is in J/m^2": lambda: jaxstt.InterlayerExchange(-0.4e4),
    "`J2` must be finite": lambda: jaxstt.InterlayerExchange(J, np.nan),
    "`J` of InterlayerExchange must be a number": lambda: coupled(
        jaxstt.InterlayerExchange(np.full(PAIR.shape, J))
    ),
    "`above` of InterlayerExchange must be one of the 2 layers": lambda: coupled(
        jaxstt.InterlayerExchange(J, below=0, above=2)
    ),
    "`cut` must be numbers of layers, from 0, got (-1,)": lambda: jaxstt.Exchange(1e-11, cut=(-1,)),
    "`cut` of Exchange must be between two of the 2 layers of the grid, got 1": lambda: coupled(
        jaxstt.Exchange(1e-11, cut=(1,))
    ),
    "`order` must be 2 with a `cut`, got 4": lambda: jaxstt.Exchange(1e-11, 4, cut=(0,)),
    "`cut` of Exchange needs a grid that is not periodic along z": lambda: coupled(
        jaxstt.Exchange(1e-11, cut=(0,)),
        grid=jaxstt.Grid((1, 1, 2), PAIR.spacing, (False, False, True)),
    ),
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        BAD[told]()
