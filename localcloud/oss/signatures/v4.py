"""Signature version 4: OSS4-HMAC-SHA256, its key derived per day and region, in the header or in the URL."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from localcloud.core.accounts import Account, Accounts
from localcloud.oss.errors import invalid_argument
from localcloud.oss.request import OssRequest
from localcloud.oss.signatures.caller import (
    Caller,
    check_signature,
    check_skew,
    expired,
    find_account,
    malformed_authorization,
)

ALGORITHM = "OSS4-HMAC-SHA256"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_CREDENTIAL = re.compile(
    r"(?P<key>[^/]+)/(?P<scope>(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/oss/aliyun_v4_request)"
)
# OSS API reference, "Include a V4 signature in a URL": at most seven days.
_MAX_EXPIRY_SECONDS = 604800


@dataclass(frozen=True)
class _Signed:
    """What was signed besides the request itself."""

    scope: str
    date: str
    additional: tuple[str, ...]
    payload: str
    query: tuple[tuple[str, str], ...]


def verify_header(request: OssRequest, accounts: Accounts, regions: Collection[str], now: datetime) -> Caller:
    """The caller of a request with `Authorization: OSS4-HMAC-SHA256 …`. Raises OssError."""
    fields = _fields(request.header("authorization").removeprefix(ALGORITHM))
    if not fields.keys() >= {"Credential", "Signature"}:
        raise malformed_authorization()
    payload = request.header("x-oss-content-sha256")
    if payload != _UNSIGNED:
        raise invalid_argument(
            "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.", "x-oss-content-sha256", payload
        )
    date = request.header("x-oss-date")
    check_skew(_moment(date), now)
    credential = _credential(fields["Credential"], date, regions)
    additional = _additional(fields.get("AdditionalHeaders", ""))
    signed = _Signed(credential["scope"], date, additional, payload, request.query)
    account = find_account(accounts, credential["key"])
    return _verify(request, account, signed, fields["Signature"], credential["region"])


def verify_url(request: OssRequest, accounts: Accounts, regions: Collection[str], now: datetime) -> Caller:
    """The caller who signed this URL (`x-oss-signature` and its companions). Raises OssError."""
    params = request.params
    expires = params.get("x-oss-expires", "")
    if params.get("x-oss-signature-version") != ALGORITHM or not re.fullmatch(r"[0-9]{1,9}", expires):
        raise malformed_authorization()
    if not 0 < int(expires) <= _MAX_EXPIRY_SECONDS:
        raise invalid_argument("x-oss-expires must be between 1 and 604800.", "x-oss-expires", expires)
    date = params.get("x-oss-date", "")
    start = _moment(date)
    if now > start + timedelta(seconds=int(expires)):
        raise expired(start + timedelta(seconds=int(expires)), now)
    if start > now:
        check_skew(start, now)
    credential = _credential(params.get("x-oss-credential", ""), date, regions)
    additional = _additional(params.get("x-oss-additional-headers", ""))
    query = tuple((name, value) for name, value in request.query if name != "x-oss-signature")
    signed = _Signed(credential["scope"], date, additional, _UNSIGNED, query)
    account = find_account(accounts, credential["key"])
    return _verify(request, account, signed, params["x-oss-signature"], credential["region"])


def _verify(request: OssRequest, account: Account, signed: _Signed, signature: str, region: str) -> Caller:
    canonical = _canonical_request(request, signed)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"{ALGORITHM}\n{signed.date}\n{signed.scope}\n{digest}"
    expected = _hmac(_signing_key(account.access_key_secret, signed.scope), text).hex()
    details = {"OSSAccessKeyId": account.access_key_id, "CanonicalRequest": canonical}
    check_signature(expected, signature, text, details)
    return Caller(account, region)


def _canonical_request(request: OssRequest, signed: _Signed) -> str:
    query = sorted((quote(name, safe=""), quote(value, safe="")) for name, value in signed.query)
    wanted = {"content-type", "content-md5", *signed.additional}
    headers = sorted(
        (name, value)
        for name, value in request.headers.items()
        if name in wanted or name.startswith("x-oss-")
    )
    return "\n".join(
        (
            request.method,
            quote(request.resource, safe="/"),
            "&".join(f"{name}={value}" if value else name for name, value in query),
            "".join(f"{name}:{value}\n" for name, value in headers),
            ";".join(signed.additional),
            signed.payload,
        )
    )


def _signing_key(secret: str, scope: str) -> bytes:
    key = ("aliyun_v4" + secret).encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _fields(text: str) -> dict[str, str]:
    return dict(part.strip().partition("=")[::2] for part in text.split(","))


def _additional(text: str) -> tuple[str, ...]:
    # The list that is sent may be in another order than the one that is signed.
    return tuple(sorted(name for name in text.lower().split(";") if name))


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise malformed_authorization() from error


def _credential(text: str, date: str, regions: Collection[str]) -> re.Match[str]:
    credential = _CREDENTIAL.fullmatch(text)
    if credential is None or credential["date"] != date[:8]:
        raise malformed_authorization()
    if credential["region"] not in regions:
        raise invalid_argument(
            "Invalid signing region in Authorization header.", "region", credential["region"]
        )
    return credential
