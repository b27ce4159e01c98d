"""ALIYUN::RAM::Role."""

from __future__ import annotations

from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property
from localcloud.ros.types.policy_document import policy_document

# Resource type reference: seconds when none are given.
_DEFAULT_SESSION = 3600


class Role(ResourceType):
    """A role that services or machines assume, with policies of its own and attached ones."""

    name = "ALIYUN::RAM::Role"
    properties: ClassVar[Schema] = {
        "RoleName": Property(required=True, minimum=1, maximum=64),
        "AssumeRolePolicyDocument": policy_document(required=True, updatable=True),
        "Description": Property(maximum=1024, updatable=True),
        "MaxSessionDuration": Property("integer", minimum=3600, maximum=43200, updatable=True),
        "DeletionForce": Property("boolean", updatable=True),
        "Policies": Property(
            "list",
            items=Property(
                "map",
                fields={
                    "PolicyName": Property(required=True),
                    "PolicyDocument": policy_document(required=True),
                    "Description": Property(),
                    **not_emulated("IgnoreExisting"),
                },
            ),
        ),
        "PolicyAttachments": Property(
            "map",
            fields={
                "System": Property("list", items=Property()),
                "Custom": Property("list", items=Property()),
            },
        ),
        "Tags": tags_property(),
        **not_emulated("IgnoreExisting"),
    }
    attributes = frozenset(["RoleId", "RoleName", "Arn"])

    async def create(self, step: Step) -> Made:
        """Make the role, then its policies, then the attachments."""
        name = step.properties["RoleName"]
        role = await self.ram.create_role(
            name,
            step.properties["AssumeRolePolicyDocument"],
            step.properties.get("Description", ""),
            step.properties.get("MaxSessionDuration", _DEFAULT_SESSION),
            step.all_tags(),
            token=step.token,
        )
        try:
            await self._add_policies(step, name)
        except ApiError:
            await self.delete(step)
            raise
        return Made(name, {"RoleId": role["RoleId"], "RoleName": name, "Arn": role["Arn"]})

    async def update(self, step: Step, changed: frozenset[str]) -> Made:  # noqa: ARG002
        """Change trust, description and session length."""
        await self.ram.update_role(
            step.physical_id,
            step.properties["AssumeRolePolicyDocument"],
            step.properties.get("Description", ""),
            step.properties.get("MaxSessionDuration", _DEFAULT_SESSION),
        )
        return Made(step.physical_id, step.attributes)

    async def delete(self, step: Step) -> None:
        """Remove the role with what the template gave it; others' policies only with DeletionForce."""
        name = step.properties["RoleName"]
        try:
            role = await self.ram.get_role(name)
            own = {("Custom", each["PolicyName"]) for each in step.properties.get("Policies", [])}
            for policy_type, policy_name in list(role["Policies"]):
                listed = policy_name in step.properties.get("PolicyAttachments", {}).get(policy_type, [])
                if listed or (policy_type, policy_name) in own or step.properties.get("DeletionForce"):
                    await self.ram.detach_policy_from_role(policy_type, policy_name, name)
            await self.ram.delete_role(name)
        except ApiError as error:
            ignore_gone(error)
        for policy in step.properties.get("Policies", []):
            await self._delete_policy(policy)

    async def _add_policies(self, step: Step, name: str) -> None:
        for policy in step.properties.get("Policies", []):
            await self.ram.create_policy(
                policy["PolicyName"], policy["PolicyDocument"], policy.get("Description", ""), step.token
            )
            await self.ram.attach_policy_to_role("Custom", policy["PolicyName"], name)
        for policy_type, policy_names in step.properties.get("PolicyAttachments", {}).items():
            for policy_name in policy_names:
                await self.ram.attach_policy_to_role(policy_type, policy_name, name)

    async def _delete_policy(self, policy: dict[str, Any]) -> None:
        try:
            await self.ram.delete_policy(policy["PolicyName"])
        except ApiError as error:
            ignore_gone(error)
