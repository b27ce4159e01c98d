"""Operations on objects."""

from __future__ import annotations

import base64
import uuid
from urllib.parse import unquote

from aiohttp import web

from localcloud.oss.blobs import Blob, nothing, read
from localcloud.oss.call import Call, authorize
from localcloud.oss.conditions import check_conditions, requested_slice
from localcloud.oss.errors import OssError, invalid_argument, malformed_xml, no_such_key
from localcloud.oss.models import StoredObject
from localcloud.oss.names import check_key
from localcloud.oss.object_headers import (
    check_tags,
    object_acl,
    overwrite_check,
    read_headers,
    shown,
    written,
)
from localcloud.oss.xml import Fields, answer, parse, timestamp

# DeleteMultipleObjects: at most 1000 keys.
_MAX_DELETED = 1000


async def put_object(call: Call) -> web.Response:
    """Write an object from the body."""
    check_key(call.request.key)
    headers, check = read_headers(call.request), overwrite_check(call.request)
    # Refused before a long body where possible; the storage checks again when it commits.
    check(call.storage.object(call.request.bucket, call.request.key))
    blob = await receive(call)
    stored = StoredObject(
        key=call.request.key,
        blobs=(blob.name,),
        size=blob.size,
        etag=blob.md5.hex().upper(),
        crc64=blob.crc64,
        modified=call.now,
        headers=headers,
    )
    call.storage.put_object(call.request.bucket, stored, check)
    content_md5 = {"Content-MD5": base64.b64encode(blob.md5).decode()}
    return web.Response(headers={**written(stored), **content_md5})


async def receive(call: Call) -> Blob:
    """The body as a blob. Raises InvalidDigest (400) when it is not what Content-MD5 says."""
    claimed = call.request.header("content-md5")
    blob = await call.storage.blobs.write(call.body())
    if claimed and claimed != base64.b64encode(blob.md5).decode():
        call.storage.blobs.remove([blob.name])
        raise OssError(
            400,
            "InvalidDigest",
            "The Content-MD5 you specified was invalid.",
            details={"Content-MD5": claimed},
        )
    return blob


async def get_object(call: Call) -> web.StreamResponse:
    """Read an object or a part of it."""
    stored = call.object
    check_conditions(call.request, stored)
    wanted = requested_slice(call.request, stored.size)
    headers = {**shown(stored, _overrides(call)), "Content-Length": str(wanted.length)}
    if wanted.partial:
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.start + wanted.length - 1}/{stored.size}"
    files = call.storage.blobs.open(stored.blobs)
    response = web.StreamResponse(status=206 if wanted.partial else 200, headers=headers)
    response.headers.update(call.common_headers)
    await response.prepare(call.http)
    async for chunk in read(files, wanted.start, wanted.length):
        await response.write(chunk)
    await response.write_eof()
    return response


async def head_object(call: Call) -> web.Response:
    """An object's headers."""
    stored = call.object
    check_conditions(call.request, stored)
    return web.Response(headers={**shown(stored), "Content-Length": str(stored.size)})


async def get_object_meta(call: Call) -> web.Response:
    """An object's size, ETag and time."""
    stored = call.object
    headers = shown(stored)
    few = {name: headers[name] for name in ("ETag", "Last-Modified")}
    return web.Response(headers={**few, "Content-Length": str(stored.size)})


async def delete_object(call: Call) -> web.Response:
    """Remove an object; one that is not there is a success too."""
    call.storage.delete_object(call.bucket.name, call.request.key)
    return web.Response(status=204)


async def delete_multiple_objects(call: Call) -> web.Response:
    """Remove up to 1000 objects; the answer lists them unless `Quiet` is set."""
    body = await call.xml_body()
    if not call.request.header("content-md5"):
        raise OssError(
            400,
            "MissingArgument",
            "Missing Some Required Arguments.",
            details={"ArgumentName": "Content-MD5"},
        )
    root = parse(body, "Delete")
    keys = [element.findtext("Key") or "" for element in root.findall("Object")]
    if not 0 < len(keys) <= _MAX_DELETED or "" in keys:
        raise malformed_xml()
    for key in keys:
        call.storage.delete_object(call.bucket.name, unquote(key) if _url_encoded(call) else key)
    quiet = (root.findtext("Quiet") or "").lower() == "true"
    encoding: Fields = [("EncodingType", "url")] if _url_encoded(call) else []
    deleted: Fields = [] if quiet else [("Deleted", [("Key", key)]) for key in keys]
    return answer("DeleteResult", [*encoding, *deleted])


