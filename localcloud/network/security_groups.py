"""Security groups: kept and described, not enforced (machines of a VPC reach each other on every port)."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.identifiers import new_id
from localcloud.network.records import Document, Records


class SecurityGroups:
    """Creates and deletes security groups."""

    def __init__(self, context: Context, vpcs: Records) -> None:
        self._context = context
        self._vpcs = vpcs
        self.groups = Records(
            context.store, "security_group", "SecurityGroupId", "InvalidSecurityGroupId.NotFound"
        )

    async def create_security_group(
        self,
        vpc_id: str,
        name: str,
        *,
        description: str = "",
        tags: Sequence[dict[str, str]] = (),
        rules: Sequence[dict[str, str]] = (),
        token: str = "",
    ) -> Document:
        """A group: {SecurityGroupId, SecurityGroupName, VpcId, Rules, …}; `rules` are kept as given.

        Raises InvalidVpcId.NotFound (404).
        """
        existing = self.groups.made_with(token)
        if existing is not None:
            return existing
        self._vpcs.get(vpc_id)
        group = {
            "SecurityGroupId": new_id("sg"),
            "SecurityGroupName": name,
            "Description": description,
            "VpcId": vpc_id,
            "Rules": list(rules),
            "Tags": list(tags),
            "Token": token,
        }
        self.groups.save(group)
        return group

    async def set_security_group_rules(self, group_id: str, rules: Sequence[dict[str, str]]) -> None:
        """Exactly these rules from now on. Raises InvalidSecurityGroupId.NotFound (404)."""
        group = self.groups.get(group_id)
        group["Rules"] = list(rules)
        self.groups.save(group)

    async def delete_security_group(self, group_id: str) -> None:
        """Raises InvalidSecurityGroupId.NotFound (404), DependencyViolation (403) while machines use it."""
        self.groups.get(group_id)
        if any(group_id in each["SecurityGroupIds"] for each in self._context.store.list("instance")):
            raise ApiError(
                403, "DependencyViolation", f"There is still instance(s) in the security group {group_id}."
            )
        self.groups.delete(group_id)
