"""Instance metadata: each machine reads its own, tokens where they are required."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from localcloud.core.context import Context
from localcloud.network.interfaces import Interfaces
from localcloud.network.metadata import metadata_application

_INSTANCE = {
    "InstanceId": "i-1",
    "HostName": "node",
    "ImageId": "image",
    "InstanceName": "name",
    "InstanceType": "ecs.c6.large",
    "RegionId": "cn-hangzhou",
    "ZoneId": "cn-hangzhou-k",
    "VpcId": "vpc-1",
    "VSwitchId": "vsw-1",
    "SerialNumber": "serial",
    "HttpTokens": "optional",
    "UserData": base64.b64encode(b"#!/bin/sh\n").decode(),
}
_TTL = {"X-aliyun-ecs-metadata-token-ttl-seconds": "60"}
Client = Any
Place = Callable[..., None]


@pytest.fixture
def place(context: Context) -> Place:
    """Put the machine of this test at the address from which the test calls."""

    def put(**changes: str) -> None:
        vswitch = {"VpcId": "vpc-1", "VSwitchId": "vsw-1", "CidrBlock": "127.0.0.0/24"}
        Interfaces(context.store).reserve("i-1", vswitch, "127.0.0.1")
        context.store.put("instance", "i-1", {**_INSTANCE, **changes})

    return put


@pytest.fixture
async def client(context: Context) -> AsyncIterator[Client]:
    """A caller from 127.0.0.1."""
    application = metadata_application(context, Interfaces(context.store), "vpc-1")
    async with TestClient(TestServer(application)) as client:
        yield client


async def _text(client: Client, path: str, **headers: str) -> tuple[int, str]:
    answer = await client.get(f"/latest/{path}", headers=headers)
    return answer.status, await answer.text()


async def test_values_and_directories(client: Client, place: Place) -> None:
    place()
    assert await _text(client, "meta-data/instance-id") == (200, "i-1")
    assert await _text(client, "meta-data/private-ipv4") == (200, "127.0.0.1")
    assert await _text(client, "meta-data/zone-id") == (200, "cn-hangzhou-k")
    assert (await _text(client, "meta-data/instance/instance-type"))[1] == "ecs.c6.large"
    names = (await _text(client, "meta-data/"))[1].splitlines()
    assert {"hostname", "region-id", "network/"} <= set(names)
    assert (await _text(client, "meta-data/none"))[0] == 404


async def test_user_data_is_decoded_and_absent_when_none_was_given(client: Client, place: Place) -> None:
    place()
    assert await _text(client, "user-data") == (200, "#!/bin/sh\n")
    place(UserData="")
    assert (await _text(client, "user-data"))[0] == 404


async def test_a_caller_that_is_no_machine_reads_nothing(client: Client) -> None:
    assert (await _text(client, "meta-data/instance-id"))[0] == 404


async def test_tokens_where_they_are_required(client: Client, place: Place) -> None:
    place(HttpTokens="required")
    assert (await _text(client, "meta-data/instance-id"))[0] == 403
    token = await (await client.put("/latest/api/token", headers=_TTL)).text()
    name = "X-aliyun-ecs-metadata-token"
    assert await _text(client, "meta-data/instance-id", **{name: token}) == (200, "i-1")
    assert (await _text(client, "meta-data/instance-id", **{name: "invented"}))[0] == 403


@pytest.mark.parametrize("ttl", ["", "0", "21601", "x"])
async def test_a_token_needs_a_sound_life(client: Client, place: Place, ttl: str) -> None:
    place()
    headers = {"X-aliyun-ecs-metadata-token-ttl-seconds": ttl}
    assert (await client.put("/latest/api/token", headers=headers)).status == 400
