"""`create`: from a request to Running, and what is left when it fails."""

from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip.failures import CREATE_FAILED, INVALID_INPUT
from wdrip.models.cluster import Phase, StepStatus

ACTIVITIES_OF_A_CREATE = (
    "claim_name",
    "issue_secrets",
    "create_stack",
    "await_stack",
    "start_first_master",
    "await_machine",
    "set_backends",
    "prepare_identity",
    "install_package",
    "hand_over_secrets",
    "start_first_etcd",
    "init_control_plane",
    "configure_pod_network",
    "await_node_ready",
    "define_objects",
    "schedule_backups",
    "save_record",
)


async def test_a_create_ends_running_with_everything_recorded(stage: Stage) -> None:
    accepted = await stage.create()
    progress = await stage.until(Phase.RUNNING)

    assert accepted.notes == ["a note"]
    assert [step.status for step in progress.steps] == [StepStatus.DONE] * len(progress.steps)
    assert all(step.started and step.finished for step in progress.steps)
    assert progress.waiting_for == ""
    entry = stage.world.index[stage.name]
    assert entry.phase is Phase.RUNNING
    assert entry.endpoints.public == "127.47.0.1"
    assert [machine.instance_id for machine in entry.machines] == list(stage.world.machines)
    assert stage.world.backends[entry.stack_id] == list(stage.world.machines)
    assert stage.world.transit == set()
    assert stage.name in stage.world.objects
    assert set(stage.world.calls) >= set(ACTIVITIES_OF_A_CREATE)


async def test_a_refused_configuration_names_field_and_remedy_and_leaves_nothing(stage: Stage) -> None:
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.create(stage.request(region="cn-nowhere"))

    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    assert list(cause.details) == ["iaas.region", "there is no region cn-nowhere", "use cn-hangzhou"]
    with pytest.raises(WorkflowFailureError):
        await stage.result()
    assert stage.world.transit == set()
    assert stage.world.index == {}


async def test_a_second_create_of_the_name_is_refused_and_the_first_goes_on(stage: Stage) -> None:
    await stage.create()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.create()

    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    assert "already exists" in cause.message
    await stage.until(Phase.RUNNING)


async def test_a_name_that_only_the_index_knows_is_refused_and_its_entry_stays(stage: Stage) -> None:
    await stage.create()
    await stage.until(Phase.RUNNING)
    await stage.handle.terminate("the Temporal database is lost")
    before = stage.world.index[stage.name]

    await stage.create()
    with pytest.raises(WorkflowFailureError):
        await stage.result()

    assert stage.world.index[stage.name] == before


@pytest.mark.parametrize("activity", ACTIVITIES_OF_A_CREATE)
async def test_a_permanent_failure_after_the_effect_undoes_everything_and_says_why(
    stage: Stage, activity: str
) -> None:
    stage.world.fail(activity, Fault.FAILED_HALFWAY)
    await stage.create()
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.result()

    cause = failed.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == CREATE_FAILED
    assert activity in cause.message
    assert "everything that it made has been removed" in cause.message
    progress = await stage.progress()
    assert progress.phase is Phase.FAILED
    assert activity in progress.failure
    assert next(one for one in progress.steps if one.status is StepStatus.FAILED).detail in progress.failure
    assert StepStatus.PENDING not in {step.status for step in progress.steps}
    assert stage.world.billed() == []
    assert (stage.world.index, stage.world.secrets, stage.world.transit) == ({}, set(), set())


@pytest.mark.parametrize("activity", ACTIVITIES_OF_A_CREATE)
async def test_a_lost_reply_at_any_step_changes_nothing_in_the_end(stage: Stage, activity: str) -> None:
    stage.world.fail(activity, Fault.REPLY_LOST)
    await stage.create()
    await stage.until(Phase.RUNNING)

    assert stage.world.calls.count(activity) >= 2
    assert len(stage.world.machines) == 1
    assert len(stage.world.stacks) == 1
    assert stage.world.index[stage.name].phase is Phase.RUNNING


@pytest.mark.parametrize("activity", ACTIVITIES_OF_A_CREATE)
async def test_a_cancel_at_any_step_undoes_everything(stage: Stage, activity: str) -> None:
    stage.world.fail(activity, Fault.HANGS)
    await stage.create()
    await stage.until_called(activity)
    await stage.handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await stage.result()

    assert (await stage.progress()).phase is Phase.FAILED
    assert stage.world.billed() == []
    assert (stage.world.index, stage.world.secrets, stage.world.transit) == ({}, set(), set())


async def test_what_failed_is_kept_when_asked_and_can_be_deleted_later(stage: Stage) -> None:
    stage.world.fail("start_first_etcd", Fault.REFUSED)
    await stage.create(stage.request(keep_on_failure=True))
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.result()

    assert "kept, as asked" in str(failed.value.cause)
    assert len(stage.world.machines) == len(stage.world.stacks) == 1
    entry = stage.world.index[stage.name]
    assert entry.phase is Phase.FAILED
    assert any("start_first_etcd" in note for note in entry.notes)

    stage.world.lift_faults()
    await stage.delete(record=entry)
    assert "deleted" in await stage.result()
    assert stage.world.billed() == []
    assert stage.world.index == {}


async def test_a_node_that_does_not_become_ready_is_explained_by_its_logs(stage: Stage) -> None:
    stage.world.fail("await_node_ready", Fault.REFUSED)
    await stage.create()
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.result()

    assert "network plugin is not ready" in str(failed.value.cause)


async def test_what_cannot_be_removed_is_told_and_stays_in_the_index(stage: Stage) -> None:
    stage.world.fail("start_first_etcd", Fault.REFUSED)
    stage.world.fail("delete_stack", Fault.REFUSED)
    await stage.create()
    with pytest.raises(WorkflowFailureError) as failed:
        await stage.result()

    assert "not everything could be removed" in str(failed.value.cause)
    assert "delete_stack was refused" in str(failed.value.cause)
    assert stage.world.machines == {}
    assert stage.world.index[stage.name].phase is Phase.FAILED


async def test_a_waiting_create_says_what_it_waits_for_until_when_and_what_then(stage: Stage) -> None:
    stage.world.fail("await_stack", Fault.HANGS)
    await stage.create()
    await stage.until_called("await_stack")
    await stage.until_called("issue_secrets")
    progress = await stage.progress()
    while progress.waiting_for != "the ROS stack to be complete":
        progress = await stage.progress()

    assert progress.waiting_since is not None
    assert progress.waiting_until is not None
    assert progress.waiting_until - progress.waiting_since == timedelta(minutes=30)
    assert progress.then == "the create fails and what it made is removed"
    stage.world.lift_faults()
    await stage.until(Phase.RUNNING)
