"""ALIYUN::VPC::EIPAssociation."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated


class EipAssociation(ResourceType):
    """An elastic address bound to a NAT gateway or load balancer."""

    name = "ALIYUN::VPC::EIPAssociation"
    properties: ClassVar[Schema] = {
        "AllocationId": Property(required=True),
        "InstanceId": Property(required=True),
        "Mode": Property(allowed=("NAT",)),
        **not_emulated("PrivateIpAddress"),
    }
    attributes = frozenset(["AllocationId", "EipAddress"])

    async def create(self, step: Step) -> Made:
        """Bind; binding the same pair again changes nothing."""
        allocation_id = step.properties["AllocationId"]
        await self.network.associate_eip(allocation_id, step.properties["InstanceId"])
        address = self.network.elastic.eips.get(allocation_id)["EipAddress"]
        return Made(allocation_id, {"AllocationId": allocation_id, "EipAddress": address})

    async def delete(self, step: Step) -> None:
        """Unbind."""
        try:
            await self.network.unassociate_eip(step.properties["AllocationId"])
        except ApiError as error:
            ignore_gone(error)
