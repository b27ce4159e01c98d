"""Signature version 1: HMAC-SHA1, in the header `Authorization: OSS <key id>:<signature>` or in the URL."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from localcloud.core.accounts import Account, Accounts
from localcloud.oss.request import OssRequest
from localcloud.oss.signatures.caller import (
    Caller,
    check_signature,
    check_skew,
    expired,
    find_account,
    malformed_authorization,
)

# OSS API reference, "Include signatures in the Authorization header": the parameters that are signed.
_NAMES = """
acl append asyncFetch bucketInfo callback callback-var cname comp continuation-token cors delete encryption
endTime img inventory inventoryId lifecycle link live location logging metaQuery objectInfo objectMeta
partNumber policy position qos qosInfo referer regionList replication replicationLocation
replicationProgress requestPayment resourceGroup response-cache-control response-content-disposition
response-content-encoding response-content-language response-content-type response-expires restore
security-token sequential startTime stat status style styleName symlink tagging transferAcceleration
uploadId uploads versionId versioning versions vod website worm wormExtend wormId x-oss-ac-forward-allow
x-oss-ac-source-ip x-oss-ac-subnet-mask x-oss-ac-vpc-id x-oss-async-process x-oss-process
x-oss-request-payer x-oss-traffic-limit
"""
SUB_RESOURCES = frozenset(_NAMES.split())


def verify_header(request: OssRequest, accounts: Accounts, now: datetime) -> Caller:
    """The caller of a request with `Authorization: OSS …`. Raises OssError."""
    key_id, colon, signature = request.header("authorization").removeprefix("OSS ").partition(":")
    if not (key_id and colon and signature):
        raise malformed_authorization()
    date = request.header("date") or request.header("x-oss-date")
    try:
        sent = parsedate_to_datetime(date)
    except ValueError as error:
        raise malformed_authorization() from error
    check_skew(sent if sent.tzinfo else sent.replace(tzinfo=UTC), now)
    return _verify(request, find_account(accounts, key_id), date, signature)


def verify_url(request: OssRequest, accounts: Accounts, now: datetime) -> Caller:
    """The caller who signed this URL (`OSSAccessKeyId`, `Expires`, `Signature`). Raises OssError."""
    params = request.params
    expires = params.get("Expires", "")
    if not (
        params.get("OSSAccessKeyId") and params.get("Signature") and expires.isascii() and expires.isdigit()
    ):
        raise malformed_authorization()
    until = datetime.fromtimestamp(min(int(expires), 2**40), UTC)
    if now > until:
        raise expired(until, now)
    return _verify(request, find_account(accounts, params["OSSAccessKeyId"]), expires, params["Signature"])


def _verify(request: OssRequest, account: Account, date: str, signature: str) -> Caller:
    text = string_to_sign(request, date)
    digest = hmac.new(account.access_key_secret.encode(), text.encode(), hashlib.sha1).digest()
    expected = base64.b64encode(digest).decode()
    check_signature(expected, signature, text, {"OSSAccessKeyId": account.access_key_id})
    return Caller(account)


def string_to_sign(request: OssRequest, date: str) -> str:
    """Method, Content-MD5, Content-Type, date (or expiry), `x-oss-*` headers and the resource."""
    own = sorted(
        (name, value.strip()) for name, value in request.headers.items() if name.startswith("x-oss-")
    )
    headers = "".join(f"{name}:{value}\n" for name, value in own)
    signed = sorted((name, value) for name, value in request.query if name in SUB_RESOURCES)
    sub_resources = "&".join(f"{name}={value}" if value else name for name, value in signed)
    resource = f"{request.resource}?{sub_resources}" if signed else request.resource
    first = (request.method, request.header("content-md5"), request.header("content-type"), date)
    return "\n".join(first) + "\n" + headers + resource
