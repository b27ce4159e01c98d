"""A real cloud process with real machines, driven through the SDKs."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alibabacloud_ecs20140526 import models as ecs_models
from alibabacloud_ecs20140526.client import Client as EcsClient
from alibabacloud_ros20190910 import models as ros_models
from alibabacloud_ros20190910.client import Client as RosClient
from alibabacloud_tea_openapi.utils_models import Config as SdkConfig

from localcloud.client import clean_local_cloud, start_local_cloud
from localcloud.core.context import cloud_identity
from tests.abandoned import told
from tests.localcloud.running import wait_until

REGION, ZONE = "cn-hangzhou", "cn-hangzhou-k"
IMAGE = "centos_7_9_x64_20G_alibase_20210623.vhd"
_BOOT_SECONDS = 40
_UNFINISHED = ("Pending", "Running")


class Place:
    """A cloud; `stack` makes networks, `boot` machines, `run` commands."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.cloud = start_local_cloud(state_dir)
        self.ecs = EcsClient(self._config("ecs"))
        self.ros = RosClient(self._config("ros"))

    def stack(
        self, name: str, resources: dict[str, Any], outputs: dict[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """CreateStack to its end; its id and outputs."""
        body = {
            "ROSTemplateFormatVersion": "2015-09-01",
            "Resources": resources,
            "Outputs": {key: {"Value": value} for key, value in outputs.items()},
        }
        request = ros_models.CreateStackRequest(
            region_id=REGION, stack_name=name, template_body=json.dumps(body)
        )
        stack_id = self.ros.create_stack(request).body.stack_id
        assert wait_until(lambda: "PROGRESS" not in self.get_stack(stack_id).status, 60)
        stack = self.get_stack(stack_id)
        assert stack.status == "CREATE_COMPLETE", stack.status_reason
        return stack_id, {each["OutputKey"]: each["OutputValue"] for each in stack.outputs}

    def get_stack(self, stack_id: str) -> Any:
        """GetStack."""
        return self.ros.get_stack(ros_models.GetStackRequest(region_id=REGION, stack_id=stack_id)).body

    def launch(self, network: dict[str, Any], script: str = "", **more: Any) -> list[str]:
        """RunInstances into a network of `networked`; the ids, once all run."""
        asked: dict[str, Any] = {
            "region_id": REGION,
            "image_id": IMAGE,
            "instance_type": "ecs.c6.large",
            "v_switch_id": network["VSwitch"],
            "security_group_id": network["Group"],
            "user_data": base64.b64encode(script.encode()).decode() if script else None,
            **more,
        }
        body = self.ecs.run_instances(ecs_models.RunInstancesRequest(**asked)).body
        ids = list(body.instance_id_sets.instance_id_set)
        for each in ids:
            self.await_status(each, "Running")
        return ids

    def get(self, instance_id: str) -> Any:
        """DescribeInstances; the one machine."""
        request = ecs_models.DescribeInstancesRequest(
            region_id=REGION, instance_ids=json.dumps([instance_id]), max_results=100
        )
        return self.ecs.describe_instances(request).body.instances.instance[0]

    def address(self, instance_id: str) -> str:
        """Private address."""
        return str(self.get(instance_id).vpc_attributes.private_ip_address.ip_address[0])

    def await_status(self, instance_id: str, status: str) -> None:
        """Wait for a state."""
        reached = wait_until(lambda: self.get(instance_id).status == status, _BOOT_SECONDS)
        assert reached, self.get(instance_id).status

    def begin(self, instance_id: str, script: str, timeout: int = 60) -> str:
        """RunCommand; the id of the invocation."""
        request = ecs_models.RunCommandRequest(
            region_id=REGION,
            type="RunShellScript",
            command_content=script,
            instance_id=[instance_id],
            timeout=timeout,
        )
        return str(self.ecs.run_command(request).body.invoke_id)

    def end(self, invoke_id: str, seconds: float = 60) -> Any:
        """The result of an invocation when it has ended."""

        def result() -> Any:
            request = ecs_models.DescribeInvocationResultsRequest(
                region_id=REGION, invoke_id=invoke_id, content_encoding="PlainText"
            )
            body = self.ecs.describe_invocation_results(request).body
            return body.invocation.invocation_results.invocation_result[0]

        assert wait_until(lambda: result().invocation_status not in _UNFINISHED, seconds)
        return result()

    def run(self, instance_id: str, script: str, timeout: int = 60) -> str:
        """The output of a script that must succeed."""
        result = self.end(self.begin(instance_id, script, timeout))
        assert result.invocation_status == "Success", (result.error_code, result.output)
        return str(result.output)

    def delete(self, *ids: str) -> None:
        """DeleteInstances with Force."""
        self.ecs.delete_instances(
            ecs_models.DeleteInstancesRequest(region_id=REGION, instance_id=list(ids), force=True)
        )

    def _config(self, service: str) -> SdkConfig:
        access = self.cloud.access
        return SdkConfig(
            access_key_id=access.access_key_id,
            access_key_secret=access.access_key_secret,
            region_id=REGION,
            endpoint=access.host(service),
            protocol="http",
            read_timeout=60000,
        )


@contextmanager
def real_cloud(state_dir: Path) -> Iterator[Place]:
    """A cloud until the block ends; then nothing of it may be left on the host."""
    with told(sys.executable, "-m", "tests.localcloud.machines.place", state_dir):
        place = Place(state_dir)
        try:
            yield place
        finally:
            place.cloud.stop()
            clean_local_cloud(state_dir)
    assert leftovers(state_dir) == []


def leftovers(state_dir: Path) -> list[str]:
    """Mounts, namespaces, control groups and processes that carry the mark of a state directory."""
    mark = f"wl-{cloud_identity(state_dir)}"
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    found = [line for line in mounts if str(state_dir) in line or mark in line]
    found += [str(path) for path in Path("/run/netns").glob(f"{mark}*")]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/{mark}")]
    listed = subprocess.run(["pgrep", "-af", str(state_dir)], capture_output=True, text=True, check=False)
    return found + [line for line in listed.stdout.splitlines() if "pytest" not in line]


def networked(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Resources and outputs of a VPC with one vSwitch and group, and `more` resources."""
    resources = {
        "Vpc": {"Type": "ALIYUN::ECS::VPC", "Properties": {"CidrBlock": "192.168.0.0/16"}},
        "VSwitch": {
            "Type": "ALIYUN::ECS::VSwitch",
            "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "192.168.0.0/24", "ZoneId": ZONE},
        },
        "Group": {"Type": "ALIYUN::ECS::SecurityGroup", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        **more,
    }
    return resources, {name: {"Ref": name} for name in resources}


def remove(state_dir: Path) -> None:
    """End a cloud whose test is dead, with everything of it."""
    program = f"localcloud --state {re.escape(str(state_dir))}$"
    assert wait_until(lambda: not _signalled(program), 40)
    clean_local_cloud(state_dir)


def _signalled(program: str) -> bool:
    """Ask programs whose command line ends so to end; whether there is any."""
    done = subprocess.run(["pkill", "--full", program], check=False)
    assert done.returncode in (0, 1), done  # 1: none
    return done.returncode == 0


if __name__ == "__main__":
    remove(Path(sys.argv[1]))
