"""ALIYUN::VPC::EIP."""

from __future__ import annotations

from typing import ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property

# Resource type reference: bandwidth in Mbit/s when none is given, and how it is billed.
_DEFAULT_BANDWIDTH = 5
_DEFAULT_CHARGE = "PayByBandwidth"


class Eip(ResourceType):
    """An elastic address."""

    name = "ALIYUN::VPC::EIP"
    properties: ClassVar[Schema] = {
        "Name": Property(minimum=2, maximum=128),
        "Description": Property(maximum=256),
        "Bandwidth": Property("integer", minimum=1, maximum=500),
        "InternetChargeType": Property(allowed=("PayByBandwidth", "PayByTraffic")),
        "InstanceChargeType": Property(allowed=("Postpaid", "PostPaid")),
        "Isp": Property(allowed=("BGP", "BGP_PRO")),
        "Netmode": Property(allowed=("public",)),
        "ResourceGroupId": Property(),
        "Tags": tags_property(),
        **not_emulated("AutoPay", "DeletionProtection", "InstanceId", "IpAddress", "Period"),
        **not_emulated("PricingCycle", "PublicIpAddressPoolId", "SecurityProtectionTypes", "Zone"),
    }
    attributes = frozenset(["AllocationId", "EipAddress", "Isp"])

    async def create(self, step: Step) -> Made:
        """Allocate the address."""
        eip = await self.network.allocate_eip(
            name=step.properties.get("Name", ""),
            bandwidth=step.properties.get("Bandwidth", _DEFAULT_BANDWIDTH),
            charge_type=step.properties.get("InternetChargeType", _DEFAULT_CHARGE),
            tags=step.all_tags(),
            token=step.token,
        )
        return Made(
            eip["AllocationId"],
            {
                "AllocationId": eip["AllocationId"],
                "EipAddress": eip["EipAddress"],
                "Isp": step.properties.get("Isp", "BGP"),
            },
        )

    async def delete(self, step: Step) -> None:
        """Release the address."""
        try:
            await self.network.release_eip(step.physical_id)
        except ApiError as error:
            ignore_gone(error)
