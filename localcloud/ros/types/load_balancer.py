"""ALIYUN::SLB::LoadBalancer (CLB)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.template.values import UNKNOWN
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated, tags_property


class LoadBalancer(ResourceType):
    """A classic load balancer, inside a VPC or public."""

    name = "ALIYUN::SLB::LoadBalancer"
    properties: ClassVar[Schema] = {
        "LoadBalancerName": Property(minimum=1, maximum=80),
        "AddressType": Property(allowed=("internet", "intranet")),
        "AddressIPVersion": Property(allowed=("ipv4",)),
        "VpcId": Property(),
        "VSwitchId": Property(),
        "InstanceChargeType": Property(allowed=("PayByCLCU", "PayBySpec")),
        "LoadBalancerSpec": Property(
            allowed=(
                "slb.s1.small",
                "slb.s2.small",
                "slb.s2.medium",
                "slb.s3.small",
                "slb.s3.medium",
                "slb.s3.large",
            )
        ),
        "InternetChargeType": Property(allowed=("paybytraffic", "paybybandwidth")),
        "Bandwidth": Property("integer", minimum=1, maximum=5000),
        "ResourceGroupId": Property(),
        "Tags": tags_property(),
        **not_emulated("DeletionProtection", "MasterZoneId", "SlaveZoneId"),
        **not_emulated("ModificationProtectionReason", "ModificationProtectionStatus"),
    }
    attributes = frozenset(
        [
            "LoadBalancerId",
            "LoadBalancerName",
            "IpAddress",
            "AddressType",
            "AddressIPVersion",
            "VpcId",
            "VSwitchId",
            "NetworkType",
            "Bandwidth",
        ]
    )

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """An internal load balancer lives in a vSwitch."""
        if _address_type(properties) == "intranet" and not properties.get("VSwitchId"):
            return "VSwitchId must be specified when AddressType is intranet: the classic network is closed"
        return None

    async def create(self, step: Step) -> Made:
        """Make the load balancer."""
        properties = step.properties
        if charge_type(properties) != "PayByCLCU":
            # On sale until 2025-06-01. Which code the real CLB answers is not documented.
            raise ApiError(
                400,
                "OperationUnsupported.PayBySpec",
                "Pay-by-specification CLB instances are no longer available for purchase since 2025-06-01; "
                "set InstanceChargeType to PayByCLCU and leave LoadBalancerSpec out.",
            )
        balancer = await self.network.create_load_balancer(
            name=properties.get("LoadBalancerName", ""),
            address_type=_address_type(properties),
            vpc_id=properties.get("VpcId", ""),
            vswitch_id=properties.get("VSwitchId", ""),
            charge_type="PayByCLCU",
            tags=step.all_tags(),
            token=step.token,
        )
        vswitch_id = properties.get("VSwitchId", "")
        return Made(
            balancer["LoadBalancerId"],
            {
                "LoadBalancerId": balancer["LoadBalancerId"],
                "LoadBalancerName": properties.get("LoadBalancerName", balancer["LoadBalancerId"]),
                "IpAddress": balancer["Address"],
                "AddressType": _address_type(properties),
                "AddressIPVersion": "ipv4",
                "VpcId": properties.get("VpcId", ""),
                "VSwitchId": vswitch_id,
                "NetworkType": "vpc" if vswitch_id else "classic",
                "Bandwidth": properties.get("Bandwidth", 1),
            },
        )

    async def delete(self, step: Step) -> None:
        """Remove the load balancer with its listeners."""
        try:
            await self.network.delete_load_balancer(step.physical_id)
        except ApiError as error:
            ignore_gone(error)


def charge_type(properties: Mapping[str, Any]) -> str:
    """How the load balancer is billed: a specification without charge type means by specification."""
    by_default = "PayBySpec" if properties.get("LoadBalancerSpec") else "PayByCLCU"
    return str(properties.get("InstanceChargeType", by_default))


def _address_type(properties: Mapping[str, Any]) -> str:
    chosen = properties.get("AddressType")
    if chosen is None or chosen is UNKNOWN:
        # Resource type reference: internet, but intranet when a vSwitch is given.
        return "intranet" if properties.get("VSwitchId") else "internet"
    return str(chosen)
