"""The equation itself: reference numbers, implicit residual, conservation laws, signs."""

import diffrax
import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

G = 1.7595e11


def test_reference_A():
    c = jaxstt.torque_coefficients(
        Ms=8e5, alpha=0.01, xi=0.05, P=0.6, n0=4e4, j=(1e12, 0.0, 0.0), gamma=G
    )
    np.testing.assert_allclose(c.eta, 0.04987531, atol=5e-9)
    np.testing.assert_allclose(c.gamma, 1.67591330e11, rtol=5e-9)
    np.testing.assert_allclose(c.alpha, 0.01190024, atol=5e-9)
    np.testing.assert_allclose(c.u, [43.304602, 0, 0], atol=5e-7)
    np.testing.assert_allclose(c.U, c.u / (1 + c.eta))


def test_reference_B():
    grid = jaxstt.Grid((3, 1, 1), (1e-9, 1e-9, 1e-9))
    slope = 5e7 * np.array([0.8, 0, -0.6])
    m = np.stack([np.array([0.6, 0, 0.8]) + s * 1e-9 * slope for s in (-1, 0, 1)], axis=1)
    llg = jaxstt.LLG(
        grid,
        Ms=8e5,
        alpha=0.01,
        gamma=G,
        energies=(jaxstt.Zeeman((0, 0.02, 0.05)),),
        torques=(jaxstt.ZhangLi((2e12, 0, 0), P=0.6, xi=0.05, n0=4e4),),
    )
    rate = jaxstt.rhs(llg, 0.0, m[:, :, None, None])[:, 1, 0, 0]
    np.testing.assert_allclose(rate, [5.93450934e9, 4.90978061e9, -4.45088201e9], rtol=5e-9)


def test_explicit_form_solves_the_implicit_equation():
    """dm/dt = -gamma m x B + alpha m x dm/dt + T/Ms, T with dm/dt in it, in bare symbols."""
    grid, m, t = helpers.GRID, helpers.noise(helpers.GRID), jnp.asarray(2.5e-12)
    llg = helpers.everything(grid)
    rate = jaxstt.rhs(llg, t, m)
    right = _implicit_side(llg, grid, t, m, rate)
    assert float(jnp.max(jnp.abs(rate - right))) < 1e-12 * float(jnp.max(jnp.abs(rate)))
    assert float(jnp.max(jnp.abs(jnp.sum(m * rate, 0)))) < 1e-12 * float(jnp.max(jnp.abs(rate)))


@eqx.filter_jit
def _implicit_side(llg, grid, t, m, rate):
    cross = lambda a, b: jnp.cross(a, b, axis=0)  # noqa: E731
    right = -llg.gamma * cross(m, jaxstt.effective_field(llg, m, t))
    right = right + llg.alpha * cross(m, rate)
    for torque in llg.torques:
        right = right + torque.rate(grid, llg.Ms, t, m)
        for weight, g in torque.damping(grid, llg.Ms, m):
            right = right + weight * cross(m, g * jnp.sum(g * rate, 0)[None])
        if torque.renormalisation(llg.Ms) is None:
            continue
        eta = torque.n0 / llg.Ms / (1 + torque.xi**2)
        right = right - eta * rate + torque.xi * eta * cross(m, rate)
    return right


def test_macrospin_precesses_and_relaxes():
    """phidot = gamma B/(1+alpha^2) about +B, tan(theta/2) falls as exp(-alpha phidot t)."""
    grid = jaxstt.Grid((1, 1, 1), (1e-9, 1e-9, 1e-9))
    B, alpha, theta = 0.5, 0.1, 1.0
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=alpha, gamma=G, energies=(jaxstt.Zeeman((0, 0, B)),))
    m0 = jaxstt.uniform(grid, (np.sin(theta), 0, np.cos(theta)))
    t = 3e-11
    m = jaxstt.evolve(llg, m0, [0, t], rtol=1e-9, atol=1e-9).m[-1, :, 0, 0, 0]
    rate = G * B / (1 + alpha**2)
    angle = 2 * np.arctan(np.tan(theta / 2) * np.exp(-alpha * rate * t))
    expected = [
        np.sin(angle) * np.cos(rate * t),
        np.sin(angle) * np.sin(rate * t),
        np.cos(angle),
    ]
    np.testing.assert_allclose(m, expected, atol=1e-7)


