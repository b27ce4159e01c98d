"""Creation that fails: rollback, its reasons, time-outs and cancellation."""

from __future__ import annotations

import pytest

from tests.localcloud.ros.stacks import Ros, ref, refused, resource, role, template, vpc, vswitch
from tests.localcloud.running import wait_until

_TWO = template({"Vpc": vpc(), "Switch": vswitch(), "Role": role()})


def test_a_failed_resource_rolls_the_stack_back(ros: Ros) -> None:
    ros.fail("ECS::VSwitch", code="QuotaExceeded.VSwitch", message="VSwitch quota exceeded.", status=400)

    stack = ros.settled(ros.create(_TWO))

    reason = (
        "Resource CREATE failed: ResponseException: resources.Switch: VSwitch quota exceeded. "
        "Code: QuotaExceeded.VSwitch"
    )
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert reason in stack.status_reason
    events = ros.events(stack.stack_id)
    assert ("Switch", "CREATE_FAILED") in events
    assert events.index(("c1", "CREATE_FAILED")) < events.index(("c1", "CREATE_ROLLBACK_IN_PROGRESS"))
    assert ros.store.list("vpc") == []
    assert ros.store.list("ram-role") == []
    assert set(ros.statuses(stack.stack_id).values()) == {"DELETE_COMPLETE"}


def test_rollback_goes_in_reverse_order(ros: Ros) -> None:
    ros.fail("RAM::Role", count=1)
    body = template({"Vpc": vpc(), "Switch": vswitch(), "Role": {**role(), "DependsOn": "Switch"}})

    events = ros.events(ros.settled(ros.create(body)).stack_id)

    assert events.index(("Switch", "DELETE_COMPLETE")) < events.index(("Vpc", "DELETE_IN_PROGRESS"))


def test_without_rollback_everything_stays(ros: Ros) -> None:
    ros.fail("ECS::VSwitch", code="QuotaExceeded.VSwitch", match={"LogicalResourceId": "Sw"})

    stack = ros.settled(ros.create(_TWO, disable_rollback=True))

    assert stack.status == "CREATE_FAILED"
    assert stack.operation_info.code == "QuotaExceeded.VSwitch"
    assert stack.operation_info.logical_resource_id == "Switch"
    statuses = ros.statuses(stack.stack_id)
    assert (statuses["Vpc"], statuses["Switch"]) == ("CREATE_COMPLETE", "CREATE_FAILED")
    ros.delete(stack.stack_id)
    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"
    assert ros.store.list("vpc") == []


def test_the_error_of_a_service_reaches_the_reason(ros: Ros) -> None:
    body = template({"Vpc": vpc(), "Switch": vswitch(cidr="10.0.0.0/24")})

    assert "InvalidCidrBlock.Malformed" in ros.settled(ros.create(body)).status_reason


@pytest.mark.parametrize(
    "billing", [{"InstanceChargeType": "PayBySpec"}, {"LoadBalancerSpec": "slb.s1.small"}]
)
def test_load_balancers_by_specification_are_sold_no_more(ros: Ros, billing: dict[str, str]) -> None:
    balancer = resource("SLB::LoadBalancer", {"AddressType": "internet", **billing})

    stack = ros.settled(ros.create(template({"Balancer": balancer})))

    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "PayByCLCU" in stack.status_reason


def test_an_address_is_used_for_snat_only_once_it_is_bound(ros: Ros) -> None:
    body = template(
        {
            "Vpc": vpc(),
            "Switch": vswitch(),
            "Nat": resource("VPC::NatGateway", {"VpcId": ref("Vpc"), "VSwitchId": ref("Switch")}),
            "Eip": resource("VPC::EIP"),
            "Snat": resource(
                "VPC::SnatEntry",
                {
                    "SnatTableId": {"Fn::GetAtt": ["Nat", "SNatTableId"]},
                    "SnatIp": {"Fn::GetAtt": ["Eip", "EipAddress"]},
                    "SourceVSwitchIds": [ref("Switch")],
                },
            ),
        }
    )

    assert "EIP_NOT_IN_GATEWAY" in ros.settled(ros.create(body)).status_reason


def test_a_quick_cancel_breaks_off_and_rolls_back(ros: Ros) -> None:
    ros.fail("RAM::Role", "hang")
    stack_id = ros.create(_TWO)
    assert wait_until(lambda: ros.statuses(stack_id)["Role"] == "CREATE_IN_PROGRESS")

    ros.cancel(stack_id, "Quick")

    stack = ros.settled(stack_id)
    assert stack.status == "CREATE_ROLLBACK_COMPLETE"
    assert "cancelled" in stack.status_reason
    assert ros.store.list("vpc") == []


def test_a_safe_cancel_begins_nothing_more(ros: Ros) -> None:
    ros.fail("ECS::VPC", "latency", seconds=0.5)
    stack_id = ros.create(template({"Vpc": vpc(), "Switch": vswitch()}), disable_rollback=True)

    ros.cancel(stack_id)

    stack = ros.settled(stack_id)
    assert (stack.status, stack.status_reason) == ("CREATE_FAILED", "Stack CREATE was cancelled")
    assert ros.statuses(stack_id) == {"Vpc": "CREATE_COMPLETE"}
    with refused("NotSupported"):
        ros.cancel(stack_id)


def test_a_busy_stack_takes_no_second_operation(ros: Ros) -> None:
    ros.fail("ECS::VPC", "hang")
    stack_id = ros.create(_TWO)

    with refused("ActionInProgress", 409) as caught:
        ros.delete(stack_id)
    assert "Stack c1 already has an action (CREATE) in progress." in caught.value.message
    with refused("ActionInProgress", 409):
        ros.update(stack_id, _TWO)
