"""Converters: round trips, the page's numbers, and the three codes' equations at one state.

The equations are written out here in NumPy, each from its own code's documentation.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import constants, torque_coefficients
from jaxstt.converters import (
    from_mumax3,
    from_oommf,
    from_velocity,
    to_mumax3,
    to_oommf,
    to_velocity,
)

G = 1.7595e11
SET = {"Ms": 8e5, "alpha": 0.01, "xi": 0.05, "P": 0.6, "n0": 4e4, "j": 1e12, "gamma": G}
CURRENT = (2e12, -1.5e12, 0.7e12)
SETS = {
    "page": SET,
    "vector": SET | {"j": CURRENT, "xi": 0.3, "n0": 1.2e5},
    "g = 2, minority": SET | {"j": CURRENT, "P": -0.4, "gamma": constants.GAMMA},
    "no electrons": SET | {"n0": 0.0, "j": -3e12},
    "no damping, P = 1": SET | {"alpha": 0.0, "P": 1.0, "gamma": constants.GAMMA},
}
cases = pytest.mark.parametrize("values", SETS.values(), ids=SETS)

RNG = np.random.default_rng(5)
M = np.array([0.48, -0.6, 0.64])
FIELD = RNG.normal(size=3) * 0.1
GRADIENT = RNG.normal(size=(3, 3)) * 3e7
GRADIENT -= np.outer(GRADIENT @ M, M)  # |m| = 1
MU_B, E = constants.MU_B, constants.E_CHARGE


def vector(j: Any) -> np.ndarray:
    return np.asarray(j) if np.ndim(j) else np.array([float(j), 0.0, 0.0])


def same(found: Any, expected: dict[str, Any], rtol: float = 1e-12) -> None:
    assert set(expected) <= set(found._fields)
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(found, name), value, rtol=rtol, err_msg=name)


# -- equations -----------------------------------------------------------------------------------


def bare(Ms, alpha, xi, P, n0, j, gamma):
    """The LLG with the torque of the electrons, no renormalised symbol in it; solved for dm/dt."""
    q = 1 + xi**2
    eta = n0 / Ms / q
    w = MU_B * P / (E * Ms * q) * vector(j) @ GRADIENT
    right = -gamma * np.cross(M, FIELD) + w - xi * np.cross(M, w)
    # dm/dt = right + alpha m x dm/dt - eta dm/dt + xi eta m x dm/dt, as a linear system.
    turn = np.cross(M, np.eye(3)).T  # turn @ a = m x a
    return np.linalg.solve((1 + eta) * np.eye(3) - (alpha + xi * eta) * turn, right)


def mumax3(J, Pol, Xi, alpha, Msat, GammaLL, B=FIELD, gamma_0=G):
    """Landau-Lifshitz and Zhang-Li torques in T, times GammaLL."""
    b = MU_B / (E * gamma_0 * Msat * (1 + float(Xi) ** 2))
    h = b * float(Pol) * vector(J) @ GRADIENT
    precession = np.cross(M, B) + alpha * np.cross(M, np.cross(M, B))
    spin = (1 + Xi * alpha) * np.cross(M, np.cross(M, h)) + (Xi - alpha) * np.cross(M, h)
    return -GammaLL / (1 + alpha**2) * (precession + spin)


def oommf(u, beta, alpha, gamma_G, Ms):
    """dm/dt = -gamma_G m x H + alpha m x dm/dt - (u.grad)m + beta m x (u.grad)m."""
    w = vector(u) @ GRADIENT
    right = -gamma_G * np.cross(M, FIELD / constants.MU_0) - w + beta * np.cross(M, w)
    turn = np.cross(M, np.eye(3)).T
    return np.linalg.solve(np.eye(3) - alpha * turn, right)


@cases
def test_three_codes_move_alike(values: dict[str, Any]) -> None:
    expected = bare(**values)
    scale = np.max(np.abs(expected))
    for found in (mumax3(**to_mumax3(**values)._asdict()), oommf(**to_oommf(**values)._asdict())):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)


@cases
def test_mumax3_with_gamma_at_its_default(values: dict[str, Any]) -> None:
    """The torque of the current alone is right; the field would turn m with gamma_0."""
    script = to_mumax3(**values, default_gamma=True)
    assert float(script.GammaLL) == G
    found = mumax3(**script._asdict(), B=np.zeros(3))
    expected = bare(**values) - bare(**values | {"j": 0.0})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.max(np.abs(expected)))


def test_dividing_twice_is_wrong() -> None:
    """Pol = P/(1+eta) belongs to the default GammaLL, not to gamma~."""
    script = to_mumax3(**SET)
    wrong = script._replace(Pol=to_mumax3(**SET, default_gamma=True).Pol)
    expected = bare(**SET)
    assert np.max(np.abs(mumax3(**wrong._asdict()) - expected)) > 1e-3 * np.max(np.abs(expected))


# -- numbers -------------------------------------------------------------------------------------


def test_numbers_of_the_page() -> None:
    script, other = to_mumax3(**SET), to_oommf(**SET)
    np.testing.assert_allclose(script.GammaLL, 1.67591330e11, rtol=3e-9)
    np.testing.assert_allclose(script.alpha, 0.01190024, atol=5e-9)
    same(script, {"J": 1e12, "Pol": 0.6, "Xi": 0.05, "Msat": 8e5})
    default = to_mumax3(**SET, default_gamma=True)
    np.testing.assert_allclose(default.Pol, 0.57149644, atol=5e-9)
    np.testing.assert_allclose(default.alpha, script.alpha)
    np.testing.assert_allclose(other.u, -41.247376, atol=5e-7)
    np.testing.assert_allclose(other.gamma_G, 210601.48, atol=5e-3)
    same(other, {"beta": 0.05, "alpha": script.alpha, "Ms": 8e5})
    quoted = to_velocity(Ms=8e5, xi=0.05, P=0.6, n0=4e4, j=1e12)
    np.testing.assert_allclose(quoted.P_T, 0.57007126, atol=5e-9)
    np.testing.assert_allclose(MU_B * quoted.P_T * 1e12 / (E * 8e5), 41.247376, atol=5e-7)


def test_another_gamma_needs_another_polarisation() -> None:
    """g = 2: gamma is 0.04 % below mumax3's constant, so Pol is 0.04 % more than P."""
    Pol = to_mumax3(**SET | {"gamma": constants.GAMMA}).Pol
    assert float(Pol) / 0.6 == pytest.approx(1.7595e11 / 1.758820e11, rel=1e-6)
    assert round(100 * (float(Pol) / 0.6 - 1), 2) == 0.04


