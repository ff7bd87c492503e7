"""What a fit found, as an object, as text, as JSON."""

from ._json import plain as plain
from ._result import Fit as Fit
from ._result import Solved as Solved
from ._result import fitted as fitted
from ._result import load_fit as load_fit
from ._summary import Minimum as Minimum
from ._summary import summary as summary
from ._summary import unread as unread
from ._text import cells as cells
from ._text import words as words
