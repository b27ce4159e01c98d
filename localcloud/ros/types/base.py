"""What a resource type is: a schema of properties, attributes, and create, update, delete."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.backend import Network
from localcloud.ram.backend import Ram
from localcloud.ros.properties import Property, Schema

Tags = list[dict[str, str]]


@dataclass(frozen=True)
class Services:
    """What resource types act upon."""

    context: Context
    network: Network
    ram: Ram


@dataclass(frozen=True)
class Step:
    """One piece of work on one resource.

    token: stays the same when the work is taken up again after a kill, so that a create whose answer was
        lost finds its resource again.
    properties: resolved and checked; for a delete those of the last create or update.
    tags: the stack's, to be put on resources that take tags.
    started: when the work was first begun.
    """

    stack_id: str
    stack_name: str
    logical_id: str
    token: str
    properties: Mapping[str, Any]
    tags: Tags
    started: datetime
    physical_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def all_tags(self) -> Tags:
        """The stack's tags and the resource's own; the own win."""
        merged = {each["Key"]: each.get("Value", "") for each in self.tags}
        merged.update({each["Key"]: each.get("Value", "") for each in self.properties.get("Tags", [])})
        return [{"Key": key, "Value": value} for key, value in merged.items()]


@dataclass(frozen=True)
class Made:
    """What stands after a create or update."""

    physical_id: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


class ResourceType(ABC):
    """One type. All methods raise ApiError with the codes of the service that they call.

    name: as templates write it, e.g. `ALIYUN::ECS::VPC`.
    attributes: what Fn::GetAtt may ask for.
    waits: whether create only waits for others, and so may be broken off at once.
    """

    name: ClassVar[str]
    properties: ClassVar[Schema]
    attributes: ClassVar[frozenset[str]] = frozenset()
    waits: ClassVar[bool] = False

    def __init__(self, services: Services) -> None:
        self.network = services.network
        self.ram = services.ram
        self.context = services.context

    def check(self, properties: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        """Why these properties do not go together, or None. Values may be UNKNOWN."""
        return None

    @abstractmethod
    async def create(self, step: Step) -> Made:
        """Make the resource, or find the one that an earlier try with this token made."""

    async def update(self, step: Step, changed: frozenset[str]) -> Made:
        """Bring the resource to `step.properties`; only called when every changed property is updatable."""
        raise NotImplementedError(f"{self.name} declares updatable properties {sorted(changed)} only in part")

    @abstractmethod
    async def delete(self, step: Step) -> None:
        """Remove the resource; one that is already gone is no error."""


def tags_property() -> Property:
    """The `Tags` property: at most 20 pairs, Key required."""
    pair = {"Key": Property(required=True, minimum=1, maximum=128), "Value": Property(maximum=128)}
    return Property("list", maximum=20, items=Property("map", fields=pair))


def not_emulated(*names: str) -> dict[str, Property]:
    """Real properties whose effect this cloud does not have."""
    return {name: Property("any", emulated=False) for name in names}


def ignore_gone(error: ApiError) -> None:
    """Let a 404 `…NotFound…` or `EntityNotExist…` pass; raise every other error again."""
    if error.status == 404 or "NotFound" in error.code or error.code.startswith("EntityNotExist"):
        return
    raise error
