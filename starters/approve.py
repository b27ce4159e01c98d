"""`wdrip approve`: consent to the recovery that wdrip offers, e.g. after a lost quorum."""

import asyncio
import getpass
from collections.abc import Sequence

import click

from starters.run import DONE, run
from wdrip.errors import InvalidInput
from wdrip.leaving import leave


@click.command(name="approve")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait/--no-wait", default=True, help="Follow it to its end; the exit code is its outcome.")
def command(name: str, yes: bool, wait: bool) -> int:
    """Show the recovery that waits for consent, ask, and let it begin."""
    from starters.offers import require_terminal

    require_terminal(yes)
    return asyncio.run(_approve(name, yes, wait))


async def _approve(name: str, yes: bool, wait: bool) -> int:
    from starters.cluster_workflow import query_offer, request_approve
    from starters.follow import follow
    from starters.log import log
    from starters.offers import consents, describe
    from starters.session import load_config
    from starters.stack_resources import StackResources
    from starters.temporal import connect, require_worker, rpc_errors_in_words
    from wdrip.models.recovery import ApproveRequest

    config = load_config()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    with rpc_errors_in_words(name):
        offer = (await query_offer(client, name)).offer
    if offer is None or offer.approved_by:
        raise InvalidInput(
            "--name", f"nothing of {name} waits for approval", f"see `wdrip watch --name {name}`"
        )
    print(describe(offer.plan))
    if not yes and not consents(offer):
        log("nothing was changed; the offer stays")
        return DONE
    approval = ApproveRequest(restores=offer.plan.backup.date, approved_by=getpass.getuser())
    for note in (await request_approve(client, name, approval)).notes:
        log(f"note: {note}")
    log(f"watch the recovery with command:  [ wdrip watch --name {name} ]")
    return await follow(client, name, StackResources(config.provider())) if wait else DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip approve")


if __name__ == "__main__":
    leave(main())
