"""`wdrip backup`: take a backup of a cluster now."""

import asyncio
from collections.abc import Sequence

import click

from starters.run import DONE, run
from wdrip.leaving import leave


@click.command(name="backup")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
def command(name: str) -> int:
    """Take a backup of a cluster's etcd and wait until it has been checked; joins one that is under way."""
    return asyncio.run(_back_up(name))


async def _back_up(name: str) -> int:
    from starters.backup_workflow import request_backup
    from starters.backups import backup_table
    from starters.log import log
    from starters.session import load_config, open_bucket, require_record
    from starters.temporal import connect, require_worker
    from wdrip.models.backup_request import BackupRequest

    config = load_config()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    record = await asyncio.to_thread(lambda: require_record(open_bucket(config.provider()), name))
    log(f"take a backup of cluster [{name}]")
    request = BackupRequest(cluster=name, provider=record.provider, reason="by hand")
    print(backup_table([await request_backup(client, request)]))
    return DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip backup")


if __name__ == "__main__":
    leave(main())
