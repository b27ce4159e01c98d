"""Kubernetes' notation of amounts."""

import pytest

from wdrip.clients.quantities import amount


@pytest.mark.parametrize(
    ("resource", "quantity", "expected"),
    [
        ("cpu", "100m", 100),
        ("cpu", "2", 2000),
        ("cpu", "0.5", 500),
        ("cpu", "1n", 1),
        ("memory", "8Gi", 8 * 2**30),
        ("memory", "16387284Ki", 16387284 * 1024),
        ("memory", "500M", 500_000_000),
        ("memory", "1e3", 1000),
        ("memory", "1500m", 2),
        ("pods", "110", 110),
        ("ephemeral-storage", "1E", 10**18),
    ],
)
def test_an_amount(resource: str, quantity: str, expected: int) -> None:
    assert amount(resource, quantity) == expected


@pytest.mark.parametrize("quantity", ["", "many", "1Xi", "1 Gi"])
def test_what_is_no_quantity(quantity: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        amount("memory", quantity)
