"""What a device must be like to do what is asked of it, by gradients through the simulation."""

from ._check_gradient import check_gradient as check_gradient
from ._design import Design as Design
from ._design import Step as Step
from ._design import design as design
from ._design_config import DesignConfig as DesignConfig
from ._design_config import design_config as design_config
from ._design_config import open_design as open_design
from ._export import write_design as write_design
from ._figure import design_figure as design_figure
from ._pieces import arrival_time as arrival_time
from ._pieces import cvar as cvar
from ._pieces import overshoot as overshoot
from ._pieces import roughness as roughness
from ._pieces import squared as squared
from ._pieces import worst as worst
from ._shapes import fourier as fourier
from ._shapes import projected as projected
from ._shapes import smallest_feature as smallest_feature
from ._shapes import smoothed as smoothed
from ._shapes import spline as spline
from ._wanted import AtLeast as AtLeast
from ._wanted import AtMost as AtMost
from ._wanted import Equal as Equal
from ._wanted import Reading as Reading
from ._wanted import Variable as Variable
