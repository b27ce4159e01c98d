"""Reading stacks: paging, filters, previews, templates, progress; and raw HTTP."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
import requests
from alibabacloud_ros20190910 import models

from tests.localcloud.ros.stacks import REGION, Ros, ref, refused, resource, role, template, vpc, vswitch
from tests.localcloud.running import wait_until


def test_events_come_newest_first_in_pages(ros: Ros) -> None:
    stack = ros.made(template({name: role(name) for name in ("a", "b", "c", "d", "e", "f")}))

    first = _events(ros, stack.stack_id)
    second = _events(ros, stack.stack_id, page_number=2)

    assert (first.page_number, first.page_size, first.total_count) == (1, 10, 14)
    assert first.events[0].status == "CREATE_COMPLETE"
    assert first.events[0].resource_type == "ALIYUN::ROS::Stack"
    assert (len(first.events), len(second.events)) == (10, 4)
    assert second.events[-1].status_reason == "Stack CREATE started"
    assert len({each.event_id for each in (*first.events, *second.events)}) == 14
    with refused("InvalidParameter"):
        _events(ros, stack.stack_id, page_size=51)


def test_events_are_filtered(ros: Ros) -> None:
    stack = ros.made(template({"A": role("a"), "Vpc": vpc()}))

    by_type = _events(ros, stack.stack_id, resource_type=["ALIYUN::ECS::VPC"])
    by_both = _events(ros, stack.stack_id, logical_resource_id=["A"], status=["CREATE_COMPLETE"])

    assert {each.logical_resource_id for each in by_type.events} == {"Vpc"}
    (event,) = by_both.events
    assert (event.logical_resource_id, event.physical_resource_id) == ("A", "a")


def test_stacks_are_filtered_and_paged(ros: Ros) -> None:
    tag = models.CreateStackRequestTags(key="wdrip", value="x")
    for number in range(3):
        ros.made(template({"A": role(f"r{number}")}), stack_name=f"c{number}", tags=[tag] if number else None)

    def listed(**more: object) -> list[str]:
        request = models.ListStacksRequest(region_id=REGION, **more)
        return [each.stack_name for each in ros.client.list_stacks(request).body.stacks]

    assert listed() == ["c2", "c1", "c0"]
    assert listed(page_size=2, page_number=2) == ["c0"]
    assert listed(stack_name=["c1"]) == ["c1"]
    assert listed(tag=[models.ListStacksRequestTag(key="wdrip", value="x")]) == ["c2", "c1"]
    assert listed(status=["CREATE_FAILED"]) == []
    assert listed(end_time="2020-01-01T00:00:00Z") == []


def test_progress_is_told_while_a_stack_is_made(ros: Ros) -> None:
    ros.fail("RAM::Role", "hang", match={"LogicalResourceId": "B"})
    stack_id = ros.create(template({"A": role("a"), "B": role("b"), "C": {**role("c"), "DependsOn": "B"}}))
    assert wait_until(lambda: ros.statuses(stack_id)["A"] == "CREATE_COMPLETE")

    counted = ros.get(stack_id, show_resource_progress="EnabledIfCreateStack").resource_progress
    percent = ros.get(stack_id, show_resource_progress="PercentageOnly").resource_progress

    assert ros.statuses(stack_id)["C"] == "INIT_COMPLETE"
    assert (counted.total_resource_count, counted.success_resource_count) == (3, 1)
    assert (counted.in_progress_resource_count, counted.pending_resource_count) == (1, 1)
    assert counted.in_progress_resource_details[0].resource_name == "B"
    assert percent.stack_operation_progress == 33


def test_a_resource_tells_its_attributes_when_asked(ros: Ros) -> None:
    stack = ros.made(template({"Vpc": {**vpc(VpcName="v"), "Metadata": {"a": 1}, "Description": "mine"}}))
    asked = models.GetStackResourceRequest(
        region_id=REGION, stack_id=stack.stack_id, logical_resource_id="Vpc", show_resource_attributes=True
    )

    found = ros.client.get_stack_resource(asked).body

    attributes = {
        each["ResourceAttributeKey"]: each["ResourceAttributeValue"] for each in found.resource_attributes
    }
    assert attributes["VpcName"] == "v"
    assert attributes["VpcId"] == found.physical_resource_id
    assert (found.metadata, found.description) == ({"a": 1}, "mine")


def test_a_template_comes_back_as_sent(ros: Ros) -> None:
    text = json.dumps(template({"A": role()}, Description="mine"))
    stack = ros.made(text)

    answer = ros.client.get_template(models.GetTemplateRequest(region_id=REGION, stack_id=stack.stack_id))

    assert (answer.body.template_body, answer.body.description) == (text, "mine")
    assert ros.get(stack.stack_id).template_description == "mine"


def test_a_preview_changes_nothing(ros: Ros) -> None:
    body = template({"Vpc": vpc(), "Switch": vswitch()})
    preview = models.PreviewStackRequest(
        region_id=REGION, stack_name="c1", template_body=json.dumps(body), timeout_in_minutes=20
    )

    stack = ros.client.preview_stack(preview).body.stack

    assert {each.logical_resource_id: each.action for each in stack.resources} == {
        "Vpc": "Add",
        "Switch": "Add",
    }
    (switch,) = [each for each in stack.resources if each.logical_resource_id == "Switch"]
    assert switch.properties["VpcId"] is None
    assert next(each for each in stack.resources if each.logical_resource_id == "Vpc").required_by == [
        "Switch"
    ]
    assert ros.store.list("ros-stack") == ros.store.list("vpc") == []


def test_a_preview_of_an_update_names_what_changes(ros: Ros) -> None:
    stack_id = ros.made(template({"Vpc": vpc(), "A": role("a"), "Gone": role("g")})).stack_id
    body = template({"Vpc": vpc("10.0.0.0/8"), "A": role("a", Description="new"), "New": role("n")})

    answer = ros.client.preview_stack(
        models.PreviewStackRequest(region_id=REGION, stack_id=stack_id, template_body=json.dumps(body))
    )

    actions = {each.logical_resource_id: each.action for each in answer.body.stack.resources}
    assert actions == {"Vpc": "Modify", "A": "Modify", "New": "Add", "Gone": "Remove"}
    replaced = {each.logical_resource_id: each.replacement for each in answer.body.stack.resources}
    assert (replaced["Vpc"], replaced["A"]) == ("True", "False")
    assert ros.get(stack_id).status == "CREATE_COMPLETE"


def test_validation_describes_the_template(ros: Ros) -> None:
    body = template(
        {"A": role("a"), "B": role("b"), "Vpc": vpc(ref("Range"))},  # type: ignore[arg-type]
        Description="mine",
        Parameters={
            "Range": {"Type": "String", "Description": "CIDR"},
            "Secret": {"Type": "String", "NoEcho": True, "Default": "hush"},
        },
        Outputs={"Id": {"Value": ref("Vpc"), "Description": "its id"}},
    )

    answer = ros.validate(body)

    assert answer.description == "mine"
    parameters = {each["ParameterKey"]: each for each in answer.parameters}
    assert parameters["Range"]["Type"] == "String"
    assert "Default" not in parameters["Secret"]
    assert [each.output_key for each in answer.outputs] == ["Id"]
    assert answer.resource_types.resources == ["ALIYUN::ECS::VPC", "ALIYUN::RAM::Role"]


@pytest.mark.parametrize("query", [{"Action": "GetStack", "Version": "2019-09-10"}, {}])
def test_unsigned_calls_are_refused(ros: Ros, query: dict[str, str]) -> None:
    url = f"{ros.cloud.access.endpoints['ros']}/?{urlencode(query)}"
    answer = requests.post(url, timeout=5, proxies={"http": ""})

    assert answer.status_code in (400, 403)
    assert answer.json()["Code"]


def test_unknown_properties_of_a_backend_are_refused(ros: Ros) -> None:
    attachment = resource("SLB::BackendServerAttachment", {"LoadBalancerId": "lb-1", "Backends": [ref("A")]})

    with refused("StackValidationFailed") as caught:
        ros.create(template({"A": role(), "B": attachment}))
    assert "Unknown Property Backends" in caught.value.message


def _events(ros: Ros, stack_id: str, **more: object) -> models.ListStackEventsResponseBody:
    request = models.ListStackEventsRequest(region_id=REGION, stack_id=stack_id, **more)
    return ros.client.list_stack_events(request).body
