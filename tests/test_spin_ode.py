"""The spin's equation of motion: lab against local frame, solvers, derivatives, failures."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

import jaxstt
from jaxstt import RESULTS, SpinODE, evolve_spin
from jaxstt.constants import EV, GAMMA, HBAR
from jaxstt.electron import (
    LocalSpinODE,
    MagnusSteps,
    bloch_vector,
    exchange_hamiltonian,
    local_frame,
    local_matrix,
    spin_basis,
)

TAU = HBAR / EV
FORWARD = diffrax.ForwardMode()


def theta(t):
    return 0.9 + 0.4 * jnp.sin(0.13 * t / TAU)


def phi(t):
    return 0.2 + 0.17 * t / TAU + 0.3 * jnp.sin(0.07 * t / TAU)


def path(t):
    return local_frame(theta(t), phi(t))[2]


ETA = np.array([np.cos(0.3), np.sin(0.3) * np.exp(0.4j)])
T = np.linspace(0, 60, 13) * TAU
FRAMES = np.asarray(jnp.moveaxis(local_frame(theta(T), phi(T)), 2, 0))


TIGHT = {"rtol": 1e-12, "atol": 1e-13}


def lab(xi, B=(0.0, 0.0, 0.0)) -> SpinODE:
    """One structure, so that one compilation serves; at xi = 0 the band does not matter."""
    return SpinODE(path, tau_ex=TAU, xi=xi, band="minority", B=B)


@pytest.fixture(scope="module")
def reference():
    """Sec. 2's trajectory in the lab."""
    ode, s0 = lab(0.0), FRAMES[0].T @ np.asarray(bloch_vector(ETA))
    return ode, evolve_spin(ode, s0, T, **TIGHT).s


def local(s):
    return np.einsum("tij,tj->ti", FRAMES, np.asarray(s))


def test_reference_trajectory(reference):
    s = local(reference[1])
    digits = {"atol": 5.1e-9, "rtol": 0}
    np.testing.assert_allclose(s[0], [0.52007016, 0.21988214, 0.82533561], **digits)
    np.testing.assert_allclose(s[-1], [0.49636861, -0.30520523, 0.81269180], **digits)
    np.testing.assert_allclose(np.linalg.norm(s, axis=1), 1, atol=1e-11)


def test_local_frame_gives_the_same():
    """Eq (8) in its own axes, without and with relaxation."""
    s0 = bloch_vector(ETA)
    for xi in (0.0, 0.1):
        tau_sf = TAU / xi if xi else 1e30
        ode = LocalSpinODE(theta, phi, Delta=EV, tau_sf=tau_sf, band="minority")
        found = evolve_spin(ode, s0, T, **TIGHT).s
        expected = evolve_spin(lab(xi), FRAMES[0].T @ np.asarray(s0), T, **TIGHT).s
        np.testing.assert_allclose(found, local(expected), atol=1e-10)
    # and its right-hand side is the matrix
    t, s = jnp.asarray(3.3 * TAU), jnp.asarray([0.3, -0.2, 0.8])
    rates = [jax.jvp(f, (t,), (jnp.ones(()),))[1] for f in (theta, phi)]
    relax = -0.1 * (s + jnp.asarray([0.0, 0.0, 1.0]))
    expected = TAU * local_matrix(theta(t), *rates, TAU) @ s + relax
    np.testing.assert_allclose(ode.rate(t, s), expected, atol=1e-14)


