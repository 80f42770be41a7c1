"""What a command exits with, and how an error is shown."""

import errno
import os
import sys
import traceback
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import MnemicError, NotFound
from . import output

OK = 0
FAILED = 1
USAGE = 2
NOT_FOUND = 3
INTERRUPTED = 130
PIPE_CLOSED = 141

EPILOG = (
    "Exit codes: 0 done (also when no memory was found), 1 an error or a failed check, 2 wrong usage, 3 no such item or scope, "
    "130 interrupted, 141 the reader of the output went away."
)


class Group(TyperGroup):
    """Command group that shows an error of Mnemic as one message on standard error, never as a stack trace."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; turn what Mnemic raises on purpose into a message and an exit code."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except MnemicError as error:
            _show(error, debug=bool(ctx.params.get("debug")))
            raise typer.Exit(NOT_FOUND if isinstance(error, NotFound) else FAILED) from error
        except KeyboardInterrupt:
            output.note("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                _drop_stdout()
                raise typer.Exit(PIPE_CLOSED) from None
            _show(error, debug=bool(ctx.params.get("debug")))
            raise typer.Exit(FAILED) from error


def _show(error: Exception, *, debug: bool) -> None:
    if debug:
        sys.stderr.write("".join(traceback.format_exception(error)))
    output.error(str(error))


def _drop_stdout() -> None:
    """Point standard output at nothing, so that the flush at exit doesn't fail a second time."""
    with suppress(OSError, ValueError), open(os.devnull, "w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
