"""What a model is: something that turns parameter values into predictions, row by row."""

import abc
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

import jaxstt

from .._data import Measurements
from .._errors import InputError
from .._parameters import FILM, INTERFACE, SPIN_ORBIT

_STABLE, _RESOLVED = 2.4, 0.12
"""Rate times step, and turn in a step, rad, as `evolve` takes them."""
VELOCITY, PRECESSION, DRIFT = "wall_velocity", "precession_frequency", "drift_velocity"
TILT = "wall_tilt"
PINNED = ("depinning_field", "depinning_current")
GYRATION = ("gyration_frequency", "gyration_radius")


SLOPE = "field_mobility"
OF_AN_INTERFACE = (VELOCITY, PRECESSION, TILT, SLOPE, DRIFT, *GYRATION)
"""Observables that stay what they are beside DMI and spin-orbit torques."""
IN_THE_PLANE = (VELOCITY, PRECESSION, SLOPE)
"""Those that a field across the easy axis may act on as well."""
_MOVING = (VELOCITY, PRECESSION)


class Rows(eqx.Module):
    """The rows of the data as a model sees them.

    A drive is (j, B, B_a, B_b): rows with the same drive share one simulation.
    """

    j: Array
    """Current density of each drive, A/m^2."""
    B: Array
    """Field of each drive along the easy axis, T."""
    plane: Array | None
    """(2, drives), T: field of each drive across the easy axis; None: there is none."""
    drive: Array
    """Index of each row's drive."""
    observable: tuple[str, ...] = eqx.field(static=True)

    def __init__(self, data: Measurements, observables: tuple[str, ...]):
        """Those rows of `data` that show one of `observables`, in order."""
        self.observable = tuple(o for o in data.observable if o in observables)
        keep = [i for i, o in enumerate(data.observable) if o in observables]
        along, across = data.fields()
        every = np.column_stack([data.j, along, across])[keep]
        drives, drive = np.unique(every.reshape(-1, 4), axis=0, return_inverse=True)
        self.drive = jnp.asarray(drive.reshape(-1))
        self.j, self.B = jnp.asarray(drives[:, 0]), jnp.asarray(drives[:, 1])
        self.plane = jnp.asarray(drives[:, 2:].T) if drives[:, 2:].any() else None

    def select(self, velocity: Array, precession: Array, tilt: Array | None = None) -> Array:
        """Each row's observable from velocity [m/s], <phidot> [rad/s] and tilt of every drive."""
        shown = {VELOCITY: velocity, PRECESSION: jnp.abs(precession) / (2 * jnp.pi)}
        if tilt is not None:
            shown[TILT] = tilt
        kind = np.array([list(shown).index(o) for o in self.observable])
        return jnp.stack(list(shown.values()))[kind, self.drive]


class Predictor(eqx.Module):
    """A model made ready for one set of data; a pytree, the argument of compiled functions.

    Static fields (grids, numbers of steps, charges) key the compilation cache; arrays do not.
    """

    drives: eqx.AbstractVar[int]
    """Number of simulations that one call costs."""

    @abc.abstractmethod
    def __call__(self, values: Mapping[str, Array]) -> Array:
        """Predictions in the order and unit of the data's rows; `values` are SI scalars by name.

        Must be differentiable in forward mode with respect to every entry of `values`.
        """


class Dear(Protocol):
    """A predictor that is run a few times, without derivatives, to correct a cheap one."""

    name: ClassVar[str]
    own_constants: ClassVar[bool]
    """Whether K and K_perp of a wall are not among what it is given."""
    drives: int

    def measure(self, values: Mapping[str, float]) -> np.ndarray:
        """Predictions, NaN where there is none."""
        ...

    def seconds(self, values: Mapping[str, float]) -> float:
        """About how long `measure` takes."""
        ...


