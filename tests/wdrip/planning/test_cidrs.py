"""Range arithmetic, against ipaddress' own and against brute force."""

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wdrip.planning.cidrs import free_range, is_vpc_space, node_capacity, normalise, reserved_for

ADDRESSES = st.integers(0, 2**32 - 1).map(IPv4Address)
PREFIXES = st.integers(0, 32)


@given(address=ADDRESSES, prefix=PREFIXES)
def test_normalising_clears_exactly_the_host_bits(address: IPv4Address, prefix: int) -> None:
    network = normalise(f"{address}/{prefix}")
    assert address in network
    assert network.prefixlen == prefix
    assert normalise(str(network)) == network


@pytest.mark.parametrize(
    "text", ["", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "/8", "10.0.0/8", "::/0"]
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        normalise(text)


@given(text=st.text(max_size=20))
def test_any_text_is_a_range_or_refused(text: str) -> None:
    try:
        assert isinstance(normalise(text), IPv4Network)
    except ValueError:
        return


@pytest.mark.parametrize(
    ("text", "use"),
    [
        ("127.0.0.0/8", "for loopback"),
        ("100.100.100.200/32", "for Alibaba Cloud's own services"),
        ("169.254.0.0/24", "for link-local addresses"),
        ("96.0.0.0/4", "for Alibaba Cloud's own services"),
        ("172.16.0.0/12", None),
        ("10.0.0.0/8", None),
        ("8.8.8.0/24", None),
    ],
)
def test_reserved_ranges_are_known(text: str, use: str | None) -> None:
    assert reserved_for(IPv4Network(text)) == use


@pytest.mark.parametrize(
    ("text", "fits"),
    [("192.168.0.0/16", True), ("172.31.0.0/16", True), ("172.32.0.0/16", False), ("192.0.0.0/8", False)],
)
def test_vpc_ranges_are_private(text: str, fits: bool) -> None:
    assert is_vpc_space(IPv4Network(text)) is fits


@given(prefix=st.integers(16, 28), mask=st.integers(8, 28))
def test_capacity_is_the_number_of_subnets(prefix: int, mask: int) -> None:
    network = IPv4Network((int(IPv4Address("172.16.0.0")), prefix))
    expected = len(list(network.subnets(new_prefix=mask))) if mask >= prefix else 0
    assert node_capacity(network, mask) == expected


@given(
    prefix=st.integers(8, 28),
    taken=st.lists(
        st.tuples(ADDRESSES, st.integers(4, 24)).map(lambda pair: IPv4Network(pair, strict=False))
    ),
)
def test_a_free_range_is_private_and_overlaps_nothing(prefix: int, taken: list[IPv4Network]) -> None:
    found = free_range(prefix, taken)
    if found is not None:
        assert found.is_private
        assert found.prefixlen == prefix
        assert not any(found.overlaps(each) for each in taken)


@given(
    prefix=st.integers(13, 15),
    taken=st.lists(
        st.tuples(st.integers(0, 15), st.integers(12, 16)).map(
            lambda pair: IPv4Network(
                (int(IPv4Address("172.16.0.0")) + (pair[0] << 16), pair[1]), strict=False
            )
        ),
        max_size=6,
    ),
)
def test_a_free_range_is_found_whenever_there_is_one(prefix: int, taken: list[IPv4Network]) -> None:
    elsewhere = [IPv4Network("10.0.0.0/8"), IPv4Network("192.168.0.0/16")]
    brute = [
        each
        for each in IPv4Network("172.16.0.0/12").subnets(new_prefix=prefix)
        if not any(each.overlaps(other) for other in taken)
    ]
    assert free_range(prefix, [*taken, *elsewhere]) == (brute[0] if brute else None)


def test_no_free_range_is_said_so() -> None:
    assert free_range(16, [IPv4Network("0.0.0.0/0")]) is None
