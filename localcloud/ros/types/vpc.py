"""ALIYUN::ECS::VPC."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property

# Resource type reference: the default range of a VPC.
_DEFAULT_CIDR = "172.16.0.0/12"


class Vpc(ResourceType):
    """A private network."""

    name = "ALIYUN::ECS::VPC"
    properties: ClassVar[Schema] = {
        "VpcName": Property(minimum=1, maximum=128),
        "CidrBlock": Property(),
        "Description": Property(maximum=256),
        "ResourceGroupId": Property(),
        "Tags": tags_property(),
        **not_emulated("EnableIpv6", "Ipv6CidrBlock", "Ipv6Isp", "SecondaryCidrBlocks", "UserCidr"),
    }
    attributes = frozenset(["VpcId", "VpcName", "VRouterId", "RouteTableId"])

    async def create(self, step: Step) -> Made:
        """Make the VPC."""
        vpc = await self.network.create_vpc(
            name=step.properties.get("VpcName", ""),
            cidr=step.properties.get("CidrBlock", _DEFAULT_CIDR),
            description=step.properties.get("Description", ""),
            tags=step.all_tags(),
            token=step.token,
        )
        return Made(
            vpc["VpcId"],
            {
                "VpcId": vpc["VpcId"],
                "VpcName": vpc["VpcName"],
                "VRouterId": vpc["VRouterId"],
                "RouteTableId": vpc["RouteTableId"],
            },
        )

    async def delete(self, step: Step) -> None:
        """Remove the VPC."""
        try:
            await self.network.delete_vpc(step.physical_id)
        except ApiError as error:
            ignore_gone(error)
