"""The command line: ``counterpoise resample`` and ``counterpoise demo``.

Data goes to a file or to standard output, everything for people to standard error. The exit code
is 0 when all went well, 1 for a failure, 2 for a mistake in what was asked, 130 for Ctrl-C.
"""

from collections.abc import Sequence

from counterpoise.cli._terminal import INTERRUPTED, prepare_libraries, say_error

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    arguments
        What stands behind the program's name; ``sys.argv[1:]`` by default.
    """
    prepare_libraries()
    import typer

    from counterpoise.cli._app import app

    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="counterpoise", standalone_mode=False)
    except typer.TyperException as error:
        message = error.format_message().replace("Value error, ", "")
        if message:  # there is none where help was shown instead
            say_error(message)
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0
