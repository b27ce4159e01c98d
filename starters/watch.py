"""`wdrip watch`: follow a cluster's create or delete."""

import asyncio
from collections.abc import Sequence

import click

from starters.run import run
from wdrip.leaving import leave


@click.command(name="watch")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
def command(name: str) -> int:
    """Follow a cluster's create or delete to its end; exit code 0 when it succeeds, 1 with the reason if not.

    On a terminal a live table, elsewhere a line for each change. Ctrl-C ends the watching, nothing else.
    """
    return asyncio.run(_watch(name))


async def _watch(name: str) -> int:
    from starters.follow import follow
    from starters.session import load_config
    from starters.stack_resources import StackResources
    from starters.temporal import connect, require_worker

    config = load_config()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    return await follow(client, name, StackResources(config.provider()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip watch")


if __name__ == "__main__":
    leave(main())
