"""The benchmark's command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from benchmarks._cli import bench
from counterpoise.cli._terminal import INTERRUPTED, prepare_libraries, say_error

app = typer.Typer(add_completion=False, no_args_is_help=True)
app.command()(bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    prepare_libraries()
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="python -m benchmarks", standalone_mode=False)
    except typer.TyperException as error:
        if message := error.format_message():
            say_error(message)
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    sys.exit(main())
