"""Derivatives of the steady wall with every energy and torque that it may have."""

import equinox as eqx
import jax.numpy as jnp
import pytest
import test_gradients

import jaxstt


@pytest.mark.parametrize("kind", ["number", "field"])
def test_every_derivative_of_a_wall_with_all_terms(kind: str):
    v = test_gradients._Maker(test_gradients.WIRE, kind)
    few, many = test_gradients._wall_in_wire(v), test_gradients.everything(v, test_gradients.WIRE)
    # What turns a whole domain, or swings, has no steady wall; the rest stands in one wire.
    energies = (
        *few.energies,
        *(e for e in many.energies if type(e) not in map(type, few.energies)),
    )
    i = next(i for i, e in enumerate(energies) if isinstance(e, jaxstt.BulkDMI))
    energies = eqx.tree_at(lambda x: x[i].D, energies, replace_fn=lambda D: D / 5)
    slow = eqx.tree_at(lambda torque: torque.j, many.torques[1], jnp.asarray(3e10))
    torques = (*few.torques, slow, many.torques[2])
    llg = eqx.tree_at(lambda x: (x.energies, x.torques), few, (energies, torques))
    assert {type(t) for t in llg.torques} >= {jaxstt.NonlocalSTT, jaxstt.SpinMotiveDamping}
    test_gradients.check("steady_wall", llg, 20)