def test_energy_is_conserved_without_damping_and_never_rises_with_it():
    llg = helpers.wall_llg(0.0, 0.0, 0.0, 0.0, n0=0.0)
    m0 = jaxstt.neel_wall(helpers.WIRE, 14e-9, angle=0.5)
    energy = lambda t, m: jaxstt.total_energy(llg, m)  # noqa: E731
    free = jaxstt.evolve(llg, m0, np.linspace(0, 2e-11, 9), save=energy, rtol=1e-10, atol=1e-10).m
    assert float(jnp.max(jnp.abs(free / free[0] - 1))) < 1e-8
    damped = eqx.tree_at(lambda x: x.alpha, llg, jnp.asarray(0.1))
    falling = jaxstt.evolve(damped, m0, np.linspace(0, 1e-10, 21), save=energy).m
    assert bool(jnp.all(jnp.diff(falling) < 0))


@pytest.mark.parametrize("convention,sign", [("oommf", -1.0), ("paper", 1.0)])
def test_from_velocity(convention: str, sign: float):
    """The coefficient of (u.grad)m is u itself, along the electron flow for oommf."""
    grid, m = helpers.GRID, helpers.noise(helpers.GRID)
    torque = jaxstt.ZhangLi.from_velocity(70.0, 0.3, 8e5, convention=convention)
    u = jaxstt.torque_coefficients(Ms=8e5, alpha=0.0, xi=0.3, P=1.0, j=torque.j).u
    np.testing.assert_allclose(u, [sign * 70.0, 0, 0], rtol=1e-12)
    w = sign * 70.0 * jnp.gradient(m, 2e-9, axis=1)[:, 1:-1]
    inner = m[:, 1:-1]
    w = w - inner * jnp.sum(inner * w, 0)[None]
    expected = w - 0.3 * jnp.cross(inner, w, axis=0)
    got = torque.rate(grid, jnp.asarray(8e5), jnp.zeros(()), m)[:, 1:-1]
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-3)


def test_every_leaf_batches():
    """vmap over each parameter leaf of an LLG with every term equals a loop."""
    grid, m, t = helpers.GRID, helpers.noise(helpers.GRID), jnp.asarray(2.5e-12)
    llg = helpers.everything(grid)
    leaves, tree = jax.tree.flatten(eqx.filter(llg, eqx.is_inexact_array))
    static = eqx.filter(llg, eqx.is_inexact_array, inverse=True)
    assert len(leaves) > 25

    @jax.jit
    def rate(*leaves):
        return eqx.combine(jax.tree.unflatten(tree, leaves), static).rate(t, m)

    # Row k turns leaf k by 1 %: one compilation for all of them.
    rows = jnp.eye(len(leaves))
    batch = [
        (1 + 0.01 * r.reshape(-1, *[1] * x.ndim)) * x[None]
        for x, r in zip(leaves, rows, strict=True)
    ]
    together = jax.vmap(rate)(*batch)
    for k in range(len(leaves)):
        one = rate(*(leaf[k] for leaf in batch))
        np.testing.assert_allclose(together[k], one, rtol=1e-10, atol=1e-2)


