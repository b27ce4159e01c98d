"""A cloud below the activities: in-memory stand-ins for the typed clients, as strict as the real ones."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from pydantic import SecretStr

from activities.clients import Clients
from wdrip.clients.ecs import CommandResult, EcsClient, Image, Instance, InstanceType, Zone
from wdrip.clients.errors import AlreadyExistsError, NotFoundError, NothingToChangeError
from wdrip.clients.kubernetes import ClusterApi, NodeState
from wdrip.clients.oss import Bucket, ObjectInfo
from wdrip.clients.ros import RosClient, Stack, StackResource
from wdrip.models.provider_config import Endpoints, Provider
from wdrip.security import pki
from wdrip.security.bundle import SecretsBundle

REGION = "cn-hangzhou"
ZONE = "cn-hangzhou-k"


@dataclass
class MemoryBucket:
    """A bucket: `objects` by key; `deleted` in order."""

    name: str = "wdrip-index"
    objects: dict[str, bytes] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)
    aborted: list[tuple[str, str]] = field(default_factory=list)
    """Key and id of each upload in parts that was aborted."""
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    """Parts by number of each upload that is neither completed nor aborted, by its id."""

    def ensure(self) -> bool:
        return False

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def put(self, key: str, content: bytes) -> None:
        self.objects[key] = content

    def create(self, key: str, content: bytes) -> bool:
        return self.objects.setdefault(key, content) is content

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)
        self.deleted.append(key)

    def head(self, key: str) -> ObjectInfo | None:
        content = self.objects.get(key)
        if content is None:
            return None
        return ObjectInfo(key, len(content), datetime.now(UTC), hashlib.sha256(content).hexdigest())

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        found = (self.head(key) for key in sorted(self.objects) if key.startswith(prefix))
        return (each for each in found if each is not None)

    def begin_parts(self, key: str) -> str:
        upload_id = f"upload-{uuid4().hex}"
        self.uploads[upload_id] = {}
        return upload_id

    def presigned_part(self, key: str, upload_id: str, number: int, seconds: int) -> str:
        return f"http://100.118.0.1/{self.name}/{key}?partNumber={number}&uploadId={upload_id}"

    def complete_parts(self, key: str, upload_id: str, etags: Mapping[int, str]) -> None:
        parts = self.uploads.get(upload_id)
        if parts is None:
            raise NotFoundError(f"NoSuchUpload: {upload_id}")
        assert etags == {number: hashlib.md5(part).hexdigest() for number, part in parts.items()}
        self.objects[key] = b"".join(part for _, part in sorted(parts.items()))
        del self.uploads[upload_id]

    def abort_parts(self, key: str, upload_id: str) -> None:
        self.uploads.pop(upload_id, None)
        self.aborted.append((key, upload_id))

    def presigned_get(self, key: str, seconds: int, *, internal: bool = True) -> str:
        assert key in self.objects
        return f"http://100.118.0.1/{self.name}/{key}?Expires={seconds}"


@dataclass
class MemoryStacks:
    """ROS: a new stack takes `looks` looks until it has `outcome`."""

    outputs: Mapping[str, Any]
    outcome: str = "CREATE_COMPLETE"
    looks: int = 2
    stacks: dict[str, Stack] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, dict[str, str]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)

    def create_stack(
        self,
        name: str,
        template: Mapping[str, Any],
        parameters: Mapping[str, str],
        client_token: str,
        tags: Mapping[str, str],
    ) -> str:
        if client_token in self.tokens:
            return self.tokens[client_token]
        if self.find_stack(name):
            raise AlreadyExistsError(f"stack {name} exists")
        stack_id = str(uuid4())
        self.tokens[client_token] = stack_id
        self.stacks[stack_id] = Stack(stack_id, name, "CREATE_IN_PROGRESS", "", {}, tags)
        self.parameters[stack_id] = dict(parameters)
        return stack_id

    def stack(self, stack_id: str) -> Stack | None:
        stack = self.stacks.get(stack_id)
        if stack and stack.in_progress:
            self.looks -= 1
            if self.looks <= 0:
                status = {"UPDATE_IN_PROGRESS": "UPDATE_COMPLETE", "DELETE_IN_PROGRESS": "DELETE_COMPLETE"}
                stack = replace(stack, status=status.get(stack.status, self.outcome), outputs=self.outputs)
                self.stacks[stack_id] = stack
        return stack

    def find_stack(self, name: str) -> str | None:
        standing = (one for one in self.stacks.values() if not one.deleted and one.name == name)
        return next((one.stack_id for one in standing), None)

    def resources(self, stack_id: str) -> list[StackResource]:
        return []

    def failures(self, stack_id: str) -> list[str]:
        return self.reasons

    def update_parameters(
        self, stack_id: str, template: Mapping[str, Any], parameters: Mapping[str, str], client_token: str
    ) -> None:
        if self.parameters[stack_id] == parameters:
            raise NothingToChangeError("NotSupported")
        self.parameters[stack_id] = dict(parameters)
        self.stacks[stack_id] = replace(self.stacks[stack_id], status="UPDATE_IN_PROGRESS")
        self.looks = 2

    def delete_stack(self, stack_id: str) -> None:
        self.stacks[stack_id] = replace(self.stacks[stack_id], status="DELETE_IN_PROGRESS")
        self.looks = 2


@dataclass
class MemoryMachines:
    """ECS: machines that run at the second look. Commands get `answers` in order; then all succeed."""

    answers: list[CommandResult] = field(default_factory=list)
    commands: list[tuple[str, str, str]] = field(default_factory=list)
    """Instance id, name and content of each command."""
    machines: dict[str, Instance] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    certificate: str = field(default_factory=lambda: pki.new_authority("i-1").certificate)
    """What the machine shows as its own."""
    zone: Zone = field(
        default_factory=lambda: Zone(ZONE, frozenset({"ecs.c6.xlarge"}), frozenset({"cloud_essd"}))
    )

    def zones(self) -> list[Zone]:
        return [self.zone]

    def image(self, image_id: str) -> Image | None:
        return self.images.get(image_id)

    def instance_type(self, type_id: str) -> InstanceType | None:
        return InstanceType(type_id, 4, 8.0) if type_id == "ecs.c6.xlarge" else None

    def run_instance(self, *, client_token: str, tags: Mapping[str, str], **wanted: Any) -> str:
        if client_token not in self.tokens:
            instance_id = f"i-{len(self.tokens) + 1}"
            self.tokens[client_token] = instance_id
            self.machines[instance_id] = Instance(
                instance_id=instance_id,
                name=wanted["name"],
                status="Pending",
                private_ip="192.168.0.77",
                zone_id=wanted["zone_id"],
                type_id=wanted["type_id"],
                image_id=wanted["image_id"],
                vpc_id="vpc-1",
                tags=tags,
                created=None,
            )
        return self.tokens[client_token]

    def instance(self, instance_id: str) -> Instance | None:
        found = self.machines.get(instance_id)
        if found:
            self.machines[instance_id] = replace(found, status="Running")
        return found

    def instances(self, *, ids: Sequence[str] | None = None, tags: Mapping[str, str]) -> list[Instance]:
        return [
            one
            for one in self.machines.values()
            if (ids is None or one.instance_id in ids) and tags.items() <= dict(one.tags).items()
        ]

    def delete_instance(self, instance_id: str) -> None:
        self.machines.pop(instance_id, None)

    def assistant_ready(self, instance_id: str) -> bool:
        return True

    def run_command(
        self, instance_id: str, content: str, *, name: str, timeout_seconds: int, client_token: str
    ) -> str:
        self.commands.append((instance_id, name, content))
        return f"t-{len(self.commands)}"

    def command_result(self, invocation_id: str, instance_id: str) -> CommandResult | None:
        if self.answers:
            return self.answers.pop(0)
        _, name, _ = self.commands[int(invocation_id.removeprefix("t-")) - 1]
        return answer(0, self.certificate if "identity" in name else "done")


def answer(exit_code: int | None, output: str = "", error_code: str = "", status: str = "") -> CommandResult:
    """A command's result."""
    status = status or ("Success" if exit_code == 0 else "Failed")
    return CommandResult("t-1", "i-1", status, exit_code, output, 0, error_code, "")


