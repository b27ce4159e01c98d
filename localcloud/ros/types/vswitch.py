"""ALIYUN::ECS::VSwitch."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property


class VSwitch(ResourceType):
    """A subnet of a VPC in one zone."""

    name = "ALIYUN::ECS::VSwitch"
    properties: ClassVar[Schema] = {
        "VpcId": Property(required=True),
        "ZoneId": Property(required=True),
        "CidrBlock": Property(required=True),
        "VSwitchName": Property(minimum=1, maximum=128),
        "Description": Property(maximum=256),
        "Tags": tags_property(),
        **not_emulated("Ipv6CidrBlock", "VpcIpv6CidrBlock", "ZoneType"),
    }
    attributes = frozenset(["VSwitchId", "VSwitchName", "CidrBlock"])

    async def create(self, step: Step) -> Made:
        """Make the vSwitch."""
        vswitch = await self.network.create_vswitch(
            vpc_id=step.properties["VpcId"],
            zone_id=step.properties["ZoneId"],
            cidr=step.properties["CidrBlock"],
            name=step.properties.get("VSwitchName", ""),
            tags=step.all_tags(),
            token=step.token,
        )
        return Made(
            vswitch["VSwitchId"],
            {
                "VSwitchId": vswitch["VSwitchId"],
                "VSwitchName": vswitch["VSwitchName"],
                "CidrBlock": vswitch["CidrBlock"],
            },
        )

    async def delete(self, step: Step) -> None:
        """Remove the vSwitch."""
        try:
            await self.network.delete_vswitch(step.physical_id)
        except ApiError as error:
            ignore_gone(error)
