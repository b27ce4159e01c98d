"""VPCs and vSwitches: records, states, dependencies."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from ipaddress import IPv4Network
from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.addresses import free_count, gateway, vpc_network, vswitch_network
from localcloud.network.fabric import Fabric
from localcloud.network.identifiers import new_id
from localcloud.network.interfaces import Interfaces
from localcloud.network.internal_services import InternalServices
from localcloud.network.records import Document, Records

Tags = Sequence[dict[str, str]]


class Vpcs:
    """Creates and deletes VPCs and vSwitches. Both are Pending until the fabric has them, then Available."""

    def __init__(
        self, context: Context, fabric: Fabric, interfaces: Interfaces, services: InternalServices
    ) -> None:
        self._context = context
        self._fabric = fabric
        self._interfaces = interfaces
        self._services = services
        self.vpcs = Records(context.store, "vpc", "VpcId", "InvalidVpcId.NotFound")
        self.vswitches = Records(context.store, "vswitch", "VSwitchId", "InvalidVSwitchId.NotFound")
        self._realising = asyncio.Lock()

    async def start(self) -> None:
        """Make again what the records hold and the host has lost."""
        for vpc in self.vpcs.all():
            await self._realise_vpc(vpc)
        for vswitch in self.vswitches.all():
            await self._realise_vswitch(vswitch)

    async def create_vpc(
        self, name: str, cidr: str, *, description: str = "", tags: Tags = (), token: str = ""
    ) -> Document:
        """A VPC: {VpcId, VRouterId, RouteTableId, CidrBlock, VpcName, Status: Available, …}.

        Returns when it is Available. The same non-empty `token` gives the same VPC.
        Raises InvalidCidrBlock.Malformed (400).
        """
        vpc = self.vpcs.made_with(token)
        if vpc is None:
            network = vpc_network(cidr)
            vpc = {
                "VpcId": new_id("vpc"),
                "VRouterId": new_id("vrt"),
                "RouteTableId": new_id("vtb"),
                "CidrBlock": str(network),
                "VpcName": name,
                "Description": description,
                "Status": "Pending",
                "Tags": list(tags),
                "Token": token,
            }
            self.vpcs.save(vpc)
        await self._realise_vpc(vpc)
        return vpc

    async def delete_vpc(self, vpc_id: str) -> None:
        """Raises InvalidVpcId.NotFound (404), DependencyViolation.VSwitch or .SecurityGroup (400)."""
        self.vpcs.get(vpc_id)
        if self.vswitches.all(lambda each: bool(each["VpcId"] == vpc_id)):
            raise _in_use("DependencyViolation.VSwitch", vpc_id, "vSwitches")
        groups = self._context.store.list("security_group")
        if any(group["VpcId"] == vpc_id for group in groups):
            raise _in_use("DependencyViolation.SecurityGroup", vpc_id, "security groups")
        await self._services.close_in(vpc_id)
        await self._fabric.remove_vpc(vpc_id)
        self.vpcs.delete(vpc_id)

    async def create_vswitch(
        self, vpc_id: str, zone_id: str, cidr: str, name: str, *, tags: Tags = (), token: str = ""
    ) -> Document:
        """A vSwitch: {VSwitchId, CidrBlock, ZoneId, VpcId, VSwitchName, Status: Available, …}.

        Returns when it is Available. The same non-empty `token` gives the same vSwitch.
        Raises InvalidVpcId.NotFound (404), IncorrectVpcStatus, InvalidZoneId.NotFound,
        InvalidCidrBlock.Malformed or InvalidCidrBlock.Overlapped (400).
        """
        vswitch = self.vswitches.made_with(token)
        if vswitch is None:
            vpc = self.vpcs.get(vpc_id)
            if vpc["Status"] != "Available":
                raise ApiError(400, "IncorrectVpcStatus", "The current VPC status does not support this.")
            self._check_zone(zone_id)
            neighbours = [IPv4Network(each["CidrBlock"]) for each in self.vswitches_of(vpc_id)]
            network = vswitch_network(cidr, IPv4Network(vpc["CidrBlock"]), neighbours)
            vswitch = {
                "VSwitchId": new_id("vsw"),
                "VpcId": vpc_id,
                "ZoneId": zone_id,
                "CidrBlock": str(network),
                "VSwitchName": name,
                "Status": "Pending",
                "Tags": list(tags),
                "Token": token,
            }
            self.vswitches.save(vswitch)
        await self._realise_vswitch(vswitch)
        return vswitch

    async def delete_vswitch(self, vswitch_id: str) -> None:
        """Raises InvalidVSwitchId.NotFound (404), DependencyViolation and its SNAT form (400)."""
        vswitch = self.vswitches.get(vswitch_id)
        if self._interfaces.taken(vswitch_id):
            raise _in_use("DependencyViolation", vswitch_id, "machines or load balancers")
        if any(vswitch_id in entry["SourceVSwitchIds"] for entry in self._context.store.list("snat_entry")):
            raise _in_use("DependencyViolation.SNAT", vswitch_id, "SNAT entries")
        if any(each["VSwitchId"] == vswitch_id for each in self._context.store.list("nat_gateway")):
            raise _in_use("DependencyViolation.EnhancedNatgw", vswitch_id, "NAT gateways")
        await self._fabric.remove_vswitch(vswitch["VpcId"], vswitch_id)
        self.vswitches.delete(vswitch_id)

    def vswitches_of(self, vpc_id: str) -> list[Document]:
        """The vSwitches of a VPC."""
        return self.vswitches.all(lambda each: bool(each["VpcId"] == vpc_id))

    def available_addresses(self, vswitch: Document) -> int:
        """How many more addresses the vSwitch can give."""
        taken = len(self._interfaces.taken(vswitch["VSwitchId"]))
        return free_count(IPv4Network(vswitch["CidrBlock"]), taken)

    def _check_zone(self, zone_id: str) -> None:
        if not any(zone_id in region.zones for region in self._context.config.regions):
            raise ApiError(404, "InvalidZoneId.NotFound", f"The specified zone {zone_id!r} does not exist.")

    async def _realise_vpc(self, vpc: dict[str, Any]) -> None:
        async with self._realising:
            await self._fabric.ensure_vpc(vpc["VpcId"])
            await self._services.open_in(vpc["VpcId"])
        vpc["Status"] = "Available"
        self.vpcs.save(vpc)

    async def _realise_vswitch(self, vswitch: dict[str, Any]) -> None:
        network = IPv4Network(vswitch["CidrBlock"])
        async with self._realising:
            await self._fabric.ensure_vswitch(
                vswitch["VpcId"], vswitch["VSwitchId"], str(gateway(network)), network.prefixlen
            )
        vswitch["Status"] = "Available"
        self.vswitches.save(vswitch)


def _in_use(code: str, resource: str, by: str) -> ApiError:
    return ApiError(400, code, f"Specified object {resource} has dependent resources: {by}.")
