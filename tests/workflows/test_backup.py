"""Backups: one at a time for each cluster, taken from what the index says now, and tidied up after."""

import asyncio

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, ChildWorkflowError

from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip import names
from wdrip.failures import INVALID_INPUT, PERMANENT
from wdrip.models.backup import BackupEntry, Standing
from wdrip.models.backup_request import BackupRequest, Verified, VerifyRequest
from wdrip.models.cluster import Phase
from workflows.backup import Backup, ScheduledBackup
from workflows.verify_backup import VerifyBackup

DATE = "20211002-1014"


def request(stage: Stage) -> BackupRequest:
    return BackupRequest(cluster=stage.name, provider="alibaba.test", reason="by hand")


async def backed_up(stage: Stage) -> BackupEntry:
    return await stage.client.execute_workflow(
        Backup.run, request(stage), id=names.backup_workflow_id(stage.name), task_queue=stage.name
    )


async def running(stage: Stage) -> None:
    await stage.create()
    await stage.until(Phase.RUNNING)


async def test_a_backup_is_taken_and_older_ones_are_looked_after(stage: Stage) -> None:
    await running(stage)
    entry = await backed_up(stage)

    assert entry.name == stage.name
    assert [each for each in stage.world.calls if "backup" in each] == [
        "schedule_backups",
        "take_backup",
        "retain_backups",
    ]


async def test_snapshots_that_are_gone_are_told(stage: Stage) -> None:
    await running(stage)
    stage.world.lost_backups.add(DATE)
    await backed_up(stage)
    handle = stage.client.get_workflow_handle(names.backup_workflow_id(stage.name))
    metadata = await handle.query("__temporal_workflow_metadata")
    assert f"gone from the bucket, though nobody removed them: {DATE}" in metadata.current_details


async def test_a_backup_counts_although_older_ones_cannot_be_removed(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("retain_backups", Fault.REFUSED)

    assert (await backed_up(stage)).name == stage.name


async def test_a_backup_that_fails_says_why(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("take_backup", Fault.REFUSED)
    with pytest.raises(WorkflowFailureError) as failed:
        await backed_up(stage)

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message) == (PERMANENT, "take_backup was refused by the simulated cloud")
    assert "retain_backups" not in stage.world.calls


async def test_a_cluster_that_is_not_there_is_refused_by_field(stage: Stage) -> None:
    with pytest.raises(WorkflowFailureError) as failed:
        await backed_up(stage)

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    assert list(cause.details) == ["name", f"there is no cluster {stage.name}", "see `wdrip get`"]


async def test_a_scheduled_one_leaves_the_way_to_one_that_is_under_way(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("take_backup", Fault.HANGS)
    first = asyncio.create_task(backed_up(stage))
    await stage.until_called("take_backup")
    said = await stage.client.execute_workflow(
        ScheduledBackup.run, request(stage), id=f"{stage.name}/scheduled", task_queue=stage.name
    )
    stage.world.lift_faults()

    assert said == "a backup is under way already"
    await first
    assert stage.world.calls.count("take_backup") == 1


async def test_a_scheduled_one_that_fails_fails(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("take_backup", Fault.REFUSED)
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.client.execute_workflow(
            ScheduledBackup.run, request(stage), id=f"{stage.name}/scheduled", task_queue=stage.name
        )

    assert isinstance(failed.value.cause, ChildWorkflowError)


async def scheduled(stage: Stage) -> str:
    return await stage.client.execute_workflow(
        ScheduledBackup.run, request(stage), id=f"{stage.name}/scheduled", task_queue=stage.name
    )


async def verified(stage: Stage, date: str = "") -> Verified:
    wanted = VerifyRequest(cluster=stage.name, provider="alibaba.test", reason="by hand", date=date)
    return await stage.client.execute_workflow(
        VerifyBackup.run, wanted, id=names.verify_workflow_id(stage.name), task_queue=stage.name
    )


async def drilled(stage: Stage) -> Verified:
    """The outcome of the drill that was begun last."""
    handle: WorkflowHandle[VerifyBackup, Verified] = stage.client.get_workflow_handle(
        names.verify_workflow_id(stage.name), result_type=Verified
    )
    return await handle.result()


async def test_a_scheduled_one_is_followed_by_a_drill_only_when_one_is_due(stage: Stage) -> None:
    await running(stage)
    await scheduled(stage)
    assert "verify_backup" not in stage.world.calls
    stage.world.due_drill = DATE
    await scheduled(stage)
    assert (await drilled(stage)).entry.date == DATE


async def test_a_scheduled_one_does_not_wait_for_its_drill(stage: Stage) -> None:
    await running(stage)
    stage.world.due_drill = DATE
    stage.world.fail("verify_backup", Fault.HANGS)
    assert await scheduled(stage)
    await stage.until_called("verify_backup")
    # The next one finds the drill under way and leaves it alone.
    assert await scheduled(stage)
    stage.world.lift_faults()
    await drilled(stage)
    assert stage.world.calls.count("verify_backup") == 1


async def test_a_bad_backup_is_a_result_and_is_shown(stage: Stage) -> None:
    await running(stage)
    stage.world.bad_backups.add(DATE)
    assert (await verified(stage, DATE)).entry.standing is Standing.BAD
    described = await stage.client.get_workflow_handle(names.verify_workflow_id(stage.name)).describe()
    assert described.search_attributes["WdripOperation"] == ["verify"]


async def test_a_drill_that_cannot_be_done_says_why(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("verify_backup", Fault.REFUSED)
    with pytest.raises(WorkflowFailureError) as failed:
        await verified(stage)

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert (cause.type, cause.message) == (PERMANENT, "verify_backup was refused by the simulated cloud")


async def test_the_schedule_goes_with_the_cluster_and_backups_stay(stage: Stage) -> None:
    await running(stage)
    assert stage.world.schedules == {stage.name}
    await stage.delete()
    await stage.result()

    assert stage.world.schedules == set()
    assert "remove_backups" not in stage.world.calls
