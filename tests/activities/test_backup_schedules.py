"""The schedule of a cluster's backups, on a real Temporal server."""

from datetime import timedelta

import pytest
from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy
from temporalio.service import RPCError
from temporalio.testing import ActivityEnvironment

from activities.backup_schedules import BackupSchedules
from tests.temporal_server import temporal_server
from wdrip.models.backup import BackupPolicy
from wdrip.models.cluster import ClusterRecord


async def test_a_schedule_is_made_kept_up_to_date_and_deleted(record: ClusterRecord) -> None:
    async with temporal_server() as server:
        await _made(server.client, record)
        await _follows_the_policy(server.client, record)
        await _paused_stays_paused(server.client, record)
        await _deleted(server.client, record)


async def _made(client: Client, record: ClusterRecord) -> None:
    await ActivityEnvironment(client=client).run(BackupSchedules().schedule_backups, record)
    found = (await client.get_schedule_handle("c1/backup").describe()).schedule
    assert isinstance(found.action, ScheduleActionStartWorkflow)
    assert found.action.workflow == "ScheduledBackup"
    assert found.spec.intervals[0].every == timedelta(minutes=10)
    assert found.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert found.policy.catchup_window == timedelta(minutes=1)
    assert found.state.note == "Backs up c1 every 10 min; keeps 4"


async def _follows_the_policy(client: Client, record: ClusterRecord) -> None:
    policy = BackupPolicy(interval_seconds=3600, keep=2)
    config = record.config.model_copy(update={"backup": policy})
    other = record.model_copy(update={"config": config})
    await ActivityEnvironment(client=client).run(BackupSchedules().schedule_backups, other)
    found = (await client.get_schedule_handle("c1/backup").describe()).schedule
    assert found.spec.intervals[0].every == timedelta(hours=1)
    assert found.state.note == "Backs up c1 every 1 h; keeps 2"


async def _paused_stays_paused(client: Client, record: ClusterRecord) -> None:
    handle = client.get_schedule_handle("c1/backup")
    await handle.pause(note="a person is looking")
    await ActivityEnvironment(client=client).run(BackupSchedules().schedule_backups, record)
    assert (await handle.describe()).schedule.state.paused


async def _deleted(client: Client, record: ClusterRecord) -> None:
    for _ in range(2):
        await ActivityEnvironment(client=client).run(BackupSchedules().unschedule_backups, record)
    with pytest.raises(RPCError):
        await client.get_schedule_handle("c1/backup").describe()
