"""Instance metadata, as machines read it at http://100.100.100.200/latest/."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from aiohttp import web

from localcloud.core.context import Context
from localcloud.network.interfaces import Interfaces
from localcloud.network.records import Document

_TOKEN_HEADER = "X-aliyun-ecs-metadata-token"  # noqa: S105 - the name of a header
_TTL_HEADER = "X-aliyun-ecs-metadata-token-ttl-seconds"
_MAX_TTL = 21600
"""Seconds; the documented longest life of a metadata token."""


def metadata_application(context: Context, interfaces: Interfaces, vpc_id: str) -> web.Application:
    """The application that answers the machines of one VPC, each by the address it calls from."""
    metadata = _Metadata(context, interfaces, vpc_id)
    application = web.Application()
    application.router.add_put("/latest/api/token", metadata.token)
    application.router.add_get("/latest/{path:.*}", metadata.read)
    return application


class _Metadata:
    def __init__(self, context: Context, interfaces: Interfaces, vpc_id: str) -> None:
        self._context = context
        self._interfaces = interfaces
        self._vpc_id = vpc_id
        self._tokens: dict[str, tuple[str, float]] = {}

    async def token(self, request: web.Request) -> web.Response:
        """A token for the calling machine; 400 without a sound time to live."""
        instance = self._caller(request)
        ttl = request.headers.get(_TTL_HEADER, "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= _MAX_TTL:
            raise web.HTTPBadRequest(text="invalid time to live")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (instance["InstanceId"], time.monotonic() + int(ttl))
        return web.Response(text=token)

    async def read(self, request: web.Request) -> web.Response:
        """One value, or the names below a directory; 403 without a valid token where tokens are required."""
        instance = self._caller(request)
        self._check_token(instance, request.headers.get(_TOKEN_HEADER, ""))
        path = request.match_info["path"].strip("/")
        if path == "user-data":
            if not instance["UserData"]:
                raise web.HTTPNotFound
            return web.Response(body=base64.b64decode(instance["UserData"]))
        if path == "dynamic/instance-identity/document":
            return web.Response(text=json.dumps(self._identity(instance)))
        return web.Response(text=_look_up(self._tree(instance), path.split("/")))

    def _caller(self, request: web.Request) -> Document:
        owner = self._interfaces.owner_of(self._vpc_id, request.remote or "")
        instance = self._context.store.get("instance", owner) if owner else None
        if instance is None:
            raise web.HTTPNotFound
        return instance

    def _check_token(self, instance: Document, token: str) -> None:
        if not token and instance["HttpTokens"] != "required":
            return
        owner, end = self._tokens.get(token, ("", 0.0))
        if owner != instance["InstanceId"] or end < time.monotonic():
            raise web.HTTPForbidden

    def _tree(self, instance: Document) -> dict[str, Any]:
        interface = self._interfaces.of(instance["InstanceId"]) or {}
        mac = interface["Mac"]
        card = {
            "primary-ip-address": interface["Address"],
            "vpc-id": instance["VpcId"],
            "vswitch-id": instance["VSwitchId"],
        }
        values = {
            "hostname": instance["HostName"],
            "image-id": instance["ImageId"],
            "instance": {
                "instance-name": instance["InstanceName"],
                "instance-type": instance["InstanceType"],
            },
            "instance-id": instance["InstanceId"],
            "mac": mac,
            "network": {"interfaces": {"macs": {mac: card}}},
            "owner-account-id": self._context.config.account_id,
            "private-ipv4": interface["Address"],
            "region-id": instance["RegionId"],
            "serial-number": instance["SerialNumber"],
            "vpc-id": instance["VpcId"],
            "vswitch-id": instance["VSwitchId"],
            "zone-id": instance["ZoneId"],
        }
        return {"meta-data": values}

    def _identity(self, instance: Document) -> dict[str, str]:
        interface = self._interfaces.of(instance["InstanceId"]) or {}
        return {
            "instance-id": instance["InstanceId"],
            "image-id": instance["ImageId"],
            "instance-type": instance["InstanceType"],
            "region-id": instance["RegionId"],
            "zone-id": instance["ZoneId"],
            "private-ipv4": interface["Address"],
            "owner-account-id": self._context.config.account_id,
        }


def _look_up(tree: Any, path: list[str]) -> str:
    for part in path:
        if not isinstance(tree, dict) or part not in tree:
            raise web.HTTPNotFound
        tree = tree[part]
    if isinstance(tree, dict):
        return "\n".join(name + "/" if isinstance(value, dict) else name for name, value in tree.items())
    return str(tree)
