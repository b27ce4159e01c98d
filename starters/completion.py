"""`wdrip completion SHELL`: the script that a shell completes the command with."""

import sys
from collections.abc import Sequence

import click
from click.shell_completion import get_completion_class

from starters.run import run


@click.command(name="completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print the completion script of SHELL, e.g. `source <(wdrip completion bash)`."""
    from starters.cli import command as wdrip  # the group itself loads this module

    completion = get_completion_class(shell)
    if completion is None:
        raise click.UsageError(f"click cannot complete {shell}")
    print(completion(wdrip, {}, "wdrip", "_WDRIP_COMPLETE").source())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip completion")


if __name__ == "__main__":
    sys.exit(main())
