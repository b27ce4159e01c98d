"""ALIYUN::ECS::SecurityGroup."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, tags_property
from localcloud.ros.types.security_group_rule import EGRESS, INGRESS, rule_peer_missing, security_rule


class SecurityGroup(ResourceType):
    """A set of firewall rules that machines are put under."""

    name = "ALIYUN::ECS::SecurityGroup"
    properties: ClassVar[Schema] = {
        "VpcId": Property(),
        "SecurityGroupName": Property(minimum=2, maximum=128),
        "Description": Property(maximum=256),
        "SecurityGroupType": Property(allowed=("normal", "enterprise")),
        "SecurityGroupIngress": Property("list", updatable=True, items=Property("map", fields=INGRESS)),
        "SecurityGroupEgress": Property("list", updatable=True, items=Property("map", fields=EGRESS)),
        "ResourceGroupId": Property(),
        "Tags": tags_property(),
    }
    attributes = frozenset(["SecurityGroupId", "SecurityGroupName"])

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """Groups outside a VPC are of the classic network, which is not sold any more."""
        if not properties.get("VpcId"):
            return "VpcId must be specified: the classic network is not available"
        for direction in ("Ingress", "Egress"):
            rules = properties.get(f"SecurityGroup{direction}", [])
            for rule in rules if isinstance(rules, list) else []:
                if problem := rule_peer_missing(rule, direction):
                    return problem
        return None

    async def create(self, step: Step) -> Made:
        """Make the group with its rules."""
        group = await self.network.create_security_group(
            vpc_id=step.properties["VpcId"],
            name=step.properties.get("SecurityGroupName", ""),
            description=step.properties.get("Description", ""),
            tags=step.all_tags(),
            rules=_rules(step.properties),
            token=step.token,
        )
        group_id = group["SecurityGroupId"]
        name = step.properties.get("SecurityGroupName", "")
        return Made(group_id, {"SecurityGroupId": group_id, "SecurityGroupName": name})

    async def update(self, step: Step, changed: frozenset[str]) -> Made:  # noqa: ARG002
        """Replace the group's rules by those that stand in the template."""
        await self.network.set_security_group_rules(step.physical_id, _rules(step.properties))
        return Made(step.physical_id, step.attributes)

    async def delete(self, step: Step) -> None:
        """Remove the group."""
        try:
            await self.network.delete_security_group(step.physical_id)
        except ApiError as error:
            ignore_gone(error)


def _rules(properties: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        security_rule(rule, direction)
        for direction in ("Ingress", "Egress")
        for rule in properties.get(f"SecurityGroup{direction}", [])
    ]