@pytest.mark.parametrize("sign", [1, -1])
def test_sign_of_the_exchange_energy(sign: int, reference):
    """i hbar psi' = H psi of (1), projected on the local basis, is (8); with -H it is not."""

    def rate(x, y, args):
        psi = jax.lax.complex(y[:2], y[2:])
        H = sign * exchange_hamiltonian(path(x * TAU), EV)
        change = -1j * (H / EV).astype(psi.dtype) @ psi
        return jnp.concatenate([change.real, change.imag])

    psi = np.asarray(spin_basis(theta(0.0), phi(0.0))) @ ETA
    x = T / TAU
    y = diffrax.diffeqsolve(
        diffrax.ODETerm(rate),
        diffrax.Dopri8(),
        x[0],
        x[-1],
        None,
        jnp.asarray(np.concatenate([psi.real, psi.imag])),
        saveat=diffrax.SaveAt(ts=x),
        stepsize_controller=diffrax.PIDController(rtol=1e-11, atol=1e-12),
    ).ys
    assert y is not None
    y = np.asarray(y).T
    psi = y[:2] + 1j * y[2:]
    V = np.asarray(spin_basis(theta(T), phi(T)))
    s = bloch_vector(np.einsum("abk,ak->bk", V.conj(), psi)).T
    error = np.max(np.abs(s - local(reference[1])))
    assert error < 1e-7 if sign > 0 else error > 0.5


def test_magnus_steps_have_order_four_and_keep_the_length(reference):
    ode, exact = reference
    error = []
    for count in (10, 20):  # steps of 0.5 and 0.25 tau_ex
        s = evolve_spin(ode, exact[0], T, solver=MagnusSteps(count)).s
        error.append(float(jnp.max(jnp.abs(s - exact))))
        np.testing.assert_allclose(jnp.linalg.norm(s, axis=1), 1, atol=1e-13)
    assert error[0] < 1e-4 and abs(np.log2(error[0] / error[1]) - 4) < 0.2


def test_magnus_steps_with_everything():
    """Relaxation, field and minority band: order four against the adaptive run."""
    ode, s0 = lab(0.1, (500.0, -300.0, 200.0)), -path(T[0])
    exact = evolve_spin(ode, s0, T, **TIGHT).s
    np.testing.assert_array_equal(evolve_spin(ode, None, T, solver=MagnusSteps(10)).s[0], s0)
    error = [
        float(jnp.max(jnp.abs(evolve_spin(ode, s0, T, solver=MagnusSteps(n)).s - exact)))
        for n in (10, 20)
    ]
    assert error[0] < 1e-4 and abs(np.log2(error[0] / error[1]) - 4) < 0.2


@pytest.mark.parametrize("solver", [None, MagnusSteps(3)])
def test_a_path_at_rest_has_a_closed_form(solver):
    """Precession about n + tau_ex gamma B, along -gamma s x B as a moment should."""
    n, B, xi = np.array([0.0, 0.6, 0.8]), np.array([900.0, 200.0, -400.0]), 0.2
    s0, x = np.array([0.6, 0.0, 0.8]), 4.0
    ode = SpinODE(lambda t: jnp.asarray(n), tau_ex=TAU, xi=xi, B=B)
    found = evolve_spin(ode, s0, [0.0, x * TAU], solver=solver).s[-1]
    turn = n + TAU * GAMMA * B
    matrix = np.cross(np.eye(3), turn) - xi * np.eye(3)  # turn x s - xi s
    end = -np.linalg.solve(matrix, xi * n)
    expected = end + scipy.linalg.expm(x * matrix) @ (s0 - end)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    # Field alone: d s/dt = -gamma s x B turns x towards y for B along z.
    free = SpinODE(lambda t: jnp.asarray(n), tau_ex=1.0, xi=0.0, B=(0.0, 0.0, 1.0))
    quarter = np.pi / 2 / GAMMA
    found = evolve_spin(free, [1.0, 0.0, 0.0], [0.0, quarter], solver=MagnusSteps(1)).s[-1]
    np.testing.assert_allclose(found, [0, 1, 0], atol=1e-9)


class Wall(eqx.Module):
    """n seen by an electron of velocity v in a Bloch wall theta = 2 atan exp(x/l)."""

    velocity: jax.Array
    width: jax.Array

    def __call__(self, t):
        x = self.velocity * t / self.width
        return jnp.stack([jnp.zeros_like(x), 1 / jnp.cosh(x), -jnp.tanh(x)])


