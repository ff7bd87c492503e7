"""Magnetostatics: the field of the magnetisation itself, by FFT convolution."""

import math
from collections.abc import Iterator
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from .._core import Constant, Vectors, lift, plain_rows, require_memory
from .._mesh import Grid, active_axes
from ..constants import MU_0
from ._base import AbstractEnergy
from ._newell import PAIRS, newell

_IJK = range(3)
_FEW = 8
"""Layers that are summed over: n^2 products, but no short transforms, which take longest."""


class Demag(AbstractEnergy):
    """Magnetostatic field of the whole magnet, exact for uniformly magnetised cells:

        B_i(r) = -mu0 sum_j sum_r' N_ij(r - r') Ms(r') m_j(r'),     w = -(1/2) Ms m.B

    N is the mean demagnetising tensor of two cells (Newell, Williams, Dunlop 1993); the sum is a
    convolution, done by FFT on a padded grid.  Along a periodic axis the body repeats itself for
    ever (at most two axes).  B is right to 1e-13 mu0 max(Ms), in float32 to 2e-6, whatever the
    distance and the aspect of cells, body and period.  Any nz; no mask is needed: vacuum has
    Ms m = 0.

    grid: `Grid`; its `LLG` must have the same shape, spacing and periodicity.
    The kernels are arrays, but no parameters: they have no gradient, and `is_parameter` leaves them
    out.

    Raises ValueError for three periodic axes, and if the kernels and the padded fields exceed the
    memory of the device.
    """

    kernels: dict[str, Constant]
    shape: tuple[int, int, int] = eqx.field(static=True)
    spacing: tuple[float, float, float] = eqx.field(static=True)
    periodic: tuple[bool, bool, bool] = eqx.field(static=True)
    degree: ClassVar[int] = 2
    held: ClassVar[bool] = True

    def __init__(self, grid: Grid):
        if not isinstance(grid, Grid):
            raise ValueError(f"`grid` must be a jaxstt.Grid, got {type(grid).__name__}")
        if all(grid.periodic):
            raise ValueError(
                "`periodic` must leave Demag one open axis, got (True, True, True): "
                "the field of a body without a surface depends on the shape it is thought to have"
            )
        self.shape, self.spacing, self.periodic = grid.shape, grid.spacing, grid.periodic
        require_memory(memory_of_demag(grid), f"`grid` {grid.shape}: magnetostatics")
        self.kernels = {name: Constant(k) for name, k in _kernels(grid)}

    def check(self, grid: Grid) -> None:
        mine = (self.shape, self.spacing, self.periodic)
        if mine != (grid.shape, grid.spacing, grid.periodic):
            raise ValueError(
                f"`grid` of Demag must be that of the LLG: shape {grid.shape}, spacing "
                f"{grid.spacing}, periodic {grid.periodic}, got {mine[0]}, {mine[1]}, {mine[2]}"
            )

    def field(self, grid: Grid, Ms: Array, t: Array, m: Vectors) -> Vectors:
        if Ms.ndim:
            return -MU_0 * self._mean_field(grid, lift(Ms) * m)
        return (-MU_0 * Ms) * self._mean_field(grid, m)

    def stiffness(self, grid: Grid, Ms: Array) -> Array | float:
        return MU_0 * jnp.max(Ms)  # the eigenvalues of N lie between 0 and 1

    def _mean_field(self, grid: Grid, M: Vectors) -> Array:
        """sum_j N_ij * M_j.

        Axis by axis, so that the padding is never transformed twice, and always along the last one:
        strided transforms and transposes cost more than these moves of axes (measured).  A few
        layers are not transformed but summed over: transforms of two to eight numbers take longer.
        """
        axes, sizes, layers = _axes(grid), transform_lengths(grid), _layers(grid)
        s = jnp.moveaxis(plain_rows(M), 3, 1) if layers > 1 else plain_rows(M)
        front = (3, layers) if layers > 1 else (3,)
        s = s.reshape(*front, *(grid.shape[i] for i in axes))
        s = jnp.fft.rfft(s, sizes[axes[-1]])
        for i in reversed(axes[:-1]):
            s = jnp.fft.fft(jnp.moveaxis(s, -1, len(front)), sizes[i])
        if layers > 1:
            s = jnp.stack([jnp.stack([self._layer(i, z, s) for z in range(layers)]) for i in _IJK])
        else:
            s = jnp.stack([self._row(i, s) for i in _IJK])
        for i in axes[:-1]:
            s = jnp.moveaxis(jnp.fft.ifft(s)[..., : grid.shape[i]], len(front), -1)
        s = jnp.fft.irfft(s, sizes[axes[-1]])[..., : grid.shape[axes[-1]]]
        if layers > 1:
            s = jnp.moveaxis(s.reshape(*front, *grid.shape[:2]), 1, 3)
        return plain_rows(s.reshape(M.shape))

    def _row(self, i: int, s: Array) -> Array:
        """sum_j N_ij s_j; real times complex, part by part."""
        real, imaginary = jnp.zeros_like(s.real[0]), jnp.zeros_like(s.real[0])
        for j in _IJK:
            kernel = self.kernels.get(_name(i, j))
            if kernel is not None:
                real, imaginary = real + kernel() * s[j].real, imaginary + kernel() * s[j].imag
        return lax.complex(real, imaginary)

    def _layer(self, i: int, z: int, s: Array) -> Array:
        """sum_j sum_z' N_ij(z - z') s_j(z').

        N_xz and N_yz are odd along z and along one axis that is transformed: imaginary.
        """
        real, imaginary = jnp.zeros_like(s.real[0, 0]), jnp.zeros_like(s.real[0, 0])
        for j in _IJK:
            kernel = self.kernels.get(_name(i, j))
            if kernel is None:
                continue
            turns = (i == 2) != (j == 2)
            for k in range(s.shape[1]):
                if turns and k == z:
                    continue
                K, a, b = kernel()[abs(z - k)], s[j, k].real, s[j, k].imag
                if turns:
                    a, b = (-b, a) if z > k else (b, -a)
                real, imaginary = real + K * a, imaginary + K * b
        return lax.complex(real, imaginary)