class Model(abc.ABC):
    """A way to predict the data; one instance each in `_models.MODELS`."""

    name: ClassVar[str]
    cheaper: ClassVar[str | None] = None
    """Name of the model whose optimum is this one's start; None: a grid of starts is tried."""
    observables: ClassVar[tuple[str, ...]]
    tolerance: ClassVar[float] = 1e-6
    """A fit has converged this close to the minimum, in standard deviations."""

    @abc.abstractmethod
    def needs(self, data: Measurements) -> tuple[str, ...]:
        """Names of the parameters that the predictions for `data` depend on."""

    @abc.abstractmethod
    def prepare(self, data: Measurements, values: Mapping[str, float]) -> Predictor:
        """A predictor for `data`; `values` are the first guesses of all parameters it needs.

        Raises InputError for a row or sample that this model cannot describe.
        """

    def check_rows(self, data: Measurements) -> None:
        """InputError naming the line of a row that this model has no prediction for."""
        for i, observable in enumerate(data.observable):
            if observable not in self.observables:
                raise InputError(
                    f"{data.path}:{data.line[i]}: model {self.name} does not predict "
                    f"{observable}; it predicts {', '.join(self.observables)}"
                )


def check_wall_rows(data: Measurements, model: str) -> None:
    """InputError naming the line of a field that the row's observable does not go with."""
    sample, (along, across) = data.sample, data.fields()
    easy = sample.easy_axis or "z"
    for i in np.flatnonzero(data.B_xyz[:, "xyz".index(easy)]):
        raise InputError(
            f"{data.path}:{data.line[i]}: column `field_{easy}_T` is along the easy axis: write it "
            f"in `field_T`, got {data.B_xyz[i, 'xyz'.index(easy)]:g}"
        )
    for i, (axis, name) in enumerate(zip(data.field_axis, data.observable, strict=True)):
        where = f"{data.path}:{data.line[i]}: column"
        named = data.B[i] != 0 or name == PINNED[0]
        if named and not axis:
            raise InputError(f"{where} `field_axis` must be given: {model} must know along what")
        if across[i].any() and name in _MOVING and not (data.j[i] or along[i]):
            raise InputError(
                f"{where} `field_axis`: {model} knows of nothing that moves a wall of easy axis "
                f"{sample.easy_axis} here, only a field across it"
            )
        columns = [f"field_{a}_T" for a, B in zip("xyz", data.B_xyz[i], strict=True) if B]
        if named and axis != sample.easy_axis:
            columns = ["field_axis"]
        if columns and name not in IN_THE_PLANE:
            raise InputError(
                f"{where} `{columns[0]}`: {model} knows fields along the easy axis "
                f"{sample.easy_axis} only for {name}"
                + (f", got {axis}" if columns == ["field_axis"] else "")
            )


def check_plane(data: Measurements, values: Mapping[str, float]) -> None:
    """InputError naming the line of a field across the easy axis too strong for a wall's model."""
    most = 2 * values["K"] / (np.pi * values["Ms"])
    for i, field in enumerate(np.linalg.norm(data.fields()[1], axis=1)):
        if field >= most:
            raise InputError(
                f"{data.path}:{data.line[i]}: a field across the easy axis must be below "
                f"2K/(pi Ms) = {most:.3g} T, got {field:g}"
            )


def with_interface(
    needs: tuple[str, ...], data: Measurements, named: Collection[str]
) -> tuple[str, ...]:
    """`needs` of a model, and what the metal beside the film adds: of the header, or in `named`.

    Raises InputError where there is something of the kind and the wall is none that it goes with.
    """
    found = [n for n in INTERFACE if n in named or getattr(data.sample, n) is not None]
    if not found or not simulated(data):
        return needs
    easy = data.sample.easy_axis
    if easy not in (None, "z"):
        raise InputError(
            f"{data.path}: `{found[0]}` needs walls of a film with easy_axis z, got {easy}"
        )
    for i, name in enumerate(data.observable):
        if name not in OF_AN_INTERFACE:
            raise InputError(
                f"{data.path}:{data.line[i]}: {name} has no closed form beside `{found[0]}`; "
                f"there it may be {', '.join(OF_AN_INTERFACE[:-2])}"
            )
    return (*needs, *found, *(FILM if {*found} & {*SPIN_ORBIT} else ()))


