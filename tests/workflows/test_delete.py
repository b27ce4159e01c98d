"""`delete`: everything that costs goes, in whatever state the cluster is."""

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip.failures import DELETE_FAILED, INVALID_INPUT
from wdrip.models.cluster import Phase, StepStatus

ACTIVITIES_OF_A_DELETE = (
    "save_record",
    "unschedule_backups",
    "delete_machines",
    "delete_stack",
    "remove_secrets",
    "confirm_gone",
    "remove_record",
)


async def running(stage: Stage) -> None:
    await stage.create()
    await stage.until(Phase.RUNNING)


async def test_a_delete_removes_everything_and_ends_the_workflow(stage: Stage) -> None:
    await running(stage)
    stage.world.calls.clear()
    await stage.delete()

    assert await stage.result() == f"cluster {stage.name} is deleted"
    assert tuple(stage.world.calls) == ACTIVITIES_OF_A_DELETE
    assert stage.world.billed() == []
    assert (stage.world.index, stage.world.secrets) == ({}, set())
    progress = await stage.progress()
    assert progress.phase is Phase.DELETED
    assert {step.status for step in progress.steps} == {StepStatus.DONE}


async def test_a_delete_finds_the_cluster_when_its_workflow_is_gone(stage: Stage) -> None:
    await running(stage)
    await stage.handle.terminate("the Temporal database is lost")
    await stage.delete(record=stage.world.index[stage.name])

    await stage.result()
    assert stage.world.billed() == []
    assert stage.world.index == {}


async def test_a_second_delete_attaches_to_the_first(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("delete_stack", Fault.HANGS)
    await stage.delete()
    await stage.until_called("delete_stack")
    again = await stage.delete()
    stage.world.lift_faults()

    assert again.notes == ["the delete is already under way"]
    await stage.result()
    assert stage.world.calls.count("delete_stack") == 1


@pytest.mark.parametrize("activity", ACTIVITIES_OF_A_DELETE)
async def test_a_lost_reply_at_any_step_of_a_delete_changes_nothing_in_the_end(
    stage: Stage, activity: str
) -> None:
    await running(stage)
    stage.world.fail(activity, Fault.REPLY_LOST)
    await stage.delete()

    await stage.result()
    assert stage.world.billed() == []
    assert (stage.world.index, stage.world.secrets) == ({}, set())


async def test_a_delete_that_cannot_finish_keeps_the_entry_and_can_be_asked_for_again(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("delete_stack", Fault.REFUSED)
    await stage.delete()
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.result()

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == DELETE_FAILED
    assert "delete_stack was refused" in cause.message
    entry = stage.world.index[stage.name]
    assert entry.phase is Phase.FAILED

    stage.world.lift_faults()
    await stage.delete(record=entry)
    await stage.result()
    assert stage.world.billed() == []
    assert stage.world.index == {}


async def test_a_cluster_in_the_making_is_deleted_only_by_force(stage: Stage) -> None:
    stage.world.fail("await_stack", Fault.HANGS)
    await stage.create()
    await stage.until_called("await_stack")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.delete()

    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    assert "--force" in cause.message
    assert stage.world.billed() != []


@pytest.mark.parametrize("activity", ["claim_name", "issue_secrets", "await_stack", "start_first_etcd"])
async def test_a_forced_delete_cancels_the_create_and_leaves_nothing(stage: Stage, activity: str) -> None:
    stage.world.fail(activity, Fault.HANGS)
    await stage.create()
    await stage.until_called(activity)
    accepted = await stage.delete(force=True)

    assert accepted.notes == ["the create in progress is cancelled first"]
    assert "deleted" in await stage.result()
    assert stage.world.billed() == []
    assert (stage.world.index, stage.world.secrets, stage.world.transit) == ({}, set(), set())


async def test_a_forced_delete_of_a_kept_create_takes_that_away_too(stage: Stage) -> None:
    stage.world.fail("install_package", Fault.HANGS)
    await stage.create(stage.request(keep_on_failure=True))
    await stage.until_called("install_package")
    await stage.delete(force=True)

    await stage.result()
    assert stage.world.billed() == []


async def test_there_is_nothing_to_delete_without_a_cluster(stage: Stage) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.delete()

    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert "there is no cluster" in cause.message
    await stage.handle.terminate()