_WIRE = helpers.WIRE
_LLG = {"grid": _WIRE, "Ms": 8e5, "alpha": 0.1}
_N0 = jaxstt.ZhangLi((1e12, 0, 0), P=0.5, xi=0.1, n0=1e4)
BAD = {
    "Ms negative": (lambda: jaxstt.LLG(_WIRE, Ms=-1.0, alpha=0.1), "`Ms` must be >= 0, got -1"),
    "Ms zero": (lambda: jaxstt.LLG(_WIRE, Ms=0.0, alpha=0.1), "`Ms` must be > 0"),
    "Ms shape": (
        lambda: jaxstt.LLG(_WIRE, Ms=jnp.full(3, 8e5), alpha=0.1),
        "`Ms` of LLG must",
    ),
    "alpha": (lambda: jaxstt.LLG(_WIRE, Ms=1.0, alpha=-0.02), "`alpha` must be >= 0, got -0.02"),
    "alpha nan": (lambda: jaxstt.LLG(_WIRE, Ms=1.0, alpha=jnp.nan), "`alpha` must be finite"),
    "alpha text": (lambda: jaxstt.LLG(_WIRE, Ms=1.0, alpha="x"), "`alpha` must be a number"),
    "gamma": (lambda: jaxstt.LLG(**_LLG, gamma=0.0), "`gamma` must be > 0"),
    "one term": (lambda: jaxstt.LLG(**_LLG, energies=(3,)), "`energies` must hold jaxstt energies"),
    "negative damping": (
        lambda: jaxstt.LLG(
            _WIRE, Ms=8e5, alpha=1e-3, torques=(jaxstt.ZhangLi((0, 0, 0), P=0.5, xi=-0.5, n0=1e4),)
        ),
        "`alpha` \\+ xi eta must be >= 0",
    ),
    "negative damping of a wall": (
        lambda: jaxstt.CollectiveWall(
            A=1e-11, K=1e5, Kp=1e4, Ms=8e5, alpha=1e-3, xi=-0.5, P=0.5, n0=1e4
        ),
        "`alpha` \\+ xi eta must be >= 0",
    ),
    "no tuple": (lambda: jaxstt.LLG(**_LLG, energies=jaxstt.Zeeman((0, 0, 1))), "needs a comma"),
    "vacuum": (
        lambda: jaxstt.LLG(_WIRE, Ms=jnp.full(_WIRE.shape, 8e5).at[5:].set(0.0), alpha=0.1),
        "`Ms` is 0 in 91 cells of the magnet; .*mask=Ms > 0",
    ),
    "gamma field": (lambda: jaxstt.LLG(**_LLG, gamma=jnp.ones(3)), "`gamma` of LLG must be a"),
    "K shape": (
        lambda: jaxstt.LLG(**_LLG, energies=(jaxstt.UniaxialAnisotropy(jnp.ones(96)),)),
        "`K` of UniaxialAnisotropy must be a number",
    ),
    "P field": (
        lambda: jaxstt.LLG(**_LLG, torques=(jaxstt.ZhangLi((0, 0, 0), P=np.ones(9), xi=0),)),
        "`P` of ZhangLi must be a number",
    ),
    "wall outside": (lambda: jaxstt.bloch_wall(_WIRE, 1e-8, position=1.0), "`position` must lie"),
    "key": (lambda: jaxstt.random_state(_WIRE, 0), "`key` must be a JAX random key"),
    "grid number": (lambda: jaxstt.Grid(5, (1e-9,) * 3), "`shape` must have three entries"),
    "collective batch": (
        lambda: jaxstt.CollectiveWall(
            A=1e-11, K=1e5, Kp=1e4, Ms=8e5, alpha=0.1, xi=np.ones(3), P=0.5
        ),
        "`xi` must be a number, got shape .*jax.vmap",
    ),
    "n0 twice": (lambda: jaxstt.LLG(**_LLG, torques=(_N0, _N0)), "at most one torque with n0"),
    "P": (lambda: jaxstt.ZhangLi((1, 0, 0), P=1.2, xi=0.1), "`P` must be <= 1, got 1.2"),
    "n0": (lambda: jaxstt.ZhangLi((1, 0, 0), P=1, xi=0.1, n0=-1), "`n0` must be >= 0"),
    "j": (lambda: jaxstt.ZhangLi(1e12, P=1, xi=0.1), "`j` must be"),
    "order": (lambda: jaxstt.ZhangLi((1, 0, 0), P=1, xi=0, order=3), "`order` must be 2 or 4"),
    "convention": (
        lambda: jaxstt.ZhangLi.from_velocity(1.0, 0.1, 8e5, convention="mumax"),
        "`convention` must be one of",
    ),
    "A": (lambda: jaxstt.Exchange(0.0), "`A` must be > 0"),
    "axis": (lambda: jaxstt.UniaxialAnisotropy(1e5, (0, 0, 0)), "`axis` must not be zero"),
    "N": (lambda: jaxstt.ShapeAnisotropy((0.5, 0.2, 0.2)), "`N` must sum to 1"),
    "B": (lambda: jaxstt.Zeeman(0.1), "`B` must be"),
    "grid shape": (lambda: jaxstt.Grid((0, 1, 1), (1e-9,) * 3), "`shape` must be"),
    "grid spacing": (lambda: jaxstt.Grid((4, 1, 1), (1.0, 1e-9, 1e-9)), "`spacing` is in m"),
    "mask": (
        lambda: jaxstt.Grid((2, 1, 1), (1e-9,) * 3, mask=np.zeros((2, 1, 1), bool)),
        "`mask` must leave",
    ),
    "pulse": (lambda: jaxstt.Pulse(1.0, 0.0, 1e-9, rise=1e-9), "`rise` must be <="),
    "piecewise": (lambda: jaxstt.Piecewise([0, 0], [1, 2]), "`times` must increase"),
    "wall width": (lambda: jaxstt.bloch_wall(_WIRE, 1e-9), "`width` must be >= the cell"),
    "wall charge": (lambda: jaxstt.bloch_wall(_WIRE, 1e-8, charge=2), "`charge` must be"),
    "collective K": (
        lambda: jaxstt.CollectiveWall(A=1e-11, K=1e5, Kp=-1e5, Ms=8e5, alpha=0, xi=0, P=0),
        "`K \\+ Kp` must be > 0",
    ),
    "m0 length": (lambda: jaxstt.evolve(_simple(), 2 * _m0(), [0, 1e-12]), "`m0` must hold unit"),
    "m0 shape": (lambda: jaxstt.evolve(_simple(), _m0()[:, :5], [0, 1e-12]), "`m0` must have"),
    "t order": (lambda: jaxstt.evolve(_simple(), _m0(), [0, 0]), "`t` must increase"),
    "t one": (lambda: jaxstt.evolve(_simple(), _m0(), [0]), "`t` must hold at least 2"),
    "rtol": (
        lambda: jaxstt.evolve(_simple(), _m0(), [0, 1e-12], rtol=0),
        "`rtol` must be a number",
    ),
    "rtol of fixed": (
        lambda: jaxstt.evolve(_simple(), _m0(), [0, 1e-12], solver=jaxstt.FixedStep(), rtol=1e-3),
        "`rtol` has no meaning with FixedStep",
    ),
    "adjoint of fixed": (
        lambda: jaxstt.evolve(
            _simple(),
            _m0(),
            [0, 1e-12],
            solver=jaxstt.FixedStep(),
            adjoint=diffrax.BacksolveAdjoint(),
        ),
        "`adjoint` must be diffrax.ForwardMode",
    ),
    "implicit": (
        lambda: jaxstt.evolve(_simple(), _m0(), [0, 1e-12], solver=diffrax.Kvaerno3()),
        "`solver` must be an explicit adaptive",
    ),
    "collective rtol": (lambda: _wall().evolve([0, 1e-9], rtol=-1), "`rtol` must be a number > 0"),
    "collective j": (lambda: _wall().motion(j=jnp.nan), "`j` must be finite"),
    "collective drive": (lambda: _wall().motion(j=jaxstt.Pulse(1.0, 0.0, 1e-9)), "`j` must be a n"),
    "dt": (lambda: jaxstt.FixedStep(-1e-13), "`dt` must be > 0"),
    "tol": (lambda: jaxstt.relax(_simple(), _m0(), tol=0), "`tol` must be a number > 0 T, got 0"),
}


