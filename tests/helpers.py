"""What several test files share: one small grid, and the table of terms.

A new energy or torque is tested by adding it here.
"""

from types import ModuleType

import jax
import jax.numpy as jnp

import jaxstt

GRID = jaxstt.Grid((6, 4, 2), (2e-9, 3e-9, 4e-9))
WIRE = jaxstt.Grid((96, 1, 1), (2e-9, 2e-9, 2e-9))
MS = 8e5

ENERGIES = {
    "exchange": jaxstt.Exchange(1.3e-11),
    "exchange, order 4": jaxstt.Exchange(1.3e-11, order=4),
    "exchange, field": jaxstt.Exchange(jnp.linspace(0.5e-11, 1.5e-11, 48).reshape(6, 4, 2)),
    "exchange, cut": jaxstt.Exchange(1.3e-11, cut=(0,)),
    "interlayer": jaxstt.InterlayerExchange(-3e-4, 2e-4),
    "uniaxial": jaxstt.UniaxialAnisotropy(1.3e5, (0.6, 0.0, 0.8)),
    "hard axis": jaxstt.UniaxialAnisotropy(-2e4, (1.0, 0.0, 0.0)),
    "shape": jaxstt.ShapeAnisotropy((0.1, 0.2, 0.7)),
    "cubic": jaxstt.CubicAnisotropy(3e4, -5e4, (1.0, 1.0, 0.0), (1.0, -1.0, 1.0)),
    "interfacial DMI": jaxstt.InterfacialDMI(2e-3),
    "interfacial DMI, edges": jaxstt.InterfacialDMI(2e-3, A=1.3e-11),
    "bulk DMI": jaxstt.BulkDMI(1.5e-3),
    "bulk DMI, field": jaxstt.BulkDMI(jnp.linspace(-1e-3, 2e-3, 48).reshape(6, 4, 2), A=1.3e-11),
    "magnetostatics": jaxstt.Demag(GRID),
    "field": jaxstt.Zeeman((0.01, -0.02, 0.03)),
    "field in time": jaxstt.Zeeman(jaxstt.Sinusoid(jnp.array([0.0, 0.01, 0.02]), 1e9, 0.3)),
    "oersted": jaxstt.Oersted(GRID, 3e13, z=(-5e-9, 1e-9)),
    "oersted in time": jaxstt.Oersted(GRID, jaxstt.Sinusoid(2e13, 1e9, 0.3)),
}
TORQUES = {
    "zhang-li": jaxstt.ZhangLi((2e12, -0.7e12, 0.4e12), P=0.6, xi=0.05, n0=4e4),
    "zhang-li, order 4": jaxstt.ZhangLi((2e12, 0.0, 0.0), P=0.6, xi=0.3, order=4),
    "zhang-li, hall": jaxstt.ZhangLi(
        (2e12, 0.0, 0.0), P=0.6, xi=0.3, theta_H=0.1, P_H=1.5, field_on_electrons=True
    ),
    "non-local": jaxstt.NonlocalSTT(1e12, P=0.5, xi=0.1, Delta=2e-20, v_F=3e5),
    "spin-motive": jaxstt.SpinMotiveDamping(1e8, P=0.3, xi=0.1),
    "slonczewski": jaxstt.Slonczewski(
        1e12, (0.6, 0.0, 0.8), P=0.4, thickness=3e-9, Lambda=1.5, epsilon_prime=0.02
    ),
    "spin-orbit": jaxstt.SpinOrbit(
        (1e12, -0.5e12, 0.0), theta_DL=0.1, theta_FL=-0.03, thickness=1e-9
    ),
    "zhang-li in time": jaxstt.ZhangLi(
        jaxstt.Pulse((1e12, 0.0, 0.0), start=1e-12, duration=4e-12, rise=1e-12), P=0.6, xi=0.05
    ),
}


def everything(grid: jaxstt.Grid, Ms: float = MS, alpha: float = 0.02) -> jaxstt.LLG:
    """An LLG with every energy and every torque."""
    return jaxstt.LLG(
        grid, Ms=Ms, alpha=alpha, energies=tuple(ENERGIES.values()), torques=tuple(TORQUES.values())
    )


def noise(grid: jaxstt.Grid, seed: int = 0) -> jax.Array:
    """Random unit vectors."""
    return jaxstt.random_state(grid, jax.random.key(seed))


def wall_llg(xi, P, alpha, j, B=0.0, grid: jaxstt.Grid = WIRE, n0=4e4, order: int = 2):
    """A Neel wall of width 10 nm in a perpendicular strip; every argument may be traced."""
    return jaxstt.LLG(
        grid,
        Ms=MS,
        alpha=alpha,
        energies=(
            jaxstt.Exchange(1.3e-11, order=order),
            jaxstt.UniaxialAnisotropy(1.3e5),
            jaxstt.UniaxialAnisotropy(-1e5, (0.0, 1.0, 0.0)),
            jaxstt.Zeeman((0.0, 0.0, B)),
        ),
        torques=(jaxstt.ZhangLi((j, 0.0, 0.0), P=P, xi=xi, n0=n0, order=order),),
    )


def public() -> dict[str, ModuleType]:
    """Every public function and class by name, and the module where a user finds it first."""
    homes = (jaxstt, jaxstt.electron, jaxstt.converters, jaxstt.space)
    found: dict[str, ModuleType] = {}
    for home in homes:
        for name, value in vars(home).items():
            if callable(value) and not name.startswith("_"):
                found.setdefault(name, home)
    return found
