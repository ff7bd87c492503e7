"""The Landau-Lifshitz-Gilbert equation: energies and torques put together."""

from collections.abc import Iterable
from functools import reduce
from operator import add
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._core import (
    ArrayLike,
    Kind,
    Split,
    Vectors,
    check_kind,
    check_Ms,
    check_type,
    cross,
    dot,
    is_concrete,
    join,
    leaf,
    lift,
    long_rows,
    number,
    once,
    plain_rows,
    split,
    stored,
)
from .._energy import AbstractEnergy
from .._mesh import Grid, active_axes, check_grid, swings, within
from .._torque import AbstractTorque
from ..constants import GAMMA


class LLG(eqx.Module):
    """A magnet on a grid: dm/dt = f(t, m).

        dm/dt = -gamma m x B + alpha m x dm/dt + sum_k T_k/Ms,     B = sum_i B_i

    solved for dm/dt: with R all that does not contain dm/dt, a = 1 + eta, b = alpha + xi eta,

        dm/dt = (a R + b m x R)/(a^2 + b^2)

    and, if a torque brings a damping tensor D = sum_g w g g,

        dm/dt = (a R + m x (b + D) R)/(a^2 + b^2 + b tr D + (tr^2 D - tr D^2)/2)

    grid: `Grid`.  Ms: A/m, > 0, a number or a field (nx, ny, nz); vacuum is the grid's mask.
    alpha: bare damping, number or field.  gamma: bare, rad/(s T); the default has g = 2, other
    codes' values are in `jaxstt.constants`.  energies, torques: any number of terms.

    Raises ValueError for values out of range, a term of the wrong kind, a field of the wrong shape,
    and two torques with n0 > 0 (the same electrons would be counted twice).
    Source: Cheng & Niu Eqs (15)-(16).
    """

    grid: Grid
    Ms: Array
    alpha: Array
    gamma: Array
    energies: tuple[AbstractEnergy, ...]
    torques: tuple[AbstractTorque, ...]

    def __init__(
        self,
        grid: Grid,
        *,
        Ms: ArrayLike,
        alpha: ArrayLike,
        energies: Iterable[AbstractEnergy] = (),
        torques: Iterable[AbstractTorque] = (),
        gamma: ArrayLike = GAMMA,
    ):
        self.grid = grid
        self.Ms, self.alpha = leaf("Ms", Ms, minimum=0), leaf("alpha", alpha, minimum=0)
        self.gamma = leaf("gamma", gamma, above=0)
        check_grid(grid)
        self.energies = _terms("energies", energies, AbstractEnergy)
        self.torques = _terms("torques", torques, AbstractTorque)
        if is_concrete(self.Ms) and not np.any(np.asarray(self.Ms) > 0):
            raise ValueError("`Ms` must be > 0, got 0")
        check_Ms(self.Ms)
        for name, kind in (("Ms", Kind.FIELD), ("alpha", Kind.FIELD), ("gamma", Kind.NUMBER)):
            check_kind("LLG", name, getattr(self, name), kind, grid.shape)
        _check_vacuum(grid, self.Ms)
        for term in (*self.energies, *self.torques):
            _check_shapes(grid, term)
            term.check(grid)
        self._check_n0()
        self._check_damping()

    def _check_n0(self) -> None:
        known = [
            k for k in (getattr(torque, "n0", None) for torque in self.torques) if k is not None
        ]
        carriers = [n0 for n0 in known if not is_concrete(n0) or np.any(np.asarray(n0) > 0)]
        if len(carriers) > 1:
            raise ValueError(
                "`torques` must hold at most one torque with n0 > 0, "
                f"got {len(carriers)}: the same electrons would renormalise gamma twice"
            )

    def response(self) -> tuple[Array, Array]:
        """(1 + eta, alpha + xi eta), summed over the torques."""
        a, b = jnp.ones_like(self.alpha), self.alpha
        for torque in self.torques:
            answer = torque.renormalisation(self.Ms)
            if answer is not None:
                a, b = a + answer[0], b + answer[1]
        return a, b

    def _check_damping(self) -> None:
        damping = self.response()[1]
        if is_concrete(damping) and bool(jnp.any(damping < 0)):
            raise ValueError(
                "`alpha` + xi eta must be >= 0 (xi < 0 with n0 > 0 drives instead of damping), "
                f"got {float(jnp.min(damping)):.6g}"
            )

    def field(self, t: Array, m: Vectors) -> Vectors:
        """B, T, the sum over the energies."""
        return join(self._sum(self.energies, t, m))

    def held_field(self, t: Array, m: Vectors) -> Vectors:
        """The part of B that takes so long that a step computes it once."""
        return join(self._sum([e for e in self.energies if e.held], t, m))

    @property
    def holds(self) -> bool:
        """Whether there is such a part."""
        return any(e.held for e in self.energies)

    @property
    def _light(self) -> bool:
        """Whether B may be computed again wherever it is needed: a wire with few terms.

        Otherwise XLA on CPU now and then follows the terms through all stencils and products that
        use B: a step of 112 x 18 x 2 cells with two anisotropies and order 4 took 1233 instead of
        134 ns a cell (one core, jaxlib 0.10.2).  A wall of 256 cells in a sweep is a tenth faster
        without storing.
        """
        return len(active_axes(self.grid)) < 2 and sum(not e.held for e in self.energies) < 3

    def _sum(self, energies: Iterable[AbstractEnergy], t: Array, m: Vectors) -> Split:
        """The sum of their fields, 0 if there is none."""
        fields = [split(term.field(self.grid, self.Ms, t, _as_known(term, m))) for term in energies]
        return reduce(add, fields) if fields else split(jnp.zeros_like(m))

    def rate(self, t: Array, m: Vectors, held: Array | None = None) -> Vectors:
        """dm/dt, 1/s.

        held: the value of `held_field`, to be used instead of computing it.
        """
        m = long_rows(m)
        if held is None:
            B = self._sum(self.energies, t, m)
        else:
            B = self._sum([e for e in self.energies if not e.held], t, m) + split(held)
        B = (once if self._light else stored)(B)
        n = split(m)
        R = lift(-self.gamma) * cross(n, B)
        a, b = self.response()
        tensor: list[tuple[Array, Split]] = []
        for torque in self.torques:
            seen = _as_known(torque, m)
            R = R + split(torque.rate(self.grid, self.Ms, t, seen))
            response = torque.renormalisation(self.Ms)
            if response is not None and torque.shares_field:
                R = R + self._on_electrons(t, m, *response)
            tensor += [(w, split(g)) for w, g in torque.damping(self.grid, self.Ms, seen)]
        R = once(R)
        bR, norm = lift(b) * R, a**2 + b**2
        for k, (w, g) in enumerate(tensor):
            bR = bR + g * lift(w * dot(g, R))
            norm = norm + b * w * dot(g, g)
            for v, other in tensor[:k]:  # (tr^2 D - tr D^2)/2 = sum over pairs of w v (g x g')^2
                area = cross(g, other)
                norm = norm + w * v * dot(area, area)
        return long_rows(join(lift(a / norm) * R + lift(1 / norm) * cross(n, bR)))

    def _on_electrons(self, t: Array, m: Vectors, eta: Array, lag: Array) -> Split:
        """What an applied field adds when it also turns the moments of the electrons.

        dm/dt -> dm/dt + gamma m x B_applied in the terms of eta and lag.
        """
        applied = self._sum([e for e in self.energies if e.applied], t, m)
        turn = lift(self.gamma) * cross(split(m), applied)
        return lift(lag) * cross(split(m), turn) - lift(eta) * turn

    def stiffness(self) -> Array:
        """An upper estimate of the fastest rate in the problem, 1/s; sets the explicit step.

        gamma |dB/dm| plus what the torques add; damping and n0 only lower it.
        """
        return self._fastest(self.energies, self.torques)

    def precession(self) -> Array:
        """An upper estimate of the rate, 1/s, at which a uniform state turns and drives swing.

        It sets the step that resolves the motion, where `stiffness` sets the one that is stable.
        """
        local = (tuple(x for x in terms if x.local) for terms in (self.energies, self.torques))
        zero = jnp.zeros((), self.gamma.dtype)
        return self._fastest(*local) + reduce(jnp.maximum, swings(self.drives()), zero)

    def _fastest(self, energies: tuple, torques: tuple) -> Array:
        zero = jnp.zeros((), self.gamma.dtype)
        B = sum((term.stiffness(self.grid, self.Ms) for term in energies), zero)
        own = sum((term.stiffness(self.grid, self.Ms) for term in torques), zero)
        return jnp.max(self.gamma) * B + own

    def drives(self) -> list[Any]:
        """What depends on time."""
        return [drive for term in (*self.energies, *self.torques) for drive in term.drives]


