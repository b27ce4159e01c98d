"""A look at a cluster's backups: schedule and attempts on a real Temporal server, the index in a bucket."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.runtime import MetricBuffer, Runtime, TelemetryConfig
from temporalio.testing import ActivityEnvironment
from temporalio.worker import Worker

from activities.backup_health import BackupHealths
from activities.backup_schedules import BackupSchedules
from tests.temporal_server import temporal_server
from tests.wdrip.backup_entries import entry
from tests.world.cloud import MemoryCloud
from wdrip import names
from wdrip.clients.backup_store import BackupStore
from wdrip.models.backup import DATE_FORMAT, Standing
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import ClusterRecord


@workflow.defn(name="Backup", sandboxed=False)
class FailingBackup:
    @workflow.run
    async def run(self) -> None:
        raise ApplicationError("the bucket refuses", type="PermanentError", non_retryable=True)


async def look(
    client: Client, cloud: MemoryCloud, record: ClusterRecord, runtime: Runtime | None = None
) -> BackupHealth:
    environment = ActivityEnvironment(client=client)
    if runtime is not None:
        environment.metric_meter = runtime.metric_meter
    return await environment.run(BackupHealths(cloud.clients()).look_at_backups, record)


def enter(cloud: MemoryCloud, cluster: str, at: datetime, standing: Standing = Standing.SOUND) -> str:
    date = at.strftime(DATE_FORMAT)
    found = entry(date, standing, name=cluster, taken_at=at, uploaded_at=at)
    BackupStore(cloud.bucket(""), cluster).enter(found)
    return date


async def fail_a_backup(client: Client, cluster: str) -> None:
    async with Worker(client, task_queue=(queue := uuid4().hex), workflows=[FailingBackup]):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow(
                FailingBackup.run, id=names.backup_workflow_id(cluster), task_queue=queue
            )


async def test_a_look_sees_what_is_wrong(cloud: MemoryCloud, record: ClusterRecord) -> None:
    async with temporal_server() as server:
        client, name = server.client, record.name
        assert (await look(client, cloud, record)).reason == "BackupsUnscheduled"

        await ActivityEnvironment(client=client).run(BackupSchedules().schedule_backups, record)
        assert (await look(client, cloud, record)).reason == "BackupExpected"

        await fail_a_backup(client, name)
        failed = await look(client, cloud, record)
        assert failed.reason == "BackupFailed"
        assert failed.message == "the latest attempt failed: the bucket refuses; there is no good backup"

        date = enter(cloud, name, datetime.now(UTC) + timedelta(seconds=1))
        assert (await look(client, cloud, record)).reason == "BackupRecent"

        handle = client.get_schedule_handle(names.backup_schedule_id(name))
        await handle.pause(note="a person is looking")
        paused = await look(client, cloud, record)
        assert paused.message == f"the schedule is paused; the last good backup is {date}"

        await handle.unpause()
        enter(cloud, name, datetime.now(UTC) + timedelta(minutes=1), Standing.BAD)
        bad = await look(client, cloud, record)
        assert bad.message == (
            f"the newest backup is bad: it does not restore; the last good backup is {date}"
        )


async def test_a_look_is_told_as_metrics(cloud: MemoryCloud, record: ClusterRecord) -> None:
    buffer = MetricBuffer(100)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer))
    taken = datetime(2026, 1, 1, tzinfo=UTC)
    enter(cloud, record.name, taken)
    async with temporal_server() as server:
        await look(server.client, cloud, record, runtime)
    told = {
        update.metric.name: (update.value, [update.attributes.get(each) for each in ("cluster", "reason")])
        for update in buffer.retrieve_updates()
    }
    assert told == {
        "wdrip_last_good_backup_timestamp_seconds": (int(taken.timestamp()), [record.name, None]),
        "wdrip_backup_alarms": (1, [record.name, "BackupsUnscheduled"]),
    }
