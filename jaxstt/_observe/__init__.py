"""What is read off a state: walls, their motion and tilt, vortices, topological charge."""

from ._topology import VortexCore as VortexCore
from ._topology import find_core as find_core
from ._topology import guiding_centre as guiding_centre
from ._topology import topological_charge as topological_charge
from ._topology import topological_density as topological_density
from ._topology import vortex_core as vortex_core
from ._wall_motion import WallMotion as WallMotion
from ._wall_motion import mean_motion as mean_motion
from ._wall_motion import wall_motion as wall_motion
from ._wall_motion import wall_velocity as wall_velocity
from ._wall_state import WallState as WallState
from ._wall_state import WallTracker as WallTracker
from ._wall_state import average as average
from ._wall_state import count_walls as count_walls
from ._wall_state import require_one_wall as require_one_wall
from ._wall_state import wall_angle as wall_angle
from ._wall_state import wall_position as wall_position
from ._wall_state import wall_state as wall_state
from ._wall_state import wall_width as wall_width
from ._wall_tilt import wall_tilt as wall_tilt
