"""Elastic addresses: taken from a range of loopback, so that this host reaches them and nobody else does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network

from localcloud.core.context import Context
from localcloud.core.errors import ApiError
from localcloud.network.identifiers import new_id
from localcloud.network.records import Document, Records

Changed = Callable[[str], Awaitable[None]]


class ElasticAddresses:
    """Allocates addresses and ties them to NAT gateways and load balancers.

    They cannot be tied to a machine here: only what listens on a load balancer is reachable from outside.
    """

    def __init__(self, context: Context, nat_gateways: Records, balancers: Records) -> None:
        self._context = context
        self._nat_gateways = nat_gateways
        self._balancers = balancers
        self.eips = Records(context.store, "eip", "AllocationId", "InvalidAllocationId.NotFound")
        self._on_balancer_change: Changed | None = None

    def on_balancer_change(self, callback: Changed) -> None:
        """Call back with a load balancer's id when its elastic addresses have changed."""
        self._on_balancer_change = callback

    async def allocate_eip(
        self,
        *,
        name: str = "",
        bandwidth: int = 5,
        charge_type: str = "PayByTraffic",
        tags: Sequence[dict[str, str]] = (),
        token: str = "",
    ) -> Document:
        """An address: {AllocationId, EipAddress, Status: Available, …}; `bandwidth` in Mbit/s, not enforced.

        Raises InvalidParameter (400), QuotaExceeded.Eip (400) when the range is used up.
        """
        existing = self.eips.made_with(token)
        if existing is not None:
            return existing
        if charge_type not in ("PayByTraffic", "PayByBandwidth"):
            raise ApiError(400, "InvalidParameter", f"InternetChargeType {charge_type!r} is not valid.")
        eip = {
            "AllocationId": new_id("eip"),
            "EipAddress": self._free_address(),
            "Name": name,
            "Bandwidth": str(bandwidth),
            "InternetChargeType": charge_type,
            "Status": "Available",
            "InstanceId": "",
            "InstanceType": "",
            "Tags": list(tags),
            "Token": token,
        }
        self.eips.save(eip)
        return eip

    def reserve_public_address(self, owner_id: str) -> str:
        """An address of the range that belongs to a public load balancer itself."""
        eip = {
            "AllocationId": owner_id,
            "EipAddress": self._free_address(),
            "Status": "InUse",
            "InstanceId": "",
            "InstanceType": "",
            "Hidden": True,
        }
        self.eips.save(eip)
        return str(eip["EipAddress"])

    async def release_eip(self, allocation_id: str) -> None:
        """Raises InvalidAllocationId.NotFound (404), IncorrectEipStatus (400) while it is bound."""
        eip = self.eips.get(allocation_id)
        if eip["InstanceId"]:
            raise ApiError(400, "IncorrectEipStatus", f"The EIP {allocation_id} is bound; unassociate it.")
        self.eips.delete(allocation_id)

    async def associate_eip(self, allocation_id: str, instance_id: str) -> None:
        """Bind to a NAT gateway or load balancer; the same binding again is no error.

        Raises InvalidAllocationId.NotFound, InvalidInstanceId.NotFound (404), IncorrectEipStatus,
        InvalidBindingStatus (400).
        """
        eip = self.eips.get(allocation_id)
        kind = self._kind_of(instance_id)
        if eip["InstanceId"] == instance_id:
            return
        if eip["InstanceId"]:
            raise ApiError(400, "IncorrectEipStatus", f"The EIP {allocation_id} is bound already.")
        if kind == "SlbInstance" and self.addresses_of(instance_id):
            raise ApiError(400, "InvalidBindingStatus", f"{instance_id} has an EIP already.")
        eip.update(InstanceId=instance_id, InstanceType=kind, Status="InUse")
        self.eips.save(eip)
        await self._changed(kind, instance_id)

    async def unassociate_eip(self, allocation_id: str) -> None:
        """Unbind. Raises InvalidAllocationId.NotFound (404), OperationUnsupported.EipNatGWCheck (400)."""
        eip = self.eips.get(allocation_id)
        instance_id, kind = eip["InstanceId"], eip["InstanceType"]
        if not instance_id:
            return
        if any(entry["SnatIp"] == eip["EipAddress"] for entry in self._context.store.list("snat_entry")):
            raise ApiError(
                400, "OperationUnsupported.EipNatGWCheck", f"The EIP {allocation_id} is used by SNAT entries."
            )
        eip.update(InstanceId="", InstanceType="", Status="Available")
        self.eips.save(eip)
        await self._changed(kind, instance_id)

    def addresses_of(self, instance_id: str) -> list[str]:
        """The elastic addresses bound to a NAT gateway or load balancer."""
        return [each["EipAddress"] for each in self.eips.all(lambda e: bool(e["InstanceId"] == instance_id))]

    def _kind_of(self, instance_id: str) -> str:
        if self._nat_gateways.find(instance_id):
            return "Nat"
        balancer = self._balancers.find(instance_id)
        if balancer is None:
            raise ApiError(404, "InvalidInstanceId.NotFound", f"Instance {instance_id!r} does not exist.")
        if balancer["AddressType"] != "intranet":
            raise ApiError(400, "InvalidBindingStatus", f"{instance_id} has a public address of its own.")
        return "SlbInstance"

    async def _changed(self, kind: str, instance_id: str) -> None:
        if kind == "SlbInstance" and self._on_balancer_change is not None:
            await self._on_balancer_change(instance_id)

    def _free_address(self) -> str:
        network = IPv4Network(self._context.config.elastic_range)
        taken = {int(IPv4Address(each["EipAddress"])) for each in self.eips.all()}
        cursor = self._context.store.get("address_cursor", "elastic")
        first = int(network.network_address) + 1
        # Each cloud begins elsewhere in the range, so that two clouds on one host seldom meet.
        start = int(cursor["Number"]) + 1 if cursor else first + int(self._context.identity, 16)
        size = network.num_addresses - 2
        for offset in range(size):
            number = first + (start - first + offset) % size
            if number not in taken:
                self._context.store.put("address_cursor", "elastic", {"Number": number})
                return str(IPv4Address(number))
        raise ApiError(400, "QuotaExceeded.Eip", "No elastic address is left.")