def crossing(v, solver, xi=0.0, adjoint=None, **options):
    wall = Wall(jnp.asarray(v, float), jnp.asarray(2e-9, float))
    end = 20 * wall.width / wall.velocity
    ode = SpinODE(wall, tau_ex=TAU, xi=xi)
    t = jnp.stack([-end, end])
    return evolve_spin(ode, None, t, solver=solver, adjoint=adjoint, **options).s[-1]


@pytest.mark.parametrize("solver,tol", [(None, 1e-7), (MagnusSteps(400), 1e-6)])
def test_electrons_through_a_wall(solver, tol: float):
    """At xi = 0 the flip probability is sech^2(pi/(2 kappa)) (Rosen-Zener).

    The electrons start 20 widths away, at rest: an unlimited step would jump over the wall.
    All at once equal one by one.
    """
    v = jnp.asarray([1e6, 6e6, 6e7])
    flip = 1 / jnp.cosh(jnp.pi / 2 / (v * TAU / 2e-9)) ** 2
    one = jax.jit(lambda v: crossing(v, solver))
    s = jax.jit(jax.vmap(one))(v)
    np.testing.assert_allclose((1 + s[:, 2]) / 2, flip, atol=tol)
    np.testing.assert_allclose(s, jnp.stack([one(x) for x in v]), atol=1e-11)


@pytest.mark.thorough
def test_derivatives():
    """Forward and reverse, by tau_ex, xi, the path's leaves and s0, against central differences."""
    t = np.array([-6.0, 5.0, 12.0]) * TAU
    point = jnp.asarray([1.0, 0.1, 3.0, 0.3])

    def final(p, solver, adjoint):
        wall = Wall(1e6 * p[2], jnp.asarray(2e-9))
        ode = SpinODE(wall, Delta=EV * p[0], xi=p[1], B=(0.0, 100.0, 0.0))
        s0 = jnp.stack([p[3], jnp.zeros(()), jnp.sqrt(1 - p[3] ** 2)])
        options = {"rtol": 1e-10, "atol": 1e-10, "max_steps": 1000}
        options = {} if isinstance(solver, MagnusSteps) else options
        s = evolve_spin(ode, s0, t, solver=solver, adjoint=adjoint, throw=False, **options).s
        return s[1, 0] + 2 * s[2, 1] - s[2, 2]

    for solver in (MagnusSteps(40), diffrax.Tsit5()):
        value = jax.jit(lambda p, solver=solver: final(p, solver, None))
        ends = [value(point + h) - value(point - h) for h in 1e-4 * jnp.eye(4)]
        slope = jnp.stack(ends) / 2e-4
        reverse = jax.jit(jax.grad(value))(point)
        np.testing.assert_allclose(reverse, slope, rtol=1e-5, atol=1e-7)
    forward = jax.jit(jax.jacfwd(lambda p: final(p, diffrax.Tsit5(), FORWARD)))(point)
    np.testing.assert_allclose(forward, reverse, rtol=1e-7)
    with pytest.raises(TypeError, match="evolve_spin"):
        jax.jvp(lambda p: final(p, None, None), (point,), (point,))


def test_float32():
    t = [-2e-14, 0.0, 2e-14]

    def run(solver):
        wall = Wall(jnp.asarray(1e6, float), jnp.asarray(2e-9, float))
        ode = SpinODE(wall, Delta=EV, tau_sf=3e-14, B=(1.0, 2.0, 3.0))
        return evolve_spin(ode, None, t, solver=solver).s

    for solver in (None, MagnusSteps(100)):
        exact = run(solver)
        with jax.enable_x64(False):
            single = run(solver)
            slope = jax.grad(lambda D: SpinODE(path, Delta=D, tau_sf=3e-14).tau_ex)(0.1 * EV)
        assert exact.dtype == jnp.float64 and single.dtype == jnp.float32
        np.testing.assert_allclose(single, exact, atol=1e-4)
        np.testing.assert_allclose(slope, -HBAR / (0.1 * EV) ** 2, rtol=1e-5)


