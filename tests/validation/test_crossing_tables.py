"""The crossing table of the validity benchmark, whole, and an independent integration."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxstt import SpinODE, evolve_spin, wall_crossing

XI = np.array([0.0, 0.02, 0.1, 0.5])
# l/(v tau_ex): for each xi a/a_local, xi_eff, xi_eff over the Fermi surface.
TABLE = {
    20: [(1, 0, 0), (0.99965, 0.02003, 0.02002), (0.99925, 0.1002, 0.1001),
         (0.99881, 0.5007, 0.5004)],
    10: [(1, 9.084e-13, 7.94e-14), (0.99916, 0.02011, 0.02007), (0.99756, 0.1006, 0.1004),
         (0.99528, 0.5027, 0.5016)],
    5: [(1, 3.014e-6, 4.87e-7), (0.99813, 0.02046, 0.02027), (0.99295, 0.1025, 0.1015),
        (0.98181, 0.5107, 0.5064)],
    3: [(0.99968, 9.686e-4, 2.38e-4), (0.99620, 0.02249, 0.02109), (0.98455, 0.1087, 0.1047),
        (0.95192, 0.5300, 0.5178)],
    2: [(0.99256, 0.01500, 0.00498), (0.98631, 0.03848, 0.02708), (0.96362, 0.1314, 0.1152),
        (0.89800, 0.5679, 0.5401)],
    1.5: [(0.96470, 0.05488, 0.02197), (0.95542, 0.07953, 0.04524), (0.92175, 0.1760, 0.1372),
          (0.83112, 0.6185, 0.5704)],
    1: [(0.84117, 0.18882, 0.09264), (0.82893, 0.2131, 0.1167), (0.78598, 0.3078, 0.2108),
        (0.68605, 0.7424, 0.6466)],
    0.5: [(0.43007, 0.66261, 0.3850), (0.42342, 0.6835, 0.4072), (0.40124, 0.7660, 0.4949),
          (0.36577, 1.164, 0.9125)],
    0.2: [(0.09255, 1.961, 1.151), (0.09181, 1.980, 1.172), (0.08964, 2.054, 1.257),
          (0.09438, 2.424, 1.671)],
}  # fmt: skip


def test_table() -> None:
    length, expected = np.array(list(TABLE)), np.array(list(TABLE.values()))
    kappa, xi = 1 / length[:, None], XI[None]
    single = wall_crossing(kappa, xi)
    fermi = wall_crossing(kappa, xi, average="fermi_surface")
    # One more unit in the last digit: the printed weights stem from a cut-off wall.
    np.testing.assert_allclose(single.adiabatic, expected[..., 0], rtol=0, atol=1.6e-5)
    assert single.xi_eff[0, 0] < 1e-20 and fermi.xi_eff[0, 0] < 1e-20
    np.testing.assert_allclose(single.xi_eff, expected[..., 1], rtol=5e-4, atol=1e-20)
    np.testing.assert_allclose(fermi.xi_eff, expected[..., 2], rtol=1.1e-3, atol=1e-20)
    assert np.all(np.diff(single.xi_eff, axis=0) > 0)  # no oscillation
    assert np.all(np.diff(single.adiabatic[:-1], axis=0) < 0)


def test_against_the_spin_equation_in_the_lab() -> None:
    """`evolve_spin` along the same wall, projected on e_theta and e_phi."""
    xi, tau_ex, reach = 0.1, 1e-15, 21.0  # a wall cut off at x lacks 2 exp(-x)
    x, w = np.polynomial.legendre.leggauss(400)
    for kappa in (0.4, 1.0, 3.0):
        times = tau_ex * reach / kappa * np.concatenate([[-1.0], x])

        def path(t, kappa=kappa):
            at = kappa * t / tau_ex
            return jnp.stack([1 / jnp.cosh(at), jnp.zeros_like(at), -jnp.tanh(at)])

        s = evolve_spin(SpinODE(path, tau_ex=tau_ex, xi=xi), None, times, rtol=1e-11, atol=1e-12).s
        n = jax.vmap(path)(jnp.asarray(times))
        e_theta = jnp.stack([n[:, 2], jnp.zeros_like(n[:, 0]), -n[:, 0]], axis=1)
        s1, s2 = jnp.sum(s * e_theta, axis=1)[1:], s[1:, 1]
        force = w * reach / np.cosh(reach * x) / (2 * kappa)
        found = wall_crossing(kappa, xi)
        np.testing.assert_allclose(-np.sum(force * s2), found.a, rtol=0, atol=1e-8)
        np.testing.assert_allclose(-np.sum(force * s1), found.b, rtol=0, atol=1e-8)
