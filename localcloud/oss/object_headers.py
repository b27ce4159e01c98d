"""The headers that describe an object: read from the writer's request, shown to the reader."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import format_datetime
from typing import get_args
from urllib.parse import parse_qsl

from localcloud.oss.errors import OssError, file_already_exists, invalid_argument
from localcloud.oss.models import ObjectAcl, ObjectHeaders, StoredObject
from localcloud.oss.request import OssRequest
from localcloud.oss.storage import Check

_KEPT = frozenset(("cache-control", "content-disposition", "content-encoding", "content-language", "expires"))
_ALGORITHMS = ("AES256", "KMS", "SM4")
_STORAGE_CLASSES = ("Standard", "IA", "Archive", "ColdArchive", "DeepColdArchive")
_SSE = "x-oss-server-side-encryption"
# PutObjectTagging: at most ten tags.
_MAX_TAGS = 10


def read_headers(request: OssRequest) -> ObjectHeaders:
    """What the request says about the object that it writes. Raises OssError for values that OSS refuses."""
    kept = {
        name: value
        for name, value in request.headers.items()
        if name in _KEPT or name.startswith("x-oss-meta-")
    }
    return ObjectHeaders(
        content_type=request.header("content-type") or "application/octet-stream",
        kept=kept,
        encryption=_encryption(request),
        storage_class=_storage_class(request.header("x-oss-storage-class")),
        acl=object_acl(request.header("x-oss-object-acl") or "default"),
        tags=check_tags(parse_qsl(request.header("x-oss-tagging"), keep_blank_values=True)),
    )


def object_acl(value: str) -> ObjectAcl:
    """The ACL of that name. Raises InvalidArgument (400)."""
    for acl in get_args(ObjectAcl):
        if acl == value:
            return acl  # type: ignore[no-any-return]
    raise invalid_argument("no such object access control exists", "x-oss-object-acl", value)


def check_tags(pairs: list[tuple[str, str]]) -> dict[str, str]:
    """The tags by key. Raises InvalidTag (400): more than ten, repeated, or too long keys or values."""
    tags = dict(pairs)
    too_long = any(not 1 <= len(key) <= 128 or len(value) > 256 for key, value in pairs)
    if len(pairs) > _MAX_TAGS or len(tags) != len(pairs) or too_long:
        raise OssError(400, "InvalidTag", "The tag you provided is invalid.")
    return tags


def overwrite_check(request: OssRequest) -> Check:
    """Refuses an existing object when the request says `x-oss-forbid-overwrite: true`."""
    forbidden = request.header("x-oss-forbid-overwrite").lower()
    if forbidden not in ("", "true", "false"):
        raise invalid_argument(
            "x-oss-forbid-overwrite must be true or false.", "x-oss-forbid-overwrite", forbidden
        )

    def check(existing: StoredObject | None) -> None:
        if existing is not None and forbidden == "true":
            raise file_already_exists()

    return check


def written(stored: StoredObject) -> dict[str, str]:
    """Headers of the answer to a write."""
    return {"ETag": f'"{stored.etag}"', **_crc(stored.crc64), **stored.headers.encryption}


def shown(stored: StoredObject, overrides: Mapping[str, str] | None = None) -> dict[str, str]:
    """Headers of the answer to GET and HEAD; `overrides` are the request's `response-*` parameters."""
    headers = {
        **stored.headers.kept,
        "content-type": stored.headers.content_type,
        "ETag": f'"{stored.etag}"',
        "Last-Modified": format_datetime(stored.modified, usegmt=True),
        "Accept-Ranges": "bytes",
        "x-oss-object-type": stored.kind,
        "x-oss-storage-class": stored.headers.storage_class,
        **_crc(stored.crc64),
        **stored.headers.encryption,
    }
    if stored.headers.tags:
        headers["x-oss-tagging-count"] = str(len(stored.headers.tags))
    if stored.kind == "Appendable":
        headers["x-oss-next-append-position"] = str(stored.size)
    for name, value in (overrides or {}).items():
        headers[name.removeprefix("response-")] = value
    return headers


def _crc(crc64: str) -> dict[str, str]:
    return {"x-oss-hash-crc64ecma": crc64} if crc64 else {}


def _encryption(request: OssRequest) -> dict[str, str]:
    algorithm = request.header(_SSE)
    if not algorithm:
        return {}
    if algorithm not in _ALGORITHMS:
        raise OssError(
            400,
            "InvalidEncryptionAlgorithmError",
            "The Encryption request you specified is not valid. Supported value: AES256/SM4/KMS.",
        )
    key_id = request.header(f"{_SSE}-key-id")
    return {_SSE: algorithm, **({f"{_SSE}-key-id": key_id} if key_id else {})}


def _storage_class(value: str) -> str:
    if value and value not in _STORAGE_CLASSES:
        raise invalid_argument("no such storage class exists", "x-oss-storage-class", value)
    return value or "Standard"
