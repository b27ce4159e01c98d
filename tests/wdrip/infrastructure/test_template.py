"""The template makes what a cluster needs, and a strict ROS carries it out."""

import json
from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.localcloud.ros.stacks import Ros, running_ros
from tests.world.guide import guide_config
from wdrip.infrastructure.template import outputs_of, stack_parameters, stack_template
from wdrip.models.cluster_config import ClusterConfig

NAME = "kubernetes-id-001"
CONFIG = guide_config(NAME)


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[Ros]:
    with running_ros(tmp_path / "cloud") as running:
        yield running


def in_zones(*zones: str) -> ClusterConfig:
    iaas = CONFIG.iaas.model_copy(update={"zones": list(zones)})
    return CONFIG.model_copy(update={"iaas": iaas})


def resources(config: ClusterConfig, kind: str) -> dict[str, dict[str, Any]]:
    """Properties of the template's resources of one type, by logical id."""
    found = stack_template(config)["Resources"]
    return {name: each["Properties"] for name, each in found.items() if each["Type"] == f"ALIYUN::{kind}"}


def ids(ros: Ros, stack_id: str) -> dict[str, str]:
    """Physical id of every resource of the stack, by logical id."""
    return {name: each.physical_resource_id for name, each in ros.resources(stack_id).items()}


def test_ros_makes_the_stack_and_its_outputs_are_complete(ros: Ros) -> None:
    template = stack_template(CONFIG)
    ros.validate(template)
    stack = ros.made(template, stack_parameters(NAME), stack_name=NAME)
    outputs = outputs_of(stack.stack_id, ros.outputs(stack.stack_id))
    assert outputs.stack_id == stack.stack_id
    assert set(outputs.vswitch_ids) == {"cn-hangzhou-k"}
    assert all(outputs.model_dump().values())
    assert outputs.private_endpoint != outputs.public_endpoint
    assert outputs.master_role == f"{NAME}-master-role"


def test_a_stack_in_three_zones_has_a_vswitch_in_each(ros: Ros) -> None:
    config = in_zones("cn-hangzhou-h", "cn-hangzhou-i")
    stack = ros.made(stack_template(config), stack_parameters(NAME), stack_name=NAME)
    outputs = outputs_of(stack.stack_id, ros.outputs(stack.stack_id))
    assert set(outputs.vswitch_ids) == {"cn-hangzhou-k", "cn-hangzhou-h", "cn-hangzhou-i"}
    assert len(set(outputs.vswitch_ids.values())) == 3


def test_two_clusters_stand_beside_each_other(ros: Ros) -> None:
    for name in ("one", "two"):
        config = guide_config(name)
        ros.made(stack_template(config), stack_parameters(name), stack_name=name)


def test_masters_come_and_go_behind_the_load_balancer_by_parameter_alone(ros: Ros) -> None:
    template = stack_template(CONFIG)
    stack_id = ros.made(template, stack_parameters(NAME), stack_name=NAME).stack_id
    assert "ApiBackends" not in ros.resources(stack_id)
    outputs = outputs_of(stack_id, ros.outputs(stack_id))
    for number in (1, 2, 3):
        place = {"VpcId": outputs.vpc_id, "VSwitchId": outputs.vswitch_ids["cn-hangzhou-k"], "Mac": ""}
        place |= {"OwnerId": f"i-{number}", "Address": f"192.168.0.{number}"}
        ros.store.put("interface", f"i-{number}", place)
    for masters in (["i-1"], ["i-1", "i-2", "i-3"], ["i-2"], []):
        before = ids(ros, stack_id)
        ros.update(stack_id, template, stack_parameters(NAME, masters))
        assert ros.settled(stack_id).status == "UPDATE_COMPLETE", ros.events(stack_id)
        after = ids(ros, stack_id)
        assert ("ApiBackends" in after) is bool(masters)
        for either in (before, after):
            either.pop("ApiBackends", None)
        assert before == after


def test_no_machine_is_in_the_stack() -> None:
    kinds = {each["Type"] for each in stack_template(CONFIG)["Resources"].values()}
    assert not kinds & {"ALIYUN::ECS::Instance", "ALIYUN::ECS::InstanceGroup", "ALIYUN::ESS::ScalingGroup"}


def test_a_zone_added_later_moves_no_vswitch() -> None:
    before = resources(CONFIG, "ECS::VSwitch")
    after = resources(in_zones("cn-hangzhou-h"), "ECS::VSwitch")
    assert before.items() <= after.items()


def test_vswitches_lie_in_the_vpc_and_apart() -> None:
    config = in_zones(*(f"cn-hangzhou-{letter}" for letter in "bcdefgh"))
    (vpc,) = (IPv4Network(each["CidrBlock"]) for each in resources(config, "ECS::VPC").values())
    ranges = [IPv4Network(each["CidrBlock"]) for each in resources(config, "ECS::VSwitch").values()]
    assert len(ranges) == 8
    assert all(each.subnet_of(vpc) for each in ranges)
    assert not any(one.overlaps(other) for one in ranges for other in ranges if one != other)


def test_from_outside_only_the_api_server_is_reached() -> None:
    (group,) = resources(CONFIG, "ECS::SecurityGroup").values()
    open_to_all = [rule for rule in group["SecurityGroupIngress"] if rule["SourceCidrIp"] == "0.0.0.0/0"]
    assert [(rule["IpProtocol"], rule["PortRange"]) for rule in open_to_all] == [("tcp", "6443/6443")]
    inside = {rule["SourceCidrIp"] for rule in group["SecurityGroupIngress"]} - {"0.0.0.0/0"}
    assert inside == {"192.168.0.0/16", "172.16.0.0/16"}


def test_the_load_balancer_is_internal_with_an_address_bound_to_it() -> None:
    (balancer,) = resources(CONFIG, "SLB::LoadBalancer").values()
    assert (balancer["AddressType"], balancer["InstanceChargeType"]) == ("intranet", "PayByCLCU")
    bound = [each["InstanceId"] for each in resources(CONFIG, "VPC::EIPAssociation").values()]
    assert {"Ref": "ApiLoadBalancer"} in bound


def test_the_order_of_masters_does_not_change_the_parameters() -> None:
    assert stack_parameters(NAME, ["i-2", "i-1"]) == stack_parameters(NAME, ["i-1", "i-2"])
    assert stack_parameters(NAME)["MasterInstanceIds"] == ""


def test_an_output_that_is_missing_is_named() -> None:
    with pytest.raises(KeyError, match="VpcId"):
        outputs_of("stack", {})


@given(name=st.from_regex(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True))
def test_names_of_every_length_fit_the_services(name: str) -> None:
    config = CONFIG.model_copy(update={"clusterid": name})
    roles = [each["RoleName"] for each in resources(config, "RAM::Role").values()]
    assert len(set(roles)) == 2
    assert all(len(role) <= 64 and role.endswith("-role") for role in roles)
    # 524,288 bytes are ROS' own limit for a template.
    assert len(json.dumps(stack_template(config))) < 524_288


def test_long_names_that_differ_at_the_end_get_different_roles() -> None:
    one, other = (
        {each["RoleName"] for each in resources(guide_config("a" * 53 + last), "RAM::Role").values()}
        for last in "xy"
    )
    assert not one & other
