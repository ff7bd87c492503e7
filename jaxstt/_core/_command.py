"""What the command lines share: one line for what is refused, and exit codes."""

import sys
from typing import Any

from ._packages import MissingPackage


def run_command(app: Any, arguments: list[str], program: str) -> int:
    """Run a typer app; its exit code: 2 for what is refused or not installed, 130 for Ctrl-C."""
    import typer

    # The base of every usage error, whether typer brings click along or depends on it.
    usage_error: type[Exception] = typer.BadParameter.mro()[2]  # type: ignore
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter of a path shows a question mark.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # type: ignore
    try:
        return app(args=arguments, standalone_mode=False, prog_name=program) or 0
    except (ValueError, MissingPackage) as error:
        told = str(error)
    except usage_error as error:
        told = error.format_message()  # type: ignore
    except OSError as error:
        told = f"{error.filename or 'output'}: {error.strerror or error}"
    except (KeyboardInterrupt, typer.Abort):
        return 130
    print(f"{program}: error: {' '.join(told.split())}", file=sys.stderr)
    return 2