def _as_known(term: AbstractEnergy | AbstractTorque, m: Vectors) -> Vectors:
    """A term that is not ours may transform m, see `long_rows`."""
    ours = type(term).__module__.partition(".")[0] == __name__.partition(".")[0]
    return m if ours else plain_rows(m)


def _terms(name: str, terms: Any, kind: type) -> tuple:
    term = isinstance(terms, AbstractEnergy | AbstractTorque | dict | str)
    if term or not isinstance(terms, Iterable):
        raise ValueError(
            f"`{name}` must be a tuple, got {type(terms).__name__}; "
            "a single term needs a comma: (term,)"
        )
    terms = tuple(terms)
    for term in terms:
        if not isinstance(term, kind):
            raise ValueError(f"`{name}` must hold jaxstt {name}, got {type(term).__name__}")
    return terms


def _check_vacuum(grid: Grid, Ms: Array) -> None:
    """Only the mask tells the stencils where the magnet ends."""
    if not (Ms.ndim and is_concrete(Ms)) or (grid.mask is not None and not is_concrete(grid.mask)):
        return
    empty = np.asarray(Ms) == 0  # NumPy: inside jit jax.numpy would trace what is known
    if grid.mask is not None:
        empty = empty & np.asarray(grid.mask)
    if np.any(empty):
        raise ValueError(
            f"`Ms` is 0 in {np.sum(empty)} cells of the magnet; "
            "tell the grid where vacuum is: Grid(..., mask=Ms > 0)"
        )


