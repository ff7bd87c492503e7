"""TOML files of `jaxstt simulate` as functions of numbers that are left open."""

from ._app import FittedConfig as FittedConfig
from ._app import OpenFile as OpenFile
from ._app import OpenRun as OpenRun
from ._app import Range as Range
from ._app import open_config as open_config

__all__ = ["FittedConfig", "OpenFile", "OpenRun", "Range", "open_config"]
