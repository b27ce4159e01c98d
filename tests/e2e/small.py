"""The whole product upon a local cloud without machines: real Temporal server, worker, SDKs, HTTP and state.

Only what the cloud's machines and networks are made of is in memory, so a create goes its real way up to the
first operation on its machine, whose outcome the test decides.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import yaml
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.clients import ConfiguredClients
from localcloud.core.context import Context
from localcloud.core.rpc_service import RpcService
from localcloud.ecs.service import EcsService
from localcloud.machines.runtime import Command, Outcome
from localcloud.network.backend import Network
from localcloud.ram.backend import Ram
from localcloud.ros.service import RosService
from starters.cluster_workflow import query_progress
from starters.local.access import write_access
from tests.localcloud.ecs.cloud import small_config
from tests.localcloud.ecs.runtime import InMemoryRuntime
from tests.localcloud.ros.fabric import InMemoryFabric
from tests.localcloud.running import STRANGER, RunningCloud, running_cloud, wait_until
from tests.starters.conftest import Backend
from tests.world.guide import guide_yaml
from tests.world.stocked import PACKAGE
from wdrip import names
from wdrip.clients.ecs import EcsClient
from wdrip.clients.oss import Bucket
from wdrip.clients.ros import RosClient
from wdrip.models.package import PackageIndex
from wdrip.models.provider_config import Provider, WdripConfig
from wdrip.security import pki
from worker import CONCURRENT_ACTIVITIES, build_worker

TOKEN = "abcdef.0123456789abcdef"


class ScriptedRuntime(InMemoryRuntime):
    """Machines on which every operation succeeds at once, but those in `failing` (name to exit code, log).

    What is in `endless` never ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failing: dict[str, tuple[int, str]] = {}
        self.endless: set[str] = set()
        self._certificate = pki.new_authority("machine").certificate

    async def start_command(self, machine_id: str, command: Command) -> None:
        """Begin the command, and mostly end it."""
        new = command.id not in self.commands
        await super().start_command(machine_id, command)
        name = _operation(command)
        if not new or name in self.endless:
            return
        code, log = self.failing.get(name, (0, self._certificate))
        self.end(command.id, Outcome.EXITED, code, log.encode())


def _operation(command: Command) -> str:
    found = re.search(rb"^WDRIP_NAME='?([a-z0-9-]+)", command.content, re.MULTILINE)
    assert found, command.content[:200]
    return found[1].decode()


class ProductBackend(Backend):
    """Temporal, and workers as `python -m worker` builds them."""

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def leave_dead_worker(self, task_queue: str) -> None:
        """Ask for work as a worker does and vanish: the server lists who did for minutes."""
        assert self._client is not None
        self._await(_poll_once(self._client, task_queue))

    @contextmanager
    def product(self, environment: dict[str, str]) -> Iterator[None]:
        """A worker whose configuration is the one that `environment` names at each activity."""
        with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
            worker = self._await(self._build(environment, executor))
            try:
                yield
            finally:
                self._await(worker.__aexit__(None, None, None))

    async def _build(self, environment: dict[str, str], executor: ThreadPoolExecutor) -> Worker:
        assert self._client is not None
        clients = ConfiguredClients(environment)
        worker = build_worker(self._client, clients, executor, grace=timedelta(seconds=1))
        return await worker.__aenter__()


async def _poll_once(client: Client, task_queue: str) -> None:
    request = PollWorkflowTaskQueueRequest(
        namespace=client.namespace, task_queue=TaskQueue(name=task_queue), identity="gone@host"
    )
    with suppress(RPCError):
        await client.workflow_service.poll_workflow_task_queue(request, timeout=timedelta(seconds=3))


