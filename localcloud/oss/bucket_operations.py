"""Operations on the service and on buckets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import get_args
from urllib.parse import quote

from aiohttp import web

from localcloud.oss.call import Call
from localcloud.oss.errors import OssError, access_denied, invalid_argument
from localcloud.oss.listing import Page, list_page
from localcloud.oss.models import Bucket, BucketAcl, StoredObject
from localcloud.oss.names import check_bucket_name
from localcloud.oss.xml import Fields, answer, parse, timestamp

# Listing operations: 100 by default, at most 1000.
_DEFAULT_KEYS = 100
_MAX_KEYS = 1000


async def list_buckets(call: Call) -> web.Response:
    """The caller's buckets by name, a page of them."""
    params = call.request.params
    owner = _caller_id(call)
    limit = _limit(call)
    buckets = [
        bucket
        for bucket in call.storage.buckets()
        if bucket.owner == owner
        and bucket.name.startswith(params.get("prefix", ""))
        and bucket.name > params.get("marker", "")
    ]
    page = buckets[:limit]
    fields: Fields = [
        ("Prefix", params.get("prefix", "")),
        ("Marker", params.get("marker", "")),
        ("MaxKeys", limit),
        ("IsTruncated", len(buckets) > limit),
        ("NextMarker", page[-1].name if page and len(buckets) > limit else ""),
        ("Owner", _owner(owner)),
        ("Buckets", [("Bucket", _bucket_fields(bucket)) for bucket in page]),
    ]
    return answer("ListAllMyBucketsResult", fields)


async def put_bucket(call: Call) -> web.Response:
    """Create a bucket; one's own existing bucket is left as it is, apart from an ACL that is given."""
    name = call.request.bucket
    check_bucket_name(name)
    owner = _caller_id(call)
    configuration = await call.xml_body()
    storage_class = "Standard"
    if configuration:
        root = parse(configuration, "CreateBucketConfiguration")
        storage_class = root.findtext("StorageClass") or storage_class
    existing = call.storage.bucket(name)
    if existing is not None and existing.owner != owner:
        raise OssError(
            409,
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the "
            "system. Please select a different name and try again.",
            ec="0015-00000104",
            details={"BucketName": name},
        )
    acl = call.request.header("x-oss-acl")
    bucket = existing or Bucket(
        name=name, owner=owner, region=_region(call), created=call.now, storage_class=storage_class
    )
    if acl:
        bucket = bucket.model_copy(update={"acl": _bucket_acl(acl)})
    call.storage.put_bucket(bucket)
    return web.Response(headers={"Location": f"/{name}"})


async def delete_bucket(call: Call) -> web.Response:
    """Remove a bucket without objects and uploads."""
    name = call.bucket.name
    if next(call.storage.scan(name), None) is not None or call.storage.uploads(name):
        raise OssError(
            409,
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty.",
            ec="0015-00000301",
            details={"BucketName": name},
        )
    call.storage.delete_bucket(name)
    return web.Response(status=204)


async def head_bucket(call: Call) -> web.Response:
    """Whether the bucket exists."""
    return web.Response(headers={"x-oss-bucket-region": call.bucket.region})


async def get_bucket_info(call: Call) -> web.Response:
    """Everything about a bucket."""
    bucket = call.bucket
    fields = [
        *_bucket_fields(bucket),
        ("Owner", _owner(bucket.owner)),
        ("AccessControlList", [("Grant", bucket.acl)]),
        ("DataRedundancyType", "LRS"),
    ]
    return answer("BucketInfo", [("Bucket", fields)])


async def get_bucket_location(call: Call) -> web.Response:
    """Where the bucket lies."""
    return answer("LocationConstraint", f"oss-{call.bucket.region}")


async def get_bucket_acl(call: Call) -> web.Response:
    """The bucket's ACL."""
    bucket = call.bucket
    return answer(
        "AccessControlPolicy",
        [("Owner", _owner(bucket.owner)), ("AccessControlList", [("Grant", bucket.acl)])],
    )


async def put_bucket_acl(call: Call) -> web.Response:
    """Change the bucket's ACL."""
    acl = _bucket_acl(call.request.header("x-oss-acl"))
    call.storage.put_bucket(call.bucket.model_copy(update={"acl": acl}))
    return web.Response()


