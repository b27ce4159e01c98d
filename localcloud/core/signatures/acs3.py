"""ACS3-HMAC-SHA256: the signature in the Authorization header of today's SDKs."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass

from localcloud.core.accounts import Account, Accounts
from localcloud.core.signatures.freshness import Freshness
from localcloud.core.signatures.rejections import (
    access_key_not_found,
    incomplete_signature,
    signature_mismatch,
    unsupported_algorithm,
)
from localcloud.core.signatures.wire import WireRequest, canonical_query

ALGORITHM = "ACS3-HMAC-SHA256"
# Without these in the signature, a request could be replayed or turned into another call.
_MUST_BE_SIGNED = ("host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-version")


@dataclass(frozen=True)
class _Authorization:
    access_key_id: str
    signed_headers: str
    signature: str


def verify(request: WireRequest, accounts: Accounts, freshness: Freshness) -> Account:
    """The account that signed the request. Raises the gateway's ApiError when it cannot be trusted."""
    authorization = _parse(request.header("authorization"))
    freshness.check_time(request.header("x-acs-date"))
    account = accounts.find(authorization.access_key_id)
    if account is None:
        raise access_key_not_found()
    content_hash = request.header("x-acs-content-sha256")
    if not hmac.compare_digest(content_hash.encode(), hashlib.sha256(request.body).hexdigest().encode()):
        raise signature_mismatch("x-acs-content-sha256 differs from the body's SHA-256")
    text = string_to_sign(request, authorization.signed_headers)
    expected = hmac.new(account.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), authorization.signature.encode()):
        raise signature_mismatch(text)
    nonce = request.header("x-acs-signature-nonce")
    if not nonce:
        raise incomplete_signature("x-acs-signature-nonce is missing.")
    freshness.use_nonce(account.access_key_id, nonce)
    return account


def string_to_sign(request: WireRequest, signed_headers: str) -> str:
    """The algorithm's name and the hash of the canonical request; `signed_headers` is the list as sent."""
    headers = "".join(f"{name}:{_value(request, name)}\n" for name in signed_headers.split(";"))
    canonical = "\n".join(
        (
            request.method,
            request.path,
            canonical_query(list(request.query)),
            headers,
            signed_headers,
            request.header("x-acs-content-sha256"),
        )
    )
    return f"{ALGORITHM}\n{hashlib.sha256(canonical.encode()).hexdigest()}"


def _value(request: WireRequest, name: str) -> str:
    return ",".join(sorted(value.strip() for value in request.headers.get(name, ())))


def _parse(header: str) -> _Authorization:
    algorithm, _, rest = header.partition(" ")
    if algorithm != ALGORITHM:
        raise unsupported_algorithm(algorithm)
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if parts.keys() != {"Credential", "SignedHeaders", "Signature"} or not all(parts.values()):
        raise incomplete_signature("Authorization needs Credential, SignedHeaders and Signature.")
    names = parts["SignedHeaders"].split(";")
    if names != sorted(names) or not all(re.fullmatch(r"[a-z0-9-]+", name) for name in names):
        raise incomplete_signature("SignedHeaders must be lower-case names in order.")
    unsigned = [name for name in _MUST_BE_SIGNED if name not in names]
    if unsigned:
        raise incomplete_signature(f"{', '.join(unsigned)} must be signed.")
    return _Authorization(parts["Credential"], parts["SignedHeaders"], parts["Signature"])
