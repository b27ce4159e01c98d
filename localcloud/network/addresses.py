"""Address arithmetic of VPCs and vSwitches: what is allowed, what is reserved, what is free.

Rules of the VPC documentation: a VPC lies in 10/8, 172.16/12 or 192.168/16 with a mask of 8 to 28 bits, a
vSwitch inside its VPC with 16 to 29 bits; the first and the last three addresses of a vSwitch are reserved,
and the third from the end (`.253` of a /24) is the gateway.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from localcloud.core.errors import ApiError

_PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
_VPC_MASKS = range(8, 29)
_VSWITCH_MASKS = range(16, 30)


def vpc_network(cidr: str) -> IPv4Network:
    """The VPC's network. Raises InvalidCidrBlock.Malformed (400)."""
    network = _network(cidr)
    if network.prefixlen not in _VPC_MASKS or not any(network.subnet_of(each) for each in _PRIVATE):
        raise _malformed(cidr)
    return network


def vswitch_network(cidr: str, vpc: IPv4Network, neighbours: Iterable[IPv4Network]) -> IPv4Network:
    """The vSwitch's network. Raises InvalidCidrBlock.Malformed or InvalidCidrBlock.Overlapped (400)."""
    network = _network(cidr)
    if network.prefixlen not in _VSWITCH_MASKS or not network.subnet_of(vpc):
        raise _malformed(cidr)
    if any(network.overlaps(each) for each in neighbours):
        raise ApiError(
            400, "InvalidCidrBlock.Overlapped", f"Specified CIDR block {cidr} overlaps another vSwitch."
        )
    return network


def gateway(network: IPv4Network) -> IPv4Address:
    """The gateway of a vSwitch, its third address from the end."""
    return network.broadcast_address - 2


def usable(network: IPv4Network, address: IPv4Address) -> bool:
    """Whether a machine or load balancer may have this address."""
    return network.network_address < address < gateway(network)


def next_free(network: IPv4Network, taken: Iterable[str], last: str | None) -> str:
    """The first usable address after `last` (round and round), so that a released one rests for a while.

    Raises QuotaExceeded.PrivateIpAddress (400) when all are taken.
    """
    first, end = int(network.network_address) + 1, int(gateway(network))
    start = int(IPv4Address(last)) + 1 if last else first
    occupied = {int(IPv4Address(each)) for each in taken}
    for number in (*range(start, end), *range(first, min(start, end))):
        if number not in occupied:
            return str(IPv4Address(number))
    raise ApiError(400, "QuotaExceeded.PrivateIpAddress", "No private IP address is left in the vSwitch.")


def free_count(network: IPv4Network, taken: int) -> int:
    """How many usable addresses a vSwitch has left."""
    return network.num_addresses - 4 - taken


def _network(cidr: str) -> IPv4Network:
    try:
        return IPv4Network(cidr)
    except ValueError as error:
        raise _malformed(cidr) from error


def _malformed(cidr: str) -> ApiError:
    return ApiError(400, "InvalidCidrBlock.Malformed", f"Specified CIDR block {cidr!r} is not valid.")
