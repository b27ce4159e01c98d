"""Multipart uploads through the OSS SDK."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oss2
import pytest
from oss2.models import PartInfo

from tests.localcloud.oss.conftest import blob_count
from tests.localcloud.running import RunningCloud

_PART = 100 * 1024


def test_parts_in_any_order_make_the_object(bucket: Any) -> None:
    data = [os.urandom(_PART), os.urandom(_PART), b"end"]
    upload = bucket.init_multipart_upload("k", headers={"Content-Type": "text/x"}).upload_id
    parts = {}
    for number in (3, 1, 2):
        sent = bucket.upload_part("k", upload, number, data[number - 1])
        parts[number] = PartInfo(number, sent.etag, part_crc=sent.crc, size=len(data[number - 1]))

    done = bucket.complete_multipart_upload("k", upload, [parts[number] for number in (1, 2, 3)])

    assert done.etag.endswith("-3")
    read = bucket.get_object("k")
    assert read.read() == b"".join(data)
    across = (_PART + 5, 2 * _PART)
    assert bucket.get_object("k", byte_range=across).read() == b"".join(data)[across[0] : across[1] + 1]
    bucket.copy_object(bucket.bucket_name, "k", "copy")
    assert bucket.get_object("copy").read() == b"".join(data)
    assert read.server_crc == bucket.put_object("whole", b"".join(data)).crc
    assert (read.object_type, read.content_type) == ("Multipart", "text/x")
    assert bucket.list_multipart_uploads().upload_list == []


def test_a_resumable_upload_of_a_file(bucket: Any, tmp_path: Path) -> None:
    file = tmp_path / "package.tar.gz"
    file.write_bytes(os.urandom(5 * _PART + 17))

    # Without a place of its own it makes a folder in the person's home.
    store = oss2.ResumableStore(root=str(tmp_path))
    oss2.resumable_upload(
        bucket, "package", str(file), store, multipart_threshold=_PART, part_size=2 * _PART, num_threads=2
    )

    assert bucket.get_object("package").read() == file.read_bytes()


def test_uploads_and_parts_are_listed_until_aborted(bucket: Any, cloud: RunningCloud) -> None:
    upload = bucket.init_multipart_upload("k").upload_id
    for number in range(1, 4):
        bucket.upload_part("k", upload, number, b"x" * number)

    assert [each.size for each in oss2.PartIterator(bucket, "k", upload, max_parts=2)] == [1, 2, 3]
    assert [each.key for each in oss2.MultipartUploadIterator(bucket)] == ["k"]
    bucket.abort_multipart_upload("k", upload)
    assert bucket.list_multipart_uploads().upload_list == []
    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part("k", upload, 1, b"x")


def test_an_object_or_part_whose_place_went_while_it_was_sent_is_refused(
    bucket: Any, cloud: RunningCloud
) -> None:
    files = blob_count(cloud)
    upload = bucket.init_multipart_upload("k").upload_id

    def part() -> Iterator[bytes]:
        yield b"x"
        bucket.abort_multipart_upload("k", upload)
        yield b"y"

    with pytest.raises(oss2.exceptions.NoSuchUpload):
        bucket.upload_part("k", upload, 1, part())

    def content() -> Iterator[bytes]:
        yield b"x"
        bucket.delete_bucket()
        yield b"y"

    with pytest.raises(oss2.exceptions.NoSuchBucket):
        bucket.put_object("k", content())
    bucket.create_bucket()
    assert bucket.list_objects().object_list == []
    assert blob_count(cloud) == files


def test_a_part_sent_again_replaces_the_first(bucket: Any) -> None:
    upload = bucket.init_multipart_upload("k").upload_id
    bucket.upload_part("k", upload, 1, b"first")
    sent = bucket.upload_part("k", upload, 1, b"second")

    bucket.complete_multipart_upload("k", upload, [PartInfo(1, sent.etag)])

    assert bucket.get_object("k").read() == b"second"


def test_completion_refuses_what_does_not_fit(bucket: Any) -> None:
    upload = bucket.init_multipart_upload("k").upload_id
    sent = {number: bucket.upload_part("k", upload, number, b"small").etag for number in (1, 2)}

    for parts, code in (
        ([PartInfo(1, "0" * 32)], "InvalidPart"),
        ([PartInfo(9, sent[1])], "InvalidPart"),
        ([PartInfo(1, sent[1]), PartInfo(1, sent[1])], "InvalidPartOrder"),
        ([PartInfo(1, sent[1]), PartInfo(2, sent[2])], "EntityTooSmall"),
        ([], "MalformedXML"),
    ):
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            bucket.complete_multipart_upload("k", upload, parts)
        assert caught.value.code == code
    assert not bucket.object_exists("k")
    with pytest.raises(oss2.exceptions.ServerError, match="InvalidArgument"):
        bucket.upload_part("k", upload, 10001, b"x")


def test_completion_honours_forbid_overwrite_and_can_be_repeated_after_it(bucket: Any) -> None:
    bucket.put_object("k", b"first")
    upload = bucket.init_multipart_upload("k").upload_id
    sent = bucket.upload_part("k", upload, 1, b"second")
    parts = [PartInfo(1, sent.etag)]

    with pytest.raises(oss2.exceptions.ServerError, match="FileAlreadyExists"):
        bucket.complete_multipart_upload("k", upload, parts, headers={"x-oss-forbid-overwrite": "true"})
    assert bucket.get_object("k").read() == b"first"

    bucket.complete_multipart_upload("k", upload, parts)
    assert bucket.get_object("k").read() == b"second"
