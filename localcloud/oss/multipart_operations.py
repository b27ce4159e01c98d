"""Multipart uploads."""

from __future__ import annotations

import hashlib
import uuid

from aiohttp import web

from localcloud.oss.call import Call
from localcloud.oss.checksums import joined_crc64
from localcloud.oss.errors import OssError, invalid_argument, malformed_xml, no_such_upload
from localcloud.oss.models import Part, StoredObject, Upload
from localcloud.oss.names import check_key
from localcloud.oss.object_headers import overwrite_check, read_headers, written
from localcloud.oss.object_operations import receive
from localcloud.oss.xml import Fields, answer, parse, timestamp

# OSS limits: parts 1 to 10000, each but the last at least 100 KB.
_MAX_PART_NUMBER = 10000
_MIN_PART_BYTES = 100 * 1024
_MAX_LISTED = 1000


async def initiate_multipart_upload(call: Call) -> web.Response:
    """Begin an upload."""
    check_key(call.request.key)
    overwrite_check(call.request)(call.storage.object(call.request.bucket, call.request.key))
    upload = Upload(
        id=uuid.uuid4().hex.upper(),
        bucket=call.bucket.name,
        key=call.request.key,
        begun=call.now,
        headers=read_headers(call.request),
    )
    call.storage.put_upload(upload)
    fields: Fields = [("Bucket", upload.bucket), ("Key", upload.key), ("UploadId", upload.id)]
    response = answer("InitiateMultipartUploadResult", fields)
    response.headers.update(upload.headers.encryption)
    return response


async def upload_part(call: Call) -> web.Response:
    """Write or replace one part."""
    upload = _upload(call)
    number = call.request.params.get("partNumber", "")
    if not (number.isascii() and number.isdigit() and 1 <= int(number) <= _MAX_PART_NUMBER):
        raise invalid_argument("Part number must be an integer between 1 and 10000.", "partNumber", number)
    blob = await receive(call)
    part = Part(
        number=int(number),
        blob=blob.name,
        size=blob.size,
        etag=blob.md5.hex().upper(),
        crc64=blob.crc64,
        modified=call.now,
    )
    call.storage.put_part(upload.id, part)
    crc = {"x-oss-hash-crc64ecma": part.crc64} if part.crc64 else {}
    return web.Response(headers={"ETag": f'"{part.etag}"', **crc, **upload.headers.encryption})


async def complete_multipart_upload(call: Call) -> web.Response:
    """Make the object from the listed parts."""
    upload = _upload(call)
    check = overwrite_check(call.request)
    parts = _wanted_parts(await call.xml_body(), call.storage.parts(upload.id))
    digest = hashlib.md5(b"".join(bytes.fromhex(part.etag) for part in parts), usedforsecurity=False)
    stored = StoredObject(
        key=upload.key,
        blobs=tuple(part.blob for part in parts),
        size=sum(part.size for part in parts),
        etag=f"{digest.hexdigest().upper()}-{len(parts)}",
        crc64=joined_crc64((part.crc64, part.size) for part in parts),
        modified=call.now,
        kind="Multipart",
        headers=upload.headers,
    )
    call.storage.complete_upload(upload, stored, check)
    fields: Fields = [
        ("Location", f"http://{call.request.host}/{upload.bucket}/{upload.key}"),
        ("Bucket", upload.bucket),
        ("Key", upload.key),
        ("ETag", f'"{stored.etag}"'),
    ]
    response = answer("CompleteMultipartUploadResult", fields)
    response.headers.update(written(stored))
    return response


async def abort_multipart_upload(call: Call) -> web.Response:
    """Give an upload up and remove its parts."""
    call.storage.abort_upload(_upload(call).id)
    return web.Response(status=204)


