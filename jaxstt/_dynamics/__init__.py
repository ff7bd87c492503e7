"""The Landau-Lifshitz-Gilbert equation and its solutions: in time, at rest, travelling."""

from ._evolve import Solution as Solution
from ._evolve import check_span as check_span
from ._evolve import check_state as check_state
from ._evolve import evolve as evolve
from ._evolve import expected_steps as expected_steps
from ._fixed_step import UNSTABLE as UNSTABLE
from ._fixed_step import FixedStep as FixedStep
from ._follow import Followed as Followed
from ._follow import follow as follow
from ._llg import LLG as LLG
from ._llg import effective_field as effective_field
from ._llg import energy_terms as energy_terms
from ._llg import rhs as rhs
from ._llg import total_energy as total_energy
from ._llg import warn as warn
from ._relax import Relaxed as Relaxed
from ._relax import relax as relax
from ._steady_wall import SteadyWall as SteadyWall
from ._steady_wall import steady_wall as steady_wall
from ._thermal import Thermal as Thermal
from ._window import Window as Window
from ._window import end_domains as end_domains
from ._window import section as section
