"""Short names for what the tests ask of ROS, all through the real SDK."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_ros20190910 import models
from alibabacloud_ros20190910.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.utils_models import Config as SdkConfig

from localcloud.core.config import Config
from localcloud.core.context import Context
from localcloud.network.backend import Network
from localcloud.ram.backend import Ram
from localcloud.ros.service import RosService
from tests.localcloud.ros.fabric import InMemoryFabric
from tests.localcloud.running import RunningCloud, running_cloud, wait_until

REGION = "cn-hangzhou"
Body = Mapping[str, Any] | str
Values = Mapping[str, str] | None


class Ros:
    """A caller of one running cloud."""

    def __init__(self, cloud: RunningCloud, fabric: InMemoryFabric) -> None:
        self.cloud = cloud
        self.fabric = fabric
        self.store = cloud.context.store
        self.client = Client(
            SdkConfig(
                access_key_id=cloud.access.access_key_id,
                access_key_secret=cloud.access.access_key_secret,
                region_id=REGION,
                endpoint=cloud.access.host("ros"),
                protocol="http",
            )
        )

    def create(self, body: Body, parameters: Values = None, **more: Any) -> str:
        """CreateStack; the stack's id."""
        request = models.CreateStackRequest(
            region_id=REGION,
            stack_name=more.pop("stack_name", "c1"),
            template_body=_text(body),
            parameters=[
                models.CreateStackRequestParameters(parameter_key=key, parameter_value=value)
                for key, value in (parameters or {}).items()
            ],
            **more,
        )
        return str(self.client.create_stack(request).body.stack_id)

    def update(
        self,
        stack_id: str,
        body: Body,
        parameters: Values = None,
        **more: Any,
    ) -> None:
        """UpdateStack."""
        request = models.UpdateStackRequest(
            region_id=REGION,
            stack_id=stack_id,
            template_body=_text(body),
            parameters=[
                models.UpdateStackRequestParameters(parameter_key=key, parameter_value=value)
                for key, value in (parameters or {}).items()
            ],
            **more,
        )
        self.client.update_stack(request)

    def delete(self, stack_id: str, **more: Any) -> None:
        """DeleteStack."""
        self.client.delete_stack(models.DeleteStackRequest(region_id=REGION, stack_id=stack_id, **more))

    def cancel(self, stack_id: str, kind: str = "Safe") -> None:
        """CancelStackOperation."""
        self.client.cancel_stack_operation(
            models.CancelStackOperationRequest(region_id=REGION, stack_id=stack_id, cancel_type=kind)
        )

    def get(self, stack_id: str, **more: Any) -> Any:
        """GetStack; the answer's body."""
        request = models.GetStackRequest(region_id=REGION, stack_id=stack_id, **more)
        return self.client.get_stack(request).body

    def settled(self, stack_id: str) -> Any:
        """GetStack once no operation is in progress."""
        done = wait_until(lambda: not self.get(stack_id).status.endswith("_IN_PROGRESS"))
        assert done, self.events(stack_id)
        return self.get(stack_id)

    def made(self, body: Body, parameters: Values = None, **more: Any) -> Any:
        """CreateStack and GetStack once it is settled; it must be complete."""
        stack = self.settled(self.create(body, parameters, **more))
        assert stack.status == "CREATE_COMPLETE", stack.status_reason
        return stack

    def outputs(self, stack_id: str) -> dict[str, Any]:
        """Output values by key."""
        return {each["OutputKey"]: each["OutputValue"] for each in self.get(stack_id).outputs}

    def events(self, stack_id: str, **more: Any) -> list[tuple[str, str]]:
        """Logical id and status of every event, oldest first."""
        found: list[tuple[str, str]] = []
        for page in range(1, 100):
            request = models.ListStackEventsRequest(
                region_id=REGION, stack_id=stack_id, page_number=page, page_size=50, **more
            )
            answer = self.client.list_stack_events(request).body
            found += [(each.logical_resource_id, each.status) for each in answer.events]
            if len(found) == answer.total_count:
                break
        return found[::-1]

    def resources(self, stack_id: str) -> dict[str, Any]:
        """ListStackResources by logical id."""
        request = models.ListStackResourcesRequest(region_id=REGION, stack_id=stack_id)
        found = self.client.list_stack_resources(request).body.resources
        return {each.logical_resource_id: each for each in found}

    def statuses(self, stack_id: str) -> dict[str, str]:
        """Status of every resource."""
        return {name: each.status for name, each in self.resources(stack_id).items()}

    def validate(self, body: Mapping[str, Any] | str) -> Any:
        """ValidateTemplate; the answer's body."""
        request = models.ValidateTemplateRequest(region_id=REGION, template_body=_text(body))
        return self.client.validate_template(request).body

    def signal(self, stack_id: str, logical_id: str, status: str, unique_id: str) -> None:
        """SignalResource."""
        self.client.signal_resource(
            models.SignalResourceRequest(
                region_id=REGION,
                stack_id=stack_id,
                logical_resource_id=logical_id,
                status=status,
                unique_id=unique_id,
            )
        )

    def fail(self, resource_type: str, effect: str = "error", **details: Any) -> str:
        """Plan a fault for work on resources of a type; returns its id."""
        return self.cloud.admin.add_fault("ros.resource", f"ALIYUN::{resource_type}", effect, **details)


