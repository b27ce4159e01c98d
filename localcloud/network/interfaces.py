"""Private addresses in use: one record per machine or load balancer, so that none is given twice."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address, IPv4Network

from localcloud.core.errors import ApiError
from localcloud.core.store import Store
from localcloud.network.addresses import next_free, usable
from localcloud.network.records import Document, Records


class Interfaces:
    """Gives and takes back addresses of vSwitches.

    A record is {OwnerId, VpcId, VSwitchId, Address, Mac}.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._records = Records(store, "interface", "OwnerId", "InvalidOwnerId.NotFound")

    def reserve(self, owner_id: str, vswitch: Document, wanted: str = "") -> Document:
        """An address for the owner: `wanted` or the next free one; the same again for the same owner.

        Raises InvalidPrivateIpAddress.Malformed or .Duplicated, QuotaExceeded.PrivateIpAddress (400).
        """
        existing = self._records.find(owner_id)
        if existing is not None:
            return existing
        network = IPv4Network(vswitch["CidrBlock"])
        taken = self.taken(vswitch["VSwitchId"])
        if wanted:
            _check(network, wanted, taken)
        last = self._store.get("address_cursor", vswitch["VSwitchId"])
        address = wanted or next_free(network, taken, last["Address"] if last else None)
        record = {
            "OwnerId": owner_id,
            "VpcId": vswitch["VpcId"],
            "VSwitchId": vswitch["VSwitchId"],
            "Address": address,
            # 00:16:3e is the vendor prefix that ECS network cards carry.
            "Mac": "00:16:3e:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(3)),
        }
        self._records.save(record)
        if not wanted:
            self._store.put("address_cursor", vswitch["VSwitchId"], {"Address": address})
        return record

    def of(self, owner_id: str) -> Document | None:
        """The owner's record, or None."""
        return self._records.find(owner_id)

    def release(self, owner_id: str) -> None:
        """Give the owner's address back."""
        self._records.delete(owner_id)

    def owners(self) -> list[str]:
        """Every machine and load balancer that has an address."""
        return self._records.ids()

    def taken(self, vswitch_id: str) -> list[str]:
        """The addresses in use in a vSwitch."""
        return [each["Address"] for each in self._records.all(lambda r: bool(r["VSwitchId"] == vswitch_id))]

    def owner_of(self, vpc_id: str, address: str) -> str | None:
        """Who has this address in this VPC."""
        found = self._records.all(lambda r: bool(r["VpcId"] == vpc_id and r["Address"] == address))
        return found[0]["OwnerId"] if found else None


def _check(network: IPv4Network, wanted: str, taken: list[str]) -> None:
    try:
        address = IPv4Address(wanted)
    except ValueError as error:
        raise _malformed(wanted) from error
    if not usable(network, address):
        raise _malformed(wanted)
    if wanted in taken:
        raise ApiError(400, "InvalidPrivateIpAddress.Duplicated", f"The private IP {wanted} is in use.")


def _malformed(wanted: str) -> ApiError:
    return ApiError(400, "InvalidPrivateIpAddress.Malformed", f"Private IP {wanted!r} is not valid here.")
