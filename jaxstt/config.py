"""TOML files of `jaxstt simulate` as functions of numbers that are left open."""

from ._app import FittedConfig as FittedConfig
from ._app import Range as Range
from ._app import open_config as open_config

__all__ = ["FittedConfig", "Range", "open_config"]
