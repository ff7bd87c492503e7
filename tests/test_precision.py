"""Every public function in float32, JAX's default, agrees with float64 to 1e-4.

A new public name is added to the table, or to the names that compute nothing.
"""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import helpers
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

EV, M_E = jaxstt.constants.EV, jaxstt.constants.M_E
GRID = jaxstt.Grid((48, 1, 1), (2e-9, 2e-9, 2e-9))
NOTHING_TO_COMPUTE = {
    "AbstractDrive", "AbstractEnergy", "AbstractTorque", "TorqueCoefficients", "RESULTS",
    "Solution", "Relaxed", "WallState", "WallMotion", "Grid", "FixedStep", "Thermal",
    "parallel_map", "ValidityWarning", "BerryConnection", "MagnusSteps",
    "BareParameters", "CurrentParameters", "Mumax3Parameters", "OOMMFParameters",
    "VelocityParameters", "SpinSolution", "SpinODE", "LocalSpinODE", "WallCrossing",
    "Validity", "Prediction", "is_parameter", "VortexCore", "SteadyWall",
    "sweep", "sweep_map", "grid", "points", "random_design", "latin_design", "SweepWarning",
    "CheckpointWarning", "Followed", "Window", "grains", "by_grain", "rough_edges",
}  # fmt: skip


def wall(**kwargs: Any) -> jax.Array:
    return jaxstt.neel_wall(GRID, 10e-9, position=43e-9, angle=0.3, **kwargs)


def llg(*energies: jaxstt.AbstractEnergy, torques: tuple = ()) -> jaxstt.LLG:
    return jaxstt.LLG(GRID, Ms=8e5, alpha=0.05, energies=energies, torques=torques)


def strip(order: int = 2) -> jaxstt.LLG:
    return helpers.wall_llg(0.05, 0.5, 0.1, -1.5e12, 0.01, grid=GRID, order=order)


def track() -> jaxstt.Solution:
    t = np.linspace(0, 4e-9, 41)
    tilt = jnp.asarray(-0.1 + 0 * t)
    state = jaxstt.WallState(jnp.asarray(20e-9 + 5.0 * t), jnp.asarray(1e-8 + 0 * t), tilt)
    return jaxstt.Solution(jnp.asarray(t), state, {}, jaxstt.RESULTS.successful)


def collective() -> jaxstt.CollectiveWall:
    return jaxstt.CollectiveWall(
        A=1.3e-11, K=1.3e5, Kp=3e4, Ms=8e5, alpha=0.02, xi=0.05, P=0.5, n0=4e4
    )


DISK = jaxstt.Grid((32, 32, 1), (2e-9, 2e-9, 2e-9))


def vortex() -> jax.Array:
    return jaxstt.vortex(DISK, polarity=-1, position=(31e-9, 33.5e-9))


def skyrmion() -> jax.Array:
    return jaxstt.skyrmion(DISK, 12e-9, 4e-9, position=(31e-9, 33.5e-9))


def turned() -> jax.Array:
    return jnp.stack([-wall()[1], wall()[0], 0 * wall()[2]])


@eqx.filter_jit
def rate_of(term: jaxstt.AbstractTorque) -> jax.Array:
    return term.rate(GRID, jnp.asarray(8e5), jnp.asarray(1.5e-12), wall())


def field(term: jaxstt.AbstractEnergy) -> tuple[jax.Array, jax.Array]:
    own = llg(term)
    return jaxstt.effective_field(own, wall(), 3e-10), jaxstt.total_energy(own, wall(), 3e-10)


def coupled() -> jax.Array:
    grid = jaxstt.Grid((6, 1, 2), (2e-9, 2e-9, 2e-9))
    turn = jnp.linspace(0.0, 3.0, 12).reshape(1, 6, 1, 2)
    m = jnp.concatenate([jnp.cos(turn), jnp.sin(turn), 0 * turn])
    term = jaxstt.InterlayerExchange(-3e-4, 2e-4)
    return term.field(grid, jnp.asarray(8e5), jnp.zeros(()), m)


def at(drive: jaxstt.AbstractDrive) -> list[jax.Array]:
    return [drive(jnp.asarray(t)) for t in (0.4e-10, 1.2e-10, 2.95e-10)]


def gas() -> jaxstt.TwoBand:
    return jaxstt.TwoBand(5 * EV, EV, tau_up=1e-14, tau_dn=4e-15, T=300.0)


