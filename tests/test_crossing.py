"""The electron through a wall: closed forms, limits and some rows of the table (validation/)."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import spin_response, wall_crossing
from jaxstt._electron._wall_crossing import _series
from jaxstt.electron import (
    kinked_wall,
    linear_response,
    pointwise_error,
    rosen_zener,
    spin_profile,
    wide_wall,
)

KAPPA = np.array([0.5, 1.0, 2.0, 5.0])
ROSEN_ZENER = np.array([0.01499550, 0.18882259, 0.66261215, 1.96105262])


def test_rosen_zener_closed_form() -> None:
    exact = rosen_zener(KAPPA)
    np.testing.assert_allclose(exact.xi_eff, ROSEN_ZENER, rtol=0, atol=5e-9)
    flip = np.cosh(np.pi / (2 * KAPPA)) ** -2
    np.testing.assert_allclose(exact.flip, flip, rtol=1e-13)
    np.testing.assert_allclose(exact.a, 1 - flip, rtol=1e-13)
    np.testing.assert_allclose(exact.b, flip / KAPPA, rtol=1e-13)


def test_series_without_relaxation() -> None:
    """`wall_crossing` is exact at xi = 0 by construction; here the series stands alone."""
    a, b = _series(jnp.asarray(KAPPA), jnp.zeros(4))
    np.testing.assert_allclose(b / a, ROSEN_ZENER, rtol=0, atol=5e-9)
    np.testing.assert_allclose(a, rosen_zener(KAPPA).a, rtol=0, atol=1e-14)
    np.testing.assert_allclose(b, rosen_zener(KAPPA).b, rtol=0, atol=1e-14)


def test_exponentially_small_without_relaxation() -> None:
    """4 l exp(-pi l) in units of v tau_ex: far below the rounding of any solver."""
    lengths = np.array([5.0, 10.0, 20.0])
    found = wall_crossing(1 / lengths, 0.0).xi_eff
    np.testing.assert_allclose(found[:2], [3.014e-6, 9.084e-13], rtol=2e-4)
    assert found[2] < 1e-20
    np.testing.assert_allclose(found[1:], (4 * lengths * np.exp(-np.pi * lengths))[1:], rtol=1e-10)


# (kappa, xi): a (1 + xi^2) and xi_eff of the equation integrated to 13 digits (DOP853, |x| < 40 l).
INTEGRATED = [
    (1.0, 0.1, 0.7859820402102, 0.3078185182477),
    (0.3, 0.02, 0.9968525619988, 0.02155885016186),
    (2.0, 0.02, 0.4234337933408, 0.683465302109),
    (5.0, 0.5, 0.09437575697097, 2.424226607629),
    (0.5, 0.5, 0.8980027279062, 0.5679164301748),
    (0.25, 0.5, 0.9721215460403, 0.5167187808259),
    (20.0, 3.0, 0.04484987751214, 10.79883698284),
]


def test_against_integration() -> None:
    kappa, xi, adiabatic, xi_eff = np.array(INTEGRATED).T
    found = wall_crossing(kappa, xi)
    np.testing.assert_allclose(found.adiabatic, adiabatic, rtol=3e-12)
    np.testing.assert_allclose(found.xi_eff, xi_eff, rtol=3e-12)
    np.testing.assert_array_equal(wall_crossing(kappa, xi, kind="neel").b, found.b)


@pytest.mark.parametrize("xi", [0.2, 0.5, 1.0])
def test_wide_wall(xi: float) -> None:
    """The remainder is kappa^4: the second-order coefficients are right."""
    kappa = 0.01 * xi * np.array([1.0, 2.0])
    full, second = wall_crossing(kappa, xi), wide_wall(kappa, xi)
    size = kappa**2
    local = 1 / (1 + xi**2)
    assert np.all(np.abs(second.a - local) > 0.005 * size)
    np.testing.assert_allclose((full.a - second.a) / size, 0, atol=2e-3)
    np.testing.assert_allclose((full.xi_eff - second.xi_eff) / size, 0, atol=2e-3)
    slope = np.log2((full.a - second.a)[1] / (full.a - second.a)[0])
    assert abs(slope - 4) < 0.1


def test_window_between_the_lengths() -> None:
    """v tau_ex << l << v tau_sf: s3 does not recover in the wall, other coefficients hold."""
    kappa, xi = 0.1, 0.002
    found = wall_crossing(kappa, xi)
    assert abs((found.xi_eff / xi - 1) / kappa**2 - 0.55) < 0.05
    assert abs((found.adiabatic - 1) / kappa**2) < 0.03


def test_linear_response() -> None:
    found = complex(linear_response(0.5, 0.1))
    assert abs(found - (-0.1634740113 - 1.0800197556j)) < 1e-10
    kappa = np.array([0.1, 0.2, 0.3])
    exact = -(np.pi**2) / (4 * kappa) * np.cosh(np.pi / (2 * kappa)) ** -2
    np.testing.assert_allclose(linear_response(kappa, 0.0).real, exact, rtol=0, atol=1e-14)
    # Wide walls: the local values, with (1 - 3 xi^2)/(3 q^2) as the whole second order of a.
    z, xi = complex(linear_response(0.005, 0.5)), 0.5
    q = 1 + xi**2
    assert abs((-z.imag * q - 1) / 0.005**2 - (1 - 3 * xi**2) / (3 * q**2)) < 1e-3


def test_kinked_wall() -> None:
    T = np.array([10.0, 20.0, 40.0, 80.0, 160.0])
    expected = [0.1377, 0.0434, 0.0446, 0.0130, 0.0124]
    np.testing.assert_allclose(kinked_wall(T, 0.0).xi_eff, expected, rtol=0, atol=5e-5)
    same = wall_crossing(1 / T, 0.0, kind="kinked")
    np.testing.assert_allclose(same.b, kinked_wall(T, 0.0).b, rtol=1e-12)


def test_kinked_wall_is_the_mean_of_the_exact_response() -> None:
    T, xi = 7.0, 0.1
    x, w = np.polynomial.legendre.leggauss(60)
    eps = np.pi / T
    s = spin_response(0.0, eps, xi, 0.5 * T * (x + 1))
    found = kinked_wall(T, xi)
    np.testing.assert_allclose(found.a, -np.sum(0.5 * w * s[1]) / eps, rtol=1e-12)
    np.testing.assert_allclose(found.b, -np.sum(0.5 * w * s[0]) / eps, rtol=1e-12)


def test_kinked_envelope() -> None:
    """|xi_eff| of the small-angle form at xi = 0 peaks on a line of slope -1."""
    T = np.linspace(20, 400, 4000)
    size = np.abs(np.asarray(kinked_wall(T, 0.0, small_angle=True).xi_eff))
    peak = np.flatnonzero((size[1:-1] > size[:-2]) & (size[1:-1] > size[2:])) + 1
    slope = np.polyfit(np.log(T[peak]), np.log(size[peak]), 1)[0]
    assert abs(slope + 1) < 0.002
    # Small angle is what the full form becomes when the wall is long.
    full, small = kinked_wall(2000.0, 0.3), kinked_wall(2000.0, 0.3, small_angle=True)
    np.testing.assert_allclose([full.a, full.b], [small.a, small.b], rtol=2e-5)


def test_pointwise_error() -> None:
    kappa = np.array([0.025, 0.05, 0.1, 0.2, 0.4, 1.0])
    found = np.asarray(pointwise_error(kappa, 0.0))
    np.testing.assert_allclose(found[[0, 2, 3]], [0.013, 0.051, 0.111], rtol=0, atol=5.1e-4)
    np.testing.assert_allclose(found[4:], [0.38, 0.79], rtol=0, atol=5e-3)
    assert abs(np.polyfit(np.log(kappa[:3]), np.log(found[:3]), 1)[0] - 1.01) < 0.005


def test_profile() -> None:
    """The stepped profile and the series are two solutions of one equation."""
    kappa, xi = 0.7, 0.05
    x, s = spin_profile(kappa, xi)
    force = s * (1 / np.cosh(x))[None]
    b, a = -0.5 / kappa * np.trapezoid(force[:2], x, axis=1)
    found = wall_crossing(kappa, xi)
    np.testing.assert_allclose([a, b], [found.a, found.b], rtol=0, atol=2e-6)  # the tails
    x, s = spin_profile(1.0, 0.0)
    np.testing.assert_allclose(np.sum(s**2, axis=0), 1, atol=1e-9)
    assert abs(s[2, -1] - (1 - 2 * rosen_zener(1.0).flip)) < 2e-5  # sech(12) is left


# l/(v tau_ex), xi: a/a_local, xi_eff, Fermi surface.  All of the table: tests/validation.
ROWS = [
    (10, 0.02, 0.99916, 0.02011, 0.02007),
    (3, 0.1, 0.98455, 0.1087, 0.1047),
    (1.5, 0.02, 0.95542, 0.07953, 0.04524),
    (0.2, 0.5, 0.09438, 2.424, 1.671),
]


def test_rows_of_the_table() -> None:
    length, xi, adiabatic, single, fermi = np.array(ROWS).T
    found = wall_crossing(1 / length, xi)
    np.testing.assert_allclose(found.adiabatic, adiabatic, rtol=0, atol=1.1e-5)
    np.testing.assert_allclose(found.xi_eff, single, rtol=4e-4)
    average = wall_crossing(1 / length, xi, average="fermi_surface")
    np.testing.assert_allclose(average.xi_eff, fermi, rtol=4e-4)


@pytest.mark.parametrize("kind", ["bloch", "kinked"])
def test_gradients(kind: str) -> None:
    def both(p):
        found = wall_crossing(p[0], p[1], kind=kind)
        return jnp.stack([found.a, found.b])

    p, h = jnp.asarray([0.8, 0.1]), 1e-4
    forward = jax.jit(jax.jacfwd(both))(p)
    reverse = jax.jit(jax.grad(lambda p: both(p)[1]))(p)
    np.testing.assert_allclose(forward[1], reverse, rtol=1e-10)
    for i, step in enumerate(h * np.eye(2)):
        change = (both(p + step) - both(p - step)) / (2 * h)
        np.testing.assert_allclose(forward[:, i], change, rtol=1e-5)


def test_derivative_at_no_relaxation() -> None:
    """The exact value at xi = 0 does not cut off the derivative with respect to xi or kappa."""
    slope = jax.grad(lambda p: wall_crossing(p[0], p[1]).xi_eff)(jnp.asarray([1.0, 0.0]))
    h = 1e-5
    one_sided = (-3 * ROSEN_ZENER[1] + 4 * float(wall_crossing(1.0, h).xi_eff)) / (2 * h)
    one_sided -= float(wall_crossing(1.0, 2 * h).xi_eff) / (2 * h)
    assert abs(slope[1] / one_sided - 1) < 2e-3
    exact = jax.grad(lambda k: rosen_zener(k).xi_eff)(1.0)
    assert abs(slope[0] / exact - 1) < 1e-12


def test_vmap_over_both() -> None:
    kappa, xi = np.array([0.3, 1.0]), np.array([0.0, 0.1])
    one_by_one = jax.jit(jax.vmap(lambda k, x: wall_crossing(k, x).xi_eff))(kappa, xi)
    np.testing.assert_allclose(one_by_one, wall_crossing(kappa, xi).xi_eff, rtol=1e-13)
    grid = wall_crossing(kappa[:, None], xi[None]).xi_eff
    np.testing.assert_allclose(np.diag(grid), one_by_one, rtol=1e-13)


def test_float32() -> None:
    kappa, xi = np.array([0.05, 0.3, 1.0, 5.0]), np.array([0.02, 0.1, 0.02, 0.5])
    narrow = kappa.astype(np.float32), xi.astype(np.float32)

    @jax.jit
    def values(k, x):
        found = [wall_crossing(k, x, average="fermi_surface"), kinked_wall(1 / k, x)]
        found += [rosen_zener(k), wide_wall(k, x)]
        numbers = [value for f in found for value in (f.a, f.xi_eff)]
        numbers[5] = numbers[5][1:]  # 1e-26 at kappa = 0.05: the exponent has lost its digits
        z = linear_response(k, x)
        return [*numbers, z.real, z.imag, pointwise_error(k, x)]

    for single, double in zip(values(*narrow), values(kappa, xi), strict=True):
        assert single.dtype == jnp.float32 and double.dtype == jnp.float64
        np.testing.assert_allclose(single, double, rtol=1e-4)
    assert np.isfinite(rosen_zener(np.float32(0.01)).xi_eff)


BAD = [
    (lambda: wall_crossing(0.0, 0.1), "`kappa` must be > 0, got 0"),
    (lambda: wall_crossing(-1.0, 0.1), "`kappa` must be > 0, got -1"),
    (lambda: wall_crossing(1.0, -0.1), "`xi` must be >= 0, got -0.1"),
    (lambda: wall_crossing(np.nan, 0.1), "`kappa` must be finite"),
    (lambda: wall_crossing(1.0, 0.1, kind="vortex"), "`kind` must be one of"),
    (lambda: wall_crossing(1.0, 0.1, average="all"), "`average` must be one of"),
    (lambda: wall_crossing(1.0, 0.1, scattering=1.0), '`average` must be "fermi_surface"'),
    (lambda: wall_crossing(1.0, 0.1, kind="kinked", average="fermi_surface"), "`average` must be"),
    (lambda: rosen_zener(0.0), "`kappa` must be > 0"),
    (lambda: wide_wall(0.0, 0.1), "`kappa` must be > 0"),
    (lambda: linear_response(0.1, -1.0), "`xi` must be >= 0"),
    (lambda: kinked_wall(0.0, 0.1), "`T` must be > 0, got 0"),
    (lambda: pointwise_error(0.0, 0.1), "`kappa` must be > 0"),
    (lambda: spin_profile(np.array([0.1, 0.2]), 0.1), "must be numbers, got shape (2,)"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_bad_input(call, message: str) -> None:
    with pytest.raises(ValueError) as error:
        call()
    assert message in str(error.value) and "\n" not in str(error.value)
