"""ALIYUN::VPC::NatGateway."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property


class NatGateway(ResourceType):
    """A way out of a VPC; state only, there is no outside network here."""

    name = "ALIYUN::VPC::NatGateway"
    properties: ClassVar[Schema] = {
        "VpcId": Property(required=True),
        "VSwitchId": Property(required=True),
        "NatGatewayName": Property(minimum=2, maximum=128),
        "Description": Property(maximum=256),
        "NatType": Property(allowed=("Enhanced",)),
        "NetworkType": Property(allowed=("internet",)),
        "InstanceChargeType": Property(allowed=("PostPaid",)),
        "InternetChargeType": Property(allowed=("PayByLcu",)),
        "DeletionForce": Property("boolean", updatable=True),
        "Tags": tags_property(),
        **not_emulated("AccessMode", "AvailabilityMode", "DeletionProtection", "EipBindMode"),
        **not_emulated("IcmpReplyEnabled", "Ipv4Prefix", "NatIp", "PrivateLinkEnabled"),
        **not_emulated("SecurityProtectionEnabled"),
    }
    attributes = frozenset(["NatGatewayId", "SNatTableId", "ForwardTableId"])

    async def create(self, step: Step) -> Made:
        """Make the gateway."""
        gateway = await self.network.create_nat_gateway(
            vpc_id=step.properties["VpcId"],
            vswitch_id=step.properties["VSwitchId"],
            name=step.properties.get("NatGatewayName", ""),
            tags=step.all_tags(),
            token=step.token,
        )
        return Made(
            gateway["NatGatewayId"],
            {
                "NatGatewayId": gateway["NatGatewayId"],
                "SNatTableId": gateway["SNatTableId"],
                "ForwardTableId": gateway["ForwardTableId"],
            },
        )

    async def update(self, step: Step, changed: frozenset[str]) -> Made:  # noqa: ARG002
        """Nothing but what a later delete does depends on DeletionForce."""
        return Made(step.physical_id, step.attributes)

    async def delete(self, step: Step) -> None:
        """Remove the gateway; with DeletionForce its entries and elastic addresses are let go first."""
        try:
            if step.properties.get("DeletionForce"):
                await self._let_go(step)
            await self.network.delete_nat_gateway(step.physical_id)
        except ApiError as error:
            ignore_gone(error)

    async def _let_go(self, step: Step) -> None:
        table = step.attributes["SNatTableId"]
        for entry in self.network.nat_gateways.entries.all(lambda each: bool(each["SnatTableId"] == table)):
            await self.network.delete_snat_entry(entry["SnatEntryId"])
        gateway = step.physical_id
        for eip in self.network.elastic.eips.all(lambda each: bool(each["InstanceId"] == gateway)):
            await self.network.unassociate_eip(eip["AllocationId"])