def spin(local: bool = False) -> jax.Array:
    theta, phi = (lambda t: 0.9 + 2e13 * t), (lambda t: 0.2 + 1e14 * t)

    def n(t):
        a, b = theta(t), phi(t)
        return jnp.stack([jnp.sin(a) * jnp.cos(b), jnp.sin(a) * jnp.sin(b), jnp.cos(a)])

    ode = jaxstt.electron.LocalSpinODE(theta, phi, Delta=EV, xi=0.1)
    if not local:
        ode = jaxstt.SpinODE(n, Delta=EV, xi=0.1, B=(0.0, 0.0, 10.0))
    return jaxstt.evolve_spin(ode, None, [0.0, 3e-15, 2e-14]).s


N, TURN = (0.0, 0.6, 0.8), (3e12, 0.0, 0.0)
SLOPE = ((5e7, 0.0, 0.0), (0.0, 4e7, -3e7), (0.0, 0.0, 0.0))
ETA = (0.6 + 0.0j, 0.0 + 0.8j)
PATH = (lambda r, t: 0.9 + 2e8 * r[0] + 1e12 * t), (lambda r, t: 3e8 * r[1] - 2e12 * t)

BARE = {"Ms": 8e5, "xi": 0.05, "P": 0.6, "n0": 4e4}


def hall() -> jaxstt.electron.AnomalousHall:
    return jaxstt.electron.AnomalousHall.from_bands(gas(), Omega_up=4e-21, Omega_dn=-1.5e-21)


ELECTRON: dict[str, Callable[[], Any]] = {
    "exchange_hamiltonian": lambda: jaxstt.electron.exchange_hamiltonian(N, EV),
    "spin_basis": lambda: jaxstt.electron.spin_basis(0.9, 0.3),
    "local_frame": lambda: jaxstt.electron.local_frame(0.9, 0.3),
    "bloch_vector": lambda: jaxstt.electron.bloch_vector(jnp.asarray(ETA)),
    "berry_connection": lambda: jaxstt.electron.berry_connection(
        *PATH, jnp.array([1e-9, 0, 0]), 1e-13
    ),
    "berry_matrix": lambda: jaxstt.electron.berry_matrix(0.9, 1e14, 2e14),
    "spin_lagrangian": lambda: jaxstt.electron.spin_lagrangian(
        jnp.asarray(ETA), jnp.asarray(ETA) * 1e15, jaxstt.electron.berry_matrix(0.9, 1e14, 2e14), EV
    ),
    "local_matrix": lambda: jaxstt.electron.local_matrix(0.9, 1e14, 2e14, 6.6e-16),
    "evolve_spin": lambda: (spin(), spin(local=True)),
    "spin_response": lambda: jaxstt.spin_response(0.02, 0.03, 0.1, 5.0, c=0.05),
    "spin_response_perturbative": lambda: jaxstt.electron.spin_response_perturbative(
        0.02, 0.03, 0.1, 5.0
    ),
    "spin_average": lambda: jaxstt.electron.spin_average(0.02, 0.03, 0.1),
    "frame_rates": lambda: jaxstt.electron.frame_rates(0.02, 0.03),
    "spin_deviation": lambda: jaxstt.electron.spin_deviation(N, TURN, 0.1, 6.6e-16),
    "TwoBand": lambda: [gas().P, gas().n0, gas().sigma, gas().P_dos, gas().P_density],
    "spin_accumulation": lambda: jaxstt.electron.spin_accumulation(
        N, TURN, SLOPE, tau_ex=gas().tau_ex, xi=0.1, n0=7e4, j=(1e11, 0, 0), P=0.5
    ),
    "spin_accumulation_kspace": lambda: jaxstt.electron.spin_accumulation_kspace(
        gas(), N, TURN, SLOPE, xi=0.1, E=(1e4, 0, 0), nodes=4
    ),
    "to_mumax3": lambda: jaxstt.converters.to_mumax3(**BARE, j=1e12, alpha=0.01),
    "from_mumax3": lambda: jaxstt.converters.from_mumax3(
        J=1e12, Pol=0.6, Xi=0.05, alpha=0.0119, Msat=8e5, GammaLL=1.676e11, n0=4e4
    ),
    "to_oommf": lambda: jaxstt.converters.to_oommf(**BARE, j=1e12, alpha=0.01),
    "from_oommf": lambda: jaxstt.converters.from_oommf(
        u=-41.2, beta=0.05, alpha=0.0119, gamma_G=2.1e5, Ms=8e5, n0=4e4, j=1e12
    ),
    "to_velocity": lambda: jaxstt.converters.to_velocity(**BARE, j=1e12),
    "from_velocity": lambda: jaxstt.converters.from_velocity(
        u=-41.2, beta=0.05, Ms=8e5, n0=4e4, j=1e12
    ),
    "AnomalousHall": lambda: (hall().theta_H, hall().P_H, hall().polarised_current(N, (1e4, 0, 0))),
    "effective_polarised_current": lambda: jaxstt.electron.effective_polarised_current(
        (1e11, 0, 0), N, P=0.5, P_H=1.7, theta_H=0.01, exact=True
    ),
    "wall_crossing": lambda: (
        jaxstt.wall_crossing(0.5, 0.1, average="fermi_surface"),
        jaxstt.wall_crossing(0.5, 0.1),
    ),
    "rosen_zener": lambda: jaxstt.electron.rosen_zener(1.0),
    "wide_wall": lambda: jaxstt.electron.wide_wall(0.1, 0.1),
    "linear_response": lambda: jaxstt.electron.linear_response(0.5, 0.1),
    "kinked_wall": lambda: jaxstt.electron.kinked_wall(10.0, 0.1),
    "spin_profile": lambda: jaxstt.electron.spin_profile(0.5, 0.1),
    "pointwise_error": lambda: jaxstt.electron.pointwise_error(0.2, 0.1),
    "scattered_response": lambda: jaxstt.electron.scattered_response(0.3, 0.1, 1.0),
    "scattering_coefficient": lambda: jaxstt.electron.scattering_coefficient(3.0),
    "validity": lambda: jaxstt.electron.validity(2e-9, EV, 3e5, 0.1, tau0=1e-15),
    "exchange_time": lambda: jaxstt.electron.exchange_time(EV),
    "precession_length": lambda: jaxstt.electron.precession_length(EV, 3e5),
    "texture_kappa": lambda: jaxstt.electron.texture_kappa(GRID, wall(), 0.1 * EV, 3e5),
    "predict_wall": lambda: (
        jaxstt.predict_wall(
            gas(), tau_sf=1e-14, Ms=8e5, alpha=0.02, A=1.3e-11, K=1.3e5, Kp=2e4, j=-4e11
        ).motion
    ),
}

