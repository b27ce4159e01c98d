"""What an operation is given, and who may perform it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from aiohttp import web

from localcloud.oss.errors import OssError, access_denied, no_such_bucket, no_such_key
from localcloud.oss.models import Bucket, StoredObject
from localcloud.oss.request import OssRequest
from localcloud.oss.signatures.caller import Caller
from localcloud.oss.storage import ObjectStorage

_CHUNK = 256 * 1024
_MAX_XML = 2 * 1024 * 1024


@dataclass(frozen=True)
class Call:
    """One verified request; `caller` is None for an anonymous one.

    default_region: where a bucket is made when the signature names no region.
    common_headers: what every answer carries, for operations that send their headers themselves.
    """

    http: web.Request
    request: OssRequest
    caller: Caller | None
    storage: ObjectStorage
    now: datetime
    default_region: str
    common_headers: Mapping[str, str]

    @property
    def bucket(self) -> Bucket:
        """The bucket that the request names. Raises NoSuchBucket (404)."""
        bucket = self.storage.bucket(self.request.bucket)
        if bucket is None:
            raise no_such_bucket(self.request.bucket)
        return bucket

    @property
    def object(self) -> StoredObject:
        """The object that the request names. Raises NoSuchKey (404)."""
        stored = self.storage.object(self.request.bucket, self.request.key)
        if stored is None:
            raise no_such_key(self.request.key)
        return stored

    def on(self, bucket: str, key: str) -> Call:
        """The same caller's call on another object."""
        return replace(self, request=replace(self.request, bucket=bucket, key=key))

    def body(self) -> AsyncIterator[bytes]:
        """The request's body as a stream. Raises MissingContentLength (411) when its end is unknown."""
        chunked = "chunked" in self.request.header("transfer-encoding").lower()
        if not chunked and not self.request.header("content-length"):
            raise OssError(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
        return self.http.content.iter_chunked(_CHUNK)

    async def xml_body(self) -> bytes:
        """The whole body of a request that carries XML. Raises EntityTooLarge (400) above 2 MiB."""
        body = b""
        async for chunk in self.http.content.iter_chunked(_CHUNK):
            body += chunk
            if len(body) > _MAX_XML:
                raise OssError(
                    400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size."
                )
        return body


Handler = Callable[[Call], Awaitable[web.StreamResponse]]
# Whose permission an operation needs: any verified account, the bucket's owner, or, by ACL, anybody.
Permission = Literal["account", "owner", "list", "read", "write"]


@dataclass(frozen=True)
class Operation:
    """An API operation by the name that the API reference gives it."""

    name: str
    permission: Permission
    handler: Handler


def authorize(call: Call, permission: Permission) -> None:
    """Raises AccessDenied (403), or NoSuchBucket (404) before it."""
    if permission == "account":
        if call.caller is None:
            raise access_denied("Anonymous access is forbidden for this operation.", "0003-00000301")
        return
    bucket = call.bucket
    if call.caller is not None and call.caller.account.id == bucket.owner:
        _check_region(call.caller, bucket)
        return
    if permission in _granted(call, bucket):
        return
    if call.caller is None:
        raise access_denied("You have no right to access this object because of bucket acl.")
    raise access_denied("The bucket you visit is not belong to you.")


def _granted(call: Call, bucket: Bucket) -> set[Permission]:
    granted: set[Permission] = set()
    if bucket.acl != "private":
        granted.add("list")
    if bucket.acl == "public-read-write":
        granted.add("write")
    stored = call.storage.object(bucket.name, call.request.key) if call.request.key else None
    acl = bucket.acl if stored is None or stored.headers.acl == "default" else stored.headers.acl
    if acl != "private":
        granted.add("read")
    return granted


def _check_region(caller: Caller, bucket: Bucket) -> None:
    if caller.region not in (None, bucket.region):
        raise OssError(
            403,
            "AccessDenied",
            "The bucket you are attempting to access must be addressed using the specified endpoint. "
            "Please send all future requests to this endpoint.",
            ec="0003-00001403",
            details={"Endpoint": f"oss-{bucket.region}.aliyuncs.com"},
        )
