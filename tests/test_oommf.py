"""`write_oommf`: the problem, run through Tcl as OOMMF does, is the run again."""

import re

import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt
from jaxstt.constants import MU_0

GRID = jaxstt.Grid((20, 16, 1), (4e-9, 5e-9, 2e-9))
RNG = np.random.default_rng(1)
PART = RNG.uniform(0.1, 1.0, GRID.shape)
J = jaxstt.Piecewise([1e-10, 1e-9, 3e-9], [[0, 0, 0], [-2e12, 0, 0], [1e12, 0, 0]])


def magnet(part=PART, j=J, grid=GRID, **more):
    energies = more.pop("energies", None) or (
        jaxstt.Exchange(jnp.asarray(1.3e-11 * part)),
        jaxstt.UniaxialAnisotropy(jnp.asarray(4e5 * part), (0, 0, 1)),
        jaxstt.UniaxialAnisotropy(jnp.asarray(4e4 * (part - 0.5)), (1, 0, 0)),
        jaxstt.Demag(grid),
        jaxstt.Zeeman((0.0, 0.0, 1e-3)),
    )
    torques = more.pop("torques", None) or (
        jaxstt.ZhangLi(j, P=more.pop("P", 0.5), xi=more.pop("xi", 0.1), n0=more.pop("n0", 0.0)),
    )
    more = {"alpha": 0.02} | more
    return jaxstt.LLG(grid, Ms=jnp.asarray(6e5 * part), energies=energies, torques=torques, **more)


def specified(path):
    """{class:name: {key: value}} and the profile, as Tcl reads the file."""
    tkinter = pytest.importorskip("tkinter")
    tcl = tkinter.Tcl()
    tcl.eval("proc Specify {name block} {global found; set found($name) $block}")
    tcl.eval("foreach w {SetOptions Destination Schedule} {proc $w args {}}")
    tcl.eval(path.read_text())

    def block(text):
        words = tcl.splitlist(text)
        return dict(zip(words[::2], words[1::2], strict=True))

    names = tcl.splitlist(tcl.eval("array names found"))
    found = {n: block(tcl.eval(f"set found({n})")) for n in names}

    def value(text):
        """A number, or a field (components, nx, ny, nz)."""
        words = tcl.splitlist(text)
        if len(words) == 1:
            return float(words[0])
        inner = block(words[1])
        if words[0] == "Oxs_UniformVectorField":
            return np.array([float(x) for x in tcl.splitlist(inner["vector"])])
        if words[0] == "Oxs_FileVectorField":
            return jaxstt.io.read_ovf(path.with_name(inner["file"])).values
        assert words[0] == "Oxs_VecMagScalarField"
        return float(inner["offset"]) + np.linalg.norm(value(inner["field"]), axis=0)

    return found, value, lambda t: float(tcl.eval(f"UProfile {t!r}"))


def test_everything_is_in_the_problem(tmp_path) -> None:
    m0 = jaxstt.vortex(GRID)
    n0 = 2e4
    llg = magnet(n0=n0, P=jnp.asarray(0.2 + 0.5 * PART))
    written = jaxstt.io.write_oommf(tmp_path / "run.mif", llg, m0, duration=2.5e-9)
    assert sorted(tmp_path.iterdir()) == sorted(written)
    found, value, profile = specified(tmp_path / "run.mif")
    np.testing.assert_allclose(value(found["Oxs_ExchangePtwise:e0"]["A"]), 1.3e-11 * PART)
    for i, K, axis in ((0, 4e5 * PART, "0.0 0.0 1.0"), (1, 4e4 * (PART - 0.5), "1.0 0.0 0.0")):
        term = found[f"Oxs_UniaxialAnisotropy:k{i}"]
        np.testing.assert_allclose(value(term["K1"]), K, rtol=1e-9, atol=1e-6)
        assert term["axis"] == axis
    zeeman = found["Oxs_FixedZeeman:e4"]
    B = MU_0 * float(zeeman["multiplier"]) * value(zeeman["field"])
    np.testing.assert_allclose(B, (0, 0, 1e-3))
    driver, evolver = found["Oxs_TimeDriver"], found["Anv_SpinTEvolve:evolver"]
    np.testing.assert_allclose(value(driver["Ms"]), 6e5 * PART)
    np.testing.assert_allclose(value(driver["m0"]), m0, atol=1e-12)
    length = int(driver["stage_count"]) * float(driver["stopping_time"])
    assert length == pytest.approx(2.5e-9)
    # Back through the converters to what each cell of the run is made of.
    u, cell = value(evolver["u"]), (7, 3, 0)
    alpha, gamma = value(evolver["alpha"]), value(evolver["gamma_G"])
    for t in (0.0, 1e-10, 0.3e-9, 1e-9, 2.2e-9, 5e-9):
        back = jaxstt.converters.from_oommf(
            u=u[cell] * profile(t), beta=float(evolver["beta"]), alpha=alpha[cell],
            gamma_G=gamma[cell], Ms=6e5 * PART[cell], n0=n0, P=0.2 + 0.5 * PART[cell],
        )  # fmt: skip
        assert float(back.j) == pytest.approx(float(J(jnp.asarray(t))[0]), rel=1e-9, abs=1e-3)
    assert float(back.xi) == 0.1 and float(back.alpha) == pytest.approx(0.02)
    assert float(back.gamma) == pytest.approx(jaxstt.constants.GAMMA)


