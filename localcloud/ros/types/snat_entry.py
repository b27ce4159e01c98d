"""ALIYUN::VPC::SnatEntry and the older ALIYUN::ECS::SNatEntry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from localcloud.core.errors import ApiError
from localcloud.ros.properties import Property, Schema
from localcloud.ros.types.base import Made, ResourceType, Step, ignore_gone, not_emulated


class SnatEntry(ResourceType):
    """Which vSwitches leave the VPC by which elastic address; one entry a vSwitch."""

    name = "ALIYUN::VPC::SnatEntry"
    properties: ClassVar[Schema] = {
        "SnatTableId": Property(required=True),
        "SnatIp": Property(required=True),
        "SourceVSwitchIds": Property("list", minimum=1, items=Property()),
        "SnatEntryName": Property(minimum=2, maximum=128),
        **not_emulated("EipAffinity", "NetworkInterfaceId", "SourceCIDR"),
    }
    attributes = frozenset(["SnatEntryIds"])

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """A source is needed."""
        return None if properties.get("SourceVSwitchIds") else "SourceVSwitchIds must be specified"

    async def create(self, step: Step) -> Made:
        """Make the entries."""
        made = await self.network.create_snat_entry(
            snat_table_id=step.properties["SnatTableId"],
            vswitch_ids=step.properties["SourceVSwitchIds"],
            eip=step.properties["SnatIp"],
            token=step.token,
        )
        entry_ids = list(made["SnatEntryIds"])
        return Made(",".join(entry_ids), {"SnatEntryIds": entry_ids})

    async def delete(self, step: Step) -> None:
        """Remove the entries."""
        for entry_id in step.attributes.get("SnatEntryIds", []):
            try:
                await self.network.delete_snat_entry(entry_id)
            except ApiError as error:
                ignore_gone(error)


class EcsSnatEntry(ResourceType):
    """The older type: one entry for one vSwitch."""

    name = "ALIYUN::ECS::SNatEntry"
    properties: ClassVar[Schema] = {
        "SNatTableId": Property(required=True),
        "SNatIp": Property(required=True),
        "SourceVSwitchId": Property(),
        "SnatEntryName": Property(minimum=2, maximum=128),
        **not_emulated("SourceCIDR"),
    }
    attributes = frozenset(["SNatEntryId"])

    def check(self, properties: Mapping[str, Any]) -> str | None:
        """A source is needed."""
        return None if properties.get("SourceVSwitchId") else "SourceVSwitchId must be specified"

    async def create(self, step: Step) -> Made:
        """Make the entry."""
        made = await self.network.create_snat_entry(
            snat_table_id=step.properties["SNatTableId"],
            vswitch_ids=[step.properties["SourceVSwitchId"]],
            eip=step.properties["SNatIp"],
            token=step.token,
        )
        (entry_id,) = made["SnatEntryIds"]
        return Made(entry_id, {"SNatEntryId": entry_id})

    async def delete(self, step: Step) -> None:
        """Remove the entry."""
        try:
            await self.network.delete_snat_entry(step.physical_id)
        except ApiError as error:
            ignore_gone(error)