def interface_terms(values: Mapping[str, Any], j: Array) -> tuple[tuple, tuple]:
    """(energies, torques) of an LLG beside a metal; none where `values` name none."""
    energies = (jaxstt.InterfacialDMI(values["D"], values["A"]),) if "D" in values else ()
    if not any(name in values for name in SPIN_ORBIT):
        return energies, ()
    like_damping, like_field = (effective(values, n) if n in values else 0.0 for n in SPIN_ORBIT)
    current = j * jnp.asarray([1.0, 0.0, 0.0], jnp.asarray(j).dtype)
    torque = jaxstt.SpinOrbit(current, like_damping, like_field, values["thickness"])
    return energies, (torque,)


def period(values: Mapping[str, Any], plane: Array | None) -> float:
    """Of the angle of a wall that turns: see `jaxstt.wall_motion`."""
    plain = plane is None and not any(name in values for name in INTERFACE)
    return np.pi if plain else 2 * np.pi


def check_cell(data: Measurements, A: float, K: float) -> None:
    """InputError if the header's cell is larger than the wall width sqrt(A/K)."""
    width, cell = float(np.sqrt(A / K)), data.sample.cell_x
    if cell is not None and cell > width:
        raise InputError(
            f"{data.path}: `cell_x_m` must be below the wall width lambda = {width:.3g} m, "
            f"got {cell:g}"
        )


def steps_in(llg: jaxstt.LLG, span: float) -> float:
    """About how many steps `evolve` takes for `span` seconds."""
    return span * max(float(llg.stiffness()) / _STABLE, float(llg.precession()) / _RESOLVED)


def hard_is_b(data: Measurements) -> bool:
    """Whether the harder transverse axis is b of the right-handed triad (easy c, a, b).

    CollectiveWall puts K on a and K + Kp on b: K = K_eff, Kp = K_perp if so; otherwise
    K = K_eff + K_perp, Kp = -K_perp.
    """
    easy, hard = data.sample.easy_axis, data.sample.hard_axis
    try:
        hard = data.sample.cross_section().hard_axis
    except InputError:
        pass  # constants given by hand: the header's axis, if any
    return hard is None or easy is None or "xyz".index(hard) == ("xyz".index(easy) + 2) % 3


def collective_wall(
    values: Mapping[str, Array] | Mapping[str, float], charge: int, hard_is_b: bool
) -> jaxstt.CollectiveWall:
    """The wall of `values`, where K and K_perp belong to its soft and hard transverse axes."""
    K, Kp = values["K"], values["K_perp"]
    if not hard_is_b:
        K, Kp = K + Kp, -Kp
    names = ("A", "Ms", "alpha", "xi", "n0", "gamma", "D", "thickness")
    known = {name: values[name] for name in names if name in values}
    known["P"] = effective(values, "P")
    for name, given in {"theta_DL": "theta_SH", "theta_FL": "theta_FL"}.items():
        if given in values:
            known[name] = effective(values, given)
    return jaxstt.CollectiveWall(K=K, Kp=Kp, charge=charge, **known)


def effective(values: Mapping[str, Array] | Mapping[str, float], name: str) -> Any:
    """P or a spin Hall angle, times what the current densities of the file must be multiplied by.

    Only their products with j matter.
    """
    return values[name] * values.get("j_scale", 1.0)


