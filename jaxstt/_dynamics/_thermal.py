"""Temperature: each cell is shaken as strongly as its damping brakes it."""

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import (
    ArrayLike,
    Split,
    Vectors,
    check_type,
    cross,
    dot,
    is_concrete,
    join,
    leaf,
    lift,
    split,
    stored,
)
from .._energy import inverse
from .._mesh import Grid
from ..constants import K_B

if TYPE_CHECKING:
    from ._llg import LLG

_COOLED = 0.03
"""Part by which Runge-Kutta's own damping may cool the fastest mode."""
_LEAST_DAMPING = 1e-4
"""For the step: what is damped less than this reaches no equilibrium in any run."""
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_NO_KICK = 2**32 - 1
"""A number that no kick has: counters of keys are apart from those of draws."""


class Thermal(eqx.Module):
    """A magnet at a temperature: a random field B_th in each cell, white in time.

        <B_i(t) B_j(t')> = (2 (alpha + xi eta) k_B T/(gamma Ms V)) delta_ij delta(t - t')

    alpha, gamma bare as in `LLG`; xi eta is what the conduction electrons of n0 add; V: of a cell.
    With it a magnet left alone comes to Boltzmann's distribution.  Read in Stratonovich's sense:

        evolve(llg, m0, t, thermal=Thermal(300.0, seed=1))

    What such a field does to m is Brownian motion on the sphere, with the diffusion constant

        D = b gamma k_B T/((a^2 + b^2) Ms V),   a = 1 + eta,   b = alpha + xi eta

    and is computed as that: half a kick, a step without noise, half a kick.  Averages are off by
    the second power of the step (weak order 2), a single path by its root (strong order 1/2).

    T: K, >= 0, a number or a field (nx, ny, nz).
    seed: whole number, 0 to 2^32 - 1; another one is another history.  An array under `vmap`.

    A run that is made in pieces takes `thermal.piece(k)` for each, or the noise begins again.
    Both are leaves; a derivative by T, or by any parameter, is that of the one history.
    Random numbers are counted, not kept: kick n of a run has the same on every machine.  They are
    normal to float32, cut off at 5 standard deviations.
    Raises ValueError for T < 0 or of another shape, and a seed that is no such number.
    Source: Brown, Phys. Rev. 130, 1677 (1963); numbers by Threefry, Salmon et al., SC11 (2011).
    """

    T: Array
    key: Array
    """Two words."""

    def __init__(self, T: ArrayLike, seed: ArrayLike):
        self.T = leaf("T", T, minimum=0)
        if self.T.ndim not in (0, 3):
            raise ValueError(f"`T` must be a number or a field (nx, ny, nz), got {self.T.shape}")
        first = _seed(seed)
        self.key = jnp.stack([first, jnp.zeros_like(first)])

    def piece(self, k: ArrayLike) -> "Thermal":
        """The same temperature with noise of its own, for the k-th piece of a run."""
        words = threefry(
            self.key[0], self.key[1], jnp.asarray(k).astype(jnp.uint32), jnp.uint32(_NO_KICK)
        )
        return eqx.tree_at(lambda thermal: thermal.key, self, jnp.stack(words))

    def check(self, llg: "LLG", m0: Array) -> None:
        """ValueError for a field T of another grid, and for damping that has no noise here."""
        if self.T.ndim and self.T.shape != llg.grid.shape:
            raise ValueError(f"`T` must have shape {llg.grid.shape}, got {self.T.shape}")
        for torque in llg.torques:
            if torque.damping(llg.grid, llg.Ms, m0):
                raise ValueError(
                    f"`thermal` cannot be used with {type(torque).__name__}: its damping tensor "
                    "has no noise of its own here, so that the magnet would be too cold"
                )

    def longest(self, llg: "LLG") -> Array:
        """The longest step, times the fastest rate, in which Runge-Kutta does not cool the magnet.

        Of a mode that turns by z in a step it takes the part z^6/72 of the energy, damping takes
        2 alpha z; their ratio is z^5/(144 alpha).
        """
        damping, mask = llg.response()[1], llg.grid.mask
        if damping.ndim and mask is not None:
            damping = jnp.where(mask, damping, jnp.inf)
        least = jnp.maximum(jnp.min(lax.stop_gradient(damping)), _LEAST_DAMPING)
        return (144 * _COOLED * least) ** 0.2

    def diffusion(self, llg: "LLG") -> Array:
        """D, rad^2/s, a number or a field."""
        a, b = llg.response()
        per_damping = (K_B / llg.grid.cell_volume) * self.T * llg.gamma * inverse(llg.Ms)
        return b / (a**2 + b**2) * per_damping

    def draw(self, step: Array, grid: Grid, dtype: Any) -> Split:
        """Three independent normal numbers for each cell, in the kick of this number."""
        return normal(self.key, step, grid.shape, dtype)


