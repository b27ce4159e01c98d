"""Bad templates are refused with the code of the mistake; good ones pass, in JSON and YAML."""

from __future__ import annotations

from typing import Any

import pytest

from tests.localcloud.ros.stacks import Ros, att, ref, refused, resource, role, template, vpc, vswitch

_V = "ROSTemplateFormatVersion"
_P = {"P": {"Type": "String", "Default": "x"}}
_YAML = """
ROSTemplateFormatVersion: 2015-09-01
Parameters:
  Zones: {Type: CommaDelimitedList, Default: "cn-hangzhou-h, cn-hangzhou-k"}
Conditions:
  Two: !Equals [{Fn::Length: !Ref Zones}, 2]
Mappings:
  Ranges: {second: {cidr: 192.168.2.0/24}}
Resources:
  Vpc:
    Type: ALIYUN::ECS::VPC
    Properties: {CidrBlock: 192.168.0.0/16, VpcName: !Sub "${ALIYUN::StackName}-vpc"}
  Second:
    Type: ALIYUN::ECS::VSwitch
    Condition: Two
    Properties:
      VpcId: !GetAtt Vpc.VpcId
      ZoneId: !Select [1, !Ref Zones]
      CidrBlock: !FindInMap [Ranges, second, cidr]
      Description: !If [Two, "of two", !Ref "ALIYUN::NoValue"]
Outputs:
  Zone: {Value: !Join ["/", [!Ref Second, !Select [0, !GetAZs ""]]]}
"""


def _with(**changes: Any) -> dict[str, Any]:
    return {**template({"A": role()}), **changes}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("not: [a template", "InvalidTemplate"),
        ("[]", "InvalidTemplate"),
        ("{", "InvalidTemplate"),
        (_with(**{_V: "2010-09-09"}), "InvalidTemplateVersion"),
        ({"Resources": {"A": role()}}, "InvalidTemplateVersion"),
        (_with(Resource={}), "InvalidTemplateSection"),
        (_with(Transform="x"), "NotSupported"),
        (_with(Parameters=[]), "InvalidTemplateSection"),
        (_with(Parameters={"P": {"Type": "Text"}}), "InvalidSchema"),
        (_with(Parameters={"P": {"Type": "String", "Defualt": "x"}}), "InvalidSchema"),
        (_with(Parameters={"P": {"Type": "Number", "Default": "x"}}), "InvalidSchema"),
        (_with(Parameters={"P": {"Type": "String", "AllowedPattern": "("}}), "InvalidSchema"),
        (_with(Outputs={"O": {}}), "StackValidationFailed"),
        (_with(Outputs={"O": {"Value": 1, "Export": 1}}), "InvalidTemplateSection"),
        (_with(Outputs={"O": {"Value": ref("Nothing")}}), "InvalidTemplateReference"),
        (_with(Outputs={"O": {"Value": att("A", "Nothing")}}), "InvalidTemplateAttribute"),
        (_with(Outputs={"O": {"Value": 1, "Condition": "No"}}), "InvalidTemplateReference"),
        (template({}), "StackValidationFailed"),
        (template({"A": {"Properties": {}}}), "StackValidationFailed"),
        (template({"A": {**role(), "Depends": "B"}}), "InvalidTemplateSection"),
        (template({"A": {**role(), "Count": 2}}), "NotSupported"),
        (template({"A": {**role(), "DependsOn": "B"}}), "InvalidTemplateReference"),
        (template({"A": {**role(), "Condition": "No"}}), "InvalidTemplateReference"),
        (template({"A": {**role(), "DeletionPolicy": "Keep"}}), "StackValidationFailed"),
        (template({"A": resource("ECS::Nothing")}), "StackValidationFailed"),
        (template({"A": vpc(Colour="red")}), "StackValidationFailed"),
        (template({"A": vpc(EnableIpv6=True)}), "NotSupported"),
        (template({"A": resource("ECS::VSwitch", {"VpcId": "v"})}), "StackValidationFailed"),
        (template({"A": vpc(VpcName={"Fn::Nothing": 1})}), "InvalidTemplate"),
        (template({"A": vpc(VpcName={"Fn::Join": "x"})}), "InvalidTemplatePropertyType"),
        (template({"A": vpc(VpcName=ref("Nothing"))}), "InvalidTemplateReference"),
        (template({"A": vpc(VpcName={"Fn::Sub": "${Nothing}"})}), "InvalidTemplateReference"),
        (template({"A": vpc(VpcName={"Fn::FindInMap": ["a", "b", "c"]})}), "InvalidTemplateReference"),
        (template({"A": vpc(VpcName={"Fn::If": ["No", "a", "b"]})}), "InvalidTemplateReference"),
        (template({"A": vpc(), "B": vpc(VpcName=att("A", "Colour"))}), "InvalidTemplateAttribute"),
        (template({"A": vpc(VpcName=ref("B")), "B": vpc(VpcName=ref("A"))}), "CircularDependency"),
        (template({"A": {**vpc(), "DependsOn": "A"}}), "CircularDependency"),
        (
            template({"A": role()}, Conditions={"X": {"Fn::Not": ["Y"]}, "Y": {"Fn::Not": ["X"]}}),
            "CircularDependency",
        ),
        (
            template({"A": role()}, Conditions={"X": {"Fn::Equals": [ref("A"), 1]}}),
            "InvalidTemplateReference",
        ),
        (template({"P": role()}, Parameters=_P), "InvalidTemplate"),
        (
            template(
                {"A": {**role(), "Condition": "No"}, "B": role(Description=ref("A"), name="b")},
                Conditions={"No": {"Fn::Equals": [1, 2]}},
            ),
            "InvalidTemplateReference",
        ),
        (
            template({"S": resource("ECS::SecurityGroup", {"SecurityGroupName": "s1"})}),
            "StackValidationFailed",
        ),
    ],
)
def test_mistakes_are_refused(idle_ros: Ros, body: Any, code: str) -> None:
    with refused(code):
        idle_ros.validate(body)
    with refused(code):
        idle_ros.create(body)
    assert idle_ros.store.list("ros-stack") == []


