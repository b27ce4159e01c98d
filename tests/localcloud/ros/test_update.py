"""Updates: in place, by replacement, refused, rolled back; and deletion."""

from __future__ import annotations

from typing import Any

import pytest
from alibabacloud_ros20190910 import models

from localcloud.network.interfaces import Interfaces
from tests.localcloud.ros.stacks import REGION, Ros, ref, refused, resource, role, template, vpc, vswitch
from tests.localcloud.running import wait_until


def _behind(masters: str = "") -> dict[str, Any]:
    """A load balancer with the machines of a parameter behind it."""
    return template(
        {
            "Vpc": vpc(),
            "Switch": vswitch(),
            "Balancer": resource(
                "SLB::LoadBalancer",
                {"VpcId": ref("Vpc"), "VSwitchId": ref("Switch"), "InstanceChargeType": "PayByCLCU"},
            ),
            "Masters": resource(
                "SLB::BackendServerAttachment",
                {"LoadBalancerId": ref("Balancer"), "BackendServerList": ref("Ids")},
            ),
        },
        Parameters={"Ids": {"Type": "CommaDelimitedList", "Default": masters}},
        Outputs={"Balancer": {"Value": ref("Balancer")}},
    )


def _machine(ros: Ros, name: str) -> None:
    """A machine's network card in the only vSwitch."""
    (switch,) = ros.store.list("vswitch")
    Interfaces(ros.store).reserve(name, switch)


def _behind_it(ros: Ros) -> list[str]:
    (balancer,) = ros.fabric.balancers.values()
    return sorted(each.id for each in balancer.servers)


def test_machines_behind_a_load_balancer_change_in_place(ros: Ros) -> None:
    stack = ros.made(_behind())
    before = ros.resources(stack.stack_id)
    _machine(ros, "i-1")
    _machine(ros, "i-2")

    ros.update(stack.stack_id, _behind(), {"Ids": "i-1,i-2"})
    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert _behind_it(ros) == ["i-1", "i-2"]

    ros.update(stack.stack_id, _behind(), {"Ids": "i-2"})
    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert _behind_it(ros) == ["i-2"]
    after = ros.resources(stack.stack_id)
    assert {name: each.physical_resource_id for name, each in before.items()} == {
        name: each.physical_resource_id for name, each in after.items()
    }
    touched = [name for name, status in ros.events(stack.stack_id) if status == "UPDATE_IN_PROGRESS"]
    assert touched == ["c1", "Masters", "c1", "Masters"]


def test_an_update_without_a_change_is_refused(ros: Ros) -> None:
    stack = ros.made(_behind())

    with refused("NotSupported"):
        ros.update(stack.stack_id, _behind(), use_previous_parameters=True)
    ros.update(stack.stack_id, _behind(), dry_run=True)
    assert ros.get(stack.stack_id).status == "CREATE_COMPLETE"


def test_a_failed_update_rolls_back(ros: Ros) -> None:
    stack = ros.made(_behind())

    body = _behind()
    body["Resources"]["Role"] = role()
    ros.update(stack.stack_id, body, {"Ids": "i-unknown"})

    settled = ros.settled(stack.stack_id)
    assert settled.status == "ROLLBACK_COMPLETE"
    assert "ObtainIpFail" in settled.status_reason
    assert {each.parameter_key: each.parameter_value for each in settled.parameters}["Ids"] == ""
    assert set(ros.resources(stack.stack_id)) == {"Vpc", "Switch", "Balancer", "Masters"}
    assert ros.store.list("ram-role") == []


def test_resources_come_and_go(ros: Ros) -> None:
    stack = ros.made(template({"A": role("a"), "B": {**role("b"), "DependsOn": "A"}}))

    ros.update(stack.stack_id, template({"C": role("c"), "A": role("a")}))

    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert ros.statuses(stack.stack_id) == {"A": "CREATE_COMPLETE", "C": "CREATE_COMPLETE"}
    assert sorted(each["RoleName"] for each in ros.store.list("ram-role")) == ["a", "c"]


def test_a_fixed_property_changes_only_by_replacement(ros: Ros) -> None:
    stack = ros.made(template({"Vpc": vpc()}))
    old = ros.resources(stack.stack_id)["Vpc"].physical_resource_id
    wider = template({"Vpc": vpc("10.0.0.0/8")})

    ros.update(stack.stack_id, wider)
    assert ros.settled(stack.stack_id).status == "ROLLBACK_COMPLETE"
    assert ros.resources(stack.stack_id)["Vpc"].physical_resource_id == old

    ros.update(stack.stack_id, wider, replacement_option="Enabled")
    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert ros.resources(stack.stack_id)["Vpc"].physical_resource_id != old
    assert [each["CidrBlock"] for each in ros.store.list("vpc")] == ["10.0.0.0/8"]


