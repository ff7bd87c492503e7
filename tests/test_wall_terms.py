"""`CollectiveWall` with DMI, fields in the plane, spin-orbit torques: against the LLG's own terms.

For the profile of a wall without a field in the plane the equations of the class are exact
projections of the LLG on the two coordinates; the torques of `jaxstt` are projected here, with
their own signs.
"""

import diffrax as dfx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxstt

A, K, KP, MS, ALPHA, D3 = 1e-11, 3e5, 4e4, 8e5, 0.1, 1e-9
STRIP = jaxstt.Grid((600, 1, 1), (0.25e-9, 1e-9, D3))
X = STRIP.centres("x")
DRIVES = {
    "field": {"B": 4e-3},
    # Small: a larger one changes the profile, see test_canting.
    "in the plane": {"B_plane": (9e-4, -6e-4)},
    "D": {"D": 7e-4},
    "damping-like": {"theta_DL": 0.12, "j": 1.3e11},
    "field-like": {"theta_FL": -0.2, "j": 1.3e11},
    "transfer": {"P": 0.6, "xi": 0.2, "j": -7e11, "n0": 5e4},
    "all": {
        "B": -3e-3, "D": -5e-4, "theta_DL": -0.1,
        "P": 0.5, "xi": 0.3, "j": 5e11, "n0": 3e4,
    },
}  # fmt: skip
OF_THE_WALL = ("D", "theta_DL", "theta_FL", "P", "xi", "n0")


def wall(charge=1, Kp=KP, **given) -> jaxstt.CollectiveWall:
    more = {k: v for k, v in given.items() if k in OF_THE_WALL}
    more = {"P": 0.0, "xi": 0.0, **more}
    if "theta_DL" in given or "theta_FL" in given:
        more["thickness"] = D3
    return jaxstt.CollectiveWall(A=A, K=K, Kp=Kp, Ms=MS, alpha=ALPHA, charge=charge, **more)


def drive(given) -> dict:
    return {k: given[k] for k in ("j", "B", "B_plane") if k in given}


def magnet(given, grid=STRIP, Kp=KP) -> jaxstt.LLG:
    a, b = given.get("B_plane", (0.0, 0.0))
    j = (given.get("j", 0.0), 0.0, 0.0)
    energies = [
        jaxstt.Exchange(A, order=4), jaxstt.UniaxialAnisotropy(K),
        jaxstt.UniaxialAnisotropy(-Kp, (0.0, 1.0, 0.0)),
        jaxstt.Zeeman((a, b, given.get("B", 0.0))),
    ]  # fmt: skip
    torques = [jaxstt.ZhangLi(
        j, P=given.get("P", 0.0), xi=given.get("xi", 0.0), n0=given.get("n0", 0.0), order=4
    )]  # fmt: skip
    if "D" in given:
        energies.append(jaxstt.InterfacialDMI(given["D"]))
    if "theta_DL" in given or "theta_FL" in given:
        torques.append(
            jaxstt.SpinOrbit(j, given.get("theta_DL", 0.0), given.get("theta_FL", 0.0), D3)
        )
    return jaxstt.LLG(grid, Ms=MS, alpha=ALPHA, energies=energies, torques=torques)


