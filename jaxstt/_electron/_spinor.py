"""Eqs (1)-(7): one electron's spin as a spinor, and the Berry connections of its local basis.

Components stand on the leading axes, (3, ...), (2, ...), (2, 2, ...); the rest is a batch.
The paper's (1) is written for a true spin: sigma = +n costs Delta/2.  Its moment s = -<sigma> obeys
the same Eq (8) and rests along +n in the majority band; everywhere else s means that moment.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import ArrayLike, is_concrete, leaf
from ..constants import HBAR

Angle = Callable[[Array, Array], Array]
"""An angle of the magnetisation, rad: f(r, t) with r (3,) in m and t in s."""


def exchange_hamiltonian(n: ArrayLike, Delta: ArrayLike) -> Array:
    """Exchange energy of a spin in the magnetisation, (2, 2, ...) complex, J.

        H = (Delta/2) sigma.n

    n: (3, ...), unit vector of the magnetisation.  Delta: splitting of the bands, J, a number or
    of the shape of n[0].
    The ground state is sigma = -n, whose moment points along +n (majority band).

    Raises ValueError for Delta <= 0 or an n that is not unit length.
    Source: Cheng & Niu Eq. (1), with s read as sigma/2.
    """
    n, Delta = same_dtype({"n": n, "Delta": Delta}, Delta={"above": 0})
    check_unit("n", n)
    half = Delta / 2  # first: the products below then stay in the range of float32
    x, y, z = n[0] * half, n[1] * half, n[2] * half
    zero = jnp.zeros_like(z)
    return _matrix([[(z, zero), (x, -y)], [(x, y), (-z, zero)]])


def spin_basis(theta: ArrayLike, phi: ArrayLike, chi: ArrayLike = 0.0) -> Array:
    """V = (up, down), (2, 2, ...) complex: the columns are the spinors along +n and -n.

        up   = e^{-i chi/2} (e^{-i phi/2} cos(theta/2),  e^{i phi/2} sin(theta/2))
        down = e^{+i chi/2} (-e^{-i phi/2} sin(theta/2), e^{i phi/2} cos(theta/2))

    theta, phi: angles of n, rad.  chi: gauge, rad; it turns e_theta, e_phi about n by chi and is 0
    in the paper.
    Source: Cheng & Niu, below Eq. (6).
    """
    theta, phi, chi = broadcast({"theta": theta, "phi": phi, "chi": chi})
    c, s = jnp.cos(theta / 2), jnp.sin(theta / 2)
    plus, minus = (phi + chi) / 2, (phi - chi) / 2

    def turned(size: Array, angle: Array) -> tuple[Array, Array]:
        return size * jnp.cos(angle), size * jnp.sin(angle)

    return _matrix([[turned(c, -plus), turned(-s, -minus)], [turned(s, minus), turned(c, plus)]])


def local_frame(theta: ArrayLike, phi: ArrayLike, chi: ArrayLike = 0.0) -> Array:
    """The rows e_theta, e_phi, n, (3, 3, ...), of the frame that belongs to `spin_basis`.

    `local_frame(...) @ s` are the components (s1, s2, s3) of Eq. (3).
    Source: Cheng & Niu, Fig. 1.
    """
    theta, phi, chi = broadcast({"theta": theta, "phi": phi, "chi": chi})
    ct, st, cp, sp = jnp.cos(theta), jnp.sin(theta), jnp.cos(phi), jnp.sin(phi)
    e_theta = jnp.stack([ct * cp, ct * sp, -st])
    e_phi = jnp.stack([-sp, cp, jnp.zeros_like(sp)])
    c, s = jnp.cos(chi)[None], jnp.sin(chi)[None]
    n = jnp.stack([st * cp, st * sp, ct])
    return jnp.stack([c * e_theta + s * e_phi, c * e_phi - s * e_theta, n])


def bloch_vector(eta: ArrayLike) -> Array:
    """Spin components in the local frame of a state c_a |up> + c_b |down>, (3, ...).

        s = eta^dag sigma eta = (2 Re c_a c_b*, -2 Im c_a c_b*, |c_a|^2 - |c_b|^2)

    eta: (2, ...) complex, (c_a, c_b).
    Source: Cheng & Niu Eqs (2)-(3).
    """
    eta = _spinor("eta", eta)
    overlap = eta[0] * jnp.conj(eta[1])
    squares = eta.real**2 + eta.imag**2
    return jnp.stack([2 * overlap.real, -2 * overlap.imag, squares[0] - squares[1]])


class BerryConnection(NamedTuple):
    """What `berry_connection` returns, divided by hbar; complex and hermitian."""

    A: Array
    """A/hbar, (3, 2, 2), 1/m: A[i] = i V^dag dV/dr_i."""
    Phi: Array
    """Phi/hbar, (2, 2), 1/s: i V^dag dV/dt."""


def berry_connection(
    theta: Angle, phi: Angle, r: ArrayLike, t: ArrayLike, chi: Angle | None = None
) -> BerryConnection:
    """Berry connections of the spin basis at (r, t), divided by hbar, by automatic differentiation.

        A_i/hbar = i V^dag dV/dr_i,    Phi/hbar = i V^dag dV/dt,    V = spin_basis(theta, phi, chi)

    theta, phi, chi: functions of (r, t) giving the angles, rad; `chi` is the gauge, 0 if left out.
    r: (3,), m.  t: s.
    Seen by an electron of velocity v, v.A + Phi is `berry_matrix` of the total derivatives.
    Source: Cheng & Niu Eqs (5)-(6).
    """
    for name, angle in (("theta", theta), ("phi", phi), ("chi", chi)):
        if not (callable(angle) or (name == "chi" and angle is None)):
            raise ValueError(f"`{name}` must be a function of (r, t), got {angle!r}")
    r, t = same_dtype({"r": r, "t": t})
    if r.shape != (3,) or t.shape:
        raise ValueError(f"`r` must be (3,) and `t` a number, got shapes {r.shape}, {t.shape}")

    def basis(r: Array, t: Array) -> Array:
        return spin_basis(theta(r, t), phi(r, t), 0.0 if chi is None else chi(r, t))

    back = 1j * jnp.conj(basis(r, t)).T
    along_r, along_t = jax.jacfwd(basis, argnums=(0, 1))(r, t)
    return BerryConnection(A=jnp.einsum("ab,bci->iac", back, along_r), Phi=back @ along_t)


def berry_matrix(theta: ArrayLike, theta_dot: ArrayLike, phi_dot: ArrayLike) -> Array:
    """(v.A + Phi)/hbar along an electron's path, (2, 2, ...) complex, 1/s.

        (1/2) [[cos(theta) phi',                -sin(theta) phi' - i theta'],
               [-sin(theta) phi' + i theta',    -cos(theta) phi']]

    theta: rad.  theta_dot, phi_dot: total time derivatives seen by the electron, rad/s.
    It equals i V^dag dV/dt of `spin_basis`.
    Source: Cheng & Niu Eq. (7), divided by hbar.
    """
    theta, theta_dot, phi_dot = broadcast(
        {"theta": theta, "theta_dot": theta_dot, "phi_dot": phi_dot}
    )
    c, s, d = jnp.cos(theta) * phi_dot / 2, jnp.sin(theta) * phi_dot / 2, theta_dot / 2
    zero = jnp.zeros_like(c)
    return _matrix([[(c, zero), (-s, -d)], [(-s, d), (-c, zero)]])


def spin_lagrangian(
    eta: ArrayLike,
    eta_dot: ArrayLike,
    berry: ArrayLike,
    Delta: ArrayLike,
    *,
    k: ArrayLike | tuple[float, ...] = (0.0, 0.0, 0.0),
    r_dot: ArrayLike | tuple[float, ...] = (0.0, 0.0, 0.0),
    E0: ArrayLike = 0.0,
) -> Array:
    """Lagrangian of a wave packet between two well separated bands, J.

        L = i hbar eta^dag eta' + eta^dag [v.A + Phi] eta + hbar k.v - s3 Delta/2 - E0

    eta, eta_dot: (2,) complex, (c_a, c_b) and its rate, 1/s.  berry: (v.A + Phi)/hbar, (2, 2), 1/s.
    Delta: splitting, J.  k: wave vector, (3,), 1/m.  r_dot: v, (3,), m/s.  E0: mean band energy, J.

    The real part is returned; the imaginary one, (hbar/2) d(eta^dag eta)/dt, moves nothing.  The
    Euler-Lagrange equation in Re eta, Im eta gives Eq. (8), `local_matrix`.

    Raises ValueError for Delta <= 0.
    Source: Cheng & Niu Eq. (4).
    """
    eta, eta_dot = _spinor("eta", eta), _spinor("eta_dot", eta_dot)
    dtype = eta.real.dtype
    energies = {"Delta": Delta, "k": k, "r_dot": r_dot, "E0": E0}
    Delta, k, r_dot, E0 = (
        leaf(name, x, above=0 if name == "Delta" else None).astype(dtype)
        for name, x in energies.items()
    )
    berry = _complex("berry", berry).astype(eta.dtype)
    shapes = {"eta": (2,), "eta_dot": (2,), "berry": (2, 2), "Delta": (), "k": (3,)}
    shapes |= {"r_dot": (3,), "E0": ()}
    values = (eta, eta_dot, berry, Delta, k, r_dot, E0)
    for (name, shape), value in zip(shapes.items(), values, strict=True):
        if value.shape != shape:
            raise ValueError(f"`{name}` must have shape {shape}, got {value.shape}")
    coupled = berry @ eta
    rate = jnp.vdot(eta, 1j * eta_dot + coupled).real + k @ r_dot
    return HBAR * rate - bloch_vector(eta)[2] * (Delta / 2) - E0


def check_unit(name: str, n: Any, where: str = "") -> None:
    """ValueError if a known n, (3, ...), is not unit length; a traced one passes."""
    if n.shape[:1] != (3,):
        raise ValueError(f"`{name}` must be (3, ...), got shape {n.shape}")
    if is_concrete(n):
        length = np.sqrt(np.sum(np.asarray(n, float) ** 2, axis=0))
        off = np.abs(length - 1)
        if not np.all(off < 1e-3):
            worst = np.asarray(length).flat[np.argmax(np.nan_to_num(off, nan=np.inf))]
            raise ValueError(f"`{name}` must be unit length{where}, got |{name}| = {worst:.6g}")


def _matrix(entries: list[list[tuple[Array, Array]]]) -> Array:
    """Complex matrix of (real, imaginary) pairs, indices first."""
    rows = [jnp.stack([jax.lax.complex(re, im) for re, im in row]) for row in entries]
    return jnp.stack(rows)


def _spinor(name: str, value: ArrayLike) -> Array:
    """A complex array (2, ...) in the precision of its input."""
    eta = _complex(name, value)
    if eta.shape[:1] != (2,):
        raise ValueError(f"`{name}` must be (2, ...), got shape {eta.shape}")
    return eta


def _complex(name: str, value: ArrayLike) -> Array:
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError):
        raise ValueError(f"`{name}` must be complex numbers, got {value!r}") from None
    if is_concrete(array) and not np.all(np.isfinite(np.asarray(array))):
        raise ValueError(f"`{name}` must be finite")
    if not jnp.issubdtype(array.dtype, jnp.inexact):
        array = array.astype(float)
    return array if jnp.iscomplexobj(array) else jax.lax.complex(array, jnp.zeros_like(array))


def same_dtype(values: dict[str, Any], **ranges: dict[str, float]) -> list[Array]:
    """Real leaves in one dtype: that of the arrays among the values, else JAX's default float.

    ranges: the limits that `leaf` takes, by name.
    """
    leaves = {name: leaf(name, x, **ranges.get(name, {})) for name, x in values.items()}
    given = [
        leaves[name].dtype
        for name, x in values.items()
        if isinstance(x, jax.Array | np.ndarray | np.generic)
        and jnp.issubdtype(x.dtype, jnp.floating)
    ]
    dtype = np.result_type(*given) if given else jax.dtypes.canonicalize_dtype(float)
    return [x.astype(dtype) for x in leaves.values()]


def broadcast(values: dict[str, Any], **ranges: dict[str, float]) -> list[Array]:
    """`same_dtype`, broadcast against each other; ValueError if they do not fit."""
    arrays = same_dtype(values, **ranges)
    try:
        return jnp.broadcast_arrays(*arrays)
    except ValueError:
        shapes = ", ".join(f"`{name}` {x.shape}" for name, x in zip(values, arrays, strict=True))
        raise ValueError(f"shapes must broadcast, got {shapes}") from None
