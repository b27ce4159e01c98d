"""Runs a click command so that every failure becomes one clear line and an exit code.

Exit codes: 0 done, 1 failed, 2 something a person wrote cannot be accepted, 130 stopped by Ctrl-C.
"""

import os
import sys
from collections.abc import Sequence

import click

from wdrip.errors import InvalidInput, UnreachableError, WdripError

DONE = 0
FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130
"""What shells report for a program ended by SIGINT (128 + 2)."""


def debugging() -> bool:
    """Whether a person asked for tracebacks (environment variable WDRIP_DEBUG)."""
    return os.environ.get("WDRIP_DEBUG", "") not in ("", "0")


def run(command: click.Command, argv: Sequence[str] | None, name: str) -> int:
    """Run `command` with `argv` (None: the process's own arguments) and give the exit code.

    `name` is the program's name in usage lines. Nothing is raised, unless WDRIP_DEBUG is set.
    """
    arguments = None if argv is None else list(argv)
    try:
        answer = _call(command, arguments, name)
    except click.ClickException as error:
        _say(f"{error.format_message().rstrip('.')}; see `{_place(error, name)} -h`")
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        _say("stopped")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has gone; so that Python does not complain again when it flushes at exit:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        if debugging():
            raise
        return _report(error)
    return answer if isinstance(answer, int) else DONE


def _call(command: click.Command, arguments: list[str] | None, name: str) -> object:
    try:
        return command.main(
            args=arguments, prog_name=name, standalone_mode=False, help_option_names=["-h", "--help"]
        )
    except click.exceptions.NoArgsIsHelpError as error:
        # `wdrip` or `wdrip token` alone is a question, not a mistake; the message is the help.
        print(error.format_message())
        return DONE


def _place(error: click.ClickException, name: str) -> str:
    """The verb whose help says what was wrong, e.g. `wdrip get`."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    return name if context is None else context.command_path


def _report(error: Exception) -> int:
    if isinstance(error, UnreachableError):
        error = error.refusal()
    if isinstance(error, WdripError):
        _say(str(error))
        return BAD_INPUT if isinstance(error, InvalidInput) else FAILED
    _say(f"unexpected {type(error).__name__}: {error} (set WDRIP_DEBUG=1 to see where)")
    return FAILED


def _say(message: str) -> None:
    print(f"wdrip: {' '.join(message.split())}", file=sys.stderr)
