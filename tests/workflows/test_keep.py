"""Keeping a cluster: masters and pools become as they shall be, one step at a time, whatever happens."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from tests.world.stage import Stage
from tests.world.world import Fault
from wdrip import names
from wdrip.failures import INVALID_INPUT
from wdrip.models.backup_health import BackupHealth
from wdrip.models.cluster import Phase, Progress
from wdrip.models.observation import Outcome
from wdrip.planning.decision import Act
from worker import CONCURRENT_ACTIVITIES


async def running(stage: Stage) -> None:
    await stage.create()
    await stage.until(Phase.RUNNING)
    await stage.until_called("await_change")


async def waiting(stage: Stage, words: str, seconds: int = 30) -> Progress:
    """The progress, once it tells that it waits for something with these words."""
    async with asyncio.timeout(seconds):
        while words not in (progress := await stage.progress()).waiting_for:
            await asyncio.sleep(0.02)
    return progress


async def test_masters_go_from_one_to_three_to_five_and_back(stage: Stage) -> None:
    await running(stage)
    cluster = stage.world.cluster
    for count in (3, 5, 3, 1):
        cluster.scale(count)
        await stage.until_masters(count)

    assert cluster.broken_rules == []
    assert [machine for _, machine in stage.world.machines.values()] == [
        each.machine for each in cluster.masters()
    ]
    assert cluster.backups >= 8
    done = await stage.operations()
    assert {each.outcome for each in done} == {Outcome.DONE}
    assert [each.what for each in done[:4]] == ["LaunchMaster", "BackUp", "JoinEtcd", "PromoteMember"]
    assert all(each.why for each in done)


async def test_the_index_has_the_machines_that_are_there(stage: Stage) -> None:
    await running(stage)
    stage.world.cluster.scale(3)
    await stage.until_masters(3)

    def recorded() -> bool:
        entry = stage.world.index[stage.name]
        return {each.instance_id for each in entry.machines} == set(stage.world.machines)

    await stage.until_seen("recorded", recorded)


async def test_the_status_tells_of_every_attempt_once(stage: Stage) -> None:
    await running(stage)
    stage.world.cluster.scale(3)
    await stage.until_masters(3)

    def told() -> int:
        return sum(len(status.done) for status in stage.world.statuses)

    # The last step may be remembered, and told, a moment after the world shows it.
    async with asyncio.timeout(30):
        while told() != len(await stage.operations()):
            await asyncio.sleep(0.02)
    assert any(isinstance(each.masters, Act) for each in stage.world.statuses)


async def test_a_target_changed_in_the_middle_is_taken_up_after_the_step(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("join_etcd", Fault.HANGS)
    stage.world.cluster.scale(5)
    await stage.until_called("join_etcd")
    stage.world.cluster.scale(1)
    stage.world.lift_faults()
    await stage.until_masters(1)

    assert stage.world.cluster.broken_rules == []
    assert stage.world.calls.count("join_etcd") == 1
    assert len(stage.world.machines) == 1


async def test_pools_grow_and_shrink_and_go(stage: Stage) -> None:
    await running(stage)
    cluster = stage.world.cluster
    cluster.apply_pool("blue", 3)
    cluster.apply_pool("green", 2)
    await stage.until_seen("grown", lambda: len(cluster.workers("blue")) + len(cluster.workers("green")) == 5)
    cluster.apply_pool("blue", 1)
    await stage.until_seen("shrunk", lambda: len(cluster.workers("blue")) == 1)
    cluster.apply_pool("green", 2, deleting=True)
    await stage.until_seen("released", lambda: "green" not in cluster.pools)

    assert cluster.workers("green") == []
    assert len(stage.world.machines) == 2
    assert cluster.broken_rules == []


async def test_the_status_tells_how_a_long_growth_goes(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("grow_pools", Fault.HANGS)
    stage.world.cluster.apply_pool("blue", 2)
    await stage.until_called("grow_pools")

    def machines_told() -> int:
        return sum(
            each.node_pool == "blue" for each in stage.world.statuses[-1].observed.observation.machines
        )

    await stage.until_seen("told", lambda: machines_told() == 2)
    assert await stage.operations() == []
    stage.world.lift_faults()


async def test_a_scale_writes_the_number_of_masters(stage: Stage) -> None:
    await running(stage)
    accepted = await stage.scale(4)
    await stage.until_masters(4)

    assert any("odd number is better" in note for note in accepted.notes)
    asked = (await stage.operations())[0]
    assert (asked.what, asked.subject, asked.why) == ("scale", "masters to 4", "asked for by a test")


async def test_a_scale_during_a_step_waits_for_its_end(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("join_etcd", Fault.HANGS)
    await stage.scale(3)
    await stage.until_called("join_etcd")
    accepted = await stage.scale(1)

    assert any("after the step that runs: Let i-" in note for note in accepted.notes)
    assert stage.world.calls.count("set_replicas") == 1
    stage.world.lift_faults()
    await stage.until_masters(1)
    assert stage.world.cluster.broken_rules == []


@pytest.mark.parametrize("target", [0, -1])
async def test_a_scale_to_nothing_is_refused(stage: Stage, target: int) -> None:
    await running(stage)
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.scale(target)

    cause = refused.value.cause
    assert isinstance(cause, ApplicationError)
    assert cause.type == INVALID_INPUT
    assert "cannot run a cluster" in cause.message
    assert "set_replicas" not in stage.world.calls


async def test_a_cluster_in_the_making_is_not_scaled(stage: Stage) -> None:
    stage.world.fail("await_stack", Fault.HANGS)
    await stage.create()
    await stage.until_called("await_stack")
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await stage.scale(3)

    assert "is Creating" in str(refused.value.cause)


async def test_a_scale_keeps_a_cluster_whose_workflow_is_gone(stage: Stage) -> None:
    await running(stage)
    await stage.handle.terminate("the Temporal database is lost")
    await stage.scale(3, record=stage.world.index[stage.name])
    await stage.until_masters(3)

    assert stage.world.cluster.broken_rules == []


async def test_a_step_that_fails_is_told_and_tried_again(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("launch_master", Fault.REFUSED)
    stage.world.cluster.scale(3)
    progress = await waiting(stage, "launch_master was refused")

    assert progress.phase is Phase.RUNNING
    assert progress.waiting_until is not None
    assert progress.then == "wdrip looks again"
    failed = (await stage.operations())[-1]
    assert (failed.what, failed.outcome) == ("LaunchMaster", Outcome.FAILED)
    assert "was refused" in failed.detail
    assert stage.world.calls.count("launch_master") == 1


async def test_a_lost_reply_makes_no_second_machine(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("launch_master", Fault.REPLY_LOST)
    stage.world.cluster.scale(2)
    await stage.until_masters(2)

    assert stage.world.calls.count("launch_master") == 2
    assert len(stage.world.machines) == 2


@pytest.mark.parametrize("step", ["launch_master", "join_etcd", "take_backup"])
async def test_a_delete_during_a_step_ends_it_and_leaves_nothing(stage: Stage, step: str) -> None:
    await running(stage)
    stage.world.fail(step, Fault.HANGS)
    stage.world.cluster.scale(3)
    await stage.until_called(step)
    await stage.delete()
    # At once: whoever follows it would take `keep, Running` for its end.
    progress = await stage.progress()
    assert progress.operation == "delete"
    assert progress.phase in (Phase.DELETING, Phase.DELETED)

    assert "deleted" in await stage.result()
    assert stage.world.billed() == []
    assert stage.world.index == {}


async def test_a_delete_does_not_wait_for_a_look(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("observe", Fault.HANGS)
    looks = stage.world.looks.count("observe")
    stage.world.cluster.scale(3)
    await stage.until_seen("looked", lambda: stage.world.looks.count("observe") > looks)
    await stage.delete()

    assert "deleted" in await stage.result()
    assert stage.world.billed() == []


async def test_a_machine_that_fails_is_healed(stage: Stage) -> None:
    await running(stage)
    cluster = stage.world.cluster
    cluster.apply_pool("blue", 3)
    await stage.until_seen("grown", lambda: len(cluster.workers("blue")) == 3)
    # A minute of the cluster's passes in a second: patience is counted in minutes.
    cluster.hurry(60)
    ill = cluster.workers("blue")[0]
    cluster.break_machine(ill.machine.instance_id)
    await stage.until_seen("healed", lambda: ill.well)

    done = (await stage.operations())[-1]
    assert (done.what, done.subject) == ("RestartServices", ill.machine.instance_id)
    assert "not Ready" in done.why


async def test_a_lost_quorum_without_a_backup_is_told_and_destroys_nothing(stage: Stage) -> None:
    await running(stage)
    cluster = stage.world.cluster
    cluster.scale(3)
    await stage.until_masters(3)
    machines = dict(stage.world.machines)
    cluster.hurry(60)
    for host in cluster.masters()[:2]:
        cluster.lose(host.machine.instance_id)
    progress = await waiting(stage, "no recovery can be offered")

    assert "voters can come back" in progress.waiting_for
    assert "has no backups" in progress.waiting_for
    assert len(cluster.hosts) == 1
    assert set(stage.world.machines) == set(machines)


async def test_a_step_that_cannot_end_gives_way_to_a_lost_quorum(stage: Stage) -> None:
    """The survivor is the machine that joins, and waits for an API server that will not come."""
    await running(stage)
    cluster = stage.world.cluster
    stage.world.fail("join_control_plane", Fault.HANGS)
    cluster.scale(3)
    await stage.until_called("join_control_plane")
    cluster.hurry(60)
    for host in cluster.masters()[:2]:
        cluster.lose(host.machine.instance_id)
    await waiting(stage, "no recovery can be offered", seconds=60)

    given_up = next(each for each in await stage.operations() if each.what == "JoinControlPlane")
    assert "given up: etcd has lost its quorum" in given_up.detail
    assert stage.world.calls.count("join_control_plane") == 1


async def test_pools_wait_while_a_master_is_healed(stage: Stage) -> None:
    await running(stage)
    cluster = stage.world.cluster
    cluster.scale(3)
    await stage.until_masters(3)
    stage.world.fail("grow_pools", Fault.HANGS)
    cluster.apply_pool("blue", 2)
    await stage.until_called("grow_pools")
    cluster.hurry(60)
    ill = cluster.masters()[0]
    cluster.break_machine(ill.machine.instance_id)
    await stage.until_seen("healed", lambda: ill.well, seconds=60)
    stage.world.lift_faults()
    await stage.until_seen("grown", lambda: len(cluster.workers("blue")) == 2)

    assert [
        each.detail.partition(":")[0] for each in await stage.operations() if each.what == "GrowPools"
    ] == ["given up"]


@pytest.mark.parametrize("step", ["launch_master"])
async def test_a_worker_that_comes_back_goes_on_where_the_other_was(temporal_address: str, step: str) -> None:
    client = await Client.connect(temporal_address, data_converter=pydantic_data_converter)
    with ThreadPoolExecutor(CONCURRENT_ACTIVITIES) as executor:
        stage = Stage(client, executor)
        async with stage.worker():
            await running(stage)
            stage.world.fail(step, Fault.HANGS)
            stage.world.cluster.scale(3)
            await stage.until_called(step)
        stage.world.lift_faults()
        async with stage.worker():
            await stage.until_masters(3)

    assert stage.world.cluster.broken_rules == []
    assert len(stage.world.machines) == 3


async def test_an_idle_cluster_costs_two_activities_and_no_timer_a_round(stage: Stage) -> None:
    """docs/architecture.md promises what follows from it: twelve rounds an hour, 24 activities. Backups are
    looked at in every other round."""
    await running(stage)
    await idle(stage)
    before = await events(stage)
    await idle_rounds(stage, 3)
    added = (await events(stage))[len(before) :]

    assert added.count("ACTIVITY_TASK_SCHEDULED") == 6
    assert added.count("TIMER_STARTED") == 0
    assert len(added) <= 3 * IDLE_ROUND_EVENTS


async def idle_rounds(stage: Stage, count: int) -> None:
    """Let so many watches end with nothing new."""
    for _ in range(count):
        watches = stage.world.looks.count("await_change") + 1
        stage.world.cluster.tick()
        async with asyncio.timeout(30):
            while stage.world.looks.count("await_change") < watches:
                await asyncio.sleep(0.02)
        await idle(stage)


IDLE_ROUND_EVENTS = 13
"""Two activities of three events, and the workflow tasks that their ends ask for."""


async def idle(stage: Stage) -> None:
    """Wait until nothing but a watch runs."""
    async with asyncio.timeout(30):
        while True:
            pending = (await stage.handle.describe()).raw_description
            names = [each.activity_type.name for each in pending.pending_activities]
            if names == ["await_change"] and not pending.HasField("pending_workflow_task"):
                return
            await asyncio.sleep(0.02)


async def events(stage: Stage) -> list[str]:
    """Types of the events of the cluster's workflow so far."""
    history = await stage.handle.fetch_history()
    return [EventType.Name(each.event_type).removeprefix("EVENT_TYPE_") for each in history.events]


