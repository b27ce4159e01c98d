"""Machines through the typed client: what it asks, signed as a gateway verifies, and how it reads answers."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest
from localcloud.core.rpc_service import RpcService, action
from tests.localcloud.running import RunningCloud, running_cloud
from tests.wdrip.clients.conftest import MakeProvider
from wdrip.clients.ecs import EcsClient
from wdrip.clients.errors import NotFoundError, OutOfStockError, QuotaExceededError
from wdrip.errors import PermanentError, TemporaryError
from wdrip.models.provider_config import Provider

INSTANCE = {
    "InstanceId": "i-1",
    "InstanceName": "c1-master",
    "Status": "Running",
    "ZoneId": "cn-hangzhou-k",
    "InstanceType": "ecs.c6.xlarge",
    "ImageId": "centos_7_9",
    "CreationTime": "2021-10-02T15:31Z",
    "VpcAttributes": {"VpcId": "vpc-1", "PrivateIpAddress": {"IpAddress": ["192.168.0.75"]}},
    "Tags": {"Tag": [{"TagKey": "wdrip/cluster", "TagValue": "c1"}]},
}


class ScriptedEcs(RpcService):
    """Answers each action with what the test has put there; a list gives one answer a call."""

    name = "ecs"
    version = "2014-05-26"
    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[RpcRequest]] = []

    async def _answer(self, request: RpcRequest) -> dict[str, Any]:
        self.asked.append(request)
        answer = self.answers[request.action]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return dict(answer)


for _name in (
    "DescribeZones",
    "DescribeImages",
    "DescribeInstanceTypes",
    "RunInstances",
    "DescribeInstances",
    "StartInstance",
    "StopInstance",
    "RebootInstance",
    "DeleteInstance",
    "TagResources",
    "DescribeCloudAssistantStatus",
    "RunCommand",
    "DescribeInvocationResults",
):

    async def _method(self: ScriptedEcs, request: RpcRequest) -> dict[str, Any]:
        return await self._answer(request)

    setattr(ScriptedEcs, f"do_{_name}", action(_name)(_method))


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCloud]:
    def services(context: Context) -> list[RpcService]:
        return [ScriptedEcs(context)]

    state: Path = tmp_path_factory.mktemp("cloud")
    with running_cloud(state, services) as running:
        yield running


@pytest.fixture(autouse=True)
def answers() -> Iterator[dict[str, Any]]:
    ScriptedEcs.answers.clear()
    ScriptedEcs.asked.clear()
    yield ScriptedEcs.answers


@pytest.fixture
def provider(cloud: RunningCloud, provider_of: MakeProvider) -> Provider:
    return provider_of(cloud.access, "wdrip-index")


@pytest.fixture
def ecs(cloud: RunningCloud, provider: Provider) -> Iterator[EcsClient]:
    yield EcsClient(provider)
    cloud.admin.clear_faults()


def calls(name: str) -> list[dict[str, str]]:
    """The parameters of each call of an action."""
    return [dict(request.params) for request in ScriptedEcs.asked if request.action == name]


def asked(name: str) -> dict[str, str]:
    """The parameters of the latest call of an action."""
    return calls(name)[-1]


def test_zones_tell_what_they_sell(ecs: EcsClient, answers: dict[str, Any]) -> None:
    zone = {
        "ZoneId": "cn-hangzhou-k",
        "AvailableInstanceTypes": {"InstanceTypes": ["ecs.c6.xlarge"]},
        "AvailableDiskCategories": {"DiskCategories": ["cloud_essd", "cloud_ssd"]},
    }
    answers["DescribeZones"] = {"Zones": {"Zone": [zone, {"ZoneId": "cn-hangzhou-h"}]}}
    first, second = ecs.zones()
    assert (first.zone_id, first.instance_types) == ("cn-hangzhou-k", frozenset({"ecs.c6.xlarge"}))
    assert first.disk_types == {"cloud_essd", "cloud_ssd"}
    assert (second.zone_id, second.instance_types) == ("cn-hangzhou-h", frozenset())


def test_an_unknown_region_is_not_found(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["DescribeZones"] = ApiError(
        404, "InvalidRegionId.NotFound", "The RegionId provided does not exist."
    )
    with pytest.raises(NotFoundError):
        ecs.zones()


def test_an_image_is_found_or_none(ecs: EcsClient, answers: dict[str, Any]) -> None:
    image = {"ImageId": "centos_7_9", "ImageName": "CentOS", "Status": "Available", "Size": 20}
    answers["DescribeImages"] = [{"Images": {"Image": [image]}}, {"Images": {"Image": []}}]
    found = ecs.image("centos_7_9")
    assert found is not None
    assert (found.status, found.size) == ("Available", 20)
    assert ecs.image("no-such-image") is None


def test_an_instance_type_is_found_or_none(ecs: EcsClient, answers: dict[str, Any]) -> None:
    entry = {"InstanceTypeId": "ecs.c6.xlarge", "CpuCoreCount": 4, "MemorySize": 8.0}
    unknown = ApiError(404, "InvalidInstanceType.NotFound", "Unknown.")
    answers["DescribeInstanceTypes"] = [{"InstanceTypes": {"InstanceType": [entry]}}, {}, unknown]
    found = ecs.instance_type("ecs.c6.xlarge")
    assert found is not None
    assert (found.cpu, found.memory) == (4, 8.0)
    assert ecs.instance_type("ecs.x") is None
    assert ecs.instance_type("ecs.x") is None


def run_instance(ecs: EcsClient, **changed: Any) -> str:
    arguments: dict[str, Any] = {
        "name": "c1-master",
        "image_id": "centos_7_9",
        "type_id": "ecs.c6.xlarge",
        "zone_id": "cn-hangzhou-k",
        "vswitch_id": "vsw-1",
        "security_group_id": "sg-1",
        "disk_type": "cloud_essd",
        "disk_gigabytes": 40,
        "role_name": "c1-master-role",
        "tags": {"wdrip/cluster": "c1", "wdrip/role": "master"},
        "client_token": "token-1",
    }
    return ecs.run_instance(**{**arguments, **changed})


def test_a_machine_is_asked_for_with_token_tags_and_nothing_public(
    ecs: EcsClient, answers: dict[str, Any]
) -> None:
    answers["RunInstances"] = {"InstanceIdSets": {"InstanceIdSet": ["i-1"]}}
    assert run_instance(ecs) == "i-1"
    params = asked("RunInstances")
    assert params["ClientToken"] == "token-1"
    assert (params["Amount"], params["InstanceChargeType"]) == ("1", "PostPaid")
    assert (params["SystemDisk.Category"], params["SystemDisk.Size"]) == ("cloud_essd", "40")
    assert {params[f"Tag.{n}.Key"]: params[f"Tag.{n}.Value"] for n in (1, 2)} == {
        "wdrip/cluster": "c1",
        "wdrip/role": "master",
    }
    assert not {"Password", "UserData", "InternetMaxBandwidthOut", "KeyPairName"} & set(params)


def test_user_data_goes_as_base64(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["RunInstances"] = {"InstanceIdSets": {"InstanceIdSet": ["i-1"]}}
    run_instance(ecs, user_data="#!/bin/sh\n")
    assert base64.b64decode(asked("RunInstances")["UserData"]) == b"#!/bin/sh\n"


@pytest.mark.parametrize(
    ("code", "status", "word"),
    [
        ("OperationDenied.NoStock", 403, OutOfStockError),
        ("QuotaExceed.ElasticQuota", 403, QuotaExceededError),
        ("InvalidImageId.NotFound", 404, NotFoundError),
        ("IncorrectVSwitchStatus", 400, TemporaryError),
        ("Throttling.User", 400, TemporaryError),
    ],
)
def test_a_refused_machine_has_its_word(
    ecs: EcsClient, answers: dict[str, Any], code: str, status: int, word: type[Exception]
) -> None:
    answers["RunInstances"] = ApiError(status, code, "Words of the cloud.")
    with pytest.raises(word, match=r"cannot start machine c1-master \(ecs.c6.xlarge in cn-hangzhou-k\)"):
        run_instance(ecs)


def test_a_lost_answer_is_temporary_and_asked_once(
    ecs: EcsClient, cloud: RunningCloud, answers: dict[str, Any]
) -> None:
    answers["RunInstances"] = {"InstanceIdSets": {"InstanceIdSet": ["i-1"]}}
    cloud.admin.add_fault("ecs", "RunInstances", "lost_reply", count=1)
    with pytest.raises(TemporaryError):
        run_instance(ecs)
    assert len(calls("RunInstances")) == 1


def test_a_machine_is_read_with_all_that_matters(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["DescribeInstances"] = {"Instances": {"Instance": [INSTANCE]}}
    found = ecs.instance("i-1")
    assert found is not None
    assert (found.status, found.private_ip, found.vpc_id) == ("Running", "192.168.0.75", "vpc-1")
    assert found.tags == {"wdrip/cluster": "c1"}
    assert found.created == datetime(2021, 10, 2, 15, 31, tzinfo=UTC)


def test_a_machine_without_address_or_tags_is_read(ecs: EcsClient, answers: dict[str, Any]) -> None:
    young = {"InstanceId": "i-1", "Status": "Pending"}
    answers["DescribeInstances"] = {"Instances": {"Instance": [young]}}
    found = ecs.instance("i-1")
    assert found is not None
    assert (found.private_ip, found.tags, found.created) == ("", {}, None)


def test_machines_of_many_pages_are_all_found(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["DescribeInstances"] = [
        {"Instances": {"Instance": [INSTANCE]}, "NextToken": "more"},
        {"Instances": {"Instance": [{**INSTANCE, "InstanceId": "i-2"}]}, "NextToken": ""},
    ]
    found = ecs.instances(tags={"wdrip/cluster": "c1"}, vpc_id="vpc-1")
    assert [each.instance_id for each in found] == ["i-1", "i-2"]
    params = asked("DescribeInstances")
    assert params["NextToken"] == "more"
    assert (params["Tag.1.Key"], params["Tag.1.Value"]) == ("wdrip/cluster", "c1")
    assert params["VpcId"] == "vpc-1"


def test_more_ids_than_one_question_takes_are_asked_in_batches(
    ecs: EcsClient, answers: dict[str, Any]
) -> None:
    answers["DescribeInstances"] = {"Instances": {"Instance": []}}
    assert ecs.instances(ids=[f"i-{number}" for number in range(150)]) == []
    assert [len(json.loads(each["InstanceIds"])) for each in calls("DescribeInstances")] == [100, 50]


def test_no_ids_find_no_machine_instead_of_all(ecs: EcsClient) -> None:
    assert ecs.instances(ids=[]) == []
    assert calls("DescribeInstances") == []


def test_power_is_switched(ecs: EcsClient, answers: dict[str, Any]) -> None:
    for name in ("StartInstance", "StopInstance", "RebootInstance"):
        answers[name] = {}
    ecs.start_instance("i-1")
    ecs.stop_instance("i-1", force=True)
    ecs.reboot_instance("i-1")
    assert asked("StartInstance")["InstanceId"] == "i-1"
    assert asked("StopInstance")["ForceStop"].lower() == "true"
    assert asked("RebootInstance")["ForceStop"].lower() == "false"


def test_a_machine_that_is_gone_counts_as_deleted(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["DeleteInstance"] = [{}, ApiError(404, "InvalidInstanceId.NotFound", "Gone.")]
    ecs.delete_instance("i-1")
    ecs.delete_instance("i-1")
    assert asked("DeleteInstance")["Force"].lower() == "true"


def test_a_machine_that_cannot_be_deleted_yet_is_temporary(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["DeleteInstance"] = ApiError(403, "IncorrectInstanceStatus.Initializing", "Wait.")
    with pytest.raises(TemporaryError):
        ecs.delete_instance("i-1")


def test_machines_are_tagged_in_batches_of_what_one_call_takes(
    ecs: EcsClient, answers: dict[str, Any]
) -> None:
    answers["TagResources"] = {}
    ids = [f"i-{number}" for number in range(60)]
    ecs.tag_instances(ids, {"wdrip/role": "retired", "wdrip/recovery": "a"})
    tagged = [
        [each[f"ResourceId.{n}"] for n in range(1, 51) if f"ResourceId.{n}" in each]
        for each in calls("TagResources")
    ]
    assert tagged == [ids[:50], ids[50:]]
    params = asked("TagResources")
    assert params["ResourceType"] == "instance"
    assert {params[f"Tag.{n}.Key"]: params[f"Tag.{n}.Value"] for n in (1, 2)} == {
        "wdrip/role": "retired",
        "wdrip/recovery": "a",
    }


def test_no_machines_need_no_tags(ecs: EcsClient) -> None:
    ecs.tag_instances([], {"wdrip/role": "retired"})
    assert calls("TagResources") == []


def test_a_machine_that_is_gone_cannot_be_tagged(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["TagResources"] = ApiError(404, "InvalidResourceId.NotFound", "Gone.")
    with pytest.raises(NotFoundError, match="cannot tag machines i-1, i-2"):
        ecs.tag_instances(["i-1", "i-2"], {"wdrip/role": "retired"})


@pytest.mark.parametrize(
    ("status", "ready"),
    [([{"InstanceId": "i-1", "CloudAssistantStatus": "true"}], True), ([], False)]
    + [
        ([{"InstanceId": name, "CloudAssistantStatus": text}], False)
        for name, text in (("i-1", "false"), ("i-2", "true"))
    ],
)
def test_the_cloud_assistant_is_ready_when_it_says_so(
    ecs: EcsClient, answers: dict[str, Any], status: list[dict[str, str]], ready: bool
) -> None:
    answers["DescribeCloudAssistantStatus"] = {
        "InstanceCloudAssistantStatusSet": {"InstanceCloudAssistantStatus": status}
    }
    assert ecs.assistant_ready("i-1") is ready


def test_a_command_goes_as_base64_with_token_and_time(ecs: EcsClient, answers: dict[str, Any]) -> None:
    answers["RunCommand"] = {"CommandId": "c-1", "InvokeId": "t-1"}
    made = ecs.run_command("i-1", "echo ü\n", name="greet", timeout_seconds=90, client_token="token-2")
    assert made == "t-1"
    params = asked("RunCommand")
    assert base64.b64decode(params["CommandContent"]).decode() == "echo ü\n"
    assert (params["ContentEncoding"], params["Timeout"], params["ClientToken"]) == (
        "Base64",
        "90",
        "token-2",
    )
    assert params["InstanceId.1"] == "i-1"


def results(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"Invocation": {"InvocationResults": {"InvocationResult": list(entries)}}}


def result(**more: Any) -> dict[str, Any]:
    output = base64.b64encode(more.pop("text", "").encode()).decode()
    return {"InvokeId": "t-1", "InstanceId": "i-1", "Output": output, **more}


@pytest.mark.parametrize(
    ("entry", "finished", "exit_code"),
    [
        (result(InvocationStatus="Pending"), False, None),
        (result(InvocationStatus="Running", ExitCode=0), False, None),
        (result(InvocationStatus="Success", ExitCode=0), True, 0),
        (result(InvocationStatus="Failed", ExitCode=75, ErrorCode="ExitCodeNonzero"), True, 75),
        (result(InvocationStatus="Timeout", ExitCode=0, ErrorCode="ExecutionTimeout"), True, None),
        (result(InvocationStatus="Aborted", ErrorCode="DeliveryTimeout"), True, None),
    ],
)
def test_an_invocation_is_read_as_it_stands(
    ecs: EcsClient, answers: dict[str, Any], entry: dict[str, Any], finished: bool, exit_code: int | None
) -> None:
    answers["DescribeInvocationResults"] = results(entry)
    read = ecs.command_result("t-1", "i-1")
    assert read is not None
    assert (read.finished, read.exit_code) == (finished, exit_code)
    assert read.error_code == entry.get("ErrorCode", "")


def test_output_is_text_even_when_the_cut_split_a_character(ecs: EcsClient, answers: dict[str, Any]) -> None:
    cut = base64.b64encode("üü".encode()[1:]).decode()
    entry = result(InvocationStatus="Success", ExitCode=0, Dropped=1) | {"Output": cut}
    answers["DescribeInvocationResults"] = results(entry)
    read = ecs.command_result("t-1", "i-1")
    assert read is not None
    assert read.output.endswith("ü")
    assert read.dropped == 1


def test_an_output_that_is_not_base64_is_refused(ecs: EcsClient, answers: dict[str, Any]) -> None:
    entry = result(InvocationStatus="Success", ExitCode=0) | {"Output": "not base64!"}
    answers["DescribeInvocationResults"] = results(entry)
    with pytest.raises(PermanentError, match="not base64"):
        ecs.command_result("t-1", "i-1")


def test_an_invocation_that_is_not_known_yet_is_none(ecs: EcsClient, answers: dict[str, Any]) -> None:
    other = result(InvocationStatus="Success", ExitCode=0) | {"InstanceId": "i-2"}
    answers["DescribeInvocationResults"] = [
        results(),
        results(other),
        {},
        ApiError(404, "InvalidInvokeId.NotFound", "Unknown."),
    ]
    assert [ecs.command_result("t-1", "i-1") for _ in range(4)] == [None] * 4


def test_without_an_endpoint_the_sdk_derives_the_regions_own(provider: Provider) -> None:
    endpoints = provider.endpoints.model_copy(update={"ecs": None})
    for region, address in (
        ("cn-hangzhou", "ecs-cn-hangzhou.aliyuncs.com"),
        ("cn-wulanchabu", "ecs.cn-wulanchabu.aliyuncs.com"),
    ):
        values = {**vars(provider), "endpoints": endpoints, "region": region}
        assert EcsClient(Provider(**values))._ecs._endpoint == address