def on_the_edge(data: Measurements, values: Mapping[str, float], within: float) -> tuple[int, ...]:
    """File lines of the rows that are locked or turn when the drive changes by `within`.

    There the velocity has a square-root edge: a prediction has no useful derivative.
    """
    rows = [i for i, o in enumerate(data.observable) if o in (VELOCITY, PRECESSION, TILT)]
    if not rows:
        return ()
    known = {name: jnp.asarray(value, float) for name, value in values.items()}
    wall = collective_wall(known, data.sample.charge, hard_is_b(data))
    factor = np.array([[1 - within], [1 + within]])
    along, across = data.fields()
    j, B = factor * np.asarray(data.j)[rows], factor * along[rows]
    plane = across[rows].T[:, None, :] if across.any() else None
    below, above = np.asarray(wall.motion(jnp.asarray(j), jnp.asarray(B), plane).locked)
    return tuple(int(data.line[i]) for i in np.asarray(rows)[below != above])


def beyond_rest(data: Measurements, values: Mapping[str, float]) -> tuple[int, ...]:
    """File lines of tilts and depinning fields whose drive makes a free wall turn.

    A pinned wall has no field on it but what its current does not balance: j alone decides.
    """
    rows = [i for i, o in enumerate(data.observable) if o in (TILT, PINNED[0])]
    if not rows:
        return ()
    known = {name: jnp.asarray(value, float) for name, value in values.items()}
    wall = collective_wall(known, data.sample.charge, hard_is_b(data))
    j, B = jnp.asarray(data.j[rows]), jnp.asarray(data.fields()[0][rows])
    pinned = np.array([data.observable[i] in PINNED for i in rows])
    held = held_too_hard(wall, j) if pinned.any() else False
    turns = np.where(pinned, held, ~np.asarray(wall.motion(j, B).locked))
    return tuple(int(data.line[i]) for i in np.asarray(rows)[turns])


def held_too_hard(wall: jaxstt.CollectiveWall, j: Array) -> Array:
    """Whether the torque of j turns a wall that cannot move."""
    return jnp.abs(wall.coefficients(j).U) > wall.intrinsic_threshold()


def relaxation_times(
    wall: jaxstt.CollectiveWall, plane: Array | None = None, angle: Array | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(at these angles, at the angle where it is fastest), s, in which a small tilt relaxes.

    Without any drive but `plane`, (2, drives); without D at rest (1 + alpha~^2) Ms/(2 alpha~ g~
    |Kp|) and cos 2phi as fast at others.  angle: (drives,); by default that of rest.
    """
    turn = jnp.linspace(0, 2 * jnp.pi, 65)

    def rate(phi: Array, plane: Array | None) -> Array:
        zero = jnp.zeros_like(phi)
        return jnp.abs(jax.grad(lambda p: wall.rates(p, zero, zero, plane)[1])(phi))

    def times(phi: Array, plane: Array | None) -> tuple[Array, Array]:
        return 1 / rate(phi, plane), 1 / jnp.max(jax.vmap(lambda p: rate(p, plane))(turn))

    every = jnp.atleast_1d(wall.rest_angle() if angle is None else angle)
    across = None if plane is None else 1
    here, fastest = jax.jit(jax.vmap(times, in_axes=(0, across)))(every, plane)
    return np.asarray(here), np.asarray(fastest)


def field_vector(easy: str, B: Array, plane: Array | None) -> Array:
    """(3,), T: B along the easy axis, plane = (B_a, B_b) across it."""
    axis = np.eye(3)["xyz".index(easy)]
    if plane is None:
        return B * axis
    return B * axis + plane[0] * np.roll(axis, 1) + plane[1] * np.roll(axis, 2)


def drift_velocity(values: Mapping[str, Array], j: Array) -> Array:
    """U = u/(1+eta), m/s, along +j: what a spin wave's Doppler shift shows."""
    c = jaxstt.torque_coefficients(
        Ms=values["Ms"], alpha=0.0, xi=values["xi"], P=effective(values, "P"), n0=values["n0"], j=j
    )
    return c.U


def simulated(data: Measurements) -> bool:
    """Whether any row shows a wall (and not only a drift velocity or the core of a vortex)."""
    return any(o not in (DRIFT, *GYRATION) for o in data.observable)