@pytest.mark.parametrize("charge", [1, -1])
@pytest.mark.parametrize("name", DRIVES)
def test_the_rates_are_the_projections(name, charge) -> None:
    given = DRIVES[name]
    llg = magnet(given)
    eta = given.get("n0", 0.0) / MS / (1 + given.get("xi", 0.0) ** 2)
    b = ALPHA + given.get("xi", 0.0) * eta

    @jax.jit
    def unbalanced(phi):
        """What is left of each projection, and how large its parts are."""
        model = wall(charge, **given)
        qdot, phidot = model.rates(phi, **drive(given))
        plane = model.field_in_the_plane(given.get("j", 0.0), given.get("B_plane"))
        width = model.width(phi, plane)

        def state(q, phi):
            u = charge * (X - q) / width
            return jnp.stack([jnp.cos(phi) / jnp.cosh(u), jnp.sin(phi) / jnp.cosh(u), -jnp.tanh(u)])

        q = jnp.asarray(75e-9)
        m, along_q = jax.jvp(lambda q: state(q, phi), (q,), (1.0,))
        along_phi = jax.jvp(lambda p: state(q, p), (phi,), (1.0,))[1]
        F = jaxstt.rhs(llg, 0.0, m[:, :, None, None])[:, :, 0, 0]

        def torque(v):
            """(1 + eta) v - (alpha + xi eta) m x v: what makes m move by v."""
            return (1 + eta) * v - b * jnp.cross(m, v, axis=0)

        moved = qdot * along_q + phidot * along_phi
        # In the domains the torques do what the model leaves to them.
        near = np.abs(X - 75e-9) < 60e-9
        found = []
        for direction in (along_q, along_phi):
            weight = jnp.where(near, jnp.cross(m, direction, axis=0), 0.0)
            parts = jnp.abs(jnp.sum(weight * torque(F), axis=0))
            found.append((jnp.sum(weight * torque(moved - F)), jnp.sum(parts)))
        return found

    for phi in (0.4, 2.5, -1.9):
        for left, parts in unbalanced(jnp.asarray(phi)):
            assert abs(float(left)) < 2e-3 * float(parts), (phi, float(left / parts))


def test_rest_angle_and_breakdown() -> None:
    """Néel of either sense for large D, in between for small; the largest turning torque."""
    for charge in (1, -1):
        for D, expected in ((3e-3, np.pi), (-3e-3, 0.0)):
            angle = float(wall(charge, D=D * charge, Kp=-KP).rest_angle())
            assert angle == pytest.approx(expected, abs=1e-5)
    small = wall(D=2e-4, Kp=-KP)
    angle = float(small.rest_angle())
    slope = lambda p: small.rates(p)[1]  # noqa: E731
    assert np.pi / 2 < angle < 2.5 and float(slope(angle)) == pytest.approx(0, abs=1e-3)
    for D in (2e-4, 1e-3):
        w = wall(D=D, Kp=-KP)
        B = float(w.breakdown_field())
        assert bool(w.motion(B=0.999 * B).locked) and not bool(w.motion(B=1.001 * B).locked)
        w = wall(D=D, Kp=-KP, P=0.5, xi=0.3)
        j = float(w.breakdown_current())
        assert bool(w.motion(j=0.99 * j).locked) and not bool(w.motion(j=1.02 * j).locked)
    with pytest.raises(ValueError, match="has no closed form with spin-orbit torques"):
        wall(theta_DL=0.1).breakdown_current()


LONG = {
    "locked, D": ({"D": 8e-4}, {"B": 5e-3}),
    "running, D": ({"D": 8e-4}, {"B": 60e-3}),
    "spin-orbit": ({"D": 8e-4, "theta_DL": 0.15}, {"j": 4e11}),
    "spin-orbit without D": ({"theta_DL": 0.15}, {"j": 4e11}),
    "in the plane": ({}, {"B": 2e-3, "B_plane": (0.0, 0.02)}),
    "running in the plane": ({}, {"B": -30e-3, "B_plane": (0.03, 0.01)}),
    "field-like": ({"D": -8e-4, "theta_FL": 0.3, "P": 0.4, "xi": 0.1}, {"j": -6e11, "B": 1e-3}),
}


