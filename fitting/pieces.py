"""Of what a design is made: its objectives and constraints, its pulses and its shapes."""

from ._design import arrival_time as arrival_time
from ._design import cvar as cvar
from ._design import fourier as fourier
from ._design import overshoot as overshoot
from ._design import projected as projected
from ._design import roughness as roughness
from ._design import smallest_feature as smallest_feature
from ._design import smoothed as smoothed
from ._design import spline as spline
from ._design import squared as squared
from ._design import worst as worst
