"""`recover` and `approve`: a lost cluster comes back, and nothing old goes before the new is proven."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from tests.wdrip.backup_entries import entry
from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip.failures import INVALID_INPUT
from wdrip.models.backup import Standing
from wdrip.models.cluster import Phase, Progress
from wdrip.models.observation import Outcome
from worker import CONCURRENT_ACTIVITIES
from workflows.cluster import Cluster

NEWEST, OLDER = "20211002-1024", "20211002-1014"

BEFORE_THE_SWITCH = (
    "pause_backups",
    "stage_identity",
    "build_recovery_master",
    "prove_backup",
    "restore_backup",
    "set_old_aside",
    "start_restored_control_plane",
    "clean_stale",
    "check_restored_node",
    "adopt_identity",
    "switch_endpoint",
)
AFTER_THE_SWITCH = ("renew_workers", "await_workers", "resume_backups")


async def running(stage: Stage, masters: int = 1, workers: int = 0) -> None:
    """A cluster with two good backups."""
    await stage.create()
    await stage.until(Phase.RUNNING)
    stage.world.store = [entry(date, Standing.SOUND, name=stage.name) for date in (NEWEST, OLDER)]
    cluster = stage.world.cluster
    if masters > 1:
        cluster.scale(masters)
        await stage.until_masters(masters)
    if workers:
        cluster.apply_pool("blue", workers)
        await stage.until_seen("grown", lambda: len(cluster.workers("blue")) == workers)


def lose_masters(stage: Stage, left: int = 0) -> None:
    masters = [each.machine.instance_id for each in stage.world.cluster.masters()]
    for instance_id in masters[: len(masters) - left]:
        stage.world.cluster.lose(instance_id)
        del stage.world.machines[instance_id]


async def ended(stage: Stage) -> Progress:
    """The progress, once the recovery is over."""
    async with asyncio.timeout(60):
        while (progress := await stage.progress()).phase is Phase.RECOVERING:
            await asyncio.sleep(0.02)
    return progress


async def told(stage: Stage, words: str) -> Progress:
    """The progress, once it waits for something with these words."""
    async with asyncio.timeout(90):
        while words not in (progress := await stage.progress()).waiting_for:
            await asyncio.sleep(0.02)
    return progress


def refused(error: WorkflowUpdateFailedError) -> str:
    cause = error.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    return cause.message


async def test_a_lost_cluster_comes_back_grows_and_keeps_its_workers(stage: Stage) -> None:
    await running(stage, masters=3, workers=2)
    workers = {each.machine.instance_id for each in stage.world.cluster.workers("blue")}
    lose_masters(stage)
    offered = await stage.recover(consented=True)
    assert offered.offer
    assert offered.offer.plan.backup.date == NEWEST
    assert offered.offer.plan.wanted_masters == 3
    assert "no master tells etcd's members" in offered.notes[0]
    progress = await ended(stage)

    assert (progress.phase, progress.failure) == (Phase.RUNNING, "")
    await stage.until_seen("grown again", lambda: stage.world.cluster.voting() == 3, 90)
    assert stage.world.cluster.broken_rules == []
    assert {each.machine.instance_id for each in stage.world.cluster.workers("blue")} == workers
    assert stage.name in stage.world.schedules
    record = stage.world.index[stage.name]
    assert record.phase is Phase.RUNNING
    assert f"recovered from backup {NEWEST} of {stage.name}" in record.notes
    done = next(each for each in await stage.operations() if each.what == "recover")
    assert (done.outcome, done.why) == (Outcome.DONE, "approved by a test")


async def test_what_is_left_of_a_lost_quorum_goes_only_when_the_new_masters_stand(stage: Stage) -> None:
    await running(stage, masters=3)
    stage.world.cluster.hurry(60)
    lose_masters(stage, left=1)
    progress = await told(stage, "approval of a recovery")
    assert "wdrip approve" in progress.waiting_for
    assert progress.then == "nothing happens by itself"
    assert len(stage.world.machines) == 1
    before = len(stage.world.calls)
    stage.world.fail("build_recovery_master", Fault.HANGS)
    await stage.approve(NEWEST)
    await stage.until_called("build_recovery_master")
    stage.world.cluster.set_clock_right()
    stage.world.lift_faults()
    await ended(stage)
    await stage.until_seen("retired", lambda: "forget_former" in stage.world.calls)

    assert stage.world.cluster.broken_rules == []
    calls = stage.world.calls[before:]
    retired = calls.index("retire_old_machines")
    assert calls[:retired].count("join_control_plane") == 2
    assert calls[:retired][-1] == "take_backup"
    assert len(stage.world.machines) == 3
    assert [each for each in stage.world.secrets if "/" in each] == []


async def test_a_look_that_sees_nothing_does_not_end_the_offer(stage: Stage) -> None:
    await running(stage, masters=3)
    stage.world.cluster.hurry(60)
    lose_masters(stage, left=1)
    await told(stage, "approval of a recovery")
    stage.world.fail("observe", Fault.REFUSED)
    stage.world.cluster.tick()
    await told(stage, "could not be looked at")

    await stage.approve(NEWEST)


async def test_an_offer_waits_for_consent_and_touches_nothing(stage: Stage) -> None:
    await running(stage)
    machines = dict(stage.world.machines)
    before = len(stage.world.calls)
    await stage.recover(date=OLDER)
    assert stage.world.calls[before:] == []
    assert stage.world.machines == machines
    with pytest.raises(WorkflowUpdateFailedError) as other:
        await stage.approve(NEWEST)
    assert f"backup {OLDER} is offered now, not {NEWEST}" in refused(other.value)
    await stage.approve(OLDER)
    progress = await ended(stage)

    assert progress.failure == ""
    assert f"recovered from backup {OLDER} of {stage.name}" in stage.world.index[stage.name].notes


async def test_nothing_to_approve_and_nothing_to_recover_from_are_refused(stage: Stage) -> None:
    await running(stage)
    with pytest.raises(WorkflowUpdateFailedError) as nothing:
        await stage.approve(NEWEST)
    assert "waits for approval" in refused(nothing.value)
    with pytest.raises(WorkflowUpdateFailedError) as itself:
        await stage.recover(source=stage.name)
    assert "is " + stage.name + " itself" in refused(itself.value)
    stage.world.store = []
    with pytest.raises(WorkflowUpdateFailedError) as without:
        await stage.recover(consented=True)
    assert isinstance(without.value.cause, ApplicationError)
    assert "has no backups" in without.value.cause.message
    assert (await stage.progress()).phase is Phase.RUNNING


@pytest.mark.parametrize("activity", BEFORE_THE_SWITCH)
async def test_a_failure_before_the_switch_is_taken_back(stage: Stage, activity: str) -> None:
    await running(stage)
    machines, backends = dict(stage.world.machines), stage.world.cluster.backends
    secrets = set(stage.world.secrets)
    stage.world.fail(activity, Fault.FAILED_HALFWAY)
    await stage.recover(consented=True)
    progress = await ended(stage)
    stage.world.lift_faults()

    assert progress.phase is Phase.RUNNING
    assert activity in progress.failure
    assert "everything is as it was before" in progress.failure
    assert stage.world.machines == machines
    assert stage.world.secrets == secrets
    assert stage.world.identity == {}
    assert stage.world.cluster.backends == backends
    assert [each.status for each in stage.world.cluster.masters()] == ["Running"]
    assert stage.name in stage.world.schedules
    assert stage.world.cluster.broken_rules == []


@pytest.mark.parametrize("activity", [*BEFORE_THE_SWITCH, *AFTER_THE_SWITCH])
async def test_a_lost_reply_changes_nothing_in_the_end(stage: Stage, activity: str) -> None:
    await running(stage)
    stage.world.fail(activity, Fault.REPLY_LOST)
    await stage.recover(consented=True)
    progress = await ended(stage)
    await stage.until_called("forget_former")

    assert progress.failure == ""
    assert stage.world.calls.count(activity) >= 2
    assert len(stage.world.machines) == 1
    assert stage.world.cluster.broken_rules == []


@pytest.mark.parametrize("activity", AFTER_THE_SWITCH)
async def test_a_failure_after_the_switch_is_told_and_takes_nothing_back(stage: Stage, activity: str) -> None:
    await running(stage)
    stage.world.fail(activity, Fault.REFUSED)
    await stage.recover(consented=True)
    progress = await ended(stage)

    assert progress.failure == ""
    assert any(activity in each for each in stage.world.index[stage.name].notes)
    assert "release_recovery_master" not in stage.world.calls


async def test_old_machines_stay_while_the_recovered_cluster_cannot_be_backed_up(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("take_backup", Fault.REFUSED)
    await stage.recover(date=NEWEST, consented=True)
    await ended(stage)
    await stage.until_called("take_backup")
    async with asyncio.timeout(30):
        while not any(each.what == "retire" for each in await stage.operations()):
            await asyncio.sleep(0.02)

    assert "retire_old_machines" not in stage.world.calls
    assert len(stage.world.machines) == 2


async def test_a_backup_that_does_not_restore_is_followed_by_an_offer_of_the_next(stage: Stage) -> None:
    await running(stage)
    stage.world.bad_backups = {NEWEST}
    machines = dict(stage.world.machines)
    await stage.recover(date=NEWEST)
    await stage.approve(NEWEST)
    progress = await ended(stage)

    assert f"backup {NEWEST} of {stage.name} does not restore" in progress.failure
    assert f"backup {OLDER} is offered instead" in progress.failure
    assert stage.world.machines == machines
    assert "set_old_aside" not in stage.world.calls
    await stage.approve(OLDER)
    assert (await ended(stage)).failure == ""
    assert stage.world.proven == {OLDER}


async def test_consent_to_whatever_restores_needs_no_other(stage: Stage) -> None:
    await running(stage)
    stage.world.bad_backups = {NEWEST}
    await stage.recover(consented=True)
    await stage.until_called("switch_endpoint")
    assert (await ended(stage)).failure == ""

    assert f"recovered from backup {OLDER} of {stage.name}" in stage.world.index[stage.name].notes


async def test_no_backup_that_restores_leaves_everything_as_it_is(stage: Stage) -> None:
    await running(stage)
    stage.world.bad_backups = {NEWEST, OLDER}
    machines = dict(stage.world.machines)
    await stage.recover(consented=True)
    async with asyncio.timeout(60):
        while "no backup of" not in (await stage.progress()).failure:
            await asyncio.sleep(0.02)

    assert stage.world.machines == machines
    assert "set_old_aside" not in stage.world.calls


async def test_onto_another_cluster_its_own_state_is_saved_and_its_machines_replaced(stage: Stage) -> None:
    await running(stage)
    old = "kubernetes-id-120"
    stage.world.store = [entry(NEWEST, Standing.VERIFIED, name=old)]
    before = len(stage.world.calls)
    first = list(stage.world.machines)
    await stage.recover(source=old, consented=True)
    assert (await ended(stage)).failure == ""
    await stage.until_called("forget_former")

    calls = stage.world.calls[before:]
    assert calls.index("take_backup") < calls.index("build_recovery_master")
    assert calls.index("set_old_aside") < calls.index("switch_endpoint") < calls.index("bind_pools")
    assert stage.world.identity == {stage.name: old}
    assert set(stage.world.machines).isdisjoint(first)
    assert stage.world.cluster.broken_rules == []


@pytest.mark.parametrize("activity", ["set_old_aside", "adopt_identity"])
async def test_onto_another_a_failure_before_the_switch_is_taken_back(stage: Stage, activity: str) -> None:
    await running(stage, workers=1)
    stage.world.store = [entry(NEWEST, Standing.VERIFIED, name="kubernetes-id-120")]
    hosts = {key: (host.machine, host.status) for key, host in stage.world.cluster.hosts.items()}
    stage.world.fail(activity, Fault.FAILED_HALFWAY)
    await stage.recover(source="kubernetes-id-120", consented=True)
    progress = await ended(stage)

    assert "everything is as it was before" in progress.failure
    assert {k: (host.machine, host.status) for k, host in stage.world.cluster.hosts.items()} == hosts
    assert stage.world.identity == {}


async def test_nothing_else_is_taken_on_meanwhile(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("build_recovery_master", Fault.HANGS)
    await stage.recover(consented=True)
    await stage.until_called("build_recovery_master")
    for asked in (stage.scale(3), stage.recover(consented=True)):
        with pytest.raises(WorkflowUpdateFailedError) as error:
            await asked
        assert "is Recovering" in refused(error.value)
    stage.world.lift_faults()
    assert (await ended(stage)).failure == ""


async def test_an_offer_that_comes_after_consent_to_another_is_refused(stage: Stage) -> None:
    await running(stage)
    await stage.recover(date=OLDER)
    stage.world.fail("offer_recovery", Fault.HANGS)
    stage.world.fail("build_recovery_master", Fault.HANGS)
    looks = stage.world.looks.count("offer_recovery")
    late = asyncio.create_task(stage.recover(date=NEWEST))
    await stage.until_seen("asked", lambda: stage.world.looks.count("offer_recovery") > looks)
    await stage.approve(OLDER)
    await stage.until_called("build_recovery_master")
    stage.world.lift_faults()
    with pytest.raises(WorkflowUpdateFailedError) as error:
        await late
    assert "is Recovering" in refused(error.value)
    assert (await ended(stage)).failure == ""
    assert stage.world.proven == {OLDER}
    assert (await stage.handle.query(Cluster.offer)).offer is None


async def test_an_index_that_cannot_be_written_ends_nothing_and_is_written_later(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("save_record", Fault.REFUSED)
    await stage.recover(date=NEWEST, consented=True)
    assert (await ended(stage)).failure == ""
    assert f"recovered from backup {NEWEST}" not in str(stage.world.index[stage.name].notes)
    stage.world.lift_faults()
    await stage.until_seen(
        "recorded", lambda: f"recovered from backup {NEWEST}" in str(stage.world.index[stage.name].notes)
    )
    assert stage.world.index[stage.name].phase is Phase.RUNNING


async def test_a_step_that_runs_comes_to_its_end_first(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("join_etcd", Fault.HANGS)
    stage.world.cluster.scale(3)
    await stage.until_called("join_etcd")
    await stage.recover(consented=True)
    progress = await stage.progress()
    assert (progress.operation, progress.phase) == ("recover", Phase.RECOVERING)
    assert "pause_backups" not in stage.world.calls
    stage.world.lift_faults()
    assert (await ended(stage)).failure == ""
    await stage.until_masters(3)


@pytest.mark.parametrize("activity", ["build_recovery_master", "start_restored_control_plane"])
async def test_a_delete_meanwhile_leaves_nothing(stage: Stage, activity: str) -> None:
    await running(stage)
    stage.world.fail(activity, Fault.HANGS)
    await stage.recover(consented=True)
    await stage.until_called(activity)
    await stage.delete()
    await stage.result()

    assert stage.world.billed() == []
    assert stage.world.index == {}


async def test_a_cluster_whose_workflow_is_gone_is_recovered_by_its_index_entry(stage: Stage) -> None:
    await running(stage)
    record = stage.world.index[stage.name]
    await stage.handle.terminate("the Temporal database is lost")
    lose_masters(stage)
    await stage.recover(consented=True, record=record)
    assert (await ended(stage)).failure == ""
    assert len(stage.world.cluster.masters()) == 1


@pytest.mark.parametrize("activity", ["prove_backup", "switch_endpoint", "await_workers"])
async def test_a_worker_that_comes_back_goes_on_where_the_other_was(
    temporal_address: str, activity: str
) -> None:
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
        stage = Stage(client, executor)
        async with stage.worker():
            await running(stage)
            stage.world.fail(activity, Fault.HANGS)
            await stage.recover(consented=True)
            await stage.until_called(activity)
        stage.world.lift_faults()
        async with stage.worker():
            assert (await ended(stage)).failure == ""
            await stage.until_called("forget_former")

    assert stage.world.cluster.broken_rules == []
    assert len(stage.world.machines) == 1
