"""Finds the signature that a request carries and verifies it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from localcloud.core.accounts import Accounts
from localcloud.oss.errors import OssError
from localcloud.oss.request import OssRequest
from localcloud.oss.signatures import v1, v4
from localcloud.oss.signatures.caller import Caller, malformed_authorization


def verify(request: OssRequest, accounts: Accounts, regions: Collection[str], now: datetime) -> Caller | None:
    """The caller, or None for a request without a signature. Raises OssError when it cannot be trusted."""
    authorization = request.header("authorization")
    params = request.params
    if request.header("x-oss-security-token") or {"security-token", "x-oss-security-token"} & params.keys():
        raise OssError(403, "InvalidSecurityToken", "The security token you provided is invalid.")
    if authorization:
        if authorization.startswith(v4.ALGORITHM + " "):
            return v4.verify_header(request, accounts, regions, now)
        if authorization.startswith("OSS "):
            return v1.verify_header(request, accounts, now)
        raise malformed_authorization()
    if "x-oss-signature" in params or "x-oss-signature-version" in params:
        if "x-oss-signature" not in params:
            raise malformed_authorization()
        return v4.verify_url(request, accounts, regions, now)
    if "Signature" in params or "OSSAccessKeyId" in params:
        return v1.verify_url(request, accounts, now)
    return None
