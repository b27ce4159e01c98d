import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.utils_models import Config as ClientConfig

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest
from localcloud.core.rpc_service import RpcService, action
from tests.localcloud.running import RunningCloud, running_cloud


class Echo(RpcService):
    """A service with the name and version of ECS that tells what it was given."""

    name = "ecs"
    version = "2014-05-26"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.effects: list[str] = []
        self.entered = threading.Event()
        self.release = threading.Event()

    @action("DescribeInstances")
    async def describe_instances(self, request: RpcRequest) -> dict[str, Any]:
        tags = request.records("Tag", ("Key", "Value"))
        return {
            "NextToken": request.string("InstanceName"),
            "TotalCount": request.integer("MaxResults", 10, minimum=1, maximum=100),
            "RegionId": request.account_id,
            "Tags": tags,
            "Ids": request.json("InstanceIds", []),
        }

    @action("RunInstances", idempotent=True)
    async def run_instances(self, request: RpcRequest) -> dict[str, Any]:
        if request.string("RegionId") == "nowhere":
            raise ApiError(404, "InvalidRegionId.NotFound", "The specified RegionId does not exist.")
        self.effects.append(request.string("InstanceName"))
        self.entered.set()
        while request.string("InstanceName") == "slow" and not self.release.is_set():
            await asyncio.sleep(0.01)
        return {"InstanceIdSets": {"InstanceIdSet": [f"i-{len(self.effects)}"]}}

    @action("StopInstance")
    async def stop_instance(self, request: RpcRequest) -> dict[str, Any]:
        raise RuntimeError("a bug that names " + request.string("InstanceId"))


@pytest.fixture
def services() -> list[Echo]:
    return []


@pytest.fixture
def cloud(tmp_path: Path, services: list[Echo]) -> Iterator[RunningCloud]:
    def build(context: Context) -> list[Echo]:
        services.append(Echo(context))
        return services

    with running_cloud(tmp_path / "cloud", build) as running:
        yield running


@pytest.fixture
def echo(cloud: RunningCloud, services: list[Echo]) -> Echo:
    return services[0]


def sdk(cloud: RunningCloud, **changes: Any) -> Client:
    settings: dict[str, Any] = {
        "access_key_id": cloud.access.access_key_id,
        "access_key_secret": cloud.access.access_key_secret,
        "region_id": "cn-hangzhou",
        "endpoint": cloud.access.host("ecs"),
        "protocol": "http",
        "connect_timeout": 2000,
        "read_timeout": 5000,
    }
    return Client(ClientConfig(**{**settings, **changes}))