def memory_of_demag(grid: Grid) -> int:
    """Bytes of the kernels and of the padded fields of one evaluation."""
    *lengths, last = (transform_lengths(grid)[i] for i in _axes(grid))
    modes = math.prod(lengths) * (last // 2 + 1) * _layers(grid)
    size = jnp.zeros(()).dtype.itemsize
    return modes * size * (len(_components(grid)) + 12) + math.prod(grid.shape) * 6 * size


def _name(i: int, j: int) -> str:
    return "".join(sorted("xyz"[i] + "xyz"[j]))


def _layers(grid: Grid) -> int:
    """How many layers are summed over instead of being transformed."""
    few = 1 < grid.shape[2] <= _FEW and not grid.periodic[2] and grid.shape[:2] != (1, 1)
    return grid.shape[2] if few else 1


def _axes(grid: Grid) -> tuple[int, ...]:
    """Those that are transformed."""
    active = active_axes(grid) or (0,)
    return tuple(i for i in active if i < 2) if _layers(grid) > 1 else active


def _components(grid: Grid) -> list[int]:
    """Those of PAIRS that do not vanish: N_ij is odd in i and in j."""
    active = active_axes(grid)
    return [k for k, (i, j) in enumerate(PAIRS) if i == j or (i in active and j in active)]


def transform_lengths(grid: Grid) -> tuple[int, ...]:
    """Length of the transform along each axis: no wrap-around, and only the factors 2, 3, 5, 7."""
    lengths = zip(grid.shape, grid.periodic, strict=True)
    return tuple(n if wraps or n == 1 else _smooth(2 * n - 1) for n, wraps in lengths)


def _smooth(n: int) -> int:
    """The least number >= n without a prime factor above 7."""
    while True:
        rest = n
        for prime in (2, 3, 5, 7):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return n
        n += 1


def _kernels(grid: Grid) -> Iterator[tuple[str, Array]]:
    """The transforms of the components of N: real, because each is even, or odd in two axes.

    Axis by axis, of which only the real part (even) or the imaginary one (odd) is kept.
    """
    periods = [n if wraps else None for n, wraps in zip(grid.shape, grid.periodic, strict=True)]
    octant = newell([np.arange(n) for n in grid.shape], grid.spacing, periods)
    axes, sizes, layers = _axes(grid), transform_lengths(grid), _layers(grid)
    for k in _components(grid):
        i, j = PAIRS[k]
        s = octant[k].reshape([grid.shape[axis] for axis in (*axes, *((2,) if layers > 1 else ()))])
        for place, axis in reversed(list(enumerate(axes))):
            odd = i != j and axis in (i, j)
            if not grid.periodic[axis]:  # else it is a whole period already
                s = _mirror(s, place, sizes[axis], odd)
            s = np.fft.rfft(s, axis=place)
            s = s.imag if odd else s.real
            if axis != axes[-1]:
                s = _mirror(s, place, sizes[axis], odd)
        if layers > 1:
            s = np.moveaxis(s, -1, 0)
            s = np.moveaxis(s, 1, -1)  # as `_mean_field` leaves the axes
            two = i != j and 2 not in (i, j)
        else:
            s, two = np.moveaxis(s, 0, -1), i != j
        # An odd axis brings an imaginary unit, and two of them -1.  With layers there is one for
        # N_xz and N_yz: the transform is i s, by which `_layer` turns.
        yield _name(i, j), jnp.asarray(-s if two else s, float)


def _mirror(s: np.ndarray, axis: int, size: int, odd: bool) -> np.ndarray:
    """`s` along `axis` continued by zeros and by its own image to the length `size`."""
    k = np.arange(size)
    place = np.minimum(k, size - k)
    inside = place < s.shape[axis]
    sign = np.where(odd & (k > size // 2), -1.0, 1.0) * inside
    shape = [1] * s.ndim
    shape[axis] = size
    s = np.take(s, np.where(inside, place, 0), axis)
    s *= sign.reshape(shape)
    return s