PUBLIC: dict[str, Callable[[], Any]] = {
    "torque_coefficients": lambda: jaxstt.torque_coefficients(
        Ms=8e5, alpha=0.01, xi=0.05, P=0.6, n0=4e4, j=1e12
    ),
    "Exchange": lambda: field(jaxstt.Exchange(1.3e-11)),
    "InterlayerExchange": lambda: coupled(),
    "CubicAnisotropy": lambda: field(jaxstt.CubicAnisotropy(3e4, -5e4, (0.6, 0.0, 0.8))),
    "InterfacialDMI": lambda: field(jaxstt.InterfacialDMI(2e-3, A=1.3e-11)),
    "BulkDMI": lambda: field(jaxstt.BulkDMI(2e-3)),
    "Demag": lambda: field(jaxstt.Demag(GRID)),
    "UniaxialAnisotropy": lambda: field(jaxstt.UniaxialAnisotropy(1.3e5, (0.6, 0.0, 0.8))),
    "ShapeAnisotropy": lambda: field(jaxstt.ShapeAnisotropy((0.1, 0.2, 0.7))),
    "Zeeman": lambda: field(jaxstt.Zeeman(jaxstt.Sinusoid(jnp.array([0.0, 0.01, 0.02]), 1e9))),
    "Oersted": lambda: field(jaxstt.Oersted(GRID, 3e13, z=(-5e-9, 0.0))),
    "ZhangLi": lambda: rate_of(
        jaxstt.ZhangLi((1e12, 0.0, 0.0), P=0.5, xi=0.1, n0=4e4, order=4, theta_H=0.1, P_H=1.5)
    ),
    "NonlocalSTT": lambda: rate_of(
        jaxstt.NonlocalSTT(1e12, P=0.5, xi=0.1, Delta=1.6e-20, v_F=3e5, n0=4e4)
    ),
    "Slonczewski": lambda: rate_of(jaxstt.Slonczewski(1e12, (0.6, 0, 0.8), P=0.4, Lambda=1.5)),
    "SpinOrbit": lambda: rate_of(jaxstt.SpinOrbit((1e12, 0, 0), theta_DL=0.1, theta_FL=-0.03)),
    "SpinMotiveDamping": lambda: llg(
        jaxstt.Zeeman((0.1, 0.2, 0.3)), torques=(jaxstt.SpinMotiveDamping(1e9, P=0.3),)
    ).rate(jnp.zeros(()), wall()),
    "spin_motive_field": lambda: jaxstt.spin_motive_field(GRID, wall(), 1e10 * turned(), xi=0.1),
    "emf": lambda: jaxstt.emf(GRID, wall(), 1e10 * turned(), P=0.5),
    "Pulse": lambda: at(jaxstt.Pulse(2.0, start=1e-10, duration=2e-10, rise=4e-11)),
    "Piecewise": lambda: at(jaxstt.Piecewise([0.0, 1e-10, 3e-10], [0.0, 2.0, -1.0])),
    "Sinusoid": lambda: at(jaxstt.Sinusoid(2.0, 1e9, 0.3)),
    "LLG": lambda: strip(4).rate(jnp.zeros(()), wall()),
    "rhs": lambda: jaxstt.rhs(strip(), 0.0, wall()),
    "effective_field": lambda: jaxstt.effective_field(strip(), wall()),
    "energy_terms": lambda: jaxstt.energy_terms(strip(), wall()),
    "total_energy": lambda: jaxstt.total_energy(strip(), wall()),
    "evolve": lambda: jaxstt.evolve(strip(), wall(), [0, 1e-11, 2e-11], rtol=1e-5, atol=1e-6).m,
    "steady_wall": lambda: jaxstt.steady_wall(strip(), wall())[:2],
    "relax": lambda: jaxstt.relax(strip(), wall(), tol=3e-3).m[2],
    "wall_motion": lambda: jaxstt.wall_motion(GRID, track()),
    "wall_velocity": lambda: jaxstt.wall_velocity(GRID, track()),
    "mean_motion": lambda: jaxstt.mean_motion(GRID, track().t, track().m),
    "WallTracker": lambda: jaxstt.WallTracker(GRID)(0.0, wall()),
    "average": lambda: jaxstt.average(wall(), GRID),
    "wall_state": lambda: jaxstt.wall_state(GRID, wall()),
    "wall_position": lambda: jaxstt.wall_position(GRID, wall()),
    "wall_width": lambda: jaxstt.wall_width(GRID, wall()),
    "wall_angle": lambda: jaxstt.wall_angle(GRID, wall()),
    "uniform": lambda: jaxstt.uniform(GRID, (0.6, 0.0, 0.8)),
    "random_state": lambda: jnp.sum(jaxstt.random_state(GRID, jax.random.key(0)) ** 2, axis=0),
    "follow": lambda: jaxstt.follow(strip(), wall(), np.linspace(0, 2e-11, 3)).wall.position,
    "section": lambda: jaxstt.section(jnp.ones((60, 1, 1)) / 3, 5, 48),
    "end_domains": lambda: jaxstt.end_domains(GRID, 8e5, length=400e-9).B,
    "bloch_wall": lambda: jaxstt.bloch_wall(GRID, 10e-9),
    "vortex": lambda: vortex(),
    "skyrmion": lambda: skyrmion(),
    "vortex_core": lambda: jaxstt.vortex_core(DISK, vortex()),
    "topological_charge": lambda: jaxstt.topological_charge(DISK, vortex()),
    "topological_density": lambda: jaxstt.topological_density(DISK, skyrmion()),
    "guiding_centre": lambda: jaxstt.guiding_centre(DISK, skyrmion()),
    "wall_tilt": lambda: jaxstt.wall_tilt(
        jaxstt.Grid((48, 3, 1), (2e-9,) * 3),
        jnp.concatenate([jaxstt.neel_wall(GRID, 1e-8, position=q * 1e-9) for q in (43, 46, 49)], 2),
    ),
    "neel_wall": wall,
    "head_to_head_wall": lambda: jaxstt.head_to_head_wall(GRID, 10e-9, charge=-1),
    "Landscape": lambda: jaxstt.Landscape(
        1.3e5 * (1 - 0.1 * jnp.exp(-(((jnp.arange(64.0) - 30.5) / 9) ** 2))),
        2e-9,
        width=1e-8,
        Ms=8e5,
    )(jnp.linspace(2e-8, 9e-8, 15)),
    "current_flow": lambda: jaxstt.current_flow(
        DISK, 1 + 0.5 * jnp.sin(jnp.arange(1024.0)).reshape(DISK.shape), 1e12
    ),
    "CollectiveWall": lambda: (
        collective().motion(jnp.array([-1e12, -4e12]), jnp.array([1e-3, 0.0])),
        collective().breakdown_current(),
        collective().breakdown_field(),
        collective().evolve([0.0, 1e-9, 3e-9], j=-1e12).position,
    ),
}