@pytest.mark.parametrize("name", LONG)
def test_long_time_motion_is_where_the_run_ends(name) -> None:
    given, force = LONG[name]
    charge = 1 if list(LONG).index(name) % 2 else -1
    w = wall(charge, **given)
    found = w.motion(**force)
    t = np.linspace(0, 60e-9, 6001)
    track = w.evolve(t, **force)
    half = len(t) // 2
    turns = np.asarray(track.angle[half:])
    if bool(found.locked):
        v = np.polyfit(t[half:], track.position[half:], 1)[0]
        assert float(found.velocity) == pytest.approx(v, rel=1e-5, abs=1e-6)
        assert float(found.angle) == pytest.approx(turns[-1], abs=1e-5)
        assert float(found.width) == pytest.approx(float(track.width[-1]), rel=1e-6)
        return
    # Between two passages of the same angle.
    at = turns[0] + 2 * np.pi * np.arange(1, 40) * np.sign(turns[-1] - turns[0])
    inside = at[(at > turns.min()) & (at < turns.max())]
    order = np.argsort(turns)
    times = np.interp(inside, turns[order], t[half:][order])
    places = np.interp(times, t, track.position)
    assert inside.size > 3
    assert float(found.velocity) == pytest.approx(np.ptp(places) / np.ptp(times) * np.sign(
        (places[-1] - places[0]) / (times[-1] - times[0])
    ), rel=2e-3)  # fmt: skip
    precession = (inside[-1] - inside[0]) / (times[-1] - times[0])
    assert float(found.precession) == pytest.approx(precession, rel=2e-3)


def test_the_width_is_that_in_the_field_of_the_torque_as_well() -> None:
    """A field-like torque widens the wall as the field that it acts as, at rest and in time."""
    j, theta = -6e11, 0.3
    B = -jaxstt.constants.HBAR * theta * j / (2 * jaxstt.constants.E_CHARGE * MS * D3)
    driven, held = wall(theta_FL=theta), wall()
    for one, other in (
        (driven.motion(j), held.motion(B_plane=(0.0, B))),
        (driven.evolve([0.0, 1e-9], j), held.evolve([0.0, 1e-9], B_plane=(0.0, B))),
    ):
        np.testing.assert_allclose(one.width, other.width, rtol=1e-5)
        free = wall().width(np.asarray(one.angle).ravel()[-1])
        assert abs(float(np.ravel(one.width)[-1] / free) - 1) > 1e-3


def test_what_is_even_or_zero_changes_nothing() -> None:
    plain = wall(P=0.5, xi=0.2)
    more = jaxstt.CollectiveWall(
        A=A, K=K, Kp=KP, Ms=MS, alpha=ALPHA, P=0.5, xi=0.2,
        D=0.0, theta_DL=0.0, theta_FL=0.0, thickness=D3,
    )  # fmt: skip
    for force in ({"j": -5e11}, {"B": 3e-3}, {"B": 0.05}, {"j": 4e12, "B": -0.01}):
        one, other = plain.motion(**force), more.motion(**force, B_plane=(0.0, 0.0))
        # The slowest angle of one that turns is there twice.
        half_turns = round(float(other.angle - one.angle) / np.pi)
        if not bool(one.locked):
            other = other._replace(angle=other.angle - np.pi * half_turns)
        for a, b in zip(one, other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-9)


def test_many_fields_in_the_plane() -> None:
    """(2, ...) broadcasts against j and B; each is what it is alone."""
    w = wall(D=5e-4, theta_DL=0.1)
    j = np.array([[2e11], [-3e11]])
    plane = np.array([[0.02, 0.0, -0.03], [0.0, 0.01, 0.02]])
    found = w.motion(j, 1e-3, plane)
    assert found.velocity.shape == (2, 3)
    for i in range(2):
        for k in range(3):
            alone = w.motion(j[i, 0], 1e-3, plane[:, k])
            np.testing.assert_allclose(found.velocity[i, k], alone.velocity, rtol=1e-12)
    with pytest.raises(ValueError, match=r"`B_plane` must be \(B_a, B_b\), T, got shape \(3,\)"):
        w.motion(B_plane=(0.0, 0.0, 0.01))
    with pytest.raises(ValueError, match=r"`B_plane` must be .* got shape \(2, 3\)"):
        w.evolve([0.0, 1e-9], B_plane=plane)
    with pytest.raises(ValueError, match="`B_plane`, with the field-like torque, must"):
        w.motion(B_plane=10 * plane)