def _wall():
    return jaxstt.CollectiveWall(A=1e-11, K=1e5, Kp=1e4, Ms=8e5, alpha=0.1, xi=0.2, P=0.5)


def _simple():
    return jaxstt.LLG(**_LLG, energies=(jaxstt.Zeeman((0, 0, 1.0)),))


def _m0():
    return jaxstt.uniform(_WIRE, (1, 0, 0))


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.thorough
def test_vacuum_stays_empty():
    """With every term: no motion outside the mask, and finite slopes with respect to m and Ms."""
    mask = jax.random.uniform(jax.random.key(5), helpers.GRID.shape) > 0.3
    grid = jaxstt.Grid(mask.shape, helpers.GRID.spacing, mask=mask)
    llg, m = helpers.everything(grid), helpers.noise(grid)
    Ms = jnp.where(mask, 8e5, 0.0)

    @jax.jit
    def speed(m, Ms):
        own = eqx.tree_at(lambda llg: llg.Ms, llg, Ms)
        rate = own.rate(jnp.asarray(2.5e-12), m)
        return jnp.sum(rate**2), rate

    slopes, rate = jax.grad(speed, argnums=(0, 1), has_aux=True)(m, Ms)
    assert float(jnp.max(jnp.abs(rate))) > 1e9
    assert not rate[:, ~mask].any()
    assert all(bool(jnp.isfinite(slope).all()) for slope in slopes)


@pytest.mark.parametrize("ask", ["rhs", "effective_field", "total_energy", "energy_terms"])
def test_magnet_in_vacuum_is_refused(ask):
    grid = jaxstt.Grid((4, 1, 1), (2e-9,) * 3, mask=np.arange(4)[:, None, None] < 3)
    llg = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Exchange(1e-11),))
    state = np.tile(np.array([0.0, 0.0, 1.0])[:, None, None, None], (1, 4, 1, 1))
    arguments = (0.0, state) if ask == "rhs" else (state,)
    with pytest.raises(ValueError, match="`m` must be 0 outside the mask"):
        getattr(jaxstt, ask)(llg, *arguments)
