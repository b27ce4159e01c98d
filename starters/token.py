"""`wdrip token new`: the secret that machines join a cluster with."""

import sys
from collections.abc import Sequence

import click

from starters.run import run
from wdrip.security.tokens import new_token


@click.group(name="token")
def command() -> None:
    """Make the token that machines join a cluster with."""


@command.command(name="new")
def new() -> None:
    """Print a new random token for `kubernetes.kubeadmToken`."""
    print(new_token())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip token")


if __name__ == "__main__":
    sys.exit(main())