@dataclass
class MemoryApi:
    """A cluster's API: definitions and objects."""

    looks: list[NodeState | None] = field(default_factory=list)
    """What `node` gives, look by look; then the Node is Ready."""
    definitions: list[str] = field(default_factory=list)
    objects: list[tuple[str, str]] = field(default_factory=list)
    server: str = ""

    def node(self, name: str) -> NodeState | None:
        return self.looks.pop(0) if self.looks else NodeState(name, True, "", "v1.20.2")

    def apply_definition(self, definition: dict[str, Any]) -> None:
        self.definitions.append(definition["metadata"]["name"])

    def is_established(self, definition: str) -> bool:
        return definition in self.definitions

    def create_if_missing(self, plural: str, manifest: dict[str, Any]) -> None:
        self.objects.append((plural, manifest["metadata"]["name"]))


@dataclass
class MemoryCloud:
    """All clients of one provider; `clients()` is what activities take."""

    folder: Path
    """Where the encryption key lies."""
    outputs: Mapping[str, Any] = field(
        default_factory=lambda: {
            "VpcId": "vpc-1",
            "VSwitchIds": {ZONE: "vsw-1"},
            "SecurityGroupId": "sg-1",
            "LoadBalancerId": "lb-1",
            "PublicEndpoint": "127.47.0.1",
            "PrivateEndpoint": "192.168.0.75",
            "MasterRole": "c-master-role",
            "WorkerRole": "c-worker-role",
        }
    )

    def __post_init__(self) -> None:
        self.oss, self.machines, self.api = MemoryBucket(), MemoryMachines(), MemoryApi()
        self.stacks = MemoryStacks(self.outputs)

    def clients(self) -> Clients:
        return self

    def provider(self, key: str) -> Provider:
        return Provider(
            key=key,
            access_key_id="LTAI-test",
            access_key_secret=SecretStr("the-access-key-secret"),
            credentials_source="a test",
            bucket=self.oss.name,
            region=REGION,
            endpoints=Endpoints(),
            encryption_key_file=self.folder / "encryption.key",
            version_policy="nearest",
        )

    def ecs(self, key: str) -> EcsClient:
        return cast(EcsClient, self.machines)

    def ros(self, key: str) -> RosClient:
        return cast(RosClient, self.stacks)

    def bucket(self, key: str) -> Bucket:
        return cast(Bucket, self.oss)

    @contextmanager
    def cluster(self, server: str, bundle: SecretsBundle) -> Iterator[ClusterApi]:
        self.api.server = server
        yield cast(ClusterApi, self.api)
