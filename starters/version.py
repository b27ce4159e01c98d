"""`wdrip version`: the version of this program."""

import sys
from collections.abc import Sequence

import click

from starters.run import run
from wdrip import __version__


@click.command(name="version")
def command() -> None:
    """Print the version."""
    print(__version__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip version")


if __name__ == "__main__":
    sys.exit(main())
