"""The command line: configs, runs and their tables."""

from ._cli import main as main
