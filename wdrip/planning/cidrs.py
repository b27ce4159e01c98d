"""Arithmetic of IPv4 ranges: reading, overlap, and how many nodes a pod range has room for."""

from collections.abc import Iterable
from ipaddress import IPv4Network

# Never free for a cluster's own use (IANA special-purpose registry), and 100.64.0.0/10, where Alibaba Cloud
# keeps what machines reach without a public address: OSS, ROS signals, instance metadata (100.100.100.200).
_RESERVED = {
    IPv4Network("0.0.0.0/8"): "of the host itself",
    IPv4Network("127.0.0.0/8"): "for loopback",
    IPv4Network("169.254.0.0/16"): "for link-local addresses",
    IPv4Network("100.64.0.0/10"): "for Alibaba Cloud's own services",
    IPv4Network("224.0.0.0/4"): "for multicast",
    IPv4Network("240.0.0.0/4"): "for future use",
}

_VPC_SPACES = tuple(IPv4Network(text) for text in ("192.168.0.0/16", "172.16.0.0/12", "10.0.0.0/8"))


def normalise(text: str) -> IPv4Network:
    """The range that an address with prefix length lies in: `172.16.0.1/16` is 172.16.0.0/16.

    Raises ValueError when `text` is not an IPv4 address, a slash and a prefix length.
    """
    _, slash, prefix = text.partition("/")
    if not slash or not prefix.isascii() or not prefix.isdigit():
        raise ValueError(f"{text!r} is not an IPv4 range such as 172.16.0.0/16")
    return IPv4Network(text, strict=False)


def reserved_for(network: IPv4Network) -> str | None:
    """What the first reserved range that `network` touches is reserved for, e.g. `for loopback`."""
    return next((use for reserved, use in _RESERVED.items() if network.overlaps(reserved)), None)


def is_vpc_space(network: IPv4Network) -> bool:
    """Whether a VPC may have this range: inside a private space of RFC 1918."""
    return any(network.subnet_of(space) for space in _VPC_SPACES)


def node_capacity(pod_range: IPv4Network, node_mask: int) -> int:
    """How many nodes get a pod range of prefix length `node_mask` out of `pod_range`; 0 when none does."""
    return 0 if node_mask < pod_range.prefixlen else 1 << (node_mask - pod_range.prefixlen)


def free_range(prefix_length: int, taken: Iterable[IPv4Network]) -> IPv4Network | None:
    """The first private range of this size that overlaps none of `taken`, looking in 172.16.0.0/12 first."""
    taken = list(taken)
    for space in (IPv4Network("172.16.0.0/12"), IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16")):
        if space.prefixlen > prefix_length:
            continue
        candidate = _first_free(space, prefix_length, taken)
        if candidate is not None:
            return candidate
    return None


def _first_free(space: IPv4Network, prefix_length: int, taken: list[IPv4Network]) -> IPv4Network | None:
    size = 1 << (32 - prefix_length)
    start, end = int(space.network_address), int(space.broadcast_address)
    while start <= end:
        candidate = IPv4Network((start, prefix_length))
        blocking = [network for network in taken if candidate.overlaps(network)]
        if not blocking:
            return candidate
        # Behind the largest obstacle, on the next multiple of the size wanted.
        behind = max(int(network.broadcast_address) for network in blocking) + 1
        start = max(start + size, -(-behind // size) * size)
    return None
