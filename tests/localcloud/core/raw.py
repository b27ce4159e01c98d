"""RPC calls made by hand, signed both ways, so that single parts can be spoiled."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import requests

from tests.localcloud.running import RunningCloud


def acs3_headers(cloud: RunningCloud, params: dict[str, str], **changes: str) -> dict[str, str]:
    """Headers of a POST with `params` in the query, signed by ACS3-HMAC-SHA256; `changes` by header name."""
    headers = {
        "host": cloud.access.host("ecs"),
        "x-acs-action": "DescribeInstances",
        "x-acs-version": "2014-05-26",
        "x-acs-date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "x-acs-signature-nonce": uuid.uuid4().hex,
        "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    headers = {name: value for name, value in headers.items() if value}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    query = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, value in sorted(params.items()))
    canonical = f"POST\n/\n{query}\n{lines}\n{names}\n{headers['x-acs-content-sha256']}"
    text = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(cloud.access.access_key_secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    credential = f"Credential={cloud.access.access_key_id},SignedHeaders={names},Signature={signature}"
    return {**headers, "Authorization": f"ACS3-HMAC-SHA256 {credential}"}


def post(
    cloud: RunningCloud, params: dict[str, str], headers: dict[str, str], body: bytes = b""
) -> requests.Response:
    """Send it."""
    url = f"{cloud.access.endpoints['ecs']}/?{urlencode(params)}"
    return requests.post(url, headers=headers, data=body, timeout=10)


def signed_query(cloud: RunningCloud, method: str = "GET", **changes: str) -> dict[str, str]:
    """Parameters of the older signature (HMAC-SHA1), changed by `changes` before signing."""
    params = {
        "Action": "DescribeInstances",
        "Version": "2014-05-26",
        "Format": "JSON",
        "AccessKeyId": cloud.access.access_key_id,
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": uuid.uuid4().hex,
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    params.update(changes)
    params = {name: value for name, value in params.items() if value}
    query = "&".join(
        f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in sorted(params.items())
    )
    text = f"{method}&%2F&{quote(query, safe='~')}"
    key = f"{cloud.access.access_key_secret}&".encode()
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha1).digest()).decode()
    return {**params, "Signature": signature}


def error_of(answer: requests.Response) -> tuple[int, str]:
    """Status and code of a refusal, whose body must have the five members."""
    body: dict[str, Any] = answer.json()
    assert body.keys() == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    return answer.status_code, body["Code"]