def test_standard_problem_5() -> None:
    """mu_B j/(e Ms) = 72.35 at 1e12 A/m^2: for beta > 0 no |P| <= 1 gives it a Zhang-Li torque."""
    here = torque_coefficients(Ms=8e5, alpha=0.1, xi=0.05, P=1.0, j=1e12)
    np.testing.assert_allclose(here.u, 72.17, atol=5e-3)
    quoted = {"u": -72.35, "Ms": 8e5}
    np.testing.assert_allclose(from_velocity(**quoted, beta=0.0, P=1.0).j, 1e12, rtol=1e-4)
    np.testing.assert_allclose(from_velocity(**quoted, beta=0.05, P=1.0).j, 1.0025e12, rtol=1e-4)
    with pytest.raises(ValueError, match=r"`P` must be <= 1, got 1\.002"):
        from_velocity(**quoted, beta=0.05, j=1e12)


# -- round trips ---------------------------------------------------------------------------------


@cases
def test_round_trips(values: dict[str, Any]) -> None:
    n0 = values["n0"]
    script, other = to_mumax3(**values), to_oommf(**values)
    same(from_mumax3(**script._asdict(), n0=n0), values)
    same(from_oommf(**other._asdict(), n0=n0, j=values["j"]), values)
    same(from_oommf(**other._asdict(), n0=n0, P=values["P"]), values)
    # and the other way round, from a set with n0 that no one has written down
    back = to_mumax3(**from_mumax3(**script._asdict())._asdict())
    same(back, script._asdict())
    blind = from_oommf(**other._asdict(), P=1.0)
    same(to_oommf(**blind._asdict()), other._asdict())


@cases
@pytest.mark.parametrize("convention", ["oommf", "paper"])
def test_velocity_round_trips(values: dict[str, Any], convention: str) -> None:
    common = {name: values[name] for name in ("Ms", "n0")} | {"convention": convention}
    v = to_velocity(xi=values["xi"], P=values["P"], j=values["j"], **common)
    U = torque_coefficients(**values).U
    np.testing.assert_allclose(v.u, -U if convention == "oommf" else U, rtol=1e-12)
    expected = {name: values[name] for name in ("j", "P", "xi")}
    same(from_velocity(v.u, v.beta, j=values["j"], **common), expected)
    same(from_velocity(v.u, v.beta, P=values["P"], **common), expected)


def test_default_script_is_read_as_it_runs() -> None:
    """GammaLL not set: gamma~ = gamma_0."""
    read = from_mumax3(J=1e12, Pol=0.5, Xi=0.1, alpha=0.02, Msat=8e5, n0=4e4)
    c = torque_coefficients(**read._asdict())
    np.testing.assert_allclose(c.gamma, G)
    np.testing.assert_allclose(c.alpha, 0.02)
    np.testing.assert_allclose(c.U, MU_B * 0.5 * 1e12 / (E * 8e5 * 1.01))