@contextmanager
def running_ros(
    state_dir: Path, fabric: InMemoryFabric | None = None, config: Config | None = None
) -> Iterator[Ros]:
    """A cloud with ROS on an in-memory fabric until the block ends; leaving it is like a crash for stacks."""
    fabric = fabric or InMemoryFabric()

    def services(context: Context) -> Sequence[RosService]:
        return [RosService(context, Network(context, fabric), Ram(context))]

    with running_cloud(state_dir, services, config) as cloud:
        yield Ros(cloud, fabric)


@contextmanager
def refused(code: str, status: int = 400) -> Iterator[pytest.ExceptionInfo[AlibabaCloudException]]:
    """The block must end in this error of the API."""
    with pytest.raises(AlibabaCloudException) as caught:
        yield caught
    assert (caught.value.code, caught.value.status_code) == (code, status), caught.value.message


def template(resources: Mapping[str, Any], **sections: Any) -> dict[str, Any]:
    """A template of these resources and sections."""
    return {"ROSTemplateFormatVersion": "2015-09-01", **sections, "Resources": dict(resources)}


def resource(kind: str, properties: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A resource of type `ALIYUN::<kind>`."""
    return {"Type": f"ALIYUN::{kind}", "Properties": dict(properties or {}), **more}


def ref(name: str) -> dict[str, str]:
    """Ref."""
    return {"Ref": name}


def att(name: str, attribute: str) -> dict[str, list[str]]:
    """Fn::GetAtt."""
    return {"Fn::GetAtt": [name, attribute]}


def vpc(cidr: str = "192.168.0.0/16", **properties: Any) -> dict[str, Any]:
    """A VPC."""
    return resource("ECS::VPC", {"CidrBlock": cidr, **properties})


def vswitch(cidr: str = "192.168.1.0/24", zone: str = "cn-hangzhou-k", vpc_id: Any = None) -> dict[str, Any]:
    """A vSwitch of the VPC `Vpc`."""
    return resource("ECS::VSwitch", {"VpcId": vpc_id or ref("Vpc"), "ZoneId": zone, "CidrBlock": cidr})


def role(name: str = "r1", **properties: Any) -> dict[str, Any]:
    """A role that machines assume."""
    trust = {
        "Version": "1",
        "Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
        ],
    }
    return resource("RAM::Role", {"RoleName": name, "AssumeRolePolicyDocument": trust, **properties})


def _text(body: Mapping[str, Any] | str) -> str:
    return body if isinstance(body, str) else json.dumps(body)