@pytest.mark.parametrize("force", [{"j": 2e11, "B": 2e-3}, {"j": 1e11, "B": 0.08}])
def test_derivatives(force) -> None:
    """By each parameter, both modes, locked and running."""
    given = {"D": 6e-4, "theta_DL": 0.1, "theta_FL": 0.1, "P": 0.4, "xi": 0.2}

    @jax.jit
    def v(scale):
        w = wall(**{k: x * s for (k, x), s in zip(given.items(), scale, strict=True)})
        return w.motion(**force, B_plane=jnp.asarray([0.01, 0.02]) * scale[0]).velocity

    one = jnp.ones(len(given))
    reverse, forward = jax.jit(jax.grad(v))(one), jax.jit(jax.jacfwd(v))(one)
    h = 1e-5
    central = [(v(one.at[i].add(h)) - v(one.at[i].add(-h))) / (2 * h) for i in range(len(given))]
    size = float(np.abs(central).max())
    np.testing.assert_allclose(reverse, central, rtol=1e-5, atol=1e-5 * size)
    np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-9 * size)
    t = np.linspace(0, 1e-9, 3)

    def end(scale, how=None):
        moving = wall(**{**given, "D": 6e-4 * scale})
        return moving.evolve(t, **force, adjoint=how).position[-1]

    slopes = [jax.grad(end)(1.0), jax.jvp(lambda s: end(s, dfx.ForwardMode()), (1.0,), (1.0,))[1]]
    expected = (end(1 + h) - end(1 - h)) / (2 * h)
    np.testing.assert_allclose(slopes, expected, rtol=1e-4)


def test_float32() -> None:
    given = {"D": 6e-4, "theta_DL": 0.1, "theta_FL": 0.1, "P": 0.4, "xi": 0.2}
    for force in ({"j": 2e11, "B": 2e-3}, {"j": 1e11, "B": 0.08}):
        exact = wall(**given).motion(**force)
        with jax.enable_x64(False):
            found = wall(**given).motion(**force)
            assert found.velocity.dtype == jnp.float32
        np.testing.assert_allclose(found.velocity, exact.velocity, rtol=2e-4)


BAD = {
    "`thickness` is needed for spin-orbit torques, got None": {"theta_DL": 0.1},
    "`thickness` must be > 0": {"theta_FL": 0.1, "thickness": 0.0},
    "`D` is in J/m^2": {"D": 3e2},
    "`D` must be finite": {"D": np.nan},
    "`theta_DL` must be a number, got shape (2,)": {"theta_DL": [0.1, 0.2], "thickness": 1e-9},
}


@pytest.mark.parametrize("told", BAD)
def test_what_is_wrong_is_told(told) -> None:
    with pytest.raises(ValueError) as caught:
        jaxstt.CollectiveWall(A=A, K=K, Kp=KP, Ms=MS, alpha=ALPHA, xi=0.0, P=0.0, **BAD[told])
    assert told in str(caught.value)


def test_fields_in_the_plane_that_leave_no_wall() -> None:
    with pytest.raises(ValueError, match=r"it leaves no wall, got 0\.5 T"):
        wall().motion(B_plane=(0.3, 0.4))
    with pytest.raises(ValueError, match="it leaves no wall"):
        wall(theta_FL=0.3).motion(j=[1e11, 2e13])
    with pytest.raises(ValueError, match="it leaves no wall"):
        wall().evolve([0.0, 1e-10], B_plane=(0.3, 0.4))


def test_fields_in_the_plane_that_are_wrong() -> None:
    for bad in (0.01, (0.1, 0.2, 0.3)):
        with pytest.raises(ValueError, match=r"`B_plane` must be \(B_a, B_b\), T, got shape"):
            wall().motion(B_plane=bad)
        with pytest.raises(ValueError, match=r"`B_plane` must be \(B_a, B_b\), T, got shape"):
            wall().evolve([0.0, 1e-10], B_plane=bad)
