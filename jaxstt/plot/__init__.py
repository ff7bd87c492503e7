"""Figures; each function returns a matplotlib Figure.  `import jaxstt` does not load this."""

from ._film import film_figure as film_figure
from ._movie import movie as movie
from ._sweep import PHASES as PHASES
from ._sweep import sweep_figure as sweep_figure
from ._validity import SAMPLES as SAMPLES
from ._validity import validity_figure as validity_figure
from ._validity import validity_map as validity_map