async def list_objects(call: Call) -> web.Response:
    """Listing version 1: continued by `marker`."""
    params = call.request.params
    text = _encoder(params.get("encoding-type"))
    marker, limit = params.get("marker", ""), _limit(call)
    page = _page(call, marker, limit)
    fields: Fields = [
        ("Name", call.request.bucket),
        ("Prefix", text(params.get("prefix", ""))),
        ("Marker", text(marker)),
        ("MaxKeys", limit),
        ("Delimiter", text(params.get("delimiter", ""))),
        ("IsTruncated", bool(page.next_after)),
        *_if("EncodingType", params.get("encoding-type")),
        *_if("NextMarker", text(page.next_after)),
        *_contents(call, page, text, with_owner=True),
    ]
    return answer("ListBucketResult", fields)


async def list_objects_v2(call: Call) -> web.Response:
    """Listing version 2: continued by an opaque token."""
    params = call.request.params
    text = _encoder(params.get("encoding-type"))
    token, limit = params.get("continuation-token", ""), _limit(call)
    after = _untoken(token) if token else params.get("start-after", "")
    page = _page(call, after, limit)
    fields: Fields = [
        ("Name", call.request.bucket),
        ("Prefix", text(params.get("prefix", ""))),
        ("StartAfter", text(params.get("start-after", ""))),
        ("MaxKeys", limit),
        ("Delimiter", text(params.get("delimiter", ""))),
        ("IsTruncated", bool(page.next_after)),
        ("KeyCount", page.count),
        *_if("EncodingType", params.get("encoding-type")),
        *_if("ContinuationToken", token),
        *_if("NextContinuationToken", _token(page.next_after)),
        *_contents(call, page, text, with_owner=params.get("fetch-owner") == "true"),
    ]
    return answer("ListBucketResult", fields)


def _page(call: Call, after: str, limit: int) -> Page:
    params = call.request.params
    return list_page(
        call.storage,
        call.request.bucket,
        prefix=params.get("prefix", ""),
        delimiter=params.get("delimiter", ""),
        after=after,
        limit=limit,
    )


def _contents(call: Call, page: Page, text: Callable[[str], str], with_owner: bool) -> Fields:
    owner: Fields = [("Owner", _owner(call.bucket.owner))] if with_owner else []
    objects: Fields = [("Contents", [*_object_fields(stored, text), *owner]) for stored in page.objects]
    prefixes: Fields = [("CommonPrefixes", [("Prefix", text(prefix))]) for prefix in page.prefixes]
    return [*objects, *prefixes]


def _object_fields(stored: StoredObject, text: Callable[[str], str]) -> Fields:
    return [
        ("Key", text(stored.key)),
        ("LastModified", timestamp(stored.modified)),
        ("ETag", f'"{stored.etag}"'),
        ("Type", stored.kind),
        ("Size", stored.size),
        ("StorageClass", stored.headers.storage_class),
    ]


def _bucket_fields(bucket: Bucket) -> Fields:
    return [
        ("Name", bucket.name),
        ("Location", f"oss-{bucket.region}"),
        ("Region", bucket.region),
        ("CreationDate", timestamp(bucket.created)),
        ("ExtranetEndpoint", f"oss-{bucket.region}.aliyuncs.com"),
        ("IntranetEndpoint", f"oss-{bucket.region}-internal.aliyuncs.com"),
        ("StorageClass", bucket.storage_class),
    ]


def _owner(account_id: str) -> Fields:
    return [("ID", account_id), ("DisplayName", account_id)]


def _if(name: str, value: str | None) -> list[tuple[str, str]]:
    return [(name, value)] if value else []


def _encoder(encoding: str | None) -> Callable[[str], str]:
    if encoding not in (None, "url"):
        raise invalid_argument("Invalid Encoding Method specified in Request", "encoding-type", encoding)
    return (lambda text: quote(text, safe="")) if encoding else str


def _limit(call: Call) -> int:
    text = call.request.params.get("max-keys", str(_DEFAULT_KEYS))
    if not (text.isascii() and text.isdigit() and int(text) <= _MAX_KEYS):
        raise invalid_argument("Argument max-keys must be an integer between 0 and 1000", "max-keys", text)
    return int(text)


def _bucket_acl(value: str) -> BucketAcl:
    for acl in get_args(BucketAcl):
        if acl == value:
            return acl  # type: ignore[no-any-return]
    raise invalid_argument("no such bucket access control exists", "x-oss-acl", value)


def _caller_id(call: Call) -> str:
    if call.caller is None:
        raise access_denied("Anonymous access is forbidden for this operation.")
    return call.caller.account.id


def _region(call: Call) -> str:
    region = call.caller.region if call.caller else None
    return region or call.default_region


def _token(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).decode()


def _untoken(token: str) -> str:
    try:
        return base64.urlsafe_b64decode(token.encode()).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise invalid_argument(
            "The continuation token provided is incorrect", "continuation-token", token
        ) from error