def test_two_replacements_in_one_update_make_two_resources(ros: Ros) -> None:
    stack = ros.made(template({"A": vpc(), "B": vpc()}))
    body = template({"A": vpc("10.0.0.0/8"), "B": vpc("172.16.0.0/12")})

    ros.update(stack.stack_id, body, replacement_option="Enabled")

    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert {each["CidrBlock"] for each in ros.store.list("vpc")} == {"10.0.0.0/8", "172.16.0.0/12"}


def test_an_update_finishes_what_a_create_left(ros: Ros) -> None:
    ros.made(template({"A": role("taken")}), stack_name="other")
    stack = ros.settled(ros.create(template({"A": role("taken"), "V": vpc()}), disable_rollback=True))
    assert ros.statuses(stack.stack_id)["A"] == "CREATE_FAILED"

    ros.update(stack.stack_id, template({"A": role("free"), "V": vpc()}))

    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert sorted(each["RoleName"] for each in ros.store.list("ram-role")) == ["free", "taken"]


def test_a_tainted_resource_is_made_anew(ros: Ros) -> None:
    body = template({"Vpc": vpc()})
    stack = ros.made(body)
    old = ros.resources(stack.stack_id)["Vpc"].physical_resource_id

    ros.update(stack.stack_id, body, taint_resources=["Vpc"])

    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert ros.resources(stack.stack_id)["Vpc"].physical_resource_id != old


def test_a_role_is_updated_in_place(ros: Ros) -> None:
    stack = ros.made(template({"A": role("a")}))

    ros.update(stack.stack_id, template({"A": role("a", Description="new")}))

    assert ros.settled(stack.stack_id).status == "UPDATE_COMPLETE"
    assert ros.store.list("ram-role")[0]["Description"] == "new"


def test_deleted_stacks_are_told_by_id_only(ros: Ros) -> None:
    stack = ros.made(template({"Vpc": vpc(), "Switch": vswitch()}))

    ros.delete(stack.stack_id)

    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"
    events = ros.events(stack.stack_id)
    assert events.index(("Switch", "DELETE_COMPLETE")) < events.index(("Vpc", "DELETE_IN_PROGRESS"))
    assert ros.store.list("vpc") == []
    with refused("StackNotFound", 404):
        ros.delete(stack.stack_id)
    listed = ros.client.list_stacks(models.ListStacksRequest(region_id=REGION)).body
    assert listed.stacks == []
    by_status = models.ListStacksRequest(region_id=REGION, status=["DELETE_COMPLETE"])
    assert [each.stack_id for each in ros.client.list_stacks(by_status).body.stacks] == [stack.stack_id]


def test_a_delete_that_fails_can_be_repeated(ros: Ros) -> None:
    stack = ros.made(template({"Vpc": vpc()}))
    ros.fail("ECS::VPC", code="DependencyViolation", message="in use", match={"Operation": "DELETE"})

    ros.delete(stack.stack_id)
    failed = ros.settled(stack.stack_id)
    assert failed.status == "DELETE_FAILED"
    assert "DependencyViolation" in failed.status_reason

    ros.delete(stack.stack_id)
    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"


def test_what_somebody_else_removed_is_no_obstacle(ros: Ros) -> None:
    stack = ros.made(template({"Role": role(), "Eip": resource("VPC::EIP")}))
    ros.store.delete("ram-role", "r1")
    ros.store.delete("eip", ros.resources(stack.stack_id)["Eip"].physical_resource_id)

    ros.delete(stack.stack_id)

    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"


@pytest.mark.parametrize("by_policy", [True, False])
def test_retained_resources_stay(ros: Ros, by_policy: bool) -> None:
    policy = {"DeletionPolicy": "Retain"} if by_policy else {}
    stack = ros.made(template({"Keep": {**role("keep"), **policy}, "Go": role("go")}))

    ros.delete(stack.stack_id, retain_resources=None if by_policy else ["Keep"])

    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"
    assert [each["RoleName"] for each in ros.store.list("ram-role")] == ["keep"]


def test_deletion_protection_holds_until_it_is_lifted(ros: Ros) -> None:
    stack = ros.made(template({"A": role()}), deletion_protection="Enabled")
    with refused("InvalidOperation.DeletionProtection"):
        ros.delete(stack.stack_id)
    assert ros.get(stack.stack_id).deletion_protection == "Enabled"

    ros.client.set_deletion_protection(
        models.SetDeletionProtectionRequest(
            region_id=REGION, stack_id=stack.stack_id, deletion_protection="Disabled"
        )
    )

    ros.delete(stack.stack_id)
    assert wait_until(lambda: ros.get(stack.stack_id).status == "DELETE_COMPLETE")