async def test_the_wait_says_until_when(stage: Stage) -> None:
    await running(stage)
    stage.world.fail("launch_master", Fault.REFUSED)
    stage.world.cluster.scale(3)
    progress = await waiting(stage, "was refused")

    assert progress.waiting_since is not None
    assert progress.waiting_until is not None
    assert timedelta() < progress.waiting_until - progress.waiting_since <= timedelta(minutes=1)


async def test_how_well_it_is_backed_up_is_seen_and_told_everywhere(stage: Stage) -> None:
    stage.world.backup_health = BackupHealth(ok=False, reason="BackupTooOld", message="7 missed")
    await running(stage)
    await stage.until_called("write_status")
    told = stage.world.statuses[-1].backups
    assert told is not None
    assert (told.ok, told.reason, told.message) == (False, "BackupTooOld", "7 missed")
    described = await stage.handle.describe()
    assert described.search_attributes[names.SEARCH_BACKUP] == ["BackupTooOld"]
    metadata = await stage.handle.query("__temporal_workflow_metadata")
    assert "BackupTooOld: 7 missed" in metadata.current_details


async def test_backups_are_looked_at_now_and_then_only(stage: Stage) -> None:
    await running(stage)
    await idle(stage)
    await idle_rounds(stage, 2)
    assert stage.world.looks.count("observe") >= 3
    assert stage.world.looks.count("look_at_backups") == 1


async def test_a_look_at_the_backups_that_fails_is_told_and_holds_nothing_up(stage: Stage) -> None:
    stage.world.fail("look_at_backups", Fault.REFUSED)
    await running(stage)
    await stage.until_called("write_status")
    told = stage.world.statuses[-1].backups
    assert told is not None
    assert told.reason == "BackupsUnknown"
    await stage.scale(3)
    await stage.until_masters(3)


async def test_a_schedule_that_somebody_deleted_is_made_anew(stage: Stage) -> None:
    stage.world.fail("schedule_backups", Fault.HANGS)
    await stage.create()
    await stage.until_seen("the schedule", lambda: stage.name in stage.world.schedules)
    stage.world.schedules.clear()
    stage.world.lift_faults()
    await stage.until_seen("a schedule", lambda: stage.name in stage.world.schedules)
    assert [each.what for each in await stage.operations()] == ["schedule"]
