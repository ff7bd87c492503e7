"""Numbers, vectors and fields: what is of another shape is refused, nothing broadcasts quietly."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt._core import Kind
from jaxstt._dynamics import check_span

GRIDS = [jaxstt.Grid((4, 1, 1), (2e-9,) * 3), jaxstt.Grid((4, 2, 3), (2e-9,) * 3)]
D3 = {"thickness": 2e-9}
VALUES = {
    "Exchange.A": (jaxstt.Exchange, {"A": 1e-11}),
    "UniaxialAnisotropy.K": (jaxstt.UniaxialAnisotropy, {"K": 1e5}),
    "CubicAnisotropy.K1": (jaxstt.CubicAnisotropy, {"K1": 1e4}),
    "CubicAnisotropy.K2": (jaxstt.CubicAnisotropy, {"K2": 1e4, "K1": 1e4}),
    "InterfacialDMI.D": (jaxstt.InterfacialDMI, {"D": 1e-3}),
    "InterfacialDMI.A": (jaxstt.InterfacialDMI, {"A": 1e-11, "D": 1e-3}),
    "BulkDMI.D": (jaxstt.BulkDMI, {"D": 1e-3}),
    "Zeeman.B": (jaxstt.Zeeman, {"B": (0.0, 0.0, 0.1)}),
    **{
        f"ZhangLi.{name}": (
            jaxstt.ZhangLi,
            {
                name: value,
                **{"j": (1e12, 0.0, 0.0), "P": 0.5, "xi": 0.1, "n0": 1e4, name: value},
                **({"theta_H": 0.1, "P_H": 0.2, name: value} if "_H" in name else {}),
            },
        )
        for name, value in {
            "j": (1e12, 0.0, 0.0),
            "P": 0.5,
            "xi": 0.1,
            "n0": 1e4,
            "theta_H": 0.1,
            "P_H": 0.2,
            "precession_length": 1e-9,
        }.items()
    },
    **{
        f"NonlocalSTT.{name}": (
            jaxstt.NonlocalSTT,
            {**{"j": 1e12, "P": 0.5, "xi": 0.1, "Delta": 1e-19, "v_F": 3e5}, name: value},
        )
        for name, value in {
            "j": 1e12, "P": 0.5, "xi": 0.1, "Delta": 1e-19, "v_F": 3e5, "n0": 1e4
        }.items()
    },
    **{
        f"Slonczewski.{name}": (
            jaxstt.Slonczewski,
            {**{"j": 1e12, "p": (0.0, 0.0, 1.0), "P": 0.5, "thickness": 2e-9}, name: value},
        )
        for name, value in {
            "j": 1e12, "P": 0.5, "thickness": 2e-9, "Lambda": 1.5, "epsilon_prime": 0.1
        }.items()
    },
    **{
        f"SpinOrbit.{name}": (
            jaxstt.SpinOrbit,
            {**{"j": (1e12, 0.0, 0.0), "theta_DL": 0.1, "thickness": 2e-9}, name: value},
        )
        for name, value in {
            "j": (1e12, 0.0, 0.0), "theta_DL": 0.1, "theta_FL": 0.1, "thickness": 2e-9
        }.items()
    },
    **{
        f"SpinMotiveDamping.{name}": (jaxstt.SpinMotiveDamping, {"sigma": 1e6, name: value})
        for name, value in {"sigma": 1e6, "P": 0.5, "xi": 0.1}.items()
    },
}  # fmt: skip


def _llg(grid, term):
    kind = "energies" if isinstance(term, jaxstt.AbstractEnergy) else "torques"
    return jaxstt.LLG(grid, Ms=8e5, alpha=0.1, **{kind: (term,)})


def _wrong(value, kind, shape):
    """Shapes that would broadcast against a field, and some that would not."""
    field = [(1,), (3,), (1, 1, 1), shape[:1], (*shape, 1), (1, *shape), (3, *shape)]
    if kind in (Kind.VECTOR, Kind.VECTORS):
        field = [(), (1,), (3, 1), (3, 1, 1, 1), shape, (3, *shape, 1), (4,)]
    allowed = kind.shapes(shape)
    return [s for s in dict.fromkeys(field) if s not in allowed]


@pytest.mark.parametrize("case", VALUES)
def test_wrong_shapes_are_refused(case: str):
    make, arguments = VALUES[case]
    name = case.split(".")[1]
    for grid in GRIDS:
        kind = make(**arguments).kinds[name]
        for shape in _wrong(arguments[name], kind, grid.shape):
            value = np.full(shape, np.max(np.asarray(arguments[name])))
            with pytest.raises(ValueError, match=f"`{name}`"):
                _llg(grid, make(**{**arguments, name: value}))


@pytest.mark.parametrize("case", VALUES)
def test_a_uniform_field_is_the_number(case: str):
    make, arguments = VALUES[case]
    name, grid = case.split(".")[1], GRIDS[1]
    number = make(**arguments)
    kind = number.kinds[name]
    if len(kind.shapes(grid.shape)) == 1:
        return
    value = jnp.asarray(arguments[name], float)
    lifted = value.reshape(value.shape + (1,) * 3) if value.ndim else value
    field = jnp.broadcast_to(lifted, kind.shapes(grid.shape)[1])
    m = jaxstt.random_state(grid, jax.random.key(1))
    expected, other = _llg(grid, number), _llg(grid, make(**{**arguments, name: field}))
    found = jaxstt.rhs(other, 0.0, m)
    assert found.shape == m.shape
    want = jaxstt.rhs(expected, 0.0, m)
    # A uniform D of interfaces differs at no edge: pairs take the mean of two equal values.
    np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9 * float(jnp.max(jnp.abs(want))))
    assert other.stiffness().shape == ()
    np.testing.assert_allclose(other.stiffness(), expected.stiffness(), rtol=1e-9)


DRIVES = {
    "vector pulse on j of NonlocalSTT": (
        lambda: jaxstt.NonlocalSTT(
            jaxstt.Pulse((1e12, 0.0, 0.0), 0.0, 1e-9), P=0.5, xi=0.1, Delta=1e-19, v_F=3e5
        ),
        r"`j` of NonlocalSTT must be a number, got shape \(3,\)",
    ),
    "number on j of ZhangLi": (
        lambda: jaxstt.ZhangLi(jaxstt.Pulse(1e12, 0.0, 1e-9), P=0.5, xi=0.1),
        r"`j` of ZhangLi must be a vector \(3,\)",
    ),
    "number on B": (
        lambda: jaxstt.Zeeman(jaxstt.Sinusoid(0.1, 1e9)), r"`B` of Zeeman must be a vector",
    ),
    "piecewise of two": (
        lambda: jaxstt.Zeeman(jaxstt.Piecewise([0.0, 1e-9, 2e-9], np.zeros((3, 2)))),
        r"`B` of Zeeman .* got shape \(2,\)",
    ),
    "function": (lambda: jaxstt.Zeeman(lambda t: jnp.sin(t)), r"got shape \(\)"),
    "function of math": (
        lambda: jaxstt.Zeeman(lambda t: [0.0, 0.0, float(t)]), "that jax can trace",
    ),
    "field of another grid": (
        lambda: jaxstt.Zeeman(jaxstt.Pulse(np.zeros((3, 4, 1, 2)), 0.0, 1e-9)), "got shape",
    ),
    "mixed shapes": (
        lambda: jaxstt.Zeeman(jaxstt.Sinusoid(np.zeros(3), 1e9, np.ones((4, 1, 2)))),
        "shapes must broadcast, got `amplitude`",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", DRIVES)
def test_drives_are_looked_into(case: str):
    make, message = DRIVES[case]
    with pytest.raises(ValueError, match=message):
        _llg(GRIDS[0], make())


def test_every_parameter_of_every_term_has_a_kind():
    terms = (jaxstt.AbstractEnergy, jaxstt.AbstractTorque)
    classes = [
        c
        for c in vars(jaxstt).values()
        if isinstance(c, type) and issubclass(c, terms) and c not in terms
    ]
    assert len(classes) > 10
    for c in classes:
        fields = {f.name for f in dataclasses.fields(c) if not f.metadata.get("static")}
        assert set(c.kinds) == fields - {"kernel", "kernels"}, (c, fields)


GRID = GRIDS[0]
WIRE = jaxstt.LLG(GRID, Ms=8e5, alpha=0.1, energies=(jaxstt.Exchange(1.3e-11),))
UP = jaxstt.uniform(GRID, (0, 0, 1))
MASK = np.array([True, True, True, False])[:, None, None]
PIECE = jaxstt.LLG(
    jaxstt.Grid((4, 1, 1), (2e-9,) * 3, mask=MASK),
    Ms=8e5, alpha=0.1, energies=(jaxstt.Exchange(1.3e-11),),
)  # fmt: skip
BAD = {
    "a second": (lambda: jaxstt.evolve(WIRE, UP, [0, 1.0]), "`t` is in s: 1 s would take .* st"),
    "a second, fixed": (
        lambda: jaxstt.evolve(WIRE, UP, [0, 1.0], solver=jaxstt.FixedStep()), "`t` is in s",
    ),
    "many seconds": (lambda: jaxstt.evolve(WIRE, UP, np.arange(1000.0)), "`t` is in s"),
    "a second, traced": (
        lambda: jax.jit(
            lambda a: jaxstt.evolve(
                jaxstt.LLG(GRID, Ms=8e5, alpha=a), UP, [0, 1.0]
            ).m
        )(0.1), "`t` is in s",
    ),
    "t text": (lambda: jaxstt.evolve(WIRE, UP, "abc"), "`t` must be times in s, got 'abc'"),
    "t none": (lambda: jaxstt.evolve(WIRE, UP, None), "`t` must"),
    "max_steps text": (
        lambda: jaxstt.evolve(WIRE, UP, [0, 1e-12], max_steps="a"),
        "`max_steps` must be an integer >= 1, got 'a'",
    ),
    "max_steps 2.5": (lambda: jaxstt.evolve(WIRE, UP, [0, 1e-12], max_steps=2.5), "got 2.5"),
    "relax tol inf": (lambda: jaxstt.relax(WIRE, UP, tol=np.inf), "`tol` must be .*> 0 T, got inf"),
    "relax tol text": (lambda: jaxstt.relax(WIRE, UP, tol="a"), "`tol` must be"),
    "relax steps": (lambda: jaxstt.relax(WIRE, UP, max_steps=2.5), "`max_steps` must be an int"),
    "relax true": (lambda: jaxstt.relax(WIRE, UP, max_steps=True), "`max_steps` must be an int"),
    "steady steps": (
        lambda: jaxstt.steady_wall(WIRE, jaxstt.bloch_wall(GRID, 2e-9), max_steps="a"),
        "`max_steps` must be an int",
    ),
    "steady tol": (
        lambda: jaxstt.steady_wall(WIRE, jaxstt.bloch_wall(GRID, 2e-9), tol="a"), "`tol` must be",
    ),
    "vacuum": (
        lambda: jaxstt.relax(PIECE, np.stack([np.zeros((4, 1, 1))] * 2 + [np.ones((4, 1, 1))])),
        "`m0` must be 0 outside the mask",
    ),
    "m0 nan": (
        lambda: jaxstt.evolve(WIRE, UP.at[0, 0].set(jnp.nan), [0, 1e-12]), "`m0` must be fin",
    ),
    "Ms tesla": (lambda: jaxstt.LLG(GRID, Ms=1.0, alpha=0.1), "`Ms` is in A/m and must be > 2000"),
    "Ms kA/m": (lambda: jaxstt.LLG(GRID, Ms=800, alpha=0.1), "`Ms` is in A/m"),
    "A pJ/m": (lambda: jaxstt.Exchange(13), "`A` is in J/m and must be < 1e-08, got 13"),
    "A erg/cm": (lambda: jaxstt.Exchange(1.3e-6), "`A` is in J/m"),
    "periodic text": (
        lambda: jaxstt.Grid((1, 1, 1), (1e-9,) * 3, periodic=("False", 0, 0)),
        "`periodic` must be three booleans",
    ),
    "shape nan": (lambda: jaxstt.Grid((np.nan, 1, 1), (1e-9,) * 3), "`shape` must be three"),
    "shape text": (lambda: jaxstt.Grid(("a", 1, 1), (1e-9,) * 3), "`shape` must be three"),
    "spacing text": (lambda: jaxstt.Grid((1, 1, 1), (1e-9, 1e-9, "a")), "`spacing` must be three"),
    "spacing none": (lambda: jaxstt.Grid((1, 1, 1), (1e-9, 1e-9, None)), "`spacing` must be three"),
    "wall Ms": (
        lambda: jaxstt.CollectiveWall(A=1e-11, K=1e5, Kp=1e4, Ms=1.0, alpha=0.1, xi=0.1, P=0.5),
        "`Ms` is in A/m",
    ),
    "wall steps": (
        lambda: jaxstt.CollectiveWall(
            A=1e-11, K=1e5, Kp=1e4, Ms=8e5, alpha=0.1, xi=0.1, P=0.5
        ).evolve([0, 1e-9], max_steps="a"),
        "`max_steps` must be an int",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_by_name(case: str):
    run, message = BAD[case]
    with pytest.raises(ValueError, match=message) as error:
        run()
    assert "\n" not in str(error.value)


def test_a_millisecond_of_a_macrospin_is_no_mistake():
    """What is expected is counted in steps, not in seconds."""

    grid = jaxstt.Grid((1, 1, 1), (2e-9,) * 3)
    spin = jaxstt.LLG(grid, Ms=8e5, alpha=0.1, energies=(jaxstt.Zeeman((0.0, 0.0, 0.1)),))
    check_span(spin, np.array([0.0, 1e-3]))
    with pytest.raises(ValueError, match="`t` is in s"):
        check_span(spin, np.array([0.0, 1.0]))
