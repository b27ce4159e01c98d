"""`wdrip scale`: set how many masters a cluster shall have."""

import asyncio
import getpass
from collections.abc import Sequence

import click

from starters.run import DONE, run
from wdrip.errors import InvalidInput
from wdrip.leaving import leave


@click.command(name="scale")
@click.option("-n", "--name", required=True, help="The cluster's name (`clusterid`).")
@click.option(
    "--target-count", "target", type=int, required=True, help="How many masters it shall have; 1, 3 or 5."
)
def command(name: str, target: int) -> int:
    """Set how many masters a cluster shall have; as `kubectl scale masterset masterset --replicas N`.

    Returns when the request is accepted. Masters come and go one at a time.
    """
    from wdrip.planning.masters import judge_target

    verdict = judge_target(target)
    if not verdict.accepted:
        raise InvalidInput("--target-count", verdict.message, "ask for 1 or more")
    return asyncio.run(_scale(name, target))


async def _scale(name: str, target: int) -> int:
    from starters.cluster_workflow import request_scale
    from starters.log import log
    from starters.session import load_config, open_bucket, require_record
    from starters.temporal import connect, require_worker
    from wdrip.models.cluster import Phase, ScaleRequest

    config = load_config()
    provider = config.provider()
    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    record = await asyncio.to_thread(lambda: require_record(open_bucket(provider), name))
    if record.phase is not Phase.RUNNING:
        raise InvalidInput(
            "--name", f"cluster `{name}` is {record.phase}", f"wait until it is {Phase.RUNNING}"
        )
    request = ScaleRequest(target=target, requested_by=getpass.getuser())
    accepted = await request_scale(client, request, record)
    for note in accepted.notes:
        log(f"note: {note}")
    log(f"see what is done for it with command:  [ wdrip get -r operations --name {name} ]")
    return DONE


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip scale")


if __name__ == "__main__":
    leave(main())
