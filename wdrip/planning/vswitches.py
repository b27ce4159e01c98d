"""Which part of the VPC's range each zone's vSwitch gets."""

from collections.abc import Sequence
from ipaddress import IPv4Network

VSWITCH_PREFIX = 20
"""A vSwitch of 4,093 machines where the VPC has room for it."""

MOST_ZONES = 8
"""Room is kept for this many zones, so that adding a zone later never moves an existing vSwitch."""


def vswitch_ranges(vpc: IPv4Network, zones: Sequence[str]) -> dict[str, IPv4Network]:
    """Zone to range, in the order of `zones`: a later zone appended to the list changes none before it.

    Raises ValueError for more than MOST_ZONES zones.
    """
    if len(zones) > MOST_ZONES:
        raise ValueError(f"{len(zones)} zones; at most {MOST_ZONES} have room in a VPC")
    prefix = max(VSWITCH_PREFIX, vpc.prefixlen + (MOST_ZONES - 1).bit_length())
    return dict(zip(zones, vpc.subnets(new_prefix=prefix), strict=False))
