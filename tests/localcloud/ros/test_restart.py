"""A cloud that ends in the middle of an operation takes it up again; nothing is made twice."""

from __future__ import annotations

from pathlib import Path

from localcloud.core.store import Store
from tests.localcloud.ros.fabric import InMemoryFabric
from tests.localcloud.ros.stacks import Ros, ref, resource, role, running_ros, template, vpc, vswitch
from tests.localcloud.running import wait_until

_BODY = template(
    {
        "Vpc": vpc(),
        "Switch": vswitch(),
        "Role": {**role(), "DependsOn": "Switch"},
        "Balancer": resource(
            "SLB::LoadBalancer",
            {"VpcId": ref("Vpc"), "VSwitchId": ref("Switch"), "InstanceChargeType": "PayByCLCU"},
        ),
    }
)
_KINDS = {"vpc": 1, "vswitch": 1, "ram-role": 1, "load_balancer": 1}


def _counts(ros: Ros) -> dict[str, int]:
    return {kind: len(ros.store.list(kind)) for kind in _KINDS}


def _killed_while(state_dir: Path, stuck: str, logical_id: str) -> str:
    """Create a stack, end the cloud while one resource is being made; the stack's id."""
    with running_ros(state_dir, InMemoryFabric(frozenset([stuck]))) as ros:
        stack_id = ros.create(_BODY)
        assert wait_until(lambda: ros.statuses(stack_id)[logical_id] == "CREATE_IN_PROGRESS")
        assert wait_until(lambda: len(ros.store.list(_record_of(stuck))) == 1)
    return stack_id


def _record_of(stuck: str) -> str:
    return "load_balancer" if stuck == "balancer" else stuck


def test_a_create_goes_on_after_a_kill_at_any_resource(tmp_path: Path) -> None:
    for stuck, logical_id in [("vpc", "Vpc"), ("vswitch", "Switch"), ("balancer", "Balancer")]:
        state_dir = tmp_path / stuck
        stack_id = _killed_while(state_dir, stuck, logical_id)
        with running_ros(state_dir) as ros:
            assert ros.settled(stack_id).status == "CREATE_COMPLETE"
            assert _counts(ros) == _KINDS
            begun = [event for event in ros.events(stack_id) if event[1] == "CREATE_IN_PROGRESS"]
            assert len(begun) == len(set(begun)) == 5


def test_time_runs_while_the_cloud_is_away(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud") as ros:
        ros.fail("RAM::Role", "hang")
        stack_id = ros.create(_BODY)
        assert wait_until(lambda: ros.statuses(stack_id)["Role"] == "CREATE_IN_PROGRESS")
    store = Store(tmp_path / "cloud" / "state.sqlite")
    document = store.get("ros-stack", stack_id)
    assert document is not None
    document["operation"]["deadline"] = "2020-01-01T00:00:00Z"
    store.put("ros-stack", stack_id, document)
    store.close()

    with running_ros(tmp_path / "cloud") as ros:
        stack = ros.settled(stack_id)
        assert stack.status == "CREATE_ROLLBACK_COMPLETE"
        assert "Stack CREATE timed out" in stack.status_reason
        assert _counts(ros) == dict.fromkeys(_KINDS, 0)


def test_what_was_cut_off_in_making_is_rolled_back_too(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud", InMemoryFabric(frozenset(["vpc"]))) as ros:
        stack_id = ros.create(_BODY)
        assert wait_until(lambda: len(ros.store.list("vpc")) == 1)
        ros.cancel(stack_id)

    with running_ros(tmp_path / "cloud") as ros:
        assert ros.settled(stack_id).status == "CREATE_ROLLBACK_COMPLETE"
        assert _counts(ros) == dict.fromkeys(_KINDS, 0)


def test_an_update_goes_on_after_a_kill(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud") as ros:
        stack_id = ros.made(_BODY).stack_id
        ros.fail("RAM::Role", "hang")
        body = {**_BODY, "Resources": {**_BODY["Resources"], "Role": role("r1", Description="new")}}
        ros.update(stack_id, body)
        assert wait_until(lambda: ros.statuses(stack_id)["Role"] == "UPDATE_IN_PROGRESS")

    with running_ros(tmp_path / "cloud") as ros:
        assert ros.settled(stack_id).status == "UPDATE_COMPLETE"
        assert ros.store.list("ram-role")[0]["Description"] == "new"


def test_a_replacement_goes_on_after_a_kill_between_old_and_new(tmp_path: Path) -> None:
    wider = template({"Vpc": vpc("10.0.0.0/8")})
    with running_ros(tmp_path / "cloud") as ros:
        stack_id = ros.made(template({"Vpc": vpc()})).stack_id
    with running_ros(tmp_path / "cloud", InMemoryFabric(frozenset(["vpc"]))) as ros:
        ros.update(stack_id, wider, replacement_option="Enabled")
        assert wait_until(lambda: [each["CidrBlock"] for each in ros.store.list("vpc")] == ["10.0.0.0/8"])

    with running_ros(tmp_path / "cloud") as ros:
        assert ros.settled(stack_id).status == "UPDATE_COMPLETE"
        assert [each["CidrBlock"] for each in ros.store.list("vpc")] == ["10.0.0.0/8"]


def test_a_delete_goes_on_after_a_kill(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud") as ros:
        stack_id = ros.made(_BODY).stack_id
        ros.fail("ECS::VPC", "hang")
        ros.delete(stack_id)
        assert wait_until(lambda: ros.statuses(stack_id)["Vpc"] == "DELETE_IN_PROGRESS")

    with running_ros(tmp_path / "cloud") as ros:
        assert ros.settled(stack_id).status == "DELETE_COMPLETE"
        assert _counts(ros) == dict.fromkeys(_KINDS, 0)


def test_a_rollback_goes_on_after_a_kill(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud") as ros:
        ros.fail("RAM::Role", code="Broken", message="broken")
        ros.fail("ECS::VPC", "hang", match={"Operation": "DELETE"})
        stack_id = ros.create(_BODY)
        assert wait_until(lambda: ros.statuses(stack_id).get("Vpc") == "DELETE_IN_PROGRESS")

    with running_ros(tmp_path / "cloud") as ros:
        stack = ros.settled(stack_id)
        assert stack.status == "CREATE_ROLLBACK_COMPLETE"
        assert "Code: Broken" in stack.status_reason
        assert _counts(ros) == dict.fromkeys(_KINDS, 0)
