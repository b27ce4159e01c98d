"""vSwitch ranges lie apart inside the VPC and never move."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdrip.planning.vswitches import MOST_ZONES, vswitch_ranges

ZONES = [f"cn-hangzhou-{letter}" for letter in "abcdefgh"]


@given(prefix=st.integers(8, 24), count=st.integers(1, MOST_ZONES))
def test_ranges_lie_apart_inside_the_vpc(prefix: int, count: int) -> None:
    vpc = IPv4Network(("10.0.0.0", prefix))
    ranges = vswitch_ranges(vpc, ZONES[:count])
    assert list(ranges) == ZONES[:count]
    assert all(each.subnet_of(vpc) for each in ranges.values())
    assert not any(one.overlaps(other) for one, other in combinations(ranges.values(), 2))


@given(prefix=st.integers(8, 24), count=st.integers(1, MOST_ZONES - 1))
def test_a_zone_added_later_moves_none(prefix: int, count: int) -> None:
    vpc = IPv4Network(("10.0.0.0", prefix))
    before, after = vswitch_ranges(vpc, ZONES[:count]), vswitch_ranges(vpc, ZONES[: count + 1])
    assert {zone: after[zone] for zone in before} == before


def test_the_guides_vpc_gives_its_first_zone_the_guides_addresses() -> None:
    ranges = vswitch_ranges(IPv4Network("192.168.0.0/16"), ["cn-hangzhou-k"])
    assert str(ranges["cn-hangzhou-k"]) == "192.168.0.0/20"


def test_too_many_zones_are_refused() -> None:
    with pytest.raises(ValueError, match="9 zones"):
        vswitch_ranges(IPv4Network("10.0.0.0/8"), [*ZONES, "cn-hangzhou-i"])
