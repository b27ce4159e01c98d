"""Short names for what the tests ask of ECS, all through the real SDK."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ecs20140526 import models
from alibabacloud_ecs20140526.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config as SdkConfig

from localcloud.core.cloud import open_context
from localcloud.core.config import Config, Image
from localcloud.core.context import Context
from localcloud.core.rpc_service import RpcService
from localcloud.ecs.service import EcsService
from localcloud.network.backend import Network
from tests.localcloud.ecs.runtime import InMemoryRuntime
from tests.localcloud.ros.fabric import InMemoryFabric
from tests.localcloud.running import RunningCloud, running_cloud, wait_until

REGION, ZONE = "cn-hangzhou", "cn-hangzhou-k"
IMAGE = "centos_7_9_x64_20G_alibase_20210623.vhd"
TYPE = "ecs.c6.xlarge"


@dataclass(frozen=True)
class Place:
    """Where machines go: a vSwitch of 192.168.0.0/24 and a security group."""

    vpc_id: str
    vswitch_id: str
    group_id: str


class Ecs:
    """A caller of one running cloud."""

    def __init__(self, cloud: RunningCloud, runtime: InMemoryRuntime, place: Place) -> None:
        self.cloud, self.runtime, self.place = cloud, runtime, place
        self.store = cloud.context.store
        self.client = Client(
            SdkConfig(
                access_key_id=cloud.access.access_key_id,
                access_key_secret=cloud.access.access_key_secret,
                region_id=REGION,
                endpoint=cloud.access.host("ecs"),
                protocol="http",
            )
        )

    def run(self, **more: Any) -> list[str]:
        """RunInstances; the ids."""
        asked: dict[str, Any] = {
            "region_id": REGION,
            "image_id": IMAGE,
            "instance_type": TYPE,
            "v_switch_id": self.place.vswitch_id,
            "security_group_id": self.place.group_id,
            **more,
        }
        body = self.client.run_instances(models.RunInstancesRequest(**asked)).body
        return list(body.instance_id_sets.instance_id_set)

    def running(self, **more: Any) -> str:
        """One machine, once it runs."""
        instance_id = self.run(**more)[0]
        self.await_status(instance_id, "Running")
        return instance_id

    def find(self, **more: Any) -> list[Any]:
        """DescribeInstances."""
        request = models.DescribeInstancesRequest(region_id=REGION, max_results=100, **more)
        return list(self.client.describe_instances(request).body.instances.instance)

    def get(self, instance_id: str) -> Any:
        """The one machine."""
        return self.find(instance_ids=json.dumps([instance_id]))[0]

    def await_status(self, instance_id: str, status: str) -> None:
        """Wait for a state."""
        assert wait_until(lambda: self.get(instance_id).status == status), self.get(instance_id).status

    def stop(self, instance_id: str) -> None:
        """StopInstance, and wait."""
        self.client.stop_instance(models.StopInstanceRequest(instance_id=instance_id))
        self.await_status(instance_id, "Stopped")

    def start(self, instance_id: str) -> None:
        """StartInstance."""
        self.client.start_instance(models.StartInstanceRequest(instance_id=instance_id))

    def delete(self, instance_id: str, *, force: bool = True) -> None:
        """DeleteInstance."""
        self.client.delete_instance(models.DeleteInstanceRequest(instance_id=instance_id, force=force))

    def command(self, instance_id: str, content: str = "true", **more: Any) -> str:
        """RunCommand; the id of the invocation."""
        request = models.RunCommandRequest(
            region_id=REGION,
            type="RunShellScript",
            command_content=base64.b64encode(content.encode()).decode(),
            content_encoding="Base64",
            instance_id=[instance_id],
            **more,
        )
        return str(self.client.run_command(request).body.invoke_id)

    def result(self, invoke_id: str) -> Any:
        """DescribeInvocationResults; the one result."""
        request = models.DescribeInvocationResultsRequest(
            region_id=REGION, invoke_id=invoke_id, content_encoding="PlainText"
        )
        body = self.client.describe_invocation_results(request).body
        return body.invocation.invocation_results.invocation_result[0]

    def await_result(self, invoke_id: str, status: str) -> Any:
        """The result once it has this status."""
        assert wait_until(lambda: self.result(invoke_id).invocation_status == status), self.result(invoke_id)
        return self.result(invoke_id)

    def task(self, invoke_id: str) -> str:
        """The id under which the runtime knows the command, once it was delivered."""

        def found() -> list[str]:
            return [each for each in self.runtime.commands if each.startswith(invoke_id)]

        assert wait_until(lambda: bool(found()))
        return found()[0]


@contextmanager
def running_ecs(
    state_dir: Path, runtime: InMemoryRuntime | None = None, config: Config | None = None
) -> Iterator[Ecs]:
    """A cloud with ECS on an in-memory runtime, with one place for machines, until the block ends."""
    runtime = runtime or InMemoryRuntime()
    # Any directory will do for an image that nobody boots.
    config = config or small_config()
    place = _place(state_dir, config)

    def services(context: Context) -> Sequence[RpcService]:
        return [EcsService(context, Network(context, InMemoryFabric()), runtime)]

    with running_cloud(state_dir, services, config) as cloud:
        yield Ecs(cloud, runtime, place)


def small_config(**changes: Any) -> Config:
    """The default configuration with images that need no preparation."""
    images = tuple(
        Image(id=each.id, family=each.family, os_name=each.os_name, rootfs=Path("/"))
        for each in Config().images
    )
    return Config(images=images, **changes)


@contextmanager
def refused(code: str, status: int) -> Iterator[None]:
    """The block must end in this error of the API."""
    with pytest.raises(AlibabaCloudException) as caught:
        yield
    assert (caught.value.code, caught.value.status_code) == (code, status), caught.value.message


def _place(state_dir: Path, config: Config) -> Place:
    state_dir.mkdir(parents=True, exist_ok=True)
    context, sockets = open_context(state_dir, config)

    async def make() -> Place:
        network = Network(context, InMemoryFabric())
        vpc = await network.create_vpc("vpc", "192.168.0.0/16", token="vpc")
        vswitch = await network.create_vswitch(vpc["VpcId"], ZONE, "192.168.0.0/24", "vsw", token="vsw")
        group = await network.create_security_group(vpc["VpcId"], "group", token="group")
        await network.stop()
        return Place(vpc["VpcId"], vswitch["VSwitchId"], group["SecurityGroupId"])

    place = asyncio.run(make())
    context.store.close()
    for bound in sockets.values():
        bound.close()
    return place