async def copy_object(call: Call) -> web.Response:
    """Write an object from another one."""
    check_key(call.request.key)
    source = _copy_source(call)
    check_conditions(call.request, source, "x-oss-copy-source-")
    check = overwrite_check(call.request)
    directive = call.request.header("x-oss-metadata-directive").upper() or "COPY"
    if directive not in ("COPY", "REPLACE"):
        raise invalid_argument("no such metadata directive exists", "x-oss-metadata-directive", directive)
    headers = read_headers(call.request)
    if directive == "COPY":
        kept = {"content_type": source.headers.content_type, "kept": source.headers.kept}
        headers = headers.model_copy(update=kept)
    blob = await call.storage.blobs.write(nothing(), after=source.blobs)
    copied = source.model_copy(
        update={"key": call.request.key, "blobs": (blob.name,), "modified": call.now, "headers": headers}
    )
    call.storage.put_object(call.request.bucket, copied, check)
    response = answer(
        "CopyObjectResult", [("ETag", f'"{copied.etag}"'), ("LastModified", timestamp(copied.modified))]
    )
    response.headers.update(written(copied))
    return response


async def append_object(call: Call) -> web.Response:
    """Write behind an object's end, which must be at `position`."""
    check_key(call.request.key)
    text = call.request.params.get("position", "")
    if not (text.isascii() and text.isdigit()):
        raise invalid_argument("The argument position must be a non-negative integer", "position", text)
    existing = call.storage.object(call.request.bucket, call.request.key)
    _check_position(existing, int(text))
    headers = existing.headers if existing else read_headers(call.request)
    blob = await call.storage.blobs.write(call.body(), after=existing.blobs if existing else ())
    stored = StoredObject(
        key=call.request.key,
        blobs=(blob.name,),
        size=blob.size,
        # Not the content's MD5: an appendable object's ETag only tells versions apart.
        etag=uuid.uuid4().hex.upper(),
        crc64=blob.crc64,
        modified=call.now,
        kind="Appendable",
        headers=headers,
    )
    call.storage.put_object(call.request.bucket, stored, lambda now: _check_position(now, int(text)))
    return web.Response(headers={**written(stored), "x-oss-next-append-position": str(stored.size)})


async def get_object_acl(call: Call) -> web.Response:
    """The object's own ACL, `default` when it follows the bucket."""
    owner = call.bucket.owner
    return answer(
        "AccessControlPolicy",
        [
            ("Owner", [("ID", owner), ("DisplayName", owner)]),
            ("AccessControlList", [("Grant", call.object.headers.acl)]),
        ],
    )


async def put_object_acl(call: Call) -> web.Response:
    """Change the object's ACL."""
    acl = object_acl(call.request.header("x-oss-object-acl"))
    stored = call.object
    headers = stored.headers.model_copy(update={"acl": acl})
    call.storage.change_object(call.bucket.name, stored.model_copy(update={"headers": headers}))
    return web.Response()


async def get_object_tagging(call: Call) -> web.Response:
    """The object's tags."""
    tags: Fields = [
        ("Tag", [("Key", key), ("Value", value)]) for key, value in call.object.headers.tags.items()
    ]
    return answer("Tagging", [("TagSet", tags)])


async def put_object_tagging(call: Call) -> web.Response:
    """Replace the object's tags."""
    root = parse(await call.xml_body(), "Tagging")
    pairs = [(tag.findtext("Key") or "", tag.findtext("Value") or "") for tag in root.findall("TagSet/Tag")]
    _retag(call, check_tags(pairs))
    return web.Response()


async def delete_object_tagging(call: Call) -> web.Response:
    """Remove the object's tags."""
    _retag(call, {})
    return web.Response(status=204)


def _retag(call: Call, tags: dict[str, str]) -> None:
    stored = call.object
    headers = stored.headers.model_copy(update={"tags": tags})
    call.storage.change_object(call.bucket.name, stored.model_copy(update={"headers": headers}))


def _copy_source(call: Call) -> StoredObject:
    text = unquote(call.request.header("x-oss-copy-source")).partition("?")[0]
    bucket, slash, key = text.removeprefix("/").partition("/")
    if not (bucket and slash and key):
        raise invalid_argument(
            "Copy Source must mention the source bucket and key", "x-oss-copy-source", text
        )
    authorize(call.on(bucket, key), "read")
    stored = call.storage.object(bucket, key)
    if stored is None:
        raise no_such_key(key)
    return stored


def _check_position(existing: StoredObject | None, position: int) -> None:
    if existing is not None and existing.kind != "Appendable":
        raise OssError(409, "ObjectNotAppendable", "The object is not appendable.")
    length = existing.size if existing else 0
    if position != length:
        raise OssError(
            409,
            "PositionNotEqualToLength",
            "Position is not equal to file length.",
            ec="0026-00000016",
            headers={"x-oss-next-append-position": str(length)},
        )


def _overrides(call: Call) -> dict[str, str]:
    return {name: value for name, value in call.request.query if name.startswith("response-")}


def _url_encoded(call: Call) -> bool:
    return call.request.params.get("encoding-type") == "url"
