"""ALIYUN::RAM::ManagedPolicy and ALIYUN::RAM::AttachPolicyToRole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated
from localcloud.ros.types.policy_document import policy_document


class ManagedPolicy(ResourceType):
    """A custom policy, attached to roles when some are named."""

    name = "ALIYUN::RAM::ManagedPolicy"
    properties: ClassVar[Schema] = {
        "PolicyName": Property(required=True, minimum=1, maximum=128),
        "Description": Property(maximum=1024),
        "PolicyDocument": policy_document(updatable=True),
        "PolicyDocumentUnchecked": Property("map", updatable=True),
        "Roles": Property("list", items=Property()),
        **not_emulated("Groups", "Users", "IgnoreExisting"),
    }
    attributes = frozenset(["PolicyName"])

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """One of the two documents is needed."""
        if properties.get("PolicyDocument") or properties.get("PolicyDocumentUnchecked"):
            return None
        return "PolicyDocument must be specified"

    async def create(self, step: Step) -> Made:
        """Make the policy and attach it."""
        name = step.properties["PolicyName"]
        await self.ram.create_policy(
            name, _document(step), step.properties.get("Description", ""), token=step.token
        )
        try:
            for role in step.properties.get("Roles", []):
                await self.ram.attach_policy_to_role("Custom", name, role)
        except ApiError:
            await self.delete(step)
            raise
        return Made(name, {"PolicyName": name})

    async def update(self, step: Step, changed: frozenset[str]) -> Made:  # noqa: ARG002
        """Replace the document."""
        await self.ram.update_policy(step.physical_id, _document(step))
        return Made(step.physical_id, step.attributes)

    async def delete(self, step: Step) -> None:
        """Detach and remove the policy."""
        name = step.properties["PolicyName"]
        for role in step.properties.get("Roles", []):
            await _detach(self, "Custom", name, role)
        try:
            await self.ram.delete_policy(name)
        except ApiError as error:
            ignore_gone(error)


class AttachPolicyToRole(ResourceType):
    """One policy attached to one role."""

    name = "ALIYUN::RAM::AttachPolicyToRole"
    properties: ClassVar[Schema] = {
        "PolicyName": Property(required=True),
        "PolicyType": Property(required=True, allowed=("System", "Custom")),
        "RoleName": Property(required=True),
    }

    async def create(self, step: Step) -> Made:
        """Attach."""
        await self.ram.attach_policy_to_role(
            step.properties["PolicyType"], step.properties["PolicyName"], step.properties["RoleName"]
        )
        return Made(step.properties["PolicyName"])

    async def delete(self, step: Step) -> None:
        """Detach."""
        await _detach(
            self, step.properties["PolicyType"], step.properties["PolicyName"], step.properties["RoleName"]
        )


def _document(step: Step) -> Mapping[str, Any]:
    # Resource type reference: with PolicyDocumentUnchecked, PolicyDocument is ignored.
    unchecked = step.properties.get("PolicyDocumentUnchecked")
    document: Mapping[str, Any] = unchecked or step.properties["PolicyDocument"]
    return document


async def _detach(resource_type: ResourceType, policy_type: str, policy: str, role: str) -> None:
    try:
        await resource_type.ram.detach_policy_from_role(policy_type, policy, role)
    except ApiError as error:
        ignore_gone(error)
