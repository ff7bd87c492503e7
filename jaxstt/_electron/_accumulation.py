"""Eqs (13)-(14): the moment that a moving, current-carrying texture leaves across the magnet's."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, check_count, check_type, is_concrete, leaf, number
from ..constants import E_CHARGE, HBAR, MU_B
from ._two_band import TwoBand

_TAU = 1e-15
"""Unit of tau_ex inside, s: in SI its products with moments underflow in float32."""


def spin_accumulation(
    n: ArrayLike,
    dn_dt: ArrayLike,
    grad_n: ArrayLike,
    *,
    tau_ex: ArrayLike,
    xi: ArrayLike,
    n0: ArrayLike,
    j: ArrayLike,
    P: ArrayLike,
) -> Array:
    """Transverse moment density of the conduction electrons.

        dm = (tau_ex/(1+xi^2)) [ -n0 (n x dn/dt + xi dn/dt)
                                 + (mu_B/e) (n x (P j.grad)n + xi (P j.grad)n) ]

    n: unit vector along M, (3,).  dn_dt: 1/s, (3,).  grad_n: 1/m, (3, 3), row i is d_i n.
    tau_ex: s.  xi = tau_ex/tau_sf.  n0: A/m.  j: conventional current density, A/m^2, (3,).
    P: conductivity polarisation.  For any j_up and j_dn, such as those of `AnomalousHall`, give
    j = j_up - j_dn and P = 1.
    Returns A/m, (3,).  The torque is dm x M/(tau_ex Ms).

    Raises ValueError for n not of unit length, tau_ex <= 0, xi < 0, n0 < 0, |P| > 1 and wrong
    shapes.
    Source: Cheng & Niu Eq. (14); P and n0 as `TwoBand` has them.
    """
    n, dn_dt, j = _unit("n", n), _vector("dn_dt", dn_dt), _vector("j", j)
    grad_n = _vector("grad_n", grad_n, (3, 3))
    tau_ex, xi = number("tau_ex", tau_ex, above=0), number("xi", xi, minimum=0)
    n0, P = number("n0", n0, minimum=0), number("P", P, minimum=-1, maximum=1)
    along = (MU_B / E_CHARGE) * P * (j @ grad_n)
    drive = along - n0 * dn_dt
    return _in_time(tau_ex) / (1 + xi**2) * (_TAU * (jnp.cross(n, drive) + xi * drive))


def spin_accumulation_kspace(
    gas: TwoBand,
    n: ArrayLike,
    dn_dt: ArrayLike,
    grad_n: ArrayLike,
    *,
    xi: ArrayLike,
    E: ArrayLike,
    Omega_up: ArrayLike = 0.0,
    Omega_dn: ArrayLike = 0.0,
    nodes: int = 16,
) -> Array:
    """The same by summing Eq (12) over the electrons of k-space, Eq (13).

        dm = mu_B sum_s int d^3k/(2 pi)^3 g_s(k) ds_s(v),       g_s = f_s + e tau_s E.v df_s/dE
        ds_s = -/+ (tau_ex/(1+xi^2)) [n x D n + xi D n],     D = d/dt + v.grad,  v = +dE/(hbar dk)

    gas: `TwoBand`, which gives tau_ex as well.  n, dn_dt, grad_n, xi: as in `spin_accumulation`.
    E: electric field, V/m, (3,).  nodes: Gauss points of each quadrature; few are exact here.
    Omega_up, Omega_dn: Berry curvatures along n, m^2: each electron of the band gets the anomalous
    velocity (e/hbar) E x Omega_s n on top of v.
    Returns A/m, (3,).  Nothing of Eq (14) is used: j, P and n0 are results of the sum.

    Raises ValueError for n not of unit length, xi < 0, wrong shapes, nodes < 3.
    Source: Cheng & Niu Eqs (12)-(13), velocity and band signs mended.
    """
    check_type("gas", gas, TwoBand, "a jaxstt.TwoBand")
    n, dn_dt, E = _unit("n", n), _vector("dn_dt", dn_dt), _vector("E", E)
    grad_n, xi = _vector("grad_n", grad_n, (3, 3)), number("xi", xi, minimum=0)
    Omega_up, Omega_dn = number("Omega_up", Omega_up), number("Omega_dn", Omega_dn)
    if check_count("nodes", nodes) < 3:
        raise ValueError(f"`nodes` must be >= 3, got {nodes}")
    direction, weight = (jnp.asarray(x, n.dtype) for x in _sphere(nodes))
    x, w = np.polynomial.legendre.leggauss(nodes)
    radius, shell = (jnp.asarray(a, n.dtype) for a in (0.5 * (x + 1), 0.5 * w))
    q = 1 + xi**2

    def deviation(sign: int, velocity: Array) -> Array:
        """ds/tau_ex, per s, of one electron at `velocity` [m/s]."""
        change = dn_dt + velocity @ grad_n
        return -sign / q * (jnp.cross(n, change) + xi * change)

    def band(sign: int, tau: Array, Omega: Array) -> Array:
        """The sum over a band, in 1/nm^3 and per s."""
        aside = (E_CHARGE / HBAR) * Omega * jnp.cross(E, n)

        def sheet(k: Array, v: Array) -> Array:
            # f0: the volume inside this surface; of electrons at +v and -v the drift is left.
            inside = k**3 * jnp.sum(shell * radius**2) * (4 * np.pi)
            still = inside * deviation(sign, aside)
            # The rest: -e tau E.v on the surface, dE = hbar v dk, in 1/(nm^2 nm/fs).
            push = -(E_CHARGE / HBAR * 1e-24) * (tau * 1e15) * (direction @ E)

            each = jax.vmap(lambda d, p: p * deviation(sign, 1e6 * v * d))(direction, push)
            return (still + k**2 * (weight @ each)) / (2 * np.pi) ** 3

        return gas.average(sign, jax.vmap(sheet, out_axes=-1))

    total = band(+1, gas.tau_up, Omega_up) + band(-1, gas.tau_dn, Omega_dn)
    return (MU_B * 1e27 * _TAU) * _in_time(gas.tau_ex) * total


def _sphere(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (N, 3) and weights of a product rule on the sphere, sum 4 pi."""
    mu, w = np.polynomial.legendre.leggauss(nodes)
    phi = 2 * np.pi * (np.arange(nodes) + 0.5) / nodes
    mu, phi = (a.ravel() for a in np.meshgrid(mu, phi, indexing="ij"))
    rho = np.sqrt(1 - mu**2)
    weight = np.repeat(w, nodes) * 2 * np.pi / nodes
    return np.stack([rho * np.cos(phi), rho * np.sin(phi), mu], axis=1), weight


def _in_time(tau: Array) -> Array:
    return tau / _TAU


def _unit(name: str, value: ArrayLike) -> Array:
    value = _vector(name, value)
    if is_concrete(value):
        length = float(np.linalg.norm(np.asarray(value)))
        if abs(length - 1) > 1e-4:
            raise ValueError(f"`{name}` must be of unit length, got {length:.6g}")
    return value


def _vector(name: str, value: ArrayLike, shape: tuple[int, ...] = (3,)) -> Array:
    value = leaf(name, value)
    if value.shape != shape:
        raise ValueError(f"`{name}` must have shape {shape}, got {value.shape}")
    return value