def test_numbers_stay_numbers_and_need_no_files(tmp_path) -> None:
    llg = magnet(np.ones(GRID.shape), j=(1e12, 0.0, 0.0))
    m0 = jaxstt.vortex(GRID)
    written = jaxstt.io.write_oommf(tmp_path / "a.mif", llg, m0, duration=1e-9)
    assert [p.name for p in written] == ["a.mif", "a_m0.ovf"]
    text = written[0].read_text()
    u = jaxstt.converters.to_oommf(Ms=6e5, alpha=0.02, xi=0.1, P=0.5, j=1e12).u
    (found,) = re.findall(r"\n  u (\S+)\n", text)
    assert float(found) == pytest.approx(float(u)) and float(found) < 0
    assert "u_profile" not in text and "Oxs_UniformExchange:e0 {\n  A 1.3e-11\n" in text
    field = jaxstt.LLG(GRID, Ms=6e5, alpha=0.02, energies=(jaxstt.Exchange(1e-11),))
    jaxstt.io.write_oommf(tmp_path / "b.mif", field, m0, duration=1e-9)
    assert (
        "Specify Oxs_RungeKuttaEvolve:evolver {\n  alpha 0.02\n" in (tmp_path / "b.mif").read_text()
    )


def test_a_current_that_flows_around_a_hole(tmp_path) -> None:
    hole = np.ones(GRID.shape)
    hole[8:12, 6:10] = 0
    j = RNG.uniform(-1e12, 1e12, (3, *GRID.shape)) * hole
    grid = jaxstt.Grid(GRID.shape, GRID.spacing, mask=hole > 0)
    llg = magnet(hole, j=jnp.asarray(j), grid=grid)
    jaxstt.io.write_oommf(tmp_path / "a.mif", llg, jaxstt.vortex(grid), duration=1e-9)
    found, value, _ = specified(tmp_path / "a.mif")
    u = value(found["Anv_SpinTEvolve_3d:evolver"]["u"])
    factor = jaxstt.converters.to_oommf(Ms=6e5, alpha=0.02, xi=0.1, P=0.5, j=1.0).u
    np.testing.assert_allclose(u, float(factor) * j, atol=1e-9)
    Ms = value(found["Oxs_TimeDriver"]["Ms"])
    np.testing.assert_array_equal(Ms, 6e5 * hole)


def test_shapes_are_anisotropies_with_the_same_field(tmp_path) -> None:
    wire = jaxstt.Grid((32, 1, 1), (4e-9,) * 3)
    shape = jaxstt.ShapeAnisotropy((0.0, 0.3, 0.7))
    llg = jaxstt.LLG(wire, Ms=6e5, alpha=0.02, energies=(shape,))
    m0 = jnp.asarray(RNG.normal(size=(3, 32, 1, 1)))
    m0 = m0 / jnp.linalg.norm(m0, axis=0, keepdims=True)
    jaxstt.io.write_oommf(tmp_path / "a.mif", llg, m0, duration=1e-9)
    found, value, _ = specified(tmp_path / "a.mif")
    terms = [t for n, t in found.items() if n.startswith("Oxs_Uniaxial")]
    read = tuple(
        jaxstt.UniaxialAnisotropy(value(t["K1"]), [float(x) for x in t["axis"].split()])
        for t in terms
    )
    assert len(read) == 2
    again = jaxstt.LLG(wire, Ms=6e5, alpha=0.02, energies=read)
    np.testing.assert_allclose(again.field(0.0, m0), llg.field(0.0, m0), atol=1e-12)


def test_a_pulse_with_edges_becomes_lines(tmp_path) -> None:
    pulse = jaxstt.Pulse(jnp.asarray([-3e11, 0.0, 0.0]), 1e-10, 8e-10, 4e-10)  # no flat top
    jaxstt.io.write_oommf(tmp_path / "a.mif", magnet(j=pulse), jaxstt.vortex(GRID), duration=1e-9)
    _, _, profile = specified(tmp_path / "a.mif")
    for t in (0.0, 2e-10, 5e-10, 8e-10, 1e-9):
        assert profile(t) == pytest.approx(float(pulse(jnp.asarray(t))[0]) / -3e11, abs=1e-12)


BAD = {
    "InterfacialDMI is not exported to OOMMF": {"energies": (jaxstt.InterfacialDMI(1e-3),)},
    "a Zeeman field that changes in time": {
        "energies": (jaxstt.Zeeman(jaxstt.Pulse(jnp.ones(3), 0.0, 1e-9)),)
    },
    "one ZhangLi is exported": {"torques": (jaxstt.SpinOrbit((1e11, 0, 0), 0.1, thickness=1e-9),)},
    "Piecewise is exported, got a Pulse": {"j": jaxstt.Pulse(jnp.ones(3), 0.0, 1e-9)},
    "got a function": {"j": lambda t: jnp.ones(3) * t},
    "changes its direction": {"j": jaxstt.Piecewise([0, 1e-9], [[1e12, 0, 0], [1e12, 1e11, 0]])},
    "xi that differs": {"xi": jnp.asarray(PART)},
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_not_exported_is_refused(told, tmp_path) -> None:
    with pytest.raises(ValueError, match=re.escape(told)):
        m0 = jaxstt.vortex(GRID)
        jaxstt.io.write_oommf(tmp_path / "b.mif", magnet(**BAD[told]), m0, duration=1e-9)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a b.mif", "a[exit].mif", "{.mif", "$x.mif"])
def test_a_name_is_not_code(name, tmp_path) -> None:
    with pytest.raises(ValueError, match="`path` must end in a name of letters"):
        jaxstt.io.write_oommf(tmp_path / name, magnet(), jaxstt.vortex(GRID), duration=1e-9)