PUBLIC |= ELECTRON


def test_the_table_is_complete() -> None:
    public = helpers.public()
    assert public.keys() - NOTHING_TO_COMPUTE == set(PUBLIC)
    assert all(inspect.getdoc(getattr(home, name)) for name, home in public.items())


@pytest.mark.parametrize("name", PUBLIC)
def test_float32_agrees_with_float64(name: str) -> None:
    exact = jax.tree.leaves(PUBLIC[name]())
    with jax.enable_x64(False):
        single = jax.tree.leaves(PUBLIC[name]())
    assert len(exact) == len(single) > 0
    for a, b in zip(exact, single, strict=True):
        if jnp.issubdtype(a.dtype, jnp.inexact):
            assert a.dtype.itemsize == 2 * b.dtype.itemsize
            scale = float(jnp.max(jnp.abs(a)))
            np.testing.assert_allclose(b, a, atol=1e-4 * scale, rtol=0)
        else:
            np.testing.assert_array_equal(a, b)


@pytest.mark.thorough
@pytest.mark.parametrize("mode", [jax.jacfwd, jax.grad])
def test_derivatives_of_the_prediction_in_float32(mode) -> None:
    """In SI the slope of a density with respect to E_F is 1e47."""
    given = {"E_F": 5 * EV, "Delta": EV, "tau_up": 1e-14, "tau_dn": 4e-15}
    wall = {"Ms": 8e5, "alpha": 0.02, "A": 1.3e-11, "K": 1.3e5, "Kp": 2e4, "j": -4e11}

    def slopes() -> dict[str, Any]:
        def velocity(p):
            gas = jaxstt.TwoBand(**{k: p[k] * v for k, v in given.items()}, mass=p["mass"] * M_E)
            return jaxstt.predict_wall(gas, tau_sf=p["tau_sf"] * 1e-14, **wall).motion.velocity

        def by_E_F(E_F):
            gas = jaxstt.TwoBand(**(given | {"E_F": E_F}))
            return jaxstt.predict_wall(gas, tau_sf=1e-14, **wall).motion.velocity

        def by_mass(mass):
            return jaxstt.TwoBand(**given, mass=mass).n0

        one = {name: jnp.ones(()) for name in (*given, "mass", "tau_sf")}
        first, second = jnp.asarray(5 * EV), jnp.asarray(M_E)
        return jax.jit(lambda: (mode(velocity)(one), mode(by_E_F)(first), mode(by_mass)(second)))()

    exact = jax.tree.leaves(slopes())
    with jax.enable_x64(False):
        single = jax.tree.leaves(slopes())
    np.testing.assert_allclose(single, exact, rtol=2e-4)


