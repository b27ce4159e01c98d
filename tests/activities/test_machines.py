"""Machines are started once, waited for with a reason, and gone when they are said to be gone."""

import dataclasses

import pytest

from activities.machines import Machines
from activities.tasks import MachineTask, StartedMachine
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud
from wdrip import names
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord, InfrastructureOutputs


@pytest.fixture
def machines(cloud: MemoryCloud) -> Machines:
    return Machines(cloud.clients())


@pytest.fixture
def started(
    run: Run, machines: Machines, record: ClusterRecord, outputs: InfrastructureOutputs
) -> StartedMachine:
    """The first master was asked for."""
    task = MachineTask(record=record, outputs=outputs)
    return StartedMachine(record=record, instance_id=run(machines.start_first_master, task))


def test_asked_twice_it_is_one_machine_with_the_clusters_tags(
    cloud: MemoryCloud,
    run: Run,
    machines: Machines,
    record: ClusterRecord,
    outputs: InfrastructureOutputs,
    started: StartedMachine,
) -> None:
    task = MachineTask(record=record, outputs=outputs)
    assert run(machines.start_first_master, task) == started.instance_id
    (machine,) = cloud.machines.machines.values()
    assert machine.tags == {
        names.TAG_CLUSTER: "c1",
        names.TAG_CLUSTER_UID: "uid-1",
        names.TAG_ROLE: names.ROLE_MASTER,
    }


def test_a_machine_that_runs_and_answers_is_told_with_its_address(
    run: Run, machines: Machines, started: StartedMachine
) -> None:
    machine = run(machines.await_machine, started)
    assert (machine.instance_id, machine.private_ip) == (started.instance_id, "192.168.0.77")


def test_a_machine_whose_assistant_never_answers_is_given_up_with_the_reason(
    cloud: MemoryCloud, run_late: Run, machines: Machines, started: StartedMachine
) -> None:
    cloud.machines.assistant_ready = lambda instance_id: False  # type: ignore[method-assign]
    words = r"waited 0:00:0\d for the Cloud Assistant of i-1; last seen: no answer yet; look at the machine"
    with pytest.raises(PermanentError, match=words):
        run_late(machines.await_machine, started)


def test_a_machine_that_never_runs_is_given_up_with_its_state(
    cloud: MemoryCloud, run_late: Run, machines: Machines, started: StartedMachine
) -> None:
    pending = cloud.machines.machines[started.instance_id]
    cloud.machines.instance = lambda instance_id: pending  # type: ignore[method-assign]
    with pytest.raises(PermanentError, match=r"waited 0:00:0\d for i-1 to run; last seen: Pending"):
        run_late(machines.await_machine, started)


def test_only_the_clusters_own_machines_are_deleted(
    cloud: MemoryCloud, run: Run, machines: Machines, record: ClusterRecord, started: StartedMachine
) -> None:
    own = cloud.machines.machines[started.instance_id]
    earlier = {**own.tags, names.TAG_CLUSTER_UID: "uid-0"}
    cloud.machines.machines["i-9"] = dataclasses.replace(own, instance_id="i-9", tags=earlier)

    run(machines.delete_machines, record)
    run(machines.delete_machines, record)

    assert list(cloud.machines.machines) == ["i-9"]


def test_a_machine_that_does_not_go_is_named(
    cloud: MemoryCloud, run_late: Run, machines: Machines, record: ClusterRecord, started: StartedMachine
) -> None:
    cloud.machines.delete_instance = lambda instance_id: None  # type: ignore[method-assign]
    with pytest.raises(PermanentError, match=r"to be gone; last seen: machine i-1 \(Pending\)"):
        run_late(machines.delete_machines, record)


def test_what_still_costs_money_is_named(
    cloud: MemoryCloud, run: Run, machines: Machines, record: ClusterRecord, started: StartedMachine
) -> None:
    tags = {names.TAG_CLUSTER_UID: record.uid}
    stack_id = cloud.stacks.create_stack(record.name, {}, {}, "token", tags)
    with pytest.raises(PermanentError) as told:
        run(machines.confirm_gone, record)
    assert f"machine {started.instance_id}" in str(told.value)
    assert f"stack {stack_id}" in str(told.value)


def test_a_stack_of_another_cluster_of_the_name_is_not_ours_to_tell(
    cloud: MemoryCloud, run: Run, machines: Machines, record: ClusterRecord
) -> None:
    cloud.stacks.create_stack(record.name, {}, {}, "token", {names.TAG_CLUSTER_UID: "uid-0"})
    run(machines.confirm_gone, record)
