"""Uploads to an OSS that verifies signatures, by URLs as oss2 signs them."""

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
MEBIBYTE = 1024 * 1024
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


def test_parts_make_the_object_and_go_on_where_they_were(machine: Sandbox, bucket: Any) -> None:
    upload = bucket.init_multipart_upload(KEY).upload_id

    def send(numbers: list[int]) -> str:
        urls = {number: signed(bucket, upload, number) for number in numbers}
        operation = backups.upload_parts(DATE, upload, urls, len(CONTENT), part_bytes=MEBIBYTE)
        result = machine.launch(operation)
        assert result.code == 0, result.output
        return result.output

    assert backups.arrived_parts(send([1, 2])).keys() == {1, 2}
    said = send([2, 3, 4])
    assert "sending part 2" not in said
    etags = backups.arrived_parts(said)
    arrived = bucket.list_parts(KEY, upload).parts
    assert {number: etag.upper() for number, etag in etags.items()} == {
        each.part_number: each.etag for each in arrived
    }
    parts = [PartInfo(number, etag.upper()) for number, etag in sorted(etags.items())]
    bucket.complete_multipart_upload(KEY, upload, parts)
    assert bucket.get_object(KEY).read() == CONTENT


def test_a_part_that_was_not_signed_is_refused(machine: Sandbox, bucket: Any) -> None:
    upload = bucket.init_multipart_upload(KEY).upload_id
    urls = {1: signed(bucket, upload, 2)}
    urls[1] = urls[1].replace("partNumber=2", "partNumber=1")
    result = machine.launch(backups.upload_parts(DATE, upload, urls, len(CONTENT)))
    assert result.code == backups.UPLOAD_FAILED
    assert "HTTP status 403" in result.output


def test_a_part_that_arrived_otherwise_is_a_failed_upload(machine: Sandbox, bucket: Any) -> None:
    # What is read for the MD5 and what is read for sending differ.
    machine.program(
        "dd", '#!/bin/bash\n/bin/dd "$@" | if mkdir /run/once 2>/dev/null; then cat; else tr t T; fi\n'
    )
    upload = bucket.init_multipart_upload(KEY).upload_id
    urls = {1: signed(bucket, upload, 1)}
    result = machine.launch(backups.upload_parts(DATE, upload, urls, len(CONTENT)))
    assert result.code == backups.UPLOAD_FAILED


def signed(bucket: Any, upload: str, number: int) -> str:
    parameters = {"partNumber": str(number), "uploadId": upload}
    url: str = bucket.sign_url("PUT", KEY, 600, params=parameters, slash_safe=True)
    return url