def test_a_drive_bends_where_it_says():
    """A field pulse in a long run at rest is not jumped over; a late one does nothing."""
    still = lambda t: jnp.asarray([0.0, 0.0, 1.0])  # noqa: E731
    pulse = jaxstt.Pulse((1e5, 0.0, 0.0), start=500.3 * TAU, duration=0.4 * TAU)
    ode = SpinODE(still, tau_ex=TAU, xi=0.0, B=pulse)
    s = evolve_spin(ode, None, np.array([0.0, 500.0, 1000.0]) * TAU, rtol=1e-10, atol=1e-10).s
    np.testing.assert_allclose(s[1], [0, 0, 1], atol=1e-12)
    turn = np.array([TAU * GAMMA * 1e5, 0, 1]) * 0.4
    size = np.linalg.norm(turn)
    expected = (np.cos(size) * size**2 + (1 - np.cos(size)) * turn[2] ** 2) / size**2
    np.testing.assert_allclose(s[2, 2], expected, atol=1e-7)


@pytest.mark.parametrize("solver", [None, MagnusSteps(100)])
def test_derivative_by_the_times_of_a_pulse(solver):
    still = lambda t: jnp.asarray([0.0, 0.0, 1.0])  # noqa: E731
    settings = {} if solver else {"rtol": 1e-11, "atol": 1e-11}

    def end(duration):
        pulse = jaxstt.Pulse((1e3, 0.0, 0.0), start=10 * TAU, duration=duration, rise=2 * TAU)
        ode = SpinODE(still, tau_ex=TAU, xi=0.1, B=pulse)
        return evolve_spin(ode, None, np.array([0, 50]) * TAU, solver=solver, **settings).s[-1, 0]

    value = jnp.asarray(20 * TAU)
    h = 1e-3 * value
    near, far = (end(value + k * h) - end(value - k * h) for k in (1, 2))
    several = jax.vmap(jax.grad(end))(jnp.stack([value, 0.5 * value]))
    np.testing.assert_allclose(several[0], (8 * near - far) / (12 * h), rtol=1e-6)


@pytest.mark.parametrize("times", [{"rise": 0.0}, {"start": 60 * TAU}, {"start": 0.0}])
def test_magnus_steps_have_derivatives_where_pieces_are_empty(times):
    def turned(t):
        return jnp.stack([jnp.sin(t / (20 * TAU)), 0 * t, jnp.cos(t / (20 * TAU))])

    def end(size):
        times_ = {"start": 10 * TAU, "duration": 20 * TAU, "rise": 5 * TAU, **times}
        pulse = jaxstt.Pulse(size * jnp.array([1e3, 0.0, 0.5e3]), **times_)
        ode = SpinODE(turned, tau_ex=TAU, xi=0.1, B=pulse)
        start = np.array([0.0, 0.0, 1.0])
        t = np.array([0, 40]) * TAU
        return evolve_spin(ode, start, t, solver=MagnusSteps(100)).s[-1, 0]

    exact = (end(1.001) - end(0.999)) / 0.002
    np.testing.assert_allclose(jax.grad(end)(1.0), exact, rtol=1e-4, atol=1e-12)


def test_a_field_that_swings_needs_no_bends():
    still = lambda t: jnp.asarray([0.0, 0.0, 1.0])  # noqa: E731
    swing = jaxstt.Sinusoid((1e3, 0.0, 0.0), 0.1 / TAU)
    ode = SpinODE(still, tau_ex=TAU, xi=0.1, B=swing)
    coarse, fine = (evolve_spin(ode, None, np.linspace(0, 100, n) * TAU).s[-1] for n in (2, 101))
    assert float(jnp.hypot(coarse[0], coarse[1])) > 1e-2
    np.testing.assert_allclose(coarse, fine, atol=1e-7)


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_lowers_for_other_platforms(platform: str):
    for solver in (None, MagnusSteps(10)):
        run = jax.jit(lambda v, solver=solver: crossing(v, solver, throw=False))
        text = run.trace(jnp.asarray(1e6)).lower(lowering_platforms=(platform,)).as_text()
        assert "callback" not in text


