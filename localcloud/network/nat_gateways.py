"""NAT gateways and SNAT entries: records with their rules. There is no outside network to translate to."""

from __future__ import annotations

from collections.abc import Sequence

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.elastic_addresses import ElasticAddresses
from localcloud.network.identifiers import new_id
from localcloud.network.records import Document, Records
from localcloud.network.vpcs import Vpcs


class NatGateways:
    """Creates and deletes NAT gateways and SNAT entries."""

    def __init__(self, context: Context, vpcs: Vpcs, gateways: Records, elastic: ElasticAddresses) -> None:
        self._vpcs = vpcs
        self._elastic = elastic
        self.gateways = gateways
        self.entries = Records(context.store, "snat_entry", "SnatEntryId", "InvalidSnatEntryId.NotFound")

    async def create_nat_gateway(
        self,
        vpc_id: str,
        vswitch_id: str,
        *,
        name: str = "",
        nat_type: str = "Enhanced",
        network_type: str = "internet",
        tags: Sequence[dict[str, str]] = (),
        token: str = "",
    ) -> Document:
        """A gateway: {NatGatewayId, SNatTableId, ForwardTableId, VpcId, VSwitchId, Status: Available, …}.

        Raises InvalidVpcId.NotFound, InvalidVSwitchId.NotFound (404), InvalidParameter (400).
        """
        existing = self.gateways.made_with(token)
        if existing is not None:
            return existing
        self._vpcs.vpcs.get(vpc_id)
        vswitch = self._vpcs.vswitches.get(vswitch_id)
        if vswitch["VpcId"] != vpc_id:
            raise ApiError(404, "InvalidVSwitchId.NotFound", f"{vswitch_id} is not in VPC {vpc_id}.")
        if nat_type != "Enhanced" or network_type not in ("internet", "intranet"):
            raise ApiError(
                400, "InvalidParameter", f"NatType {nat_type!r} with {network_type!r} is not sold."
            )
        gateway = {
            "NatGatewayId": new_id("ngw"),
            "SNatTableId": new_id("stb"),
            "ForwardTableId": new_id("ftb"),
            "VpcId": vpc_id,
            "VSwitchId": vswitch_id,
            "Name": name,
            "NatType": nat_type,
            "NetworkType": network_type,
            "Status": "Available",
            "Tags": list(tags),
            "Token": token,
        }
        self.gateways.save(gateway)
        return gateway

    async def delete_nat_gateway(self, gateway_id: str) -> None:
        """Raises InvalidNatGatewayId.NotFound (404), DependencyViolation.SnatEntry or .EIPS (400)."""
        gateway = self.gateways.get(gateway_id)
        if self.entries.all(lambda each: bool(each["SnatTableId"] == gateway["SNatTableId"])):
            raise ApiError(400, "DependencyViolation.SnatEntry", f"{gateway_id} has SNAT entries.")
        if self._elastic.addresses_of(gateway_id):
            raise ApiError(400, "DependencyViolation.EIPS", f"{gateway_id} has elastic addresses.")
        self.gateways.delete(gateway_id)

    async def create_snat_entry(
        self, snat_table_id: str, vswitch_ids: Sequence[str], eip: str, *, name: str = "", token: str = ""
    ) -> Document:
        """One entry per vSwitch: {SnatEntryIds: [...]}; `eip` is one address or several with commas.

        Raises InvalidSnatTableId.NotFound, InvalidVSwitchId.NotFound (404), EIP_NOT_IN_GATEWAY (400) when
        the address is not bound to the gateway, SnatEntry.Duplicated (400).
        """
        if token and (made := self.entries.all(lambda each: bool(each["Token"] == token))):
            return {"SnatEntryIds": [each["SnatEntryId"] for each in made]}
        gateway = self._gateway_of(snat_table_id)
        bound = self._elastic.addresses_of(gateway["NatGatewayId"])
        if not eip or any(address not in bound for address in eip.split(",")):
            raise ApiError(400, "EIP_NOT_IN_GATEWAY", f"The EIP {eip!r} is not bound to the NAT gateway.")
        for vswitch_id in vswitch_ids:
            self._vpcs.vswitches.get(vswitch_id)
            if any(vswitch_id in each["SourceVSwitchIds"] for each in self.entries.all()):
                raise ApiError(400, "SnatEntry.Duplicated", f"{vswitch_id} has an SNAT entry already.")
        made = [
            {
                "SnatEntryId": new_id("snat"),
                "SnatTableId": snat_table_id,
                "SourceVSwitchIds": [vswitch_id],
                "SnatIp": eip,
                "SnatEntryName": name,
                "Token": token,
            }
            for vswitch_id in vswitch_ids
        ]
        for entry in made:
            self.entries.save(entry)
        return {"SnatEntryIds": [each["SnatEntryId"] for each in made]}

    async def delete_snat_entry(self, entry_id: str) -> None:
        """Raises InvalidSnatEntryId.NotFound (404)."""
        self.entries.get(entry_id)
        self.entries.delete(entry_id)

    def _gateway_of(self, snat_table_id: str) -> Document:
        found = self.gateways.all(lambda each: bool(each["SNatTableId"] == snat_table_id))
        if not found:
            raise ApiError(
                404, "InvalidSnatTableId.NotFound", f"SNAT table {snat_table_id!r} does not exist."
            )
        return found[0]
