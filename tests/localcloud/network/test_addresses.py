"""Address arithmetic by the rules of the VPC documentation."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest

from localcloud.core.errors import ApiError
from localcloud.network.addresses import free_count, gateway, next_free, usable, vpc_network, vswitch_network

_VPC = IPv4Network("192.168.0.0/16")
_SWITCH = IPv4Network("192.168.0.0/24")


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "192.168.1.0/28"])
def test_private_ranges_are_vpcs(cidr: str) -> None:
    assert str(vpc_network(cidr)) == cidr


@pytest.mark.parametrize(
    "cidr", ["8.8.8.0/24", "192.168.0.0/29", "0.0.0.0/0", "192.168.0.1/16", "192.168.0.0", "x", ""]
)
def test_other_ranges_are_not(cidr: str) -> None:
    with pytest.raises(ApiError) as refused:
        vpc_network(cidr)
    assert (refused.value.status, refused.value.code) == (400, "InvalidCidrBlock.Malformed")


@pytest.mark.parametrize(
    ("cidr", "code"),
    [
        ("192.168.0.128/25", "InvalidCidrBlock.Overlapped"),
        ("10.0.0.0/24", "InvalidCidrBlock.Malformed"),
        ("192.168.1.0/30", "InvalidCidrBlock.Malformed"),
    ],
)
def test_a_vswitch_lies_in_its_vpc_beside_the_others(cidr: str, code: str) -> None:
    with pytest.raises(ApiError) as refused:
        vswitch_network(cidr, _VPC, [_SWITCH])
    assert refused.value.code == code


def test_the_first_and_the_last_three_addresses_are_reserved() -> None:
    assert str(gateway(_SWITCH)) == "192.168.0.253"
    taken = [address for address in _SWITCH if usable(_SWITCH, address)]
    assert (taken[0], taken[-1]) == (IPv4Address("192.168.0.1"), IPv4Address("192.168.0.252"))
    assert free_count(_SWITCH, 0) == len(taken) == 252


def test_a_released_address_rests_until_the_range_has_gone_round() -> None:
    small = IPv4Network("192.168.0.0/29")
    assert next_free(small, [], None) == "192.168.0.1"
    assert next_free(small, [], "192.168.0.1") == "192.168.0.2"
    assert next_free(small, ["192.168.0.1"], "192.168.0.4") == "192.168.0.2"
    with pytest.raises(ApiError) as refused:
        next_free(small, [f"192.168.0.{last}" for last in (1, 2, 3, 4)], None)
    assert refused.value.code == "QuotaExceeded.PrivateIpAddress"