async def list_parts(call: Call) -> web.Response:
    """The parts that have arrived, a page of them."""
    upload = _upload(call)
    marker = _number(call, "part-number-marker", 0)
    limit = _number(call, "max-parts", _MAX_LISTED)
    parts = [part for part in call.storage.parts(upload.id) if part.number > marker]
    page = parts[:limit]
    fields: Fields = [
        ("Bucket", upload.bucket),
        ("Key", upload.key),
        ("UploadId", upload.id),
        ("PartNumberMarker", marker),
        ("NextPartNumberMarker", page[-1].number if page else marker),
        ("MaxParts", limit),
        ("IsTruncated", len(parts) > limit),
        *[("Part", _part_fields(part)) for part in page],
    ]
    return answer("ListPartsResult", fields)


async def list_multipart_uploads(call: Call) -> web.Response:
    """The bucket's uploads that were begun and neither completed nor aborted, a page of them."""
    params = call.request.params
    key_marker, id_marker = params.get("key-marker", ""), params.get("upload-id-marker", "")
    limit = _number(call, "max-uploads", _MAX_LISTED)
    uploads = [
        upload
        for upload in call.storage.uploads(call.bucket.name)
        if upload.key.startswith(params.get("prefix", "")) and _behind(upload, key_marker, id_marker)
    ]
    page = uploads[:limit]
    truncated = len(uploads) > limit
    fields: Fields = [
        ("Bucket", call.request.bucket),
        ("Prefix", params.get("prefix", "")),
        ("KeyMarker", key_marker),
        ("UploadIdMarker", id_marker),
        ("NextKeyMarker", page[-1].key if truncated and page else ""),
        ("NextUploadIdMarker", page[-1].id if truncated and page else ""),
        ("MaxUploads", limit),
        ("IsTruncated", truncated),
        *[("Upload", _upload_fields(upload)) for upload in page],
    ]
    return answer("ListMultipartUploadsResult", fields)


def _upload(call: Call) -> Upload:
    upload_id = call.request.params.get("uploadId", "")
    upload = call.storage.upload(upload_id)
    if upload is None or (upload.bucket, upload.key) != (call.bucket.name, call.request.key):
        raise no_such_upload(upload_id)
    return upload


def _wanted_parts(body: bytes, arrived: list[Part]) -> list[Part]:
    root = parse(body, "CompleteMultipartUpload")
    by_number = {str(part.number): part for part in arrived}
    wanted = []
    for element in root.findall("Part"):
        part = by_number.get(element.findtext("PartNumber") or "")
        if part is None or (element.findtext("ETag") or "").strip('"').upper() != part.etag:
            raise OssError(
                400,
                "InvalidPart",
                "One or more of the specified parts could not be found or the specified entity tag "
                "might not have matched the part's entity tag.",
            )
        wanted.append(part)
    if not wanted:
        raise malformed_xml()
    numbers = [part.number for part in wanted]
    if numbers != sorted(set(numbers)):
        raise OssError(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
    if any(part.size < _MIN_PART_BYTES for part in wanted[:-1]):
        raise OssError(400, "EntityTooSmall", "Your proposed upload smaller than the minimum allowed size.")
    return wanted


def _behind(upload: Upload, key_marker: str, id_marker: str) -> bool:
    if upload.key.encode() != key_marker.encode():
        return upload.key.encode() > key_marker.encode()
    return bool(id_marker) and upload.id > id_marker


def _part_fields(part: Part) -> Fields:
    return [
        ("PartNumber", part.number),
        ("LastModified", timestamp(part.modified)),
        ("ETag", f'"{part.etag}"'),
        ("Size", part.size),
    ]


def _upload_fields(upload: Upload) -> Fields:
    return [
        ("Key", upload.key),
        ("UploadId", upload.id),
        ("Initiated", timestamp(upload.begun)),
        ("StorageClass", upload.headers.storage_class),
    ]


def _number(call: Call, name: str, default: int) -> int:
    text = call.request.params.get(name, "") or str(default)
    if not (text.isascii() and text.isdigit()):
        raise invalid_argument(f"Argument {name} must be an integer", name, text)
    return int(text)
