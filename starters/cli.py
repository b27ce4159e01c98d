"""The `wdrip` command: help at once, a verb's code only when that verb is used."""

import importlib
from collections.abc import Sequence
from typing import NoReturn

import click
from click.shell_completion import CompletionItem

from starters.run import run
from starters.verbs import VERBS
from wdrip.leaving import leave

BANNER = r"""
            _         _
           | |       (_)
 _ _ _   __| |  ____  _  ____
| | | | / _  | / ___)| ||  _ \
| | | |( (_| || |    | || |_| |
 \___/  \____||_|    |_||  __/
                        |_|
"""


class LazyVerbs(click.Group):
    """A group whose verbs are modules of this package, imported when called and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all verbs, in alphabetical order."""
        del ctx
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The verb's command from its module; None when there is no such verb."""
        del ctx
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(f"starters.{cmd_name}").command
        if not isinstance(command, click.Command):
            raise TypeError(f"starters.{cmd_name}.command is no click command")
        return command

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The name in large letters above the usage line."""
        formatter.write("wdrip creates and manages infrastructure agnostic Kubernetes clusters")
        formatter.write(BANNER + "\n")
        super().format_usage(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs from `VERBS`: asking each command would import them all."""
        del ctx
        with formatter.section("Available Commands"):
            formatter.write_dl([(name, VERBS[name]) for name in sorted(VERBS)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completion of a verb's name, again without importing any."""
        options = super(click.Group, self).shell_complete(ctx, incomplete)
        verbs = [
            CompletionItem(name, help=VERBS[name]) for name in sorted(VERBS) if name.startswith(incomplete)
        ]
        return verbs + options


@click.group(
    cls=LazyVerbs,
    context_settings={"max_content_width": 110},
    epilog='Use "wdrip [command] --help" for more information about a command.',
)
def command() -> None:
    """Creates clusters, watches over them, heals and recovers them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with `argv` (default: the process's own) and give its exit code."""
    return run(command, argv, name="wdrip")


def program() -> NoReturn:
    """The `wdrip` program: `main`, then out."""
    leave(main())


if __name__ == "__main__":
    program()
