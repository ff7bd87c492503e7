"""The electron: Eqs (1)-(16) of the paper, one spin and bands, and how narrow a wall may be."""

from ._electron import AnomalousHall as AnomalousHall
from ._electron import BerryConnection as BerryConnection
from ._electron import LocalSpinODE as LocalSpinODE
from ._electron import MagnusSteps as MagnusSteps
from ._electron import SpinODE as SpinODE
from ._electron import SpinSolution as SpinSolution
from ._electron import TorqueCoefficients as TorqueCoefficients
from ._electron import TwoBand as TwoBand
from ._electron import Validity as Validity
from ._electron import WallCrossing as WallCrossing
from ._electron import berry_connection as berry_connection
from ._electron import berry_matrix as berry_matrix
from ._electron import bloch_vector as bloch_vector
from ._electron import effective_polarised_current as effective_polarised_current
from ._electron import evolve_spin as evolve_spin
from ._electron import exchange_hamiltonian as exchange_hamiltonian
from ._electron import exchange_time as exchange_time
from ._electron import frame_rates as frame_rates
from ._electron import kinked_wall as kinked_wall
from ._electron import linear_response as linear_response
from ._electron import local_frame as local_frame
from ._electron import local_matrix as local_matrix
from ._electron import pointwise_error as pointwise_error
from ._electron import precession_length as precession_length
from ._electron import rosen_zener as rosen_zener
from ._electron import scattered_response as scattered_response
from ._electron import scattering_coefficient as scattering_coefficient
from ._electron import spin_accumulation as spin_accumulation
from ._electron import spin_accumulation_kspace as spin_accumulation_kspace
from ._electron import spin_average as spin_average
from ._electron import spin_basis as spin_basis
from ._electron import spin_deviation as spin_deviation
from ._electron import spin_lagrangian as spin_lagrangian
from ._electron import spin_profile as spin_profile
from ._electron import spin_response as spin_response
from ._electron import spin_response_perturbative as spin_response_perturbative
from ._electron import texture_kappa as texture_kappa
from ._electron import torque_coefficients as torque_coefficients
from ._electron import validity as validity
from ._electron import wall_crossing as wall_crossing
from ._electron import wide_wall as wide_wall

__all__ = [
    "AnomalousHall",
    "BerryConnection",
    "LocalSpinODE",
    "MagnusSteps",
    "SpinODE",
    "SpinSolution",
    "TorqueCoefficients",
    "TwoBand",
    "Validity",
    "WallCrossing",
    "berry_connection",
    "berry_matrix",
    "bloch_vector",
    "effective_polarised_current",
    "evolve_spin",
    "exchange_hamiltonian",
    "exchange_time",
    "frame_rates",
    "kinked_wall",
    "linear_response",
    "local_frame",
    "local_matrix",
    "pointwise_error",
    "precession_length",
    "rosen_zener",
    "scattered_response",
    "scattering_coefficient",
    "spin_accumulation",
    "spin_accumulation_kspace",
    "spin_average",
    "spin_basis",
    "spin_deviation",
    "spin_lagrangian",
    "spin_profile",
    "spin_response",
    "spin_response_perturbative",
    "texture_kappa",
    "torque_coefficients",
    "validity",
    "wall_crossing",
    "wide_wall",
]
