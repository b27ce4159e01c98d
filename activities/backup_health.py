"""One look at how well a cluster is backed up: its schedule, its latest attempt, its index."""

import asyncio
from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import (
    Client,
    ScheduleDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)
from temporalio.exceptions import FailureError
from temporalio.service import RPCError, RPCStatusCode

from activities.clients import Clients
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.models.backup import BackupIndex
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord
from wdrip.planning.backup_health import backup_health

_CALL = timedelta(seconds=10)
_ENDED_BADLY = (
    WorkflowExecutionStatus.FAILED,
    WorkflowExecutionStatus.CANCELED,
    WorkflowExecutionStatus.TERMINATED,
    WorkflowExecutionStatus.TIMED_OUT,
)


class BackupHealths:
    """Looks at backups. Not synchronous as others are: Temporal's client is not."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    @activity.defn
    async def look_at_backups(self, record: ClusterRecord) -> BackupHealth:
        """Whether the cluster is as well backed up as its policy wants; told as metrics, too.

        Raises TemporaryError when the bucket does not answer.
        """
        client = activity.client()
        schedule = await _schedule(client, record.name)
        store = BackupStore(self._clients.bucket(record.provider), record.name)
        index = await asyncio.to_thread(store.index)
        health = backup_health(
            index,
            record.config.backup,
            datetime.now(UTC),
            schedule.info.created_at if schedule else record.created,
            scheduled=schedule is not None,
            paused=schedule is not None and schedule.schedule.state.paused,
            failure=await _failure(client, record.name, index),
        )
        _measure(record.name, health)
        return health


async def _schedule(client: Client, cluster: str) -> ScheduleDescription | None:
    handle = client.get_schedule_handle(names.backup_schedule_id(cluster))
    try:
        return await handle.describe(rpc_timeout=_CALL)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def _failure(client: Client, cluster: str, index: BackupIndex) -> str:
    """Why the latest attempt failed; empty when it did not, or a newer backup is there."""
    handle = client.get_workflow_handle(names.backup_workflow_id(cluster))
    try:
        found = await handle.describe(rpc_timeout=_CALL)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return ""
    if found.status not in _ENDED_BADLY or found.close_time is None or _newer(index, found.close_time):
        return ""
    if found.status is not WorkflowExecutionStatus.FAILED:
        return f"it was {found.status.name.lower().replace('_', ' ')}"
    try:
        await client.get_workflow_handle(found.id, run_id=found.run_id).result(rpc_timeout=_CALL)
    except WorkflowFailureError as error:
        return error.cause.message if isinstance(error.cause, FailureError) else str(error.cause)
    return ""


def _newer(index: BackupIndex, moment: datetime) -> bool:
    return any(entry.good and entry.uploaded_at > moment for entry in index.entries)


def _measure(cluster: str, health: BackupHealth) -> None:
    """A time and a count: both are right even when several workers have looked at the cluster."""
    meter = activity.metric_meter()
    if health.last_good is not None:
        meter.create_gauge(
            names.METRIC_LAST_GOOD_BACKUP, "When the newest good backup was taken, seconds since 1970", "s"
        ).set(int(health.last_good.timestamp()), {"cluster": cluster})
    if not health.ok:
        meter.create_counter(
            names.METRIC_BACKUP_ALARMS, "Looks that found a cluster not backed up as its policy wants"
        ).add(1, {"cluster": cluster, "reason": health.reason})
