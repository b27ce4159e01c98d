"""The stack's life, with every call made twice."""

import dataclasses

import pytest

from activities.infrastructure import Infrastructure
from activities.tasks import BackendsTask
from tests.activities.conftest import Run
from tests.world.cloud import MemoryCloud
from wdrip.errors import PermanentError
from wdrip.models.cluster import ClusterRecord


@pytest.fixture
def infrastructure(cloud: MemoryCloud) -> Infrastructure:
    return Infrastructure(cloud.clients())


def with_stack(run: Run, infrastructure: Infrastructure, record: ClusterRecord) -> ClusterRecord:
    """The record with its stack asked for."""
    return record.model_copy(update={"stack_id": run(infrastructure.create_stack, record)})


def test_a_stack_is_made_once_and_its_outputs_are_told(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    record = with_stack(run, infrastructure, record)
    assert run(infrastructure.create_stack, record) == record.stack_id

    outputs = run(infrastructure.await_stack, record)
    assert outputs.public_endpoint == "127.47.0.1"
    assert len(cloud.stacks.stacks) == 1


def test_a_stack_whose_token_was_forgotten_is_recognised_by_its_tags(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    first = run(infrastructure.create_stack, record)
    cloud.stacks.tokens.clear()

    assert run(infrastructure.create_stack, record) == first


def test_a_stack_of_another_owner_is_refused_and_left_alone(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    cloud.stacks.create_stack(record.name, {}, {}, "other", {})

    with pytest.raises(PermanentError, match="not this cluster's"):
        run(infrastructure.create_stack, record)
    run(infrastructure.delete_stack, record)
    assert not any("DELETE" in stack.status for stack in cloud.stacks.stacks.values())


def test_a_failed_stack_is_told_with_its_own_reasons(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    cloud.stacks.outcome = "CREATE_FAILED"
    cloud.stacks.reasons = ["NatGateway (ALIYUN::VPC::NatGateway): QuotaExceeded.Eip"]
    record = with_stack(run, infrastructure, record)

    with pytest.raises(PermanentError, match=r"CREATE_FAILED: NatGateway .* QuotaExceeded"):
        run(infrastructure.await_stack, record)


def test_a_stack_that_never_completes_is_given_up_in_words(
    cloud: MemoryCloud, run: Run, run_late: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    cloud.stacks.looks = 10**6
    record = with_stack(run, infrastructure, record)

    with pytest.raises(PermanentError, match=r"waited .* to be complete; last seen: CREATE_IN_PROGRESS"):
        run_late(infrastructure.await_stack, record)


def test_setting_the_backends_twice_changes_once(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    record = with_stack(run, infrastructure, record)
    run(infrastructure.await_stack, record)
    task = BackendsTask(record=record, stack_id=record.stack_id, instance_ids=["i-1"])
    run(infrastructure.set_backends, task)
    run(infrastructure.set_backends, task)

    assert cloud.stacks.parameters[record.stack_id]["MasterInstanceIds"] == "i-1"
    assert cloud.stacks.stacks[record.stack_id].status == "UPDATE_COMPLETE"


def test_deleting_waits_until_the_stack_is_gone_and_may_be_repeated(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    record = with_stack(run, infrastructure, record)
    run(infrastructure.delete_stack, record)
    run(infrastructure.delete_stack, record)

    assert [stack.deleted for stack in cloud.stacks.stacks.values()] == [True]


def test_a_delete_that_fails_is_told(
    cloud: MemoryCloud, run: Run, infrastructure: Infrastructure, record: ClusterRecord
) -> None:
    record = with_stack(run, infrastructure, record)
    stack = cloud.stacks.stacks[record.stack_id]
    cloud.stacks.delete_stack = lambda stack_id: cloud.stacks.stacks.update(  # type: ignore[method-assign]
        {stack_id: dataclasses.replace(stack, status="DELETE_FAILED")}
    )
    cloud.stacks.reasons = ["Vpc (ALIYUN::ECS::VPC): DependencyViolation"]

    with pytest.raises(PermanentError, match=r"DELETE_FAILED: Vpc .* DependencyViolation"):
        run(infrastructure.delete_stack, record)
