"""`wdrip backup`: take a backup of a cluster now. `wdrip backup verify`: see whether one restores."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from starters.run import DONE, run
from wdrip.leaving import leave

if TYPE_CHECKING:
    from temporalio.client import Client


@click.group(name="backup", invoke_without_command=True)
@click.option("-n", "--name", help="The cluster's name (`clusterid`).")
@click.pass_context
def command(context: click.Context, name: str | None) -> int:
    """Take a backup of a cluster's etcd and wait until it has been checked; joins one that is under way."""
    if context.invoked_subcommand is not None:
        if name is not None:
            raise click.UsageError(f"write `-n {name}` behind `{context.invoked_subcommand}`")
        return DONE
    if name is None:
        raise click.UsageError("Missing option '-n' / '--name'")
    return asyncio.run(_back_up(name))


@command.command(name="verify")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
@click.option("--backup", "date", default="", help="DATE of the backup; by default the newest.")
def verify(name: str, date: str) -> int:
    """Restore a backup into an etcd of its own on a master, read it back and keep the verdict beside it.

    The exit code is 1 when the backup is bad.
    """
    return asyncio.run(_verify(name, date))


async def _back_up(name: str) -> int:
    from starters.backup_workflow import request_backup
    from starters.backups import backup_table
    from starters.log import log
    from wdrip.models.backup_request import BackupRequest

    client, provider = await _reached(name)
    log(f"take a backup of cluster [{name}]")
    request = BackupRequest(cluster=name, provider=provider, reason="by hand")
    print(backup_table([await request_backup(client, request)]))
    return DONE


async def _verify(name: str, date: str) -> int:
    from starters.backup_workflow import request_verify
    from starters.backups import backup_table, verdict_line
    from starters.log import log
    from wdrip.errors import PermanentError
    from wdrip.models.backup_request import VerifyRequest

    client, provider = await _reached(name)
    log(f"restore {f'backup [{date}]' if date else 'the newest backup'} of cluster [{name}] as a drill")
    request = VerifyRequest(cluster=name, provider=provider, reason="by hand", date=date)
    verified = await request_verify(client, request)
    if verified.mended:
        log(f"warning: {verified.mended}; it was written anew from the backups' own entries")
    entry = verified.entry
    print(backup_table([entry]))
    if not entry.good:
        raise PermanentError(f"backup {entry.date} of {name} is bad: {entry.complaint}")
    log(verdict_line(entry))
    return DONE


async def _reached(name: str) -> "tuple[Client, str]":
    """A client of a Temporal server that has a worker, and the key of the cluster's provider."""
    from starters.session import load_config, open_bucket, require_record
    from starters.temporal import connect, require_worker

    config = load_config()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    record = await asyncio.to_thread(lambda: require_record(open_bucket(config.provider()), name))
    return client, record.provider


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip backup")


if __name__ == "__main__":
    leave(main())
