"""Momentum scattering through a wall: the coefficient of kappa^2, the table, the limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxstt import wall_crossing
from jaxstt._electron._wall_crossing import direction_cosines
from jaxstt.electron import linear_response, scattered_response, scattering_coefficient

TIMES = np.array([0.1, 0.3, 1.0, 3.0, 10.0])


def xi_eff(kappa, xi, scattering):
    return wall_crossing(kappa, xi, average="fermi_surface", scattering=scattering).xi_eff


def test_coefficient() -> None:
    expected = [0.0112, 0.0346, 0.100, 0.0814, 0.0284]
    closed = scattering_coefficient(TIMES)
    np.testing.assert_allclose(closed, expected, rtol=0, atol=1e-4)
    # The remainder is of second order in kappa.
    found = [np.asarray(xi_eff(k, 0.0, TIMES)) / k**2 / closed - 1 for k in (0.01, 0.02)]
    np.testing.assert_allclose(found[0], 0, atol=5e-4)
    np.testing.assert_allclose(found[1] / found[0], 4, rtol=0.02)


# xi = 0.02; rows l/(v tau_ex), columns tau0/tau_ex = .1, .3, 1, 3, 10, 30, inf.
TABLE = {
    10: [0.02011, 0.02035, 0.02101, 0.02088, 0.02037, 0.02018, 0.02008],
    5: [0.02045, 0.02138, 0.02407, 0.02369, 0.02157, 0.02077, 0.02035],
    3: [0.02124, 0.02385, 0.03156, 0.03167, 0.02568, 0.02312, 0.02174],
}


def test_table() -> None:
    scattering = np.array([0.1, 0.3, 1, 3, 10, 30, 1e6])
    found = xi_eff(1 / np.array([10.0, 5.0, 3.0])[:, None], 0.02, scattering[None])
    np.testing.assert_allclose(found, list(TABLE.values()), rtol=0, atol=5.1e-6)


def test_ballistic_limit() -> None:
    mu, weight = direction_cosines(np.dtype(float))
    ballistic = jnp.sum(weight.astype(complex) * linear_response(0.4 * mu, 0.1))
    assert abs(scattered_response(0.4, 0.1, 1e9) - ballistic) < 1e-8


def test_against_quadrature_over_directions() -> None:
    """The equation itself: sums over mu and w instead of the closed form for the mean."""
    kappa, xi, t = 0.5, 0.05, 2.0
    mu, weight = np.polynomial.legendre.leggauss(80)
    weight = weight / 2
    w = np.linspace(-14 * kappa, 14 * kappa, 4001)
    force = np.cosh(np.pi * w / (2 * kappa)) ** -2
    free = 1 / (1j * w[:, None] * mu + 1 / t + xi - 1j)
    mean = -((3 * mu**2 * weight) * free).sum(1) / (1 - (weight * free).sum(1) / t)
    expected = np.sum(force * mean) / np.sum(force)
    assert abs(scattered_response(kappa, xi, t) - expected) < 1e-10


def test_gradients() -> None:
    p, h = jnp.asarray([0.3, 0.05, 1.5]), 1e-4
    slope = jax.grad(lambda p: xi_eff(*p))(p)
    for i, step in enumerate(h * np.eye(3)):
        change = (xi_eff(*(p + step)) - xi_eff(*(p - step))) / (2 * h)
        np.testing.assert_allclose(slope[i], change, rtol=1e-5)


def test_float32() -> None:
    single = scattered_response(np.float32(0.3), np.float32(0.02), TIMES.astype(np.float32))
    double = scattered_response(0.3, 0.02, TIMES)
    assert single.dtype == jnp.complex64
    np.testing.assert_allclose(single.real, double.real, rtol=1e-4)
    np.testing.assert_allclose(single.imag, double.imag, rtol=1e-4)
    np.testing.assert_allclose(
        scattering_coefficient(TIMES.astype(np.float32)), scattering_coefficient(TIMES), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.0, 0.1, 1.0), "`kappa` must be > 0"),
        ((0.1, -0.1, 1.0), "`xi` must be >= 0"),
        ((0.1, 0.1, 0.0), "`scattering` must be > 0, got 0"),
        ((0.1, 0.1, np.inf), "`scattering` must be finite"),
    ],
)
def test_bad_input(values, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scattered_response(*values)
    if values[2] == 0:
        with pytest.raises(ValueError, match="`scattering` must be > 0"):
            scattering_coefficient(values[2])
