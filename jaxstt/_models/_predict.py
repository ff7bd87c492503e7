"""The whole road in one call: from band parameters to the velocity of a wall."""

from typing import NamedTuple

from jax import Array

from .._core import ArrayLike, leaf
from .._electron import TwoBand
from .._observe import WallMotion
from ..constants import GAMMA
from ._collective_wall import CollectiveWall


class Prediction(NamedTuple):
    """What `predict_wall` returns; every entry can be differentiated by every argument."""

    motion: WallMotion
    """velocity [m/s], precession, angle, width and `locked`, of the shape of (j, B)."""
    wall: CollectiveWall
    """The wall itself, with P, xi and n0 of the gas; it knows its breakdown current and field."""
    kappa: Array
    """v_F tau_ex/lambda of the majority: above 0.2 the local torque is in doubt (`validity`)."""


def predict_wall(
    gas: TwoBand,
    *,
    tau_sf: ArrayLike,
    Ms: ArrayLike,
    alpha: ArrayLike,
    A: ArrayLike,
    K: ArrayLike,
    Kp: ArrayLike,
    j: ArrayLike = 0.0,
    B: ArrayLike = 0.0,
    gamma: ArrayLike = GAMMA,
    charge: int = 1,
) -> Prediction:
    """Long-time motion of a wall from the electrons' microscopic parameters.

        P, n0 of `TwoBand` (13)-(14)  ->  xi = tau_ex/tau_sf  ->  u, eta, gamma~, alpha~ (15)-(16)
                                                              ->  v(j, B) of `CollectiveWall`

    gas: `TwoBand`.  tau_sf: spin-flip time, s.  Ms: A/m.  alpha: bare damping.
    A: J/m.  K, Kp: J/m^3, as in `CollectiveWall`.  j: A/m^2 along the wire.  B: T along the easy
    axis.  gamma: bare, rad/(s T).  charge: +1 or -1.

    Raises ValueError for tau_sf <= 0, a gas that is no `TwoBand`, and as `CollectiveWall` does.
    Source: Cheng & Niu Eqs (12)-(16), their misprints mended.
    """
    if not isinstance(gas, TwoBand):
        raise ValueError(f"`gas` must be a jaxstt.TwoBand, got {type(gas).__name__}")
    tau_sf = leaf("tau_sf", tau_sf, above=0)
    if tau_sf.ndim:
        raise ValueError(f"`tau_sf` must be a number, got shape {tau_sf.shape}")
    xi = gas.tau_ex / tau_sf
    wall = CollectiveWall(
        A=A, K=K, Kp=Kp, Ms=Ms, alpha=alpha, xi=xi, P=gas.P, n0=gas.n0, gamma=gamma, charge=charge
    )
    motion = wall.motion(j, B)
    return Prediction(motion, wall, gas.v_F_up * gas.tau_ex / motion.width)
