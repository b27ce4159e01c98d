"""`wdrip recover`: bring a cluster back from a backup."""

import asyncio
import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from starters.run import DONE, run
from wdrip.errors import InvalidInput
from wdrip.leaving import leave

if TYPE_CHECKING:
    from wdrip.models.recovery import RecoverRequest


@click.command(name="recover")
@click.option("-n", "--name", required=True, help="The cluster whose infrastructure is used.")
@click.option("-f", "--from", "source", help="Another cluster, whose backup is brought to life on it.")
@click.option("--backup", "date", help="Date of the backup; by default the newest good one, or newer: what "
              "etcd still holds.")  # fmt: skip
@click.option("--yes", is_flag=True, help="Do not ask; if a backup does not restore, take the next good one.")
@click.option("--wait/--no-wait", default=True, help="Follow it to its end; the exit code is its outcome.")
def command(name: str, source: str | None, date: str | None, yes: bool, wait: bool) -> int:
    """Bring a cluster back from a backup: in place, or another cluster's with -f.

    Shows first what would be lost, and asks. Nothing old is destroyed before the new master is proven.
    """
    from starters.offers import require_terminal

    if source == name:
        raise InvalidInput("--from", f"is {name} itself", f"leave it out to recover {name} in place")
    request = _request(source or "", date, yes)
    require_terminal(yes)
    return asyncio.run(_recover(name, request, wait))


async def _recover(name: str, request: "RecoverRequest", wait: bool) -> int:
    from starters.cluster_workflow import request_approve, request_recover, request_withdraw
    from starters.follow import follow
    from starters.log import log
    from starters.offers import consents, describe
    from starters.session import load_config, open_bucket, require_record
    from starters.stack_resources import StackResources
    from starters.temporal import connect, require_worker
    from wdrip.models.recovery import ApproveRequest

    config = load_config()
    provider = config.provider()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    record = await asyncio.to_thread(lambda: require_record(open_bucket(provider), name))
    offered = await request_recover(client, request, record)
    for note in offered.notes:
        log(f"note: {note}")
    offer = offered.offer
    if offer is None:
        raise InvalidInput("--name", f"nothing of {name} can be recovered", "see `wdrip get -r backup`")
    print(describe(offer.plan))
    if not request.consented:
        if not consents(offer):
            await request_withdraw(client, name)
            log("nothing was changed")
            return DONE
        approval = ApproveRequest(restores=offer.plan.backup.date, approved_by=request.requested_by)
        for note in (await request_approve(client, name, approval)).notes:
            log(f"note: {note}")
    log(f"watch the recovery with command:  [ wdrip watch --name {name} ]")
    return await follow(client, name, StackResources(provider)) if wait else DONE


def _request(source: str, date: str | None, yes: bool) -> "RecoverRequest":
    from pydantic import ValidationError

    from wdrip.models.recovery import RecoverRequest

    try:
        return RecoverRequest(source=source, date=date, consented=yes, requested_by=getpass.getuser())
    except ValidationError:
        raise InvalidInput(
            "--backup", f"`{date}` is not a date", "write it as `wdrip get -r backup` does: 20211002-1024"
        ) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip recover")


if __name__ == "__main__":
    leave(main())
