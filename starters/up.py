"""`wdrip up`: the local stack on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from starters.local.stack import DEFAULT_STATE, LocalStack
from starters.run import run
from wdrip.leaving import leave


@click.command(name="up")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=DEFAULT_STATE,
    show_default=True,
    help="Directory that holds the stack's state; each has its own ports and machines.",
)
def command(state: Path) -> None:
    """Start Temporal with its Web UI, the local cloud and a worker; what runs already is left alone.

    The local cloud's access is written into the configuration file as one more provider and context, made
    current only when there was no file.
    """
    local_stack(state).up(print)


def local_stack(state: Path) -> LocalStack:
    """The stack of a state directory, with the configuration file that the environment names."""
    config = Path(os.environ.get("WDRIP_CONFIG") or "~/.wdrip/config").expanduser()
    return LocalStack(state.expanduser().resolve(), config)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip up")


if __name__ == "__main__":
    leave(main())
