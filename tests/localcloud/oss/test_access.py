"""Who gets in: signatures in headers and URLs, good and bad, over raw HTTP too."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import oss2
import pytest
import requests

from tests.localcloud.oss.conftest import REGION, open_bucket
from tests.localcloud.running import RunningCloud


def test_a_signed_url_reads_and_writes_without_keys(bucket: Any) -> None:
    put = bucket.sign_url("PUT", "a/b c", 60, headers={"Content-Type": "text/x"})
    get = bucket.sign_url("GET", "a/b c", 60, slash_safe=True)

    assert requests.put(put, data=b"x", headers={"Content-Type": "text/x"}, timeout=10).status_code == 200
    answer = requests.get(get, timeout=10)

    assert (answer.content, answer.headers["Content-Type"]) == (b"x", "text/x")


def test_a_signed_url_holds_for_its_method_object_and_headers_only(bucket: Any) -> None:
    bucket.put_object("mine", b"x")
    url = bucket.sign_url("GET", "mine", 60)

    for answer in (
        requests.put(url, data=b"y", timeout=10),
        requests.get(url.replace("/mine?", "/other?"), timeout=10),
        requests.get(url, headers={"x-oss-meta-more": "1"}, timeout=10),
        requests.get(url.replace("ignature=", "ignature=0"), timeout=10),
    ):
        assert answer.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text
        assert "<StringToSign>" in answer.text


def test_a_signed_url_expires(bucket: Any, cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put_object("k", b"x")
    url = bucket.sign_url("GET", "k", 60)
    later = datetime.now(UTC) + timedelta(seconds=62)

    monkeypatch.setattr(cloud.context, "clock", lambda: later)
    answer = requests.get(url, timeout=10)

    assert answer.status_code == 403
    assert "<Message>Request has expired.</Message>" in answer.text


def test_a_clock_more_than_fifteen_minutes_off_is_refused(
    bucket: Any, cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    for minutes in (-16, 16):
        with monkeypatch.context() as patch:
            patch.setattr(cloud.context, "clock", lambda off=minutes: now + timedelta(minutes=off))
            with pytest.raises(oss2.exceptions.ServerError) as caught:
                bucket.list_objects()
        assert (caught.value.status, caught.value.code) == (403, "RequestTimeTooSkewed")
    with monkeypatch.context() as patch:
        patch.setattr(cloud.context, "clock", lambda: now + timedelta(minutes=14))
        assert bucket.list_objects().object_list == []


@pytest.mark.parametrize("kind", [oss2.Auth, oss2.AuthV4])
def test_wrong_keys_are_told_apart(cloud: RunningCloud, kind: Any) -> None:
    unknown = open_bucket(cloud, kind("LTAInobody", "secret"), "any-bucket")
    wrong = open_bucket(cloud, kind(cloud.access.access_key_id, "wrong"), "any-bucket")

    with pytest.raises(oss2.exceptions.ServerError) as caught:
        unknown.list_objects()
    assert (caught.value.status, caught.value.code) == (403, "InvalidAccessKeyId")
    with pytest.raises(oss2.exceptions.SignatureDoesNotMatch):
        wrong.list_objects()


def test_anonymous_callers_get_what_the_acl_grants(bucket: Any, cloud: RunningCloud) -> None:
    bucket.put_object("k", b"x")
    url = f"{cloud.access.oss}/{bucket.bucket_name}/k"

    denied = requests.get(url, timeout=10)
    bucket.put_object_acl("k", "public-read")
    granted = requests.get(url, timeout=10)

    assert (denied.status_code, granted.content) == (403, b"x")
    assert "<Code>AccessDenied</Code>" in denied.text
    assert requests.put(url, data=b"y", timeout=10).status_code == 403
    assert requests.get(cloud.access.oss, timeout=10).status_code == 403


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_temporary_credentials_are_nobodys(cloud: RunningCloud, version: str) -> None:
    auth = oss2.StsAuth(
        cloud.access.access_key_id, cloud.access.access_key_secret, "token", auth_version=version
    )
    bucket = open_bucket(cloud, auth, "any-bucket")

    with pytest.raises(oss2.exceptions.ServerError) as caught:
        bucket.list_objects()
    assert caught.value.code == "InvalidSecurityToken"
    assert "InvalidSecurityToken" in requests.get(bucket.sign_url("GET", "k", 60), timeout=10).text


def test_an_unknown_region_in_the_scope_is_refused(cloud: RunningCloud) -> None:
    auth = oss2.AuthV4(cloud.access.access_key_id, cloud.access.access_key_secret)
    bucket = oss2.Bucket(auth, cloud.access.oss, "any-bucket", region="mars-north")

    with pytest.raises(oss2.exceptions.ServerError, match="Invalid signing region"):
        bucket.list_objects()


@pytest.mark.parametrize("name", ["ab", "a" * 64, "-abc", "abc-"])
def test_bucket_names_that_oss_refuses(cloud: RunningCloud, name: str) -> None:
    answer = _send_v1(cloud, "PUT", f"/{name}", f"/{name}/")

    assert answer.status_code == 400
    assert "<Code>InvalidBucketName</Code>" in answer.text


def test_virtual_host_style_names_the_same_bucket(bucket: Any, cloud: RunningCloud) -> None:
    bucket.put_object("a/b", b"x")
    resource = f"/{bucket.bucket_name}/a/b"

    for host in (f"{bucket.bucket_name}.oss-{REGION}.aliyuncs.com", f"{bucket.bucket_name}.localhost:99"):
        answer = _send_v1(cloud, "GET", "/a/b", resource, {"Host": host})
        assert answer.content == b"x"


def test_v4_over_raw_http_with_additional_headers(bucket: Any, cloud: RunningCloud) -> None:
    bucket.put_object("a b", b"0123456789")
    date = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{date[:8]}/{REGION}/oss/aliyun_v4_request"
    canonical = (
        f"GET\n/{bucket.bucket_name}/a%20b\nresponse-content-type=text%2Fx\nrange:bytes=2-4\n"
        f"x-oss-content-sha256:UNSIGNED-PAYLOAD\nx-oss-date:{date}\n\nrange\nUNSIGNED-PAYLOAD"
    )
    text = f"OSS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("aliyun_v4" + cloud.access.access_key_secret).encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    headers = {
        "Authorization": f"OSS4-HMAC-SHA256 Credential={cloud.access.access_key_id}/{scope}, "
        f"AdditionalHeaders=range, Signature={key.hex()}",
        "x-oss-date": date,
        "x-oss-content-sha256": "UNSIGNED-PAYLOAD",
        "Range": "bytes=2-4",
    }
    url = f"{cloud.access.oss}/{bucket.bucket_name}/a%20b?response-content-type=text/x"

    signed = requests.get(url, headers=headers, timeout=10)
    changed = requests.get(url, headers={**headers, "Range": "bytes=0-9"}, timeout=10)

    assert (signed.status_code, signed.content) == (206, b"234")
    assert signed.headers["Content-Type"] == "text/x"
    assert changed.status_code == 403


@pytest.mark.parametrize(
    "authorization",
    ["OSS", "OSS id", "OSS4-HMAC-SHA256 Credential=x", "AWS4-HMAC-SHA256 Credential=a/b, Signature=c", "x"],
)
def test_a_malformed_authorization_is_refused(cloud: RunningCloud, authorization: str) -> None:
    answer = requests.get(cloud.access.oss + "/b/k", headers={"Authorization": authorization}, timeout=10)

    assert answer.status_code == 400
    assert "<Code>InvalidArgument</Code>" in answer.text
    assert answer.headers["x-oss-request-id"] in answer.text


def test_no_secret_and_no_signature_reaches_the_record_of_calls(bucket: Any, cloud: RunningCloud) -> None:
    url = bucket.sign_url("GET", "k", 60)
    requests.get(url, timeout=10)

    record = (cloud.context.state_dir / "calls.jsonl").read_text()

    assert '"action": "GetObject"' in record
    assert url.partition("ignature=")[2].partition("&")[0] not in record
    assert cloud.access.access_key_secret not in record


def _send_v1(
    cloud: RunningCloud, method: str, path: str, resource: str, headers: dict[str, str] | None = None
) -> requests.Response:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    digest = hmac.new(
        cloud.access.access_key_secret.encode(), f"{method}\n\n\n{date}\n{resource}".encode(), hashlib.sha1
    ).digest()
    signature = f"OSS {cloud.access.access_key_id}:{base64.b64encode(digest).decode()}"
    signed = {"Date": date, "Authorization": signature, **(headers or {})}
    return requests.request(method, cloud.access.oss + quote(path), headers=signed, timeout=10)