def test_failures_inside_jit():
    long = lambda t: jnp.stack([0 * t, 0 * t, 1 + 0 * t + 0.1])  # noqa: E731

    def run(tau, n, throw, **options):
        return evolve_spin(
            SpinODE(n, tau_ex=tau, xi=0.1), None, [0.0, 1e-14], throw=throw, **options
        )

    magnus = {"solver": MagnusSteps(2)}
    assert eqx.filter_jit(run)(TAU, path, False, **magnus).result == RESULTS.successful
    result = jax.jit(lambda tau: run(tau, long, False, **magnus).result)(TAU)
    assert result == RESULTS.not_unit
    with pytest.raises(RuntimeError, match="unit length"):
        jax.jit(lambda tau: run(tau, long, True, **magnus).s)(TAU).block_until_ready()
    assert run(TAU, path, False, max_steps=3).result == RESULTS.max_steps_reached
    with pytest.raises(RuntimeError, match="max_steps"):
        run(TAU, path, True, max_steps=3)
    nan = jnp.full(3, jnp.nan)
    result = jax.jit(
        lambda s0: evolve_spin(SpinODE(path, tau_ex=TAU, xi=0.1), s0, T, throw=False, **magnus)
    )(nan).result
    assert result == RESULTS.not_finite


def _run(n=path, s0=None, t=(0.0, 1e-15), **options):
    return evolve_spin(SpinODE(n, tau_ex=TAU, xi=0.1), s0, t, **options)


BAD = {
    "tau_ex": (lambda: SpinODE(path, tau_ex=0.0, xi=0.1), "`tau_ex` must be > 0, got 0"),
    "Delta": (lambda: SpinODE(path, Delta=-EV, xi=0.1), "`Delta` must be > 0, got -1.6"),
    "tau_sf": (lambda: SpinODE(path, tau_ex=TAU, tau_sf=0.0), "`tau_sf` must be > 0, got 0"),
    "xi": (lambda: SpinODE(path, tau_ex=TAU, xi=-0.1), "`xi` must be >= 0, got -0.1"),
    "both": (lambda: SpinODE(path, tau_ex=TAU, Delta=EV, xi=0.1), "either `tau_ex` or `Delta`"),
    "neither": (lambda: SpinODE(path, tau_ex=TAU), "either `xi` or `tau_sf`"),
    "band": (lambda: SpinODE(path, tau_ex=TAU, xi=0, band="up"), '`band` must be "majority"'),
    "n": (lambda: SpinODE((0, 0, 1), tau_ex=TAU, xi=0), "`n` must be a function"),  # type: ignore
    "B": (lambda: SpinODE(path, tau_ex=TAU, xi=0, B=1.0), r"`B` must be \(3,\)"),
    "path": (
        lambda: _run(lambda t: jnp.asarray([0.0, 0.5, 0.8])),
        r"`n` must be unit length along the path, got \|n\| = 0.943398",
    ),
    "path shape": (lambda: _run(lambda t: jnp.asarray([0.0, 1.0])), r"`n` must be \(3, ...\)"),
    "nan path": (lambda: _run(lambda t: jnp.full(3, jnp.nan)), "`n` must be unit length"),
    "s0": (lambda: _run(s0=(0, 1.0)), r"`s0` must be \(3,\)"),
    "s0 length": (lambda: _run(s0=(0, 1.0, 0.5)), "`s0` must not be longer than 1"),
    "t": (lambda: _run(t=(1e-15, 0.0)), "`t` must increase"),
    "seconds": (lambda: _run(t=(0.0, 1.0)), "`t` is in s and must be < 1e.08 tau_ex"),
    "one t": (lambda: _run(t=(0.0,)), "`t` must hold at least 2 times"),
    "rtol": (lambda: _run(rtol=0.0), "`rtol` must be a number > 0, got 0"),
    "max_steps": (lambda: _run(max_steps=0), "`max_steps` must be an integer >= 1"),
    "solver": (lambda: _run(solver=diffrax.Euler()), "`solver` must be an adaptive"),
    "count": (lambda: MagnusSteps(0), "`count` must be >= 1, got 0"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str):
    make, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        make()
