"""Stacks through the typed client, against a ROS that verifies signatures and templates."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.localcloud.ros.stacks import Ros, ref, resource, running_ros, template, vpc
from tests.localcloud.running import wait_until
from tests.wdrip.clients.conftest import MakeProvider
from wdrip.clients.errors import AlreadyExistsError, NothingToChangeError
from wdrip.clients.ros import RosClient, Stack
from wdrip.errors import InvalidInput, PermanentError, TemporaryError
from wdrip.models.provider_config import Provider

TEMPLATE = template(
    {"Vpc": vpc()},
    Parameters={"Name": {"Type": "String", "Default": "one"}},
    Outputs={"VpcId": {"Value": ref("Vpc")}, "Both": {"Value": [ref("Vpc"), ref("Name")]}},
)


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[Ros]:
    with running_ros(tmp_path / "cloud") as running:
        yield running


@pytest.fixture
def provider(ros: Ros, provider_of: MakeProvider) -> Provider:
    return provider_of(ros.cloud.access, "wdrip-index")


@pytest.fixture
def client(provider: Provider) -> RosClient:
    return RosClient(provider)


def create(client: RosClient, name: str = "c1", token: str = "token-1", **parameters: str) -> str:
    return client.create_stack(name, TEMPLATE, parameters, token, {"wdrip/cluster": name})


def settled(client: RosClient, stack_id: str) -> Stack:
    stacks: list[Stack] = []

    def over() -> bool:
        stack = client.stack(stack_id)
        assert stack is not None
        stacks.append(stack)
        return not stack.in_progress

    assert wait_until(over)
    return stacks[-1]


def test_a_stack_is_created_with_parameters_tags_and_outputs(client: RosClient) -> None:
    stack = settled(client, create(client, Name="two"))
    assert stack.created, stack.reason
    assert stack.name == "c1"
    assert stack.tags == {"wdrip/cluster": "c1"}
    assert stack.outputs["Both"] == [stack.outputs["VpcId"], "two"]


def test_the_same_token_gives_the_same_stack(client: RosClient) -> None:
    assert create(client) == create(client)


def test_a_lost_answer_makes_no_second_stack(client: RosClient, ros: Ros) -> None:
    ros.cloud.admin.add_fault("ros", "CreateStack", "lost_reply", count=1)
    with pytest.raises(TemporaryError):
        create(client)
    stack_id = create(client)
    assert client.find_stack("c1") == stack_id


def test_a_taken_name_is_told_apart(client: RosClient) -> None:
    settled(client, create(client))
    with pytest.raises(AlreadyExistsError):
        create(client, token="token-2")


def test_a_stack_is_found_by_name_until_it_is_deleted(client: RosClient) -> None:
    assert client.find_stack("c1") is None
    stack_id = create(client)
    assert client.find_stack("c1") == stack_id
    settled(client, stack_id)
    client.delete_stack(stack_id)
    assert settled(client, stack_id).deleted
    assert client.find_stack("c1") is None


def test_an_update_changes_parameters_and_a_second_one_finds_nothing_to_do(client: RosClient) -> None:
    stack_id = create(client)
    settled(client, stack_id)
    client.update_parameters(stack_id, TEMPLATE, {"Name": "three"}, "token-2")
    stack = settled(client, stack_id)
    assert stack.created, stack.reason
    assert stack.outputs["Both"][1] == "three"
    with pytest.raises(NothingToChangeError):
        client.update_parameters(stack_id, TEMPLATE, {"Name": "three"}, "token-3")


def test_an_update_of_a_stack_at_work_is_temporary(client: RosClient, ros: Ros) -> None:
    ros.fail("ECS::VPC", "latency", seconds=1)
    stack_id = create(client)
    with pytest.raises(TemporaryError, match="ActionInProgress"):
        client.update_parameters(stack_id, TEMPLATE, {"Name": "three"}, "token-2")


def test_resources_and_events_tell_what_happened(client: RosClient) -> None:
    stack_id = create(client)
    settled(client, stack_id)
    (made,) = client.resources(stack_id)
    assert (made.name, made.type, made.status) == ("Vpc", "ALIYUN::ECS::VPC", "CREATE_COMPLETE")
    assert made.physical_id.startswith("vpc-")
    assert made.created is not None
    assert made.created.utcoffset() is not None
    told = [(event.name, event.status) for event in reversed(client.events(stack_id))]
    assert told[0] == ("c1", "CREATE_IN_PROGRESS")
    assert ("Vpc", "CREATE_COMPLETE") in told


def test_events_of_many_pages_are_whole(client: RosClient) -> None:
    many = template({f"Vpc{number}": vpc() for number in range(30)})
    stack_id = client.create_stack("c1", many, {}, "token-1", {})
    settled(client, stack_id)
    events = client.events(stack_id)
    assert len(events) == 2 * (30 + 1)
    assert len({event.event_id for event in events}) == len(events)


def test_why_a_stack_failed_is_told_by_resource(client: RosClient, ros: Ros) -> None:
    ros.fail("ECS::VPC", code="QuotaExceeded.Vpc", status=400, message="No more VPCs.")
    stack_id = create(client)
    stack = settled(client, stack_id)
    assert stack.status == "CREATE_FAILED"
    assert not stack.created
    (reason,) = client.failures(stack_id)
    assert reason.startswith("Vpc (ALIYUN::ECS::VPC): ")
    assert "No more VPCs." in reason


def test_a_failed_create_is_not_rolled_back_behind_our_back(client: RosClient, ros: Ros) -> None:
    ros.fail("ECS::VPC")
    stack_id = create(client)
    assert settled(client, stack_id).status == "CREATE_FAILED"
    assert client.find_stack("c1") == stack_id


def test_what_ros_does_not_know_is_none_and_counts_as_deleted(client: RosClient) -> None:
    unknown = "00000000-0000-0000-0000-000000000000"
    assert client.stack(unknown) is None
    assert client.resources(unknown) == []
    client.delete_stack(unknown)


@pytest.mark.parametrize(
    "wrong",
    [
        template({"Vpc": resource("ECS::Nonsense")}),
        template({"Vpc": vpc(NoSuchProperty="x")}),
        template({"Vpc": vpc(VpcName=ref("Nowhere"))}),
    ],
)
def test_an_invalid_template_is_refused_with_the_services_verdict(
    client: RosClient, wrong: Mapping[str, Any]
) -> None:
    with pytest.raises(PermanentError, match="cannot validate the template: "):
        client.validate_template(wrong)


def test_throttling_names_the_time_to_wait(client: RosClient, ros: Ros) -> None:
    ros.cloud.admin.add_fault("ros", "GetStack", "throttle", count=1, retry_after=1500)
    with pytest.raises(TemporaryError) as throttled:
        client.stack("any")
    assert throttled.value.retry_after == 1.5
    assert len(ros.cloud.admin.calls("ros", "GetStack")) == 1


def test_a_gateways_error_page_is_temporary_and_tried_once(client: RosClient, ros: Ros) -> None:
    ros.cloud.admin.add_fault(
        "ros", "GetStack", "error", status=502, body="<html>Bad Gateway</html>", count=1
    )
    with pytest.raises(TemporaryError):
        client.stack("any")
    assert len(ros.cloud.admin.calls("ros", "GetStack")) == 1


def test_wrong_keys_are_told_by_field(provider: Provider) -> None:
    values = vars(provider)
    for changed, field in (
        ({"access_key_id": "LTAInobody"}, "accessKeyId"),
        ({"access_key_secret": SecretStr("wrong")}, "accessKeySecret"),
    ):
        with pytest.raises(InvalidInput) as refused:
            RosClient(Provider(**{**values, **changed})).stack("any")
        assert refused.value.field == field
