"""jaxstt: differentiable spin-transfer-torque physics in JAX."""

from . import constants as constants
from . import converters as converters
from . import electron as electron
from . import space as space
from ._core import CheckpointWarning as CheckpointWarning
from ._core import is_parameter as is_parameter
from ._dynamics import LLG as LLG
from ._dynamics import FixedStep as FixedStep
from ._dynamics import Followed as Followed
from ._dynamics import Relaxed as Relaxed
from ._dynamics import Solution as Solution
from ._dynamics import SteadyWall as SteadyWall
from ._dynamics import Thermal as Thermal
from ._dynamics import Window as Window
from ._dynamics import effective_field as effective_field
from ._dynamics import end_domains as end_domains
from ._dynamics import energy_terms as energy_terms
from ._dynamics import evolve as evolve
from ._dynamics import follow as follow
from ._dynamics import relax as relax
from ._dynamics import rhs as rhs
from ._dynamics import section as section
from ._dynamics import steady_wall as steady_wall
from ._dynamics import total_energy as total_energy
from ._electron import SpinODE as SpinODE
from ._electron import TwoBand as TwoBand
from ._electron import evolve_spin as evolve_spin
from ._electron import spin_response as spin_response
from ._electron import torque_coefficients as torque_coefficients
from ._electron import wall_crossing as wall_crossing
from ._energy import AbstractEnergy as AbstractEnergy
from ._energy import BulkDMI as BulkDMI
from ._energy import CubicAnisotropy as CubicAnisotropy
from ._energy import Demag as Demag
from ._energy import Exchange as Exchange
from ._energy import InterfacialDMI as InterfacialDMI
from ._energy import InterlayerExchange as InterlayerExchange
from ._energy import Oersted as Oersted
from ._energy import ShapeAnisotropy as ShapeAnisotropy
from ._energy import UniaxialAnisotropy as UniaxialAnisotropy
from ._energy import Zeeman as Zeeman
from ._integrate import RESULTS as RESULTS
from ._mesh import AbstractDrive as AbstractDrive
from ._mesh import Grid as Grid
from ._mesh import Piecewise as Piecewise
from ._mesh import Pulse as Pulse
from ._mesh import Sinusoid as Sinusoid
from ._mesh import bloch_wall as bloch_wall
from ._mesh import by_grain as by_grain
from ._mesh import current_flow as current_flow
from ._mesh import grains as grains
from ._mesh import head_to_head_wall as head_to_head_wall
from ._mesh import neel_wall as neel_wall
from ._mesh import random_state as random_state
from ._mesh import rough_edges as rough_edges
from ._mesh import skyrmion as skyrmion
from ._mesh import uniform as uniform
from ._mesh import vortex as vortex
from ._models import CollectiveWall as CollectiveWall
from ._models import Landscape as Landscape
from ._models import Prediction as Prediction
from ._models import predict_wall as predict_wall
from ._observe import VortexCore as VortexCore
from ._observe import WallMotion as WallMotion
from ._observe import WallState as WallState
from ._observe import WallTracker as WallTracker
from ._observe import average as average
from ._observe import guiding_centre as guiding_centre
from ._observe import mean_motion as mean_motion
from ._observe import topological_charge as topological_charge
from ._observe import topological_density as topological_density
from ._observe import vortex_core as vortex_core
from ._observe import wall_angle as wall_angle
from ._observe import wall_motion as wall_motion
from ._observe import wall_position as wall_position
from ._observe import wall_state as wall_state
from ._observe import wall_tilt as wall_tilt
from ._observe import wall_velocity as wall_velocity
from ._observe import wall_width as wall_width
from ._sweep import SweepWarning as SweepWarning
from ._sweep import parallel_map as parallel_map
from ._sweep import sweep as sweep
from ._sweep import sweep_map as sweep_map
from ._torque import AbstractTorque as AbstractTorque
from ._torque import NonlocalSTT as NonlocalSTT
from ._torque import Slonczewski as Slonczewski
from ._torque import SpinMotiveDamping as SpinMotiveDamping
from ._torque import SpinOrbit as SpinOrbit
from ._torque import ValidityWarning as ValidityWarning
from ._torque import ZhangLi as ZhangLi
from ._torque import emf as emf
from ._torque import spin_motive_field as spin_motive_field

__version__ = "0.1.0"

_MOVED = {
    **{name: f"electron.{name}" for name in electron.__all__},
    **{name: f"converters.{name}" for name in converters.__all__},
    "random": "random_state",
}


def __getattr__(name: str) -> object:
    """Names that were here before 0.1 and go with 0.2."""
    if name not in _MOVED:
        raise AttributeError(f"module 'jaxstt' has no attribute {name!r}")
    import operator
    import sys
    import warnings

    home = _MOVED[name]
    warnings.warn(f"jaxstt.{name} is now jaxstt.{home}", DeprecationWarning, stacklevel=2)
    return operator.attrgetter(home)(sys.modules[__name__])
