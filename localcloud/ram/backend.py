"""Roles and policies as state. RAM is global in an account, so they bear names and no region."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.core.context import Context
from localcloud.core.errors import ApiError

_ROLES, _POLICIES = "ram-role", "ram-policy"
# RAM API reference, CreateRole and CreatePolicy.
_ROLE_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_POLICY_NAME = re.compile(r"[A-Za-z0-9-]{1,128}")
_SESSION_SECONDS = range(3600, 43201)
# A selection of the policies that Alibaba Cloud itself provides.
_SYSTEM_POLICIES = frozenset(
    [
        "AdministratorAccess",
        "ReadOnlyAccess",
        "AliyunECSFullAccess",
        "AliyunECSReadOnlyAccess",
        "AliyunSLBFullAccess",
        "AliyunVPCFullAccess",
        "AliyunVPCReadOnlyAccess",
        "AliyunOSSFullAccess",
        "AliyunOSSReadOnlyAccess",
        "AliyunROSFullAccess",
        "AliyunEIPFullAccess",
    ]
)


class Ram:
    """Creates, reads and deletes roles and policies. All methods raise ApiError with the codes of RAM."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._store = context.store

    async def start(self) -> None:
        """Nothing but state is held."""

    async def stop(self) -> None:
        """Nothing but state is held."""

    async def create_role(
        self,
        name: str,
        assume_role_policy: Mapping[str, Any],
        description: str = "",
        max_session_seconds: int = 3600,
        tags: Sequence[Mapping[str, str]] = (),
        token: str = "",
    ) -> dict[str, Any]:
        """A role: {RoleName, RoleId, Arn, …}. The same non-empty `token` gives the same role again.

        assume_role_policy: who may assume it, as a policy document.
        Raises InvalidParameter.* (400), MalformedPolicyDocument (400), EntityAlreadyExists.Role (409).
        """
        if _ROLE_NAME.fullmatch(name) is None:
            raise ApiError(400, "InvalidParameter.RoleName", f"The role name {name!r} is not valid.")
        if max_session_seconds not in _SESSION_SECONDS:
            raise ApiError(400, "InvalidParameter.MaxSessionDuration", "It must be 3600 to 43200 seconds.")
        check_policy_document(assume_role_policy, "Principal")
        existing = self._store.get(_ROLES, name)
        if existing is not None:
            if token and existing["Token"] == token:
                return existing
            raise ApiError(409, "EntityAlreadyExists.Role", f"The role already exists: {name}.")
        role = {
            "RoleName": name,
            # Role ids of the real cloud are 18 digits that begin with 3.
            "RoleId": "3" + "".join(secrets.choice("0123456789") for _ in range(17)),
            "Arn": f"acs:ram::{self._context.config.account_id}:role/{name.lower()}",
            "Description": description,
            "AssumeRolePolicyDocument": json.dumps(assume_role_policy),
            "MaxSessionDuration": max_session_seconds,
            "Tags": [dict(each) for each in tags],
            "Policies": [],
            "Token": token,
        }
        self._store.put(_ROLES, name, role)
        return role

    async def get_role(self, name: str) -> dict[str, Any]:
        """The role. Raises EntityNotExist.Role (404)."""
        role = self._store.get(_ROLES, name)
        if role is None:
            raise ApiError(404, "EntityNotExist.Role", f"The role not exists: {name}.")
        return role

    async def update_role(
        self, name: str, assume_role_policy: Mapping[str, Any], description: str, max_session_seconds: int
    ) -> dict[str, Any]:
        """Replace what may change of a role. Raises as `create_role` and `get_role`."""
        role = await self.get_role(name)
        check_policy_document(assume_role_policy, "Principal")
        role["AssumeRolePolicyDocument"] = json.dumps(assume_role_policy)
        role["Description"] = description
        role["MaxSessionDuration"] = max_session_seconds
        self._store.put(_ROLES, name, role)
        return role

    async def delete_role(self, name: str) -> None:
        """Raises EntityNotExist.Role (404), DeleteConflict.Role.Policy (409) while policies are attached."""
        role = await self.get_role(name)
        if role["Policies"]:
            raise ApiError(409, "DeleteConflict.Role.Policy", "The role has policies attached to it.")
        self._store.delete(_ROLES, name)

    async def create_policy(
        self, name: str, document: Mapping[str, Any], description: str = "", token: str = ""
    ) -> dict[str, Any]:
        """A custom policy: {PolicyName, PolicyDocument, …}; `token` as in `create_role`.

        Raises InvalidParameter.PolicyName (400), MalformedPolicyDocument (400),
        EntityAlreadyExists.Policy (409).
        """
        if _POLICY_NAME.fullmatch(name) is None:
            raise ApiError(400, "InvalidParameter.PolicyName", f"The policy name {name!r} is not valid.")
        check_policy_document(document, "Resource")
        existing = self._store.get(_POLICIES, name)
        if existing is not None:
            if token and existing["Token"] == token:
                return existing
            raise ApiError(409, "EntityAlreadyExists.Policy", f"The policy already exists: {name}.")
        policy = {
            "PolicyName": name,
            "PolicyType": "Custom",
            "Description": description,
            "PolicyDocument": json.dumps(document),
            "Token": token,
        }
        self._store.put(_POLICIES, name, policy)
        return policy

    async def update_policy(self, name: str, document: Mapping[str, Any]) -> None:
        """Replace a custom policy's document. Raises EntityNotExist.Policy, MalformedPolicyDocument."""
        policy = self._policy(name)
        check_policy_document(document, "Resource")
        policy["PolicyDocument"] = json.dumps(document)
        self._store.put(_POLICIES, name, policy)

    async def delete_policy(self, name: str) -> None:
        """Raises EntityNotExist.Policy (404), DeleteConflict.Policy.Role (409) while a role has it."""
        self._policy(name)
        if any(["Custom", name] in role["Policies"] for role in self._store.list(_ROLES)):
            raise ApiError(409, "DeleteConflict.Policy.Role", "The policy is attached to a role.")
        self._store.delete(_POLICIES, name)

    async def attach_policy_to_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        """Attach; attaching twice leaves it once. `policy_type` is `System` or `Custom`.

        Raises EntityNotExist.Role, EntityNotExist.Policy (404).
        """
        role = await self.get_role(role_name)
        if policy_type == "Custom":
            self._policy(policy_name)
        elif policy_name not in _SYSTEM_POLICIES:
            raise _no_policy(policy_name)
        if [policy_type, policy_name] not in role["Policies"]:
            role["Policies"].append([policy_type, policy_name])
            self._store.put(_ROLES, role_name, role)

    async def detach_policy_from_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        """Detach. Raises EntityNotExist.Role, EntityNotExist.Role.Policy (404)."""
        role = await self.get_role(role_name)
        if [policy_type, policy_name] not in role["Policies"]:
            raise ApiError(
                404, "EntityNotExist.Role.Policy", f"The policy {policy_name} is not attached to {role_name}."
            )
        role["Policies"].remove([policy_type, policy_name])
        self._store.put(_ROLES, role_name, role)

    def _policy(self, name: str) -> dict[str, Any]:
        policy = self._store.get(_POLICIES, name)
        if policy is None:
            raise _no_policy(name)
        return policy


def check_policy_document(document: Mapping[str, Any], subject: str) -> None:
    """Check a policy's grammar; `subject` is what each statement needs besides Effect and Action.

    Raises MalformedPolicyDocument (400).
    """
    statements = document.get("Statement")
    if str(document.get("Version")) != "1" or not isinstance(statements, list) or not statements:
        raise _malformed("Version must be 1 and Statement a non-empty list")
    for statement in statements:
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise _malformed("each statement needs an Effect of Allow or Deny")
        if not (statement.get("Action") or statement.get("NotAction")) or not statement.get(subject):
            raise _malformed(f"each statement needs Action and {subject}")


def _malformed(why: str) -> ApiError:
    return ApiError(400, "MalformedPolicyDocument", f"The policy document is malformed: {why}.")


def _no_policy(name: str) -> ApiError:
    return ApiError(404, "EntityNotExist.Policy", f"The policy not exists: {name}.")
