"""Machines and what is run on them: a typed face of the ECS SDK."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from wdrip.clients.alibaba import call, sdk_config
from wdrip.clients.errors import NotFoundError
from wdrip.errors import PermanentError
from wdrip.models.provider_config import Provider

_PAGE = 100
"""Most instances a page, and most ids a question (DescribeInstances)."""

_TAGGED = 50
"""Most machines that one call gives tags (TagResources, ResourceId)."""

_TYPES_PAGE = 100
"""Instance types a page (DescribeInstanceTypes, MaxResults)."""

_UNFINISHED = frozenset({"Pending", "Scheduled", "Running", "Stopping"})
"""States of an invocation that is not over (DescribeInvocationResults)."""


@dataclass(frozen=True)
class Zone:
    """A zone of the region and what it sells."""

    zone_id: str
    instance_types: frozenset[str]
    disk_types: frozenset[str]


@dataclass(frozen=True)
class Image:
    """A machine image that the account can use."""

    image_id: str
    name: str
    status: str
    """`Available` when machines can be made from it."""
    size: int
    """GiB; a system disk cannot be smaller."""


@dataclass(frozen=True)
class InstanceType:
    """A size of machine."""

    type_id: str
    cpu: int
    """Cores."""
    memory: float
    """GiB."""
    architecture: str = ""
    """`X86` or `ARM`; empty when ECS does not tell."""


@dataclass(frozen=True)
class Instance:
    """A machine as DescribeInstances tells it."""

    instance_id: str
    name: str
    status: str
    """`Pending`, `Starting`, `Running`, `Stopping` or `Stopped`."""
    private_ip: str
    """Empty until the machine has one."""
    zone_id: str
    type_id: str
    image_id: str
    vpc_id: str
    tags: Mapping[str, str]
    created: datetime | None


@dataclass(frozen=True)
class CommandResult:
    """What a RunCommand came to on one machine."""

    invocation_id: str
    instance_id: str
    status: str
    """InvocationStatus, e.g. `Success`, `Failed`, `Timeout`, `Aborted`, `Running`."""
    exit_code: int | None
    """None while it runs and when it never ran."""
    output: str
    """What it printed; the last 24 KB."""
    dropped: int
    """How many bytes of output were cut off."""
    error_code: str
    """Why it did not run to its end, e.g. `ClientNotResponse`; empty when it did."""
    error_info: str

    @property
    def finished(self) -> bool:
        """Whether it is over, however it ended."""
        return self.status not in _UNFINISHED


class EcsClient:
    """ECS and Cloud Assistant in a provider's region. Every call raises wdrip's errors."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._region = provider.region

    def zones(self) -> list[Zone]:
        """The region's zones. Raises NotFoundError when there is no such region."""
        request = self._models.DescribeZonesRequest(
            region_id=self._region, instance_charge_type="PostPaid", verbose=True
        )
        body = call(self._ecs.describe_zones, request, f"list the zones of region {self._region}")
        return [
            Zone(
                zone_id=zone.zone_id,
                instance_types=frozenset(_inner(zone.available_instance_types, "instance_types")),
                disk_types=frozenset(_inner(zone.available_disk_categories, "disk_categories")),
            )
            for zone in _inner(body.zones, "zone")
        ]

    def image(self, image_id: str) -> Image | None:
        """The image with this id; None when the account has none in this region."""
        request = self._models.DescribeImagesRequest(
            region_id=self._region, image_id=image_id, show_expired=True
        )
        body = call(self._ecs.describe_images, request, f"look for image {image_id}")
        return next(
            (
                Image(image.image_id, image.image_name or "", image.status or "", image.size or 0)
                for image in _inner(body.images, "image")
            ),
            None,
        )

    def instance_type(self, type_id: str) -> InstanceType | None:
        """The instance type of this name; None when ECS knows of none."""
        request = self._models.DescribeInstanceTypesRequest(instance_types=[type_id])
        try:
            body = call(self._ecs.describe_instance_types, request, f"look for instance type {type_id}")
        except NotFoundError:
            return None
        return next(
            (
                InstanceType(entry.instance_type_id, entry.cpu_core_count, entry.memory_size)
                for entry in _inner(body.instance_types, "instance_type")
                if entry.instance_type_id == type_id
            ),
            None,
        )

    def instance_types(self) -> list[InstanceType]:
        """Every instance type of the region."""
        found: list[InstanceType] = []
        token: str | None = None
        while True:
            request = self._models.DescribeInstanceTypesRequest(max_results=_TYPES_PAGE, next_token=token)
            body = call(self._ecs.describe_instance_types, request, "list the instance types")
            found += [
                InstanceType(
                    entry.instance_type_id,
                    entry.cpu_core_count,
                    entry.memory_size,
                    entry.cpu_architecture or "",
                )
                for entry in _inner(body.instance_types, "instance_type")
            ]
            token = body.next_token
            if not token:
                return found

    def run_instance(
        self,
        *,
        name: str,
        image_id: str,
        type_id: str,
        zone_id: str,
        vswitch_id: str,
        security_group_id: str,
        disk_type: str,
        disk_gigabytes: int,
        role_name: str,
        tags: Mapping[str, str],
        client_token: str,
        user_data: str = "",
    ) -> str:
        """Start one machine, billed by use, without public address or password; its id.

        The same `client_token` gives the same machine. Raises OutOfStockError, QuotaExceededError,
        NotFoundError (image, vSwitch, role, …), TemporaryError.
        """
        models = self._models
        request = models.RunInstancesRequest(
            region_id=self._region,
            zone_id=zone_id,
            amount=1,
            instance_name=name,
            host_name=name,
            image_id=image_id,
            instance_type=type_id,
            instance_charge_type="PostPaid",
            v_switch_id=vswitch_id,
            security_group_id=security_group_id,
            system_disk=models.RunInstancesRequestSystemDisk(category=disk_type, size=str(disk_gigabytes)),
            ram_role_name=role_name or None,
            http_endpoint="enabled",
            # Images as old as CentOS 7.9 have agents that know only the older metadata protocol.
            http_tokens="optional",
            tag=[models.RunInstancesRequestTag(key=key, value=value) for key, value in tags.items()],
            client_token=client_token,
            user_data=base64.b64encode(user_data.encode()).decode() if user_data else None,
        )
        body = call(self._ecs.run_instances, request, f"start machine {name} ({type_id} in {zone_id})")
        return str(body.instance_id_sets.instance_id_set[0])

    def instance(self, instance_id: str) -> Instance | None:
        """The machine with this id; None when it is gone or not seen yet (right after its start)."""
        return next(iter(self.instances(ids=[instance_id])), None)

    def instances(
        self, *, ids: Sequence[str] | None = None, tags: Mapping[str, str] | None = None, vpc_id: str = ""
    ) -> list[Instance]:
        """The machines with these ids, with all these tags, in this VPC: of all conditions that are given.

        An empty list of ids finds nothing.
        """
        if ids is None:
            return list(self._pages(None, tags or {}, vpc_id))
        batches = (ids[start : start + _PAGE] for start in range(0, len(ids), _PAGE))
        return [each for batch in batches for each in self._pages(batch, tags or {}, vpc_id)]

    def start_instance(self, instance_id: str) -> None:
        """Switch a stopped machine on."""
        request = self._models.StartInstanceRequest(instance_id=instance_id)
        call(self._ecs.start_instance, request, f"start machine {instance_id}")

    def stop_instance(self, instance_id: str, *, force: bool = False) -> None:
        """Switch a machine off; `force` is pulling the plug."""
        request = self._models.StopInstanceRequest(instance_id=instance_id, force_stop=force)
        call(self._ecs.stop_instance, request, f"stop machine {instance_id}")

    def reboot_instance(self, instance_id: str, *, force: bool = False) -> None:
        """Restart a running machine."""
        request = self._models.RebootInstanceRequest(instance_id=instance_id, force_stop=force)
        call(self._ecs.reboot_instance, request, f"restart machine {instance_id}")

    def delete_instance(self, instance_id: str) -> None:
        """Delete a machine with its system disk, running or not; one that is gone counts as deleted."""
        request = self._models.DeleteInstanceRequest(instance_id=instance_id, force=True)
        try:
            call(self._ecs.delete_instance, request, f"delete machine {instance_id}")
        except NotFoundError:
            return

    def tag_instances(self, instance_ids: Sequence[str], tags: Mapping[str, str]) -> None:
        """Give machines these tags; one that has a tag of that key gets the new value."""
        for start in range(0, len(instance_ids), _TAGGED):
            batch = list(instance_ids[start : start + _TAGGED])
            request = self._models.TagResourcesRequest(
                region_id=self._region,
                resource_type="instance",
                resource_id=batch,
                tag=[
                    self._models.TagResourcesRequestTag(key=key, value=value) for key, value in tags.items()
                ],
            )
            call(self._ecs.tag_resources, request, f"tag machines {', '.join(batch)}")

    def replace_system_disk(self, instance_id: str, image_id: str, gigabytes: int, client_token: str) -> None:
        """Give a stopped machine a fresh system disk from an image; what was on the old one is gone."""
        models = self._models
        request = models.ReplaceSystemDiskRequest(
            instance_id=instance_id,
            image_id=image_id,
            system_disk=models.ReplaceSystemDiskRequestSystemDisk(size=gigabytes),
            client_token=client_token,
        )
        call(self._ecs.replace_system_disk, request, f"replace the system disk of {instance_id}")

    def assistant_ready(self, instance_id: str) -> bool:
        """Whether the machine's Cloud Assistant answers, so that commands reach it."""
        request = self._models.DescribeCloudAssistantStatusRequest(
            region_id=self._region, instance_id=[instance_id]
        )
        doing = f"ask for the Cloud Assistant of {instance_id}"
        body = call(self._ecs.describe_cloud_assistant_status, request, doing)
        found = _inner(body.instance_cloud_assistant_status_set, "instance_cloud_assistant_status")
        # The API has the word "true", not the truth value.
        return any(
            entry.instance_id == instance_id and str(entry.cloud_assistant_status).lower() == "true"
            for entry in found
        )

    def run_command(
        self, instance_id: str, content: str, *, name: str, timeout_seconds: int, client_token: str
    ) -> str:
        """Run a shell script as root on a machine; the id of the invocation, for `command_result`.

        `content` is at most 24 KB after base64. Cloud Assistant ends it after `timeout_seconds`. The same
        `client_token` gives the same invocation.
        """
        request = self._models.RunCommandRequest(
            region_id=self._region,
            type="RunShellScript",
            name=name,
            command_content=base64.b64encode(content.encode()).decode(),
            content_encoding="Base64",
            instance_id=[instance_id],
            timeout=timeout_seconds,
            client_token=client_token,
        )
        return str(call(self._ecs.run_command, request, f"run {name} on {instance_id}").invoke_id)

    def command_result(self, invocation_id: str, instance_id: str) -> CommandResult | None:
        """How an invocation stands on a machine; None when Cloud Assistant knows of none (yet)."""
        request = self._models.DescribeInvocationResultsRequest(
            region_id=self._region,
            invoke_id=invocation_id,
            instance_id=instance_id,
            content_encoding="Base64",
        )
        doing = f"read the result of {invocation_id} on {instance_id}"
        try:
            body = call(self._ecs.describe_invocation_results, request, doing)
        except NotFoundError:
            return None
        results = _inner(getattr(body.invocation, "invocation_results", None), "invocation_result")
        return next((_result(entry) for entry in results if entry.instance_id == instance_id), None)

    def _pages(self, ids: Sequence[str] | None, tags: Mapping[str, str], vpc_id: str) -> Iterator[Instance]:
        models = self._models
        token: str | None = None
        while True:
            request = models.DescribeInstancesRequest(
                region_id=self._region,
                instance_ids=None if ids is None else json.dumps(list(ids)),
                tag=[models.DescribeInstancesRequestTag(key=key, value=tags[key]) for key in tags] or None,
                vpc_id=vpc_id or None,
                max_results=_PAGE,
                next_token=token,
            )
            body = call(self._ecs.describe_instances, request, "list machines")
            yield from (_instance(entry) for entry in _inner(body.instances, "instance"))
            token = body.next_token
            if not token:
                return

    @cached_property
    def _ecs(self) -> Any:
        from alibabacloud_ecs20140526.client import Client

        return Client(sdk_config(self._provider, self._provider.endpoints.ecs))

    @cached_property
    def _models(self) -> Any:
        from alibabacloud_ecs20140526 import models

        return models


