"""Creating stacks: what is made, in which order, what the caller sees, what is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ros20190910 import models

from localcloud.core.config import Config, Limits
from tests.localcloud.ros.stacks import (
    REGION,
    Ros,
    att,
    ref,
    refused,
    resource,
    role,
    running_ros,
    template,
    vpc,
    vswitch,
)
from tests.localcloud.running import wait_until

_NETWORK = template(
    {
        "Switch": vswitch(),
        "Vpc": vpc(VpcName={"Fn::Join": ["-", [ref("Name"), "vpc"]]}),
        "Group": resource(
            "ECS::SecurityGroup",
            {
                "VpcId": ref("Vpc"),
                "SecurityGroupName": "sg-1",
                "SecurityGroupIngress": [
                    {"IpProtocol": "tcp", "PortRange": "6443/6443", "SourceCidrIp": "0.0.0.0/0"}
                ],
            },
        ),
        "Nat": resource("VPC::NatGateway", {"VpcId": ref("Vpc"), "VSwitchId": ref("Switch")}),
        "Eip": resource("VPC::EIP", {"Bandwidth": 100, "InternetChargeType": "PayByTraffic"}),
        "Bound": resource("VPC::EIPAssociation", {"AllocationId": ref("Eip"), "InstanceId": ref("Nat")}),
        "Snat": resource(
            "VPC::SnatEntry",
            {
                "SnatTableId": att("Nat", "SNatTableId"),
                "SnatIp": att("Bound", "EipAddress"),
                "SourceVSwitchIds": [ref("Switch")],
            },
        ),
        "Balancer": resource(
            "SLB::LoadBalancer",
            {
                "AddressType": "intranet",
                "VpcId": ref("Vpc"),
                "VSwitchId": ref("Switch"),
                "InstanceChargeType": "PayByCLCU",
            },
        ),
        "Listener": resource(
            "SLB::Listener",
            {
                "LoadBalancerId": ref("Balancer"),
                "ListenerPort": 6443,
                "BackendServerPort": 6443,
                "Protocol": "tcp",
                "Bandwidth": -1,
                "HealthCheck": {"Interval": 2, "Timeout": 3, "HealthyThreshold": 2},
            },
        ),
        "Attachment": resource(
            "SLB::BackendServerAttachment", {"LoadBalancerId": ref("Balancer"), "BackendServerList": []}
        ),
        "Role": role({"Fn::Sub": "${Name}-role"}),  # type: ignore[arg-type]
    },
    Parameters={"Name": {"Type": "String", "Default": "c1"}, "Secret": {"Type": "String", "NoEcho": True}},
    Outputs={
        "VpcName": {"Value": att("Vpc", "VpcName"), "Description": "its name"},
        "Ids": {"Value": {"vpc": ref("Vpc"), "switches": [ref("Switch")]}},
        "Address": {"Value": att("Balancer", "IpAddress")},
        "Eip": {"Value": att("Eip", "EipAddress")},
        "Arn": {"Value": att("Role", "Arn")},
        "Stack": {"Value": {"Fn::Join": ["/", [ref("ALIYUN::StackName"), ref("ALIYUN::StackId")]]}},
    },
)


def test_everything_is_made_and_told(ros: Ros) -> None:
    stack = ros.made(_NETWORK, {"Secret": "hush"}, tags=[models.CreateStackRequestTags(key="k", value="v w")])

    assert stack.status_reason == "Stack CREATE completed successfully"
    assert stack.stack_name == "c1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stack.create_time)
    assert [(tag.key, tag.value) for tag in stack.tags] == [("k", "v w")]
    parameters = {each.parameter_key: each.parameter_value for each in stack.parameters}
    assert parameters["Name"] == "c1"
    assert parameters["Secret"] == "******"
    assert parameters["ALIYUN::StackId"] == stack.stack_id
    assert parameters["ALIYUN::AccountId"] == ros.cloud.access.account_id
    outputs = ros.outputs(stack.stack_id)
    assert outputs["VpcName"] == "c1-vpc"
    resources = ros.resources(stack.stack_id)
    assert outputs["Ids"] == {
        "vpc": resources["Vpc"].physical_resource_id,
        "switches": [resources["Switch"].physical_resource_id],
    }
    assert outputs["Address"].startswith("192.168.1.")
    assert outputs["Eip"].startswith("127.47.")
    assert outputs["Arn"] == f"acs:ram::{ros.cloud.access.account_id}:role/c1-role"
    assert outputs["Stack"] == f"c1/{stack.stack_id}"
    assert set(ros.statuses(stack.stack_id).values()) == {"CREATE_COMPLETE"}
    assert ros.store.list("vpc")[0]["Tags"] == [{"Key": "k", "Value": "v w"}]


def test_a_listener_gets_the_health_check_of_the_template(ros: Ros) -> None:
    ros.made(_NETWORK, {"Secret": "hush"})

    (balancer,) = ros.fabric.balancers.values()
    (listener,) = balancer.listeners
    assert (listener.port, listener.backend_port) == (6443, 6443)
    assert listener.check is not None
    assert (listener.check.interval, listener.check.timeout) == (2, 3)
    assert listener.check.healthy_threshold == 2


def test_nothing_begins_before_what_it_waits_for_is_complete(ros: Ros) -> None:
    stack = ros.made(_NETWORK, {"Secret": "hush"})

    events = ros.events(stack.stack_id)
    assert events[0] == ("c1", "CREATE_IN_PROGRESS")
    assert events[-1] == ("c1", "CREATE_COMPLETE")
    for before, after in [("Vpc", "Switch"), ("Switch", "Nat"), ("Nat", "Bound"), ("Bound", "Snat")]:
        assert events.index((before, "CREATE_COMPLETE")) < events.index((after, "CREATE_IN_PROGRESS"))


def test_what_does_not_wait_for_each_other_runs_together(ros: Ros) -> None:
    ros.fail("RAM::Role", "hang", count=2)
    stack_id = ros.create(template({"A": role("a"), "B": role("b")}))

    assert wait_until(
        lambda: ros.statuses(stack_id) == {"A": "CREATE_IN_PROGRESS", "B": "CREATE_IN_PROGRESS"}
    )


def test_parallelism_bounds_what_runs_together(ros: Ros) -> None:
    ros.fail("RAM::Role", "hang")
    stack_id = ros.create(template({"A": role("a"), "B": role("b")}), parallelism=1)

    assert wait_until(lambda: "CREATE_IN_PROGRESS" in ros.statuses(stack_id).values())
    assert sorted(ros.statuses(stack_id).values()) == ["CREATE_IN_PROGRESS", "INIT_COMPLETE"]


def test_a_false_condition_leaves_resource_and_output_out(ros: Ros) -> None:
    body = template(
        {"A": role("a"), "B": {**role("b"), "Condition": "Wanted"}},
        Parameters={"Want": {"Type": "Boolean", "Default": False}},
        Conditions={"Wanted": {"Fn::Equals": [ref("Want"), True]}},
        Outputs={"B": {"Condition": "Wanted", "Value": ref("B")}, "A": {"Value": ref("A")}},
    )

    without, with_it = (
        ros.made(body),
        ros.made(
            {**body, "Resources": {"A": role("a2"), "B": {**role("b2"), "Condition": "Wanted"}}},
            {"Want": "true"},
            stack_name="c2",
        ),
    )

    assert set(ros.resources(without.stack_id)) == {"A"}
    assert ros.outputs(without.stack_id) == {"A": "a"}
    assert ros.outputs(with_it.stack_id) == {"A": "a2", "B": "b2"}


def test_the_same_token_gives_the_same_stack(ros: Ros) -> None:
    body = template({"A": role()})

    first = ros.create(body, client_token="t-1")
    again = ros.create(body, client_token="t-1")

    assert first == again
    with refused("IdempotentParameterMismatch"):
        ros.create(body, client_token="t-1", timeout_in_minutes=20)


def test_a_living_name_is_taken_and_a_deleted_one_is_free(ros: Ros) -> None:
    body = template({"A": role()})
    stack = ros.made(body)
    with refused("StackExists", 409) as caught:
        ros.create(body)
    assert "The Stack (c1) already exists." in caught.value.message
    ros.delete(stack.stack_id)
    assert ros.settled(stack.stack_id).status == "DELETE_COMPLETE"

    assert ros.made(body).stack_id != stack.stack_id


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"timeout_in_minutes": 9}, "InvalidParameter"),
        ({"timeout_in_minutes": 1441}, "InvalidParameter"),
        ({"stack_name": "1c"}, "InvalidParameter"),
        ({"stack_name": "c" * 256}, "InvalidParameter"),
        ({"client_token": "not valid!"}, "InvalidParameter"),
        ({"deletion_protection": "Yes"}, "InvalidParameter"),
        ({"stack_policy_body": "{}"}, "NotSupported"),
        ({"template_url": "oss://b/t"}, "NotSupported"),
    ],
)
def test_bad_parameters_of_the_call_are_refused(ros: Ros, more: dict[str, Any], code: str) -> None:
    with refused(code):
        ros.create(template({"A": role()}), **more)
    assert ros.store.list("ros-stack") == []


def test_template_parameters_are_checked_before_anything_is_made(ros: Ros) -> None:
    body = template(
        {"A": role("a")},
        Parameters={
            "Must": {"Type": "String", "MinLength": 2},
            "Count": {"Type": "Number", "Default": 1, "MaxValue": 3},
            "Zone": {"Type": "String", "Default": "h", "AllowedValues": ["h", "k"]},
        },
    )
    with refused("UserParameterMissing"):
        ros.create(body)
    with refused("UnknownUserParameter"):
        ros.create(body, {"Must": "ab", "Other": "x"})
    for name, value in [("Must", "a"), ("Count", "4"), ("Count", "many"), ("Zone", "z")]:
        with refused("StackValidationFailed"):
            ros.create(body, {"Must": "ab", name: value})
    assert ros.store.list("ros-stack") == []


def test_the_quota_of_stacks_holds(tmp_path: Path) -> None:
    with running_ros(tmp_path / "cloud", config=Config(limits=Limits(stacks=1))) as ros:
        ros.made(template({"A": role("a")}))
        with refused("StackQuotaExceeded", 403):
            ros.create(template({"A": role("b")}), stack_name="c2")


def test_unknown_places_and_stacks_are_refused(ros: Ros) -> None:
    with refused("InvalidRegionId.NotFound", 404):
        ros.client.get_stack(models.GetStackRequest(region_id="cn-nowhere", stack_id="x"))
    with refused("MissingStackId"):
        ros.client.get_stack(models.GetStackRequest(region_id=REGION))
    with refused("StackNotFound", 404):
        ros.get("00000000-0000-0000-0000-000000000000")
