"""The worker: carries out wdrip's workflows and activities.

`python worker.py` reads `~/.wdrip/config` and the environment, connects to Temporal and works until SIGTERM
or SIGINT. What runs then may finish within the grace period; all else is taken up by the next worker.
"""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.backup_health import BackupHealths
from activities.backup_schedules import BackupSchedules
from activities.backups import Backups
from activities.bootstrap import Bootstrap
from activities.clients import Clients, ConfiguredClients
from activities.drills import Drills
from activities.index import Index
from activities.infrastructure import Infrastructure
from activities.interceptor import ActivityInterceptor
from activities.kubernetes import Kubernetes
from activities.machines import Machines
from activities.master_set import MasterSets
from activities.observation import Observation
from activities.recovery.endpoint import RecoveryEndpoint
from activities.recovery.identity import RecoveryIdentity
from activities.recovery.masters import RecoveryMasters
from activities.recovery.offers import RecoveryOffers
from activities.recovery.old_machines import OldMachines
from activities.recovery.workers import RecoveryWorkers
from activities.secrets import Secrets
from activities.status import Status
from activities.steps.machines import MachineSteps
from activities.steps.masters import MasterSteps
from activities.steps.pools import PoolSteps
from activities.validation import Validation
from activities.watch import Watch
from wdrip import names
from wdrip.errors import PermanentError, WdripError
from wdrip.leaving import leave
from wdrip.models.provider_config import WdripConfig
from workflows.backup import Backup, ScheduledBackup
from workflows.bootstrap_first_master import BootstrapFirstMaster
from workflows.cluster import Cluster
from workflows.create_infrastructure import CreateInfrastructure
from workflows.recover import Recover
from workflows.verify_backup import VerifyBackup

WORKFLOWS: Sequence[type] = (
    Cluster,
    CreateInfrastructure,
    BootstrapFirstMaster,
    Backup,
    ScheduledBackup,
    VerifyBackup,
    Recover,
)

METRICS_ADDRESS = "WDRIP_METRICS_ADDRESS"
"""Environment: `host:port` on which Prometheus may scrape; none: no metrics are served."""

CONCURRENT_ACTIVITIES = 100
"""Activities wait for the cloud far more than they compute. Each cluster's watch takes one all the time, so
that a hundred hold some seventy clusters; a thread is made when it is first needed."""

GRACE = timedelta(seconds=20)
"""How long running activities may go on after SIGTERM."""

_CONNECT_SECONDS = 30

_log = logging.getLogger("wdrip.worker")


def activities(clients: Clients) -> list[Callable[..., Any]]:
    """Every activity of the worker, using these clients."""
    owners = (
        Validation(clients),
        Index(clients),
        Secrets(clients),
        Infrastructure(clients),
        Machines(clients),
        Bootstrap(clients),
        Kubernetes(clients),
        Observation(clients),
        Watch(clients),
        Status(clients),
        MasterSets(clients),
        Backups(clients),
        Drills(clients),
        BackupSchedules(),
        BackupHealths(clients),
        MasterSteps(clients),
        MachineSteps(clients),
        PoolSteps(clients),
        RecoveryOffers(clients),
        RecoveryIdentity(clients),
        RecoveryMasters(clients),
        RecoveryEndpoint(clients),
        RecoveryWorkers(clients),
        OldMachines(clients),
    )
    return [
        method
        for owner in owners
        for method in (getattr(owner, name) for name in dir(owner) if not name.startswith("_"))
        if hasattr(method, "__temporal_activity_definition")
    ]


def build_worker(
    client: Client,
    clients: Clients,
    executor: ThreadPoolExecutor,
    task_queue: str = names.TASK_QUEUE,
    grace: timedelta = GRACE,
) -> Worker:
    """A worker with all of wdrip's workflows and activities; `executor` runs the activities."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=WORKFLOWS,
        activities=activities(clients),
        activity_executor=executor,
        max_concurrent_activities=CONCURRENT_ACTIVITIES,
        interceptors=[ActivityInterceptor()],
        workflow_runner=sandbox(),
        graceful_shutdown_timeout=grace,
    )


def sandbox() -> SandboxedWorkflowRunner:
    """The sandbox for wdrip's workflows.

    Our library and the activity references pass through: they hold no state, and loading them anew for every
    workflow would cost time and memory and trip over the SDKs.
    """
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules("wdrip", "activities")
    )


async def require_search_attributes(client: Client) -> None:
    """Raise PermanentError with the command to run when the namespace lacks one of ours."""
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    keyword = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    missing = [name for name in names.SEARCH_ATTRIBUTES if answer.custom_attributes.get(name) != keyword]
    if missing:
        flags = " ".join(f"--name {name} --type Keyword" for name in missing)
        raise PermanentError(
            f"the Temporal namespace `{client.namespace}` lacks search attributes; register them with: "
            f"temporal operator search-attribute create --namespace {client.namespace} {flags}"
        )


async def connect(config: WdripConfig, environment: Mapping[str, str]) -> Client:
    """The worker's Temporal client; Temporal's own environment variables beat the configuration file.

    Raises PermanentError when no server answers.
    """
    settings: dict[str, Any] = dict(
        ClientConfig.load_client_connect_config(disable_file=True, override_env_vars=dict(environment))
    )
    settings.setdefault("target_host", config.temporal.address)
    settings.setdefault("namespace", config.temporal.namespace)
    address = environment.get(METRICS_ADDRESS)
    if address:
        metrics = PrometheusConfig(bind_address=address, durations_as_seconds=True)
        settings["runtime"] = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    try:
        return await asyncio.wait_for(
            Client.connect(**settings, data_converter=pydantic_data_converter), _CONNECT_SECONDS
        )
    except (RuntimeError, TimeoutError) as error:
        raise PermanentError(
            f"no Temporal at {settings['target_host']} ({error}); start it or set TEMPORAL_ADDRESS"
        ) from error


async def serve(config: WdripConfig, environment: Mapping[str, str]) -> None:
    """Work until SIGTERM or SIGINT, then drain."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    client = await connect(config, environment)
    await require_search_attributes(client)
    with ThreadPoolExecutor(CONCURRENT_ACTIVITIES, thread_name_prefix="activity") as executor:
        async with build_worker(client, ConfiguredClients(environment), executor):
            target = client.service_client.config.target_host
            _log.info("ready: task queue %s at %s, namespace %s", names.TASK_QUEUE, target, client.namespace)
            await stop.wait()
            _log.info("stopping: running activities have %s s", int(GRACE.total_seconds()))
    _log.info("stopped")


def main() -> int:
    """Exit code 0 after a stop that was asked for, 1 when the worker cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    # The SDK tells every request and every expected 404, with keys of objects that are gone a second later.
    logging.getLogger("oss2").setLevel(logging.WARNING)
    try:
        asyncio.run(serve(WdripConfig.load(os.environ), os.environ))
    except WdripError as error:
        _log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
