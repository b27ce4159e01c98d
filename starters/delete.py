"""`wdrip delete`: remove a cluster and everything it was made of."""

import asyncio
import getpass
import sys
from collections.abc import Sequence

import click

from starters.run import DONE, run
from wdrip.errors import InvalidInput
from wdrip.leaving import leave


@click.command(name="delete")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
@click.option("--force", is_flag=True, help="Also while it is being created: the create is cancelled first.")
@click.option("--delete-backups/--keep-backups", help="Delete its backups, too; by default they stay.")
@click.option("--wait", is_flag=True, help="Follow the delete to its end; the exit code is its outcome.")
@click.option("--yes", is_flag=True, help="Do not ask for the cluster's name as a confirmation.")
def command(name: str, force: bool, delete_backups: bool, wait: bool, yes: bool) -> int:
    """Delete a cluster: machines, network, addresses, roles, secrets."""
    if not yes:
        _confirm(name)
    return asyncio.run(_delete(name, force, delete_backups, wait))


def _confirm(name: str) -> None:
    if not sys.stdin.isatty():
        raise InvalidInput("--yes", "there is no terminal to ask for a confirmation", "add --yes")
    answer = click.prompt(f"This deletes cluster {name} for good. Type its name to go on", err=True)
    if answer != name:
        raise InvalidInput("confirmation", f"`{answer}` is not `{name}`", "nothing was deleted; try again")


async def _delete(name: str, force: bool, delete_backups: bool, wait: bool) -> int:
    from starters.cluster_workflow import request_delete
    from starters.follow import follow
    from starters.log import log
    from starters.session import find_record, load_config, open_bucket
    from starters.stack_resources import StackResources
    from starters.temporal import connect, require_worker
    from wdrip.models.cluster import DeleteRequest

    config = load_config()
    provider = config.provider()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    record = await asyncio.to_thread(lambda: find_record(open_bucket(provider), name))
    request = DeleteRequest(force=force, delete_backups=delete_backups, requested_by=getpass.getuser())
    accepted = await request_delete(client, name, request, record)
    for note in accepted.notes:
        log(f"note: {note}")
    log(f"watch cluster delete progress with command:  [ wdrip watch --name {name} ]")
    return await follow(client, name, StackResources(provider)) if wait else DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip delete")


if __name__ == "__main__":
    leave(main())
