"""A wall in a field across its easy axis: closed forms against quadrature, rest states, the LLG."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import cumulative_simpson

import jaxstt
from jaxstt._models import _canting as room

A, K, KP, MS, D3 = 1.5e-11, 5e5, 3e4, 7e5, 0.8e-9
LENGTH = np.sqrt(A / K)
GRID = jaxstt.Grid((160, 1, 1), (LENGTH / 6, LENGTH / 6, D3))
ALPHA, D, THETA = 0.3, -3e-4, 0.1


def test_the_moments_that_leave_the_plane() -> None:
    """n(s) integrated from its equation; its integrals are the closed forms."""
    s = np.linspace(-25, 25, 200001)
    sech, size = 1 / np.cosh(s), np.abs(s)
    behind = 2 * np.arctan(np.exp(-size)) - np.pi / 2 * (1 - np.tanh(size))
    slope = np.sign(s) * (np.cosh(s) ** 2 * behind - np.sinh(size))
    F = cumulative_simpson(slope, x=s, initial=0)
    n = 1 + sech * (F - F[s.size // 2])
    n = n - sech * np.trapezoid(n * sech, s) / 2
    curved = np.gradient(np.gradient(n, s), s)
    left = -curved + (1 - 2 * sech**2) * n - 1 + np.pi / 2 * sech
    assert np.abs(left[np.abs(s) < 10]).max() < 1e-5
    assert np.trapezoid(n * sech**2, s) == pytest.approx(room.S, abs=1e-7)
    assert np.trapezoid(1 - n, s) == pytest.approx(room._COST, abs=1e-6)


def _wall(**more) -> jaxstt.CollectiveWall:
    plain = {"A": A, "K": K, "Kp": KP, "Ms": MS, "alpha": ALPHA, "xi": 0.0, "P": 0.0}
    return jaxstt.CollectiveWall(**{**plain, **more})


@pytest.mark.parametrize("h", [0.1, 0.3, -0.2])
def test_width_and_turn_in_the_own_plane_are_exact(h) -> None:
    """Of the profile theta' = (sin theta - h)/lambda_0; h < 0: a wall against the field."""
    with jax.enable_x64(True):
        inside = np.arcsin(h), np.pi - np.arcsin(h)
        theta = np.linspace(*inside, 20001)
        B = 2 * K * h / MS
        canted = room.canting(MS, K, jnp.asarray(KP), jnp.array([B, 0.0]), jnp.asarray(0.0))
        width = float(_wall().width(0.0, (B, 0.0)))
    # As far as the series go.
    assert 2 / width == pytest.approx(np.trapezoid(np.sin(theta) - h, theta) / LENGTH, rel=3e-5)
    assert float(canted.along_x) == pytest.approx((inside[1] - inside[0]) / np.pi, rel=2e-4)
    assert float(canted.rise) == pytest.approx(np.cos(inside[0]), rel=1e-9)


def test_the_turning_is_the_slope_of_the_energy() -> None:
    """4 sqrt(A kappa) e(h), and what a field across costs, at fixed kappa."""
    with jax.enable_x64(True):
        plane = jnp.array([0.05, -0.09])

        def at(phi):
            return room.canting(MS, K, jnp.asarray(KP), plane, phi)

        def energy(phi, kept):
            """kept: kappa in the cost of what is across, itself of second order."""
            across = MS / 2 * (plane[1] * jnp.cos(phi) - plane[0] * jnp.sin(phi))
            more = across**2 * room._COST * jnp.sqrt(A / kept) / kept
            return 4 * jnp.sqrt(A * at(phi).cost) * at(phi).narrowing + more

        for phi in (0.3, 1.4, -2.2):
            c = at(jnp.asarray(phi))
            width = jnp.sqrt(A / c.cost) / c.narrowing
            slope = jax.grad(energy)(phi, c.cost)
            assert float(2 * width * c.turning) == pytest.approx(float(slope), rel=1e-9)
            along_x = jax.grad(lambda p: at(p).along_x)(phi)
            assert float(c.slope_along_x) == pytest.approx(float(along_x), rel=1e-9)


@pytest.fixture(scope="module")
def driven():
    """(velocity, angle) of the LLG where it has settled."""
    with jax.enable_x64(True):
        t = jnp.linspace(0, 3e-9, 25)

        @jax.jit
        def run(j, B, plane, charge):
            current = jnp.stack([j, 0 * j, 0 * j])
            llg = jaxstt.LLG(
                GRID,
                Ms=MS,
                alpha=ALPHA,
                energies=(
                    jaxstt.Exchange(A, order=4),
                    jaxstt.UniaxialAnisotropy(K),
                    jaxstt.UniaxialAnisotropy(-KP, (0.0, 1.0, 0.0)),
                    jaxstt.InterfacialDMI(charge * D),
                    jaxstt.Zeeman(jnp.stack([*plane, B])),
                ),
                torques=(jaxstt.SpinOrbit(current, THETA, 0.0, D3),),
            )
            m = jaxstt.bloch_wall(GRID, LENGTH, angle=0.0)
            m = m.at[2].multiply(charge)
            solver = jaxstt.FixedStep()
            wall = jaxstt.follow(llg, m, t, component="z", solver=solver, throw=False).wall
            late = slice(-5, None)
            return jnp.polyfit(t[late] * 1e9, wall.position[late] * 1e9, 1)[0], wall.angle[-1]

        yield run


@pytest.mark.parametrize(
    "j, B, plane, charge",
    [
        (5e11, 0.0, (-0.15, 0.0), 1),
        (5e11, 0.0, (0.15, 0.0), -1),
        (5e11, 0.0, (0.06, -0.1), 1),
        (0.0, 0.02, (0.12, 0.05), 1),
        (-4e11, 0.01, (-0.03, -0.1), -1),
    ],
)
def test_the_velocity_is_that_of_the_llg(driven, j, B, plane, charge) -> None:
    """To 1 % up to h = 0.1, where the wall is nearly turned over; 10 % without the canting."""
    with jax.enable_x64(True):
        v, angle = driven(j, B, jnp.array(plane), float(charge))
        wall = _wall(D=charge * D, theta_DL=THETA, thickness=D3, charge=charge)
        found = wall.motion(j, B, plane)
    print(float(found.velocity), float(v), float(found.angle), float(angle))
    assert float(found.velocity) == pytest.approx(float(v), rel=0.01)
    apart = np.angle(np.exp(1j * (float(found.angle) - float(angle))))
    assert abs(apart) < 0.03