def test_a_slope_by_mass_spoils_no_other_in_float32() -> None:
    """1/M_E = 1e30: the compiler used to fold it into other constants."""

    def P(E_F, Delta, tau_up, tau_dn, mass):
        return jaxstt.TwoBand(E_F, Delta, tau_up, tau_dn, mass).P

    def slopes():
        at = [jnp.asarray(x) for x in (5 * EV, EV, 1e-14, 4e-15, M_E)]
        return jax.jit(jax.jacfwd(P, argnums=(0, 1, 2, 3, 4)))(*at)

    exact = np.array(slopes())
    with jax.enable_x64(False):
        single = np.array(slopes())
    # P does not depend on the mass: rounding, on the scale P/M_E.
    np.testing.assert_allclose(single[:4], exact[:4], rtol=1e-4)
    assert abs(single[4]) < 1e-4 / M_E


@pytest.mark.thorough
def test_derivatives_by_the_splitting_in_float32() -> None:
    """Delta^2 = 1e-38 J^2 would underflow."""

    def functions() -> list[Callable[[Any], Any]]:
        return [
            lambda D: rate_of(jaxstt.NonlocalSTT(1e12, P=0.5, xi=0.1, Delta=D, v_F=3e5))[0].max(),
            lambda D: jaxstt.TwoBand(5 * EV, D, tau_up=1e-14, tau_dn=4e-15).tau_ex,
        ]

    splittings = (0.1 * EV, EV)
    exact = [jax.jit(jax.grad(f))(D) for f, D in zip(functions(), splittings, strict=True)]
    with jax.enable_x64(False):
        single = [jax.jit(jax.grad(f))(D) for f, D in zip(functions(), splittings, strict=True)]
    np.testing.assert_allclose(single, exact, rtol=1e-3)
