"""What a reader looks at: figures, and the page that holds them."""

from ._beyond import corner_figure as corner_figure
from ._beyond import profile_figure as profile_figure
from ._fit import figure as figure
from ._fit import panels as panels
from ._fit import series_figure as series_figure
from ._page import page as page
