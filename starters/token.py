"""`wdrip token new`: the secret that machines join a cluster with."""

import secrets
import string
import sys
from collections.abc import Sequence

import click

from starters.run import run

_ALPHABET = string.ascii_lowercase + string.digits


@click.group(name="token")
def command() -> None:
    """Make the token that machines join a cluster with."""


@command.command(name="new")
def new() -> None:
    """Print a new random token for `kubernetes.kubeadmToken`."""
    print(new_token())


def new_token() -> str:
    """A random bootstrap token, `[a-z0-9]{6}.[a-z0-9]{16}` (Kubernetes' form; 83 secret bits)."""
    digits = [secrets.choice(_ALPHABET) for _ in range(22)]
    return f"{''.join(digits[:6])}.{''.join(digits[6:])}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip token")


if __name__ == "__main__":
    sys.exit(main())
