"""ALIYUN::ECS::SecurityGroupIngress and SecurityGroupEgress, and the rule schema that groups share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated

_COMMON: Schema = {
    "IpProtocol": Property(required=True, allowed=("tcp", "udp", "icmp", "gre", "all", "icmpv6")),
    "PortRange": Property(required=True, pattern=r"-1/-1|[0-9]{1,5}/[0-9]{1,5}"),
    "Policy": Property(allowed=("accept", "drop")),
    "Priority": Property("integer", minimum=1, maximum=100),
    "NicType": Property(allowed=("internet", "intranet")),
    "Description": Property(maximum=512),
}
INGRESS: Schema = {
    **_COMMON,
    "SourceCidrIp": Property(),
    "SourceGroupId": Property(),
    **not_emulated("DestCidrIp", "Ipv6DestCidrIp", "Ipv6SourceCidrIp", "SourceGroupOwnerAccount"),
    **not_emulated("SourceGroupOwnerId", "SourcePortRange", "SourcePrefixListId"),
}
"""Properties of one ingress rule."""
EGRESS: Schema = {
    **_COMMON,
    "DestCidrIp": Property(),
    "DestGroupId": Property(),
    **not_emulated("DestGroupOwnerAccount", "DestGroupOwnerId", "DestPrefixListId", "Ipv6DestCidrIp"),
    **not_emulated("Ipv6SourceCidrIp", "SourceCidrIp", "SourcePortRange"),
}
"""Properties of one egress rule."""

_PEERS = {"Ingress": ("SourceCidrIp", "SourceGroupId"), "Egress": ("DestCidrIp", "DestGroupId")}


def rule_peer_missing(rule: Any, direction: str) -> str | None:
    """What is wrong with a rule's peer, or None."""
    if not isinstance(rule, dict) or any(rule.get(name) for name in _PEERS[direction]):
        return None
    return f"SecurityGroup{direction}: one of {' and '.join(_PEERS[direction])} must be specified"


def security_rule(properties: Mapping[str, Any], direction: str) -> dict[str, Any]:
    """A rule as the network keeps it: the reference's properties with their defaults, and a direction."""
    rule = {name: properties[name] for name in (*_COMMON, *_PEERS[direction]) if name in properties}
    return {"Policy": "accept", "Priority": 1, **rule, "Direction": direction.lower()}


class _Rule(ResourceType):
    """One rule added to a group that stands on its own."""

    direction: ClassVar[str]

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """A rule needs a peer."""
        return rule_peer_missing(dict(properties), self.direction)

    async def create(self, step: Step) -> Made:
        """Add the rule; adding it twice leaves it once."""
        group_id = step.properties["SecurityGroupId"]
        rule = security_rule(step.properties, self.direction)
        rules = self._rules_of(group_id)
        if rule not in rules:
            await self.network.set_security_group_rules(group_id, [*rules, rule])
        return Made(step.logical_id)

    async def delete(self, step: Step) -> None:
        """Take the rule away."""
        group_id = step.properties["SecurityGroupId"]
        rule = security_rule(step.properties, self.direction)
        try:
            rules = [each for each in self._rules_of(group_id) if each != rule]
            await self.network.set_security_group_rules(group_id, rules)
        except ApiError as error:
            ignore_gone(error)

    def _rules_of(self, group_id: str) -> list[dict[str, Any]]:
        rules: list[dict[str, Any]] = self.network.security_groups.groups.get(group_id)["Rules"]
        return rules


class SecurityGroupIngress(_Rule):
    """An ingress rule."""

    name = "ALIYUN::ECS::SecurityGroupIngress"
    direction = "Ingress"
    properties: ClassVar[Schema] = {**INGRESS, "SecurityGroupId": Property(required=True)}


class SecurityGroupEgress(_Rule):
    """An egress rule."""

    name = "ALIYUN::ECS::SecurityGroupEgress"
    direction = "Egress"
    properties: ClassVar[Schema] = {**EGRESS, "SecurityGroupId": Property(required=True)}