def kick(m: Vectors, tau: Array, noise: Split) -> Vectors:
    """m after Brownian motion on the sphere for D t = tau, right to tau^2 in the average.

        m' = (m (1 - q/4) + v)/(1 + q/4),   v = s noise x m,   q = |v|^2,   s^2 = 2 tau (1 + tau)

    which turns m by r = 2 atan(|v|/2) in a direction of its tangent plane, and leaves |m| = 1.
    A harmonic of degree l, with L = l(l + 1), must fall by exp(-L tau) = 1 - L tau + L^2 tau^2/2.
    It falls by the mean of P_l(cos r) = 1 - L r^2/4 + L (3L - 2) r^4/192; with r^2 = q - q^2/6 and
    the means 2 s^2 of q and 8 s^4 of q^2 that is 1 - L (s^2 - s^4/2)/2 + L^2 s^4/8.
    """
    # No slope where tau = 0, where the root has an infinite one.
    moves = tau > 0
    root = jnp.sqrt(jnp.where(moves, 2 * tau * (1 + tau), 1.0))
    n = split(m)
    v = lift(jnp.where(moves, root, 0.0)) * cross(noise, n)
    q = dot(v, v) / 4
    return join(lift((1 - q) / (1 + q)) * n + lift(1 / (1 + q)) * v)


def check_thermal(thermal: Any, llg: "LLG", m0: Array) -> None:
    """ValueError for what is neither None nor a temperature of this magnet."""
    if thermal is not None:
        check_type("thermal", thermal, Thermal, "a jaxstt.Thermal")
        thermal.check(llg, m0)


def _seed(value: Any) -> Array:
    if is_concrete(value):
        plain = np.asarray(value)
        whole = plain.dtype.kind in "iuf" and np.all(plain == np.floor(plain))
        if not (whole and np.all((plain >= 0) & (plain < 2**32))):
            raise ValueError(f"`seed` must be a whole number from 0 to 2^32 - 1, got {value!r}")
        return jnp.asarray(plain.astype(np.uint32))
    return jnp.asarray(value).astype(jnp.uint32)


def normal(key: Array, step: Array, shape: tuple[int, ...], dtype: Any) -> Split:
    """Three normal numbers for each cell, of 21 bits each out of one word pair.

    `jax.random.normal` takes 6 times as long on a CPU, longer than the step that needs them: its
    rounds are a loop there, and each word is half of a pair (512 cells, jaxlib 0.10.2).
    """
    cells = lax.iota(jnp.uint32, int(np.prod(shape))).reshape(1, *shape)
    first, second = threefry(key[0], key[1], cells, step.astype(jnp.uint32))
    low = (first & jnp.uint32(0x7FF)) << jnp.uint32(10)
    words = (
        first >> jnp.uint32(11),
        second >> jnp.uint32(11),
        low | (second & jnp.uint32(0x3FF)),
    )

    def one(word: Array) -> Array:
        # The middle of one of 2^21 equal parts of (-1, 1).
        u = word.astype(jnp.int32).astype(jnp.float32) * 2.0**-20 - (1 - 2.0**-21)
        return (2**0.5 * lax.erf_inv(u)).astype(dtype)

    # Stored, or the rounds are done again for each component that uses them: a step takes 5 times
    # as long.
    return stored(Split(*map(one, words)))


def threefry(key0: Array, key1: Array, x0: Array, x1: Array) -> tuple[Array, Array]:
    """Threefry-2x32 with 20 rounds, written out."""
    keys = (key0, key1, key0 ^ key1 ^ jnp.uint32(_PARITY))
    x0, x1 = x0 + keys[0], x1 + keys[1]
    for turn in range(5):
        for bits in _ROTATIONS[turn % 2]:
            x0 = x0 + x1
            x1 = x0 ^ ((x1 << jnp.uint32(bits)) | (x1 >> jnp.uint32(32 - bits)))
        x0 = x0 + keys[(turn + 1) % 3]
        x1 = x1 + keys[(turn + 2) % 3] + jnp.uint32(turn + 1)
    return x0, x1
