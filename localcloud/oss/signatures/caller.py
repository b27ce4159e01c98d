"""Who sent a request, and the refusals of those who cannot prove it."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from localcloud.core.accounts import Account, Accounts
from localcloud.oss.errors import OssError

# OSS API reference, request signatures: 15 minutes, named in the error as MaxAllowedSkewMilliseconds.
_MAX_SKEW = timedelta(minutes=15)


@dataclass(frozen=True)
class Caller:
    """The verified account; `region` is what a V4 signature was scoped to, None for V1."""

    account: Account
    region: str | None = None


def find_account(accounts: Accounts, access_key_id: str) -> Account:
    """The owner of the key. Raises InvalidAccessKeyId (403)."""
    account = accounts.find(access_key_id)
    if account is None:
        raise OssError(
            403,
            "InvalidAccessKeyId",
            "The OSS Access Key Id you provided does not exist in our records.",
            ec="0002-00000902",
            details={"OSSAccessKeyId": access_key_id},
        )
    return account


def check_signature(expected: str, provided: str, string_to_sign: str, details: dict[str, str]) -> None:
    """Compare in constant time. Raises SignatureDoesNotMatch (403) with the server's string to sign."""
    if not hmac.compare_digest(expected.encode(), provided.encode()):
        raise OssError(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
            ec="0002-00000040",
            details={**details, "SignatureProvided": provided, "StringToSign": string_to_sign},
        )


def check_skew(sent: datetime, now: datetime) -> None:
    """Raises RequestTimeTooSkewed (403) when the request's time is more than 15 minutes off."""
    if abs(now - sent) > _MAX_SKEW:
        raise OssError(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            ec="0002-00000504",
            details={
                "MaxAllowedSkewMilliseconds": str(int(_MAX_SKEW.total_seconds() * 1000)),
                "RequestTime": _iso(sent),
                "ServerTime": _iso(now),
            },
        )


def expired(until: datetime, now: datetime) -> OssError:
    """A pre-signed URL after its time."""
    return OssError(
        403,
        "AccessDenied",
        "Request has expired.",
        ec="0002-00000069",
        details={"Expires": _iso(until), "ServerTime": _iso(now)},
    )


def malformed_authorization() -> OssError:
    """An Authorization header, or a pre-signed URL's parameters, without what they need."""
    return OssError(
        400, "InvalidArgument", "Authorization header or signed URL is invalid.", ec="0002-00000201"
    )


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")