def _check_shapes(grid: Grid, term: AbstractEnergy | AbstractTorque) -> None:
    """ValueError for a parameter, or what a drive gives, of a kind that the term does not take."""
    for name, kind in term.kinds.items():
        value = getattr(term, name)
        if value is not None:
            check_kind(type(term).__name__, name, value, kind, grid.shape)


def check_llg(llg: Any) -> None:
    """ValueError for what is no `LLG`."""
    check_type("llg", llg, LLG, "a jaxstt.LLG")


def _arguments(llg: LLG, t: ArrayLike, m: ArrayLike) -> tuple[LLG, Array, Array]:
    m = as_state(llg, "m", m)
    return llg, number("t", t).astype(float), within(llg.grid, m)


def as_state(llg: LLG, name: str, m: ArrayLike) -> Array:
    """m on the grid of `llg`; ValueError naming it for another shape, or magnet in vacuum.

    What is traced cannot be refused; `within` leaves nothing of it there.
    """
    check_llg(llg)
    m, mask = leaf(name, m), llg.grid.mask
    if m.shape != (3, *llg.grid.shape):
        raise ValueError(f"`{name}` must have shape {(3, *llg.grid.shape)}, got {m.shape}")
    if mask is not None and is_concrete(mask) and is_concrete(m):
        length = np.sqrt(np.sum(np.asarray(m, float) ** 2, axis=0))
        if np.any(length[~np.asarray(mask)] > 1e-3):
            raise ValueError(
                f"`{name}` must be 0 outside the mask of the grid, got magnet in vacuum"
            )
    return m


def warn(llg: LLG, m: Array) -> None:
    """Warn of what the torques cannot describe in a state that is known."""
    if is_concrete(m):
        with jax.ensure_compile_time_eval():
            for torque in llg.torques:
                torque.warn(llg.grid, m)


def rhs(llg: LLG, t: ArrayLike, m: ArrayLike) -> Array:
    """dm/dt, 1/s, shape (3, nx, ny, nz), at time t [s] in the state m."""
    return _rhs(*_arguments(llg, t, m))


def effective_field(llg: LLG, m: ArrayLike, t: ArrayLike = 0.0) -> Array:
    """B = -(1/(Ms V)) dE/dm, T, shape (3, nx, ny, nz), at time t [s]."""
    return _field(*_arguments(llg, t, m))


def total_energy(llg: LLG, m: ArrayLike, t: ArrayLike = 0.0) -> Array:
    """E, J, of the state m at time t [s], summed over the energies."""
    return _total(*_arguments(llg, t, m))


def energy_terms(llg: LLG, m: ArrayLike, t: ArrayLike = 0.0) -> dict[str, Array]:
    """E, J, of each term by its name: "Exchange", "Zeeman", and "Zeeman_2" for another one."""
    return _energies(*_arguments(llg, t, m))


# Compiled; whether m is a state can only be seen before.


@eqx.filter_jit
def _rhs(llg: LLG, t: Array, m: Vectors) -> Vectors:
    return llg.rate(t, m)


@eqx.filter_jit
def _field(llg: LLG, t: Array, m: Vectors) -> Vectors:
    return llg.field(t, m)


@eqx.filter_jit
def _total(llg: LLG, t: Array, m: Vectors) -> Array:
    return sum(_energies(llg, t, m).values(), jnp.zeros((), m.dtype))


@eqx.filter_jit
def _energies(llg: LLG, t: Array, m: Vectors) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for term in llg.energies:
        kind = type(term).__name__
        count = sum(name.split("_")[0] == kind for name in found) + 1
        found[kind if count == 1 else f"{kind}_{count}"] = term.energy(llg.grid, llg.Ms, t, m)
    return found