def test_derivatives_and_batches() -> None:
    """The Jacobian of a round trip is 1, also where alpha = 0 and P = 1 are restored."""
    names = tuple(SET)

    def trip(x: jax.Array, base: dict[str, Any]) -> jax.Array:
        values = {name: base[name] * x[k] for k, name in enumerate(names)}
        values["alpha"] = base["alpha"] + x[1] - 1  # for a base of 0
        script = from_mumax3(**to_mumax3(**values)._asdict(), n0=values["n0"])
        values = script._asdict()
        other = from_oommf(**to_oommf(**values)._asdict(), n0=values["n0"], j=values["j"])
        back = [getattr(other, name) / base[name] for name in names if name != "alpha"]
        back.insert(1, other.alpha - base["alpha"] + 1)
        return jnp.stack(back)

    one = jnp.ones(len(names))
    for base in (SET, SETS["no damping, P = 1"]):
        f = jax.jit(lambda x, base=base: trip(x, base))
        np.testing.assert_allclose(f(one), one, rtol=1e-12)
        np.testing.assert_allclose(jax.jit(jax.jacfwd(f))(one), np.eye(len(names)), atol=1e-9)
    batch = jax.vmap(lambda j: to_mumax3(**SET | {"j": j}))(jnp.array([1e12, 2e12]))
    np.testing.assert_allclose(batch.J, [1e12, 2e12])
    assert batch.GammaLL.shape == (2,)


def test_rounding_beyond_the_range_is_taken_away() -> None:
    """P = 1 and alpha = 0 come back as such, derivatives intact; more than rounding is refused."""

    def polarisation(scale: jax.Array) -> jax.Array:
        u = to_velocity(Ms=8e5, xi=0.1, P=1.0, j=1e12).u
        return from_velocity(u * scale, 0.1, Ms=8e5, j=1e12).P

    over = jnp.asarray(1 + 1e-8)
    assert float(polarisation(over)) == 1
    assert float(polarisation(-over)) == -1
    np.testing.assert_allclose(jax.grad(polarisation)(over), 1, rtol=1e-7)
    with pytest.raises(ValueError, match="`P` must be <= 1"):
        polarisation(jnp.asarray(1 + 1e-4))

    def damping(alpha: jax.Array) -> jax.Array:
        return from_mumax3(J=0.0, Pol=0.5, Xi=0.5, alpha=alpha, Msat=8e5, n0=4e4).alpha

    eta = 0.05 / 1.25
    below = jnp.asarray(0.5 * eta / (1 + eta) * (1 - 1e-8))
    assert float(damping(below)) == 0
    np.testing.assert_allclose(jax.grad(damping)(below), 1 + eta, rtol=1e-12)


def test_single_precision() -> None:
    for values in SETS.values():
        exact = to_mumax3(**values), to_oommf(**values)
        with jax.enable_x64(False):
            script, other = to_mumax3(**values), to_oommf(**values)
            back = from_mumax3(**script._asdict(), n0=values["n0"])
            there = from_oommf(**other._asdict(), n0=values["n0"], j=values["j"])
        for found, expected in zip((script, other), exact, strict=True):
            assert all(x.dtype == jnp.float32 for x in found)
            same(found, expected._asdict(), rtol=1e-4)
        for found in (back, there):
            for name, value in values.items():
                np.testing.assert_allclose(getattr(found, name), value, rtol=1e-4, atol=1e-7)


BAD = {
    "`Ms` must be > 0": lambda: to_mumax3(**SET | {"Ms": 0.0}),
    "`Msat` must be > 0": lambda: from_mumax3(J=1, Pol=0.5, Xi=0.1, alpha=0.1, Msat=0.0),
    "`P` must be <= 1": lambda: from_mumax3(J=1, Pol=1.0, Xi=0, alpha=0.1, Msat=8e5, n0=4e4),
    "`alpha` must be >= xi eta/": lambda: from_mumax3(
        J=1, Pol=0.5, Xi=0.5, alpha=0.01, Msat=8e5, n0=4e4
    ),
    "`n0` must be >= 0": lambda: from_velocity(1.0, 0.1, Ms=8e5, P=0.5, n0=-1.0),
    "`convention` must be one of": lambda: to_velocity(Ms=1, xi=0, P=1, j=1, convention="mumax3"),
    "`j` or `P` must be given": lambda: from_velocity(1.0, 0.1, Ms=8e5),
    "one of them": lambda: from_velocity(1.0, 0.1, Ms=8e5, P=0.5, j=1e12),
    "`P` must not be 0": lambda: from_velocity(1.0, 0.1, Ms=8e5, P=0.0),
    "`j` must not be 0": lambda: from_velocity(1.0, 0.1, Ms=8e5, j=0.0),
    "`j` must be along `u`": lambda: from_velocity((1.0, 0, 0), 0.1, Ms=8e5, j=(1e12, 1e10, 0)),
    "must both be numbers or": lambda: from_velocity(1.0, 0.1, Ms=8e5, j=(1e12, 0, 0)),
    "`gamma_G` must be > 0": lambda: from_oommf(
        u=1.0, beta=0.1, alpha=0.1, gamma_G=0.0, Ms=8e5, P=0.5
    ),
    "`P` must be >= -1": lambda: from_velocity(1.0, 0.1, Ms=8e5, j=1e9),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_input(message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BAD[message]()
