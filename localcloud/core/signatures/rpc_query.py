"""HMAC-SHA1 over the parameters (SignatureVersion 1.0): the signature of older SDKs and of the CLI."""

from __future__ import annotations

import base64
import hashlib
import hmac

from localcloud.core.accounts import Account, Accounts
from localcloud.core.errors import ApiError
from localcloud.core.signatures.freshness import Freshness
from localcloud.core.signatures.rejections import (
    access_key_not_found,
    incomplete_signature,
    signature_mismatch,
    unsupported_algorithm,
)
from localcloud.core.signatures.wire import WireRequest, canonical_query, percent_encode

_MANDATORY = (
    "AccessKeyId",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureVersion",
    "Timestamp",
    "Signature",
)


def verify(request: WireRequest, accounts: Accounts, freshness: Freshness) -> Account:
    """The account that signed the request. Raises the gateway's ApiError when it cannot be trusted."""
    pairs = [*request.query, *request.form]
    params = dict(pairs)
    for name in _MANDATORY:
        if not params.get(name):
            raise ApiError(400, f"Missing{name}", f"{name} is mandatory for this action.")
    if params["SignatureMethod"] != "HMAC-SHA1":
        raise unsupported_algorithm(params["SignatureMethod"])
    if params["SignatureVersion"] != "1.0":
        raise incomplete_signature("SignatureVersion must be 1.0.")
    freshness.check_time(params["Timestamp"])
    account = accounts.find(params["AccessKeyId"])
    if account is None:
        raise access_key_not_found()
    text = string_to_sign(request.method, pairs)
    # SHA-1 is what the protocol prescribes; the trailing `&` belongs to the key.
    digest = hmac.new(f"{account.access_key_secret}&".encode(), text.encode(), hashlib.sha1).digest()
    if not hmac.compare_digest(base64.b64encode(digest), params["Signature"].encode()):
        raise signature_mismatch(text)
    freshness.use_nonce(account.access_key_id, params["SignatureNonce"])
    return account


def string_to_sign(method: str, pairs: list[tuple[str, str]]) -> str:
    """`METHOD&%2F&` and the encoded canonical query of every parameter but `Signature`."""
    signed = [(key, value) for key, value in pairs if key != "Signature"]
    return f"{method}&{percent_encode('/')}&{percent_encode(canonical_query(signed))}"
