"""The command line: configs, runs and their tables."""

from ._fitted_config import FittedConfig as FittedConfig
from ._fitted_config import Range as Range
from ._fitted_config import open_config as open_config
from ._open_run import OpenFile as OpenFile
from ._open_run import OpenRun as OpenRun


def main() -> None:
    """Entry point of the command; what only it needs is loaded here."""
    from ._cli import main as run

    run()
