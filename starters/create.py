"""`wdrip create`: ask for a cluster; the worker builds it."""

import asyncio
import getpass
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from starters.run import DONE, run
from wdrip.errors import WdripError
from wdrip.leaving import leave

if TYPE_CHECKING:
    from wdrip.models.cluster_config import ClusterConfig
    from wdrip.models.provider_config import Provider, WdripConfig


@click.command(name="create")
@click.option("--config", "config_file", type=click.Path(path_type=Path), required=True,
              help="The cluster's configuration, a YAML file.")  # fmt: skip
@click.option("--wait", is_flag=True, help="Follow the create to its end; the exit code is its outcome.")
@click.option(
    "--keep-on-failure", is_flag=True, help="Leave what a failed create made; it goes on costing money."
)
def command(config_file: Path, wait: bool, keep_on_failure: bool) -> int:
    """Create a Kubernetes cluster with one master; returns when the request is accepted."""
    from starters.log import log
    from starters.session import load_config
    from wdrip.models.cluster_config import ClusterConfig

    config = load_config()
    provider = config.provider()
    cluster = ClusterConfig.from_yaml(_text(config_file))
    log(f"use command line config as bootconfig: [{config_file}] with provider[{provider.key}]")
    return asyncio.run(_create(config, provider, cluster, keep_on_failure, wait))


async def _create(
    config: "WdripConfig", provider: "Provider", cluster: "ClusterConfig", keep_on_failure: bool, wait: bool
) -> int:
    from starters.cluster_workflow import request_create
    from starters.follow import follow
    from starters.log import log
    from starters.stack_resources import StackResources
    from starters.temporal import connect, require_worker
    from wdrip.models.cluster import CreateRequest

    client = await connect(config.temporal.address, config.temporal.namespace)
    await require_worker(client)
    token = _SealedToken(provider, cluster)
    request = CreateRequest(
        config=cluster.without_token(),
        provider=provider.key,
        token_reference=token.reference,
        keep_on_failure=keep_on_failure,
        requested_by=getpass.getuser(),
    )
    try:
        await asyncio.to_thread(token.leave)
        accepted = await request_create(client, request)
    except BaseException:
        # Why the request was not accepted is what to tell, not that the bucket is now away, too.
        with suppress(WdripError):
            await asyncio.to_thread(token.take_back)
        raise
    for note in accepted.notes:
        log(f"note: {note}")
    log(f"watch cluster create progress with command:  [ wdrip watch --name {cluster.clusterid} ]")
    if not wait:
        return DONE
    return await follow(client, cluster.clusterid, StackResources(provider))


class _SealedToken:
    """The kubeadm token on its way to the worker: sealed in the bucket, never in the request itself."""

    def __init__(self, provider: "Provider", cluster: "ClusterConfig") -> None:
        from wdrip import names

        self._provider = provider
        self._token = cluster.token()
        self.reference = f"{names.TRANSIT_PREFIX}{uuid.uuid4().hex}.sealed" if self._token else None

    def leave(self) -> None:
        """Put the sealed token into the bucket, which is made when it is missing."""
        from starters.session import open_bucket
        from wdrip.security.sealing import load_key, seal

        bucket = open_bucket(self._provider)
        bucket.ensure()
        if self.reference and self._token:
            sealed = seal(self._token.encode(), load_key(self._provider), self.reference)
            bucket.put(self.reference, sealed)

    def take_back(self) -> None:
        """Remove the sealed token again: the request that would have used it was not accepted."""
        from starters.session import open_bucket

        if self.reference:
            open_bucket(self._provider).delete(self.reference)


def _text(path: Path) -> str:
    from wdrip.errors import InvalidInput

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise InvalidInput("--config", f"{path} cannot be read: {reason}", "name a YAML file") from error


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb with `argv` and give its exit code."""
    return run(command, argv, name="wdrip create")


if __name__ == "__main__":
    leave(main())
