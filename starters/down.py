"""`wdrip down`: the end of the local stack, with everything in it."""

from collections.abc import Sequence
from pathlib import Path

import click

from starters.local.stack import DEFAULT_STATE
from starters.run import run
from starters.up import local_stack
from wdrip.leaving import leave


@click.command(name="down")
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    default=DEFAULT_STATE,
    show_default=True,
    help="Directory that holds the stack's state.",
)
def command(state: Path) -> None:
    """Stop the local stack and remove it: its clusters, machines, networks, state and configuration entry."""
    local_stack(state).down(print)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip down")


if __name__ == "__main__":
    leave(main())
