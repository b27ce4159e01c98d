from collections.abc import Callable
from typing import Any

import pytest

from localcloud.core.errors import ApiError
from localcloud.core.rpc_request import RpcRequest


def _request(**params: str) -> RpcRequest:
    named = {name.replace("__", "."): value for name, value in params.items()}
    return RpcRequest("ecs", "Do", "2014-05-26", "1", "R", named)


def test_values_are_read_as_they_are_meant() -> None:
    request = _request(S="a", N="7", T="True", F="false", J='["i-1"]')

    assert (request.string("S"), request.string("missing", "d")) == ("a", "d")
    assert (request.integer("N", minimum=1, maximum=7), request.integer("missing", 3)) == (7, 3)
    assert (request.boolean("T"), request.boolean("F", True), request.boolean("missing")) == (
        True,
        False,
        False,
    )
    assert request.json("J") == ["i-1"]


def test_flattened_lists_are_in_the_order_of_their_numbers() -> None:
    request = _request(
        I__10="c", I__2="b", I__1="a", Ix__1="no", T__1__Key="k", T__1__Value="v", T__2__Key="l"
    )

    assert request.strings("I") == ["a", "b", "c"]
    assert request.records("T", ("Key", "Value")) == [{"Key": "k", "Value": "v"}, {"Key": "l"}]
    assert request.strings("missing") == []


@pytest.mark.parametrize(
    ("read", "code"),
    [
        (lambda r: r.string("missing", required=True), "Missingmissing"),
        (lambda r: r.string("Empty", required=True), "MissingEmpty"),
        (lambda r: r.string("S", choices=("b",)), "InvalidParameter"),
        (lambda r: r.string("S", pattern="[a-z]"), "InvalidParameter"),
        (lambda r: r.string("S", max_length=1), "InvalidParameter"),
        (lambda r: r.integer("S"), "InvalidParameter"),
        (lambda r: r.integer("N", maximum=6), "InvalidParameter"),
        (lambda r: r.boolean("S"), "InvalidParameter"),
        (lambda r: r.json("S"), "InvalidParameter"),
        (lambda r: r.strings("I", maximum=1), "InvalidParameter"),
    ],
)
def test_what_cannot_be_used_is_refused(read: Callable[[RpcRequest], Any], code: str) -> None:
    request = _request(S="ab", N="7", Empty="", I__1="a", I__2="b")

    with pytest.raises(ApiError) as caught:
        read(request)

    assert (caught.value.status, caught.value.code) == (400, code)
