"""Measurements and the sample they were made on."""

from ._measurements import Measurements as Measurements
from ._measurements import load_measurements as load_measurements
from ._observables import OBSERVABLES as OBSERVABLES
from ._sample import Sample as Sample
from ._sample import WallConstants as WallConstants
from ._series import Series as Series
from ._series import load_series as load_series
from ._template import template as template
