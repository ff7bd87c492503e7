"""For programs on top of jaxstt: messages, files, versions, command lines and maps as ours."""

from ._core import check_folder as check_folder
from ._core import nearest as nearest
from ._core import run_command as run_command
from ._core import versions as versions
from ._core import write_whole as write_whole
from ._sweep import map_apart as map_apart