def _inner(holder: Any, name: str) -> list[Any]:
    """ECS wraps every list in an object (`{"Zones": {"Zone": [...]}}`) and may leave either out."""
    return list(getattr(holder, name, None) or [])


def _instance(entry: Any) -> Instance:
    vpc = entry.vpc_attributes
    addresses = _inner(getattr(vpc, "private_ip_address", None), "ip_address")
    return Instance(
        instance_id=entry.instance_id,
        name=entry.instance_name or "",
        status=entry.status,
        private_ip=addresses[0] if addresses else "",
        zone_id=entry.zone_id or "",
        type_id=entry.instance_type or "",
        image_id=entry.image_id or "",
        vpc_id=getattr(vpc, "vpc_id", None) or "",
        tags={tag.tag_key: tag.tag_value for tag in _inner(entry.tags, "tag")},
        created=_time(entry.creation_time),
    )


def _time(text: str | None) -> datetime | None:
    """ECS writes `2021-10-02T15:31Z`."""
    return datetime.fromisoformat(text.rstrip("Z")).replace(tzinfo=UTC) if text else None


def _result(entry: Any) -> CommandResult:
    finished = entry.invocation_status not in _UNFINISHED
    # Before its end Cloud Assistant says exit code 0 or nothing, by version of the agent.
    ran = finished and entry.invocation_status in ("Success", "Failed")
    return CommandResult(
        invocation_id=entry.invoke_id or "",
        instance_id=entry.instance_id,
        status=entry.invocation_status,
        exit_code=entry.exit_code if ran else None,
        output=_output(entry.output or ""),
        dropped=entry.dropped or 0,
        error_code=entry.error_code or "",
        error_info=entry.error_info or "",
    )


def _output(encoded: str) -> str:
    try:
        # The cut to 24 KB may fall inside a character.
        return base64.b64decode(encoded, validate=True).decode("utf-8", errors="replace")
    except ValueError:
        raise PermanentError("Cloud Assistant's answer has an output that is not base64") from None