@dataclass
class Small:
    """One running cloud, server and worker, and a person's configuration file for them."""

    home: Path
    cloud: RunningCloud
    backend: ProductBackend
    runtime: ScriptedRuntime
    worker_environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        """The configuration file, both the person's and the worker's."""
        return self.home / "config"

    @property
    def provider(self) -> Provider:
        """The cloud's own account."""
        return WdripConfig.load({"WDRIP_CONFIG": str(self.config)}).provider()

    @property
    def bucket(self) -> Bucket:
        """The provider's bucket."""
        return Bucket(self.provider)

    def reset(self) -> None:
        """Everything well again: faults, machines, configuration, package index."""
        self.cloud.admin.clear_faults()
        self.runtime.failing.clear()
        self.runtime.endless.clear()
        self.runtime.deaf = False
        self.config.unlink(missing_ok=True)
        state_dir = self.cloud.context.state_dir
        write_access(self.config, "local", state_dir, self.backend.address, self.home / "encryption.key")
        self.worker_environment.clear()
        self.worker_environment["WDRIP_CONFIG"] = str(self.config)
        self.bucket.ensure()
        index = PackageIndex(packages=[PACKAGE]).model_dump_json().encode()
        self.bucket.put(names.PACKAGE_INDEX_KEY, index)
        self.bucket.put(PACKAGE.key, b"archive")

    def configure(self, *path: str, to: object) -> None:
        """Change one key of the configuration file; `value` first: of the provider."""
        document = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        place: dict[str, Any] = document
        if path[0] == "value":
            place, path = document["providers"][0]["provider"]["value"], path[1:]
        for part in path[:-1]:
            place = place[part]
        place[path[-1]] = to
        self.config.write_text(yaml.safe_dump(document), encoding="utf-8")

    def cluster_file(self, name: str, change: Callable[[dict[str, Any]], None] | None = None) -> str:
        """Path of the guide's configuration for a cluster of this name, changed by `change`."""
        document = yaml.safe_load(guide_yaml(name, TOKEN))
        if change:
            change(document)
        path = self.home / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        return str(path)

    def machines(self, cluster: str) -> list[str]:
        """Ids of all machines that were ever booted for the cluster."""
        return [each.id for each in self.runtime.booted if each.hostname.startswith(cluster)]

    def commands(self, cluster: str, operation: str) -> list[bytes]:
        """The content of each command with which the operation came to a machine of the cluster."""
        ids = tuple(machine[-6:] for machine in self.machines(cluster))
        found = dict(self.runtime.commands)
        return [
            each.content for key, each in found.items() if key.endswith(ids) and _operation(each) == operation
        ]

    def await_wait(self, cluster: str, what: str) -> None:
        """Wait until the cluster's workflow says that it waits for `what`."""

        async def waiting_for() -> str:
            client = await Client.connect(self.backend.address, data_converter=pydantic_data_converter)
            return (await query_progress(client, cluster)).waiting_for

        assert wait_until(lambda: asyncio.run(waiting_for()) == what, 20), asyncio.run(waiting_for())

    def workflow_status(self, cluster: str) -> WorkflowExecutionStatus | None:
        """How the cluster's workflow stands; None when there was never one."""

        async def ask() -> WorkflowExecutionStatus | None:
            client = await Client.connect(self.backend.address)
            try:
                return (await client.get_workflow_handle(cluster).describe()).status
            except RPCError as error:
                assert error.status is RPCStatusCode.NOT_FOUND, error
                return None

        return asyncio.run(ask())

    def assert_nothing_of(self, cluster: str) -> None:
        """No machine, stack, object, object in transit, and no workflow that still runs."""
        assert EcsClient(self.provider).instances(tags={names.TAG_CLUSTER: cluster}) == []
        assert RosClient(self.provider).find_stack(names.stack_name(cluster)) is None
        kept = [each.key for each in self.bucket.list(f"{names.BUCKET_PREFIX}/")]
        assert [key for key in kept if cluster in key or key.startswith(names.TRANSIT_PREFIX)] == []
        # A refusal is answered before the run that gave it has closed.
        ended = wait_until(lambda: self.workflow_status(cluster) is not WorkflowExecutionStatus.RUNNING)
        assert ended, self.workflow_status(cluster)


@contextmanager
def small(home: Path) -> Iterator[Small]:
    """Everything running until the block ends."""
    runtime = ScriptedRuntime()

    def services(context: Context) -> Sequence[RpcService]:
        network = Network(context, InMemoryFabric())
        return [EcsService(context, network, runtime), RosService(context, network, Ram(context))]

    config = small_config(accounts=(STRANGER,))
    with running_cloud(home / "cloud", services, config) as cloud, ProductBackend() as backend:
        stage = Small(home, cloud, backend, runtime)
        stage.reset()
        with backend.product(stage.worker_environment):
            yield stage
