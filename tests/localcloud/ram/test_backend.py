"""Roles and policies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.core.cloud import open_context
from localcloud.core.config import Config
from localcloud.core.errors import ApiError
from localcloud.ram.backend import Ram

_TRUST: dict[str, Any] = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": ["ecs.aliyuncs.com"]}}
    ],
}
_POLICY: dict[str, Any] = {
    "Version": "1",
    "Statement": [{"Effect": "Allow", "Action": "ecs:*", "Resource": "*"}],
}


@pytest.fixture
def ram(tmp_path: Path) -> Iterator[Ram]:
    context, sockets = open_context(tmp_path, Config())
    yield Ram(context)
    for each in sockets.values():
        each.close()
    context.store.close()


async def test_a_role_has_an_id_and_an_arn(ram: Ram) -> None:
    role = await ram.create_role("Master", _TRUST, "of masters")

    assert role["Arn"] == "acs:ram::1470000000000001:role/master"
    assert len(role["RoleId"]) == 18
    assert await ram.get_role("Master") == role


async def test_a_name_is_given_once_but_for_the_same_token(ram: Ram) -> None:
    first = await ram.create_role("r", _TRUST, token="t1")

    assert await ram.create_role("r", _TRUST, token="t1") == first
    for token in ("t2", ""):
        with pytest.raises(ApiError) as caught:
            await ram.create_role("r", _TRUST, token=token)
        assert (caught.value.status, caught.value.code) == (409, "EntityAlreadyExists.Role")


@pytest.mark.parametrize(
    ("name", "trust", "seconds", "code"),
    [
        ("with space", _TRUST, 3600, "InvalidParameter.RoleName"),
        ("r" * 65, _TRUST, 3600, "InvalidParameter.RoleName"),
        ("r", _TRUST, 3599, "InvalidParameter.MaxSessionDuration"),
        ("r", {"Version": "2", "Statement": _TRUST["Statement"]}, 3600, "MalformedPolicyDocument"),
        ("r", {"Version": "1", "Statement": []}, 3600, "MalformedPolicyDocument"),
        ("r", _POLICY, 3600, "MalformedPolicyDocument"),
    ],
)
async def test_bad_roles_are_refused(
    ram: Ram, name: str, trust: dict[str, Any], seconds: int, code: str
) -> None:
    with pytest.raises(ApiError) as caught:
        await ram.create_role(name, trust, max_session_seconds=seconds)
    assert caught.value.code == code


async def test_attached_policies_hold_role_and_policy(ram: Ram) -> None:
    await ram.create_role("r", _TRUST)
    await ram.create_policy("p", _POLICY)
    await ram.attach_policy_to_role("Custom", "p", "r")
    await ram.attach_policy_to_role("Custom", "p", "r")

    with pytest.raises(ApiError, match=r"DeleteConflict\.Role\.Policy"):
        await ram.delete_role("r")
    with pytest.raises(ApiError, match=r"DeleteConflict\.Policy\.Role"):
        await ram.delete_policy("p")

    await ram.detach_policy_from_role("Custom", "p", "r")
    await ram.delete_role("r")
    await ram.delete_policy("p")
    with pytest.raises(ApiError, match=r"EntityNotExist\.Role"):
        await ram.get_role("r")


async def test_unknown_policies_cannot_be_attached(ram: Ram) -> None:
    await ram.create_role("r", _TRUST)

    await ram.attach_policy_to_role("System", "AliyunECSReadOnlyAccess", "r")
    for kind, name in [("System", "AliyunNothing"), ("Custom", "AliyunECSReadOnlyAccess")]:
        with pytest.raises(ApiError, match=r"EntityNotExist\.Policy"):
            await ram.attach_policy_to_role(kind, name, "r")
