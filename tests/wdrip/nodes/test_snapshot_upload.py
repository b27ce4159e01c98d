"""Uploads to an OSS that verifies signatures, by URLs as oss2 signs them."""

import hashlib
from collections.abc import Iterator
from typing import Any

import oss2
import pytest
from oss2.models import PartInfo

from tests.localcloud.running import running_cloud
from tests.wdrip.nodes.sandbox import Sandbox
from wdrip.nodes import backup_operations as backups

DATE = "20211002-1024"
KEY = f"wdrip/backup/kubernetes-id-001/{DATE}/snapshot.db"
CONTENT = bytes(range(256)) * 4096 * 3 + b"the rest"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        access = cloud.access
        auth = oss2.ProviderAuthV4(
            oss2.StaticCredentialsProvider(access.access_key_id, access.access_key_secret)
        )
        bucket = oss2.Bucket(
            auth, access.endpoints["oss"], "bucket-backups", region="cn-hangzhou", is_path_style=True
        )
        bucket.create_bucket()
        yield bucket


@pytest.fixture
def machine(sandbox: Sandbox) -> Sandbox:
    file = sandbox.path(f"/var/lib/wdrip/snapshots/{DATE}/snapshot.db")
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    return sandbox


def test_one_object_with_its_sha256_and_encryption(machine: Sandbox, bucket: Any) -> None:
    headers = {
        "x-oss-server-side-encryption": "AES256",
        "x-oss-meta-sha256": hashlib.sha256(CONTENT).hexdigest(),
    }
    url = bucket.sign_url("PUT", KEY, 600, headers=dict(headers), slash_safe=True)
    result = machine.launch(backups.upload_snapshot(DATE, url, headers))
    assert result.code == 0, result.output
    answer = bucket.get_object(KEY)
    assert answer.read() == CONTENT
    assert {name: answer.headers[name] for name in headers} == headers


def test_a_header_that_was_not_signed_is_refused(machine: Sandbox, bucket: Any) -> None:
    url = bucket.sign_url("PUT", KEY, 600, slash_safe=True)
    result = machine.launch(backups.upload_snapshot(DATE, url, {"x-oss-meta-sha256": "0" * 64}))
    assert result.code == backups.UPLOAD_FAILED
    assert "HTTP status 403" in result.output


def test_parts_go_on_where_the_bucket_has_them(machine: Sandbox, bucket: Any) -> None:
    upload = bucket.init_multipart_upload(KEY).upload_id

    def send(parts: list[backups.Part]) -> str:
        urls = [
            (part, bucket.sign_url("PUT", KEY, 600, params=query(upload, part), slash_safe=True))
            for part in parts
        ]
        result = machine.launch(backups.upload_parts(DATE, upload, urls))
        assert result.code == 0, result.output
        return result.output

    first = backups.arrived_parts(send(backups.parts_left(len(CONTENT), (), 1024 * 1024)[:2]))
    assert {part.part_number for part in bucket.list_parts(KEY, upload).parts} == {1, 2}
    said = send(backups.parts_left(len(CONTENT), {1}, 1024 * 1024))
    assert "uploading part 2" not in said
    etags = {**first, **backups.arrived_parts(said)}
    arrived = bucket.list_parts(KEY, upload).parts
    assert {number: etag.upper() for number, etag in etags.items()} == {
        each.part_number: each.etag for each in arrived
    }
    parts = [PartInfo(number, etag.upper()) for number, etag in sorted(etags.items())]
    bucket.complete_multipart_upload(KEY, upload, parts)
    assert bucket.get_object(KEY).read() == CONTENT


def test_a_part_that_arrived_otherwise_is_a_failed_upload(machine: Sandbox, bucket: Any) -> None:
    # What is read for the MD5 and what is read for sending differ.
    machine.program(
        "dd", '#!/bin/bash\n/bin/dd "$@" | if mkdir /run/once 2>/dev/null; then cat; else tr t T; fi\n'
    )
    url = bucket.sign_url("PUT", KEY, 600, slash_safe=True)
    result = machine.launch(backups.upload_snapshot(DATE, url, {}))
    assert result.code == backups.UPLOAD_FAILED


def query(upload: str, part: backups.Part) -> dict[str, str]:
    return {"partNumber": str(part.number), "uploadId": upload}