def test_the_cycle_is_named_without_what_hangs_on_it(idle_ros: Ros) -> None:
    body = template({"A": vpc(VpcName=ref("B")), "B": vpc(VpcName=ref("A")), "C": vpc(VpcName=ref("B"))})

    with refused("CircularDependency") as caught:
        idle_ros.validate(body)
    assert "Circular Dependency Found: A, B" in caught.value.message


def test_a_value_from_a_parameter_is_checked_before_anything_is_made(ros: Ros) -> None:
    listener = resource(
        "SLB::Listener",
        {
            "LoadBalancerId": "lb-1",
            "ListenerPort": ref("Port"),
            "BackendServerPort": 6443,
            "Protocol": "tcp",
            "Bandwidth": -1,
        },
    )
    body = template({"Listener": listener}, Parameters={"Port": {"Type": "Number"}})
    ros.validate(body)

    with refused("StackValidationFailed") as caught:
        ros.create(body, {"Port": "70000"})
    assert "Resources.Listener.Properties.ListenerPort" in caught.value.message


def test_yaml_with_short_functions_makes_a_stack(ros: Ros) -> None:
    stack = ros.made(_YAML)

    (switch,) = ros.store.list("vswitch")
    assert switch["ZoneId"] == "cn-hangzhou-k"
    assert switch["CidrBlock"] == "192.168.2.0/24"
    assert ros.store.list("vpc")[0]["VpcName"] == "c1-vpc"
    assert ros.outputs(stack.stack_id)["Zone"] == f"{switch['VSwitchId']}/cn-hangzhou-b"


def test_a_false_condition_takes_the_dependency_away(ros: Ros) -> None:
    body = template(
        {
            "Made": vpc(),
            "Switch": {**vswitch(vpc_id={"Fn::If": ["Own", ref("Made"), "vpc-given"]}), "Condition": "Own"},
            "Free": {**vpc(VpcName={"Fn::If": ["Own", ref("Switch"), "given"]})},
        },
        Conditions={"Own": {"Fn::Equals": ["a", "b"]}},
    )

    stack = ros.made(body)

    assert set(ros.resources(stack.stack_id)) == {"Made", "Free"}


def test_a_template_has_a_limit(idle_ros: Ros) -> None:
    with refused("InvalidTemplate"):
        idle_ros.validate(_with(Description="x" * 524288))
